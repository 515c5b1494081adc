/// Training on given points: what it does to the loss, when it ends, and what it leaves.
[<Xunit.Collection "alone">]
module MetaKan.Tests.DescentTests

open System
open MetaKan
open MetaKan.Tests.Fits
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private adam = Adam.create (fun _ -> { Rate = (fun _ -> 0.01); WeightDecay = 0.0 })

let private target (x: Tensor) = torch.sin (x.sum (1L, keepdim = true))

/// A case with one output.
let private cases =
    fits (1, 2)
    |> FsCheck.FSharp.Gen.map (fun case ->
        { case with
            Nodes = case.Nodes |> List.mapi (fun l n -> if l = case.Nodes.Length - 1 then Nodes.sums 1 else n)
        })

let private going _ _ _ = true

[<Fact>]
let ``the gradient is that of the mean square error`` () =
    forAll 15 cases (fun case ->
        let fitted, x = fitted case, points case 12
        let y = target x
        let loss, g = Descent.sparse Sparsity.none fitted.Network x y fitted.Params
        let off = values fitted x - y
        close "loss" 1e-12 ((off * off).mean()) loss
        let tracked = Params.tracked fitted.Params
        let off = Network.values fitted.Network x tracked - y
        closeTrees "gradient" 1e-10 (Params.gradient ((off * off).mean()) tracked) g)

[<Fact>]
let ``sparsity adds its penalty and the penalty's gradient`` () =
    forAll 15 cases (fun case ->
        let fitted, x = fitted case, points case 12
        let y = target x
        let sparsity = { Weight = 0.3; EntropyWeight = 2.0 }
        let loss, g = Descent.sparse sparsity fitted.Network x y fitted.Params
        let tracked = Params.tracked fitted.Params
        let trace = Network.trace fitted.Network x tracked
        let off = List.last trace.Nodes - y
        let expected = (off * off).mean() + Sparsity.penalty sparsity trace
        close "loss" 1e-12 (expected.detach ()) loss
        closeTrees "gradient" 1e-10 (Params.gradient expected tracked) g)

[<Fact>]
let ``steps lower the loss, each told with its number and the loss before it`` () =
    forAll 10 cases (fun case ->
        let fitted, x = fitted { case with Masked = 0.0 }, points case 30
        let gradient = Descent.sparse Sparsity.none fitted.Network x (target x)
        let told = ResizeArray<int * float>()
        let before = fitted.Params |> Map.map (fun _ t -> t.clone ())

        let after =
            fitted.Params
            |> Descent.run (Lbfgs.create 10 5) gradient 6 (fun step loss _ ->
                told.Add((step, loss))
                true)

        closeTrees "what was given" 0.0 before fitted.Params
        let loss p = Tensor.item (fst (gradient p))
        Assert.Equal<int list>([ 1..6 ], told |> Seq.map fst |> List.ofSeq)
        Assert.Equal(loss fitted.Params, snd told[0], 1e-12 * (1.0 + snd told[0]))
        Assert.All(Seq.pairwise (Seq.map snd told), fun (a, b) -> Assert.True(b <= a))
        Assert.True(loss after < loss fitted.Params))

[<Fact>]
let ``no steps change nothing`` () =
    let p = Losses.at [ 0.3; 0.4 ]
    Assert.Same(p["x"], (Descent.run adam Losses.rosenbrock 0 going p)["x"])

[<Fact>]
let ``a listener that declines ends the run with the step's parameters`` () =
    let start = Losses.at [ 0.3; 0.4 ]
    let steps = ResizeArray<int>()

    let ended =
        start
        |> Descent.run adam Losses.rosenbrock 50 (fun step _ _ ->
            steps.Add step
            step < 4)

    Assert.Equal<int list>([ 1; 2; 3; 4 ], List.ofSeq steps)
    closeTrees "parameters" 1e-15 (Descent.run adam Losses.rosenbrock 4 going start) ended

[<Fact>]
let ``a loss that is no number ends the run at the parameters before it`` () =
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

        Assert.Equal(4, calls)
        Assert.Equal(4, fst told[told.Count - 1])
        Assert.False(Double.IsFinite(snd told[told.Count - 1]))
        closeTrees "parameters" 1e-15 (Descent.run adam Losses.rosenbrock 3 going start) ended

[<Fact>]
let ``parameters that rest stay what they are while the others move`` () =
    forAll 10 cases (fun case ->
        let fitted, x = fitted { case with Masked = 0.0 }, points case 20
        let gradient = Descent.sparse Sparsity.none fitted.Network x (target x)
        let last = Seq.last fitted.Params.Keys
        let moving, others = fitted.Params |> Map.partition (fun name _ -> name = last)
        let loss, g = Descent.resting others gradient moving
        let allLoss, all = gradient fitted.Params
        close "loss" 1e-14 allLoss loss
        closeTrees "gradient" 1e-14 (Map.filter (fun name _ -> name = last) all) g
        let after = Descent.run adam (Descent.resting others gradient) 3 going moving
        Assert.Equal<string list>([ last ], List.ofSeq after.Keys))

[<Fact>]
let ``runs leave no tensors behind but their result`` () =
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
            Source = Stored
            Masked = 0.3
            Symbolic = 0.3
            Seed = 11
        }

    use _ = torch.NewDisposeScope()
    let fitted, x = fitted case, points case 10

    for sparsity in [ Sparsity.none; { Weight = 0.1; EntropyWeight = 2.0 } ] do
        for optimizer in [ adam; Lbfgs.create 5 3 ] do
            let gradient = Descent.sparse sparsity fitted.Network x (target x)
            let before = collected ()
            let during = ResizeArray<int64>()

            let listen _ _ _ =
                during.Add Tensor.TotalCount
                true

            let result = Descent.run optimizer gradient 6 listen fitted.Params
            Assert.Equal<int64 list>(List.replicate 6 during[0], List.ofSeq during)
            Assert.Equal(before + int64 result.Count, Tensor.TotalCount)
            let mutable calls = 0

            let diverging: Gradient =
                fun p ->
                    calls <- calls + 1
                    let loss, g = gradient p
                    if calls < 3 then loss, g else loss * nan, g

            let before = collected ()
            Descent.run adam diverging 6 going fitted.Params |> Params.dispose
            Assert.Equal(before, Tensor.TotalCount)
