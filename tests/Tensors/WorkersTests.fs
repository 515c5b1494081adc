/// Work on several threads gives what the same work gives on one.
module MetaKan.Tests.WorkersTests

open System
open System.Threading
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open TorchSharp

/// One after another: the number of threads is the process's.
let tests =
    testSequenced
    <| testList
        "Tensors.Workers"
        [
            property
                "results come in the items' order and outlive the workers' scopes"
                20
                (Gen.zip (Gen.choose (1, 4)) (Gen.choose (1, 9)))
                (fun (threads, items) ->
                    let made =
                        hired threads (fun () ->
                            [ 1..items ]
                            |> Workers.map torch.CPU Seq.singleton (fun i ->
                                Thread.Sleep((items - i) % 3)
                                torch.full ([| 2L |], (float i).ToScalar(), dtype = torch.float64) * 2.0))

                    Expect.equal
                        [ for t in made -> Tensor.toArray(t)[1] ]
                        [ for i in 1..items -> 2.0 * float i ]
                        "results"

                    Expect.isTrue
                        (made |> List.forall torch.CurrentDisposeScope.Contains)
                        "results are in the caller's scope")

            property
                "losses and gradients are added up, on any number of threads"
                20
                (Gen.zip (Gen.choose (1, 4)) (Gen.choose (1, 9)))
                (fun (threads, items) ->
                    let p = Map [ "a", normal 1 [ 3 ]; "b", normal 2 [ 2; 2 ] ]

                    let loss, g =
                        hired threads (fun () ->
                            [ 1..items ]
                            |> Workers.gradient torch.CPU (fun i ->
                                Params.withGradient (fun p -> float i * (p["a"] * p["a"]).sum()) p))

                    let factor = float (List.sum [ 1..items ])
                    close "loss" 1e-14 (factor * (p["a"] * p["a"]).sum()) loss
                    closeTrees "gradient" 1e-14 (Map [ "a", 2.0 * factor * p["a"]; "b", p["b"] * 0.0 ]) g)

            property
                "of many gradients no more are there at a time than threads, and their sum"
                20
                (Gen.zip (Gen.choose (1, 3)) (Gen.choose (1, 12)))
                (fun (threads, items) ->
                    let made = Collections.Concurrent.ConcurrentBag<Tensor>()
                    let most = ref 0
                    let p = Map [ "a", normal 1 [ 3 ] ]

                    hired threads (fun () ->
                        [ 1..items ]
                        |> Workers.gradient torch.CPU (fun _ ->
                            let there = made |> Seq.filter (fun t -> not t.IsInvalid) |> Seq.length
                            lock most (fun () -> most.Value <- max most.Value there)
                            let loss, g = Params.withGradient (fun p -> (p["a"] * p["a"]).sum()) p
                            made.Add g["a"]
                            loss, g))
                    |> ignore

                    Expect.isLessThanOrEqual most.Value threads "gradients beside the one in work")

            testCase "hired threads work at the same time, with operators on one thread" (fun () ->
                use meeting = new Barrier(2)

                let met =
                    hired 2 (fun () ->
                        Expect.equal (Workers.count torch.CPU) 2 "workers"
                        Expect.equal (torch.get_num_threads ()) 1 "threads within an operator"

                        [ 1; 2 ]
                        |> Workers.map torch.CPU (fun _ -> Seq.empty) (fun _ ->
                            Expect.equal (torch.get_num_threads ()) 1 "threads within an operator"
                            Expect.equal (Workers.count torch.CPU) 1 "workers"
                            meeting.SignalAndWait(TimeSpan.FromSeconds 60.0)))

                Expect.equal met [ true; true ] "both met")

            testCase "threads are given back, also after a failure" (fun () ->
                withThreads 2 (fun () ->
                    let message =
                        messageOf<InvalidOperationException>(fun () ->
                            Workers.hire (fun () ->
                                [ 1..5 ]
                                |> Workers.map torch.CPU (fun _ -> Seq.empty) (fun i ->
                                    if i > 2 then
                                        invalidOp $"item {i}")
                                |> ignore))

                    Expect.equal message "item 3" "message"
                    Expect.equal (torch.get_num_threads ()) 2 "threads within an operator"
                    Expect.equal (Workers.count torch.CPU) 1 "workers"))

            property
                "a model's gradient is the same on any number of threads, its weights generated once"
                25
                networks
                (fun network ->
                    let model, p = model network, parameters network
                    let d = network.Widths.Head
                    let batches = [ for i in 1..3 -> normal (network.Seed + i) [ i; d ] ]

                    let losses =
                        batches
                        |> List.map (fun x ->
                            fun (network: Model) (p: Params) -> network.Apply p x |> fun y -> (y * y).sum())

                    let tracked = Params.tracked p
                    let expected = losses |> List.map (fun loss -> loss model tracked) |> List.reduce (+)
                    let expectedGradient = Params.gradient expected tracked

                    for threads in [ 1; 3 ] do
                        let loss, g = hired threads (fun () -> Model.gradient model p losses)
                        close "loss" 1e-10 expected loss
                        closeTrees "gradient" 1e-8 expectedGradient g

                        use scope = torch.NewDisposeScope()
                        hired threads (fun () -> Model.gradient model p losses) |> ignore
                        Expect.equal scope.DisposablesCount (1 + p.Count) "tensors that are left: loss and gradient")
        ]
