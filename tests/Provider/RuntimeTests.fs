/// Random numbers, threads, devices.
module MetaKan.Tests.Provider.RuntimeTests

open System
open TorchSharp
open Xunit
open MetaKan.Tests.Provider.Expect

[<Fact>]
let ``a seed fixes what is drawn`` () =
    use _ = torch.NewDisposeScope()
    let draw seed = values (torch.rand ([| 5L |], generator = new torch.Generator(seed)))
    Assert.Equal<float>(draw 7UL, draw 7UL)
    Assert.NotEqual<float>(draw 7UL, draw 8UL)

    let shared seed =
        torch.manual_seed seed |> ignore
        values (torch.randn 5L)

    Assert.Equal<float>(shared 3L, shared 3L)
    Assert.Equal(9L, (new torch.Generator(9UL)).initial_seed())
    Assert.Equal(11L, (new torch.Generator(9UL)).manual_seed(11L).initial_seed())

[<Fact>]
let ``a generator's state can be saved and restored`` () =
    use _ = torch.NewDisposeScope()
    use generator = new torch.Generator(1UL)
    let draw () = values (torch.randn ([| 3L |], generator = generator))
    draw () |> ignore
    let state = generator.get_state ()
    let copied = torch.tensor (state.bytes.ToArray() |> Array.map int64, dtype = torch.uint8)
    let next = draw ()
    Assert.NotEqual<float>(next, draw ())
    generator.set_state copied
    Assert.Equal<float>(next, draw ())
    use other = new torch.Generator(2UL)
    other.set_state state
    Assert.Equal<float>(next, values (torch.randn ([| 3L |], generator = other)))

[<Fact>]
let ``draws have the distribution that they name`` () =
    use _ = torch.NewDisposeScope()
    use generator = new torch.Generator(5UL)
    let uniform = torch.rand ([| 10_000L |], dtype = torch.float64, generator = generator)
    Assert.InRange(uniform.mean().ToDouble(), 0.48, 0.52)
    Assert.InRange(uniform.max().ToDouble(), 0.99, 1.0)
    let normal = torch.randn ([| 10_000L |], dtype = torch.float64, generator = generator)
    Assert.InRange(normal.mean().ToDouble(), -0.05, 0.05)
    Assert.InRange(normal.std().ToDouble(), 0.95, 1.05)
    let whole = torch.randint (2L, 5L, [| 1000L |], generator = generator)
    Assert.Equal(torch.int64, whole.dtype)
    Assert.Equal((2L, 4L), (whole.min().ToInt64(), whole.max().ToInt64()))
    let order = torch.randperm (100L, generator = generator)
    Assert.NotEqual<float>([| 0.0 .. 99.0 |], values order)
    Assert.Equal<float>([| 0.0 .. 99.0 |], Array.sort (values order))
    let shifted = (torch.empty (1000L, dtype = torch.float64)).normal_(5.0, 0.1, generator)
    Assert.InRange(shifted.mean().ToDouble(), 4.95, 5.05)
    let within = (torch.empty (1000L, dtype = torch.float64)).uniform_(2.0, 3.0, generator)
    Assert.InRange(within.min().ToDouble(), 2.0, 2.1)
    let coin = torch.bernoulli (torch.full (1000L, 0.25), generator)
    Assert.InRange(coin.sum().ToDouble(), 180.0, 320.0)
    let picks = torch.multinomial (vector [ 0.0; 1.0; 0.0 ], 1L, generator = generator)
    equal "multinomial" [ 1L ] [ 1.0 ] picks

[<Fact>]
let ``devices are named, and a missing one is refused`` () =
    Assert.Equal("cpu", string torch.CPU)
    Assert.Equal("cuda:1", string (torch.Device "cuda:1"))
    Assert.Equal((DeviceType.CUDA, 2), (let d = torch.Device(DeviceType.CUDA, 2) in d.``type``, d.index))
    Assert.Equal(torch.cuda.is_available (), torch.cuda.device_count () > 0)

    if not (torch.cuda.is_available ()) then
        let missing =
            Assert.Throws<InvalidOperationException>(fun () -> torch.zeros (1L, device = torch.Device "cuda") |> ignore)

        Assert.Contains("CUDA is not available", missing.Message)
    else
        use _ = torch.NewDisposeScope()
        let there = (vector [ 1.0; 2.0 ]).cuda()
        Assert.True there.is_cuda
        equal "back" [ 2L ] [ 2.0; 4.0 ] (there * 2.0)
        use generator = new torch.Generator(3UL, there.device)
        let state = generator.get_state ()
        let draw () = values (torch.randn ([| 3L |], device = there.device, generator = generator))
        let first = draw ()
        generator.set_state state
        Assert.Equal<float>(first, draw ())
        torch.cuda.synchronize ()

/// What holds for the whole process.
[<Collection "alone">]
type SettingsTests() =
    [<Fact>]
    member _.``the thread count is what was set``() =
        let before = torch.get_num_threads ()

        try
            torch.set_num_threads 2
            Assert.Equal(2, torch.get_num_threads ())
            torch.set_num_threads 1
            Assert.Equal(1, torch.get_num_threads ())
        finally
            torch.set_num_threads before

        Assert.True(torch.get_num_interop_threads () > 0)

    [<Fact>]
    member _.``the default type is that of tensors made without one``() =
        use _ = torch.NewDisposeScope()
        torch.set_default_dtype torch.float64

        try
            for t in [ torch.zeros 1L; torch.full (1L, 0.5); torch.arange (0.0, 1.0); torch.rand 1L; torch.eye 1L ] do
                Assert.Equal(torch.float64, t.dtype)

            Assert.Equal(torch.int64, (torch.full (1L, 5L)).dtype)
        finally
            torch.set_default_dtype torch.float32
