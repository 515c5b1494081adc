/// Domains: where their points lie, and how they are spread.
module MetaKan.Tests.DomainTests

open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private key = Key.ofSeed 1
let private place = Placement.cpu64

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

[<Fact>]
let ``a domain contains its points, and not those beyond`` () =
    use _ = torch.NewDisposeScope()

    for domain in [ Domain.ball 3 2.0; Domain.box sides ] do
        let x = domain.Sample key place 500
        let within (x: Tensor) = (domain.Contains x).``to`` torch.float64 |> Tensor.toArray
        Assert.All(within x, fun inside -> Assert.Equal(1.0, inside))
        Assert.All(within (x + 4.1), fun inside -> Assert.Equal(0.0, inside))

        for i, (low, high) in List.indexed domain.Bounds do
            let column = x.select (1L, int64 i)
            Assert.True(Tensor.item (column.min ()) >= low && Tensor.item (column.max ()) <= high)

    let some = tensor [ 2; 3 ] [ 1.9; 0.0; 0.0; 1.9; 1.9; 0.0 ]
    Assert.Equal<float>([| 1.0; 0.0 |], Tensor.toArray (((Domain.ball 3 2.0).Contains some).``to`` torch.float64))
    Assert.Equal<(float * float) list>(sides, (Domain.box sides).Bounds)
