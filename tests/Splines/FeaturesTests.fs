/// Features in one piece are those of the bases side by side, with the same gradients.
module MetaKan.Tests.FeaturesTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private splines (place: Placement) = BSpline.basis place 3 [| Knots.uniform 5 3 (-1.0, 1.0) |]

let private parts (t: Tensor[]) = [ splines, t[0]; (fun _ -> Silu.basis), t[1]; (fun _ -> Legendre.basis 2), t[0] ]

let private expected (t: Tensor[]) =
    let features = [| for make, x in parts t -> (Basis.features (make Placement.cpu64) 0 0 x)[0] |]
    torch.cat (features, -1L)

let tests =
    testList
        "Splines.Features"
        [
            property
                "bases stand side by side, each at its own inputs, in any number of blocks"
                10
                (Gen.zip (Gen.elements [ 0; 1; 7; 5000 ]) seeds)
                (fun (n, seed) ->
                    let t = [| uniform seed (-1.3, 1.3) [ n; 5 ]; normal (seed + 1) [ n; 5 ] |]
                    let tracked () = t |> Array.map (fun t -> t.clone().requires_grad_ true)
                    let cotangent = normal (seed + 2) [ n; 5; 12 ]

                    let run f =
                        let t = tracked ()
                        let y: Tensor = f t
                        let gradients = torch.autograd.grad ([| y |], t, [| cotangent |])
                        y.detach () :: List.ofSeq gradients

                    List.iter2 (close "features and gradients" 1e-12) (run expected) (run (parts >> Features.beside)))

            property "one basis has the features and gradients of itself among several" 20 seeds (fun seed ->
                let x = (uniform seed (-1.3, 1.3) [ 7; 3 ]).requires_grad_ true
                let cotangent = normal (seed + 1) [ 7; 3; 8 ]
                let expected = Features.beside [ splines, x ]
                let found = Features.ofBasis splines x
                let gradient (y: Tensor) = torch.autograd.grad([| y |], [| x |], [| cotangent |])[0]
                close "features" 1e-12 (expected.detach ()) (found.detach ())
                close "gradient" 1e-12 (gradient expected) (gradient found))

            testCase "features lie function by function in memory" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = uniform 1 (-1.0, 1.0) [ 6; 4 ]
                let features = Features.beside (parts [| x; x |])
                Expect.equal (List.ofArray features.shape) [ 6L; 4L; 12L ] "shape"
                Expect.isTrue (features.transpose(1L, 2L).is_contiguous()) "rows of a feature are together")
        ]
