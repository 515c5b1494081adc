/// Nested automatic differentiation against differences.
module MetaKan.Tests.NestedTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

/// A smooth function of rows [N, d] to rows [N, 2], with mixed terms.
let private smooth (seed: int) (d: int) (x: Tensor) : Tensor =
    let w = normal seed [ d; 2 ]

    torch.sin (torch.matmul (x, w))
    + (x * x).sum(1L, keepdim = true) * torch.tanh (x.narrow (1L, 0L, 1L))

let private cases = Gen.zip seeds (Gen.choose (1, 4))

/// x with coordinate i moved by h.
let private moved (x: Tensor) (i: int) (h: float) =
    x + tensor [ 1; int x.shape[1] ] [ for j in 0 .. int x.shape[1] - 1 -> if i = j then h else 0.0 ]

let tests =
    testList
        "Calculus.Nested"
        [
            property "the Jacobian is that of central differences" 20 cases (fun (seed, d) ->
                let f, x, h = smooth seed d, normal (seed + 1) [ 3; d ], 1e-5

                let expected =
                    torch.stack ([| for i in 0 .. d - 1 -> (f (moved x i h) - f (moved x i -h)) / (2.0 * h) |], -1L)

                close "jacobian" 1e-7 expected (Nested.jacobian f x))

            property "second derivatives are those of differences, weighted and summed" 20 cases (fun (seed, d) ->
                let f, x, h = smooth seed d, normal (seed + 1) [ 3; d ], 1e-4
                let second i = (f (moved x i h) - 2.0 * f x + f (moved x i -h)) / (h * h)
                let weights = [| for i in 0 .. d - 1 -> [| 1.0; -2.0; 0.0; 0.5 |][(i + seed) % 4] |]

                let expected =
                    Seq.map2 (fun (w: float) i -> w * second i) weights (seq { 0 .. d - 1 }) |> Seq.reduce (+)

                close "weighted" 1e-5 (1.0 + expected) (1.0 + Nested.second weights f x)
                close "laplacian" 1e-5 (Seq.init d second |> Seq.reduce (+)) (Nested.laplacian f x))

            testCase "what does not depend on x, or only linearly, has zero derivatives" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = normal 1 [ 3; 2 ]
                let zeros (shape: int list) = tensor shape (List.replicate (List.reduce (*) shape) 0.0)

                close
                    "constant"
                    0.0
                    (zeros [ 3; 1; 2 ])
                    (Nested.jacobian (fun _ -> torch.ones ([| 3L; 1L |], torch.float64)) x)

                close
                    "constant, twice"
                    0.0
                    (zeros [ 3; 1 ])
                    (Nested.laplacian (fun _ -> torch.ones ([| 3L; 1L |], torch.float64)) x)

                close "linear" 0.0 (zeros [ 3; 1 ]) (Nested.laplacian (fun x -> x.sum (1L, keepdim = true) * 3.0) x))

            testCase "derivatives nest to any depth" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = normal 1 [ 3; 1 ]
                let laplacian, slope = Nested.laplacian, fun f x -> (Nested.jacobian f x).squeeze -1L
                let power (n: int) (x: Tensor) = x.pow (n.ToScalar())
                close "fourth" 1e-12 (torch.full_like (x, 24)) (laplacian (laplacian (power 4)) x)
                close "sixth" 1e-12 (torch.full_like (x, 720)) (laplacian (laplacian (laplacian (power 6))) x)
                close "third" 1e-12 (24.0 * x) (slope (slope (slope (power 4))) x)
                close "slope of the Laplacian" 1e-12 (24.0 * x) (slope (laplacian (power 4)) x)
                let two = normal 2 [ 3; 2 ]
                let radius (x: Tensor) = (x * x).sum(1L, keepdim = true).square()
                // Δ² |x|⁴ = 64 in two dimensions.
                close "two dimensions" 1e-11 (64.0 + torch.zeros_like x) (laplacian (laplacian radius) two))

            testCase "derivatives are there where nothing is recorded" (fun () ->
                use _ = torch.NewDisposeScope()
                use _ = torch.no_grad ()
                let x = normal 1 [ 3; 1 ]
                let found = Nested.laplacian (fun x -> x * x * x) x
                close "laplacian" 1e-12 (6.0 * x) found
                Expect.isFalse found.requires_grad "nothing is recorded")

            testCase "the Laplacian is differentiable by what its function is made of" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = normal 1 [ 3; 2 ]
                let a = (tensor [ 1 ] [ 0.7 ]).requires_grad_ true
                // Δ sin(a Σ x) = -2 a² sin(a Σ x)
                let total = x.sum (1L, keepdim = true)
                let laplacian = Nested.laplacian (fun x -> torch.sin (a * x.sum (1L, keepdim = true))) x
                close "laplacian" 1e-12 (-2.0 * a * a * torch.sin (a * total)) laplacian
                let slope = -4.0 * a * torch.sin (a * total) - 2.0 * a * a * total * torch.cos (a * total)
                close "by a" 1e-12 (slope.sum().view 1L) (gradient laplacian a))
        ]
