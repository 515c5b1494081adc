/// `metakan fit` as a user meets it.
module MetaKan.Tests.Launcher.FitTests

open System
open System.IO
open System.Text.Json.Nodes
open Expecto
open MetaKan
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let tests =
    testList
        "Launcher.Fit"
        [
            refused
                [
                    "fit", "--expr"
                    "fit --expr x", "--vars"
                    "fit --expr sin(x --vars x:0:1", "position"
                    "fit --expr x+y --vars x:0:1", "--vars: the formula has variables without a range: y"
                    "fit --expr x --vars x:1:0", "--vars"
                    "fit --expr x --vars x:0:1 --noise -1", "--noise takes"
                    "fit --csv a.csv --target y --test-share 1", "--test-share takes"
                    "fit --expr log(x) --vars x:-1:1", "finite"
                    "fit --feynman I.6.20c", "I.6.20"
                    "fit --csv nowhere.csv --target y", "nowhere.csv"
                    "fit --csv nowhere.csv", "--target"
                    "fit --expr x --vars x:0:1 --feynman I.6.20", "one of"
                    "fit --expr x --vars x:0:1 --width 2 5 1", "--width"
                    "fit --expr x --vars x:0:1 --width 1 a 1", "--width"
                    "fit --expr x --vars x:0:1 --model mlp --prune", "--model mlp"
                    "fit --expr x --vars x:0:1 --extend 10 8", "--extend"
                    "fit --expr x --vars x:0:1 --symbolic --library sinus", "sinus"
                    "fit --expr x --vars x:0:1 --lamb -1", "--lamb"
                    "fit --expr x --vars x:0:1 --history 0", "--history takes a whole number from 1 up"
                    "fit --expr x --vars x:0:1 --history 5 --optimizer adam", "--history is for --optimizer lbfgs"
                    "fit --expr x --vars x:0:1 --lr 0.1", "--lr is for --optimizer adam"
                    "fit --expr x --vars x:0:1 --hidden-dim 8", "--hidden-dim is for --model metakan"
                    "fit --expr x --vars x:0:1 --grid 5 --model mlp", "--grid is for --model kan and metakan"
                    "fit --expr x --vars x:0:1 --edge-threshold 0.1", "--edge-threshold is for --prune"
                    "fit --expr x --vars x:0:1 --library sin", "--library is for --symbolic"
                    "fit --expr x --vars x:0:1 --steps 5 5", "--steps"
                    "fit --expr x --vars x:0:1 --from-formula sin(", "--from-formula: "
                    "fit --expr x --vars x:0:1 --from-formula x+y",
                    "--from-formula: the formula has variables that are no inputs: y"
                    "fit --expr x --vars x:0:1 --from-formula x;x",
                    "--from-formula: a formula for each of the 1 targets, with ; between them, not 2"
                    "fit --expr x;x^2 --vars x:0:1 --width 1 1",
                    "--width takes the nodes of all layers, here 1 inputs first and 2 outputs last"
                    "fit --expr x;x=x^2 --vars x:0:1", "--expr: inputs and values of formulas have names of their own"
                    "fit --expr x --vars x:0:1 --from-formula x --width 1 1",
                    "--width is for a fit without --from-formula"
                    "fit --expr x --vars x:0:1 --from-formula x --model metakan", "--from-formula is for --model kan"
                    "fit --expr x --vars x:0:1 --from-formula x --normalize", "--normalize is for a fit without"
                    "fit --expr x --vars x:0:1 --from-formula x --sparse-init", "--sparse-init is for a fit without"
                    "fit --expr x --vars x:0:1 --sparse-init --model mlp",
                    "--sparse-init is for --model kan and metakan"
                    // Every option of data with every kind of data that it is not of.
                    for option in [ "--target y"; "--test-share 0.5" ] do
                        for kind in [ "--expr x --vars x:0:1"; "--feynman I.6.20" ] do
                            let name, other = option.Split(' ')[0], kind.Split(' ')[0]
                            $"fit {kind} {option}", $"{name} is for --csv, not for {other}"

                    for option in [ "--train 5"; "--test 5"; "--noise 1" ] do
                        let name = option.Split(' ')[0]
                        $"fit --csv a.csv --target y {option}", $"{name} is for --expr and --feynman, not for --csv"

                    for kind in [ "--csv a.csv --target y"; "--feynman I.6.20" ] do
                        let other = kind.Split(' ')[0]
                        $"fit {kind} --vars x:0:1", $"--vars is for --expr, not for {other}"

                    "fit --resume nowhere", "nowhere/config.json"
                    "fit --resume nowhere --seed 1", "--seed is fixed once a run has begun"
                ]

            testCase "a table is fitted, and the result told" (fun () ->
                withFolder (fun folder ->
                    let rows = [ for i in 0..99 -> $"{i},{float (i % 7)},{2.0 * float i + 1.0}" ]
                    File.WriteAllLines(Path.Combine(folder, "data.csv"), "a,b,c" :: rows)

                    let ended =
                        run
                            folder
                            (words
                                "fit --csv data.csv --target c --width 2 1 --steps 10 --normalize --symbolic --library x --out run")

                    Expect.equal ended.Code 0 "exit code"
                    Expect.contains ended.Out "c = 2*a + 1" "standard output"
                    let rmse = @"[\d.E-]+"

                    Expect.isMatch
                        (List.last ended.Out)
                        $@"^test RMSE {rmse} of the formula, {rmse} of the network \(train {rmse}\), "
                        "last line"

                    let result =
                        JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "run", "result.json"))).AsObject()

                    for field in
                        words
                            "task model parameters steps train_rmse test_rmse seconds formula formula_latex outcome seed" do
                        Expect.isTrue (result.ContainsKey field) field

                    Expect.isTrue (File.Exists(Path.Combine(folder, "run", "report.html"))) "the report is there"))

            testCase "several columns are fitted, evaluated and reported" (fun () ->
                withFolder (fun folder ->
                    let rows = [ for i in 0..59 -> $"{i},{3 * i + 1},{2 - i}" ]
                    File.WriteAllLines(Path.Combine(folder, "data.csv"), "a,b,c" :: rows)
                    let metakan command = run folder (words command)

                    let ended =
                        metakan
                            "fit --csv data.csv --target c b --width 1 2 --steps 10 --normalize --symbolic --library x --own-formula --out run"

                    Expect.equal ended.Code 0 "exit code"
                    Expect.contains ended.Out "c = -a + 2" "standard output"
                    Expect.contains ended.Out "b = 3*a + 1" "standard output"
                    File.WriteAllLines(Path.Combine(folder, "points.csv"), [ "a"; "10"; "20" ])
                    Expect.equal (metakan "evaluate run --points points.csv --out values.csv").Code 0 "evaluate"
                    let values = MetaKan.Fitting.Csv.read 1e300 (Path.Combine(folder, "values.csv"))
                    Expect.equal values.Columns [ "a"; "c"; "c_formula"; "b"; "b_formula" ] "columns"

                    for row, a in Seq.zip values.Rows [ 10.0; 20.0 ] do
                        for value, expected in Seq.zip row [ a; 2.0 - a; 2.0 - a; 3.0 * a + 1.0; 3.0 * a + 1.0 ] do
                            Check.near 1e-3 value expected "values"

                    let page = File.ReadAllText(Path.Combine(folder, "run", "report.html"))

                    for formula in [ "<td>-a + 2</td>"; "<td>3*a + 1</td>" ] do
                        Expect.stringContains page formula "report"

                    let again = words "fit --csv data.csv --target c b --from-formula 2-a;3*a+1 --steps 1 --out again"
                    Expect.equal (run folder again).Code 0 "from formulas"))

            testCase "a finished fit goes on with more steps, from another folder, bit for bit" (fun () ->
                withFolder (fun folder ->
                    let rows = [ for i in 0..49 -> $"{i},{cos (float i)}" ]
                    File.WriteAllLines(Path.Combine(folder, "data.csv"), "a,b" :: rows)
                    let fit = words "fit --csv data.csv --target b --width 1 2 1 --normalize --prune --steps 3 4"
                    let at (name: string) = Path.Combine(folder, name)
                    Expect.equal (run folder (fit @ [ "--out"; at "run" ])).Code 0 "first steps"
                    let whole = words "fit --csv data.csv --target b --width 1 2 1 --normalize --prune --steps 3 9"
                    Expect.equal (run folder (whole @ [ "--out"; at "whole" ])).Code 0 "all steps"

                    withFolder (fun other ->
                        let resumed = run other (words "fit --steps 3 9 --resume" @ [ at "run" ])
                        Expect.equal resumed.Code 0 "exit code")

                    Expect.equal (Runs.metrics (at "run")) (Runs.metrics (at "whole")) "metrics"

                    let config name = File.ReadAllText(RunFolder.configPath (at name))
                    Expect.equal (config "run") (config "whole") "config.json"))

            testSequenced
            <| Check.theory
                "the same command comes to the same bits"
                [ "--extend 6 9"; "--grid-update"; "--grid-update --extend 8 --prune" ]
                (fun options ->
                    withFolder (fun folder ->
                        let outcomes =
                            [
                                for i in 1..4 ->
                                    let fit =
                                        "fit --expr sin(3*x)*y --vars x:-1:1,y:0:2 --width 2 3 1 --train 90 --test 20 --steps 6"

                                    // Memory lies elsewhere in each.
                                    let between = Array.zeroCreate<byte>(1000 * i + 8)
                                    let ended = inside folder (words $"{fit} {options} --quiet --threads 2 --out {i}")
                                    GC.KeepAlive between
                                    Expect.equal ended.Code 0 "exit code"
                                    Runs.metrics (Path.Combine(folder, string i))
                            ]

                        Expect.equal (List.distinct outcomes).Length 1 "outcomes"))

            testCase "nodes that multiply are asked for by a plus" (fun () ->
                withFolder (fun folder ->
                    let ended =
                        run
                            folder
                            (words
                                "fit --expr x*y --vars x:-1:1,y:-1:1 --width 2 0+1 1 --steps 20 --train 200 --test 100 --out run")

                    Expect.equal ended.Code 0 "exit code"

                    let result =
                        JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "run", "result.json"))).AsObject()

                    Check.inRange 0.0 1e-2 (result["test_rmse"].GetValue<float>()) "test rmse"))
        ]
