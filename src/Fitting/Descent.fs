// Training a network on given points: full batches, as many steps as asked for, on parameters some of which may rest.
namespace MetaKan

open TorchSharp

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
    /// before it, and answers whether to go on. Where the loss is no number, the parameters before it are the result.
    let run
        (optimizer: Optimizer)
        (gradient: Gradient)
        (steps: int)
        (listen: int -> float -> Params -> bool)
        (p: Params)
        : Params =
        let start = p

        // Ends a run with `result`: of the last step's trees nothing else is needed.
        let ended result trees =
            for tree in trees do
                Params.release [ start; result ] tree

            result

        let rec go step p memory =
            if step = steps then
                ended p [ memory ]
            else
                let loss, next, memory' =
                    (fun () -> optimizer.Update step gradient p memory)
                    |> Tensor.scoped (fun (loss, next, memory) ->
                        Seq.concat
                            [
                                Seq.singleton loss
                                Seq.ofArray (Params.tensors next)
                                Seq.ofArray (Params.tensors memory)
                            ])

                let value = Tensor.item loss
                Params.release [ next; memory' ] (Map [ "loss", loss ])

                if not (System.Double.IsFinite value) then
                    listen (step + 1) value p |> ignore
                    ended p [ next; memory; memory' ]
                else
                    for old in [ p; memory ] do
                        Params.release [ start; next; memory' ] old

                    if listen (step + 1) value next then go (step + 1) next memory' else ended next [ memory' ]

        go 0 p (optimizer.Init p)
