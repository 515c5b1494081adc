/// Operators by their directions: exact, or right on average.
module MetaKan.Tests.DirectionsTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private place = Placement.cpu64

/// sin(x W) · tanh(x V), with all mixed second derivatives.
let private onTensor seed d (x: Tensor) =
    torch.sin (torch.matmul (x, normal seed [ d; 2 ]))
    * torch.tanh (torch.matmul (x, normal (seed + 1) [ d; 2 ]))

let private onJet seed d (x: Jet) =
    let zero = torch.zeros (2L, dtype = torch.float64)

    sin (Jet.affine (normal seed [ d; 2 ]) zero x)
    * tanh (Jet.affine (normal (seed + 1) [ d; 2 ]) zero x)

/// Operators with coefficients of both signs, some zero, and some first derivatives.
let private operators =
    gen {
        let! d = Gen.choose (1, 6)
        let! second = Gen.arrayOfLength d (Gen.elements [ 1.0; 0.5; -2.0; 0.0 ])
        let! first = Gen.subListOf [ 0 .. d - 1 ]
        return { Second = second; Sums = []; Partials = List.map List.singleton first }
    }

let private jetOf directions seed d x = onJet seed d (Directions.seed directions x)

let private exactlyFirst (operator: Operator) directions (jacobian: Tensor) jet =
    for i in List.concat operator.Partials do
        close $"by x_{i}" 1e-10 (1.0 + jacobian.select (2L, int64 i)) (1.0 + Directions.partial directions [ i ] jet)

let private isExact method' (operator: Operator, seed) =
    let d = operator.Second.Length
    let x = normal (seed + 5) [ 3; d ]
    let f = onTensor seed d
    let directions = Operator.directions (method' d) (Key.ofSeed seed) place operator

    if directions.Weights.numel () > 0L then
        let jet = jetOf directions seed d x
        close "second" 1e-9 (1.0 + Nested.second operator.Second f x) (1.0 + jet.Second)
        exactlyFirst operator directions (Nested.jacobian f x) jet

/// The mean of many draws lies within 4.5 standard errors of the truth, and the draws differ.
let private unbiased method' (operator: Operator) =
    use _ = torch.NewDisposeScope()
    let d, draws = operator.Second.Length, 1500
    let x = normal 5 [ 2; d ]
    let f = onTensor 3 d
    let jacobian = Nested.jacobian f x

    // The operator's sums beside its squares.
    let whole directions (jet: Jet) =
        jet.Second :: [ for index in 0 .. operator.Sums.Length - 1 -> Directions.sum directions index jet ]
        |> fun parts -> torch.cat (List.toArray parts, 1L)

    let truth =
        let exact = Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) place operator
        let found = whole exact (jetOf exact 3 d x)
        close "second" 1e-9 (1.0 + Nested.second operator.Second f x) (1.0 + found.narrow (1L, 0L, 2L))
        found

    let samples =
        torch.stack (
            [|
                for n in 1..draws ->
                    let directions = Operator.directions method' (Key.fold n (Key.ofSeed 77)) place operator
                    let jet = jetOf directions 3 d x
                    exactlyFirst operator directions jacobian jet
                    whole directions jet
            |],
            0L
        )

    let mean = samples.mean [| 0L |]
    let spread = torch.sqrt ((samples - mean).square().mean [| 0L |])
    let errors = (mean - truth).abs() / (spread / sqrt (float draws))
    Expect.isTrue (Tensor.item (spread.min ()) > 1e-3) "the draws are all the same"
    Check.inRange 0.0 4.5 (Tensor.item (errors.max ())) "largest"

/// Squares of an estimate less a number are, on average, the exact one's and the estimate's variance, of which the closed form
/// is given by the number of directions and the Hessian: here of a quadratic function in d dimensions.
let private squareHasVariance method' (variance: float -> Tensor -> float) count =
    use _ = torch.NewDisposeScope()
    let d, draws, wanted = 5, 4000, 0.7
    let half = normal 8 [ d; d ]
    let hessian = half + half.t ()

    let squares =
        [|
            for n in 1..draws ->
                let directions =
                    Operator.directions (method' count) (Key.fold n (Key.ofSeed 78)) place (Operator.laplacian d)

                let lines = (Jet.tangents (Directions.seed directions (normal 9 [ 1; d ]))).squeeze 0L
                let seconds = (Tensor.product lines hessian * lines).sum 1L
                (Tensor.item ((seconds * directions.Weights).sum()) - wanted) ** 2.0
        |]

    let mean = Array.average squares
    let spread = sqrt (squares |> Array.averageBy (fun square -> (square - mean) ** 2.0))
    let expected = (Tensor.item (hessian.trace ()) - wanted) ** 2.0 + variance (float count) hessian
    Check.inRange 0.0 4.5 (abs (mean - expected) / (spread / sqrt (float draws))) "standard errors"

let private varianceOfSample (n: float) (hessian: Tensor) =
    let d, seconds = float (hessian.size 0), Tensor.toArray (hessian.diagonal ())
    let mean = Array.average seconds
    d * d / n * (d - n) / (d - 1.0) * (seconds |> Array.averageBy (fun x -> (x - mean) ** 2.0))

let private varianceOfSigns (n: float) (hessian: Tensor) =
    2.0 / n * Tensor.item (hessian.square().sum() - hessian.diagonal().square().sum())


let private varianceReplaced (n: float) (hessian: Tensor) =
    let d, seconds = float (hessian.size 0), Tensor.toArray (hessian.diagonal ())
    let mean = Array.average seconds
    d * d / n * (seconds |> Array.averageBy (fun x -> (x - mean) ** 2.0))

let private varianceOfNormals (n: float) (hessian: Tensor) = 2.0 / n * Tensor.item (hessian.square().sum())

let private mixed = { Second = [| 1.0; -0.5; 0.0; 2.0; -1.0 |]; Sums = []; Partials = [ [ 2 ]; [ 0 ] ] }

// Two directions, of six where there are pairs.
let private estimates =
    [
        for name, method in LaplacianMethod.estimates -> name, method (if name.EndsWith "pairs" then 6 else 2)
    ]

let tests =
    testList
        "Calculus.Directions"
        [
            property
                "exact directions give the operator and its first derivatives"
                40
                (Gen.zip operators seeds)
                (isExact (fun _ -> LaplacianMethod.Exact))

            property
                "a sample of all terms is exact"
                40
                (Gen.zip operators seeds)
                (isExact (fun d -> LaplacianMethod.Sdgd d))

            testCase "no more directions are followed than the operator needs" (fun () ->
                use _ = torch.NewDisposeScope()

                let count method' operator =
                    (Operator.directions method' (Key.ofSeed 1) place operator).Weights.numel()

                Expect.equal (count LaplacianMethod.Exact (Operator.laplacian 5)) 5L "directions"

                Expect.equal
                    (count LaplacianMethod.Exact { Second = [| 1.0; 0.0; 1.0 |]; Sums = []; Partials = [ [ 2 ] ] })
                    2L
                    "directions"

                Expect.equal
                    (count LaplacianMethod.Exact { Second = [| 1.0; 0.0; 1.0 |]; Sums = []; Partials = [ [ 1 ] ] })
                    3L
                    "directions"

                Expect.equal (count (LaplacianMethod.Sdgd 2) (Operator.laplacian 5)) 2L "directions"
                Expect.equal (count (LaplacianMethod.Hutchinson 3) (Operator.laplacian 5)) 3L "directions"

                Expect.equal
                    (count (LaplacianMethod.Hutchinson 3) { Second = [| 1.0; -1.0 |]; Sums = []; Partials = [ [ 0 ] ] })
                    7L
                    "directions"

                Expect.equal
                    (count (LaplacianMethod.Hutchinson 3) { Second = [| 0.0 |]; Sums = []; Partials = [] })
                    0L
                    "directions")

            testCase "an estimate takes directions, and no more of them than there are coordinates" (fun () ->
                use _ = torch.NewDisposeScope()

                for method', operator in
                    [
                        LaplacianMethod.Sdgd 0, Operator.laplacian 5
                        LaplacianMethod.Sdgd -1, Operator.laplacian 5
                        LaplacianMethod.Sdgd 6, Operator.laplacian 5
                        LaplacianMethod.Hutchinson 0, Operator.laplacian 5
                        LaplacianMethod.Sdgd 0, { Second = [||]; Sums = []; Partials = [] }
                    ] do
                    let message =
                        Folder.messageOf<System.ArgumentException>(fun () ->
                            Operator.directions method' (Key.ofSeed 1) place operator |> ignore)

                    Expect.stringContains message (string method') "message"

                // What has no second derivatives is the same by every method.
                Operator.directions
                    (LaplacianMethod.Sdgd 6)
                    (Key.ofSeed 1)
                    place
                    { Second = [||]; Sums = []; Partials = [] }
                |> ignore)

            testCase "a first derivative is one a point, and one that is listed" (fun () ->
                use _ = torch.NewDisposeScope()
                let operator = { Second = [| 1.0; 0.0; 0.0 |]; Sums = []; Partials = [ [ 2 ] ] }
                let directions = Operator.directions LaplacianMethod.Exact (Key.ofSeed 1) place operator
                let linear = 3.0 * Jet.part 2 (Directions.seed directions (normal 1 [ 4; 3 ]))

                close
                    "by x_2"
                    0.0
                    (tensor [ 4; 1 ] [ 3.0; 3.0; 3.0; 3.0 ])
                    (Directions.partial directions [ 2 ] linear)

                Expect.stringContains
                    (Folder.messageOf<System.ArgumentException>(fun () ->
                        Directions.partial directions [ 0 ] linear |> ignore))
                    "no derivative by [0]"
                    "message")

            property "sampled terms are distinct" 20 seeds (fun seed ->
                match
                    (Operator.directions (LaplacianMethod.Sdgd 4) (Key.ofSeed seed) place (Operator.laplacian 6))
                        .Tangents
                with
                | Coordinates indices ->
                    Expect.equal
                        (Tensor.toArray (indices.``to`` torch.float64) |> Array.distinct |> Array.length)
                        4
                        "axes"
                | Dense _ -> failtest "coordinates are enough")

            Check.theory "an estimate is right on average" estimates (fun (_, method) ->
                unbiased method (Operator.laplacian 5)
                unbiased method mixed)

            testCase "an estimate of a sum of other derivatives is right on average" (fun () ->
                let by = [ [ 0; 0; 0 ]; [ 0; 1; 2 ]; [ 0; 0; 1; 1 ]; [ 3; 3; 3; 3 ]; [ 1; 3 ]; [ 2; 2; 4 ] ]
                let terms = by |> List.mapi (fun i by -> by, float i - 2.5)

                for method in [ LaplacianMethod.Sdgd 2; LaplacianMethod.SdgdReplacing 2; LaplacianMethod.Gaussian 3 ] do
                    unbiased method { Operator.laplacian 5 with Sums = [ terms ] })

            property "sums are those of their derivatives, whole or drawn whole" 20 seeds (fun seed ->
                let by = [ [ 0 ]; [ 0; 0; 1 ]; [ 1; 2 ]; [ 0; 0; 2; 2 ] ]

                let operator =
                    {
                        Second = [| 1.0; 2.0; 0.0 |]
                        Sums = [ [ for by in by -> by, 0.5 ]; [ [ 2 ], 1.0 ] ]
                        Partials = by
                    }

                let x = normal seed [ 3; 3 ]

                for method in [ LaplacianMethod.Exact; LaplacianMethod.Sdgd 3; LaplacianMethod.Hutchinson 4 ] do
                    let directions = Operator.directions method (Key.ofSeed seed) place operator
                    let jet = jetOf directions seed 3 x
                    let whole = by |> List.map (fun by -> 0.5 * Directions.partial directions by jet)
                    // Four terms are more than three.
                    if method <> LaplacianMethod.Sdgd 3 then
                        close "sum" 1e-9 (1.0 + List.reduce (+) whole) (1.0 + Directions.sum directions 0 jet)

                    let slope = (Nested.jacobian (onTensor seed 3) x).select(2L, 2L)
                    close "a sum of one" 1e-9 (1.0 + slope) (1.0 + Directions.sum directions 1 jet)
                    Expect.equal (Operator.isEstimated method operator) (method <> LaplacianMethod.Exact) "estimated")

            property "in two dimensions a pair of sign vectors is exact" 20 seeds (fun seed ->
                let x = normal seed [ 3; 2 ]

                let directions =
                    Operator.directions
                        (LaplacianMethod.HutchinsonPairs 1)
                        (Key.ofSeed seed)
                        place
                        (Operator.laplacian 2)

                let exact = Operator.directions LaplacianMethod.Exact (Key.ofSeed seed) place (Operator.laplacian 2)
                let second directions = (jetOf directions seed 2 x).Second
                close "second" 1e-10 (1.0 + second exact) (1.0 + second directions))

            property "terms drawn one by one may come again, and each counts" 20 seeds (fun seed ->
                let directions =
                    Operator.directions
                        (LaplacianMethod.SdgdReplacing 40)
                        (Key.ofSeed seed)
                        place
                        (Operator.laplacian 3)

                Expect.isLessThanOrEqual (directions.Weights.numel ()) 3L "axes"
                Check.near 1e-12 (Tensor.item (directions.Weights.sum ())) 3.0 "weights")

            property "squares of slopes along the lines are right on average" 5 seeds (fun seed ->
                let operator = { Second = [| 1.0; 2.0; 0.5; 3.0 |]; Sums = []; Partials = [] }
                let x = normal seed [ 2; 4 ]
                let squares method key = Jet.squares (jetOf (Operator.directions method key place operator) seed 4 x)
                let exact = squares LaplacianMethod.Exact (Key.ofSeed 0)

                for method in [ LaplacianMethod.Sdgd 2; LaplacianMethod.Gaussian 2 ] do
                    let samples =
                        torch.stack ([| for n in 1..1500 -> squares method (Key.fold n (Key.ofSeed seed)) |], 0L)

                    let errors = (samples.mean [| 0L |] - exact).abs() / (samples.std 0L / sqrt 1500.0)
                    Check.inRange 0.0 4.8 (Tensor.item (errors.max ())) "standard errors")

            Check.theory
                "squares of a sample of the terms have its variance"
                [ 1; 2; 4 ]
                (squareHasVariance LaplacianMethod.Sdgd varianceOfSample)

            Check.theory
                "squares of random signs have their variance"
                [ 1; 3 ]
                (squareHasVariance LaplacianMethod.Hutchinson varianceOfSigns)

            Check.theory
                "squares of terms drawn one by one have their variance"
                [ 1; 3 ]
                (squareHasVariance LaplacianMethod.SdgdReplacing varianceReplaced)

            Check.theory
                "squares of normal vectors have their variance"
                [ 1; 3 ]
                (squareHasVariance LaplacianMethod.Gaussian varianceOfNormals)
        ]
