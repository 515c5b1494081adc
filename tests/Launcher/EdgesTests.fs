/// `metakan edges` as a user meets it.
module MetaKan.Tests.Launcher.EdgesTests

open System.IO
open Expecto
open MetaKan
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private fit =
    "fit --expr 2*sin(3*x)+1 --vars x:-1:1 --width 1 1 --grid 10 --train 40 --test 20 --steps 5 --out run"

let private formula =
    "fit --expr 2*sin(3*x)+y --vars x:-1:1,y:0:1 --from-formula sin(2.8*x)+y --train 40 --test 20 --steps 8 --out run"

/// Does something in a folder with a run of that command, in "run".
let private withRun (command: string) (test: string -> (string -> Ended) -> unit) =
    withFolder (fun folder ->
        let metakan text = inside folder (words text)
        Expect.equal (metakan command).Code 0 "exit code of the fit"
        test folder metakan)

let private entries folder = Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories) |> Array.sort

/// The cells of a table's row, columns apart by two spaces and more.
let private cells (line: string) =
    line.Split("  ", System.StringSplitOptions.RemoveEmptyEntries ||| System.StringSplitOptions.TrimEntries)
    |> List.ofArray

/// An edge and its function.
let private edge = cells >> List.truncate 2

let private result folder name (field: string) = (RunFolder.tryReadResult (Path.Combine(folder, name))).Value[field]

/// One after another: runs set the number of threads, and commands the current folder.
let tests =
    testSequenced
    <| testList
        "Launcher.Edges"
        [
            testCase "an edge is listed, fixed within ranges, trained on, evaluated and freed" (fun () ->
                withRun fit (fun folder metakan ->
                    let before = entries folder
                    let listed = metakan "edges run"
                    Expect.equal (cells listed.Out.Head) [ "edge"; "function"; "R2"; "score"; "formula" ] "head"
                    Expect.equal (listed.Out.Tail |> List.map edge) [ [ "0,0,0"; "spline" ] ] "edges"
                    let suggested = metakan "edges run --suggest 0,0,0 --a-range 2:4 --b-range -1:0.5"
                    Expect.equal (cells suggested.Out[1]).Head "sin" "the best function"

                    for line in suggested.Out.Tail do
                        let row = line.Split(' ', System.StringSplitOptions.RemoveEmptyEntries)
                        Check.inRange 2.0 4.0 (float row[row.Length - 4]) "a"
                        Check.inRange -1.0 0.5 (float row[row.Length - 3]) "b"

                    let tried = metakan "edges run --fix 0,0,0 sin --b-range -1:1"
                    Expect.equal (edge tried.Out[1]) [ "0,0,0"; "sin" ] "edge"
                    Expect.stringContains (List.last tried.Out) "--out keeps the change" "last line"
                    Expect.equal (entries folder) before "files"

                    let kept = metakan "edges run --fix 0,0,0 sin --b-range -1:1 --steps 5 --out fixed"
                    Expect.equal kept.Code 0 "exit code"
                    Expect.contains kept.Out "f = 2*sin(3*x) + 1" "standard output"
                    Check.inRange 0.0 1e-8 (result folder "fixed" "test_rmse" |> _.GetValue<float>()) "error"

                    File.WriteAllText(Path.Combine(folder, "points.csv"), "x\n0.1\n0.5\n")
                    let ended = metakan "evaluate fixed --points points.csv --out values.csv"
                    Expect.equal ended.Code 0 "exit code of evaluate"

                    let lines = File.ReadAllLines(Path.Combine(folder, "values.csv"))
                    let row = lines[1].Split ',' |> Array.map float
                    Check.near 1e-7 row[1] (2.0 * sin 0.3 + 1.0) "value"
                    Expect.equal (metakan "report fixed").Code 0 "exit code of report"

                    // In no step: a spline stands for the function.
                    Expect.equal (metakan "edges fixed --unfix 0,0,0 --out freed").Code 0 "exit code"
                    Expect.equal (edge (metakan "edges freed").Out[1]) [ "0,0,0"; "spline" ] "list"
                    let told name = File.ReadAllLines(Path.Combine(folder, name, "edges.csv")).Length
                    Expect.equal (told "fixed", told "freed") (2, 1) "lines of edges.csv"
                    Check.inRange 1e-8 1e-2 (result folder "freed" "test_rmse" |> _.GetValue<float>()) "error"
                    Expect.equal (metakan "report freed").Code 0 "exit code of report"

                    // It is a fit as any other.
                    let error () = result folder "freed" "train_rmse" |> _.GetValue<float>()
                    let before = error ()
                    Expect.equal (metakan "fit --resume freed --steps 5").Code 0 "exit code of resuming"
                    Check.inRange 0.0 (0.95 * before) (error ()) "error"
                    let config = File.ReadAllText(RunFolder.configPath (Path.Combine(folder, "freed")))
                    Expect.stringContains config "fix 0,0,0 sin" "configuration"
                    Expect.stringContains config "unfix 0,0,0" "configuration"

                    File.Delete(RunFolder.checkpointPath (Path.Combine(folder, "freed")))
                    let ended = metakan "fit --resume freed"
                    Expect.equal ended.Code 2 "exit code without a network"
                    Expect.stringContains (List.exactlyOne ended.Err) "was cut short" "standard error"))

            testCase "a fit starts from a formula, trains its numbers, and is given splines" (fun () ->
                withRun formula (fun folder metakan ->
                    Expect.equal ((result folder "run" "formula").GetValue<string>()) "2*sin(3*x) + y" "formula"

                    Expect.equal
                        ((metakan "edges run").Out.Tail |> List.map edge)
                        [ [ "0,0,0"; "sin" ]; [ "0,1,0"; "x" ] ]
                        "edges"

                    let freed = metakan "edges run --unfix 0,0,0 --unfix 0,1,0 --out freed"
                    Expect.equal freed.Code 0 "exit code"
                    Check.inRange 0.0 5e-2 (result folder "freed" "test_rmse" |> _.GetValue<float>()) "error"))

            testCase "what cannot be used is told in one line that names the option, and nothing is written" (fun () ->
                withRun fit (fun folder metakan ->
                    Directory.CreateDirectory(Path.Combine(folder, "other")) |> ignore
                    File.WriteAllText(RunFolder.configPath (Path.Combine(folder, "other")), """{ "task": "pde" }""")
                    let before = entries folder

                    for arguments, said in
                        [
                            "none", "none/config.json"
                            "other", "is not the configuration of a fit run"
                            "run --suggest 0,0", "--suggest takes an edge as layer, from and to, as 0,1,2, not '0,0'"
                            "run --suggest 1,0,0", "--suggest takes an edge of layer 0 to 0, not '1,0,0'"
                            "run --fix 0,2,0 sin",
                            "--fix takes an edge of layer 0 from 0 to 0 and to 0 to 0, not '0,2,0'"
                            "run --fix 0,0,0 sinus", "--fix: no symbolic function is called 'sinus'"
                            "run --unfix a,0,0", "--unfix takes an edge"
                            "run --suggest 0,0,0 --a-range 1", "--a-range takes the lowest and the highest value"
                            "run --fix 0,0,0 sin --b-range 2:1", "--b-range takes the lowest and the highest value"
                            "run --unfix 0,0,0 --a-range 0:1", "--a-range is for --suggest and --fix"
                            "run --suggest 0,0,0 --out a", "--out is for edges without --suggest"
                            "run --steps 5", "--steps is for --out"
                            "run --steps -1 --out a", "--steps takes a whole number from 0 up"
                            "run --out other", "already holds a run"
                        ] do
                        let ended = metakan $"edges {arguments}"
                        Expect.equal ended.Code 2 $"exit code of {arguments}"
                        Expect.isEmpty ended.Out "standard output"
                        Expect.stringContains (List.exactlyOne ended.Err) said arguments
                        Expect.equal (entries folder) before arguments))
        ]
