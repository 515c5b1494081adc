/// Sums over edges, with their gradients, against the functions that they sum.
module MetaKan.Tests.EdgeSumsTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.BSplineTests
open MetaKan.Tests.Numeric
open TorchSharp

let private scaled = Gen.elements [ true; false ]

/// Edges from the case's inputs to some outputs.
let private edges place (case: Case) seed outputs (scaled: bool) =
    let inputs = case.X.Length
    let functions = case.Knots[0].Length - 1 - case.Order
    let draw n shape = normal (seed + n) shape |> Placement.put place

    {
        Splines = draw 0 [ inputs; functions; outputs ]
        Scale = if scaled then Some(draw 1 [ inputs; outputs ]) else None
        Base = draw 2 [ inputs; outputs ]
    }

let private tracked (t: Tensor) = t.detach().requires_grad_ true

let private trackedEdges weights =
    {
        Splines = tracked weights.Splines
        Scale = Option.map tracked weights.Scale
        Base = tracked weights.Base
    }

/// Σ over inputs of base·silu(x) + scale·Σ c_m B_m(x), term by term.
let private termByTerm place (case: Case) (x: Tensor) (weights: EdgeWeights) =
    let splines = Basis.features (BSpline.basis place case.Order case.Knots) 0 0 x |> Array.head
    let sums = torch.einsum ("nim,imo->nio", splines, weights.Splines)

    let scaled =
        match weights.Scale with
        | Some scale -> sums * scale
        | None -> sums

    (scaled + (x * torch.sigmoid x).unsqueeze(2L) * weights.Base).sum 1L

/// A function's value and its gradients by points and weights.
let private valueAndGradients (f: Tensor -> EdgeWeights -> Tensor) (x: Tensor) (weights: EdgeWeights) =
    let x, weights = tracked x, trackedEdges weights
    let y = f x weights
    let cotangent = normal 5 (y.shape |> Seq.map int |> List.ofSeq) |> Placement.put (Placement.ofTensor y)

    let leaves = [| x; weights.Splines; weights.Base; yield! Option.toArray weights.Scale |]
    y.detach (), torch.autograd.grad ([| y |], leaves, [| cotangent |]) |> List.ofSeq

let private agrees tolerance place (case: Case, (seed, outputs), scaled) =
    let x = columns case.X |> Placement.put place
    let weights = edges place case seed outputs scaled
    let value, gradients = valueAndGradients (EdgeSums.create place case.Order case.Knots) x weights
    let expected, byTerms = valueAndGradients (termByTerm place case) x weights
    close "sums" tolerance expected value

    let names = List.truncate byTerms.Length [ "points"; "splines"; "base"; "scale" ]

    for name, e, a in List.zip3 names byTerms gradients do
        close $"gradient by {name}" tolerance e a

let private layers cases = Gen.zip3 cases (Gen.zip seeds (Gen.choose (1, 9))) scaled

let tests =
    testList
        "Splines.EdgeSums"
        [
            testCase "sums and gradients are those of the edges one by one, in double precision" (fun () ->
                forAll 80 (layers apart) (agrees 1e-11 Placement.cpu64)
                forAll 40 (layers repeated) (agrees 1e-11 Placement.cpu64))

            property
                "sums and gradients are those of the edges one by one, in single precision"
                40
                (layers apart)
                (agrees 2e-4 Placement.cpu32)

            property "one sequence of knots serves every input" 20 (layers apart) (fun (case, more, scaled) ->
                agrees 1e-11 Placement.cpu64 ({ case with Knots = [| case.Knots[0] |] }, more, scaled))

            testCase "a layer wider than a vector, and one with many inputs" (fun () ->
                let knots = Knots.uniform 5 3 (-1.0, 1.0)

                for inputs, outputs in [ 1, 1; 2, 37; 50, 3; 17, 16 ] do
                    let case =
                        {
                            Order = 3
                            Knots = [| knots |]
                            X = Array.init inputs (fun i -> Array.init 40 (fun n -> sin (float (7 * n + i))))
                        }

                    agrees 1e-11 Placement.cpu64 (case, (inputs, outputs), true)
                    agrees 1e-3 Placement.cpu32 (case, (inputs, outputs), true))

            property
                "points once located serve any number of weights"
                20
                (layers apart)
                (fun (case, (seed, outputs), scaled) ->
                    let place, x = Placement.cpu64, columns case.X
                    let located = EdgeSums.create place case.Order case.Knots x

                    for n in 0..2 do
                        let weights = edges place case (seed + 10 * n) outputs scaled
                        close "sums" 1e-11 (termByTerm place case x weights) (located weights))

            // Alone: the number of threads is the process's.
            testSequenced
            <| property
                "many points on several threads give the same numbers as on one"
                5
                (Gen.zip apart seeds)
                (fun (case, seed) ->
                    let x = uniform seed (-2.0, 3.0) [ 9000; case.Knots.Length ]
                    let weights = edges Placement.cpu64 case seed 5 true
                    let sums = EdgeSums.create Placement.cpu64 case.Order case.Knots
                    let threads = torch.get_num_threads ()

                    let on count =
                        torch.set_num_threads count

                        try
                            valueAndGradients sums x weights
                        finally
                            torch.set_num_threads threads

                    let one, byOne = on 1
                    let three, byThree = on 3
                    close "sums" 1e-15 one three
                    // Sums over points in another order.
                    List.iter2 (close "gradients" 1e-12) byOne byThree)

            testCase "weights that are views are read as what they show" (fun () ->
                use _ = torch.NewDisposeScope()

                let case =
                    {
                        Order = 3
                        Knots = [| Knots.uniform 5 3 (-1.0, 1.0) |]
                        X = [| [| 0.1; -0.7 |]; [| 0.4; 2.0 |] |]
                    }

                let plain = edges Placement.cpu64 case 3 4 true

                let turned =
                    {
                        Splines = plain.Splines.transpose(0L, 2L).contiguous().transpose(0L, 2L)
                        Scale = plain.Scale |> Option.map (fun t -> t.t().contiguous().t())
                        Base = plain.Base.t().contiguous().t()
                    }

                Expect.isFalse
                    (turned.Splines.is_contiguous () || turned.Base.is_contiguous ())
                    "weights in another order"

                let f = EdgeSums.create Placement.cpu64 3 case.Knots
                let value, gradients = valueAndGradients f (columns case.X) plain
                let same, alike = valueAndGradients f (columns case.X) turned
                close "sums" 0.0 value same
                List.iter2 (close "gradients" 0.0) gradients alike)

            testCase "what is no number stays visible, and infinity is outside the knots" (fun () ->
                use _ = torch.NewDisposeScope()
                let case = { Order = 3; Knots = [| Knots.uniform 5 3 (-1.0, 1.0) |]; X = [| [||] |] }
                let weights = edges Placement.cpu64 case 1 2 true

                let at x =
                    EdgeSums.create Placement.cpu64 3 case.Knots (tensor [ 1; 1 ] [ x ]) weights |> Tensor.toArray

                for y in at nan do
                    Expect.isTrue (Double.IsNaN y) "the value is no number"

                Expect.equal (at infinity) (Tensor.toArray (weights.Base * infinity)) "sums at infinity")

            testCase "no points have no sums, and move no weight" (fun () ->
                use _ = torch.NewDisposeScope()
                let case = { Order = 3; Knots = [| Knots.uniform 5 3 (-1.0, 1.0) |]; X = [| [||]; [||] |] }
                let weights = edges Placement.cpu64 case 1 3 true
                let x = torch.zeros (0L, 2L, dtype = torch.float64)
                let value, gradients = valueAndGradients (EdgeSums.create Placement.cpu64 3 case.Knots) x weights
                Expect.equal value.shape [| 0L; 3L |] "shape"

                for g in gradients.Tail do
                    for number in Tensor.toArray g do
                        Expect.equal number 0.0 "gradient")

            testCase "points of another precision are a mistake of the caller" (fun () ->
                use _ = torch.NewDisposeScope()
                let sums = EdgeSums.create Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]
                let x = torch.zeros (2L, 2L, dtype = torch.float32)
                Expect.throwsT<ArgumentException> (fun () -> sums x |> ignore) "points of another precision")

            property
                "edges times numbers are as many times as large"
                20
                (layers apart)
                (fun (case, (seed, outputs), scaled) ->
                    let weights = edges Placement.cpu64 case seed outputs scaled
                    let factors = normal (seed + 9) [ case.X.Length; outputs ]

                    close
                        "coefficients"
                        1e-14
                        (EdgeWeights.coefficients weights * factors.unsqueeze 1L)
                        (EdgeWeights.coefficients (EdgeWeights.times factors weights)))
        ]
