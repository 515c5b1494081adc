/// What every command makes of a machine that is not as it should be: full disks, places that cannot be written to, folders in
/// use, closed descriptors, odd names and languages; and of options that say nothing.
module MetaKan.Tests.Launcher.FaultTests

open System
open System.IO
open System.Text.Json.Nodes
open Argu
open Expecto
open Microsoft.FSharp.Reflection
open MetaKan
open MetaKan.Cli
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process

let private pde =
    "pde poisson --dim 2 --width 3 --depth 2 --points 6 --test-points 8 --epochs 2 --optimizer adam --threads 1 --device cpu"

let private fit = "fit --expr x*y --vars x:-1:1,y:-1:1 --width 2 2 1 --train 20 --test 10 --steps 2"

let private classify =
    "classify --data data --width 4 --batch-size 4 --epochs 1 --threads 1 --device cpu"

/// Commands that write, each with the option that says where.
let private writing =
    [
        $"{pde} --out", ""
        $"{fit} --out", ""
        $"{classify} --out", ""
        $"sweep {pde} --over lr-e 0.1 --out", ""
        "edges f --fix 0,0,0 sin --out", ""
        "evaluate p --grid 3x3 --out", ".csv"
        "report p --out", ".html"
        "bench memory --model mlp --edges 120 --dim 3 --points 5 --threads 1 --out", ".json"
    ]

/// Commands that begin a run or a folder of runs.
let private running =
    [ pde; fit; classify; $"sweep {pde} --over lr-e 0.1"; "fit --feynman all --steps 1" ]

/// Commands that print.
let private printing =
    [
        "--version"
        "info"
        "pde --list"
        "completion bash"
        "predict c data/images"
        "edges f"
        "report p"
        $"{pde} --quiet --out new"
        $"{pde} --json --out new"
        $"{fit} --quiet --out new"
        $"{classify} --quiet --out new"
    ]

/// A folder with data and a run of `pde`, of `classify` and of `fit`.
let private withRuns (test: string -> 'a) : 'a =
    withFolder (fun folder ->
        let _, images = Fixtures.writeIdx (Path.Combine(folder, "data")) 8 4
        File.WriteAllBytes(Path.Combine(folder, "data", "images"), Fixtures.idxImages images)

        for command in [ $"{pde} --quiet --out p"; $"{classify} --quiet --out c"; $"{fit} --quiet --out f" ] do
            let ended = inside folder (words command)
            Expect.equal (ended.Code, ended.Err) (0, []) command

        test folder)

/// All files below a folder with what they hold.
let private files (folder: string) =
    Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
    |> Array.sort
    |> Array.map (fun path -> path, Convert.ToHexString(File.ReadAllBytes path))

/// That a command is refused in one line, which says something, with nothing changed.
let private isRefused (folder: string) (said: string) (command: string list) =
    let before = files folder
    let ended = inside folder command
    let line = String.Join(' ', command)
    Expect.equal (ended.Code, ended.Out) (2, []) line
    Expect.stringContains (List.exactlyOne ended.Err) said line
    Expect.equal (files folder) before line

/// Runs a command by the shell, as a process of its own, with what stands after it in the line.
let private shell (environment: (string * string) list) (folder: string) (command: string) (after: string) : Ended =
    let program = Path.Combine(AppContext.BaseDirectory, "metakan.dll")
    // Not bash's own, which has a word to say about languages that it does not know.
    let variables = String.Join(' ', [ for name, value in environment -> $"{name}='{value}'" ])
    runProgram [] folder "bash" [ "-c"; $"env {variables} dotnet '{program}' {command} {after}" ]

/// The options of a command, by their names, with the types of what they take.
let private optionsOf (options: Type) : (string * Type list) list =
    [
        for case in FSharpType.GetUnionCases options do
            if case.GetCustomAttributes typeof<MainCommandAttribute> |> Array.isEmpty then
                Options.nameOfCase case, [ for field in case.GetFields() -> field.PropertyType ]
    ]

/// Commands with the least that they take, and their options.
let private commands =
    [
        pde, typeof<Pde.Options>
        fit, typeof<Fit.Options>
        classify, typeof<Classify.Options>
        "evaluate p --grid 3x3 --out o.csv", typeof<Evaluate.Options>
        "edges f --fix 0,0,0 sin --out e", typeof<Edges.Options>
        "report p", typeof<Report.Options>
        "bench pde", typeof<Bench.PdeOptions>
        "bench fit", typeof<Bench.FitOptions>
        "bench classify", typeof<Bench.ClassifyOptions>
        "bench memory", typeof<Bench.MemoryOptions>
    ]

/// A command without an option, and what it takes.
let private without (name: string) (command: string) : string list =
    let rec strip (words: string list) =
        match words with
        | it :: rest when it = name -> rest |> List.skipWhile (fun word -> not (word.StartsWith "--"))
        | it :: rest -> it :: strip rest
        | [] -> []

    strip (words command)

/// The options that take what `holds` says, with their commands.
let private taking (holds: Type -> bool) : (string list * string) list =
    [
        for command, options in commands do
            for name, types in optionsOf options do
                if List.exists holds types then
                    without name command, name
    ]

let private isNumber (kind: Type) =
    List.contains
        kind
        [
            typeof<int>
            typeof<int64>
            typeof<float>
            typeof<int list>
            typeof<int64 list>
            typeof<float list>
        ]

let tests =
    testSequenced
    <| testList
        "Launcher.Fault"
        [
            testCase "a place that cannot be written to is refused before anything is done" (fun () ->
                withRuns (fun folder ->
                    let long = String('a', 300)

                    for command, ending in writing do
                        for place in [ "/proc/metakan"; "/dev/null/metakan"; long ] do
                            isRefused folder place[..9] (words command @ [ place + ending ])))

            testCase "no file takes the place of a device" (fun () ->
                withRuns (fun folder ->
                    for command in [ "report p"; "bench fit --repeats 1 --points 8"; "bench pde"; "bench classify" ] do
                        isRefused folder "--out takes a file" (words command @ [ "--out"; "/dev/null" ])))

            testCase "a folder in use is refused" (fun () ->
                withRuns (fun folder ->
                    for run in [ "p"; "c" ] do
                        use _ = RunFolder.claim (Path.Combine(folder, run))
                        let task = if run = "p" then "pde" else "classify"
                        let ended = inside folder [ task; "--resume"; run ]
                        Expect.equal ended.Code 2 run
                        Expect.stringContains (List.exactlyOne ended.Err) $"{run} is in use" run

                    for i, command in List.indexed running do
                        let own = Path.Combine(folder, string i)
                        Directory.CreateDirectory(Path.Combine(own, "checkpoint")) |> ignore

                        let single = not (command.StartsWith "sweep" || command.Contains "all")

                        use _ =
                            if single then
                                RunFolder.claim own
                            else
                                Directory.Delete(own, true)
                                Directory.CreateDirectory own |> ignore
                                RunFolder.hold (Path.Combine(own, "lock")) "in use"

                        let ended = inside folder (words command @ [ "--out"; string i ])
                        Expect.equal ended.Code 2 command
                        Expect.stringContains (List.exactlyOne ended.Err) $"{i} is in use" command))

            testCase "the folder of the whole Feynman set is that of its options" (fun () ->
                withFolder (fun folder ->
                    let own = Directory.CreateDirectory(Path.Combine(folder, "set")).FullName
                    let command = words "fit --feynman all --steps 1 --out set"
                    File.WriteAllText(Path.Combine(own, "mine"), "")
                    isRefused folder "set is not empty" command
                    File.Delete(Path.Combine(own, "mine"))

                    let others = """{ "settings": { "steps": [ 2 ] } }"""
                    File.WriteAllText(Path.Combine(own, "feynman.json"), others)

                    isRefused
                        folder
                        "is of another fit of the whole Feynman set: its settings.steps is [2], not [1]"
                        command))

            testCase "what was killed before it was configured begins anew" (fun () ->
                withRuns (fun folder ->
                    for i, command in List.indexed [ pde; fit; classify ] do
                        let own = Path.Combine(folder, string i)
                        Directory.CreateDirectory(Path.Combine(own, "checkpoint")) |> ignore
                        File.WriteAllText(Path.Combine(own, "checkpoint", "lock"), "")
                        File.WriteAllText(Path.Combine(own, "config.json.part"), "{ \"ta")
                        let ended = inside folder (words command @ [ "--quiet"; "--out"; string i ])
                        Expect.equal (ended.Code, ended.Err) (0, []) command

                        // Whatever else is there is somebody's.
                        let other = Path.Combine(folder, $"other{i}", "checkpoint")
                        Directory.CreateDirectory other |> ignore
                        File.WriteAllText(Path.Combine(other, "notes"), "")
                        isRefused folder "is not empty" (words command @ [ "--out"; $"other{i}" ])))

            testCase "names of any letters are written to and read, and told without what a terminal obeys" (fun () ->
                withRuns (fun folder ->
                    for name in [ "ä ö'b\"c"; "$(x) `y` новый %s{0}"; "a\u001b[31m\nb" ] do
                        for command, ending in writing do
                            let ended = inside folder (words command @ [ name + ending ])
                            Expect.equal ended.Code 0 $"{command} {name}: {ended.Err}"
                            let place = Path.Combine(folder, name + ending)
                            Expect.isTrue (Path.Exists place) $"{command} {name}"
                            let told = String.Join("", ended.Out @ ended.Err)
                            Expect.isFalse (told.Contains '\u001b') $"{command} {name}"

                            if Directory.Exists place then Directory.Delete(place, true) else File.Delete place))

            testCase "options are given once" (fun () ->
                withRuns (fun folder ->
                    for command, name in taking (fun _ -> true) do
                        // These may be repeated.
                        if not (List.contains name [ "--jobs"; "--fix"; "--unfix" ]) then
                            let value = [ name; "1" ]

                            match inside folder (command @ value @ value) with
                            | { Code = 2; Err = [ line ] } when
                                line.Contains $"{name} is given 2 times" || line.Contains "must be followed by"
                                ->
                                ()
                            | ended -> failtest $"{command} {name}: {ended}"))

            testCase "texts have letters" (fun () ->
                withRuns (fun folder ->
                    for command, name in taking (fun kind -> kind = typeof<string> || kind = typeof<string list>) do
                        let values = if name = "--fix" then [ ""; "" ] else [ "" ]
                        isRefused folder $"{name} takes something" (command @ name :: values)

                    for command in [ "pde"; "report"; "predict"; "evaluate --grid 3x3 --out o.csv" ] do
                        isRefused folder "takes something" (words command @ [ "" ])))

            testCase "numbers have no commas, and are numbers" (fun () ->
                withRuns (fun folder ->
                    for command, name in taking isNumber do
                        let ended = inside folder (command @ [ name; "1,5" ])
                        let what = $"{command} {name}: {ended}"
                        Expect.equal ended.Code 2 what
                        let line = List.exactlyOne ended.Err

                        Expect.stringContains line "'1,5'" what

                    isRefused folder "--lr takes a number without commas" (words $"sweep {pde} --out s --over lr 0,1")

                    for command, name in taking (fun kind -> kind = typeof<float>) do
                        for value in [ "nan"; "1e400"; "-1e400" ] do
                            match inside folder (command @ [ name; value ]) with
                            | { Code = 2; Err = [ _ ] } -> ()
                            | ended -> failtest $"{command} {name} {value}: {ended}"))

            testCase "sizes that memory does not hold are refused before it is taken" (fun () ->
                withRuns (fun folder ->
                    for command, name, value in
                        [
                            pde, "--width", "900000000"
                            pde + " --model mlp", "--width", "900000000"
                            pde + " --model kan", "--grid", "900000000"
                            pde, "--hidden-dim", "900000000"
                            pde, "--embedding-dim", "900000000"
                            pde, "--depth", "100000"
                            pde, "--dim", "900000000"
                            pde, "--points", "1000000000"
                            pde + " --polish 1", "--polish-points", "1000000000"
                            pde, "--threads", "100000"
                            fit, "--width", "2 900000000 1"
                            fit, "--grid", "1000000000"
                            fit, "--order", "1000000000"
                            fit, "--train", "1000000000"
                            fit, "--test", "1000000000"
                            fit, "--threads", "100000"
                            classify, "--width", "900000000"
                            classify, "--grid-size", "900000000"
                            classify + " --meta", "--hidden-dim", "900000000"
                            classify, "--threads", "100000"
                        ] do
                        let command = String.Join(' ', without name command)
                        isRefused folder "--" (words $"{command} {name} {value}")))

            Check.slow (
                testCase
                    "standard output that cannot be written fails a command, and no run before it is done"
                    (fun () ->
                        withRuns (fun folder ->
                            for after, commands in
                                [ ">/dev/full", printing; ">&-", [ "info"; $"{pde} --json --out new" ] ] do
                                for command in commands do
                                    let ended = shell [] folder command after
                                    Expect.equal ended.Code 1 $"{command} {after}: {ended.Err}"
                                    let line = List.exactlyOne ended.Err
                                    Expect.stringContains line "cannot write standard output" $"{command} {after}"

                                    if command.Contains "new" then
                                        let folder = Path.Combine(folder, "new")
                                        let result = RunFolder.tryReadResult folder
                                        Expect.equal (string result.Value["outcome"]) "completed" command
                                        Directory.Delete(folder, true)))
            )

            Check.slow (
                testCase "standard error that cannot be written stops nothing" (fun () ->
                    withRuns (fun folder ->
                        for after, commands in [ "2>/dev/full", writing; "2>&-", writing[..0] ] do
                            for command, ending in commands do
                                let ended = shell [] folder $"{command} new{ending}" after
                                Expect.equal ended.Code 0 $"{command} {after}"
                                let place = Path.Combine(folder, $"new{ending}")

                                if ending = "" then Directory.Delete(place, true) else File.Delete place))
            )

            Check.slow (
                testCase "a full disk fails a command in one line" (fun () ->
                    withRuns (fun folder ->
                        Directory.CreateDirectory(Path.Combine(folder, "full")) |> ignore
                        let mounted = "mount -t tmpfs -o size=16k none full"
                        let isolated (line: string) = runProgram [] folder "unshare" [ "-rm"; "bash"; "-c"; line ]

                        if (isolated mounted).Code <> 0 then
                            skiptest "no small disk can be mounted here"

                        let program = Path.Combine(AppContext.BaseDirectory, "metakan.dll")

                        for command, ending in writing do
                            let ended =
                                isolated
                                    $"{mounted} && head -c 14000 /dev/zero >full/ballast; dotnet '{program}' {command} full/new{ending}"

                            Expect.equal ended.Code 1 $"{command}: {ended.Err} {ended.Out}"

                            Expect.stringContains (List.last ended.Err) "No space left on device" command))
            )

            Check.slow (
                testCase "numbers and words are those of no country" (fun () ->
                    withRuns (fun folder ->
                        for command in [ pde; fit; classify ] do
                            let outcomes =
                                [
                                    for language in [ "C"; "de_DE.UTF-8"; "tr_TR.UTF-8" ] ->
                                        let ended =
                                            shell
                                                [ "LC_ALL", language; "LANG", language ]
                                                folder
                                                $"{command} --quiet"
                                                "--out new"

                                        Expect.equal (ended.Code, ended.Err) (0, []) $"{command} {language}"
                                        let run = Path.Combine(folder, "new")
                                        let metrics = Runs.metrics run
                                        Directory.Delete(run, true)
                                        metrics
                                ]

                            Expect.equal (List.distinct outcomes).Length 1 command))
            )

            Check.slow (
                testCase "a stored configuration with anything else in a place is refused by its name" (fun () ->
                    withRuns (fun folder ->
                        for task, run in [ "pde", "p"; "fit", "f"; "classify", "c" ] do
                            let path = RunFolder.configPath (Path.Combine(folder, run))
                            let text = File.ReadAllText path
                            // How long a run trains may change.
                            let free = [ "epochs"; "steps"; "polish"; "evaluate_every"; "save_every" ]

                            let values = [ "null"; "-7"; "1e400"; "\"odd\""; "[]"; "{}"; "1000000000"; "true" ]

                            for i, (name, _) in Seq.indexed (Configuration.leaves "" (JsonNode.Parse text)) do
                                let parts = name.Split '.'

                                // Two in each place, others in the next.
                                for value in [ values[i % 8]; values[(i + 3) % 8] ] do
                                    let whole = JsonNode.Parse text

                                    let above =
                                        parts[.. parts.Length - 2]
                                        |> Array.fold (fun (n: JsonNode) part -> n[part]) whole

                                    let last = Array.last parts
                                    let given = JsonNode.Parse value

                                    if
                                        not (List.contains last free && value = "1000000000")
                                        && not (JsonNode.DeepEquals(above[last], given))
                                        && not (name = "threads" && value = "null")
                                    then
                                        above[last] <- given
                                        File.WriteAllText(path, whole.ToJsonString())
                                        let before = files folder
                                        let ended = inside folder [ task; "--resume"; run ]
                                        let what = $"{task} {name} = {value}: {ended}"
                                        Expect.equal ended.Code 2 what
                                        let line = List.exactlyOne ended.Err

                                        // What might have been asked for is not what the checkpoint is of.
                                        Expect.isTrue
                                            (line.Contains "config.json" || line.Contains "another run's checkpoint")
                                            what

                                        Expect.equal (files folder) before what

                                        // Who only reads the run may not mind, and says so in a line otherwise.
                                        let reader =
                                            match task with
                                            | "pde" -> words "evaluate p --grid 3x3 --out o.csv"
                                            | "classify" -> words "predict c data/images"
                                            | _ -> [ "report"; run; "--out"; "o.csv" ]

                                        let ended = inside folder reader

                                        Expect.contains
                                            [ 0, 0; 2, 1 ]
                                            (ended.Code, ended.Err.Length)
                                            $"{what}: {ended}"

                                        File.Delete(Path.Combine(folder, "o.csv"))

                            let doubled = text.Insert(text.IndexOf '{' + 1, " \"threads\": 1, ")
                            File.WriteAllText(path, doubled)
                            isRefused folder "config.json" [ task; "--resume"; run ]
                            File.WriteAllText(path, text)))
            )

            testCase "a checkpoint that this run did not write is refused, and nothing is changed" (fun () ->
                withRuns (fun folder ->
                    for command, run in [ pde, "other-p"; fit, "other-f"; classify, "other-c" ] do
                        Expect.equal (inside folder (words $"{command} --seed 5 --quiet --out {run}")).Code 0 run

                    for task, run in [ "pde", "p"; "fit", "f"; "classify", "c" ] do
                        let path = RunFolder.checkpointPath (Path.Combine(folder, run))
                        let sound = File.ReadAllBytes path
                        use _ = TorchSharp.torch.NewDisposeScope()
                        let texts, tensors = Safetensors.read path
                        let ofOptimizer = tensors.Keys |> Seq.tryFind _.StartsWith("optimizer.")
                        let ofModel = tensors.Keys |> Seq.find _.StartsWith("model.")

                        for what, texts, tensors in
                            [
                                match ofOptimizer with
                                | Some name ->
                                    "a tensor of the optimizer is missing", texts, Map.remove name tensors
                                    "one of another shape", texts, Map.add name (TorchSharp.torch.zeros 7L) tensors
                                | None -> ()
                                "no number", texts, Map.add ofModel (tensors[ofModel] * nan) tensors
                                "infinite", texts, Map.add ofModel (tensors[ofModel] + infinity) tensors
                                "too many", texts, Map.add "model.more" (TorchSharp.torch.zeros 7L) tensors
                                "beside", texts, Map.add "more" (TorchSharp.torch.zeros 7L) tensors
                                "a negative step", Map.add "step" "-2" texts, tensors
                                "beyond the end", Map.add "step" "1000000" (Map.add "within" "1000000" texts), tensors
                                "another format", Map.add "checkpoint" "another" texts, tensors
                                "none", Map.remove "checkpoint" texts, tensors
                                "no text at all", Map.empty, tensors
                            ] do
                            Safetensors.write path texts (Map.toSeq tensors)
                            isRefused folder "state.safetensors" [ task; "--resume"; run ]
                            Expect.isTrue (File.Exists path) what

                        File.Copy(RunFolder.checkpointPath (Path.Combine(folder, $"other-{run}")), path, true)
                        isRefused folder "another run's checkpoint" [ task; "--resume"; run ]
                        File.WriteAllBytes(path, sound)))

            testCase "the result of a run whose metrics were cut is measured again" (fun () ->
                withRuns (fun folder ->
                    for task, run, names in
                        [
                            "pde", "p", [ "relative_l2" ]
                            "classify", "c", [ "test_accuracy"; "test_accuracy_last"; "train_accuracy" ]
                        ] do
                        let run = Path.Combine(folder, run)
                        let whole = (RunFolder.tryReadResult run).Value
                        let head = File.ReadAllLines(RunFolder.metricsPath run)[0]
                        File.WriteAllText(RunFolder.metricsPath run, head + "\n")
                        Expect.equal (inside folder [ task; "--quiet"; "--resume"; run ]).Code 0 task
                        let again = (RunFolder.tryReadResult run).Value

                        for name in names do
                            Expect.equal (again[name].GetValue<float>()) (whole[name].GetValue<float>()) name))
        ]
