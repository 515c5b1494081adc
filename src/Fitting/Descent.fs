namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// Training a network on given points: full batches, as many steps as asked for, on parameters some of which may rest.
[<RequireQualifiedAccess>]
module Descent =
    let private ofLoss (loss: Params -> Tensor) : Gradient =
        fun p ->
            (fun () -> Params.withGradient loss p)
            |> Tensor.scoped (fun (loss, g) -> Seq.append [ loss ] (Params.tensors g))

    /// The mean square of prediction - y, with its gradient.
    let gradient (predict: Params -> Tensor) (y: Tensor) : Gradient =
        ofLoss (fun p -> torch.nn.functional.mse_loss (predict p, y))

    /// The same for a network at points x, plus the sparsity's penalty.
    let sparse (sparsity: Sparsity) (net: Network) (x: Tensor) (y: Tensor) : Gradient =
        if sparsity.Weight = 0.0 then
            gradient (Network.values net x) y
        else
            let trace = Network.trace net x

            ofLoss (fun p ->
                let trace = trace p
                torch.nn.functional.mse_loss (List.last trace.Nodes, y) + Sparsity.penalty sparsity trace)

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
