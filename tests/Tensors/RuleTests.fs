/// Functions with a derivative written by hand, and functions computed again for their gradients.
module MetaKan.Tests.RuleTests

open System
open System.Threading
open System.Threading.Tasks
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private leaf (t: Tensor) = t.detach().requires_grad_ true

/// A rule of one input and one output.
let private one (rule: Rule) (x: Tensor) : Tensor = Rule.apply rule [ x ] |> Array.head

/// Two outputs of three inputs, the last of which needs no gradient.
let private mixed (t: Tensor[]) = [| torch.sin (t[0] * t[1]) + t[2]; t[0] * t[0] * torch.exp t[1] |]

let tests =
    testList
        "Tensors.Rule"
        [
            testCase "the derivative is the rule's, not the function's" (fun () ->
                use _ = torch.NewDisposeScope()
                let x, y = leaf (normal 1 [ 3 ]), leaf (normal 2 [ 3 ])

                let rule =
                    {
                        Forward = fun t -> [| t[0] * t[1]; t[0] + t[1] |], [| t[0] * 10.0 |]
                        Backward = fun _ kept c -> [| Some(c[0] * 7.0 + c[1] * kept[0]); None |]
                    }

                let outputs = Rule.apply rule [ x; y ]
                close "product" 1e-14 (x * y) outputs[0]
                close "sum" 1e-14 (x + y) outputs[1]

                let g =
                    torch.autograd.grad (
                        [| outputs[0].sum() + 2.0 * outputs[1].sum() |],
                        [| x; y |],
                        allow_unused = true
                    )

                close "by x" 1e-14 (7.0 + 20.0 * x) g[0]
                Expect.isTrue g[1].IsInvalid "no gradient by y")

            testCase "a rule of differentiable operations has higher derivatives" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])

                let cube =
                    {
                        Forward = fun t -> [| t[0] * t[0] * t[0] |], [||]
                        Backward = fun t _ c -> [| Some(3.0 * c[0] * t[0] * t[0]) |]
                    }

                let first = gradient (one cube (2.0 * x)) x
                close "first" 1e-12 (24.0 * x * x) first
                let second = gradient first x
                close "second" 1e-12 (48.0 * x) second
                close "third" 1e-12 (48.0 * torch.ones_like x) (gradient second x))

            testCase "exceptions reach the caller from both directions" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])
                let fails text : 'a = raise (InvalidOperationException text)

                let forward =
                    {
                        Forward = fun _ -> fails "no value"
                        Backward = fun _ _ _ -> [||]
                    }

                let backward =
                    {
                        Forward = fun t -> [| t[0] * 1.0 |], [||]
                        Backward = fun _ _ _ -> fails "no derivative"
                    }

                let message = messageOf<InvalidOperationException>
                Expect.equal (message (fun () -> Rule.apply forward [ x ] |> ignore)) "no value" "message"
                let y = (one backward x).sum()

                Expect.equal
                    (message (fun () -> Autograd.gradients false [| y |] null [| x |] |> ignore))
                    "no derivative"
                    "message")

            testCase "an exception reaches the thread that asked, whatever others ask meanwhile" (fun () ->
                use _ = torch.NewDisposeScope()
                use failed = new ManualResetEventSlim()
                use answered = new ManualResetEventSlim()
                let limit = TimeSpan.FromSeconds 60.0
                let square (x: Tensor) = gradient (x * x) x |> Tensor.toArray

                let failing =
                    {
                        Forward = fun t -> [| t[0] * 1.0 |], [||]
                        Backward = fun _ _ _ -> raise (InvalidOperationException "no derivative")
                    }

                // Its backward pass comes after the one that fails, and lasts until the other thread has its gradient.
                let lasting =
                    {
                        Forward = fun t -> [| t[0] * 1.0 |], [||]
                        Backward =
                            fun _ _ c ->
                                failed.Set()
                                Expect.isTrue (answered.Wait limit) "the other thread has its gradient"
                                [| Some c[0] |]
                    }

                let other =
                    Task.Run(fun () ->
                        use _ = torch.NewDisposeScope()
                        Expect.isTrue (failed.Wait limit) "the failure waits"

                        try
                            square (leaf (torch.ones (2L, dtype = torch.float64)))
                        finally
                            answered.Set())

                let x = leaf (normal 1 [ 3 ])
                let y = (one failing (one lasting x)).sum()

                Expect.equal
                    (messageOf<InvalidOperationException>(fun () ->
                        Autograd.gradients false [| y |] null [| x |] |> ignore))
                    "no derivative"
                    "message"

                Expect.equal (other.GetAwaiter().GetResult()) [| 2.0; 2.0 |] "gradient on the other thread")

            testCase "what a rule made in a closed scope is still there for its gradient" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = leaf (normal 1 [ 3 ])

                let square =
                    {
                        Forward = fun t -> [| t[0] * t[0] |], [| t[0] * 2.0 |]
                        Backward = fun _ kept c -> [| Some(c[0] * kept[0]) |]
                    }

                let y = using (torch.NewDisposeScope()) (fun scope -> scope.MoveToOuter((one square (x * 3.0)).sum()))

                close "gradient" 1e-12 (18.0 * x) (torch.autograd.grad([| y |], [| x |])[0]))

            property "a recomputed function has the same value and gradients, to the second" 20 seeds (fun seed ->
                let run (f: Tensor list -> Tensor[]) =
                    let x, y, c = leaf (normal seed [ 4 ]), leaf (normal (seed + 1) [ 4 ]), normal (seed + 2) [ 4 ]
                    let outputs = f [ x; y * 2.0; c ]
                    let total = outputs[0].sum() + (outputs[1] * c).sum()
                    let once = torch.autograd.grad ([| total |], [| x; y |], retain_graph = true)
                    let slope = gradient total x
                    [ yield! outputs; yield! once; slope; gradient (slope * slope) y; gradient (slope * c) x ]

                for expected, actual in Seq.zip (run (List.toArray >> mixed)) (run (Rule.recomputed mixed)) do
                    close "recomputed" 1e-12 expected actual)

            testCase "inputs of a recomputed function that depend on each other count once" (fun () ->
                use _ = torch.NewDisposeScope()

                let run (f: Tensor list -> Tensor[]) =
                    let x = leaf (normal 1 [ 4 ])
                    let first inputs = f inputs |> Array.head
                    let slope = gradient (first [ torch.sin x; x ]) x
                    let twice = gradient (first [ x; x ]) x
                    [ slope; gradient slope x; twice; gradient twice x ]

                let product (t: Tensor[]) = [| t[0] * t[0] * torch.exp t[1] |]

                for expected, actual in Seq.zip (run (List.toArray >> product)) (run (Rule.recomputed product)) do
                    close "recomputed" 1e-12 expected actual)

            testCase "a recomputed function is computed again for each gradient, and not before" (fun () ->
                use _ = torch.NewDisposeScope()
                let calls = ref 0
                let x = leaf (normal 1 [ 3 ])

                let counted (t: Tensor[]) =
                    calls.Value <- calls.Value + 1
                    [| t[0] * t[0] |]

                let recomputed x = Rule.recomputed counted [ x ] |> Array.head
                let y = (recomputed x).sum()
                Expect.equal calls.Value 1 "calls"
                torch.autograd.grad ([| y |], [| x |]) |> ignore
                Expect.equal calls.Value 2 "calls"
                Expect.isFalse ((recomputed (x.detach ())).requires_grad) "nothing is recorded")
        ]
