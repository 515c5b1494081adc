/// Where points come from, and the candidate solution with its derivatives.
module MetaKan.Tests.ProblemTests

open System
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private key = Key.ofSeed 1
let private place = Placement.cpu64

[<Fact>]
let ``points of a ball are uniform in direction and in radius`` () =
    use _ = torch.NewDisposeScope()
    let x = Problem.ball 5 2.0 key place 20000
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
    let x = Problem.box sides key place 5000

    for i, (low, high) in List.indexed sides do
        let column = x.select (1L, int64 i)
        Assert.InRange(Tensor.item (column.min ()), low, low + 0.01 * (high - low))
        Assert.InRange(Tensor.item (column.max ()), high - 0.01 * (high - low), high)
        Assert.InRange(Tensor.item (column.mean ()), (low + high) / 2.0 - 0.03, (low + high) / 2.0 + 0.03)

[<Fact>]
let ``points of a box's faces lie on one face each, all equally often`` () =
    use _ = torch.NewDisposeScope()
    let sides = [ -1.0, 1.0; 0.0, 0.5; 2.0, 3.0 ]
    let rows = (Problem.boxFaces sides [ 0; 1 ] key place 8000).split 1L |> Array.map Tensor.toArray

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

    for sample in [ Problem.ball 3 1.0; Problem.box sides; Problem.boxFaces sides [ 0; 1 ] ] do
        let points seed = Tensor.toArray (sample (Key.ofSeed seed) place 7)
        Assert.Equal<float>(points 4, points 4)
        Assert.NotEqual<float>(points 4, points 5)

/// u = x_0 · sin(net) + net², a constraint that mixes point and network.
let private mixing (operator: Operator) : Problem =
    {
        Name = "mixing"
        Dimension = operator.Second.Length
        Operator = operator
        Sample = Problem.ball operator.Second.Length 1.0
        Constraint = fun x net -> Jet.part 0 x * sin net + net * net
        Residual = fun u -> u.Laplacian
        Penalties = []
        Exact = None
    }

let private onTensors (f: Tensor -> Tensor) (x: Tensor) =
    let net = f x
    x.narrow (1L, 0L, 1L) * torch.sin net + net * net

[<Fact>]
let ``u and its derivatives are those of the constraint around the network`` () =
    forAll 15 (Gen.zip seeds (Gen.choose (2, 4))) (fun (seed, d) ->
        let operator = { Second = [| for i in 0 .. d - 1 -> float (i - 1) |]; First = [ 1; 0 ] }
        let problem, model = mixing operator, Kan.create { Size = 3; Order = 3 } [ d; 3; 1 ]
        let p, x = model.Init (Key.ofSeed seed) place, normal seed [ 5; d ] * 0.5
        let u = onTensors (model.Apply p)
        let directions = Operator.directions Exact key place operator
        let found = Problem.derivatives problem model directions p x
        close "u" 1e-11 (u x) found.U
        close "u alone" 1e-11 (u x) (Problem.solution problem model p x)
        close "second" 1e-9 (1.0 + Nested.second operator.Second u x) (1.0 + found.Laplacian)
        let jacobian = Nested.jacobian u x

        for i in operator.First do
            close $"by x_{i}" 1e-10 (jacobian.select (2L, int64 i)) (found.Partial i))

[<Fact>]
let ``data without derivatives needs none`` () =
    use _ = torch.NewDisposeScope()
    let operator = { Second = [| 0.0; 0.0 |]; First = [] }
    let problem, model = mixing operator, Mlp.create [ 2; 3; 1 ]
    let p, x = model.Init key place, normal 1 [ 4; 2 ]

    for method' in [ Exact; Sdgd 2; Hutchinson 3 ] do
        let directions = Operator.directions method' key place operator
        let found = Problem.derivatives problem model directions p x
        close "u" 1e-12 (onTensors (model.Apply p) x) found.U
        Assert.Equal(0.0, Tensor.item (found.Laplacian.abs().max()))
        Assert.Throws<ArgumentException>(fun () -> found.Partial 0 |> ignore) |> ignore
