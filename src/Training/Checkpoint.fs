namespace MetaKan

open System.Globalization

/// A training state in one safetensors file: "model.*" are the parameters, "optimizer.*" the stage's memory; the
/// stage, the steps done and the seconds spent are texts beside them. Random numbers need no state: keys make them from the
/// step.
[<RequireQualifiedAccess>]
module Checkpoint =
    /// Where a state stands, as texts of a file.
    let internal standing (state: TrainingState) : Map<string, string> =
        Map
            [
                "stage", string state.Stage
                "within", string state.Within
                "step", string state.Step
                "seconds", state.Seconds.ToString("R", CultureInfo.InvariantCulture)
            ]

    /// What `parse` makes of a text of a checkpoint. Raises BadInput, naming the file, where it is missing or no such text.
    let internal text (path: string) (texts: Map<string, string>) (name: string) (parse: string -> bool * 'a) : 'a =
        match Map.tryFind name texts |> Option.map parse with
        | Some(true, value) -> value
        | _ -> raise (BadInput $"{path}: a MetaKan checkpoint has '{name}' in its metadata")

    /// The state that stands where texts say, with these trees. Raises BadInput as `text` does.
    let internal state (path: string) (texts: Map<string, string>) (p: Params) (memory: Params) : TrainingState =
        let whole name = text path texts name System.Int32.TryParse

        {
            Stage = whole "stage"
            Within = whole "within"
            Step = whole "step"
            Params = p
            Memory = memory
            Seconds =
                text path texts "seconds" (fun text ->
                    System.Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture))
        }

    /// Writes a state, replacing what was there in one go.
    let save (path: string) (state: TrainingState) : unit =
        Params.union [ Params.prefixed "model" state.Params; Params.prefixed "optimizer" state.Memory ]
        |> Map.toSeq
        |> Safetensors.write path (Map.add "format" "metakan-training-2" (standing state))

    /// Reads a state whose parameters must have the names, shapes and types of `like`. Raises BadInput, naming the
    /// file, where it is truncated, foreign, or of another model.
    let load (path: string) (like: Params) : TrainingState =
        let texts, tensors = Safetensors.read path
        let place = Placement.ofTensor (Seq.head like.Values)
        let tree prefix = Params.under prefix tensors |> Map.map (fun _ t -> t.``to`` place.Device)
        let model = tree "model"

        let signature (p: Params) =
            p |> Map.toList |> List.map (fun (name, t) -> name, List.ofArray (Tensor.shape t), t.dtype)

        if signature model <> signature like then
            raise (BadInput $"{path}: its parameters are not those of this run's model")

        state path texts model (tree "optimizer")
