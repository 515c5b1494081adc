/// Training on given points: what it does to the loss, when it ends, and what it leaves.
module MetaKan.Tests.DescentTests

open System
open Expecto
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Numeric
open TorchSharp

let private adam =
    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.01; WeightDecay = 0.0 })

let private target (x: Tensor) = torch.sin (x.sum (1L, keepdim = true))

/// A case with one output.
let private cases =
    fits (1, 2)
    |> FsCheck.FSharp.Gen.map (fun case ->
        { case with
            Nodes = case.Nodes |> List.mapi (fun l n -> if l = case.Nodes.Length - 1 then Nodes.sums 1 else n)
        })

let private going _ _ _ = true

/// One after another: live tensors are counted.
let tests =
    testSequenced
    <| testList
        "Fitting.Descent"
        [
            property "the gradient is that of the mean square error" 15 cases (fun case ->
                let fitted, x = fitted case, points case 12
                let y = target x
                let loss, g = Descent.sparse FitLoss.Square Sparsity.none fitted.Network x y fitted.Params
                let off = values fitted x - y
                close "loss" 1e-12 ((off * off).mean()) loss
                let tracked = Params.tracked fitted.Params
                let off = Network.values fitted.Network x tracked - y
                closeTrees "gradient" 1e-10 (Params.gradient ((off * off).mean()) tracked) g)

            property
                "each loss is the mean of what it takes of a difference, with its gradient"
                100
                (FsCheck.FSharp.Gen.zip (FsCheck.FSharp.Gen.choose (-300, 300)) (FsCheck.FSharp.Gen.choose (-300, 300)))
                (fun (a, b) ->
                    let both = [ float a / 100.0 + 0.001; float b / 100.0 + 0.001 ]
                    let p = Map [ "w", tensor [ 2; 1 ] both ]
                    let signed (d: float) = float (sign d)

                    for loss, value, slope in
                        [
                            FitLoss.Square, (fun d -> d * d), (fun d -> 2.0 * d)
                            FitLoss.Absolute, abs, signed
                            FitLoss.Huber 0.7,
                            (fun d -> if abs d <= 0.7 then d * d / 2.0 else 0.7 * (abs d - 0.35)),
                            (fun d -> if abs d <= 0.7 then d else 0.7 * signed d)
                        ] do
                        let found, g = Descent.gradient loss (fun p -> p["w"]) (tensor [ 2; 1 ] [ 0.0; 0.0 ]) p
                        Check.near 1e-12 (Tensor.item found) (List.averageBy value both) $"{loss}"
                        close $"{loss}" 1e-12 (tensor [ 2; 1 ] (List.map (fun d -> slope d / 2.0) both)) g["w"])

            property "sparsity adds its penalty and the penalty's gradient" 15 cases (fun case ->
                let fitted, x = fitted case, points case 12
                let y = target x
                let sparsity = { Weight = 0.3; EntropyWeight = 2.0 }
                let loss, g = Descent.sparse FitLoss.Square sparsity fitted.Network x y fitted.Params
                let tracked = Params.tracked fitted.Params
                let trace = Network.trace fitted.Network x tracked
                let off = List.last trace.Nodes - y
                let expected = (off * off).mean() + Sparsity.penalty sparsity trace
                close "loss" 1e-12 (expected.detach ()) loss
                closeTrees "gradient" 1e-10 (Params.gradient expected tracked) g)

            property "steps lower the loss, each told with its number and the loss before it" 10 cases (fun case ->
                let fitted, x = fitted { case with Masked = 0.0 }, points case 30
                let gradient = Descent.sparse FitLoss.Square Sparsity.none fitted.Network x (target x)
                let told = ResizeArray<int * float>()
                let before = fitted.Params |> Map.map (fun _ t -> t.clone ())

                let after =
                    fitted.Params
                    |> Descent.run (Lbfgs.create 10 5) gradient 6 (fun step loss _ ->
                        told.Add((step, loss))
                        true)

                closeTrees "what was given" 0.0 before fitted.Params
                let loss p = Tensor.item (fst (gradient p))
                Expect.equal (told |> Seq.map fst |> List.ofSeq) [ 1..6 ] "steps"
                Check.near (1e-12 * (1.0 + snd told[0])) (snd told[0]) (loss fitted.Params) "first loss"

                for a, b in Seq.pairwise (Seq.map snd told) do
                    Expect.isTrue (b <= a) "losses do not rise"

                Expect.isTrue (loss after < loss fitted.Params) "the loss falls")

            testCase "no steps change nothing" (fun () ->
                let p = Losses.at [ 0.3; 0.4 ]
                let after = Descent.run adam Losses.rosenbrock 0 going p
                closeTrees "parameters" 0.0 p after
                Params.dispose after
                Expect.isFalse p["x"].IsInvalid "what was given stays the caller's")

            testCase "a listener that declines ends the run with the step's parameters" (fun () ->
                let start = Losses.at [ 0.3; 0.4 ]
                let steps = ResizeArray<int>()

                let ended =
                    start
                    |> Descent.run adam Losses.rosenbrock 50 (fun step _ _ ->
                        steps.Add step
                        step < 4)

                Expect.equal (List.ofSeq steps) [ 1; 2; 3; 4 ] "steps"
                closeTrees "parameters" 1e-15 (Descent.run adam Losses.rosenbrock 4 going start) ended)

            testCase "a loss that is no number ends the run at the parameters before it" (fun () ->
                for bad in [ nan; infinity ] do
                    let mutable calls = 0
                    let told = ResizeArray<int * float>()

                    let gradient: Gradient =
                        fun p ->
                            calls <- calls + 1
                            let loss, g = Losses.rosenbrock p
                            if calls = 4 then loss * bad, g else loss, g

                    let start = Losses.at [ 0.3; 0.4 ]

                    let ended =
                        start
                        |> Descent.run adam gradient 50 (fun step loss _ ->
                            told.Add((step, loss))
                            true)

                    Expect.equal calls 4 "calls"
                    Expect.equal (fst told[told.Count - 1]) 4 "last step"
                    Expect.isFalse (Double.IsFinite(snd told[told.Count - 1])) "the last loss is no number"
                    closeTrees "parameters" 1e-15 (Descent.run adam Losses.rosenbrock 3 going start) ended)

            property "parameters that rest stay what they are while the others move" 10 cases (fun case ->
                let fitted, x = fitted { case with Masked = 0.0 }, points case 20
                let gradient = Descent.sparse FitLoss.Square Sparsity.none fitted.Network x (target x)
                let last = Seq.last fitted.Params.Keys
                let moving, others = fitted.Params |> Map.partition (fun name _ -> name = last)
                let loss, g = Descent.resting others gradient moving
                let allLoss, all = gradient fitted.Params
                close "loss" 1e-14 allLoss loss
                closeTrees "gradient" 1e-14 (Map.filter (fun name _ -> name = last) all) g
                let after = Descent.run adam (Descent.resting others gradient) 3 going moving
                Expect.equal (List.ofSeq after.Keys) [ last ] "keys")

            testCase "runs leave no tensors behind but their result" (fun () ->
                let collected () =
                    // What other tests left to the collector goes first.
                    GC.Collect()
                    GC.WaitForPendingFinalizers()
                    Tensor.TotalCount

                let case: Case =
                    {
                        Grid = { Size = 3; Order = 3 }
                        Even = true
                        Nodes = [ Nodes.sums 2; { Sums = 1; Products = [ 2 ] }; Nodes.sums 1 ]
                        Source = CoefficientSource.Stored
                        Masked = 0.3
                        Symbolic = 0.3
                        Seed = 11
                    }

                use _ = torch.NewDisposeScope()
                let fitted, x = fitted case, points case 10

                for sparsity in [ Sparsity.none; { Weight = 0.1; EntropyWeight = 2.0 } ] do
                    for optimizer in [ adam; Lbfgs.create 5 3 ] do
                        let gradient = Descent.sparse FitLoss.Square sparsity fitted.Network x (target x)
                        let before = collected ()
                        let during = ResizeArray<int64>()

                        let listen _ _ _ =
                            during.Add Tensor.TotalCount
                            true

                        let result = Descent.run optimizer gradient 6 listen fitted.Params
                        Expect.equal (List.ofSeq during) (List.replicate 6 during[0]) "live tensors at each step"
                        Expect.equal Tensor.TotalCount (before + int64 result.Count) "live tensors"
                        let mutable calls = 0

                        let diverging: Gradient =
                            fun p ->
                                calls <- calls + 1
                                let loss, g = gradient p
                                if calls < 3 then loss, g else loss * nan, g

                        let before = collected ()
                        Descent.run adam diverging 6 going fitted.Params |> Params.dispose
                        Expect.equal Tensor.TotalCount before "live tensors")
        ]
