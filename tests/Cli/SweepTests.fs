/// `metakan sweep`: which runs it makes, what it keeps of them, and what it does not do twice.
module MetaKan.Tests.SweepTests

open System.IO
open System.Threading
open Expecto
open MetaKan
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process

let private bare =
    "pde poisson --dim 2 --width 3 --depth 2 --points 6 --test-points 8 --optimizer adam --dtype float32"

let private small = $"{bare} --epochs 3"

let private sweep folder text = inside folder ("sweep" :: words text)

/// The cells of a file of CSV without quotes.
let private cells (path: string) = [ for line in File.ReadAllLines path -> List.ofArray (line.Split ',') ]

let private runsIn (folder: string) = Directory.GetDirectories folder |> Array.sort |> List.ofArray

let private refusals =
    [
        "", "no valid subcommand has been specified"
        small, "sweep takes the folder of its runs by --out"
        $"{small} --out s --over seed", "--over takes an option and its values"
        $"{small} --out s --over sead 1 2",
        "--over takes an option of pde and its values, as --over seed 0 1 2, not 'sead'"
        $"{small} --out s --over out a b", "--over takes an option of pde"
        $"{small} --out s --over seed 1 1", "--over seed has a value twice"
        $"{small} --out s --over seed 1 --over seed 2", "--over seed is given its values twice"
        $"{small} --out s --over epochs 1 2", "--over epochs is given its values twice"
        $"{small} --out s --over attention on off", "--over attention takes yes and no, not 'on'"
        $"{small} --out s --over seed 1 x", "seed=x: "
        $"{small} --out s --over model mlp kan --over grid 3", "model=mlp grid=3: --grid is for --model kan and metakan"
        $"{small} --out s --resume a", "--resume is for a run by itself, not for a sweep"
        $"{small} --out s --jobs 0", "--jobs takes a whole number from 1 up, not 0"
        "classify --out s --over net fc tree", "net=tree: --net takes one of fc"
        "fit --expr x --vars x:0:1 --out s --over optimizer adam newton", "optimizer=newton: --optimizer takes one of"
    ]

/// Alone: the sweep itself runs in this process, its runs in others.
let tests =
    testSequenced
    <| testList
        "Cli.Sweep"
        [
            Check.theory
                "a sweep that cannot be is refused in one line, and nothing is written"
                refusals
                (fun (text, said) ->
                    withFolder (fun folder ->
                        let ended = sweep folder text
                        Expect.equal ended.Code 2 "exit code"
                        Expect.stringContains (List.exactlyOne ended.Err) said "standard error"
                        Expect.isEmpty (Directory.GetFileSystemEntries folder) "files left behind"))

            testCase "each combination is a run, with medians over the seeds; done ones are not made again" (fun () ->
                withFolder (fun folder ->
                    let text =
                        $"{small} --threads 1 --out s --over model mlp kan --over attention yes no --over seed 0 1 2 --jobs 2"

                    let ended = sweep folder text
                    Expect.equal ended.Code 0 $"exit code: {ended.Err}"
                    let out = Path.Combine(folder, "s")
                    let runs = runsIn out
                    Expect.equal runs.Length 12 "runs"

                    // The first run by itself is the same one.
                    let alone =
                        inside
                            folder
                            (words $"{small} --model mlp --attention --seed 0 --threads 1 --out alone --quiet")

                    Expect.equal alone.Code 0 "exit code"
                    let metrics path = Runs.metrics path
                    Expect.equal (metrics runs.Head) (metrics (Path.Combine(folder, "alone"))) "metrics"

                    let rows = cells (Path.Combine(out, "runs.csv"))
                    let column (name: string) = List.findIndex ((=) name) rows.Head
                    Expect.equal rows.Length 13 "rows"

                    let errors =
                        [
                            for row in rows.Tail do
                                if row[1] = "kan" && row[2] = "no" then
                                    float row[column "relative_l2"]
                        ]

                    let medians = cells (Path.Combine(out, "medians.csv"))
                    Expect.equal (List.truncate 4 medians.Head) [ "model"; "attention"; "runs"; "relative_l2" ] "head"
                    let row = medians |> List.find (fun row -> List.truncate 2 row = [ "kan"; "no" ])
                    Expect.equal row[2] "3 of 3" "runs"
                    let middle = (List.sort errors)[1]
                    Expect.floatClose Accuracy.low (float row[3]) middle "median"
                    Expect.equal (List.length ended.Out) 5 "printed rows"
                    Expect.stringContains ended.Out.Head "relative_l2" "printed head"
                    let table = File.ReadAllLines(Path.Combine(out, "table.md"))
                    Expect.equal table.Length 6 "rows of the table"

                    // One whose end is missing is made again, the others are left alone.
                    let stamps () = [ for run in runs -> File.GetLastWriteTimeUtc(RunFolder.resultPath run) ]
                    let before = stamps ()
                    File.Delete(RunFolder.resultPath runs[4])
                    let again = sweep folder text
                    Expect.equal (again.Code, again.Out) (0, ended.Out) "end"
                    let changed = List.map2 (<>) before (stamps ())
                    Expect.equal changed [ for i in 0..11 -> i = 4 ] "runs made again"

                    let other = sweep folder (text.Replace("--epochs 3", "--epochs 4"))
                    Expect.equal other.Code 2 "exit code"

                    Expect.stringContains
                        (List.exactlyOne other.Err)
                        "is of another sweep: its options is"
                        "difference"

                    let other =
                        sweep
                            folder
                            $"{small} --threads 1 --out s --over seed 0 1 2 --over model mlp kan --over attention yes no"

                    Expect.stringContains (List.exactlyOne other.Err) "its order is" "difference"
                    let other = sweep folder (text.Replace("0 1 2", "0 1"))

                    Expect.stringContains
                        (List.exactlyOne other.Err)
                        "its over.seed is [\"0\",\"1\",\"2\"]"
                        "difference"))

            testCase "options whose values are lists, and what a command takes by itself" (fun () ->
                withFolder (fun folder ->
                    let text =
                        "pde --width 3 --depth 2 --test-points 8 --out s --over problem helmholtz heat --over optimizer adam adam,soap"

                    let ended =
                        inside folder ("sweep" :: words text @ [ "--over"; "epochs"; "2"; "--over"; "points"; "6" ])

                    Expect.equal ended.Code 2 "a number for each of two optimizers is missing"
                    let fit = "fit --expr x*y --vars x:-1:1,y:-1:1 --train 20 --test 10 --steps 1 --out f"
                    let ended = inside folder ("sweep" :: words fit @ [ "--over"; "width"; "2 2 1"; "2 3 1" ])
                    Expect.equal ended.Code 0 $"exit code: {ended.Err}"

                    let nodes =
                        [
                            for run in runsIn (Path.Combine(folder, "f")) ->
                                (Configuration.read<System.Text.Json.Nodes.JsonObject> run "fit" "network")["nodes"]
                                |> _.ToJsonString()
                        ]

                    Expect.equal (List.distinct nodes).Length 2 "networks"))

            testCase "a run that fails stops no other, and the sweep ends with code 1" (fun () ->
                withFolder (fun folder ->
                    let text = $"{bare} --model mlp --epochs 200 --out s --over lr 1e20 1e-3"

                    for _ in 1..2 do
                        let ended = sweep folder text
                        Expect.equal ended.Code 1 "exit code"
                        Expect.stringContains (List.last ended.Err) "1 of 2 runs failed" "standard error"

                        Expect.exists
                            ended.Err
                            (fun line -> line.Contains "lr=1e20  failed: " && line.Contains "diverged")
                            "the run"

                        let rows = cells (Path.Combine(folder, "s", "medians.csv"))
                        Expect.equal [ for row in rows.Tail -> row[1] ] [ "0 of 1"; "1 of 1" ] "runs"))

            testCase "a sweep asked to end has its runs saved, and goes on to the same numbers" (fun () ->
                withFolder (fun folder ->
                    let text = $"{bare} --epochs 1500 --save-every 20 --out s --over seed 0 1"
                    let first = Path.Combine(folder, "s", "001-seed=0")
                    let cut = interrupted (signal "-TERM") folder first ("sweep" :: words text)
                    Expect.equal cut.Code 1 $"exit code: {cut.Err}"
                    Expect.stringContains (List.last cut.Err) "the same command goes on" "standard error"
                    Expect.isTrue (File.Exists(RunFolder.checkpointPath first)) "checkpoint"
                    Expect.isFalse (Directory.Exists(Path.Combine(folder, "s", "002-seed=1"))) "no run is begun after"
                    let whole = sweep folder text
                    Expect.equal whole.Code 0 $"exit code: {whole.Err}"

                    let alone = text.Replace(" --over seed 0 1", " --seed 0").Replace("--out s", "--out alone")
                    let threads = max 1 (min 8 System.Environment.ProcessorCount)
                    let ended = inside folder (words $"{alone} --threads {threads}")
                    Expect.equal ended.Code 0 "exit code"
                    Expect.equal (Runs.metrics first) (Runs.metrics (Path.Combine(folder, "alone"))) "metrics"))

            testCase "a sweep's folder is its own while it works, and free again after" (fun () ->
                withFolder (fun folder ->
                    let text = $"{small} --threads 1 --out s --over seed 0"
                    Expect.equal (sweep folder text).Code 0 "exit code"

                    (use _ = RunFolder.hold (Path.Combine(folder, "s", "lock")) ""
                     let ended = sweep folder text
                     Expect.equal ended.Code 2 "exit code"
                     Expect.stringContains (List.exactlyOne ended.Err) "s is in use: another sweep works in it" "line")

                    Expect.equal (sweep folder text).Code 0 "exit code"
                    Expect.isFalse (File.Exists(Path.Combine(folder, "s", "lock"))) "no lock is left"))

            testCase "a sweep goes on with the file that it began with, whose threads hold" (fun () ->
                withFolder (fun folder ->
                    let file = Path.Combine(folder, "start.json")
                    File.WriteAllText(file, """{ "threads": 3, "settings": { "warmup": 1 } }""")
                    let text = $"{small} --out s --config start.json --over seed 0"
                    Expect.equal (sweep folder text).Code 0 "exit code"
                    let run = List.exactlyOne (runsIn (Path.Combine(folder, "s")))
                    Expect.equal (Configuration.read<int> run "pde" "threads") 3 "threads of the file"
                    Expect.equal (sweep folder text).Code 0 "the same again"
                    File.WriteAllText(file, """{ "threads": 3, "settings": { "warmup": 2 } }""")
                    let ended = sweep folder text
                    Expect.equal ended.Code 2 "exit code"

                    Expect.stringContains
                        (List.exactlyOne ended.Err)
                        "is of another sweep: its config.start.json.settings.warmup is 1, not 2"
                        "line"))

            testCase "runs are made by the program that sweeps" (fun () ->
                Expect.equal
                    (Cli.Sweep.command "/a/dotnet" "/b/metakan.dll" [ "pde" ])
                    ("/a/dotnet", [ "/b/metakan.dll"; "pde" ])
                    ".NET"

                Expect.equal
                    (Cli.Sweep.command "/t/metakan" "/b/metakan.dll" [ "pde" ])
                    ("/t/metakan", [ "pde" ])
                    "a tool"

                Expect.equal (Cli.Sweep.command "/t/metakan" "" [ "pde" ]) ("/t/metakan", [ "pde" ]) "a bundle")

            testCase "a folder with something else in it is refused" (fun () ->
                withFolder (fun folder ->
                    Directory.CreateDirectory(Path.Combine(folder, "s")) |> ignore
                    File.WriteAllText(Path.Combine(folder, "s", "mine.txt"), "mine")
                    let ended = sweep folder $"{small} --out s --over seed 0 1"
                    Expect.equal ended.Code 2 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "s is not empty" "standard error"))
        ]
