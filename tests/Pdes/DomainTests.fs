/// Domains: their points lie in them, their boundaries on them, and what is outside is told apart.
module MetaKan.Tests.DomainTests

open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

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

[<Fact>]
let ``points of a domain lie in it and within its bounds`` () =
    Check.One(
        Config.QuickThrowOnFailure,
        Prop.forAll intervals (fun sides ->
            [ Domain.box sides; Domain.ball sides.Length 2.0 ]
            |> List.forall (fun domain ->
                let x = domain.Sample key place 50

                let bounded =
                    rows sides.Length x
                    |> Array.forall (fun row ->
                        Seq.forall2 (fun v (low, high) -> v >= low && v <= high) row domain.Bounds)

                bounded && (domain.Contains x).all().item<bool>()))
    )

[<Fact>]
let ``points beyond a domain are not in it`` () =
    let contains (domain: Domain) point = Tensor.ofArray place [ 1L; 2L ] point |> domain.Contains |> _.item<bool>()

    let box = Domain.box [ 0.0, 1.0; 2.0, 3.0 ]
    Assert.True(contains box [| 1.0; 2.0 |])
    Assert.False(contains box [| 1.01; 2.5 |])
    Assert.False(contains box [| 0.5; 1.99 |])
    Assert.True(contains (Domain.ball 2 2.0) [| 1.4; 1.4 |])
    Assert.False(contains (Domain.ball 2 2.0) [| 1.5; 1.4 |])

[<Fact>]
let ``points of a ball are uniform in direction and in radius`` () =
    use _ = torch.NewDisposeScope()
    let x = (Domain.ball 5 2.0).Sample key place 20000
    Assert.Equal<int64>([| 20000L; 5L |], x.shape)
    let r = (x * x).sum(1L).sqrt() / 2.0
    Assert.InRange(Tensor.item (r.max ()), 0.999, 1.0)
    Assert.InRange(Tensor.item (r.mean ()), 0.49, 0.51)
    Assert.InRange(Tensor.item ((r * r).mean()), 0.323, 0.343)
    let direction = x / r.unsqueeze -1L / 2.0
    Assert.InRange(Tensor.item ((direction.mean [| 0L |]).abs().max()), 0.0, 0.02)
    close "all axes alike" 0.03 (tensor [ 5 ] (List.replicate 5 0.2)) ((direction * direction).mean [| 0L |])

let private sides = [ -1.0, 1.0; 0.0, 0.5; 3.0, 3.0 ]

[<Fact>]
let ``points of a box fill its sides`` () =
    use _ = torch.NewDisposeScope()
    let x = (Domain.box sides).Sample key place 5000

    for i, (low, high) in List.indexed sides do
        let column = x.select (1L, int64 i)
        Assert.InRange(Tensor.item (column.min ()), low, low + 0.01 * (high - low))
        Assert.InRange(Tensor.item (column.max ()), high - 0.01 * (high - low), high)
        Assert.InRange(Tensor.item (column.mean ()), (low + high) / 2.0 - 0.03, (low + high) / 2.0 + 0.03)

[<Fact>]
let ``points of a box's faces lie on one face each, all equally often`` () =
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
    Assert.All(faces, fun found -> Assert.Single found |> ignore)

    let counts = faces |> Array.countBy List.head |> Map
    Assert.Equal<(int * bool) list>([ 0, false; 0, true; 1, false; 1, true ], List.ofSeq counts.Keys)
    Assert.All(counts.Values, fun count -> Assert.InRange(count, 1800, 2200))
    // The other coordinates stay inside.
    Assert.InRange(rows |> Array.averageBy (fun row -> row[2]), 2.48, 2.52)

[<Fact>]
let ``samplers depend on their key alone`` () =
    use _ = torch.NewDisposeScope()

    for sample in [ (Domain.ball 3 1.0).Sample; (Domain.box sides).Sample; Domain.faces sides [ 0; 1 ] ] do
        let points seed = Tensor.toArray (sample (Key.ofSeed seed) place 7)
        Assert.Equal<float>(points 4, points 4)
        Assert.NotEqual<float>(points 4, points 5)
