/// L-BFGS on functions whose minima are known.
module MetaKan.Tests.LbfgsTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open TorchSharp

/// Losses and parameters before each step, and after the last.
let private run (history: int) (gradient: Gradient) (steps: int) (p: Params) =
    let optimizer = Lbfgs.create history 1

    ((p, optimizer.Init p), [ 0 .. steps - 1 ])
    ||> List.scan (fun (p, memory) step ->
        let _, p, memory = optimizer.Update step gradient p memory
        p, memory)

let private lossAt (gradient: Gradient) p = Tensor.item (fst (gradient p))

/// ½ xᵀ A x with A = M Mᵀ + I, over two tensors.
let private quadratic seed n : Gradient =
    let m = normal seed [ 2 * n; 2 * n ] / sqrt (float n)
    let a = torch.matmul (m, m.t ()) + torch.eye (2L * int64 n, dtype = torch.float64)

    gradientOf (fun p ->
        let x = torch.cat [| p["a"].reshape -1L; p["b"] |]
        torch.dot (x, torch.matmul (a, x)) / 2.0)

let tests =
    testList
        "Training.Lbfgs"
        [
            property
                "a quadratic function is minimised in a few steps more than it has variables"
                15
                (Gen.zip seeds (Gen.choose (1, 4)))
                (fun (seed, n) ->
                    let gradient = quadratic seed n
                    let start = Map [ "a", normal (seed + 1) [ 1; n ]; "b", normal (seed + 2) [ n ] ]
                    let last = run 20 gradient (2 * n + 15) start |> List.last |> fst
                    Check.inRange 0.0 1e-10 (lossAt gradient last / lossAt gradient start) "loss by the first one"
                    Expect.equal last["a"].shape [| 1L; int64 n |] "shape")

            property
                "between two points a cubic's minimum is found, and one near the ends is moved inside"
                100
                (Gen.zip seeds (Gen.elements [ true; false ]))
                (fun (seed, turned) ->
                    let number i = Tensor.item (uniform (seed + i) (0.0, 1.0) [ 1 ])
                    let minimum, width, height = 4.0 * number 0 - 2.0, 0.5 + number 1, 0.1 + number 2
                    // (x - m)²·(x - m + 3w) falls to m from both sides, where x > m - 2w.
                    let loss x = height * (x - minimum) ** 2.0 * (x - minimum + 3.0 * width)
                    let slope x = 3.0 * height * (x - minimum) * (x - minimum + 2.0 * width)
                    let low = minimum - width * number 3
                    let high = low + width * (0.5 + number 4)
                    let at x = x, loss x, slope x
                    let a, b = if turned then high, low else low, high
                    let margin = 0.1 * (high - low)
                    let expected = max (low + margin) (min (high - margin) minimum)
                    Check.near 1e-9 (LineSearch.cubicMinimiser (at a) (at b)) expected "minimiser")

            testCase "where a cubic has no minimum, the middle is tried" (fun () ->
                Check.near 0.0 (LineSearch.cubicMinimiser (0.0, 0.0, 1.0) (2.0, 2.0, 1.0)) 1.0 "middle")

            testCase "Rosenbrock's valley is followed to its end" (fun () ->
                use _ = torch.NewDisposeScope()
                let last = run 10 rosenbrock 60 (at [ -1.2; 1.0 ]) |> List.last |> fst
                close "two variables" 1e-6 (tensor [ 2 ] [ 1.0; 1.0 ]) last["x"]
                let last = run 5 rosenbrock 150 (at (List.replicate 6 0.3)) |> List.last |> fst
                close "six variables" 1e-6 (tensor [ 6 ] (List.replicate 6 1.0)) last["x"])

            property "every step satisfies the strong Wolfe conditions" 10 seeds (fun seed ->
                let start = Map [ "x", normal seed [ 4 ] ]

                for (before, _), (after, _) in run 6 rosenbrock 15 start |> List.pairwise do
                    let loss, g = rosenbrock before
                    let next, h = rosenbrock after
                    let s = after["x"] - before["x"]
                    let slope, nextSlope = Tensor.item (torch.dot (s, g["x"])), Tensor.item (torch.dot (s, h["x"]))
                    let loss, next = Tensor.item loss, Tensor.item next

                    // At the end of the valley rounding decides.
                    if loss > 1e-12 then
                        Expect.isTrue (slope < 0.0) $"no descent: {slope}"

                        Expect.isTrue
                            (next <= loss + 1e-4 * slope + 1e-15 * loss)
                            $"{loss} → {next} with slope {slope}"

                        Expect.isTrue (abs nextSlope <= 0.9 * abs slope) $"slope {slope} → {nextSlope}")

            property
                "a step goes along -H g, H from the remembered pairs"
                15
                (Gen.zip seeds (Gen.choose (1, 6)))
                (fun (seed, history) ->
                    let path =
                        run history rosenbrock 12 (Map [ "x", normal seed [ 4 ] ]) |> List.map (fun (p, _) -> p["x"])

                    let gradients = path |> List.map (fun x -> (snd (rosenbrock (Map [ "x", x ])))["x"])
                    let changes (values: Tensor list) = values |> List.pairwise |> List.map (fun (a, b) -> b - a)
                    let dot (a: Tensor) (b: Tensor) = Tensor.item (torch.dot (a, b))
                    let eye = torch.eye (4L, dtype = torch.float64)

                    for n in 1 .. path.Length - 2 do
                        let pairs =
                            List.zip (changes path[..n]) (changes gradients[..n]) |> List.skip (max 0 (n - history))

                        // The products form of the update: Nocedal & Wright, Numerical Optimization, equations 7.16 and 7.20.
                        let newest, newestChange = List.last pairs

                        let h =
                            (eye * (dot newest newestChange / dot newestChange newestChange), pairs)
                            ||> List.fold (fun h (s, y) ->
                                let v = eye - torch.outer (y, s) / dot y s
                                torch.matmul (v.t (), torch.matmul (h, v)) + torch.outer (s, s) / dot y s)

                        let step, direction = path[n + 1] - path[n], -(torch.mv (h, gradients[n]))

                        // Near the minimum differences are rounding.
                        if Tensor.item (gradients[n].abs().max()) > 1e-3 then
                            close "direction" 1e-5 (direction / direction.norm ()) (step / step.norm ()))

            testCase "at a minimum it stays" (fun () ->
                use _ = torch.NewDisposeScope()
                let start = at [ 1.0; 1.0 ]

                for p, memory in run 10 rosenbrock 3 start |> List.tail do
                    closeTrees "parameters" 0.0 start p
                    Expect.equal (memory["slots"].numel()) 0L "used slots")

            testCase "where the loss is no number a step turns back" (fun () ->
                // x - log x: no number beyond zero, where a long first step would end.
                use _ = torch.NewDisposeScope()
                let gradient = gradientOf (fun p -> (p["x"] - torch.log p["x"]).sum())
                let path = run 5 gradient 20 (at [ 0.01; 40.0 ])

                for p, _ in path do
                    Expect.isTrue (System.Double.IsFinite(lossAt gradient p)) "losses on the path are numbers"

                closeTrees "minimum" 1e-6 (at [ 1.0; 1.0 ]) (fst (List.last path)))

            testCase "a loss that is no number is handed back, with the parameters untouched" (fun () ->
                use _ = torch.NewDisposeScope()
                let gradient = gradientOf (fun p -> torch.log(p["x"]).sum())
                let start = at [ -1.0 ]
                let loss, p, _ = (Lbfgs.create 5 1).Update 0 gradient start Map.empty
                Expect.isTrue (System.Double.IsNaN(Tensor.item loss)) "the loss is no number"
                closeTrees "parameters" 0.0 start p)

            testCase "no more pairs are remembered than asked for" (fun () ->
                use _ = torch.NewDisposeScope()
                let memory = run 3 rosenbrock 12 (at [ -1.2; 1.0; 0.5 ]) |> List.last |> snd
                Expect.equal memory["vectors"].shape [| 2L * 3L + 1L; 3L |] "shape"
                Expect.equal (memory["slots"].numel()) 3L "used slots")

            testCase "the last steps are remembered, each with the change of the gradient, the newest first" (fun () ->
                use _ = torch.NewDisposeScope()
                let path = run 3 rosenbrock 9 (at [ -1.2; 1.0; 0.5 ])
                let points = path |> List.map (fun (p, _) -> p["x"])
                let gradients = path |> List.map (fun (p, _) -> (snd (rosenbrock p))["x"])

                let changes (values: Tensor list) =
                    values |> List.pairwise |> List.map (fun (a, b) -> b - a) |> List.rev

                let memory = snd (List.last path)
                close "gradient" 1e-12 (List.last gradients) (memory["vectors"].select(0L, 0L))
                let slots = Tensor.toArray memory["slots"] |> Array.map int64
                Expect.equal (Array.distinct slots).Length 3 "slots"

                for slot, step, change in Seq.zip3 slots (changes points) (changes gradients) do
                    close "step" 1e-9 step (memory["vectors"].select(0L, 1L + 2L * slot))
                    close "change" 1e-9 change (memory["vectors"].select(0L, 2L + 2L * slot))

                close "products" 1e-9 (torch.mm (memory["vectors"], memory["vectors"].t())) memory["products"])

            testCase "an update leaves the memory that it was given as it was" (fun () ->
                use _ = torch.NewDisposeScope()
                let optimizer = Lbfgs.create 4 5
                let _, p, memory = optimizer.Update 0 rosenbrock (at [ -1.2; 1.0; 0.5 ]) (optimizer.Init Map.empty)
                let _, once, _ = optimizer.Update 1 rosenbrock p memory
                let _, again, _ = optimizer.Update 1 rosenbrock p memory
                closeTrees "parameters" 0.0 once again)

            property "an update of many iterations is as many updates of one" 10 seeds (fun seed ->
                let start = Map [ "x", normal seed [ 4 ] ]
                let counted = ref 0

                let counting p =
                    counted.Value <- counted.Value + 1
                    rosenbrock p

                let _, once, _ = (Lbfgs.create 6 8).Update 0 counting start Map.empty
                let path = run 6 rosenbrock 8 start |> List.map fst
                Check.inRange 2 30 counted.Value "evaluations"
                // It may end early, having taken too many gradients, but on the same path.
                Expect.exists path (fun p -> Tensor.toArray p["x"] = Tensor.toArray once["x"]) "path")
        ]
