/// Weights of terms: by gradients' norms, and by traces of the neural tangent kernel.
module MetaKan.Tests.BalancingTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open MetaKan.Tests.Timed
open TorchSharp

let private u, x = field "u", coordinate "x"

/// u² - x at points of its own, and u at others.
let private plain =
    let at seed : Sampler = fun _ _ n -> normal seed [ n; 1 ] * 0.5

    { Problem.create
          "plain"
          { Domain.box [ -2.0, 2.0 ] with Draw = fun _ -> at 3 }
          [ "x" ]
          [ "u" ]
          [ "square", u * u - x ] with
        Conditions = [ Condition.create "data" 7.0 3 (at 4) (u - 1.0) ]
    }

let private model = Problem.modelFor plain (Mlp.create [ 1; 4; 1 ])

/// The trace of ∇v ∇vᵀ for v = √f r/√N, from a gradient for each number.
let private traces points (factors: Tensor) p : float list =
    let sum (residual: Params -> Tensor) (factors: Tensor) =
        let tracked = Params.tracked p
        let r = residual tracked
        let n = int (r.size 0)

        [
            for i in 0 .. n - 1 do
                let r = residual tracked
                let g = Params.gradient (r[int64 i, 0L]) tracked
                let square = g.Values |> Seq.sumBy (fun t -> Tensor.item (t.square().sum()))
                Tensor.item factors[int64 i, 0L] * square / float n
        ]
        |> List.sum

    let inside, data = normal 3 [ points; 1 ] * 0.5, normal 4 [ 3; 1 ] * 0.5

    [
        sum (fun p -> (model.Apply p inside).square() - inside) factors
        sum (fun p -> model.Apply p data - 1.0) (torch.ones (3L, 1L, dtype = torch.float64))
    ]

let tests =
    testList
        "Pdes.Balancing"
        [
            property
                "weights times sizes are all the sum of the sizes"
                50
                (Gen.zip (Gen.choose (1, 6)) seeds)
                (fun (n, seed) ->
                    let sizes = uniform seed (0.1, 5.0) [ n ]
                    close "products" 1e-12 (sizes.sum().expand(int64 n)) (Balancing.weights sizes * sizes))

            testCase "terms without a gradient get finite weights" (fun () ->
                close
                    "some"
                    1e-9
                    (tensor [ 3 ] [ 1.0; 1e6; 1e6 ])
                    (Balancing.weights (tensor [ 3 ] [ 2.0; 0.0; 1e-30 ]))

                close "none" 0.0 (tensor [ 2 ] [ 1.0; 1.0 ]) (Balancing.weights (tensor [ 2 ] [ 0.0; 0.0 ])))

            property "the gradients of weighed terms have one norm, whatever the points count" 8 seeds (fun seed ->
                let model = Problem.modelFor system (Mlp.create [ 2; 5; 2 ])
                let p = model.Init (Key.ofSeed seed) Placement.cpu64

                for causal in [ None; Some { Epsilon = 0.5; Slices = 3 } ] do
                    let emphasis = { Emphasis.none with Balance = Balance.Gradients; Causal = causal }
                    let memory = (stageOf emphasis 6 system model 9).Init p
                    let found = Emphasis.termWeights system memory
                    Expect.equal (List.map fst found) [ "weight_first"; "weight_second"; "weight_start" ] "names"
                    let x = pointsOf 6 system 0
                    let r = residuals 6 system model 0 p x

                    let factors =
                        match causal with
                        | Some causal ->
                            let squares = (r * r * tensor [ 1; 2 ] [ 0.5; 3.0 ]).sum 1L
                            (Causality.weights causal (0.0, 1.0) (x.select (1L, 1L)) squares).expand(6L, 2L)
                        | None -> torch.ones_like r

                    let norms =
                        [
                            for i, (own, (_, weight)) in List.indexed (List.zip [ 0.5; 3.0; 2.0 ] found) do
                                let only = List.init 3 (fun n -> if n = i then weight / own else 0.0)
                                let _, g = lossOf 6 system model 0 only x factors p
                                sqrt (g.Values |> Seq.sumBy (fun t -> Tensor.item (t.square().sum())))
                        ]

                    for norm in norms do
                        Check.near (1e-8 * norms.Head) norm norms.Head "norm")

            property "at one point a random combination has the kernel's trace itself" 10 seeds (fun seed ->
                let p = model.Init (Key.ofSeed seed) Placement.cpu64
                let factors = tensor [ 1; 1 ] [ 2.5 ]
                let squares = Collocation.gradientSquares (collocation 1) plain model
                let chosen = { Points = Some(normal 3 [ 1; 1 ] * 0.5); Factors = Some factors }
                let found = squares (Key.ofSeed 1) chosen (Some(Key.ofSeed seed)) p |> Tensor.toArray
                Check.near 1e-9 found[0] (traces 1 factors p).Head "trace")

            testCase "random combinations estimate the kernel's trace without bias" (fun () ->
                let p = model.Init (Key.ofSeed 5) Placement.cpu64
                let factors = tensor [ 4; 1 ] [ 1.0; 0.25; 2.0; 1.0 ]
                let squares = Collocation.gradientSquares (collocation 4) plain model
                let chosen = { Points = None; Factors = Some factors }
                let expected = traces 4 factors p

                let drawn =
                    [ for n in 0..599 -> squares (Key.ofSeed 1) chosen (Some(Key.ofSeed n)) p |> Tensor.toArray ]

                for i in 0..1 do
                    let values = drawn |> List.map (Array.item i)
                    let mean = List.average values
                    let spread = sqrt (values |> List.averageBy (fun v -> (v - mean) ** 2.0))
                    Expect.isGreaterThan spread 0.0 "one combination is not the trace"
                    Check.near (4.0 * spread / sqrt 600.0) mean expected[i] "mean")

            testCase "weights come at a stage's start, then by a moving average every so many steps" (fun () ->
                let model = Problem.modelFor heat (Mlp.create [ 2; 4; 1 ])
                let p = model.Init (Key.ofSeed 3) Placement.cpu64

                for balance in [ Balance.Gradients; Balance.Ntk ] do
                    let stage every = stageOf { Emphasis.none with Balance = balance; Every = every } 6 heat model 9
                    let of' (_, memory) = Emphasis.termWeights heat memory |> List.map snd
                    // The memory before step n + 1 has the weights of step n.
                    let path = run (stage 2) 5 p
                    let weights = List.map of' path
                    Expect.equal weights[1] weights[0] "kept"
                    Expect.notEqual weights[3] weights[2] "changed"
                    let fresh = of' (run (stage 2) 0 (fst path[2])).Head

                    if balance = Balance.Gradients then
                        // Fresh weights at the parameters of step 2, on its points.
                        let x = pointsOf 6 heat 2

                        let squares =
                            Collocation.gradientSquares
                                (collocation 6)
                                heat
                                model
                                (Key.fold 2 (Key.ofSeed 1))
                                { Points = Some x; Factors = None }
                                None
                                (fst path[2])

                        let found = Balancing.weights (squares.sqrt ()) |> Tensor.toArray |> List.ofArray

                        for old, fresh, next in List.zip3 weights[2] found weights[3] do
                            Check.near (1e-9 * next) next (0.9 * old + 0.1 * fresh) "average"

                    Expect.equal fresh.Length 3 "weights")
        ]
