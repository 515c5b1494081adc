/// Domains: their points lie in them, their boundaries on them, and what is outside is told apart.
module MetaKan.Tests.DomainTests

open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private key = Key.ofSeed 5
let private rows d (x: Tensor) = Tensor.toArray x |> Array.chunkBySize d
let private place = Placement.cpu64

/// Intervals of whole numbers, some of no length.
let private intervals =
    Gen.choose (-5, 5)
    |> Gen.two
    |> Gen.map (fun (a, b) -> float (min a b), float (max a b))
    |> Gen.nonEmptyListOf
    |> Arb.fromGen

let private sides = [ -1.0, 1.0; 0.0, 0.5; 3.0, 3.0 ]

let tests =
    testList
        "Pdes.Domain"
        [
            testCase "sides the wrong way round, balls of no radius and faces of no side are refused" (fun () ->
                for action, part in
                    [
                        (fun () -> Domain.box [ 0.0, 1.0; 1.0, 0.5 ] |> ignore), "side 1"
                        (fun () -> Domain.box [ nan, 1.0 ] |> ignore), "side 0"
                        (fun () -> Domain.box [] |> ignore), "box"
                        (fun () -> Domain.faces [ 1.0, 0.0 ] [ 0 ] |> ignore), "side 0"
                        (fun () -> Domain.faces sides [ 3 ] |> ignore), "coordinates [3]"
                        (fun () -> Domain.faces sides [] |> ignore), "coordinates []"
                        (fun () -> Domain.ball 2 0.0 |> ignore), "radius"
                        (fun () -> Domain.ball 0 1.0 |> ignore), "dimension"
                    ] do
                    Expect.stringContains (Folder.messageOf<System.ArgumentException> action) part "message")

            testProperty
                "points of a domain lie in it and within its bounds"
                (Prop.forAll intervals (fun sides ->
                    [ Domain.box sides; Domain.ball sides.Length 2.0 ]
                    |> List.forall (fun domain ->
                        let x = domain.Sample key place 50

                        let bounded =
                            rows sides.Length x
                            |> Array.forall (fun row ->
                                Seq.forall2 (fun v (low, high) -> v >= low && v <= high) row domain.Bounds)

                        bounded && (domain.Contains x).all().item<bool>())))

            testCase "points beyond a domain are not in it" (fun () ->
                let contains (domain: Domain) point =
                    Tensor.ofArray place [ 1L; 2L ] point |> domain.Contains |> _.item<bool>()

                let box = Domain.box [ 0.0, 1.0; 2.0, 3.0 ]
                Expect.isTrue (contains box [| 1.0; 2.0 |]) "a corner is in the box"
                Expect.isFalse (contains box [| 1.01; 2.5 |]) "a point beside the box"
                Expect.isFalse (contains box [| 0.5; 1.99 |]) "a point below the box"
                Expect.isTrue (contains (Domain.ball 2 2.0) [| 1.4; 1.4 |]) "a point in the ball"
                Expect.isFalse (contains (Domain.ball 2 2.0) [| 1.5; 1.4 |]) "a point beyond the ball")

            testCase "points of a ball are uniform in direction and in radius" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = (Domain.ball 5 2.0).Sample key place 20000
                Expect.equal x.shape [| 20000L; 5L |] "shape"
                let r = (x * x).sum(1L).sqrt() / 2.0
                Check.inRange 0.999 1.0 (Tensor.item (r.max ())) "largest"
                Check.inRange 0.49 0.51 (Tensor.item (r.mean ())) "mean radius"
                Check.inRange 0.323 0.343 (Tensor.item ((r * r).mean())) "mean square of the radius"
                let direction = x / r.unsqueeze -1L / 2.0
                Check.inRange 0.0 0.02 (Tensor.item ((direction.mean [| 0L |]).abs().max())) "mean direction"

                close
                    "all axes alike"
                    0.03
                    (tensor [ 5 ] (List.replicate 5 0.2))
                    ((direction * direction).mean [| 0L |]))

            testCase "points of a box fill its sides" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = (Domain.box sides).Sample key place 5000

                for i, (low, high) in List.indexed sides do
                    let column = x.select (1L, int64 i)
                    Check.inRange low (low + 0.01 * (high - low)) (Tensor.item (column.min ())) "least"
                    Check.inRange (high - 0.01 * (high - low)) high (Tensor.item (column.max ())) "largest"

                    Check.inRange
                        ((low + high) / 2.0 - 0.03)
                        ((low + high) / 2.0 + 0.03)
                        (Tensor.item (column.mean ()))
                        "mean")

            testCase "points of a box's faces lie on one face each, all equally often" (fun () ->
                use _ = torch.NewDisposeScope()
                let sides = [ -1.0, 1.0; 0.0, 0.5; 2.0, 3.0 ]
                let rows = (Domain.faces sides [ 0; 1 ] key place 8000).split 1L |> Array.map Tensor.toArray

                let facesOf (row: float[]) =
                    [
                        for i in 0..2 do
                            if row[i] = fst sides[i] then
                                i, false

                            if row[i] = snd sides[i] then
                                i, true
                    ]

                let faces = rows |> Array.map facesOf

                for found in faces do
                    Expect.hasLength found 1 "a point is on one face"

                let counts = faces |> Array.countBy List.head |> Map
                Expect.equal (List.ofSeq counts.Keys) [ 0, false; 0, true; 1, false; 1, true ] "faces"

                for count in counts.Values do
                    Check.inRange 1800 2200 count "count"
                // The other coordinates stay inside.
                Check.inRange 2.48 2.52 (rows |> Array.averageBy (fun row -> row[2])) "mean on the free axis")

            testCase "samplers depend on their key alone" (fun () ->
                use _ = torch.NewDisposeScope()

                for sample in [ (Domain.ball 3 1.0).Sample; (Domain.box sides).Sample; Domain.faces sides [ 0; 1 ] ] do
                    let points seed = Tensor.toArray (sample (Key.ofSeed seed) place 7)
                    Expect.equal (points 4) (points 4) "points"
                    Expect.notEqual (points 5) (points 4) "points")
        ]
