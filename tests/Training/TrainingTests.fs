/// The training fold: events in their order, interruption, divergence, stages, memory.
module MetaKan.Tests.TrainingTests

open System
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open TorchSharp
open Xunit

let private adam = Adam.create (fun _ -> { Rate = (fun _ -> 0.05); WeightDecay = 0.0 })

let private plan (stages: Stage list) : TrainingPlan =
    {
        Stages = stages
        Evaluate = fun p -> [ "sum", Tensor.item (p["x"].sum()) ]
        EvaluateEvery = 3
        SaveEvery = 4
        Interrupted = fun () -> false
    }

let private stage steps gradient = { Steps = steps; Optimizer = adam; Gradient = fun _ -> gradient }

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
            Assert.Equal(losses[losses.Count - 1], loss)
            Assert.Equal<(string * float) list>(plan.Evaluate state.Params, measures)
            events.Add $"evaluate {state.Step}"
        | Saved state ->
            Assert.All(state.Params.Values, fun t -> Assert.True(torch.isfinite(t).all().item<bool>()))
            events.Add $"save {state.Step}"

    let outcome, state = Training.run plan listen start
    outcome, state, List.ofSeq events, List.ofSeq losses

let private begin' plan = Training.start plan (at [ -1.2; 1.0 ])

[<Fact>]
let ``events come in their order: steps, then measures, then what is saved`` () =
    use _ = torch.NewDisposeScope()
    let plan = plan [ stage 5 rosenbrock; stage 2 rosenbrock ]
    let outcome, state, events, losses = record plan (begin' plan)
    Assert.Equal(Completed, outcome)
    Assert.Equal(7, state.Step)
    Assert.Equal(7, Training.totalSteps plan)
    Assert.True(state.Seconds > 0.0)
    // The loss before the first update.
    Assert.Equal(24.2, losses.Head, 10)

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

    Assert.Equal<string list>(expected, events)

[<Fact>]
let ``an interruption ends the run after saving`` () =
    use _ = torch.NewDisposeScope()
    let plan = { plan [ stage 50 rosenbrock ] with Interrupted = after 5 }
    let outcome, state, events, _ = record plan (begin' plan)
    Assert.Equal(Stopped, outcome)
    Assert.Equal(5, state.Step)
    Assert.Equal<string list>([ "step 4"; "save 4"; "step 5"; "save 5" ], List.skip 4 events)

[<Fact>]
let ``a run in two pieces is the run in one`` () =
    forAll 12 (Gen.zip (Gen.choose (0, 24)) seeds) (fun (cut, seed) ->
        // The gradient of a step depends on its number over all stages.
        let noisy step : Gradient =
            gradientOf (fun p ->
                let noise = Key.normal (Key.fold step (Key.ofSeed seed)) Placement.cpu64 [ 2L ]
                let difference = p["x"] - noise
                (difference * difference).sum())

        let stages =
            [
                { Steps = 12; Optimizer = adam; Gradient = noisy }
                { Steps = 13; Optimizer = adam; Gradient = noisy }
            ]

        let whole = plan stages
        let _, expected, _, losses = record whole (begin' whole)
        let cutShort = { whole with Interrupted = after cut }
        let outcome, middle, _, first = record cutShort (begin' whole)
        Assert.Equal(Stopped, outcome)
        let _, found, _, rest = record whole middle
        closeTrees "parameters" 0.0 expected.Params found.Params
        closeTrees "memory" 0.0 expected.Memory found.Memory
        Assert.Equal<float list>(losses, first @ rest))

[<Fact>]
let ``a stage begins with an optimizer's fresh memory`` () =
    use _ = torch.NewDisposeScope()
    let split = plan [ stage 3 rosenbrock; stage 3 rosenbrock ]
    let _, found, _, _ = record split (begin' split)
    let half = plan [ stage 3 rosenbrock ]
    let _, middle, _, _ = record half (begin' half)
    let _, expected, _, _ = record half (Training.start half middle.Params)
    closeTrees "parameters" 0.0 expected.Params found.Params

/// A loss that is no number from a step on.
let private spoiled bad step : Gradient = gradientOf (fun p -> (p["x"] * (if step >= bad then nan else 1.0)).sum())

let private spoiledAt bad steps = { Steps = steps; Optimizer = adam; Gradient = spoiled bad }

[<Fact>]
let ``a loss that is no number ends the run, and nothing is saved after it`` () =
    forAll 25 (Gen.zip (Gen.choose (0, 24)) (Gen.choose (1, 13))) (fun (bad, every) ->
        let plan = { plan [ spoiledAt bad 25 ] with SaveEvery = every; EvaluateEvery = 100 }

        match record plan (begin' plan) with
        | Diverged loss, _, events, _ ->
            Assert.False(Double.IsFinite loss)
            let saved = events |> List.filter _.StartsWith("save")
            Assert.Equal<string list>([ for step in every..every..bad -> $"save {step}" ], saved)
        | outcome, _, _, _ -> Assert.Fail $"{outcome}")

[<Fact>]
let ``parameters that are no numbers are not saved, though the loss is one`` () =
    use _ = torch.NewDisposeScope()

    let gradient (p: Params) = torch.tensor 1.0, p |> Map.map (fun _ t -> t * nan)

    let plan = plan [ stage 8 gradient ]
    let outcome, _, events, _ = record plan (begin' plan)
    Assert.Equal(Diverged 1.0, outcome)
    Assert.DoesNotContain("save 4", events)

[<Fact>]
let ``an interruption saves no parameters that are no numbers`` () =
    use _ = torch.NewDisposeScope()
    // Not yet noticed when the interruption comes.
    let plan = { plan [ spoiledAt 5 50 ] with Interrupted = after 7; EvaluateEvery = 100; SaveEvery = 100 }

    match record plan (begin' plan) with
    | Diverged _, _, events, _ -> Assert.DoesNotContain("save 7", events)
    | outcome, _, _, _ -> Assert.Fail $"{outcome}"

[<Collection "alone">]
type TrainingMemoryTests() =
    [<Fact>]
    member _.``no step leaves tensors behind``() =
        use _ = torch.NewDisposeScope()
        let counts = ResizeArray<int64>()

        let listen = counting counts

        let meta = { EmbeddingDim = 1; HiddenDim = 4; Sharing = PerLayer; Chunk = Some 2 }

        let model = MetaKan.create { Size = 3; Order = 3 } meta [ 2; 3; 1 ]
        let problem = Poisson.problem (TwoBody.ofSeed 1 2)

        let settings = { Points = 6; Laplacian = Sdgd 1; MemoryLimit = 2048 }

        let plan =
            { plan
                  [
                      {
                          Steps = 1500
                          Optimizer = adam
                          Gradient = fun step -> Collocation.gradient settings problem model (Key.ofSeed step)
                      }
                      {
                          Steps = 100
                          Optimizer = Lbfgs.create 3 1
                          Gradient = fun _ -> Collocation.gradient settings problem model (Key.ofSeed 1)
                      }
                  ] with
                Evaluate = fun _ -> []
                SaveEvery = 250
            }

        let outcome, _ =
            Training.run plan listen (Training.start plan (model.Init (Key.ofSeed 1) Placement.cpu64))

        Assert.Equal(Completed, outcome)
        Assert.All(Seq.take 6 counts, fun found -> Assert.Equal(counts[0], found))
