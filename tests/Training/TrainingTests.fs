/// The training fold: events in their order, interruption, divergence, stages, memory.
module MetaKan.Tests.TrainingTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open TorchSharp

let private adam =
    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.05; WeightDecay = 0.0 })

let private plan (stages: Stage list) : TrainingPlan =
    {
        Stages = stages
        Evaluate = fun state -> [ "sum", Tensor.item (state.Params["x"].sum()) ]
        EvaluateEvery = 3
        SaveEvery = 4
        WatchEvery = 10
        Interrupted = fun () -> false
    }

let private stage steps gradient = Stage.create steps adam (fun _ -> gradient)

/// Runs a plan and writes its events down.
let private record (plan: TrainingPlan) (start: TrainingState) =
    let events = ResizeArray<string>()
    let losses = ResizeArray<float>()

    let listen event =
        match event with
        | Stepped(state, loss) ->
            losses.Add loss.Value
            events.Add $"step {state.Step}"
        | Evaluated(state, loss, measures) ->
            Expect.equal loss losses[losses.Count - 1] "loss"
            // Equal as objects, so that nan is nan.
            Expect.isTrue (measures.Equals(plan.Evaluate state)) $"measures: {measures}"
            events.Add $"evaluate {state.Step}"
        | Saved state ->
            for t in state.Params.Values do
                Expect.isTrue (torch.isfinite(t).all().item<bool>()) "saved parameters are numbers"

            events.Add $"save {state.Step}"

    let outcome, state = Training.run plan listen start
    outcome, state, List.ofSeq events, List.ofSeq losses

let private begin' plan = Training.start plan (at [ -1.2; 1.0 ])

/// A loss that is no number from a step on.
let private spoiled bad step : Gradient = gradientOf (fun p -> (p["x"] * (if step >= bad then nan else 1.0)).sum())

let private spoiledAt bad steps = Stage.create steps adam (spoiled bad)

let tests =
    testList
        "Training.Training"
        [
            testCase "events come in their order: steps, then measures, then what is saved" (fun () ->
                use _ = torch.NewDisposeScope()
                let plan = plan [ stage 5 rosenbrock; stage 2 rosenbrock ]
                let outcome, state, events, losses = record plan (begin' plan)
                Expect.equal outcome Completed "outcome"
                Expect.equal state.Step 7 "step"
                Expect.equal (Training.totalSteps plan) 7 "total steps"
                Expect.isTrue (state.Seconds > 0.0) "seconds"
                // The loss before the first update.
                Check.near 5e-11 losses.Head 24.2 "first loss"

                let expected =
                    [
                        "step 1"
                        "step 2"
                        "step 3"
                        "evaluate 3"
                        "step 4"
                        "save 4"
                        "step 5"
                        "step 6"
                        "evaluate 6"
                        "step 7"
                        "evaluate 7"
                        "save 7"
                    ]

                Expect.equal events expected "events")

            testCase "an interruption ends the run after saving" (fun () ->
                use _ = torch.NewDisposeScope()
                let plan = { plan [ stage 50 rosenbrock ] with Interrupted = after 5 }
                let outcome, state, events, _ = record plan (begin' plan)
                Expect.equal outcome Stopped "outcome"
                Expect.equal state.Step 5 "step"
                Expect.equal (List.skip 4 events) [ "step 4"; "save 4"; "step 5"; "save 5" ] "events")

            property "a run in two pieces is the run in one" 12 (Gen.zip (Gen.choose (0, 24)) seeds) (fun (cut, seed) ->
                // The gradient of a step depends on its number over all stages.
                let noisy step : Gradient =
                    gradientOf (fun p ->
                        let noise = Key.normal (Key.fold step (Key.ofSeed seed)) Placement.cpu64 [ 2L ]
                        let difference = p["x"] - noise
                        (difference * difference).sum())

                let momentum =
                    Optimizer.chain
                        [
                            Transform.clip 1.0
                            Transform.momentum 0.9
                            Transform.scale (fun _ -> Schedule.product [ Schedule.constant 0.05; Schedule.warmup 5 ])
                        ]

                let stages = [ Stage.create 12 momentum noisy; Stage.create 13 adam noisy ]

                let whole = plan stages
                let _, expected, _, losses = record whole (begin' whole)
                let cutShort = { whole with Interrupted = after cut }
                let outcome, middle, _, first = record cutShort (begin' whole)
                Expect.equal outcome Stopped "outcome"
                let _, found, _, rest = record whole middle
                closeTrees "parameters" 0.0 expected.Params found.Params
                closeTrees "memory" 0.0 expected.Memory found.Memory
                Expect.equal (first @ rest) losses "losses")

            property
                "a loss's own numbers come before each step, and a run in two pieces has them as the run in one"
                12
                (Gen.choose (0, 24))
                (fun cut ->
                    let adaptation: Adaptation =
                        {
                            Init = fun p -> Map.ofList [ "target", p["x"] * 2.0 ]
                            Update =
                                fun within step p numbers ->
                                    let sum = numbers["target"] * 0.5 + p["x"] + float within + 0.1 * float step
                                    Map.ofList [ "target", sum ]
                            Gradient =
                                fun step numbers ->
                                    gradientOf (fun p ->
                                        let difference = p["x"] - numbers["target"] * float step
                                        (difference * difference).sum())
                        }

                    let whole = plan [ Stage.adaptive 12 adam adaptation; Stage.adaptive 13 adam adaptation ]

                    // The first step: x = 1 and target = 2/2 + 1 = 2, of which step 0 has none.
                    let first = Stage.adaptive 12 adam adaptation
                    let memory = first.Init(at [ 1.0 ])
                    let loss, p, memory = first.Update 0 0 (at [ 1.0 ]) memory
                    Check.near 1e-12 (Tensor.item loss) 1.0 "loss"
                    Check.near 1e-12 (Tensor.item memory["loss.target"]) 2.0 "numbers"
                    Expect.isTrue (Map.containsKey "optimizer.0.first.x" memory) "the optimizer's memory"
                    let x = Tensor.item p["x"]
                    let loss, _, memory = first.Update 1 1 p memory
                    let target = 1.0 + x + 1.1
                    Check.near 1e-12 (Tensor.item memory["loss.target"]) target "numbers"
                    Check.near 1e-12 (Tensor.item loss) ((x - target) ** 2.0) "loss"

                    let _, expected, _, losses = record whole (begin' whole)
                    let _, middle, _, before = record { whole with Interrupted = after cut } (begin' whole)
                    let _, found, _, rest = record whole middle
                    closeTrees "parameters" 0.0 expected.Params found.Params
                    closeTrees "memory" 0.0 expected.Memory found.Memory
                    Expect.equal (before @ rest) losses "losses")

            testCase "a stage begins with an optimizer's fresh memory" (fun () ->
                use _ = torch.NewDisposeScope()
                let split = plan [ stage 3 rosenbrock; stage 3 rosenbrock ]
                let _, found, _, _ = record split (begin' split)
                let half = plan [ stage 3 rosenbrock ]
                let _, middle, _, _ = record half (begin' half)
                let _, expected, _, _ = record half (Training.start half middle.Params)
                closeTrees "parameters" 0.0 expected.Params found.Params)

            property
                "a loss that is no number ends the run, and nothing is saved after it"
                25
                (Gen.zip (Gen.choose (0, 24)) (Gen.choose (1, 13)))
                (fun (bad, every) ->
                    let plan = { plan [ spoiledAt bad 25 ] with SaveEvery = every; EvaluateEvery = 100 }

                    match record plan (begin' plan) with
                    | Diverged loss, _, events, _ ->
                        Expect.isFalse (Double.IsFinite loss) "the loss is no number"
                        let saved = events |> List.filter _.StartsWith("save")
                        Expect.equal saved [ for step in every..every..bad -> $"save {step}" ] "saved"
                    | outcome, _, _, _ -> failtest $"{outcome}")

            testCase "parameters that are no numbers are not saved, though the loss is one" (fun () ->
                use _ = torch.NewDisposeScope()

                let gradient (p: Params) = torch.tensor 1.0, p |> Map.map (fun _ t -> t * nan)

                let plan = plan [ stage 8 gradient ]
                let outcome, _, events, _ = record plan (begin' plan)
                Expect.equal outcome (Diverged 1.0) "outcome"
                Expect.isFalse (List.contains "save 4" events) "nothing is saved")

            testCase "an interruption saves no parameters that are no numbers" (fun () ->
                use _ = torch.NewDisposeScope()
                // Not yet noticed when the interruption comes.
                let plan = { plan [ spoiledAt 5 50 ] with Interrupted = after 7; EvaluateEvery = 100; SaveEvery = 100 }

                match record plan (begin' plan) with
                | Diverged _, _, events, _ -> Expect.isFalse (List.contains "save 7" events) "nothing is saved"
                | outcome, _, _, _ -> failtest $"{outcome}")

            // Alone: live tensors are counted.
            testSequenced
            <| testCase "no step leaves tensors behind" (fun () ->
                use _ = torch.NewDisposeScope()
                let counts = ResizeArray<int64>()

                let listen = counting counts

                let meta = { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.PerLayer; Chunk = Some 2 }

                let model = MetaKan.create { Size = 3; Order = 3 } meta [ 2; 3; 1 ]
                let problem = Poisson.problem (TwoBody.ofSeed 1 2)

                let settings =
                    {
                        Points = 6
                        Sampling = Sampling.Random
                        Laplacian = LaplacianMethod.Sdgd 1
                        Unbiased = false
                        MemoryLimit = 2048
                    }

                let plan =
                    { plan
                          [
                              Stage.create 1500 adam (fun step ->
                                  Collocation.gradient settings problem model (Key.ofSeed step))
                              Stage.create 100 (Lbfgs.create 3 1) (fun _ ->
                                  Collocation.gradient settings problem model (Key.ofSeed 1))
                          ] with
                        Evaluate = fun _ -> []
                        SaveEvery = 250
                    }

                let outcome, _ =
                    Training.run plan listen (Training.start plan (model.Init (Key.ofSeed 1) Placement.cpu64))

                Expect.equal outcome Completed "outcome"

                for found in Seq.take 6 counts do
                    Expect.equal found counts[0] "live tensors")

            // Alone: the process's memory is looked at.
            testSequenced
            <| Check.slow (
                // By an estimator, which makes a generator a step besides what the exact operator makes.
                testCase "memory is steady over tens of thousands of steps" (fun () ->
                    use _ = torch.NewDisposeScope()
                    let problem, model = Poisson.problem (TwoBody.ofSeed 1 2), Mlp.create [ 2; 3; 1 ]

                    let settings =
                        {
                            Points = 4
                            Sampling = Sampling.Random
                            Laplacian = LaplacianMethod.Hutchinson 2
                            Unbiased = false
                            MemoryLimit = 2048
                        }

                    // Bytes that are in the machine's memory, once what nobody has is given back.
                    let resident () =
                        GC.Collect()
                        GC.WaitForPendingFinalizers()
                        GC.Collect()
                        use own = Diagnostics.Process.GetCurrentProcess()
                        own.WorkingSet64

                    let found = ResizeArray<int64>()
                    let every = 6_000

                    let plan =
                        { plan
                              [
                                  Stage.create (4 * every) adam (fun step ->
                                      Collocation.gradient settings problem model (Key.ofSeed step))
                              ] with
                            Evaluate = fun _ -> []
                            SaveEvery = every
                        }

                    let listen event =
                        match event with
                        | Saved _ -> found.Add(resident ())
                        | _ -> ()

                    Training.run plan listen (Training.start plan (model.Init (Key.ofSeed 1) Placement.cpu64))
                    |> ignore

                    // The first steps fill caches. Half a KiB a step would be 9 MiB.
                    let grown = float (found[3] - found[0]) / float (3 * every)
                    Check.inRange -infinity 512.0 grown "bytes a step")
            )
        ]
