// Where a fit stands, in one safetensors file: the network as `FittedFile` has it, the optimizer's memory as "optimizer.*",
// and the stage and steps as texts beside them.
namespace MetaKan.Fitting

open System.Text.Json
open MetaKan

/// All that the next step of a fit depends on.
type internal FitState =
    {
        Learner: Learner
        /// With all parameters, also those that rest; the stage is that of `FitStages`.
        Training: TrainingState
        /// The change that the stage begins with is done.
        Entered: bool
    }

/// What data a fit is of, as its checkpoint keeps it beside the network.
type FitColumns =
    {
        /// The names of the inputs.
        Inputs: string list
        /// The names of the outputs.
        Targets: string list
        /// The lowest and the highest value of each input that was learned from, in the data's own units.
        Ranges: (float * float) list
        /// Of inputs and outputs, where the data was normalised.
        Scaling: (Scaling * Scaling) option
    }

[<RequireQualifiedAccess>]
module internal FitCheckpoint =
    let private format = "metakan-fit-3"

    let private texts (columns: FitColumns) : (string * string) list =
        let numbers (rows: float[] list) = JsonSerializer.Serialize rows

        [
            "inputs", JsonSerializer.Serialize columns.Inputs
            "targets", JsonSerializer.Serialize columns.Targets
            "ranges", numbers [ for low, high in columns.Ranges -> [| low; high |] ]
            match columns.Scaling with
            | Some(inputs, outputs) ->
                "scaling", numbers [ inputs.Means; inputs.Spreads; outputs.Means; outputs.Spreads ]
            | None -> ()
        ]

    /// What the data of a saved fit were. Raises BadInput, naming the file, where it does not say.
    let columns (path: string) : FitColumns =
        use _ = TorchSharp.torch.NewDisposeScope()
        let texts, _ = Checkpoint.read path format None
        let refuse () = raise (BadInput $"{path} does not say what data the fit is of")

        let text name =
            match Map.tryFind name texts with
            | Some text -> text
            | None -> refuse ()

        let numbers (text: string) = JsonSerializer.Deserialize<float[] list> text

        try
            {
                Inputs = JsonSerializer.Deserialize<string list>(text "inputs")
                Targets = JsonSerializer.Deserialize<string list>(text "targets")
                Ranges = [ for range in numbers (text "ranges") -> range[0], range[1] ]
                Scaling =
                    Map.tryFind "scaling" texts
                    |> Option.map (fun text ->
                        let rows = numbers text
                        { Means = rows[0]; Spreads = rows[1] }, { Means = rows[2]; Spreads = rows[3] })
            }
        with
        | :? JsonException
        | :? System.ArgumentException
        | :? System.IndexOutOfRangeException -> refuse ()

    /// Writes a state of a run, replacing what was there in one go.
    let save (run: string) (path: string) (columns: FitColumns) (state: FitState) : unit =
        use _ = TorchSharp.torch.NewDisposeScope()
        let training = state.Training

        let parts, numbers =
            match state.Learner with
            | Learner.Network net -> FittedFile.parts { Network = net; Params = training.Params }
            | Learner.Model model ->
                Map [ "network", model.Description ], Map.toList (Params.prefixed "model" training.Params)

        let standing = Checkpoint.standing training |> Map.add "entered" (string state.Entered)

        Seq.append numbers (Map.toSeq (Params.prefixed "optimizer" training.Memory))
        |> Checkpoint.write
            path
            format
            run
            (Map.ofSeq [ yield! Map.toSeq parts; yield! texts columns; yield! Map.toSeq standing ])

    /// Reads the state of a run's fit with such a learner. Raises BadInput, naming the file, where it is truncated, changed
    /// since it was written, or another's.
    let load (run: string) (path: string) (place: Placement) (learner: Learner) : FitState =
        let texts, tensors = Checkpoint.read path format (Some run)

        let tensors =
            tensors |> Map.map (fun name t -> if name.StartsWith "network." then t else t.``to`` place.Device)

        let learner, p =
            match learner with
            | Learner.Network _ ->
                let fitted = FittedFile.ofParts path texts tensors
                Learner.Network fitted.Network, fitted.Params
            | Learner.Model model ->
                if Map.tryFind "network" texts <> Some model.Description then
                    raise (BadInput $"{path} is of another network than {model.Description}")

                learner, Params.under "model" tensors

        {
            Learner = learner
            Training = Checkpoint.state path texts p (Params.under "optimizer" tensors)
            Entered = Checkpoint.text path texts "entered" System.Boolean.TryParse
        }
