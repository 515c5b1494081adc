/// Random keys: reproducible, independent, and of the distributions they name.
module MetaKan.Tests.KeyTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private place = Placement.cpu64
let private key = Key.ofSeed
let private mean (t: Tensor) = Tensor.item (t.mean ())

let tests =
    testList
        "Tensors.Key"
        [
            property
                "the same key gives the same numbers, other keys others"
                20
                (Gen.zip seeds seeds)
                (fun (seed, other) ->
                    for draw in [ Key.uniform; Key.normal; Key.signs ] do
                        let numbers key = Tensor.toArray (draw key place [ 8L; 9L ])
                        Expect.equal (numbers (key seed)) (numbers (key seed)) "numbers"
                        Expect.notEqual (numbers (Key.fold 0 (key seed))) (numbers (key seed)) "numbers"

                        if seed <> other then
                            Expect.notEqual (numbers (key other)) (numbers (key seed)) "numbers"

                            Expect.notEqual
                                (numbers (Key.fold other (key 1)))
                                (numbers (Key.fold seed (key 1)))
                                "numbers")

            testCase "keys take no part in the global random state" (fun () ->
                use _ = torch.NewDisposeScope()
                let numbers () = Tensor.toArray (Key.normal (key 3) place [ 5L ])
                let before = numbers ()
                torch.randn 10L |> ignore
                Expect.equal (numbers ()) before "numbers")

            testCase "uniform numbers fill the unit interval" (fun () ->
                use _ = torch.NewDisposeScope()
                let t = Key.uniform (key 1) place [ 20000L ]
                Check.inRange 0.0 0.001 (Tensor.item (t.min ())) "least"
                Check.inRange 0.999 0.9999999999 (Tensor.item (t.max ())) "largest"
                Check.inRange 0.49 0.51 (mean t) "mean"
                Check.inRange (1.0 / 3.0 - 0.01) (1.0 / 3.0 + 0.01) (mean (t * t)) "mean square")

            testCase "normal numbers have mean zero and variance one" (fun () ->
                use _ = torch.NewDisposeScope()
                let t = Key.normal (key 1) place [ 20000L ]
                Check.inRange (-0.03) 0.03 (mean t) "mean"
                Check.inRange 0.96 1.04 (mean (t * t)) "mean square"
                Check.inRange 2.8 3.2 (mean (t * t * t * t)) "mean fourth power")

            testCase "a large draw is the same on any number of threads, and of different pieces" (fun () ->
                use _ = torch.NewDisposeScope()
                let piece = 1L <<< 24

                for draw in [ Key.uniform; Key.normal ] do
                    let numbers size = draw (key 1) Placement.cpu32 [ size ]
                    let all = numbers (piece + 100L)
                    let part start = all.narrow (0L, start, 100L)

                    Expect.isTrue ((hired 2 (fun () -> numbers (piece + 100L))).allclose(all, 0.0, 0.0)) "two threads"
                    Expect.isTrue ((numbers piece).allclose(all.narrow (0L, 0L, piece), 0.0, 0.0)) "the first piece"
                    Expect.isFalse ((part piece).allclose(part 0L, 0.0, 0.0)) "other numbers"
                    Expect.isGreaterThan (Tensor.item ((part piece).std())) 0.2 "numbers")

            testCase "signs are plus or minus one, equally often" (fun () ->
                use _ = torch.NewDisposeScope()
                let t = Key.signs (key 1) place [ 20000L ]
                Expect.equal (Tensor.toArray t |> Array.distinct |> Array.sort) [| -1.0; 1.0 |] "signs"
                Check.inRange (-0.03) 0.03 (mean t) "mean")

            testCase "streams of neighbouring keys are not correlated" (fun () ->
                use _ = torch.NewDisposeScope()
                let stream key = Key.normal key place [ 20000L ]
                let parent = key 5
                let streams = [ parent; Key.fold 0 parent; Key.fold 1 parent; Key.fold 0 (Key.fold 0 parent); key 6 ]

                for i, a in List.indexed streams do
                    for b in streams[i + 1 ..] do
                        Check.inRange (-0.035) 0.035 (mean (stream a * stream b)) "correlation"

                // The first numbers of many streams are themselves normal.
                let first = [ for n in 1..2000 -> Tensor.item (Key.normal (Key.fold n parent) place [ 1L ]) ]
                Check.inRange (-0.09) 0.09 (List.average first) "mean of first numbers"
                Check.inRange 0.85 1.15 (first |> List.averageBy (fun x -> x * x)) "mean square of first numbers")

            property "a permutation holds each number once" 50 (Gen.zip (Gen.choose (0, 30)) seeds) (fun (n, seed) ->
                let order = Key.permutation (key seed) n
                Expect.equal (Array.sort order) [| 0 .. n - 1 |] "order"
                Expect.equal (Key.permutation (key seed) n) order "permutation")

            testCase "all orders are equally likely" (fun () ->
                let orders =
                    [ for seed in 1..6000 -> List.ofArray (Key.permutation (Key.fold seed (key 9)) 3) ]
                    |> List.countBy id

                Expect.equal orders.Length 6 "number of orders"

                for _, count in orders do
                    Check.inRange 870 1130 count "count")

            testCase "numbers without a tensor are uniform too, and the key's own" (fun () ->
                let numbers = Key.uniforms (key 1) 20000
                Check.inRange 0.0 0.001 (Array.min numbers) "least of numbers"
                Check.inRange 0.999 0.9999999999 (Array.max numbers) "largest of numbers"
                Check.inRange 0.49 0.51 (Array.average numbers) "average of numbers"

                Check.inRange
                    (1.0 / 3.0 - 0.01)
                    (1.0 / 3.0 + 0.01)
                    (numbers |> Array.averageBy (fun x -> x * x))
                    "mean square of numbers"

                Expect.equal (Key.uniforms (key 1) 10) numbers[..9] "numbers"
                Expect.notEqual (Key.uniforms (key 2) 10) numbers[..9] "numbers")

            testCase "numbers are made in the precision asked for" (fun () ->
                use _ = torch.NewDisposeScope()
                Expect.equal ((Key.normal (key 1) Placement.cpu32 [ 2L ]).dtype) torch.float32 "precision"
                Expect.equal ((Key.signs (key 1) Placement.cpu32 [ 2L; 3L ]).shape) [| 2L; 3L |] "shape")
        ]
