/// Gram's polynomials with learned coefficients.
module MetaKan.Tests.GramTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

/// (m+n)(m-n)n²/(m²/(4n²-1)), as KAGN's code has it, for a polynomial of degree m = n+1.
let private beta (n: int) =
    let n, m = float n, float (n + 1)
    (m + n) * (m - n) * n ** 2.0 / (m ** 2.0 / (4.0 * n ** 2.0 - 1.0))

let tests =
    testList
        "Splines.Gram"
        [
            property "polynomials of degrees 2 and 3 are those written out" 30 seeds (fun seed ->
                let w, t = normal seed [ 4 ] * 0.1, uniform (seed + 1) (-1.0, 1.0) [ 6; 2 ]
                let b1, b2 = w[1L] * beta 1, w[2L] * beta 2

                let expected = [ torch.ones_like t; t; t * t - b1; t * t * t - (b1 + b2) * t ]

                List.iter2 (close "polynomial" 1e-12) expected (Gram.polynomials 3 w t))

            testCase "the lowest degrees need no recurrence" (fun () ->
                use _ = torch.NewDisposeScope()
                let t = normal 1 [ 3; 2 ]
                Expect.equal ((Gram.polynomials 0 (normal 2 [ 1 ]) t).Length) 1 "number of polynomials"
                Expect.equal ((Gram.polynomials 1 (normal 2 [ 2 ]) t).Length) 2 "number of polynomials")

            property
                "features are silu of polynomials and of x, and differentiate by all three"
                20
                (Gen.zip (Gen.choose (0, 5)) seeds)
                (fun (degree, seed) ->
                    let w, t, x =
                        normal seed [ degree + 1 ] * 0.02,
                        uniform (seed + 1) (-1.0, 1.0) [ 6; 2 ],
                        normal (seed + 2) [ 6; 2 ]

                    let silu (x: Tensor) = x * x.sigmoid ()
                    let expected = torch.stack ((Gram.polynomials degree w t @ [ x ]) |> List.map silu, -1L)
                    close "features" 1e-12 expected (Gram.features degree w t x)
                    differentiates "features" 1e-5 (fun i -> Gram.features degree i[0] i[1] i[2]) [ w; t; x ])
        ]
