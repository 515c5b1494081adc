/// Solving: a run in its folder, interrupted and resumed, and runs that learn.
module MetaKan.Tests.SolveTests

open System
open System.IO
open System.Text.Json
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Fitting
open MetaKan.Tests.Folder
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open MetaKan.Tests.Timed
open TorchSharp

let private model =
    MetaKan.create
        { Size = 3; Order = 3 }
        { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.Shared; Chunk = None }
        [ 2; 3; 1 ]

let private problem = AllenCahn.problem (TwoBody.ofSeed 3 2)

let private settings =
    { SolveSettings.defaults with
        Epochs = 12
        Collocation =
            {
                Points = 8
                Sampling = Sampling.Random
                Laplacian = LaplacianMethod.Sdgd 1
                Unbiased = false
                MemoryLimit = 2048
            }
        Rate = 1e-2
        EmbeddingRate = 1e-2
        GeneratorRate = 1e-2
        Polish = 6
        PolishPoints = 20
        TestPoints = 50
        Placement = Placement.cpu64
        EvaluateEvery = 4
        SaveEvery = 5
    }

let private solve place settings problem model = Solve.run place settings problem model ignore

let private same (folder: string) (expected: Solution) (other: string) (found: Solution) =
    closeTrees "parameters" 0.0 expected.Params found.Params
    Expect.equal (metrics other) (metrics folder) "metrics"

    for name in [ "loss"; "relative_l2"; "relative_l1"; "epochs"; "parameters"; "outcome" ] do
        Expect.equal (found.Result[name].ToJsonString()) (expected.Result[name].ToJsonString()) "result"

/// A run's relative L2 error at its first and last evaluation.
let private learned folder settings problem model =
    let solution = solve (freshIn folder) settings problem model
    Expect.equal solution.Outcome Completed "outcome"
    let errors = (Metrics.read folder).Rows |> Array.map (fun (_, row) -> row[1].Value)
    Array.head errors, Array.last errors, solution

/// One after another: runs set the number of threads, which is the process's, and live tensors are counted.
let tests =
    testSequenced
    <| testList
        "Tasks.Solve"
        [
            testCase "a run that was interrupted and resumed is the uninterrupted one, to the bit" (fun () ->
                withFolder (fun whole ->
                    let expected = solve (freshIn whole) settings problem model

                    // Any step, the border of the stages, the steps beside it, and the two ends.
                    let cuts = Gen.oneof [ Gen.choose (0, 17); Gen.elements [ 0; 11; 12; 13; 17 ] ]

                    forAll 12 (Gen.zip cuts (Gen.choose (0, 17))) (fun (first, second) ->
                        withFolder (fun folder ->
                            let stopped = solve (freshIn folder |> cut first) settings problem model
                            Expect.equal stopped.Outcome Stopped "outcome"
                            // Twice interrupted, where the second comes before the end.
                            solve (resumedIn folder |> cut second) settings problem model |> ignore
                            let found = solve (resumedIn folder) settings problem model
                            Expect.equal found.Outcome Completed "outcome"
                            same whole expected folder found))))

            testCase "whatever a run dwells on, interrupted and resumed it is the uninterrupted one" (fun () ->
                let it = { Emphasis.none with Every = 3 }
                let causal = Some { Epsilon = 1.0; Slices = 4 }
                let mlp = Mlp.create [ 2; 4; 1 ]

                for emphasis in
                    [
                        { it with Balance = Balance.Gradients; Causal = causal; Points = PointChoice.Rad }
                        { it with Balance = Balance.Ntk; Curriculum = Some 0.5 }
                        { it with Attention = true }
                        { it with Points = PointChoice.RarD }
                    ] do
                    let settings =
                        { settings with
                            Emphasis = emphasis
                            Polish = 4
                            EvaluateEvery = 2
                            Collocation = collocation 12
                        }

                    withFolder (fun whole ->
                        let expected = solve (freshIn whole) settings heat mlp
                        let balanced = emphasis.Balance <> Balance.Fixed
                        let table = Metrics.read whole
                        let weights = table.Columns |> List.filter _.StartsWith("weight_")

                        Expect.equal
                            weights
                            (if balanced then [ "weight_heat"; "weight_walls"; "weight_start" ] else [])
                            "weights that are told"

                        if balanced then
                            let column = List.findIndex ((=) "weight_walls") table.Columns
                            let path = table.Rows |> Array.map (fun (_, row) -> row[column].Value)
                            Expect.isGreaterThan (Array.distinct path).Length 3 "weights that change"
                            Expect.equal path[6] path[7] "weights of the polish"
                            Report.write whole
                            let report = File.ReadAllText(RunFolder.reportPath whole)
                            Expect.stringContains report "<span>Weights</span>" "report"

                        for cut' in [ 0; 1; 7; 12; 14 ] do
                            withFolder (fun folder ->
                                let stopped = solve (freshIn folder |> cut cut') settings heat mlp
                                Expect.equal stopped.Outcome Stopped "outcome"
                                same whole expected folder (solve (resumedIn folder) settings heat mlp))))

            testCase "optimizers one after another, interrupted and resumed, are the uninterrupted run" (fun () ->
                let mlp = Mlp.create [ 2; 4; 1 ]

                let stage optimizer epochs points : SolveStage =
                    { Optimizer = optimizer; Epochs = epochs; Points = points }

                let settings =
                    { settings with
                        Opening =
                            [
                                stage SolveOptimizer.Soap 3 9
                                stage SolveOptimizer.Muon 2 9
                                stage SolveOptimizer.Broyden 7 10
                            ]
                        Optimizer = SolveOptimizer.NaturalGradient
                        Epochs = 3
                        Polish = 3
                        Emphasis =
                            { Emphasis.none with Balance = Balance.Gradients; Points = PointChoice.Rad; Every = 3 }
                        EvaluateEvery = 1
                        SaveEvery = 2
                        Collocation = collocation 12
                    }

                withFolder (fun whole ->
                    let expected = solve (freshIn whole) settings heat mlp
                    Expect.equal (SolveSettings.steps settings) 18 "steps"
                    Expect.equal (expected.Result["epochs"].GetValue<int>()) 18 "steps done"

                    let errors = (Metrics.read whole).Rows |> Array.map (fun (_, row) -> row[1].Value)
                    Expect.isLessThan errors[14] errors[4] "error after Broyden's method and natural gradients"

                    for cut' in [ 0; 3; 5; 6; 8; 12; 13; 16 ] do
                        withFolder (fun folder ->
                            let stopped = solve (freshIn folder |> cut cut') settings heat mlp
                            Expect.equal stopped.Outcome Stopped "outcome"
                            same whole expected folder (solve (resumedIn folder) settings heat mlp))))

            testCase
                "epochs of so many seconds are more of a longer time, and start from nothing that was tried"
                (fun () ->
                    let settings = { settings with Polish = 0; Collocation = collocation 12 }
                    let mlp = Mlp.create [ 2; 4; 1 ]
                    let timed seconds = Solve.within seconds settings heat mlp
                    let short, long = timed 0.01, timed 20.0
                    Expect.isGreaterThan long.Epochs (3 * short.Epochs) "epochs"

                    Expect.equal
                        (string (Configuration.node { long with Epochs = settings.Epochs }))
                        (string (Configuration.node settings))
                        "what else there is"
                    // A step of it takes more than a microsecond, and less than a second.
                    Check.inRange 20 20_000_000 long.Epochs "epochs")

            testCase
                "the optimizer is chosen by dimension, network, points and memory, with the steps that go with it"
                (fun () ->
                    let network width = Mlp.create [ 2; width; width; 1 ]
                    let base' = { settings with Epochs = 77; Placement = Placement.cpu32; Seed = 9; Rate = 0.5 }

                    let stepping (settings: SolveSettings) =
                        settings.Optimizer, settings.Epochs, settings.Collocation.Points, settings.Placement.DType

                    let natural, adam = stepping SolveSettings.natural, stepping SolveSettings.defaults
                    let chosen = SolveSettings.auto problem (network 20) base'
                    Expect.equal (stepping chosen) natural "natural gradients"
                    Expect.equal (chosen.Seed, chosen.Rate) (9, 0.5) "what else there is"

                    let asked change = SolveSettings.auto problem (network 20) (change SolveSettings.natural)
                    let own (settings: SolveSettings) = { settings with Epochs = 7 }

                    Expect.equal
                        (string (Configuration.node (asked own)))
                        (string (Configuration.node (own SolveSettings.natural)))
                        "settings that have it already"

                    let collocation change (settings: SolveSettings) =
                        { settings with Collocation = change settings.Collocation }

                    let little = asked (collocation (fun it -> { it with MemoryLimit = 1 }))
                    Expect.equal (stepping little) adam "little memory"
                    Expect.equal little.Collocation.MemoryLimit 1 "the limit"
                    let large start = stepping (SolveSettings.auto problem (network 400) start)
                    Expect.equal (large SolveSettings.natural) adam "a large network"
                    Expect.equal (large base') (stepping base') "whose settings have it already"
                    // As many parameters as points, of both too many.
                    let many = collocation (fun it -> { it with Points = 20000; MemoryLimit = 1 <<< 20 })

                    Expect.equal
                        (stepping (SolveSettings.auto problem (network 80) (many SolveSettings.natural)))
                        adam
                        "many points"

                    Expect.equal
                        (stepping (SolveSettings.auto problem (network 10) (many SolveSettings.natural)))
                        (SolveOptimizer.NaturalGradient, 300, 20000, torch.float64)
                        "many of few numbers"

                    let high dim = Poisson.problem (TwoBody.ofSeed 0 dim)

                    let ofDimension dim =
                        SolveSettings.auto (high dim) (Mlp.create [ dim; 4; 1 ]) SolveSettings.natural

                    Expect.equal (stepping (ofDimension 200)) natural "200 dimensions"
                    Expect.equal (stepping (ofDimension 201)) adam "201 dimensions"

                    let energetic =
                        { heat with Conditions = []; Equations = [ Equation.energy "energy" (field "u" ** 2.0) ] }

                    Expect.equal
                        (stepping (SolveSettings.auto energetic (network 5) SolveSettings.natural))
                        adam
                        "an energy")

            testCase "points stay for Broyden's method, from its first step on" (fun () ->
                // What it tells of a step is the loss that the step before ended at, until points change.
                let settings =
                    { settings with
                        Opening = [ { Optimizer = SolveOptimizer.Adam; Epochs = 4; Points = 8 } ]
                        Optimizer = SolveOptimizer.Broyden
                        Epochs = 9
                        Polish = 0
                        Emphasis = { Emphasis.none with Every = 3 }
                        Collocation = collocation 12
                    }

                let mlp = Mlp.create [ 2; 4; 1 ]
                let plan = Solve.plan settings heat mlp
                use _ = torch.NewDisposeScope()
                let start = Training.start plan (Solve.initial settings heat mlp)

                let opened, _ =
                    ((start, None), [ 1..4 ])
                    ||> List.fold (fun (s, _) _ -> let s, l = Training.step plan.Stages[0] s in s, Some l)

                let entered = { opened with Stage = 1; Within = 0; Memory = plan.Stages[1].Init opened.Params }

                ((entered, nan), [ 0..8 ])
                ||> List.fold (fun (state, reached) n ->
                    let next, loss = Training.step plan.Stages[1] state
                    let same = Tensor.item loss = reached
                    Expect.equal same (n % 3 <> 0) $"the loss of step {n}"
                    next, Tensor.item next.Memory["loss"])
                |> ignore)

            testCase "what Broyden's method cannot take is refused before the folder is made" (fun () ->
                withFolder (fun folder ->
                    let folder = Path.Combine(folder, "run")
                    let broyden = { settings with Optimizer = SolveOptimizer.Broyden; Collocation = collocation 12 }
                    let wide = Mlp.create [ 2; 120; 120; 1 ]

                    for settings, model, said in
                        [
                            broyden,
                            wide,
                            "Optimizer: the self-scaled Broyden method takes networks of up to 10000 numbers"
                            { broyden with Emphasis = { Emphasis.none with Attention = true } },
                            Mlp.create [ 2; 4; 1 ],
                            "Optimizer: the self-scaled Broyden method takes a loss that stays"
                            { broyden with
                                Optimizer = SolveOptimizer.Adam
                                Opening = [ { Optimizer = SolveOptimizer.Broyden; Epochs = 2; Points = 3 } ]
                                Emphasis = { Emphasis.none with Curriculum = Some 0.5 }
                            },
                            Mlp.create [ 2; 4; 1 ],
                            "Optimizer: the self-scaled Broyden method takes a loss that stays"
                        ] do
                        Expect.stringStarts
                            (messageOf<ArgumentException>(fun () ->
                                solve (freshIn folder) settings heat model |> ignore))
                            said
                            "message"

                        Expect.isFalse (Directory.Exists folder) "a folder"))

            testCase "what cannot be dwelt on is refused before the folder is made" (fun () ->
                withFolder (fun folder ->
                    let folder = Path.Combine(folder, "run")
                    let settings = { settings with Emphasis = { Emphasis.none with Curriculum = Some 0.5 } }

                    Expect.stringStarts
                        (messageOf<ArgumentException>(fun () ->
                            solve (freshIn folder) settings problem model |> ignore))
                        "Curriculum: "
                        "message"

                    Expect.isFalse (Directory.Exists folder) "a folder"))

            testCase "what happened after the last save is made again" (fun () ->
                withFolder (fun whole ->
                    withFolder (fun folder ->
                        let expected = solve (freshIn whole) settings problem model
                        // A run that dies in a listener leaves the folder as a crash does.
                        let dying event =
                            match event with
                            | Stepped(state, _) when state.Step = 9 -> raise (InvalidOperationException "crash")
                            | _ -> ()

                        Expect.throwsT<InvalidOperationException>
                            (fun () -> Solve.run (freshIn folder) settings problem model dying |> ignore)
                            "the run dies"

                        same whole expected folder (solve (resumedIn folder) settings problem model))))

            testCase "parameters that a model's Init only hands on live on" (fun () ->
                use _ = torch.NewDisposeScope()
                let given = model.Init (Key.ofSeed 5) Placement.cpu64
                let before = given |> Map.map (fun _ t -> Tensor.toArray t)

                withFolder (fun folder ->
                    solve (freshIn folder) settings problem { model with Init = fun _ _ -> given } |> ignore
                    Expect.equal (given |> Map.map (fun _ t -> Tensor.toArray t)) before "the numbers given"))

            testCase "what would make a wrong run is refused before the folder is made" (fun () ->
                withFolder (fun folder ->
                    let folder = Path.Combine(folder, "run")

                    let withMean =
                        { problem with Equations = [ { problem.Equations.Head with Residual = mean (field "u") } ] }

                    for settings, problem, part in
                        [
                            { settings with EvaluateEvery = 0 }, problem, "EvaluateEvery"
                            { settings with SaveEvery = 0 }, problem, "SaveEvery"
                            { settings with
                                Collocation = { settings.Collocation with Laplacian = LaplacianMethod.Sdgd 3 }
                            },
                            problem,
                            "Sdgd 3"
                            settings, withMean, "only a condition may have"
                        ] do
                        Expect.stringContains
                            (messageOf<ArgumentException>(fun () ->
                                solve (freshIn folder) settings problem model |> ignore))
                            part
                            "message"

                        Expect.isFalse (Directory.Exists folder) "a folder"))

            testCase "a finished run is resumed to itself" (fun () ->
                withFolder (fun folder ->
                    let expected = solve (freshIn folder) settings problem model
                    let before = metrics folder
                    let found = solve (resumedIn folder) settings problem model
                    closeTrees "parameters" 0.0 expected.Params found.Params
                    Expect.equal (metrics folder) before "metrics"

                    Expect.equal
                        (found.Result["relative_l2"].ToJsonString())
                        (expected.Result["relative_l2"].ToJsonString())
                        "relative l2"))

            testCase
                "products of two estimates go with estimates, and with optimizers that take any gradient"
                (fun () ->
                    let sdgd = { settings.Collocation with Laplacian = LaplacianMethod.Sdgd 1; Unbiased = true }
                    let settings = { settings with Collocation = sdgd; Polish = 0 }
                    Expect.isNone (Solve.fault settings problem model) "Adam"

                    for settings in
                        [
                            { settings with Collocation = { sdgd with Laplacian = LaplacianMethod.Exact } }
                            { settings with Polish = 3 }
                            { settings with Optimizer = SolveOptimizer.Broyden }
                            { settings with Optimizer = SolveOptimizer.NaturalGradient }
                            { settings with
                                Opening = [ { Optimizer = SolveOptimizer.Broyden; Epochs = 2; Points = 5 } ]
                            }
                        ] do
                        Expect.equal (Solve.fault settings problem model |> Option.map fst) (Some "Unbiased") "refused")

            testCase "held-out points that are too many numbers to keep are drawn in parts" (fun () ->
                use _ = torch.NewDisposeScope()
                let body = TwoBody.ofSeed 0 100_000
                let problem, model = Poisson.problem body, Mlp.create [ 100_000; 2; 1 ]
                // 1342 points are kept; more are drawn anew, and their errors are about the same.
                let errors count =
                    let plan =
                        Solve.plan { settings with TestPoints = count; Placement = Placement.cpu32 } problem model

                    let p = Solve.initial { settings with Placement = Placement.cpu32 } problem model

                    plan.Evaluate { Stage = 0; Within = 0; Step = 1; Params = p; Memory = Map.empty; Seconds = 0.0 }
                    |> Map

                Check.near 1e-3 (errors 1400).["relative_l2"] (errors 1300).["relative_l2"] "error")

            testCase "a folder that holds anything is refused, and left alone" (fun () ->
                withFolder (fun folder ->
                    let notes = Path.Combine(folder, "notes.txt")
                    File.WriteAllText(notes, "")

                    let refusal =
                        messageOf<BadInput>(fun () -> solve (freshIn folder) settings problem model |> ignore)

                    Expect.stringStarts refusal folder "refusal"
                    Expect.equal (Directory.GetFileSystemEntries folder) [| notes |] "files"))

            testCase "a run is resumed under its own settings only" (fun () ->
                withFolder (fun folder ->
                    solve (freshIn folder |> cut 3) settings problem model |> ignore

                    let refusal place settings problem model =
                        messageOf<BadInput>(fun () -> solve place settings problem model |> ignore)

                    let refused name settings problem model =
                        let refusal = refusal (resumedIn folder) settings problem model
                        Expect.stringStarts refusal (RunFolder.configPath folder) "the file"
                        Expect.stringContains refusal $"its {name} is" "what differs"

                    refused "settings.seed" { settings with Seed = 1 } problem model
                    refused "settings.rate" { settings with Rate = 0.5 } problem model
                    let collocation = { settings.Collocation with Points = 9 }
                    refused "settings.collocation.points" { settings with Collocation = collocation } problem model
                    refused "settings.placement.dtype" { settings with Placement = Placement.cpu32 } problem model
                    refused "network.description" settings problem (Mlp.create [ 2; 3; 1 ])
                    refused "problem.name" settings (Poisson.problem (TwoBody.ofSeed 3 2)) model
                    let again = refusal (freshIn folder) settings problem model
                    Expect.stringContains again "already holds a run" "refusal"))

            testCase
                "a finished run goes on with more epochs, and more of the polish, as if it had them from the start"
                (fun () ->
                    // Rates that do not depend on how many epochs there are to be.
                    let settings = { settings with Schedule = Annealing.Constant; EvaluateEvery = 3 }

                    for short, long in
                        [
                            { settings with Epochs = 6; Polish = 0 }, { settings with Epochs = 12; Polish = 0 }
                            { settings with Epochs = 6; Polish = 0 }, { settings with Epochs = 9; Polish = 3 }
                            { settings with Epochs = 6; Polish = 3 }, { settings with Epochs = 6; Polish = 6 }
                        ] do
                        withFolder (fun whole ->
                            withFolder (fun folder ->
                                let expected = solve (freshIn whole) long problem model
                                solve (freshIn folder) short problem model |> ignore
                                let found = solve (resumedIn folder) long problem model
                                Expect.equal found.Outcome Completed "outcome"
                                same whole expected folder found
                                let config = File.ReadAllText(RunFolder.configPath folder)
                                Expect.equal config (File.ReadAllText(RunFolder.configPath whole)) "config.json")))

            testCase "a run that goes on under other epochs and dies has them in its configuration" (fun () ->
                withFolder (fun folder ->
                    solve (freshIn folder) { settings with Polish = 0 } problem model |> ignore
                    let more = { settings with Polish = 0; Epochs = 30 }
                    let dying _ = raise (InvalidOperationException "crash")

                    Expect.throwsT<InvalidOperationException>
                        (fun () -> Solve.run (resumedIn folder) more problem model dying |> ignore)
                        "the run dies"

                    let stored: SolveSettings = Configuration.read folder "pde" "settings"
                    Expect.equal stored.Epochs 30 "epochs"))

            testCase "what is done keeps its steps" (fun () ->
                withFolder (fun folder ->
                    let first = solve (freshIn folder) settings problem model
                    let before = File.ReadAllText(RunFolder.configPath folder)

                    for other in
                        [
                            { settings with Polish = 5 }
                            { settings with Epochs = 13 }
                            { settings with Epochs = 11; Polish = 0 }
                        ] do
                        let refusal =
                            messageOf<BadInput>(fun () -> solve (resumedIn folder) other problem model |> ignore)

                        Expect.stringStarts refusal $"{folder} has 18 steps" "refusal"

                    Expect.equal (File.ReadAllText(RunFolder.configPath folder)) before "config.json"
                    Expect.isTrue (RunFolder.tryReadResult folder).IsSome "the result is kept"
                    closeTrees "the run" 0.0 first.Params (solve (resumedIn folder) settings problem model).Params))

            testCase "a run's folder says what was run and what came of it" (fun () ->
                withFolder (fun folder ->
                    let sections = [ "network", Nodes.JsonValue.Create "small" :> Nodes.JsonNode ]
                    let solution = solve { freshIn folder with Sections = sections } settings problem model
                    let config = RunFolder.readConfig folder
                    Expect.equal (config["network"].GetValue<string>()) "small" "the caller's section"

                    Expect.equal
                        (config["problem"].ToJsonString())
                        """{"name":"allen-cahn","dim":2}"""
                        "the task's own"

                    let stored: SolveSettings = Configuration.read folder "pde" "settings"
                    let text (settings: SolveSettings) = (Configuration.node settings).ToJsonString()
                    Expect.equal (text stored) (text settings) "settings"
                    let result = (RunFolder.tryReadResult folder).Value
                    Expect.equal (result["epochs"].GetValue<int>()) 18 "epochs"
                    Expect.equal (result["parameters"].GetValue<int64>()) (Params.count solution.Params) "parameters"
                    Expect.equal (result["outcome"].GetValue<string>()) "completed" "outcome"
                    Expect.isTrue (result["train_seconds"].GetValue<float>() > 0.0) "seconds of training"
                    let table = Metrics.read folder
                    Expect.equal table.Columns [ "loss"; "relative_l2"; "relative_l1"; "seconds" ] "columns"
                    Expect.equal (Array.map fst table.Rows) [| 4; 8; 12; 16; 18 |] "steps"
                    let last = (Array.last table.Rows |> snd)[1]
                    Expect.equal (Some(result["relative_l2"].GetValue<float>())) last "relative error"
                    let saved = Checkpoint.load (RunFolder.checkpointPath folder) solution.Params
                    closeTrees "saved" 0.0 solution.Params saved.Params))

            testCase "a run that diverges says so and keeps its last good state" (fun () ->
                withFolder (fun folder ->
                    let settings =
                        { settings with Rate = 1e200; EmbeddingRate = 1e200; GeneratorRate = 1e200; SaveEvery = 100 }

                    let solution = solve (freshIn folder) settings problem model

                    match solution.Outcome with
                    | Diverged _ -> ()
                    | outcome -> failtest $"{outcome}"

                    Expect.equal
                        ((RunFolder.tryReadResult folder).Value["outcome"].GetValue<string>())
                        "diverged"
                        "outcome"

                    Expect.isFalse (File.Exists(RunFolder.checkpointPath folder)) "no checkpoint"))

            testCase "steps, measures and saves leave no tensors behind" (fun () ->
                let it = { Emphasis.none with Every = 7 }

                for emphasis, problem, model in
                    [
                        it, problem, model
                        { it with Attention = true }, problem, model
                        { it with
                            Balance = Balance.Ntk
                            Points = PointChoice.Rad
                            Causal = Some { Epsilon = 1.0; Slices = 4 }
                        },
                        heat,
                        Mlp.create [ 2; 4; 1 ]
                    ] do
                    withFolder (fun folder ->
                        let settings =
                            { settings with
                                Epochs = 100
                                Polish = 0
                                EvaluateEvery = 10
                                SaveEvery = 20
                                TestPoints = 1200
                                Emphasis = emphasis
                            }

                        let counts = ResizeArray<int64>()

                        let listen = counting counts

                        Solve.run (freshIn folder) settings problem model listen |> ignore
                        Expect.equal (List.ofSeq counts) (List.replicate 5 counts[0]) "live tensors at each save"))

            testCase "an equation in time with data at its start and walls is solved" (fun () ->
                withFolder (fun folder ->
                    let settings =
                        { settings with
                            Epochs = 300
                            Polish = 30
                            PolishPoints = 100
                            Rate = 5e-3
                            Collocation =
                                {
                                    Points = 32
                                    Sampling = Sampling.Random
                                    Laplacian = LaplacianMethod.Exact
                                    Unbiased = false
                                    MemoryLimit = 2048
                                }
                            EvaluateEvery = 10
                            TestPoints = 300
                        }

                    let first, last, solution = learned folder settings heat (Mlp.create [ 2; 12; 12; 1 ])
                    Expect.isTrue (last < 0.2 && last < first / 3.0) $"{first} → {last}"
                    let x = heat.Domain.Sample (Key.ofSeed 8) Placement.cpu64 100

                    Check.inRange
                        (last / 3.0)
                        (last * 3.0)
                        (Map(Collocation.errors heat.Fields heat.Exact.Value solution.U [ fun () -> x ])["relative_l2"])
                        "relative l2"))

            testCase "an unknown number is found with the solution, and its path is written" (fun () ->
                withFolder (fun folder ->
                    let x, t, u, rate = coordinate "x", coordinate "t", field "u", parameter "rate"
                    let sides = [ 0.0, 3.0; 0.0, 1.0 ]
                    let exact = exp (-0.5 * t) * sin x

                    let problem =
                        { Problem.create
                              "decay"
                              (Domain.box sides)
                              [ "x"; "t" ]
                              [ "u" ]
                              [ "decay", d u [ t ] - rate * d u [ x; x ] ] with
                            Parameters = [ "rate", 2.0 ]
                            Conditions = [ Condition.create "data" 1.0 60 (Domain.box sides).Sample (u - exact) ]
                        }

                    let settings =
                        { settings with
                            Epochs = 100
                            Polish = 120
                            PolishPoints = 60
                            Rate = 2e-2
                            Collocation =
                                {
                                    Points = 30
                                    Sampling = Sampling.Random
                                    Laplacian = LaplacianMethod.Exact
                                    Unbiased = false
                                    MemoryLimit = 2048
                                }
                            EvaluateEvery = 20
                        }

                    for model in [ Mlp.create [ 2; 8; 1 ]; Kan.create { Size = 4; Order = 3 } [ 2; 4; 1 ] ] do
                        let folder = Path.Combine(folder, model.Name)
                        let solution = solve (freshIn folder) settings problem model
                        let rate = Map(solution.Parameters)["rate"]
                        Check.near 0.05 rate 0.5 $"rate by {model.Name}"
                        Expect.equal (solution.Result["parameter_rate"].GetValue<float>()) rate "rate in result.json"
                        let table = Metrics.read folder
                        let column = List.findIndex ((=) "parameter_rate") table.Columns
                        let path = table.Rows |> Array.map (fun (_, row) -> row[column].Value)
                        Check.near 0.5 path[0] 2.0 "rate at the start"
                        Expect.equal (Array.last path) rate "rate at the end"
                        Report.write folder
                        Expect.stringContains (File.ReadAllText(RunFolder.reportPath folder)) "Parameters" "report"))

            testCase "a solution is read back from its folder" (fun () ->
                withFolder (fun folder ->
                    let problem =
                        { heat with
                            Parameters = [ "rate", 0.3 ]
                            Equations =
                                [
                                    { heat.Equations.Head with
                                        Residual = heat.Equations.Head.Residual * parameter "rate"
                                    }
                                ]
                        }

                    let x = problem.Domain.Sample (Key.ofSeed 8) Placement.cpu64 9
                    let solution = solve (freshIn folder) settings problem model
                    let found = Solve.load folder problem model
                    close "u" 0.0 (solution.U x) (found.U x)
                    Expect.equal found.Parameters solution.Parameters "parameters"
                    Expect.equal found.Outcome Completed "outcome"
                    File.Delete(RunFolder.resultPath folder)
                    Expect.equal (Solve.load folder problem model).Outcome Stopped "outcome of a run without a result"

                    let refused problem model part =
                        Expect.stringContains
                            (messageOf<BadInput>(fun () -> Solve.load folder problem model |> ignore))
                            part
                            "message"

                    refused heat (Mlp.create [ 2; 3; 1 ]) "its network is"
                    refused { problem with Name = "cold" } model "its problem is heat, not cold"
                    refused heat model "its parameters are not those"
                    File.Delete(RunFolder.checkpointPath folder)
                    refused problem model "nothing was saved"))

            testCase "coordinates run over the box that splines are for" (fun () ->
                let x, u = coordinate "x", field "u"
                let domain = Domain.box [ 100.0, 300.0 ]
                let problem = Problem.create "wide" domain [ "x" ] [ "u" ] [ "second", d u [ x; x ] - u ]
                let whole = Kan.create { Size = 4; Order = 3 } [ 1; 2; 1 ]
                let model = Problem.modelFor problem whole
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let inside = uniform 1 (-1.0, 1.0) [ 7; 1 ]
                close "value" 1e-12 (whole.Apply p inside) (model.Apply p (inside * 100.0 + 200.0))

                let directions =
                    Operator.directions LaplacianMethod.Exact (Key.ofSeed 1) Placement.cpu64 (Operator.laplacian 1)

                let found = model.Jet p (Directions.seed directions (inside * 100.0 + 200.0))
                close "second" 1e-9 (Nested.laplacian (whole.Apply p) inside) (found.Second * 1e4)
                // The ball and the box of the splines are left as they are.
                let ball = Problem.modelFor { problem with Domain = Domain.centredBall 1 1.0 } whole
                close "value" 0.0 (whole.Apply p inside) (ball.Apply p inside))

            testCase "a system is solved, with errors and pictures of each field" (fun () ->
                withFolder (fun folder ->
                    let x, t, u, v = coordinate "x", coordinate "t", field "u", field "v"
                    let sides = [ -1.0, 1.0; 0.0, 1.0 ]
                    let exact = [ "u", x * t; "v", 0.5 * x * x - t ]

                    // Second derivatives that the operator sums, mixed ones, and products of the fields.
                    let equations =
                        [
                            "first", d u [ x; t ] - u * d v [ x ] + d u [ x; x ]
                            "second", d v [ t ] + d v [ x; x; x; t ] + d (u * v) [ x ]
                        ]

                    let problem =
                        { Problem.manufactured "system" (Domain.box sides) [ "x"; "t" ] exact equations with
                            Conditions =
                                [
                                    for (name, solution), field in List.zip exact [ u; v ] do
                                        let walls = Domain.walls [] (Domain.box sides)
                                        Condition.create name 10.0 20 walls (field - solution)
                                ]
                        }

                    let settings =
                        { settings with
                            Epochs = 150
                            Polish = 60
                            PolishPoints = 60
                            Rate = 1e-2
                            Collocation =
                                {
                                    Points = 20
                                    Sampling = Sampling.Random
                                    Laplacian = LaplacianMethod.Exact
                                    Unbiased = false
                                    MemoryLimit = 2048
                                }
                            EvaluateEvery = 50
                        }

                    let first, last, solution = learned folder settings problem (Mlp.create [ 2; 8; 2 ])
                    Expect.isTrue (last < 0.2 && last < first / 3.0) $"{first} → {last}"

                    for name in [ "loss_first"; "loss_second"; "loss_u"; "loss_v" ] do
                        Check.inRange 0.0 0.1 (solution.Result[name].GetValue<float>()) name

                    for name in Collocation.errorNames [ "u"; "v" ] do
                        Check.inRange 0.0 0.5 (solution.Result[name].GetValue<float>()) name

                    for name in [ "u-1-solution"; "v-1-solution"; "v-3-error"; "u-4-points" ] do
                        Expect.isTrue (File.Exists(Path.Combine(RunFolder.picturesPath folder, name + ".svg"))) name))

            property
                "each group of parameters follows its own rate, its schedule and the warm-up"
                20
                (Gen.zip3
                    (Gen.elements [ Annealing.Constant; Annealing.Linear; Annealing.Cosine; Annealing.Exponential ])
                    (Gen.choose (0, 6))
                    (Gen.choose (1, 9)))
                (fun (schedule, warmup, steps) ->
                    let settings =
                        { settings with
                            Rate = 1e-3
                            EmbeddingRate = 2e-3
                            GeneratorRate = 5e-3
                            Schedule = schedule
                            Warmup = warmup
                        }

                    for model in [ model; Kan.create { Size = 3; Order = 3 } [ 2; 3; 1 ]; Mlp.create [ 2; 3; 1 ] ] do
                        let start = Solve.initial settings problem model
                        let optimizer = Solve.adam settings (Problem.modelFor problem model)

                        let expected =
                            Adam.create MomentStorage.Full (fun name ->
                                let rate =
                                    if name.StartsWith "embeddings" then 2e-3
                                    elif name.StartsWith "hypernet" then 5e-3
                                    else 1e-3

                                let rise step = min 1.0 (float (step + 1) / float (warmup + 1))

                                {
                                    Rate =
                                        fun step -> rate * rise step * Schedule.annealed schedule settings.Epochs step
                                    WeightDecay = 0.0
                                })

                        closeTrees "after some steps" 1e-13 (moved steps expected start) (moved steps optimizer start))

            testCase "natural gradients step on the caller's thread too, where none is hired" (fun () ->
                use _ = torch.NewDisposeScope()
                let t, u = coordinate "t", field "u"

                let decay =
                    Problem.manufactured
                        "decay"
                        (Domain.interval 0.0 1.0)
                        [ "t" ]
                        [ ("u", exp (-t)) ]
                        [ ("decay", d u [ t ] + u) ]
                    |> Problem.hard [ "left" ] [ ("u", number 1.0) ]

                let settings =
                    { SolveSettings.natural with
                        Epochs = 10
                        Collocation = { SolveSettings.natural.Collocation with Points = 20 }
                        TestPoints = 50
                    }

                let model = Mlp.create [ 1; 6; 1 ]
                let plan = Solve.plan settings decay model
                let start = Training.start plan (Solve.initial settings decay model)
                let error (state: TrainingState) = plan.Evaluate state |> List.find (fst >> (=) "relative_l2") |> snd
                let before = error start
                let _, finish = Training.run plan ignore start
                Check.inRange 0.0 (1e-3 * before) (error finish) "error")

            testCase "each model learns a small problem" (fun () ->
                let poisson = Poisson.problem (TwoBody.ofSeed 1 2)

                for model in [ Mlp.create [ 2; 8; 1 ]; Kan.create { Size = 3; Order = 3 } [ 2; 4; 1 ]; model ] do
                    withFolder (fun folder ->
                        let settings =
                            { settings with
                                Epochs = 150
                                Polish = 0
                                Collocation =
                                    {
                                        Points = 30
                                        Sampling = Sampling.Random
                                        Laplacian = LaplacianMethod.Exact
                                        Unbiased = false
                                        MemoryLimit = 2048
                                    }
                                EvaluateEvery = 5
                                TestPoints = 200
                            }

                        let first, last, _ = learned folder settings poisson model
                        Expect.isTrue (last < first / 2.0) $"{model.Name}: {first} → {last}"))
        ]
