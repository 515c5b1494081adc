namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// What a loss takes the mean of, of the differences d between predictions and values.
[<RequireQualifiedAccess>]
type FitLoss =
    /// d².
    | Square
    /// |d|.
    | Absolute
    /// d²/2 up to δ, δ (|d| − δ/2) beyond: outliers pull no more than by δ. Huber, "Robust estimation of a location
    /// parameter", Ann. Math. Statist. 35 (1964).
    | Huber of delta: float

/// Training a network on given points: as many steps as asked for, on parameters some of which may rest.
[<RequireQualifiedAccess>]
module Descent =
    let private ofLoss (loss: Params -> Tensor) : Gradient =
        fun p ->
            (fun () -> Params.withGradient loss p)
            |> Tensor.scoped (fun (loss, g) -> Seq.append [ loss ] (Params.tensors g))

    let private mean (loss: FitLoss) (prediction: Tensor) (y: Tensor) : Tensor =
        match loss with
        | FitLoss.Square -> torch.nn.functional.mse_loss (prediction, y)
        | FitLoss.Absolute -> torch.nn.functional.l1_loss (prediction, y)
        | FitLoss.Huber delta -> torch.nn.functional.huber_loss (prediction, y, delta)

    /// The loss of predictions of y, with its gradient.
    let gradient (loss: FitLoss) (predict: Params -> Tensor) (y: Tensor) : Gradient =
        ofLoss (fun p -> mean loss (predict p) y)

    /// The same for a network at points x, plus the sparsity's penalty.
    let sparse (loss: FitLoss) (sparsity: Sparsity) (net: Network) (x: Tensor) (y: Tensor) : Gradient =
        if sparsity.Weight = 0.0 then
            gradient loss (Network.values net x) y
        else
            let trace = Network.trace net x

            ofLoss (fun p ->
                let trace = trace p
                mean loss (List.last trace.Nodes) y + Sparsity.penalty sparsity trace)

    /// The gradient by some of the parameters while the others rest.
    let resting (others: Params) (gradient: Gradient) : Gradient =
        fun p ->
            let loss, g = gradient (Params.union [ others; p ])
            loss, g |> Map.filter (fun name _ -> Map.containsKey name p)

    /// Up to `steps` steps from fresh memory. `listen` hears of each step done, with its number from 1 and the loss
    /// before it, and answers whether to go on. Where the loss, or what the last step makes of the parameters, is no number,
    /// the parameters before the step are the result. The result's tensors are new.
    let run
        (optimizer: Optimizer)
        (gradient: Gradient)
        (steps: int)
        (listen: int -> float -> Params -> bool)
        (p: Params)
        : Params =
        let mutable going = true
        let tell (state: TrainingState) loss = going <- listen state.Step loss state.Params

        let plan =
            {
                Stages = [ Stage.create steps optimizer (fun _ -> gradient) ]
                Evaluate = fun _ -> []
                EvaluateEvery = max 1 steps
                SaveEvery = max 1 steps
                WatchEvery = 1
                Interrupted = fun () -> not going
            }

        let hear event =
            match event with
            | Stepped(state, loss) -> tell state loss.Value
            | Evaluated _
            | Saved _ -> ()

        let outcome, state =
            p |> Map.map (fun _ t -> t.clone ()) |> Training.start plan |> Training.run plan hear

        match outcome with
        | Diverged loss -> tell { state with Step = state.Step + 1 } loss
        | Completed
        | Stopped -> ()

        Params.release [ state.Params ] state.Memory
        state.Params
