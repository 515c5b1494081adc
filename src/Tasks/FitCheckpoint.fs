// Where a fit stands, in one safetensors file: the network as `FittedFile` has it, the optimizer's memory as "optimizer.*",
// and the stage and steps as texts beside them.
namespace MetaKan.Fitting

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

[<RequireQualifiedAccess>]
module internal FitCheckpoint =
    /// Writes a state, replacing what was there in one go.
    let save (path: string) (state: FitState) : unit =
        use _ = TorchSharp.torch.NewDisposeScope()
        let training = state.Training

        let texts, numbers =
            match state.Learner with
            | Learner.Network net -> FittedFile.parts { Network = net; Params = training.Params }
            | Learner.Model model ->
                Map [ "network", model.Description ], Map.toList (Params.prefixed "model" training.Params)

        let standing = Checkpoint.standing training |> Map.add "entered" (string state.Entered)

        Seq.append numbers (Map.toSeq (Params.prefixed "optimizer" training.Memory))
        |> Safetensors.write path (Map.fold (fun texts name text -> Map.add name text texts) texts standing)

    /// Reads the state of a fit with such a learner. Raises BadInput, naming the file, where it is truncated or another's.
    let load (path: string) (place: Placement) (learner: Learner) : FitState =
        let texts, tensors = Safetensors.read path

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
