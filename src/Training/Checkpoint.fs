// A training state in one safetensors file: "model.*" are the parameters, "optimizer.*" the optimizer's memory; the
// stage, the steps done and the seconds spent are texts beside them. Random numbers need no state: keys make them from the step.
namespace MetaKan

open System.Globalization

[<RequireQualifiedAccess>]
module Checkpoint =
    /// Writes a state, replacing what was there in one go.
    let save (path: string) (state: TrainingState) : unit =
        Params.union [ Params.prefixed "model" state.Params; Params.prefixed "optimizer" state.Memory ]
        |> Map.toSeq
        |> Safetensors.write
            path
            (Map
                [
                    "format", "metakan-training-2"
                    "stage", string state.Stage
                    "within", string state.Within
                    "step", string state.Step
                    "seconds", state.Seconds.ToString("R", CultureInfo.InvariantCulture)
                ])

    /// Reads a state whose parameters must have the names, shapes and types of `like`. Raises BadInput, naming the
    /// file, where it is truncated, foreign, or of another model.
    let load (path: string) (like: Params) : TrainingState =
        let metadata, tensors = Safetensors.read path
        let refuse what = raise (BadInput $"{path}: {what}")

        let number name (parse: string -> bool * 'a) =
            match Map.tryFind name metadata |> Option.map parse with
            | Some(true, value) -> value
            | _ -> refuse $"a MetaKan checkpoint has '{name}' in its metadata"

        let place = Placement.ofTensor (Seq.head like.Values)
        let tree prefix = Params.under prefix tensors |> Map.map (fun _ t -> t.``to`` place.Device)
        let model = tree "model"

        let signature (p: Params) =
            p |> Map.toList |> List.map (fun (name, t) -> name, List.ofArray (Tensor.shape t), t.dtype)

        if signature model <> signature like then
            refuse "its parameters are not those of this run's model"

        {
            Stage = number "stage" System.Int32.TryParse
            Within = number "within" System.Int32.TryParse
            Step = number "step" System.Int32.TryParse
            Params = model
            Memory = tree "optimizer"
            Seconds =
                number "seconds" (fun text ->
                    System.Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture))
        }
