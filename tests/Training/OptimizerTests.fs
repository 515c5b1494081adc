/// Adam against its algorithm written out for one number.
module MetaKan.Tests.OptimizerTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open TorchSharp

/// A number after each step of AdamW, from its gradients: algorithm 2 of Loshchilov & Hutter.
let private adamW (rate: int -> float) (decay: float) (gradient: float -> float) (steps: int) (start: float) =
    ((start, 0.0, 0.0), [ 1..steps ])
    ||> List.scan (fun (x, m, v) t ->
        let g = gradient x
        let m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        let m', v' = m / (1.0 - 0.9 ** float t), v / (1.0 - 0.999 ** float t)
        let alpha = rate (t - 1)
        x - alpha * decay * x - alpha * m' / (sqrt v' + 1e-8), m, v)
    |> List.map (fun (x, _, _) -> x)
    |> List.tail

let private run (optimizer: Optimizer) (gradient: Gradient) (steps: int) (p: Params) : Params list =
    ((p, optimizer.Init p), [ 0 .. steps - 1 ])
    ||> List.scan (fun (p, memory) step ->
        let _, p, memory = optimizer.Update step gradient p memory
        p, memory)
    |> List.map fst
    |> List.tail

let tests =
    testList
        "Training.Optimizer"
        [
            property
                "each number of each group follows the algorithm with its own rate and decay"
                25
                (Gen.zip seeds (Gen.elements [ 0.0; 0.05 ]))
                (fun (seed, decay) ->
                    let rate scale step = scale * Schedule.factor Linear step 30

                    let settings name =
                        if name = "fast" then
                            { Rate = rate 0.3; WeightDecay = decay }
                        else
                            { Rate = rate 0.01; WeightDecay = 0.0 }

                    let p = Map [ "fast", normal seed [ 3 ]; "slow", normal (seed + 1) [ 2; 2 ] ]
                    // Σ x⁴/4 + sin x, whose gradient is x³ + cos x.
                    let gradient =
                        gradientOf (fun p ->
                            p
                            |> Map.toSeq
                            |> Seq.map (fun (_, x) -> (x * x * x * x / 4.0 + torch.sin x).sum())
                            |> Seq.reduce (+))

                    let steps = run (Adam.create settings) gradient 20 p

                    for KeyValue(name, start) in p do
                        let settings = settings name

                        let expected =
                            Tensor.toArray start
                            |> Array.map (
                                adamW settings.Rate settings.WeightDecay (fun x -> x ** 3.0 + cos x) 20 >> Array.ofList
                            )

                        for n, p in List.indexed steps do
                            let wanted =
                                expected |> Array.map (fun path -> path[n]) |> Tensor.ofArray Placement.cpu64 [ -1L ]

                            close $"{name} after step {n}" 1e-9 wanted (p[name].reshape -1L))

            testCase "a step leaves parameters, gradient and memory as they were" (fun () ->
                use _ = torch.NewDisposeScope()
                let optimizer = Adam.create (fun _ -> { Rate = (fun _ -> 0.1); WeightDecay = 0.01 })
                let p = at [ 1.0; -2.0 ]
                let g = at [ 0.5; 0.25 ]
                let loss = tensor [ 1 ] [ 4.0 ]
                let _, p1, memory1 = optimizer.Update 0 (fun _ -> loss, g) p (optimizer.Init p)
                let kept = memory1 |> Map.map (fun _ t -> t.clone ())
                let found, _, _ = optimizer.Update 1 (fun _ -> loss, g) p1 memory1
                closeTrees "parameters" 0.0 (at [ 1.0; -2.0 ]) p
                closeTrees "gradient" 0.0 (at [ 0.5; 0.25 ]) g
                closeTrees "memory" 0.0 kept memory1
                Expect.isTrue (obj.ReferenceEquals(loss, found)) "the very loss")

            testCase "the first step is of the size of the rate" (fun () ->
                use _ = torch.NewDisposeScope()
                let optimizer = Adam.create (fun _ -> { Rate = (fun _ -> 0.1); WeightDecay = 0.0 })
                let p = at [ 1.0; 1.0; 1.0 ]

                let _, next, _ =
                    optimizer.Update 0 (fun _ -> torch.tensor 0.0, at [ 1e3; -1e-3; 0.0 ]) p (optimizer.Init p)

                close "step" 1e-5 (tensor [ 3 ] [ 0.9; 1.1; 1.0 ]) next["x"])
        ]
