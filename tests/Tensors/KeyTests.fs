/// Random keys: reproducible, independent, and of the distributions they name.
module MetaKan.Tests.KeyTests

open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private place = Placement.cpu64
let private key = Key.ofSeed
let private mean (t: Tensor) = Tensor.item (t.mean ())

[<Fact>]
let ``the same key gives the same numbers, other keys others`` () =
    forAll 20 (Gen.zip seeds seeds) (fun (seed, other) ->
        for draw in [ Key.uniform; Key.normal; Key.signs ] do
            let numbers key = Tensor.toArray (draw key place [ 8L; 9L ])
            Assert.Equal<float>(numbers (key seed), numbers (key seed))
            Assert.NotEqual<float>(numbers (key seed), numbers (Key.fold 0 (key seed)))

            if seed <> other then
                Assert.NotEqual<float>(numbers (key seed), numbers (key other))
                Assert.NotEqual<float>(numbers (Key.fold seed (key 1)), numbers (Key.fold other (key 1))))

[<Fact>]
let ``keys take no part in the global random state`` () =
    use _ = torch.NewDisposeScope()
    let numbers () = Tensor.toArray (Key.normal (key 3) place [ 5L ])
    let before = numbers ()
    torch.randn 10L |> ignore
    Assert.Equal<float>(before, numbers ())

[<Fact>]
let ``uniform numbers fill the unit interval`` () =
    use _ = torch.NewDisposeScope()
    let t = Key.uniform (key 1) place [ 20000L ]
    Assert.InRange(Tensor.item (t.min ()), 0.0, 0.001)
    Assert.InRange(Tensor.item (t.max ()), 0.999, 0.9999999999)
    Assert.InRange(mean t, 0.49, 0.51)
    Assert.InRange(mean (t * t), 1.0 / 3.0 - 0.01, 1.0 / 3.0 + 0.01)

[<Fact>]
let ``normal numbers have mean zero and variance one`` () =
    use _ = torch.NewDisposeScope()
    let t = Key.normal (key 1) place [ 20000L ]
    Assert.InRange(mean t, -0.03, 0.03)
    Assert.InRange(mean (t * t), 0.96, 1.04)
    Assert.InRange(mean (t * t * t * t), 2.8, 3.2)

[<Fact>]
let ``signs are plus or minus one, equally often`` () =
    use _ = torch.NewDisposeScope()
    let t = Key.signs (key 1) place [ 20000L ]
    Assert.Equal<float>([| -1.0; 1.0 |], Tensor.toArray t |> Array.distinct |> Array.sort)
    Assert.InRange(mean t, -0.03, 0.03)

[<Fact>]
let ``streams of neighbouring keys are not correlated`` () =
    use _ = torch.NewDisposeScope()
    let stream key = Key.normal key place [ 20000L ]
    let parent = key 5
    let streams = [ parent; Key.fold 0 parent; Key.fold 1 parent; Key.fold 0 (Key.fold 0 parent); key 6 ]

    for i, a in List.indexed streams do
        for b in streams[i + 1 ..] do
            Assert.InRange(mean (stream a * stream b), -0.035, 0.035)

    // The first numbers of many streams are themselves normal.
    let first = [ for n in 1..2000 -> Tensor.item (Key.normal (Key.fold n parent) place [ 1L ]) ]
    Assert.InRange(List.average first, -0.09, 0.09)
    Assert.InRange(first |> List.averageBy (fun x -> x * x), 0.85, 1.15)

[<Fact>]
let ``a permutation holds each number once`` () =
    forAll 50 (Gen.zip (Gen.choose (0, 30)) seeds) (fun (n, seed) ->
        let order = Key.permutation (key seed) n
        Assert.Equal<int>([| 0 .. n - 1 |], Array.sort order)
        Assert.Equal<int>(order, Key.permutation (key seed) n))

[<Fact>]
let ``all orders are equally likely`` () =
    let orders =
        [ for seed in 1..6000 -> List.ofArray (Key.permutation (Key.fold seed (key 9)) 3) ]
        |> List.countBy id

    Assert.Equal(6, orders.Length)

    for _, count in orders do
        Assert.InRange(count, 870, 1130)

[<Fact>]
let ``numbers without a tensor are uniform too, and the key's own`` () =
    let numbers = Key.uniforms (key 1) 20000
    Assert.InRange(Array.min numbers, 0.0, 0.001)
    Assert.InRange(Array.max numbers, 0.999, 0.9999999999)
    Assert.InRange(Array.average numbers, 0.49, 0.51)
    Assert.InRange(numbers |> Array.averageBy (fun x -> x * x), 1.0 / 3.0 - 0.01, 1.0 / 3.0 + 0.01)
    Assert.Equal<float>(numbers[..9], Key.uniforms (key 1) 10)
    Assert.NotEqual<float>(numbers[..9], Key.uniforms (key 2) 10)

[<Fact>]
let ``numbers are made in the precision asked for`` () =
    use _ = torch.NewDisposeScope()
    Assert.Equal(torch.float32, (Key.normal (key 1) Placement.cpu32 [ 2L ]).dtype)
    Assert.Equal<int64>([| 2L; 3L |], (Key.signs (key 1) Placement.cpu32 [ 2L; 3L ]).shape)
