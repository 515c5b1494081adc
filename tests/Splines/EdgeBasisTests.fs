/// The kernel of splines and silu against the tensor operators.
module MetaKan.Tests.EdgeBasisTests

open System
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.BSplineTests
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private byOperators place (case: Case) = Basis.append (BSpline.basis place case.Order case.Knots) Silu.basis

let private agrees highest tolerance place (case: Case) =
    let orders = [ 0..highest ]
    let x = columns case.X |> Placement.put place
    let kernel = EdgeBasis.create place case.Order case.Knots
    let expected = byOperators place case
    Assert.Equal(expected.Count, kernel.Count)

    for order, e, a in List.zip3 orders (expected.Derivatives orders x) (kernel.Derivatives orders x) do
        close $"derivative {order}" tolerance e a

[<Fact>]
let ``derivatives are those of the operators, in double precision`` () =
    forAll 60 apart (agrees 4 1e-11 Placement.cpu64)
    forAll 30 repeated (agrees 4 1e-11 Placement.cpu64)

[<Fact>]
let ``derivatives are those of the operators, in single precision`` () = forAll 40 apart (agrees 2 1e-4 Placement.cpu32)

[<Fact>]
let ``one sequence of knots serves every input`` () =
    forAll 20 apart (fun case -> agrees 4 1e-11 Placement.cpu64 { case with Knots = [| case.Knots[0] |] })

[<Fact>]
let ``many points on several threads give the same numbers as on one`` () =
    forAll 5 (Gen.zip apart seeds) (fun (case, seed) ->
        let x = uniform seed (-2.0, 3.0) [ 20000; case.Knots.Length ]
        let kernel = EdgeBasis.create Placement.cpu64 case.Order case.Knots
        let threads = torch.get_num_threads ()

        let on count =
            torch.set_num_threads count

            try
                kernel.Derivatives [ 0; 1 ] x
            finally
                torch.set_num_threads threads

        for one, three in List.zip (on 1) (on 3) do
            close "threads" 1e-15 one three)

[<Fact>]
let ``what is no number stays visible, and infinity is outside the knots`` () =
    let kernel = EdgeBasis.create Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]
    let at x = (kernel.Derivatives [ 0 ] (tensor [ 1; 1 ] [ x ])).Head |> Tensor.toArray
    Assert.Contains(nan, at nan)
    Assert.Equal<float>(Array.append (Array.zeroCreate 8) [| infinity |], at infinity)

[<Fact>]
let ``no points have no functions`` () =
    let kernel = EdgeBasis.create Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]

    Assert.Equal<int64>(
        [| 0L; 2L; 9L |],
        (kernel.Derivatives [ 0 ] (torch.zeros (0L, 2L, dtype = torch.float64))).Head.shape
    )

[<Fact>]
let ``points of another precision are a mistake of the caller`` () =
    let kernel = EdgeBasis.create Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]
    let x = torch.zeros (2L, 2L, dtype = torch.float32)
    Assert.Throws<ArgumentException>(fun () -> kernel.Derivatives [ 0 ] x |> ignore) |> ignore
