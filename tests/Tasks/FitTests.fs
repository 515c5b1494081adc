/// Fitting a function, from data to the formula, in a run folder.
module MetaKan.Tests.FitTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open TorchSharp

let private formula = Parser.expression "exp(sin(pi*x) + y^2)"
let private ranges = Dataset.ranges "x:-1:1,y:-1:1"

let private data seed = Dataset.ofFormula formula ranges 400 300 0.0 (Key.fold 1 (Key.ofSeed seed)) Placement.cpu64

/// Points on ranges with a formula's values, to learn from and held out.
let private sampled (formula: string) (ranges: string) (train: int) (test: int) : Dataset =
    Dataset.ofFormula (Parser.expression formula) (Dataset.ranges ranges) train test 0.0 (Key.ofSeed 3) Placement.cpu64

let private network source widths =
    Learner.Network(Network.create { Size = 3; Order = 3 } source (List.map Nodes.sums widths))

let private meta =
    CoefficientSource.Generated { EmbeddingDim = 1; HiddenDim = 16; Sharing = GeneratorSharing.Shared; Chunk = None }

let private settings = FitSettings.defaults

let private fit folder settings data scaling learner =
    Fit.run (freshIn folder) settings { Data = data; Scaling = scaling } learner ignore

let private number (run: FitRun) (name: string) = run.Result[name].GetValue<float>()

/// One after another: runs set the number of threads, which is the process's.
let tests =
    testSequenced
    <| testList
        "Tasks.Fit"
        [
            property
                "grid updates divide the steps of training, and add none"
                60
                (Gen.zip3 (Gen.choose (1, 12)) (Gen.choose (1, 40)) (Gen.choose (1, 40)))
                (fun (every, until, steps) ->
                    let settings =
                        { FitSettings.defaults with
                            Steps = [ steps ]
                            GridUpdates = Some { Every = every; Until = until }
                        }

                    let stages =
                        FitStages.create
                            settings
                            (normal 1 [ 5; 2 ])
                            ignore
                            (network CoefficientSource.Stored [ 2; 2; 1 ])

                    let updates = stages |> List.filter (fun stage -> stage.Title = "grid update")
                    let updating = min until steps
                    Expect.equal (stages |> List.sumBy _.Steps) steps "steps"
                    Expect.equal (updates |> List.sumBy _.Steps) updating "steps with updates"
                    Expect.equal updates.Length ((updating + every - 1) / every) "updates"
                    Expect.isTrue (updates |> List.forall (fun stage -> stage.Steps <= every)) "steps between updates")

            testCase "the formula is found from its values" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let settings =
                        { settings with
                            Steps = [ 50 ]
                            Sparsity = { Weight = 0.01; EntropyWeight = 2.0 }
                            Prune = Some { Node = 0.01; Edge = 0.03 }
                            Extend = [ 6 ]
                            Symbolic = Some SymbolicEdges.defaults
                        }

                    let run = fit folder settings (data 0) None (network CoefficientSource.Stored [ 2; 5; 1 ])
                    Expect.equal (Printer.text run.Formulas.Head.Unrounded) "exp(sin(pi*x) + y^2)" "formula"
                    Check.inRange 0.0 1e-4 (number run "test_rmse") "test rmse"
                    Check.inRange 0.0 1e-4 (number run "formula_test_rmse") "formula test rmse"
                    Expect.equal (run.Result["formula"].GetValue<string>()) "exp(sin(pi*x) + y^2)" "formula"

                    for picture in
                        [
                            "diagram-1-trained"
                            "diagram-2-pruned"
                            "diagram-3-symbolic"
                            "fit-1-true"
                            "fit-4-points"
                        ] do
                        Expect.isTrue
                            (File.Exists(Path.Combine(RunFolder.picturesPath folder, picture + ".svg")))
                            picture))

            testCase "each learner fits, and the folder tells how" (fun () ->
                for learner, most in
                    [
                        network CoefficientSource.Stored [ 2; 3; 1 ], 0.1
                        network meta [ 2; 3; 1 ], 0.5
                        Learner.Model(Mlp.create [ 2; 8; 1 ]), 0.5
                    ] do
                    withFolder (fun folder ->
                        use _ = torch.NewDisposeScope()
                        let settings = { settings with Steps = [ 15 ] }
                        let run = fit folder settings (data 1) None learner
                        Check.inRange 0.0 most (number run "test_rmse_relative") "test rmse relative"
                        Expect.equal run.Outcome Completed "outcome"
                        let table = Metrics.read folder
                        Expect.equal table.Rows.Length 15 "number of rows"
                        let last = Map.ofSeq (Seq.zip table.Columns (snd (Array.last table.Rows)))
                        Expect.equal last["test_rmse"] (Some(number run "test_rmse")) "test rmse"
                        Expect.isTrue (File.Exists(RunFolder.configPath folder)) "the configuration is there"
                        Report.write folder))

            testCase "the same seed gives the same fit, another another" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let at name seed =
                        let settings = { settings with Steps = [ 3 ]; Seed = seed }

                        (fit
                            (Path.Combine(folder, name))
                            settings
                            (data 2)
                            None
                            (network CoefficientSource.Stored [ 2; 2; 1 ]))
                            .Params

                    let start (p: Params) = Tensor.toArray p["layers.0.coef"]
                    let first = at "a" 1
                    closeTrees "again" 0.0 first (at "b" 1)
                    Expect.notEqual (start (at "c" 2)) (start first) "another seed starts elsewhere"))

            testCase "errors of normalised data are told in the data's units" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let plain = sampled "1000*x + 5000" "x:3:7" 50 40

                    let scaled, inputs, output = Scaling.normalised plain

                    let settings =
                        { settings with
                            Steps = [ 10 ]
                            Symbolic = Some { SymbolicEdges.defaults with Library = [ "x" ] }
                        }

                    let run =
                        fit folder settings scaled (Some(inputs, output)) (network CoefficientSource.Stored [ 1; 1 ])

                    Expect.equal (run.Result["formula"].GetValue<string>()) "1000*x + 5000" "formula"
                    let spread = Tensor.item (plain.Test.Y.std ())

                    Check.near
                        5e-13
                        (number run "test_rmse_relative")
                        (number run "test_rmse" / spread)
                        "test rmse relative"))

            testCase "a saved fit has the values in the data's own units" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let plain = sampled "100*x + 50" "x:10:20" 80 40

                    let scaled, inputs, output = Scaling.normalised plain

                    for name, data, scaling, learner in
                        [
                            "plain", plain, None, network CoefficientSource.Stored [ 1; 1 ]
                            "scaled", scaled, Some(inputs, output), network CoefficientSource.Stored [ 1; 1 ]
                            "mlp", scaled, Some(inputs, output), Learner.Model(Mlp.create [ 1; 4; 1 ])
                        ] do
                        let at = Path.Combine(folder, name)
                        fit at { settings with Steps = [ 30 ] } data scaling learner |> ignore
                        let saved = Fit.restore at learner
                        Expect.equal (saved.Columns.Inputs, saved.Columns.Targets) ([ "x" ], [ "f" ]) "columns"
                        let low, high = saved.Columns.Ranges.Head
                        Check.near 1e-12 low (Tensor.item (plain.Train.X.min ())) "lowest"
                        Check.near 1e-12 high (Tensor.item (plain.Train.X.max ())) "highest"
                        let found = saved.Values(tensor [ 2; 1 ] [ 11.0; 19.0 ])
                        close name 20.0 (tensor [ 2; 1 ] [ 1150.0; 1950.0 ]) found))

            testCase "a small formula is told by significant digits, and a row a formula" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let data = sampled "1e-8*x + y" "x:-1:1,y:-1:1" 100 60

                    let settings =
                        { settings with
                            Steps = [ 3 ]
                            Symbolic = Some { SymbolicEdges.defaults with Library = [ "x" ] }
                            Search = true
                        }

                    let run = fit folder settings data None (network CoefficientSource.Stored [ 2; 1 ])
                    Expect.equal (run.Result["formula"].GetValue<string>()) "1e-08*x + y" "formula"
                    Check.near 1e-9 (number run "formula_r2") 1.0 "R²"
                    let lines = File.ReadAllLines(Path.Combine(folder, "formulas.csv"))
                    Expect.equal lines.Length (run.Formulas.Head.All.Length + 1) "rows"
                    Expect.stringContains lines[0] "complexity,train_rmse,test_rmse,formula,latex,sympy" "header"
                    Expect.equal (File.ReadAllLines(Path.Combine(folder, "edges.csv")).Length) 3 "edges"))

            testCase "several targets are fitted at once, each with its formula and its pictures" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let ranges = Dataset.ranges "x:-1:1,y:1:2"
                    let formulas = Dataset.formulas [ "x"; "y" ] "u = 3*x + y; 200*y - 100*x"
                    let plain = Dataset.ofFormulas formulas ranges 80 40 0.0 (Key.ofSeed 3) Placement.cpu64
                    let scaled, inputs, outputs = Scaling.normalised plain

                    let settings =
                        { settings with
                            Steps = [ 30 ]
                            Symbolic = Some { SymbolicEdges.defaults with Library = [ "x" ] }
                        }

                    for name, data, scaling in [ "plain", plain, None; "scaled", scaled, Some(inputs, outputs) ] do
                        let at = Path.Combine(folder, name)
                        let learner = network CoefficientSource.Stored [ 2; 2 ]
                        let run = fit at settings data scaling learner
                        Check.near 1e-5 (number run "formula_r2") 1.0 "R²"
                        Expect.equal [ for it in run.Formulas -> it.Target ] [ "u"; "f2" ] "targets"

                        Expect.equal
                            [ for it in run.Result["formulas"].AsArray() -> it["formula"].GetValue<string>() ]
                            [ "3*x + y"; "-100*x + 200*y" ]
                            "formulas"

                        // The whole error is that of both, each in its unit.
                        let saved = Fit.restore at learner
                        let off = saved.Values plain.Test.X - plain.Test.Y
                        Check.near 1e-12 (Tensor.item (off.square().mean().sqrt())) (number run "test_rmse") "error"
                        Expect.equal saved.Columns.Targets [ "u"; "f2" ] "saved targets"

                        Expect.equal
                            [ for e in saved.Formulas -> Printer.text e ]
                            [ "3*x + y"; "-100*x + 200*y" ]
                            "saved"

                        let rows = File.ReadAllLines(Path.Combine(at, "formulas.csv"))
                        Expect.equal [ for row in rows -> row.Split(',')[0] ] [ "target"; "\"u\""; "\"f2\"" ] "rows"

                        for target in [ 1; 2 ] do
                            Expect.isTrue
                                (File.Exists(
                                    Path.Combine(RunFolder.picturesPath at, $"target-{target}-fit-1-true.svg")
                                ))
                                "pictures"))

            testCase "each target is told its own formula's error" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let formulas = Dataset.formulas [ "x" ] "x^2; 5*x^3"

                    let data =
                        Dataset.ofFormulas formulas (Dataset.ranges "x:0:1") 80 40 0.0 (Key.ofSeed 3) Placement.cpu64

                    let settings =
                        { settings with
                            Steps = [ 10 ]
                            Symbolic = Some { SymbolicEdges.defaults with Library = [ "x" ] }
                            Search = false
                        }

                    let run = fit folder settings data None (network CoefficientSource.Stored [ 1; 2 ])

                    for i, (told, found) in Seq.indexed (Seq.zip (run.Result["formulas"].AsArray()) run.Formulas) do
                        let y = data.Test.Y.narrow (1L, int64 i, 1L)
                        let error = sqrt (FormulaFit.error data.Inputs data.Test.X y found.Best.Formula)
                        Expect.isGreaterThan error 0.01 "no line is a parabola"
                        Check.near 1e-12 (told["test_rmse"].GetValue<float>()) error found.Target))

            testCase "of values that are all the same, their formula explains all" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let settings =
                        { settings with Steps = [ 3 ]; Symbolic = Some SymbolicEdges.defaults; Search = true }

                    let data = sampled "5" "x:0:1" 60 30
                    let run = fit folder settings data None (network CoefficientSource.Stored [ 1; 1 ])
                    Expect.equal (run.Result["formula"].GetValue<string>()) "5" "formula"
                    Expect.equal (number run "formula_r2") 1.0 "R²"))

            testCase "columns of any names have formulas" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let table =
                        {
                            Columns = [ "x-1"; "e"; "t" ]
                            Rows = [| for i in 1..40 -> [| float i; float (i * i % 7); float (2 * i - i * i % 7) |] |]
                        }

                    let data = Dataset.ofTable "table" table [ "t" ] 0.2 (Key.ofSeed 1) Placement.cpu64

                    let settings =
                        { settings with
                            Steps = [ 3 ]
                            Symbolic = Some { SymbolicEdges.defaults with Library = [ "x" ] }
                            Search = true
                        }

                    let run = fit folder settings data None (network CoefficientSource.Stored [ 2; 1 ])
                    Expect.equal (run.Result["formula"].GetValue<string>()) "2*x_1 - e_" "formula"))

            testCase "the network's error is its formula's, also of normalised data" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let formula = Parser.expression "1000*x^2 + 5000"

                    let plain =
                        Dataset.ofFormula formula (Dataset.ranges "x:3:7") 200 100 0.0 (Key.ofSeed 3) Placement.cpu64

                    let scaled, inputs, output = Scaling.normalised plain

                    // A line leaves much of a parabola unexplained, and the same of both.
                    let settings =
                        { settings with
                            Steps = [ 10 ]
                            Symbolic = Some { SymbolicEdges.defaults with Library = [ "x" ] }
                        }

                    let run =
                        fit folder settings scaled (Some(inputs, output)) (network CoefficientSource.Stored [ 1; 1 ])

                    Check.inRange 0.01 0.3 (number run "test_rmse_relative") "test rmse relative"
                    Check.near 5e-3 (number run "formula_test_rmse" / number run "test_rmse") 1.0 "formula test rmse"))

            testCase "a batch has samples of the data, others each step, and no more than there are" (fun () ->
                use _ = torch.NewDisposeScope()
                let data, learner = { Data = data 4; Scaling = None }, network CoefficientSource.Stored [ 2; 1 ]

                let fit batch steps =
                    withFolder (fun folder ->
                        let settings =
                            { settings with Steps = [ steps ]; Optimizer = FitOptimizer.Adam 0.01; Batch = batch }

                        (Fit.run (freshIn folder) settings data learner ignore).Params)

                closeTrees "all of them, in another order" 1e-9 (fit None 5) (fit (Some 400) 5)

                let coefficients p = Tensor.toArray (Map.find "layers.0.coef" p)
                Expect.notEqual (coefficients (fit (Some 1) 3)) (coefficients (fit None 3)) "one of them"

                // A sample lies where 4 splines of order 3 are: others of the 6 of an edge move only by other samples.
                let start = coefficients (fit (Some 1) 1)

                let moved =
                    Seq.zip start (coefficients (fit (Some 1) 20)) |> Seq.filter (fun (a, b) -> a <> b) |> Seq.length

                Expect.isGreaterThan moved 8 "coefficients of two edges that several samples move"
                Expect.throwsT<BadInput> (fun () -> fit (Some 401) 1 |> ignore) "more than there are"
                Expect.throwsT<BadInput> (fun () -> fit (Some 0) 1 |> ignore) "none")

            testCase "a fit that is interrupted keeps what it has" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let settings = { settings with Steps = [ 20 ]; Prune = Some { Node = 0.01; Edge = 0.03 } }
                    let data = { Data = data 4; Scaling = None }

                    let run =
                        Fit.run
                            (freshIn folder |> cut 4)
                            settings
                            data
                            (network CoefficientSource.Stored [ 2; 2; 1 ])
                            ignore

                    Expect.equal run.Outcome Stopped "outcome"
                    Expect.equal (run.Result["steps"].GetValue<int>()) 4 "steps done"
                    Expect.equal (run.Result["outcome"].GetValue<string>()) "stopped" "outcome"
                    let kept = FittedFile.load (RunFolder.checkpointPath folder)
                    closeTrees "kept" 0.0 run.Params kept.Params))

            testCase "a search that is interrupted keeps what it has, and is made when the run goes on" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let data = sampled "x*y" "x:-1:1,y:-1:1" 60 30

                    let settings =
                        { settings with
                            Steps = [ 3 ]
                            Symbolic = Some SymbolicEdges.defaults
                            Search = true
                            RefitSteps = 2
                        }

                    let learner = network CoefficientSource.Stored [ 2; 1 ]
                    let mutable trained = false

                    let hear event =
                        match event with
                        | FitStep(5, _, _) -> trained <- true
                        | _ -> ()

                    let place = { freshIn folder with Interrupted = fun () -> trained }
                    let stopped = Fit.run place settings { Data = data; Scaling = None } learner hear
                    Expect.isTrue trained "all steps are done"
                    Expect.equal stopped.Outcome Stopped "outcome"
                    Expect.isTrue (File.Exists(Path.Combine(folder, "formulas.csv"))) "formulas"
                    let found = Fit.run (resumedIn folder) settings { Data = data; Scaling = None } learner ignore
                    Expect.equal found.Outcome Completed "outcome"
                    Expect.equal (found.Result["formula"].GetValue<string>()) "x*y" "formula"))

            testCase "a fit that was interrupted and resumed is the uninterrupted one, to the bit" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = { Data = data 4; Scaling = None }

                // 23 steps: pieces between grid updates, pruning, an extension, the refit.
                let staged =
                    { settings with
                        Steps = [ 5; 4; 4 ]
                        Sparsity = { Weight = 0.01; EntropyWeight = 2.0 }
                        GridUpdates = Some { Every = 2; Until = 3 }
                        Prune = Some { Node = 0.001; Edge = 0.003 }
                        Extend = [ 5 ]
                        Symbolic = Some { SymbolicEdges.defaults with Library = [ "x"; "x^2"; "sin"; "exp" ] }
                        RefitSteps = 10
                        SaveEvery = 2
                    }

                for settings, learner in
                    [
                        staged, network CoefficientSource.Stored [ 2; 2; 1 ]
                        staged, network meta [ 2; 2; 1 ]
                        { settings with
                            Steps = [ 23 ]
                            Optimizer = FitOptimizer.Adam 0.01
                            Batch = Some 9
                            Loss = FitLoss.Huber 0.2
                        },
                        Learner.Model(Mlp.create [ 2; 4; 1 ])
                    ] do
                    withFolder (fun whole ->
                        let expected = Fit.run (freshIn whole) settings data learner ignore
                        Expect.equal (expected.Result["steps"].GetValue<int>()) 23 "steps"

                        forAll 5 (Gen.zip (Gen.choose (0, 22)) (Gen.choose (0, 22))) (fun (first, second) ->
                            withFolder (fun folder ->
                                let stopped = Fit.run (freshIn folder |> cut first) settings data learner ignore
                                Expect.equal stopped.Outcome Stopped "outcome"
                                // Twice interrupted, where the second comes before the end.
                                Fit.run (resumedIn folder |> cut second) settings data learner ignore |> ignore
                                let found = Fit.run (resumedIn folder) settings data learner ignore
                                Expect.equal found.Outcome Completed "outcome"
                                closeTrees "parameters" 0.0 expected.Params found.Params
                                Expect.equal (metrics folder) (metrics whole) "metrics"
                                Expect.equal found.Formulas expected.Formulas "formulas"

                                Expect.equal
                                    (Directory.GetFiles(RunFolder.picturesPath folder)
                                     |> Array.map Path.GetFileName
                                     |> set)
                                    (Directory.GetFiles(RunFolder.picturesPath whole)
                                     |> Array.map Path.GetFileName
                                     |> set)
                                    "pictures"))))

            testCase "a finished fit goes on with more steps of its last stage" (fun () ->
                use _ = torch.NewDisposeScope()
                let data = { Data = data 4; Scaling = None }
                let learner = network CoefficientSource.Stored [ 2; 2; 1 ]

                for short, long in [ [ 4 ], [ 9 ]; [ 4; 3 ], [ 4; 8 ] ] do
                    withFolder (fun whole ->
                        withFolder (fun folder ->
                            let settings steps =
                                { settings with
                                    Steps = steps
                                    Prune = if steps.Length > 1 then Some { Node = 0.001; Edge = 0.003 } else None
                                }

                            let expected = Fit.run (freshIn whole) (settings long) data learner ignore
                            Fit.run (freshIn folder) (settings short) data learner ignore |> ignore
                            let found = Fit.run (resumedIn folder) (settings long) data learner ignore
                            closeTrees "parameters" 0.0 expected.Params found.Params
                            Expect.equal (metrics folder) (metrics whole) "metrics"

                            for steps in [ short; List.map ((+) 1) long ] do
                                if steps <> List.map ((+) 1) [ 9 ] then
                                    Expect.throwsT<BadInput>
                                        (fun () ->
                                            Fit.run (resumedIn folder) (settings steps) data learner ignore
                                            |> ignore)
                                        "steps that are done")))

            testCase "extension lowers the error of a smooth function" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()

                    let data =
                        Dataset.ofFormula
                            (Parser.expression "sin(5*x) + tanh(4*x)")
                            (Dataset.ranges "x:-1:1")
                            500
                            300
                            0.0
                            (Key.ofSeed 5)
                            Placement.cpu64

                    let settings = { settings with Steps = [ 10 ]; Extend = [ 6; 12 ] }
                    fit folder settings data None (network CoefficientSource.Stored [ 1; 1 ]) |> ignore
                    let table = Metrics.read folder
                    let column name = List.findIndex ((=) name) table.Columns

                    let best =
                        [
                            for grid in [ 3.0; 6.0; 12.0 ] ->
                                table.Rows
                                |> Array.filter (fun (_, row) -> row[column "grid"] = Some grid)
                                |> Array.last
                                |> fun (_, row) -> row[column "test_rmse"].Value
                        ]

                    Expect.isTrue (List.pairwise best |> List.forall (fun (coarse, fine) -> fine < coarse)) $"{best}"
                    Expect.isTrue (List.last best < 0.1 * best.Head) $"{best}"))

            testCase "the set's table goes on where it was cut off" (fun () ->
                withFolder (fun folder ->
                    use _ = torch.NewDisposeScope()
                    let equations = List.truncate 3 Feynman.equations
                    let made = ResizeArray<string>()

                    let fit (equation: FeynmanEquation) place =
                        if made.Count = 2 then
                            raise (RunFailed "cut off")

                        made.Add equation.Name
                        let data = Dataset.ofFeynman equation 60 40 0.0 (Key.ofSeed 6) Placement.cpu64
                        let settings = { settings with Steps = [ 2 ] }

                        (fit place settings data None (network CoefficientSource.Stored [ data.Inputs.Length; 2; 1 ]))
                            .Result

                    Expect.throwsT<RunFailed>
                        (fun () -> FeynmanSuite.run folder equations fit ignore |> ignore)
                        "the run fails"

                    made.RemoveAt 1
                    let rows = FeynmanSuite.run folder equations fit ignore
                    Expect.equal [ for row in rows -> row.Equation.Name ] [ for e in equations -> e.Name ] "equations"
                    Expect.equal (List.ofSeq made) [ equations[0].Name; equations[2].Name ] "equations fitted"
                    FeynmanSuite.write folder "the command" rows
                    Expect.equal (File.ReadAllLines(Path.Combine(folder, "feynman.csv")).Length) 4 "number of lines"
                    Expect.stringContains (File.ReadAllText(Path.Combine(folder, "feynman.md"))) "the command" "table"))
        ]
