/// Points drawn where residuals are large.
module MetaKan.Tests.AdaptivePointsTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open MetaKan.Tests.Timed
open TorchSharp

/// u' with a steep front at 0.3.
let private front =
    let x, u = coordinate "x", field "u"

    Problem.create
        "front"
        (Domain.box [ -1.0, 1.0 ])
        [ "x" ]
        [ "u" ]
        [ "front", d u [ x ] - 50.0 / cosh ((x - 0.3) * 20.0) ** 2.0 ]

let private model = Problem.modelFor front (Mlp.create [ 1; 4; 1 ])

/// The points that steps took, of a stage of the front's; they change every second step.
let private pointsBy choice count =
    let stage = stageOf { Emphasis.none with Points = choice; Every = 2 } count front model 99

    run stage 5 (model.Init (Key.ofSeed 3) Placement.cpu64)
    |> List.map (fun (_, memory) -> (Stage.numbers memory)["points"])

let private nearFront (x: Tensor) = Tensor.toArray x |> Array.filter (fun x -> abs (x - 0.3) < 0.1) |> Array.length

let tests =
    testList
        "Pdes.AdaptivePoints"
        [
            property
                "probabilities are those of the paper"
                30
                (Gen.zip3 seeds (Gen.elements [ 1.0; 2.0; 0.5 ]) (Gen.elements [ 0.0; 1.0; 3.0 ]))
                (fun (seed, k, c) ->
                    let sizes = uniform seed (0.0, 3.0) [ 9 ] |> Tensor.toArray
                    let found = AdaptivePoints.density k c sizes
                    let power i = sizes[i] ** k
                    let mean = Array.average (Array.init 9 power)
                    let density i = power i / mean + c
                    Check.near 1e-12 (Array.sum found) 1.0 "sum"

                    for i in 0..8 do
                        Check.near 1e-9 (found[i] * density 0) (found[0] * density i) "ratio")

            testCase "residuals that all vanish make all candidates alike" (fun () ->
                Expect.equal (AdaptivePoints.density 2.0 0.0 [| 0.0; 0.0 |]) [| 0.5; 0.5 |] "probabilities")

            testCase "draws follow the probabilities" (fun () ->
                let probabilities = [| 0.4; 0.0; 0.1; 0.25; 0.05; 0.2 |]
                let n = 20000
                let drawn = AdaptivePoints.draw (Key.ofSeed 4) n probabilities |> Array.countBy id |> Map
                let count i = drawn |> Map.tryFind i |> Option.defaultValue 0 |> float
                Expect.equal (count 1) 0.0 "a candidate of no probability"

                // Pearson's statistic of four degrees of freedom: one draw in a million is beyond 33.
                let statistic =
                    [
                        for i in [ 0; 2; 3; 4; 5 ] ->
                            (count i - float n * probabilities[i]) ** 2.0 / (float n * probabilities[i])
                    ]
                    |> List.sum

                Check.inRange 0.01 33.0 statistic "chi square")

            testCase "RAD's points gather at a steep front" (fun () ->
                let points = pointsBy PointChoice.Rad 200
                // Before step 2 the points are as drawn at the start, and after it others.
                close "kept" 0.0 points[0] points[2]
                close "kept" 0.0 points[3] points[4]
                Expect.equal (Tensor.shape points[3]) [| 200L; 1L |] "shape"
                Check.inRange 8 35 (nearFront points[0]) "a tenth of the points at the start"
                // Half the probability is uniform, the other half at the front.
                Check.inRange 80 140 (nearFront points[3]) "half of them later")

            testCase "RAR-D adds a tenth of the points, at the front, and keeps the others" (fun () ->
                let points = pointsBy PointChoice.RarD 100
                Expect.equal [ for x in points -> x.size 0 ] [ 100L; 100L; 100L; 110L; 110L; 120L ] "points"
                close "kept" 0.0 points[0] (points[5].narrow(0L, 0L, 100L))
                Check.inRange 16 20 (nearFront (points[5].narrow(0L, 100L, 20L))) "added at the front")
        ]
