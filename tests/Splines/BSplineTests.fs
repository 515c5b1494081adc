/// B-splines against the recursion that defines them, and the identities they satisfy.
module MetaKan.Tests.BSplineTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

/// B_m of order k at x by the recursion, closed on the left; 0/0 is 0 (de Boor, chapter IX, equation 14).
let rec private coxDeBoor (t: float[]) (k: int) (m: int) (x: float) : float =
    if k = 0 then
        if t[m] <= x && x < t[m + 1] then 1.0 else 0.0
    else
        let part numerator denominator lower =
            if denominator = 0.0 then 0.0 else numerator / denominator * coxDeBoor t (k - 1) lower x

        part (x - t[m]) (t[m + k] - t[m]) m + part (t[m + k + 1] - x) (t[m + k + 1] - t[m + 1]) (m + 1)

type Case = { Order: int; Knots: float[][]; X: float[][] }

/// Knots with gaps that `gap` draws, for one to three inputs, and points for each that cover them and more.
let private cases (gap: Gen<float>) =
    gen {
        let! order = Gen.choose (0, 5)
        let! extra = Gen.choose (0, 5)
        let! inputs = Gen.choose (1, 3)

        let sequence =
            gen {
                let! gaps = Gen.arrayOfLength (2 * order + 1 + extra) gap
                return Array.scan (+) -1.5 gaps
            }

        let! knots = Gen.arrayOfLength inputs sequence
        let! places = Gen.arrayOfLength 25 (Gen.choose (0, 1_000_000))

        // A third of the points are knots; the others lie anywhere, some outside.
        let point (t: float[]) (n: int) place =
            if n % 3 = 0 then
                t[place % t.Length]
            else
                t[0] - 0.3 + (t[t.Length - 1] - t[0] + 0.6) * float place / 1e6

        return { Order = order; Knots = knots; X = knots |> Array.map (fun t -> Array.mapi (point t) places) }
    }

let apart = cases (Gen.choose (2, 10) |> Gen.map (fun n -> float n / 10.0))

let repeated =
    cases (Gen.elements [ 0.0; 0.4; 0.9 ])
    |> Gen.filter (fun c -> c.Knots |> Array.forall (fun t -> Array.last t > t[0]))

let private basis (case: Case) = BSpline.basis Placement.cpu64 case.Order case.Knots

/// Points [N, in] from one sequence of points per input.
let columns (x: float[][]) =
    Tensor.ofArray Placement.cpu64 [ int64 x[0].Length; int64 x.Length ] (x |> Array.transpose |> Array.concat)

/// Points in the middle parts of knot intervals, where a spline is smooth.
let private smoothPoints (case: Case) =
    { case with
        X =
            case.Knots
            |> Array.map (fun t ->
                [|
                    for i in 0 .. t.Length - 2 do
                        for share in [ 0.15; 0.5; 0.9 ] -> t[i] + share * (t[i + 1] - t[i])
                |])
    }

/// The part of the knots on which the splines span all polynomials.
let private inside (case: Case) =
    { case with
        X =
            case.Knots
            |> Array.map (fun t ->
                let low, high = t[case.Order], t[t.Length - 1 - case.Order]
                [| for n in 0..19 -> low + (high - low) * float n / 20.0 |])
    }

let private agrees (case: Case) =
    let count = (basis case).Count

    let expected =
        [|
            for n in 0 .. case.X[0].Length - 1 do
                for i in 0 .. case.X.Length - 1 do
                    for m in 0 .. count - 1 -> coxDeBoor case.Knots[i] case.Order m (case.X[i][n])
        |]
        |> Tensor.ofArray Placement.cpu64 [ int64 case.X[0].Length; int64 case.X.Length; int64 count ]

    close "values" 1e-9 expected ((basis case).Derivatives [ 0 ] (columns case.X)).Head

let tests =
    testList
        "Splines.BSpline"
        [
            property "values are those of the recursion, on any knots of each input" 60 apart agrees

            property "values are those of the recursion on repeated knots" 60 repeated agrees

            property "derivatives on repeated knots are numbers" 30 repeated (fun case ->
                for d in (basis case).Derivatives [ 0 .. case.Order + 1 ] (columns case.X) do
                    Expect.isTrue (torch.isfinite(d).all().item<bool>()) "every number is finite")

            property "one sequence of knots serves every input" 20 apart (fun case ->
                let shared = { case with Knots = [| case.Knots[0] |] }
                let each = { case with Knots = Array.create case.X.Length case.Knots[0] }
                let x = columns case.X

                for a, b in Seq.zip ((basis each).Derivatives [ 0; 1 ] x) ((basis shared).Derivatives [ 0; 1 ] x) do
                    close "shared knots" 1e-14 a b)

            property "values are not negative, sum to one inside, and vanish outside" 40 apart (fun case ->
                let values x = ((basis case).Derivatives [ 0 ] x).Head
                Expect.isTrue (Tensor.item (values(columns case.X).min()) >= -1e-12) "no function is negative"
                let sums = (values (columns (inside case).X)).sum -1L
                close "sum" 1e-9 (torch.ones_like sums) sums

                let outside =
                    case.Knots |> Array.map (fun t -> [| t[0] - 1e-9; t[0] - 5.0; Array.last t; Array.last t + 5.0 |])

                for d in (basis case).Derivatives [ 0; 1 ] (columns outside) do
                    Expect.equal (Tensor.item (d.abs().max())) 0.0 "largest derivative")

            property "derivatives are central differences of the lower ones" 30 apart (fun case ->
                let x = columns (smoothPoints case).X
                let derivative p x = ((basis case).Derivatives [ p ] x).Head
                let h = 1e-5

                for p in 1 .. case.Order + 1 do
                    let differences = (derivative (p - 1) (x + h) - derivative (p - 1) (x - h)) / (2.0 * h)
                    // The scale of the values before, as the last derivative is zero.
                    let scale = 1.0 + Tensor.item ((derivative (p - 1) x).abs().max())
                    close $"derivative {p}" 1e-5 (1.0 + differences / scale) (1.0 + derivative p x / scale))

            property "derivatives sum to zero inside" 30 apart (fun case ->
                for d in (basis case).Derivatives [ 1 .. case.Order ] (columns (inside case).X) do
                    let size = 1.0 + Tensor.item (d.abs().max())
                    Check.inRange 0.0 1e-9 (Tensor.item ((d.sum -1L).abs().max()) / size) "sum of derivatives")

            testCase "polynomials up to the order are splines" (fun () ->
                // Marsden's identity: (y - x)^k = Σ_m Π_j (y - t_{m+j}) B_m(x), j = 1 … k, for every y.
                forAll 40 (Gen.zip apart (Gen.choose (-30, 30))) (fun (case, y) ->
                    let y = float y / 10.0
                    let x = columns (inside case).X

                    let weights =
                        [|
                            for t in case.Knots do
                                for m in 0 .. (basis case).Count - 1 do
                                    Seq.fold (fun product j -> product * (y - t[m + j])) 1.0 (seq { 1 .. case.Order })
                        |]
                        |> Tensor.ofArray Placement.cpu64 [ 1L; int64 case.Knots.Length; -1L ]

                    let powers = (y - x).pow((float case.Order).ToScalar())

                    let scale = Tensor.item (powers.abs().max()) + Tensor.item (weights.abs().max()) |> max 1.0

                    let spline = (((basis case).Derivatives [ 0 ] x).Head * weights).sum -1L
                    close "polynomial" 1e-10 (1.0 + powers / scale) (1.0 + spline / scale)))

            testCase "uniform knots extend the grid by the order on both sides" (fun () ->
                let expected = [| -4.0; -3.0; -2.0; -1.0; 0.0; 1.0; 2.0; 3.0; 4.0 |] |> Array.map (fun t -> t / 2.0)
                Expect.equal (Knots.uniform 4 2 (-1.0, 1.0)) expected "knots"
                Expect.equal (BSpline.basis Placement.cpu64 2 [| expected |]).Count 6 "number of functions")

            testCase "too few knots and uneven knots are a mistake of the caller" (fun () ->
                let refused knots =
                    Expect.throwsT<ArgumentException>
                        (fun () -> BSpline.basis Placement.cpu64 3 knots |> ignore)
                        "knots that are none"

                refused [| [| 0.0; 1.0; 2.0; 3.0 |] |]
                refused [| [| 0.0; 1.0; 2.0; 3.0; 4.0 |]; [| 0.0; 1.0; 2.0; 3.0; 4.0; 5.0 |] |])
        ]
