/// Runs that several ranks share, in this process: whatever trains comes to what one process comes to.
module MetaKan.Tests.SharedRunsTests

open System.IO
open Expecto
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open MetaKan.Tests.Timed
open TorchSharp

let private settings =
    { SolveSettings.defaults with
        Epochs = 8
        Collocation = collocation 30
        TestPoints = 700
        Placement = Placement.cpu64
        EvaluateEvery = 4
        SaveEvery = 4
    }

let private place (folder: string) : RunPlace = { freshIn folder with Signals = false }
let private mlp = Mlp.create [ 2; 6; 1 ]

let private metaKan =
    MetaKan.create
        { Size = 3; Order = 3 }
        { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.PerLayer; Chunk = None }
        [ 2; 4; 1 ]

let private solve (place: RunPlace) settings model = Solve.run place settings heat model ignore
let private kept (solution: Solution) = Params.tensors solution.Params |> Seq.ofArray

/// The run by so many ranks in a folder, which all of them have to the same bits.
let private shared count (place: RunPlace) settings model : Solution =
    let found = Jobs.run count kept (fun _ -> solve place settings model)

    for other in found do
        closeTrees "another rank's parameters" 0.0 found.Head.Params other.Params
        Expect.equal (other.Result.ToJsonString()) (found.Head.Result.ToJsonString()) "another rank's result"

    found.Head

/// That the losses and errors of a run's table are those of another's, to rounding and what steps make of it.
let private sameTable tolerance (expected: string) (found: string) =
    let table folder =
        (Metrics.read folder).Rows
        |> Array.map (fun (step, row) -> step, Array.truncate (row.Length - 1) row)

    for (step, row), (other, numbers) in Array.zip (table expected) (table found) do
        Expect.equal other step "step"

        for x, y in Array.zip row numbers do
            Check.near (tolerance * abs x.Value) y.Value x.Value $"step {step}"

// SOAP's first eigenbases are in part those of rounding, as there are more of them than gradients: its numbers change with the
// number of threads, too.
let private tolerance name = if name = "SOAP" then 0.05 else 1e-7

/// What a run does beside plain steps by Adam.
let private ways =
    let natural = { settings with Optimizer = SolveOptimizer.NaturalGradient; Epochs = 5 }
    let dwelling emphasis = { settings with Emphasis = { emphasis with Every = 3 } }

    [
        "Adam", mlp, settings
        "MetaKAN", metaKan, settings
        "SDGD", mlp, { settings with Collocation = { settings.Collocation with Laplacian = LaplacianMethod.Sdgd 1 } }
        "SOAP", mlp, { settings with Optimizer = SolveOptimizer.Soap }
        "Muon", mlp, { settings with Optimizer = SolveOptimizer.Muon }
        "Broyden", mlp, { settings with Optimizer = SolveOptimizer.Broyden }
        "natural gradients by points", metaKan, { natural with Collocation = collocation 20 }
        "natural gradients by parameters", mlp, natural
        "natural gradients in blocks", metaKan, { natural with Collocation = { collocation 60 with MemoryLimit = 2 } }
        "polish", mlp, { settings with Epochs = 3; Polish = 5; PolishPoints = 40 }
        "balanced gradients", mlp, dwelling { Emphasis.none with Balance = Balance.Gradients; Points = PointChoice.Rad }
        "balanced kernels", mlp, dwelling { Emphasis.none with Balance = Balance.Ntk; Curriculum = Some 0.5 }
        "attention", mlp, dwelling { Emphasis.none with Attention = true }
        "causal weights", mlp, dwelling { Emphasis.none with Causal = Some { Epsilon = 1.0; Slices = 4 } }
    ]

let tests =
    testSequenced
    <| testList
        "Tasks.Ranks"
        [
            for name, model, settings in ways do
                testCase $"{name}: two and three ranks have the losses of one process" (fun () ->
                    withFolder (fun alone ->
                        solve (place alone) settings model |> ignore

                        for count in [ 2; 3 ] do
                            withFolder (fun folder ->
                                let found = shared count (place folder) settings model
                                sameTable (tolerance name) alone folder
                                Expect.equal (found.Result["ranks"].GetValue<int>()) count "ranks")))

            testCase "a run goes on with another number of ranks, when any of them was asked to stop" (fun () ->
                withFolder (fun alone ->
                    solve (place alone) settings mlp |> ignore

                    withFolder (fun folder ->
                        let stopped =
                            Jobs.run 3 kept (fun rank ->
                                let cut = if rank = 2 then cut 5 (place folder) else place folder
                                solve cut settings mlp)

                        Expect.equal (stopped |> List.map _.Outcome) (List.replicate 3 Stopped) "outcomes"
                        let found = shared 2 { place folder with Resume = true } settings mlp
                        Expect.equal found.Outcome Completed "outcome"
                        sameTable 1e-9 alone folder)))

            testCase "the first rank alone hears and writes, and a folder in use is everyone's fault" (fun () ->
                withFolder (fun folder ->
                    let heard = System.Collections.Concurrent.ConcurrentBag<int>()

                    Jobs.run 3 kept (fun rank -> Solve.run (place folder) settings heat mlp (fun _ -> heard.Add rank))
                    |> ignore

                    Expect.equal (heard |> Seq.distinct |> List.ofSeq) [ 0 ] "listeners"
                    Expect.equal (File.ReadAllLines(RunFolder.stepsPath folder)).Length 9 "rows of single steps"

                    let refused =
                        Jobs.run 2 (fun _ -> Seq.empty) (fun _ ->
                            try
                                solve (place folder) settings mlp |> ignore
                                ""
                            with BadInput reason ->
                                reason)

                    for reason in refused do
                        Expect.stringContains reason "already holds a run" "reason"))

            testCase "seconds of training are as many steps for all ranks" (fun () ->
                let steps = Jobs.run 3 (fun _ -> Seq.empty) (fun _ -> (Solve.within 0.2 settings heat mlp).Epochs)
                Expect.equal (List.distinct steps).Length 1 "numbers of steps")
        ]
