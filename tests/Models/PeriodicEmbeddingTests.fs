/// Networks that are periodic by what they are given.
module MetaKan.Tests.PeriodicEmbeddingTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open MetaKan.Tests.Promises
open TorchSharp

/// A network behind an embedding of one to three coordinates, one of them periodic or more.
let private embedded =
    gen {
        let! d = Gen.choose (1, 3)
        let period = Gen.elements [ None; Some 2.0; Some 0.7; Some(2.0 * Math.PI) ]
        let! periods = Gen.listOfLength d period |> Gen.filter (List.exists Option.isSome)
        let! harmonics = Gen.choose (1, 3)
        let! network = networks
        let! case = followed d
        let width = PeriodicEmbedding.width periods harmonics
        return { network with Widths = width :: network.Widths.Tail }, periods, harmonics, case
    }

/// The embedding written out, a column at a time.
let private features (periods: float option list) harmonics (x: Tensor) =
    let waves (wave: Tensor -> Tensor) =
        [
            for i, period in List.indexed periods do
                for m in 1..harmonics do
                    if period.IsSome then
                        wave (x.narrow (1L, int64 i, 1L) * (2.0 * Math.PI * float m / period.Value))
        ]

    let others =
        [
            for i, period in List.indexed periods do
                if period.IsNone then
                    x.narrow (1L, int64 i, 1L)
        ]

    torch.cat ([| yield! waves torch.cos; yield! waves torch.sin; yield! others |], 1L)

/// The jet at points along all axes, each derivative to order 4 by itself.
let private jet (model: Model) p (x: Tensor) =
    let axes =
        int (x.size 1)
        |> Operator.laplacian
        |> Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) Placement.cpu64

    let jet = model.Jet p (Directions.seed { axes with Order = 4 } x)
    [ jet.Value; Jet.tangents jet; jet.Second; yield! jet.Higher ]

let tests =
    testList
        "Models.PeriodicEmbedding"
        [
            property
                "the network is that of harmonics and the other coordinates"
                40
                embedded
                (fun (network, periods, harmonics, case) ->
                    let f p x = reference network p (features periods harmonics x)
                    let model = PeriodicEmbedding.create periods harmonics (model network)
                    computes f model (parameters network) (normal network.Seed [ 4; periods.Length ]) case)

            property
                "value and derivatives to order 4 come again after a period"
                30
                embedded
                (fun (network, periods, harmonics, _) ->
                    let model, p = PeriodicEmbedding.create periods harmonics (model network), parameters network
                    let x = normal network.Seed [ 4; periods.Length ]
                    let period = periods |> List.map (Option.defaultValue 0.0) |> tensor [ 1; periods.Length ]

                    for there, after in List.zip (jet model p x) (jet model p (x + period)) do
                        close "after a period" 1e-9 (1.0 + there) (1.0 + after))

            testCase "of a problem, the whole domain is a period of 2" (fun () ->
                use _ = torch.NewDisposeScope()
                let u, x, t = field "u", coordinate "x", coordinate "t"
                let domain = Domain.box [ (0.0, 5.0); (0.0, 1.0) ]
                let problem = Problem.create "advection" domain [ "x"; "t" ] [ "u" ] [ "u", d u [ t ] + d u [ x ] ]
                let periods = [ Some 2.0; None ]
                // The domain's sides are knots, where splines of order 4 have two fourth derivatives.
                let inner = Kan.create { Size = 4; Order = 5 } [ PeriodicEmbedding.width periods 2; 5; 1 ]
                let model = PeriodicEmbedding.create periods 2 inner |> Problem.modelFor problem
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let left, right = tensor [ 2; 2 ] [ 0.0; 0.2; 0.0; 0.9 ], tensor [ 2; 2 ] [ 5.0; 0.2; 5.0; 0.9 ]

                for at, after in List.zip (jet model p left) (jet model p right) do
                    close "at the other side" 1e-10 (1.0 + at) (1.0 + after))

            testCase "parameters, groups and costs are the network's, and the description says more" (fun () ->
                use _ = torch.NewDisposeScope()
                let periods = [ Some 2.0; None; Some 0.5 ]
                let inner = Mlp.create [ PeriodicEmbedding.width periods 3; 4; 1 ]
                let model = PeriodicEmbedding.create periods 3 inner
                let init (model: Model) = model.Init (Key.ofSeed 1) Placement.cpu64
                closeTrees "parameters" 0.0 (init inner) (init model)
                Expect.equal model.Name "mlp" "name"

                Expect.equal
                    model.Description
                    "MLP 13-4-1, 3 harmonics of period 2 in input 0, period 0.5 in input 2"
                    "description"

                let more directions = model.NumbersPerPoint directions 2 - inner.NumbersPerPoint directions 2
                Expect.isTrue (more 3 > more 1 && more 1 > 12L) "numbers per point")

            Check.theory
                "widths"
                [
                    [ Some 1.0 ], 1, 2
                    [ Some 1.0 ], 5, 10
                    [ None; Some 1.0; None ], 3, 8
                    [ Some 1.0; Some 2.0 ], 2, 8
                ]
                (fun (periods, harmonics, width) ->
                    Expect.equal (PeriodicEmbedding.width periods harmonics) width "width")

            testCase "what is no embedding is refused" (fun () ->
                let refused periods harmonics said =
                    Expect.equal (refusal (fun () -> PeriodicEmbedding.width periods harmonics)) said "width"

                    Expect.equal
                        (refusal (fun () -> PeriodicEmbedding.create periods harmonics identity))
                        said
                        "create"

                refused [ Some 1.0 ] 0 "a periodic coordinate takes a harmonic or more, not 0"
                refused [ None ] 1 "a periodic embedding takes a coordinate with a period or more"

                for period, told in [ 0.0, "0"; -1.0, "-1"; nan, "NaN"; infinity, "Infinity" ] do
                    refused [ None; Some period ] 1 $"a period is a number above 0, not {told}"

                use _ = torch.NewDisposeScope()
                let model = PeriodicEmbedding.create [ Some 2.0 ] 1 (Mlp.create [ 3; 1 ])
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let apply columns = refusal (fun () -> model.Apply p (normal 1 [ 4; columns ]))
                Expect.equal (apply 1) "MLP 3-1 takes points [N, 3], not [4; 2]" "width of the network"

                Expect.equal
                    (apply 2)
                    "MLP 3-1, 1 harmonic of period 2 in input 0 takes points [N, 1], not [4; 2]"
                    "width of the points")
        ]
