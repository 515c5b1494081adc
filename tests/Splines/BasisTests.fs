/// Bases under automatic differentiation, silu, and two bases side by side.
module MetaKan.Tests.BasisTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private bases =
    gen {
        let! order = Gen.choose (1, 5)
        let! size = Gen.choose (1, 5)
        let splines = BSpline.basis Placement.cpu64 order [| Knots.uniform size order (-1.0, 1.0) |]

        return!
            Gen.elements
                [
                    splines
                    Silu.basis
                    Basis.append splines Silu.basis
                    Rbf.basis (size + 1) (-2.0, 2.0)
                    Chebyshev.basis size
                    Legendre.basis size
                ]
    }

let tests =
    testList
        "Splines.Basis"
        [
            property
                "automatic differentiation of features gives the next derivatives, to the third"
                30
                (Gen.zip bases seeds)
                (fun (basis, seed) ->
                    let x = (uniform seed (-1.8, 1.8) [ 7; 2 ]).requires_grad_ true
                    let weights = normal (seed + 1) [ 7; 2; basis.Count ]
                    let expected = basis.Derivatives [ 0..5 ] (x.detach ())

                    for first in 0..2 do
                        let features = Basis.features basis first (first + 1) x
                        close "value" 1e-12 expected[first] features[0]
                        close "next value" 1e-12 expected[first + 1] features[1]
                        let mutable derivative = (features[0] * weights).sum -1L

                        for n in 1..3 do
                            derivative <- gradient derivative x

                            close
                                $"gradient {n} of derivative {first}"
                                1e-10
                                ((expected[first + n] * weights).sum -1L)
                                derivative)

            property
                "each of several derivatives sends its own gradient back"
                20
                (Gen.zip bases seeds)
                (fun (basis, seed) ->
                    let x = (uniform seed (-1.2, 1.2) [ 5; 3 ]).requires_grad_ true
                    let expected = basis.Derivatives [ 0..3 ] (x.detach ())
                    let weights = [ for n in 0..2 -> normal (seed + n) [ 5; 3; basis.Count ] ]
                    let features = Basis.features basis 0 2 x

                    let total =
                        Seq.map2 (fun (f: Tensor) (w: Tensor) -> (f * w).sum()) features weights |> Seq.reduce (+)

                    let summed =
                        List.map2 (fun (f: Tensor) (w: Tensor) -> (f * w).sum -1L) expected.Tail weights
                        |> List.reduce (+)

                    close "gradient" 1e-10 summed (torch.autograd.grad([| total |], [| x |])[0]))

            property "derivatives of silu are those of x σ(x), to the fourth" 20 seeds (fun seed ->
                let x = (normal seed [ 20; 1 ] * 3.0).requires_grad_ true
                let mutable expected = x * torch.sigmoid x

                for n, actual in Silu.basis.Derivatives [ 0..4 ] (x.detach ()) |> List.indexed do
                    close $"silu, derivative {n}" 1e-10 (expected.unsqueeze -1L) actual
                    expected <- gradient expected x)

            testCase "features that need no gradient record none" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = normal 1 [ 4; 2 ]
                let records x = (Basis.features Silu.basis 0 1 x) |> Array.exists _.requires_grad
                Expect.isFalse (records x) "points that are not tracked"
                let tracked = x.clone().requires_grad_ true
                Expect.isTrue (records tracked) "tracked points"
                use _ = torch.no_grad ()
                Expect.isFalse (records tracked) "nothing is recorded")

            testCase "appended families stand side by side" (fun () ->
                use _ = torch.NewDisposeScope()
                let splines = BSpline.basis Placement.cpu64 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]
                let both = Basis.append splines Silu.basis
                let x = uniform 3 (-1.0, 1.0) [ 6; 2 ]
                Expect.equal both.Count 9 "number of functions"

                for n in 0..2 do
                    let expected =
                        torch.cat (
                            [| (splines.Derivatives [ n ] x).Head; (Silu.basis.Derivatives [ n ] x).Head |],
                            -1L
                        )

                    close $"derivative {n}" 1e-14 expected (both.Derivatives [ n ] x).Head)
        ]
