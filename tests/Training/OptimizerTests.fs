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

/// Σ x⁴/4 + sin x over all tensors, whose gradient is x³ + cos x.
let private wavy =
    gradientOf (fun p ->
        p
        |> Map.toSeq
        |> Seq.map (fun (_, x) -> (x * x * x * x / 4.0 + torch.sin x).sum())
        |> Seq.reduce (+))

let private slope (x: float) = x ** 3.0 + cos x

let private numbers (p: Params) = Params.tensors p |> Array.map Tensor.toArray |> Array.concat

let private norm (xs: float[]) = sqrt (Array.sumBy (fun x -> x * x) xs)

/// A tree of two tensors.
let private twoTensors seed : Params = Map [ "a", normal seed [ 3 ]; "b", normal (seed + 1) [ 2; 2 ] ]

let tests =
    testList
        "Training.Optimizer"
        [
            property
                "each number of each group follows the algorithm with its own rate and decay"
                25
                (Gen.zip seeds (Gen.elements [ 0.0; 0.05 ]))
                (fun (seed, decay) ->
                    let rate scale =
                        Schedule.product [ Schedule.constant scale; Schedule.annealed Annealing.Linear 30 ]

                    let settings name =
                        if name = "fast" then
                            { Rate = rate 0.3; WeightDecay = decay }
                        else
                            { Rate = rate 0.01; WeightDecay = 0.0 }

                    let p = Map [ "fast", normal seed [ 3 ]; "slow", normal (seed + 1) [ 2; 2 ] ]

                    let steps = run (Adam.create MomentStorage.Full settings) wavy 20 p

                    for KeyValue(name, start) in p do
                        let settings = settings name

                        let expected =
                            Tensor.toArray start
                            |> Array.map (adamW settings.Rate settings.WeightDecay slope 20 >> Array.ofList)

                        for n, p in List.indexed steps do
                            let wanted =
                                expected |> Array.map (fun path -> path[n]) |> Tensor.ofArray Placement.cpu64 [ -1L ]

                            close $"{name} after step {n}" 1e-9 wanted (p[name].reshape -1L))

            testCase "a step leaves parameters, gradient and memory as they were" (fun () ->
                use _ = torch.NewDisposeScope()

                let optimizer =
                    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.1; WeightDecay = 0.01 })

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

                let optimizer =
                    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.1; WeightDecay = 0.0 })

                let p = at [ 1.0; 1.0; 1.0 ]

                let _, next, _ =
                    optimizer.Update 0 (fun _ -> torch.tensor 0.0, at [ 1e3; -1e-3; 0.0 ]) p (optimizer.Init p)

                close "step" 1e-5 (tensor [ 3 ] [ 0.9; 1.1; 1.0 ]) next["x"])

            property
                "momentum and decay follow their formulas, with a rate that follows its schedule"
                15
                (Gen.zip seeds (Gen.elements [ 0.0; 0.9 ]))
                (fun (seed, factor) ->
                    let rate = Schedule.product [ Schedule.constant 0.05; Schedule.warmup 4 ]

                    let optimizer =
                        Optimizer.chain
                            [
                                Transform.momentum factor
                                Transform.decay (fun name -> if name = "a" then 0.1 else 0.0)
                                Transform.scale (fun _ -> rate)
                            ]

                    let p = twoTensors seed
                    let steps = run optimizer wavy 10 p

                    for KeyValue(name, start) in p do
                        let decay = if name = "a" then 0.1 else 0.0

                        let paths =
                            Tensor.toArray start
                            |> Array.map (fun x ->
                                ((x, 0.0), [ 0..9 ])
                                ||> List.scan (fun (x, m) step ->
                                    let m = factor * m + slope x
                                    x - rate step * (m + decay * x), m)
                                |> List.map fst)

                        for n, p in List.indexed steps do
                            let expected = paths |> Array.map (fun path -> path[n + 1])
                            close name 1e-12 (Tensor.ofArray Placement.cpu64 [ -1L ] expected) (p[name].reshape -1L))

            property
                "clipping bounds the norm of all numbers together, keeps their direction, and leaves the small alone"
                25
                (Gen.zip seeds (Gen.elements [ 0.1; 1.0; 1e3 ]))
                (fun (seed, limit) ->
                    let p = twoTensors seed
                    let gradient = wavy p |> snd |> numbers
                    let after = run (Optimizer.chain [ Transform.clip limit ]) wavy 1 p |> List.head
                    let taken = Array.map2 (-) (numbers p) (numbers after)
                    let factor = min 1.0 (limit / norm gradient)

                    for g, t in Array.zip gradient taken do
                        Check.near (1e-12 * (1.0 + norm gradient)) (g * factor) t "step")

            testCase "a gradient of zeros is clipped to zeros" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = at [ 1.0; 2.0 ]
                let gradient _ = torch.tensor 0.0, at [ 0.0; 0.0 ]
                closeTrees "parameters" 0.0 p (run (Optimizer.chain [ Transform.clip 1.0 ]) gradient 1 p).Head)

            property
                "a link takes what the links before it make: in any order, each with its memory"
                10
                seeds
                (fun seed ->
                    let p = twoTensors seed
                    let limit = Transform.clip 0.5
                    let rate = Transform.scale (fun _ -> Schedule.constant 0.1)

                    for last in [ Transform.momentum 0.9; Transform.adam MomentStorage.Full Transform.moments; limit ] do
                        // Scaling and decay are worked into what the next link takes.
                        let decay = Transform.decay (fun _ -> 0.3)
                        let found = run (Optimizer.chain [ decay; rate; last; last ]) wavy 3 p

                        let byHand: Gradient =
                            fun p ->
                                let loss, g = wavy p
                                loss, g |> Map.map (fun name g -> (g + 0.3 * p[name]) * 0.1)

                        for a, b in List.zip (run (Optimizer.chain [ last; last ]) byHand 3 p) found do
                            closeTrees "parameters" 1e-12 a b)

            testCase "other constants of Adam are used" (fun () ->
                use _ = torch.NewDisposeScope()
                // Without memory a step is the sign of the gradient, but for epsilon.
                let optimizer =
                    Optimizer.chain [ Transform.adam MomentStorage.Full { Beta1 = 0.0; Beta2 = 0.0; Epsilon = 1.0 } ]

                let gradient _ = torch.tensor 0.0, at [ 3.0; -1.0 ]

                let last = run optimizer gradient 2 (at [ 0.0; 0.0 ]) |> List.last
                closeTrees "parameters" 1e-12 (at [ -1.5; 1.0 ]) last)

            testCase "constants that no link takes are refused" (fun () ->
                for make in
                    [
                        fun () -> Transform.clip 0.0
                        fun () -> Transform.momentum 1.0
                        fun () -> Transform.adam MomentStorage.Full { Transform.moments with Beta2 = 1.0 }
                        fun () -> Transform.adam MomentStorage.Full { Transform.moments with Epsilon = nan }
                    ] do
                    Expect.throwsT<System.ArgumentException> (fun () -> make () |> ignore) "constants")
        ]
