/// Who releases a tensor and when: dispose scopes, and memory that stays flat over many steps.
module MetaKan.Tests.Provider.LifetimeTests

open System
open System.IO
open TorchSharp
open Xunit
open MetaKan.Tests.Provider.Expect
open MetaKan.Tests.Provider.AutogradTests

[<Fact>]
let ``a scope releases what was made in it`` () =
    let outer = torch.NewDisposeScope()
    let kept = vector [ 1.0 ]

    let inner, moved, detached =
        using (torch.NewDisposeScope()) (fun scope ->
            let inner = kept + 1.0
            let moved = (kept + 2.0).MoveToOuterDisposeScope()
            let detached = (kept + 3.0).DetachFromDisposeScope()
            Assert.Same(scope, torch.CurrentDisposeScope)
            Assert.True(scope.Contains inner)
            Assert.False(scope.Contains moved)
            Assert.Equal(1, scope.DisposablesCount)
            inner, moved, detached)

    Assert.Same(outer, torch.CurrentDisposeScope)
    Assert.True inner.IsInvalid
    Assert.False kept.IsInvalid
    Assert.False moved.IsInvalid
    outer.Dispose()
    Assert.Null torch.CurrentDisposeScope
    Assert.True(kept.IsInvalid && moved.IsInvalid)
    Assert.False detached.IsInvalid
    detached.Dispose()
    Assert.True detached.IsInvalid
    Assert.Throws<InvalidOperationException>(fun () -> detached.exp () |> ignore) |> ignore

[<Fact>]
let ``tensors move between scopes one by one`` () =
    use outer = torch.NewDisposeScope()
    let home = vector [ 0.0 ]
    let scope = torch.NewDisposeScope()
    let a, b, c, d = home + 1.0, home + 2.0, home + 3.0, home + 4.0
    Assert.Same(a, scope.MoveToOuter a)
    Assert.Same(b, scope.Detach b)
    c.MoveToOtherDisposeScope home |> ignore
    Assert.True(outer.Contains a && outer.Contains c)
    scope.Attach b
    Assert.Same(d, scope.DisposeEverythingBut d)
    Assert.True b.IsInvalid
    Assert.Equal(1, scope.DisposablesCount)
    d.Dispose()
    Assert.Equal(0, scope.DisposablesCount)
    scope.Dispose()
    Assert.False(a.IsInvalid || c.IsInvalid)

    let wrapped =
        torch.WrappedTensorDisposeScope(fun () ->
            let step = a + 1.0
            step * 2.0)

    equal "wrapped" [ 1L ] [ 4.0 ] wrapped

[<Fact>]
let ``a scope closed out of order leaves the chain whole`` () =
    let first = torch.NewDisposeScope()
    let second = torch.NewDisposeScope()
    first.Dispose()
    Assert.Same(second, torch.CurrentDisposeScope)
    second.Dispose()
    Assert.Null torch.CurrentDisposeScope

[<Fact>]
let ``a tensor that backward returns outlives backward's own`` () =
    use scope = torch.NewDisposeScope()
    let x = (vector [ 1.0; 2.0 ]).requires_grad_ true
    let y = (Cube.apply x).sum()
    let before = scope.DisposablesCount
    let gradient = torch.autograd.grad([| y |], [| x |])[0]
    Assert.Equal(before + 1, scope.DisposablesCount)
    equal "gradient" [ 2L ] [ 3.0; 12.0 ] gradient

/// Tests that measure the whole process run with no other beside them.
[<CollectionDefinition("alone", DisableParallelization = true)>]
type Alone() = class end

[<Collection "alone">]
type MemoryTests() =
    /// The process's resident memory in MiB.
    let resident () =
        GC.Collect()
        GC.WaitForPendingFinalizers()
        let line = File.ReadLines "/proc/self/status" |> Seq.find _.StartsWith("VmRSS:")
        float (line.Split([| ' '; '\t' |], StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0

    /// How many tensors are left of what some work made and forgot.
    let left (work: unit -> unit) =
        let collect () =
            for _ in 1..3 do
                GC.Collect()
                GC.WaitForPendingFinalizers()

        collect ()
        let before = Tensor.TotalCount
        // A thread of its own: nothing of the work stays on this one's stack.
        let thread = Threading.Thread work
        thread.Start()
        thread.Join()
        collect ()
        Tensor.TotalCount - before

    [<Fact>]
    member _.``memory stays flat over ten thousand training steps``() =
        use _ = torch.NewDisposeScope()
        let w = torch.randn([| 16L; 16L |], dtype = torch.float64).requires_grad_ true
        let x = torch.randn ([| 32L; 16L |], dtype = torch.float64)

        let step () =
            use _ = torch.NewDisposeScope()
            let y = Cube.apply (torch.tanh (x.matmul w))
            let slope = torch.autograd.grad ([| y.sum () |], [| w |], retain_graph = true, create_graph = true)
            let loss = y.square().mean() + slope[0].square().mean()
            let gradient = torch.autograd.grad([| loss |], [| w |])[0]
            use _ = torch.no_grad ()
            w.sub_ (gradient * 1e-3) |> ignore
            loss.ToDouble()

        let train steps =
            for _ in 1..steps do
                Assert.True(Double.IsFinite(step ()))

        // The runtime's own heap and compiled code take this long to settle.
        train 10_000
        let before = resident ()
        let tensors = Tensor.TotalCount
        train 10_000
        Assert.InRange(resident () - before, -1000.0, 8.0)
        Assert.Equal(tensors, Tensor.TotalCount)

    [<Fact>]
    member _.``what no scope holds is released once it is forgotten``() =
        let forget (make: unit -> unit) =
            left (fun () ->
                for _ in 1..100 do
                    make ())

        Assert.Equal(0L, forget (fun () -> torch.ones (8L) |> ignore))

        Assert.Equal(
            0L,
            forget (fun () ->
                use _ = torch.NewDisposeScope()
                torch.ones(8L).DetachFromDisposeScope() |> ignore
                torch.ones(8L).MoveToOuterDisposeScope() |> ignore)
        )

        // Scopes that are never closed.
        Assert.Equal(
            0L,
            forget (fun () ->
                torch.NewDisposeScope() |> ignore
                torch.ones (8L) |> ignore)
        )

    [<Fact>]
    member _.``a tensor that moves between scopes is released once, by the last``() =
        let moved () =
            let t = torch.ones (8L)
            use scope = torch.NewDisposeScope()
            scope.Attach(t) |> ignore
            t.DetachFromDisposeScope() |> ignore
            scope.Attach(t) |> ignore

        Assert.Equal(0L, left moved)

        let kept = ref null

        let outside () =
            use _ = torch.NewDisposeScope()
            kept.Value <- (torch.ones (8L)).DetachFromDisposeScope()

        Assert.Equal(1L, left outside)
        Assert.Equal(8.0f, kept.Value.sum().item<float32>())
        kept.Value.Dispose()
