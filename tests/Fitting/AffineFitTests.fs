/// The search for c·f(a x + b) + d, on curves that are of this form.
module MetaKan.Tests.AffineFitTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Numeric
open TorchSharp

/// c·f(a x + b) + d for x in [-1, 1], with numbers on which f is defined there and not a straight line.
type Curve = { Function: string; A: float; B: float; C: float; D: float; Seed: int }

let private within (low: float, high: float) =
    Gen.choose (0, 1_000_000) |> Gen.map (fun n -> low + (high - low) * float n / 1e6)

let private signed range = Gen.map2 (*) (Gen.elements [ -1.0; 1.0 ]) (within range)

/// a and b for a function.
let private inside name =
    gen {
        match name with
        | "log"
        | "sqrt"
        | "1/sqrt"
        | "x^1.5"
        | "1/x"
        | "1/x^2"
        | "1/x^3"
        | "1/x^4"
        | "1/x^5" ->
            let! a = signed (0.5, 3.0)
            let! beyond = within (0.3, 2.0)
            return a, abs a + beyond
        | "arcsin"
        | "arccos"
        | "arctanh" ->
            let! a = signed (0.4, 0.7)
            let! b = within (-0.25, 0.25)
            return a, b
        | "tan" ->
            let! a = signed (0.4, 0.9)
            let! b = within (-0.4, 0.4)
            return a, b
        | "abs"
        | "sgn" ->
            let! a = signed (0.5, 3.0)
            let! share = within (-0.8, 0.8)
            return a, share * a
        | _ ->
            let! a = signed (0.5, 3.0)
            let! b = within (-2.0, 2.0)
            return a, b
    }

let private curves name =
    gen {
        let! a, b = inside name
        let! c = signed (0.3, 3.0)
        let! d = within (-2.0, 2.0)
        let! seed = seeds
        return { Function = name; A = a; B = b; C = c; D = d; Seed = seed }
    }

let private value (f: SymbolicFunction) a b c d (x: Tensor) = f.Value(x * a + b) * c + d

let private spread (t: Tensor) = Tensor.item (((t - t.mean ()) * (t - t.mean ())).mean())

/// 1 - the mean square of what is left, over the variance.
let private explained (y: Tensor) (fitted: Tensor) = 1.0 - Tensor.item (((y - fitted) * (y - fitted)).mean()) / spread y

let tests =
    testList
        "Fitting.AffineFit"
        [
            testCase "every function is found on its own curves, and its numbers draw them" (fun () ->
                for f in SymbolicFunction.library |> List.filter (fun f -> f.Name <> "0") do
                    forAll 4 (curves f.Name) (fun curve ->
                        let x = uniform curve.Seed (-1.0, 1.0) [ 120 ]
                        let y = value f curve.A curve.B curve.C curve.D x
                        let fit = AffineFit.find f (-10.0, 10.0) (-10.0, 10.0) x y
                        let drawn = value f fit.A fit.B fit.C fit.D x
                        // One point on the wrong side of a jump is a large share.
                        let enough = if f.Name = "sgn" then 0.9 else 0.9999
                        Check.inRange enough 1.0 (explained y drawn) "explained share"
                        Check.inRange enough (1.0 + 1e-9) fit.R2 "R²"
                        Check.inRange 0.0 10.0 (abs fit.A) "size of A"
                        Check.inRange 0.0 10.0 (abs fit.B) "size of B"))

            testCase "the share explained is that of the curve drawn, for any function" (fun () ->
                let cases = Gen.zip (Gen.elements SymbolicFunction.library) seeds

                forAll 40 cases (fun (f, seed) ->
                    let x = uniform seed (-2.0, 3.0) [ 100 ]
                    let y = torch.sin (x * 2.0) + normal (seed + 1) [ 100 ] * 0.3
                    let fit = AffineFit.find f (-5.0, 5.0) (-5.0, 5.0) x y
                    Check.inRange 0.0 (1.0 + 1e-9) fit.R2 "R²"
                    Check.inRange 0.0 5.0 (abs fit.A) "size of A"
                    let values = f.Value(x * fit.A + fit.B)

                    if torch.isfinite(values).all().item<bool>() then
                        Check.near 1e-6 fit.R2 (explained y (values * fit.C + fit.D)) "R²"
                        let height = Tensor.item (y.max () - y.min ())
                        let largest = Tensor.item ((values * fit.C).abs().max())

                        Check.near
                            (1e-6 * (1.0 + fit.Cancellation))
                            fit.Cancellation
                            (largest / height)
                            "cancellation"))

            testCase "a fit has values at all points, also at those that the search did not look at" (fun () ->
                for name in [ "sqrt"; "log"; "x^1.5"; "arcsin"; "1/sqrt" ] do
                    forAll 4 seeds (fun seed ->
                        let f = SymbolicFunction.find name
                        let x = uniform seed (0.0, 1.0) [ 2000 ]
                        let shape = if name = "arcsin" then torch.asin x else torch.sqrt x

                        let fit =
                            AffineFit.find f (-10.0, 10.0) (-10.0, 10.0) x (shape + normal (seed + 1) [ 2000 ] * 0.01)

                        Expect.isTrue (torch.isfinite(f.Value(x * fit.A + fit.B)).all().item<bool>()) $"{name}: {fit}"))

            testCase "a constant is its height and nothing else" (fun () ->
                for f in SymbolicFunction.library do
                    use _ = torch.NewDisposeScope()
                    let x = uniform 3 (0.1, 0.9) [ 50 ]
                    let fit = AffineFit.find f (-3.0, 3.0) (-3.0, 3.0) x (torch.full_like (x, 1.7))
                    Check.inRange 0.0 1e-9 fit.R2 "R²"
                    let drawn = Tensor.toArray (value f fit.A fit.B fit.C fit.D x)

                    for v in drawn do
                        Check.near 5e-7 v 1.7 "value")

            property
                "a and b keep to their ranges, and numbers that are given are measured"
                25
                (Gen.zip3 (within (-2.0, 2.0)) (within (-2.0, 2.0)) seeds)
                (fun (a, b, seed) ->
                    let x = uniform seed (-1.0, 1.0) [ 80 ]
                    let f = SymbolicFunction.find (if seed % 2 = 0 then "sin" else "exp")
                    let y = f.Value(x * a + b) * 1.7 - 0.4

                    // Held, they leave c and d.
                    let held = AffineFit.find f (a, a) (b, b) x y
                    Expect.equal (held.A, held.B) (a, b) "a and b"
                    close "curve" 1e-9 y (value f held.A held.B held.C held.D x)

                    let low, high = a + 0.5, a + 1.0
                    let apart = AffineFit.find f (low, high) (-0.3, 0.2) x y
                    Check.inRange low high apart.A "a"
                    Check.inRange -0.3 0.2 apart.B "b"

                    let measured = AffineFit.measured f (apart.A, apart.B, apart.C, apart.D) x y
                    Check.near 1e-9 measured.R2 (explained y (value f apart.A apart.B apart.C apart.D x)) "R²"
                    Check.near 1e-6 measured.R2 apart.R2 "R² of the fit")
        ]
