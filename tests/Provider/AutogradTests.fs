/// Gradients: of graphs, of gradients, and through functions written here.
module MetaKan.Tests.Provider.AutogradTests

open System
open System.Runtime.InteropServices
open System.Threading
open TorchSharp
open Xunit
open MetaKan.Tests.Provider.Expect

let private leaf (xs: float list) = (vector xs).requires_grad_ true

/// x³, with what its backward needs.
type Cube() =
    inherit torch.autograd.SingleTensorFunction<Cube>()
    override _.Name = "cube"

    override _.forward(ctx, vars) =
        let x = vars[0] :?> Tensor
        ctx.save_for_backward (ResizeArray [ x ])
        x * x * x

    override _.backward(ctx, grad) = ResizeArray [ 3.0 * grad * ctx.get_saved_variables().[0].square() ]

/// eˣ, whose derivative is its own output, here a view that must be wrapped afresh.
type Exp() =
    inherit torch.autograd.SingleTensorFunction<Exp>()
    override _.Name = "exp"

    override _.forward(ctx, vars) =
        let y = (vars[0] :?> Tensor).exp().view -1L
        ctx.save_for_backward (ResizeArray [ y ])
        y

    override _.backward(ctx, grad) = ResizeArray [ grad * ctx.get_saved_variables().[0] ]

/// (x + y, x·y·scale, the larger one, which is constant): several outputs, an argument that is no tensor.
type Pair() =
    inherit torch.autograd.MultiTensorFunction<Pair>()
    static member val Seen: (bool * float) list = [] with get, set
    override _.Name = "pair"

    override _.forward(ctx, vars) =
        let x, y, scale = vars[0] :?> Tensor, vars[2] :?> Tensor, unbox<float> vars[1]
        let larger = torch.maximum (x, y)
        ctx.save_for_backward (ResizeArray [ x; null; y ])
        ctx.save_data ("scale", box scale)
        ctx.set_materialize_grads (scale > 0.0)
        ctx.mark_non_differentiable (ResizeArray [ larger ])
        ResizeArray [ x + y; x * y * scale; larger ]

    override _.backward(ctx, grads) =
        Pair.Seen <- [ for g in grads -> if g.IsInvalid then false, 0.0 else true, g.sum().ToDouble() ]
        let saved = ctx.get_saved_variables ()
        Assert.Null saved[1]
        let ds, dp, scale = grads[0], grads[1], unbox<float>(ctx.get_data "scale")
        let along (other: Tensor) = if dp.IsInvalid then ds else ds + dp * scale * other
        ResizeArray [ along saved[2]; null; along saved[0] ]

/// Its input itself, so that the output must be wrapped afresh.
type Same() =
    inherit torch.autograd.SingleTensorFunction<Same>()
    override _.Name = "same"
    override _.forward(_, vars) = vars[0] :?> Tensor
    override _.backward(_, grad) = ResizeArray [ grad * 5.0 ]

type Failing() =
    inherit torch.autograd.SingleTensorFunction<Failing>()
    override _.Name = "failing"
    override _.forward(_, vars) = (vars[0] :?> Tensor) * 2.0
    override _.backward(_, _) = raise (InvalidOperationException "no derivative at a corner")

type TooFew() =
    inherit torch.autograd.SingleTensorFunction<TooFew>()
    override _.Name = "too few"
    override _.forward(_, vars) = (vars[0] :?> Tensor) + (vars[1] :?> Tensor)
    override _.backward(_, grad) = ResizeArray [ grad ]

let private grad (y: Tensor) (x: Tensor) =
    torch.autograd.grad([| y.sum () |], [| x |], retain_graph = true, create_graph = true)[0]

[<Fact>]
let ``gradients of gradients`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 1.0; 2.0 ]
    let first = grad (x.pow ((4.0).ToScalar())) x
    let second = grad first x
    equal "first" [ 2L ] [ 4.0; 32.0 ] first
    equal "second" [ 2L ] [ 12.0; 48.0 ] second
    equal "third" [ 2L ] [ 24.0; 48.0 ] (grad second x)

[<Fact>]
let ``grad weighs outputs, skips null weights and reports unused inputs`` () =
    use _ = torch.NewDisposeScope()
    let x, unused = leaf [ 1.0; 2.0 ], leaf [ 1.0 ]

    let weighed = torch.autograd.grad ([| x * x; x.sum () |], [| x |], [| vector [ 1.0; 10.0 ]; null |])

    equal "weighed" [ 2L ] [ 3.0; 41.0 ] weighed[0]
    let found = torch.autograd.grad ([| x.sum () |], [| x; unused |], allow_unused = true)
    Assert.False found[0].IsInvalid
    Assert.True found[1].IsInvalid

    let missing =
        Assert.Throws<ExternalException>(fun () -> torch.autograd.grad ([| x.sum () |], [| unused |]) |> ignore)

    Assert.Contains("not have been used in the graph", missing.Message)
    Assert.DoesNotContain("\n", missing.Message)

[<Fact>]
let ``backward accumulates in the leaves`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 1.0; 2.0 ]
    Assert.Null x.grad
    (x * x).sum().backward()
    (3.0 * x).sum().backward()
    equal "accumulated" [ 2L ] [ 5.0; 7.0 ] x.grad
    x.grad <- null
    Assert.Null x.grad
    x.grad <- vector [ 1.0; 1.0 ]
    torch.autograd.backward (x * x, vector [ 1.0; 0.0 ])
    equal "weighed" [ 2L ] [ 3.0; 1.0 ] x.grad
    let y = leaf [ 1.0 ]
    (x.sum () * y).sum().backward(inputs = [| y |])
    equal "asked for" [ 1L ] [ 3.0 ] y.grad
    equal "left alone" [ 2L ] [ 3.0; 1.0 ] x.grad

[<Fact>]
let ``a graph is used once unless it is retained`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 2.0 ]
    let y = Cube.apply(x).sum()
    torch.autograd.grad ([| y |], [| x |], retain_graph = true) |> ignore
    equal "again" [ 1L ] [ 12.0 ] (torch.autograd.grad ([| y |], [| x |]) |> Seq.head)
    let used = Assert.Throws<ExternalException>(fun () -> torch.autograd.grad ([| y |], [| x |]) |> ignore)
    Assert.Contains("a second time", used.Message)

[<Fact>]
let ``grad mode is the thread's and nests`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 1.0 ]
    Assert.True(torch.is_grad_enabled ())

    using (torch.no_grad ()) (fun _ ->
        Assert.False((x * 2.0).requires_grad)
        using (torch.enable_grad ()) (fun _ -> Assert.True((x * 2.0).requires_grad))
        Assert.False(torch.is_grad_enabled ())
        let elsewhere = ref false
        let other = Thread(fun () -> elsewhere.Value <- torch.is_grad_enabled ())
        other.Start()
        other.Join()
        Assert.True elsewhere.Value)

    Assert.True((x * 2.0).requires_grad)
    Assert.False((x * 2.0).detach().requires_grad)
    Assert.False((x * 2.0).is_leaf)

[<Fact>]
let ``a custom function has first and second derivatives`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 2.0; -1.0 ]
    let y = Cube.apply (2.0 * x)
    equal "value" [ 2L ] [ 64.0; -8.0 ] y
    let first = grad y x
    equal "first" [ 2L ] [ 96.0; 24.0 ] first
    equal "second" [ 2L ] [ 96.0; -48.0 ] (grad first x)

[<Fact>]
let ``a custom function may save its output`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 0.5 ]
    let first = grad (Exp.apply (2.0 * x)) x
    let second = grad first x
    equal "first" [ 1L ] [ 2.0 * Math.E ] first
    equal "second" [ 1L ] [ 4.0 * Math.E ] second
    equal "third" [ 1L ] [ 8.0 * Math.E ] (grad second x)

[<Fact>]
let ``several outputs, arguments that are no tensors, gradients that do not exist`` () =
    use _ = torch.NewDisposeScope()
    let x, y = leaf [ 1.0; 2.0 ], leaf [ 3.0; 1.0 ]
    let outputs = Pair.apply (x, 2.0, y)
    equal "sum" [ 2L ] [ 4.0; 3.0 ] outputs[0]
    equal "product" [ 2L ] [ 6.0; 4.0 ] outputs[1]
    Assert.True outputs[1].requires_grad
    Assert.False outputs[2].requires_grad
    let both = torch.autograd.grad ([| (outputs[0] + outputs[1]).sum() |], [| x; y |])
    equal "of both, by x" [ 2L ] [ 7.0; 3.0 ] both[0]
    equal "of both, by y" [ 2L ] [ 3.0; 5.0 ] both[1]
    let sums = Pair.apply (x, 2.0, y)
    equal "of the sum" [ 2L ] [ 1.0; 1.0 ] (torch.autograd.grad ([| sums[0].sum() |], [| x |]) |> Seq.head)
    Assert.Equal<(bool * float) list>([ true, 2.0; true, 0.0; true, 0.0 ], Pair.Seen)
    let bare = Pair.apply (x, -2.0, y)
    equal "without zeros" [ 2L ] [ 1.0; 1.0 ] (torch.autograd.grad ([| bare[0].sum() |], [| x |]) |> Seq.head)
    Assert.Equal<(bool * float) list>([ true, 2.0; false, 0.0; false, 0.0 ], Pair.Seen)

[<Fact>]
let ``a custom function may return its input`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 1.0 ]
    equal "same" [ 1L ] [ 5.0 ] (grad (Same.apply x) x)
    Assert.True x.is_leaf
    using (torch.no_grad ()) (fun _ -> Assert.False((Same.apply (x) * 1.0).requires_grad))
    let constant = Same.apply (vector [ 1.0 ])
    Assert.False constant.requires_grad

[<Fact>]
let ``an exception in backward reaches the caller as it is`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 1.0 ]

    let thrown = Assert.Throws<InvalidOperationException>(fun () -> Failing.apply(x).sum().backward())

    Assert.Equal("no derivative at a corner", thrown.Message)

    let wrong = Assert.Throws<InvalidOperationException>(fun () -> TooFew.apply(x, x).sum().backward())

    Assert.Equal("too few returned 1 gradients for 2 arguments", wrong.Message)
    equal "the next one works" [ 1L ] [ 3.0 ] (grad (Cube.apply x) x)

[<Fact>]
let ``a saved tensor that was changed since is refused`` () =
    use _ = torch.NewDisposeScope()
    let x = leaf [ 1.0 ]
    let base' = x * 1.0
    let y = Cube.apply base'
    base'.mul_ ((2.0).ToScalar()) |> ignore
    let refused = Assert.Throws<ExternalException>(fun () -> y.sum().backward())
    Assert.Contains("modified by an inplace operation", refused.Message)
