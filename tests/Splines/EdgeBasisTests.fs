/// The kernel of splines and silu against the tensor operators.
module MetaKan.Tests.EdgeBasisTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.BSplineTests
open MetaKan.Tests.Numeric
open TorchSharp

let private byOperators place (case: Case) = Basis.append (BSpline.basis place case.Order case.Knots) Silu.basis

let private agrees highest tolerance place (case: Case) =
    let orders = [ 0..highest ]
    let x = columns case.X |> Placement.put place
    let kernel = EdgeBasis.create place case.Order case.Knots
    let expected = byOperators place case
    Expect.equal kernel.Count expected.Count "number of functions"

    for order, e, a in List.zip3 orders (expected.Derivatives orders x) (kernel.Derivatives orders x) do
        close $"derivative {order}" tolerance e a

let tests =
    testList
        "Splines.EdgeBasis"
        [
            testCase "derivatives are those of the operators, in double precision" (fun () ->
                forAll 60 apart (agrees 4 1e-11 Placement.cpu64)
                forAll 30 repeated (agrees 4 1e-11 Placement.cpu64))

            property
                "derivatives are those of the operators, in single precision"
                40
                apart
                (agrees 2 1e-4 Placement.cpu32)

            property "one sequence of knots serves every input" 20 apart (fun case ->
                agrees 4 1e-11 Placement.cpu64 { case with Knots = [| case.Knots[0] |] })

            // Alone: the number of threads is the process's.
            testSequenced
            <| property
                "many points on several threads give the same numbers as on one"
                5
                (Gen.zip apart seeds)
                (fun (case, seed) ->
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

            testCase "what is no number stays visible, and infinity is outside the knots" (fun () ->
                let kernel = EdgeBasis.create Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]
                let at x = (kernel.Derivatives [ 0 ] (tensor [ 1; 1 ] [ x ])).Head |> Tensor.toArray
                Expect.exists (at nan) Double.IsNaN "functions of nan"
                Expect.equal (at infinity) (Array.append (Array.zeroCreate 8) [| infinity |]) "functions of infinity")

            testCase "no points have no functions" (fun () ->
                let kernel = EdgeBasis.create Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]

                Expect.equal
                    ((kernel.Derivatives [ 0 ] (torch.zeros (0L, 2L, dtype = torch.float64))).Head.shape)
                    [| 0L; 2L; 9L |]
                    "shape")

            testCase "points of another precision are a mistake of the caller" (fun () ->
                let kernel = EdgeBasis.create Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]
                let x = torch.zeros (2L, 2L, dtype = torch.float32)

                Expect.throwsT<ArgumentException>
                    (fun () -> kernel.Derivatives [ 0 ] x |> ignore)
                    "points of another precision")
        ]
