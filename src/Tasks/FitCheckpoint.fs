// Where a fit stands, in one safetensors file: the network as `FittedFile` has it, the optimizer's memory as "optimizer.*",
// and the stage and steps as texts beside them.
namespace MetaKan

open System.Globalization

/// All that the next step of a fit depends on.
type FitState =
    {
        Learner: Learner
        /// With all parameters, also those that rest; the stage is that of `FitStages`.
        Training: TrainingState
        /// The change that the stage begins with is done.
        Entered: bool
    }

[<RequireQualifiedAccess>]
module FitCheckpoint =
    /// Writes a state, replacing what was there in one go.
    let save (path: string) (state: FitState) : unit =
        use _ = TorchSharp.torch.NewDisposeScope()
        let training = state.Training

        let texts, numbers =
            match state.Learner with
            | Kan net -> FittedFile.parts { Network = net; Params = training.Params }
            | OfModel model ->
                Map [ "network", model.Description ], Map.toList (Params.prefixed "model" training.Params)

        let standing =
            [
                "stage", string training.Stage
                "within", string training.Within
                "entered", string state.Entered
                "step", string training.Step
                "seconds", training.Seconds.ToString("R", CultureInfo.InvariantCulture)
            ]

        Seq.append numbers (Map.toSeq (Params.prefixed "optimizer" training.Memory))
        |> Safetensors.write path ((texts, standing) ||> List.fold (fun texts (name, text) -> Map.add name text texts))

    /// Reads the state of a fit with such a learner. Raises BadInput, naming the file, where it is truncated or another's.
    let load (path: string) (place: Placement) (learner: Learner) : FitState =
        let texts, tensors = Safetensors.read path

        let tensors =
            tensors |> Map.map (fun name t -> if name.StartsWith "network." then t else t.``to`` place.Device)

        let refuse what = raise (BadInput $"{path} {what}")

        let parsed name (parse: string -> bool * 'a) =
            match Map.tryFind name texts |> Option.map parse with
            | Some(true, value) -> value
            | _ -> refuse $"is no checkpoint of a fit: it has no '{name}'"

        let learner, p =
            match learner with
            | Kan _ ->
                let fitted = FittedFile.ofParts path texts tensors
                Kan fitted.Network, fitted.Params
            | OfModel model ->
                if Map.tryFind "network" texts <> Some model.Description then
                    refuse $"is of another network than {model.Description}"

                learner, Params.under "model" tensors

        {
            Learner = learner
            Training =
                {
                    Stage = parsed "stage" System.Int32.TryParse
                    Within = parsed "within" System.Int32.TryParse
                    Step = parsed "step" System.Int32.TryParse
                    Params = p
                    Memory = Params.under "optimizer" tensors
                    Seconds =
                        parsed "seconds" (fun text ->
                            System.Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture))
                }
            Entered = parsed "entered" System.Boolean.TryParse
        }
