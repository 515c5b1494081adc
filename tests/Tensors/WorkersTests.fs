/// Work on several threads gives what the same work gives on one.
[<Xunit.Collection "alone">]
module MetaKan.Tests.WorkersTests

open System
open System.Threading
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private withThreads (threads: int) (action: unit -> 'a) : 'a =
    let before = torch.get_num_threads ()
    torch.set_num_threads threads

    try
        action ()
    finally
        torch.set_num_threads before

let private hired threads action = withThreads threads (fun () -> Workers.hire action)

[<Fact>]
let ``results come in the items' order and outlive the workers' scopes`` () =
    forAll 20 (Gen.zip (Gen.choose (1, 4)) (Gen.choose (1, 9))) (fun (threads, items) ->
        let made =
            hired threads (fun () ->
                [ 1..items ]
                |> Workers.map torch.CPU Seq.singleton (fun i ->
                    Thread.Sleep((items - i) % 3)
                    torch.full ([| 2L |], (float i).ToScalar(), dtype = torch.float64) * 2.0))

        Assert.Equal<float list>([ for i in 1..items -> 2.0 * float i ], [ for t in made -> Tensor.toArray(t)[1] ])
        Assert.True(made |> List.forall torch.CurrentDisposeScope.Contains))

[<Fact>]
let ``hired threads work at the same time, with operators on one thread`` () =
    use meeting = new Barrier(2)

    let met =
        hired 2 (fun () ->
            Assert.Equal(2, Workers.count torch.CPU)
            Assert.Equal(1, torch.get_num_threads ())

            [ 1; 2 ]
            |> Workers.map torch.CPU (fun _ -> Seq.empty) (fun _ ->
                Assert.Equal(1, torch.get_num_threads ())
                Assert.Equal(1, Workers.count torch.CPU)
                meeting.SignalAndWait(TimeSpan.FromSeconds 60.0)))

    Assert.Equal<bool list>([ true; true ], met)

[<Fact>]
let ``threads are given back, also after a failure`` () =
    withThreads 2 (fun () ->
        let failure =
            Assert.Throws<InvalidOperationException>(fun () ->
                Workers.hire (fun () ->
                    [ 1..5 ]
                    |> Workers.map torch.CPU (fun _ -> Seq.empty) (fun i ->
                        if i > 2 then
                            invalidOp $"item {i}")
                    |> ignore))

        Assert.Equal("item 3", failure.Message)
        Assert.Equal(2, torch.get_num_threads ())
        Assert.Equal(1, Workers.count torch.CPU))

[<Fact>]
let ``a model's gradient is the same on any number of threads, its weights generated once`` () =
    forAll 25 networks (fun network ->
        let model, p = model network, parameters network
        let d = network.Widths.Head
        let batches = [ for i in 1..3 -> normal (network.Seed + i) [ i; d ] ]

        let losses =
            batches
            |> List.map (fun x -> fun (network: Model) (p: Params) -> network.Apply p x |> fun y -> (y * y).sum())

        let tracked = Params.tracked p
        let expected = losses |> List.map (fun loss -> loss model tracked) |> List.reduce (+)
        let expectedGradient = Params.gradient expected tracked

        for threads in [ 1; 3 ] do
            let loss, g = hired threads (fun () -> Model.gradient model p losses)
            close "loss" 1e-10 expected loss
            closeTrees "gradient" 1e-8 expectedGradient g)
