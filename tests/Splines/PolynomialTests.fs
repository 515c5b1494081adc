/// Chebyshev's and Legendre's polynomials against formulas of their own, and the identities they satisfy.
module MetaKan.Tests.PolynomialTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private values (basis: Basis) x = (basis.Derivatives [ 0 ] x).Head

/// Σ_j (-1)ʲ C(n, j) C(2n-2j, n) x^{n-2j} / 2ⁿ (Abramowitz and Stegun, 22.3.8).
let private legendre (n: int) (x: Tensor) =
    let choose (n: int) (k: int) = Seq.fold (fun c i -> c * float (n - i) / float (i + 1)) 1.0 (seq { 0 .. k - 1 })

    seq {
        for j in 0 .. n / 2 ->
            x.pow ((float (n - 2 * j)).ToScalar()) * (pown -1.0 j * choose n j * choose (2 * n - 2 * j) n)
    }
    |> Seq.reduce (+)
    |> fun sum -> sum / pown 2.0 n

// Gauss–Chebyshev quadrature with n nodes is exact for the products below; so is, for plain integrals, Clenshaw's of
// the same nodes with weights 2/n·(1 - 2 Σ_j cos(2jθ)/(4j²-1)) (Fejér's first rule).
let private angles n = [ for i in 0 .. n - 1 -> (float i + 0.5) * Math.PI / float n ]

let private gram (basis: Basis) (weights: float list) (nodes: float list) =
    let f = (values basis (tensor [ nodes.Length; 1 ] nodes)).squeeze 1L
    torch.matmul (f.t (), f * tensor [ weights.Length; 1 ] weights)

let tests =
    testList
        "Splines.Polynomial"
        [
            property
                "Legendre's polynomials are those of the explicit sum"
                40
                (Gen.zip (Gen.choose (0, 9)) seeds)
                (fun (degree, seed) ->
                    let x = uniform seed (-1.5, 1.5) [ 6; 2 ]
                    let expected = torch.stack ([ for n in 0..degree -> legendre n x ], -1L)
                    close "values" 1e-10 expected (values (Legendre.basis degree) x))

            property
                "Chebyshev's polynomials of a cosine are cosines of multiples"
                40
                (Gen.zip (Gen.choose (0, 9)) seeds)
                (fun (degree, seed) ->
                    let angle = uniform seed (0.0, Math.PI) [ 6; 2 ]
                    let expected = torch.stack ([ for n in 0..degree -> (angle * float n).cos() ], -1L)
                    close "values" 1e-12 expected (values (Chebyshev.basis degree) (angle.cos ())))

            testCase "derivatives are central differences of the lower ones" (fun () ->
                forAll
                    40
                    (Gen.zip3 (Gen.choose (0, 7)) (Gen.elements [ Legendre.basis; Chebyshev.basis ]) seeds)
                    (fun (degree, make, seed) ->
                        let basis = make degree
                        let x = uniform seed (-1.2, 1.2) [ 5; 2 ]
                        let h = 1e-5

                        for p in 1..4 do
                            let derivative p x = (basis.Derivatives [ p ] x).Head
                            let differences = (derivative (p - 1) (x + h) - derivative (p - 1) (x - h)) / (2.0 * h)
                            let scale = 1.0 + Tensor.item ((derivative (p - 1) x).abs().max())
                            close $"derivative {p}" 1e-6 (1.0 + differences / scale) (1.0 + derivative p x / scale)))

            testCase "Legendre's polynomials are orthogonal, with squares of 2/(2n+1)" (fun () ->
                use _ = torch.NewDisposeScope()
                let n, degree = 20, 7

                let weights =
                    [
                        for a in angles n ->
                            2.0 / float n
                            * (1.0
                               - 2.0
                                 * Seq.sum (
                                     seq { for j in 1 .. n / 2 -> cos (2.0 * float j * a) / float (4 * j * j - 1) }
                                 ))
                    ]

                let expected = torch.diag (tensor [ degree + 1 ] [ for n in 0..degree -> 2.0 / float (2 * n + 1) ])
                close "products" 1e-12 expected (gram (Legendre.basis degree) weights (angles n |> List.map cos)))

            testCase "Chebyshev's polynomials are orthogonal under 1/√(1-x²)" (fun () ->
                use _ = torch.NewDisposeScope()
                let n, degree = 20, 7

                let expected =
                    torch.diag (
                        tensor [ degree + 1 ] [ for n in 0..degree -> if n = 0 then Math.PI else Math.PI / 2.0 ]
                    )

                close
                    "products"
                    1e-12
                    expected
                    (gram (Chebyshev.basis degree) [ for _ in 1..n -> Math.PI / float n ] (angles n |> List.map cos)))
        ]
