/// Solving: a run in its folder, interrupted and resumed, and runs that learn.
module MetaKan.Tests.SolveTests

open System
open System.IO
open System.Text.Json
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open TorchSharp

let private model =
    MetaKan.create
        { Size = 3; Order = 3 }
        { EmbeddingDim = 1; HiddenDim = 4; Sharing = Shared; Chunk = None }
        [ 2; 3; 1 ]

let private problem = AllenCahn.problem (TwoBody.ofSeed 3 2)

let private settings folder =
    { Solve.defaults with
        Epochs = 12
        Collocation = { Points = 8; Laplacian = Sdgd 1; MemoryLimit = 2048 }
        Rate = 1e-2
        EmbeddingRate = 1e-2
        GeneratorRate = 1e-2
        Polish = 6
        PolishPoints = 20
        TestPoints = 50
        Placement = Placement.cpu64
        EvaluateEvery = 4
        SaveEvery = 5
        Folder = folder
    }

let private solve settings problem model interrupted = Solve.run settings problem model interrupted ignore

let private same (folder: string) (expected: Solution) (other: string) (found: Solution) =
    closeTrees "parameters" 0.0 expected.Params found.Params
    Expect.equal (metrics other) (metrics folder) "metrics"

    for name in [ "loss"; "relative_l2"; "relative_l1"; "epochs"; "parameters"; "outcome" ] do
        Expect.equal (found.Result[name].ToJsonString()) (expected.Result[name].ToJsonString()) "result"

/// u_t = 0.2 u_xx on x in [-1, 1], t in [0, 1]: its start and its walls are penalties.
let private heat: Problem =
    let sides = [ -1.0, 1.0; 0.0, 1.0 ]
    let diffusivity = 0.2

    let exact (x: Tensor) =
        let decay = torch.exp (-diffusivity * Math.PI * Math.PI * x.narrow (1L, 1L, 1L))
        decay * torch.sin (Math.PI * x.narrow (1L, 0L, 1L))

    { Problem.create "heat" (Domain.box sides) { Second = [| 1.0; 0.0 |]; First = [ 1 ] } (fun u ->
          u.Partial 1 - diffusivity * u.Laplacian) with
        Penalties =
            [
                Penalty.dirichlet "walls" 10.0 16 (Domain.faces sides [ 0 ]) exact
                Penalty.dirichlet "start" 10.0 32 (Domain.box [ -1.0, 1.0; 0.0, 0.0 ]).Sample exact
            ]
        Exact = Some exact
    }

/// A run's relative L2 error at its first and last evaluation.
let private learned settings problem model =
    let solution = solve settings problem model never
    Expect.equal solution.Outcome Completed "outcome"
    let errors = (Metrics.read settings.Folder).Rows |> Array.map (fun (_, row) -> row[1].Value)
    Array.head errors, Array.last errors, solution

/// One after another: runs set the number of threads, which is the process's, and live tensors are counted.
let tests =
    testSequenced
    <| testList
        "Tasks.Solve"
        [
            testCase "a run that was interrupted and resumed is the uninterrupted one, to the bit" (fun () ->
                withFolder (fun whole ->
                    let expected = solve (settings whole) problem model never

                    // Any step, the border of the stages, the steps beside it, and the two ends.
                    let cuts = Gen.oneof [ Gen.choose (0, 17); Gen.elements [ 0; 11; 12; 13; 17 ] ]

                    forAll 12 (Gen.zip cuts (Gen.choose (0, 17))) (fun (first, second) ->
                        withFolder (fun folder ->
                            let stopped = solve (settings folder) problem model (after first)
                            Expect.equal stopped.Outcome Stopped "outcome"
                            let resumed = { settings folder with Resume = true }
                            // Twice interrupted, where the second comes before the end.
                            solve resumed problem model (after second) |> ignore
                            let found = solve resumed problem model never
                            Expect.equal found.Outcome Completed "outcome"
                            same whole expected folder found))))

            testCase "what happened after the last save is made again" (fun () ->
                withFolder (fun whole ->
                    withFolder (fun folder ->
                        let expected = solve (settings whole) problem model never
                        // A run that dies in a listener leaves the folder as a crash does.
                        let dying event =
                            match event with
                            | Stepped(state, _) when state.Step = 9 -> raise (InvalidOperationException "crash")
                            | _ -> ()

                        Expect.throwsT<InvalidOperationException>
                            (fun () -> Solve.run (settings folder) problem model never dying |> ignore)
                            "the run dies"

                        same whole expected folder (solve { settings folder with Resume = true } problem model never))))

            testCase "a finished run is resumed to itself" (fun () ->
                withFolder (fun folder ->
                    let expected = solve (settings folder) problem model never
                    let before = metrics folder
                    let found = solve { settings folder with Resume = true } problem model never
                    closeTrees "parameters" 0.0 expected.Params found.Params
                    Expect.equal (metrics folder) before "metrics"

                    Expect.equal
                        (found.Result["relative_l2"].ToJsonString())
                        (expected.Result["relative_l2"].ToJsonString())
                        "relative l2"))

            testCase "a folder that holds anything is refused, and left alone" (fun () ->
                withFolder (fun folder ->
                    let notes = Path.Combine(folder, "notes.txt")
                    File.WriteAllText(notes, "")
                    let refusal settings = messageOf<BadInput>(fun () -> solve settings problem model never |> ignore)
                    Expect.stringStarts (refusal (settings folder)) folder "refusal"
                    Expect.equal (Directory.GetFileSystemEntries folder) [| notes |] "files"))

            testCase "a run is resumed under its own settings only" (fun () ->
                withFolder (fun folder ->
                    solve (settings folder) problem model (after 3) |> ignore
                    let resumed = { settings folder with Resume = true }

                    let refusal settings problem model =
                        messageOf<BadInput>(fun () -> solve settings problem model never |> ignore)

                    for other in
                        [
                            { resumed with Seed = 1 }
                            { resumed with Epochs = 13 }
                            { resumed with Rate = 0.5 }
                            { resumed with Collocation = { resumed.Collocation with Points = 9 } }
                            { resumed with Placement = Placement.cpu32 }
                        ] do
                        Expect.stringContains (refusal other problem model) "config.json" "refusal"

                    Expect.stringContains (refusal resumed problem (Mlp.create [ 2; 3; 1 ])) "config.json" "refusal"

                    Expect.stringContains
                        (refusal resumed (Poisson.problem (TwoBody.ofSeed 3 2)) model)
                        "config.json"
                        "refusal"

                    Expect.stringContains (refusal (settings folder) problem model) "already holds a run" "refusal"))

            testCase "a run's folder says what was run and what came of it" (fun () ->
                withFolder (fun folder ->
                    let labels = [ "note", Nodes.JsonValue.Create "here" :> Nodes.JsonNode ]
                    let solution = solve { settings folder with Labels = labels } problem model never
                    let config = RunFolder.readConfig folder
                    Expect.equal (config["note"].GetValue<string>()) "here" "note"
                    Expect.equal (config["epochs"].GetValue<int>()) 12 "epochs"
                    Expect.equal (config["laplacian"].GetValue<string>()) "sdgd" "laplacian"
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
                        { settings folder with
                            Rate = 1e200
                            EmbeddingRate = 1e200
                            GeneratorRate = 1e200
                            SaveEvery = 100
                        }

                    let solution = solve settings problem model never

                    match solution.Outcome with
                    | Diverged _ -> ()
                    | outcome -> failtest $"{outcome}"

                    Expect.equal
                        ((RunFolder.tryReadResult folder).Value["outcome"].GetValue<string>())
                        "diverged"
                        "outcome"

                    Expect.isFalse (File.Exists(RunFolder.checkpointPath folder)) "no checkpoint"))

            testCase "steps, measures and saves leave no tensors behind" (fun () ->
                withFolder (fun folder ->
                    let settings =
                        { settings folder with
                            Epochs = 100
                            Polish = 0
                            EvaluateEvery = 10
                            SaveEvery = 20
                            TestPoints = 1200
                        }

                    let counts = ResizeArray<int64>()

                    let listen = counting counts

                    Solve.run settings problem model never listen |> ignore
                    Expect.equal (List.ofSeq counts) (List.replicate 5 counts[0]) "live tensors at each save"))

            testCase "an equation in time with data at its start and walls is solved" (fun () ->
                withFolder (fun folder ->
                    let settings =
                        { settings folder with
                            Epochs = 300
                            Polish = 30
                            PolishPoints = 100
                            Rate = 5e-3
                            Collocation = { Points = 32; Laplacian = Exact; MemoryLimit = 2048 }
                            EvaluateEvery = 10
                            TestPoints = 300
                        }

                    let first, last, solution = learned settings heat (Mlp.create [ 2; 12; 12; 1 ])
                    Expect.isTrue (last < 0.2 && last < first / 3.0) $"{first} → {last}"
                    let x = heat.Domain.Sample (Key.ofSeed 8) Placement.cpu64 100

                    Check.inRange
                        (last / 3.0)
                        (last * 3.0)
                        (Map(Collocation.errors heat.Exact.Value solution.U x)["relative_l2"])
                        "relative l2"))

            testCase "each model learns a small problem" (fun () ->
                let poisson = Poisson.problem (TwoBody.ofSeed 1 2)

                for model in [ Mlp.create [ 2; 8; 1 ]; Kan.create { Size = 3; Order = 3 } [ 2; 4; 1 ]; model ] do
                    withFolder (fun folder ->
                        let settings =
                            { settings folder with
                                Epochs = 150
                                Polish = 0
                                Collocation = { Points = 30; Laplacian = Exact; MemoryLimit = 2048 }
                                EvaluateEvery = 5
                                TestPoints = 200
                            }

                        let first, last, _ = learned settings poisson model
                        Expect.isTrue (last < first / 2.0) $"{model.Name}: {first} → {last}"))
        ]
