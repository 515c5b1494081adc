/// Gradients asked of libtorch: what goes wrong is raised, and nothing else changes.
module MetaKan.Tests.AutogradTests

open System.Runtime.InteropServices
open Expecto
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

/// The gradient by one input, without a graph.
let private by (x: Tensor) (y: Tensor) = Autograd.gradients true [| y |] null [| x |] |> Array.head

let private leaf (t: Tensor) = t.detach().requires_grad_ true

let tests =
    testList
        "Tensors.Autograd"
        [
            testCase "what libtorch finds wrong is raised" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])
                let fails name action = Expect.throwsT<ExternalException> action name

                fails "no gradient" (fun () ->
                    Autograd.gradients false [| (normal 2 [ 3 ]).sum() |] null [| x |] |> ignore)

                let y = (x * x).sum()
                Autograd.gradients false [| y |] null [| x |] |> ignore
                fails "a graph used twice" (fun () -> Autograd.gradients false [| y |] null [| x |] |> ignore)
                fails "no scalar" (fun () -> Autograd.gradients false [| x * x |] null [| x |] |> ignore))

            testCase "what would be wrong with recorded gradients is raised before" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])
                let fails name action = Expect.throwsT<System.InvalidOperationException> action name
                fails "no gradient" (fun () -> by x ((normal 2 [ 3 ]).sum()) |> ignore)
                fails "no scalar" (fun () -> by x (x * x) |> ignore))

            testCase "an input's own gradient is left as it was, whatever happens" (fun () ->
                use _ = torch.NewDisposeScope()
                let x, y = leaf (normal 1 [ 3 ]), leaf (normal 2 [ 3 ])
                let own = normal 3 [ 3 ]
                x.grad <- own
                let found = Autograd.tryGradients false [| (x * x).sum() |] null [| x; y |]
                close "by x" 1e-14 (2.0 * x) found[0].Value
                Expect.isNone found[1] "by y"
                close "x's own" 0.0 own x.grad
                Expect.isNull y.grad "y's own"

                Expect.throws (fun () -> Autograd.gradients false [| x * x |] null [| x |] |> ignore) "no scalar"
                close "x's own after a failure" 0.0 own x.grad)

            testCase "gradients by what is no leaf" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])
                let inner = torch.sin x
                let g = (by inner ((inner * inner * inner).sum()))
                close "first" 1e-14 (3.0 * inner * inner) g
                close "second, through it" 1e-13 (6.0 * inner * torch.cos x) (gradient g x))

            testCase "where a rule fails, libtorch itself gives no numbers" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])

                let rule =
                    {
                        Forward = fun t -> [| t[0] * 1.0 |], [||]
                        Backward = fun _ _ _ -> failwith "no derivative"
                    }

                let y = (Rule.apply rule [ x ] |> Array.head).sum()
                let g = torch.autograd.grad ([| y |], [| x |])
                Expect.equal g[0].shape x.shape "shape"
                Expect.isTrue ((torch.isnan g[0]).all().item<bool>()) "no numbers"
                // Nobody else hears of it.
                close "afterwards" 1e-14 (2.0 * x) (by x ((x * x).sum())))

            testCase "an output without a cotangent has zeros" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])

                let rule =
                    {
                        Forward = fun t -> [| t[0] * 2.0; t[0].sum() |], [||]
                        Backward = fun _ _ c -> [| Some(c[0] * 2.0 + c[1]) |]
                    }

                let y = Rule.apply rule [ x ]

                close "by the first" 1e-14 (2.0 * torch.ones_like x) (by x (y[0].sum()))

                close "by the second" 1e-14 (torch.ones_like x) (by x (y[1])))
        ]
