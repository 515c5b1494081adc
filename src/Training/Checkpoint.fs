namespace MetaKan

open System
open System.Globalization
open System.Security.Cryptography
open System.Text

/// A training state in one safetensors file: "model.*" are the parameters, "optimizer.*" the stage's memory; the
/// stage, the steps done and the seconds spent are texts beside them. Random numbers need no state: keys make them from the
/// step. A digest of all of it tells a file that was changed, and the run's identity one that is another run's.
[<RequireQualifiedAccess>]
module Checkpoint =
    // What makes a file of texts and tensors another one.
    let private digest (texts: Map<string, string>) (tensors: Map<string, Tensor>) : string =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
        let append (text: string) = hash.AppendData(Encoding.UTF8.GetBytes text)

        for KeyValue(name, text) in texts do
            append $"{name.Length} {name} {text.Length} {text}\n"

        for KeyValue(name, t) in tensors do
            use _ = TorchSharp.torch.NewDisposeScope()
            let shape = String.Join(' ', Tensor.shape t)
            append $"{name.Length} {name} {t.dtype} {shape}\n"

            if t.numel () > 0L then
                hash.AppendData(Span.op_Implicit (t.detach().cpu().contiguous().bytes): ReadOnlySpan<byte>)

        Convert.ToHexStringLower(hash.GetHashAndReset())

    /// Writes texts and tensors with a digest of them, replacing what was there in one go.
    let internal seal (path: string) (texts: Map<string, string>) (tensors: (string * Tensor) seq) : unit =
        let tensors = Map.ofSeq tensors
        Safetensors.write path (Map.add "digest" (digest texts tensors) texts) (Map.toSeq tensors)

    /// The texts and tensors in a file that `seal` wrote. Raises BadInput, naming the file, where it is truncated or was changed.
    let internal unseal (path: string) : Map<string, string> * Map<string, Tensor> =
        let texts, tensors = Safetensors.read path

        if Map.tryFind "digest" texts <> Some(digest (Map.remove "digest" texts) tensors) then
            raise (BadInput $"{path}: it is not as it was written: its digest is another")

        texts, tensors

    /// Writes texts and tensors of a run, by its identity, as `seal` does.
    let internal write (path: string) (format: string) (run: string) (texts: Map<string, string>) tensors : unit =
        seal path (texts |> Map.add "checkpoint" format |> Map.add "run" run) tensors

    /// The texts and tensors in a file that `write` wrote for this run, or for any where none is named. Raises BadInput, naming
    /// the file, where it is truncated, changed since, of another format or another run's.
    let internal read (path: string) (format: string) (run: string option) : Map<string, string> * Map<string, Tensor> =
        let texts, tensors = unseal path
        let text name = Map.tryFind name texts |> Option.defaultValue ""
        let refuse fault = raise (BadInput $"{path}: {fault}")

        if text "checkpoint" <> format then
            refuse $"""a checkpoint of this version has the format {format}, not '{text "checkpoint"}'"""

        match run with
        | Some run when text "run" <> run -> refuse "it is another run's checkpoint"
        | _ -> texts, tensors

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
        let whole name =
            text path texts name (fun text ->
                let isNumber, number = Int32.TryParse text
                isNumber && number >= 0, number)

        {
            Stage = whole "stage"
            Within = whole "within"
            Step = whole "step"
            Params = p
            Memory = memory
            Seconds =
                text path texts "seconds" (fun text ->
                    Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture))
        }

    let private format = "metakan-training-3"

    /// Writes a state of a run, replacing what was there in one go.
    let internal saveOf (run: string) (path: string) (state: TrainingState) : unit =
        Params.union [ Params.prefixed "model" state.Params; Params.prefixed "optimizer" state.Memory ]
        |> Map.toSeq
        |> write path format run (standing state)

    /// Writes a state, replacing what was there in one go.
    let save (path: string) (state: TrainingState) : unit = saveOf "" path state

    /// Reads a state as `load` does, of a run where one is named.
    let internal loadOf (run: string option) (path: string) (like: Params) : TrainingState =
        let texts, tensors = read path format run
        let place = Placement.ofTensor (Seq.head like.Values)
        let tree prefix = Params.under prefix tensors |> Map.map (fun _ t -> t.``to`` place.Device)
        let model = tree "model"

        let signature (p: Params) =
            p |> Map.toList |> List.map (fun (name, t) -> name, List.ofArray (Tensor.shape t), t.dtype)

        if signature model <> signature like then
            raise (BadInput $"{path}: its parameters are not those of this run's model")

        state path texts model (tree "optimizer")

    /// Reads a state whose parameters must have the names, shapes and types of `like`. Raises BadInput, naming the
    /// file, where it is truncated, foreign, changed since it was written, or of another model.
    let load (path: string) (like: Params) : TrainingState = loadOf None path like
