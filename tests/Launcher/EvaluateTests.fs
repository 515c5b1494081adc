/// `metakan evaluate` as a user meets it: a run's solution in files, warnings and refusals.
module MetaKan.Tests.Launcher.EvaluateTests

open System
open System.IO
open Expecto
open MetaKan
open MetaKan.Fitting
open MetaKan.Pdes
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process
open MetaKan.Tests.Numeric

/// Does something in a folder with a run of three steps, in "run".
let private withRun (test: string -> unit) =
    withFolder (fun folder ->
        let ended =
            words
                "pde poisson --dim 2 --model kan --width 4 --depth 2 --grid 5 --order 3 --points 10 --test-points 20 --threads 1 --device cpu \
                 --dtype float64 --epochs 3 --problem-seed 5 --out run"
            |> inside folder

        Expect.equal ended.Code 0 "exit code of the run"
        test folder)

let private evaluate folder arguments = inside folder ("evaluate" :: words arguments)

/// One after another: runs set the number of threads, and commands the current folder.
let tests =
    testSequenced
    <| testList
        "Launcher.Evaluate"
        [
            testCase
                "a fit's values and its formula's are written in the data's units, with a warning outside"
                (fun () ->
                    withFolder (fun folder ->
                        let fitted =
                            words
                                "fit --expr 100*x+50 --vars x:10:20 --normalize --width 1 1 --steps 20 --symbolic --own-formula \
                             --library x --train 100 --out run"
                            |> inside folder

                        Expect.equal fitted.Code 0 "exit code of the fit"
                        File.WriteAllText(Path.Combine(folder, "points.csv"), "other,x\n1,12\n2,15\n3,40\n")
                        let ended = evaluate folder "run --points points.csv --out values.csv"
                        Expect.equal ended.Code 0 "exit code"
                        Expect.equal ended.Out [ "3 points, in values.csv" ] "standard output"
                        Expect.equal ended.Err.Length 1 "lines on standard error"

                        Expect.stringContains
                            ended.Err.Head
                            "1 of 3 points of points.csv lie outside"
                            "standard error"

                        let lines = File.ReadAllLines(Path.Combine(folder, "values.csv"))
                        Expect.equal lines[0] "x,f,f_formula" "header"

                        for line, expected in Seq.zip lines[1..] [ 1250.0; 1550.0; 4050.0 ] do
                            let row = line.Split ',' |> Array.map float
                            Check.near 1e-6 (row[1] / expected) 1.0 "value"
                            Check.near 1e-6 (row[2] / expected) 1.0 "formula's value"

                        for options, message in
                            [
                                "run --grid 5 --out values.csv", "--grid is for pde runs"
                                "run --out values.csv", "takes --points"
                                "run --points points.csv --out values.npy", ".csv"
                                "run --points values.csv --out a.csv --exact", "--exact is for pde runs"
                            ] do
                            let ended = evaluate folder options
                            Expect.equal ended.Code 2 "exit code"
                            Expect.stringContains ended.Err.Head message "standard error"))

            testCase "a run's solution, its derivatives and the exact solution are written" (fun () ->
                withRun (fun folder ->
                    let ended = evaluate folder "run --grid 4x3 --out grid.csv --derivatives u_x1,u_x1_x2_x2 --exact"
                    Expect.equal ended.Code 0 "exit code"
                    Expect.isEmpty ended.Err "standard error"

                    Expect.equal
                        ended.Out
                        [ "12 points, 8 of them outside the domain, in grid.csv" ]
                        "standard output"

                    let lines = File.ReadAllLines(Path.Combine(folder, "grid.csv"))
                    Expect.equal lines[0] "x1,x2,u,u_x1,u_x1_x2_x2,u_exact" "header"
                    Expect.equal lines.Length 13 "lines"

                    // The same by the library, from the run's folder.
                    let problem = Poisson.problem (TwoBody.ofSeed 5 2)
                    let model = Kan.create { Size = 5; Order = 3 } [ 2; 4; 1 ]
                    let solution = Solve.restore (Path.Combine(folder, "run")) problem model
                    let x1, x2, u = coordinate "x1", coordinate "x2", field "u"
                    let terms = [ u; d u [ x1 ]; d u [ x1; x2; x2 ]; snd (Evaluation.exact problem).Head ]
                    let numbers = lines[1..] |> Array.map (fun line -> line.Split ',' |> Array.map float)

                    for row in numbers do
                        if row[0] * row[0] + row[1] * row[1] <= 1.0 then
                            let at = tensor [ 1; 2 ] (List.ofArray row[..1])
                            let expected = Evaluation.columns problem model solution.Params terms at
                            close "row" 1e-12 expected (tensor [ 1; 4 ] (List.ofArray row[2..]))
                        else
                            Expect.all row[2..] Double.IsNaN "values outside"))

            testCase "points outside the domain are warned of" (fun () ->
                withRun (fun folder ->
                    File.WriteAllLines(Path.Combine(folder, "points.csv"), [ "x2,what,x1"; "0,in,0"; "0,out,2" ])
                    let ended = evaluate folder "run --points points.csv --out points.vtu"
                    Expect.equal ended.Code 0 "exit code"
                    Expect.equal ended.Out [ "2 points, in points.vtu" ] "standard output"

                    Expect.equal
                        ended.Err
                        [ "metakan: 1 of 2 points of points.csv lie outside the domain: no network is trained there" ]
                        "standard error"

                    Expect.isTrue (File.Exists(Path.Combine(folder, "points.vtu"))) "file"
                    let ended = evaluate folder "run --points points.csv --at x1=0.5 --out points.npz"
                    Expect.equal (ended.Code, ended.Err) (0, []) "a run without a warning"))

            testCase "what cannot be used is told in one line that names the option, and nothing is written" (fun () ->
                withRun (fun folder ->
                    File.WriteAllText(Path.Combine(folder, "points.csv"), "x1\n0\n")
                    let before = Directory.GetFileSystemEntries folder |> Array.sort

                    for arguments, said in
                        [
                            "none --grid 3x3 --out a.csv", "none/config.json"
                            "run --out a.csv", "evaluate takes either --points or --grid"
                            "run --points points.csv --grid 3x3 --out a.csv",
                            "evaluate takes either --points or --grid"
                            "run --grid 3x3", "--out"
                            "run --grid 3x3 --out a.txt",
                            "--out takes a file that ends in .csv, .npy, .npz, .vti, .vtu, not 'a.txt'"
                            "run --grid 3x3x3 --out a.csv", "--grid takes a count for each coordinate"
                            "run --grid 3,3 --out a.csv", "--grid takes whole numbers with x between them"
                            "run --grid 3x1 --out a.csv", "--grid takes counts from 2 up, not 1"
                            "run --grid 3 --at x2=low --out a.csv", "--at takes numbers, as t=0.5, not 'low' for x2"
                            "run --grid 3 --at x2 --out a.csv", "--at takes coordinates with values"
                            "run --grid 3 --at x3=0 --out a.csv", "--at holds coordinates, which are x1, x2, not 'x3'"
                            "run --grid 3 --at x2=2 --out a.csv", "--at holds x2 within the domain, -1 to 1"
                            "run --grid 3x3 --derivatives u_y --out a.csv",
                            "--derivatives takes a field (u), _ and 1 to 4 coordinates (x1, x2), as u_x1, not 'u_y'"
                            "run --grid 3x3 --derivatives u_x1,u_x1 --out a.csv",
                            "--derivatives takes a name once, and has 'u_x1' twice"
                            "run --points none.csv --out a.csv", "none.csv: there is no such file"
                            "run --points points.csv --out a.csv", "points.csv: there is no column 'x2'"
                            "run --points points.csv --at x2=0 --out a.vti", "--out: a .vti is of a grid"
                        ] do
                        let ended = evaluate folder arguments
                        Expect.equal ended.Code 2 $"exit code of {arguments}"
                        Expect.isEmpty ended.Out "standard output"
                        Expect.stringContains (List.exactlyOne ended.Err) said arguments
                        Expect.equal (Directory.GetFileSystemEntries folder |> Array.sort) before arguments))

            testCase "a run of a task without values at points is no solution" (fun () ->
                withFolder (fun folder ->
                    Directory.CreateDirectory(Path.Combine(folder, "other")) |> ignore

                    File.WriteAllText(
                        RunFolder.configPath (Path.Combine(folder, "other")),
                        """{ "task": "classify" }"""
                    )

                    let ended = evaluate folder "other --grid 3x3 --out a.csv"
                    Expect.equal ended.Code 2 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "its task is \"classify\", not \"pde\"" "error"))
        ]
