/// `--config`: runs that start from a file of config.json's form, or a part of one.
module MetaKan.Tests.StartFileTests

open System.IO
open System.Text.Json.Nodes
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Images
open MetaKan.Pdes
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process

let private solve =
    { SolveSettings.natural with
        Opening = [ { Optimizer = SolveOptimizer.Soap; Epochs = 7; Points = 9 } ]
        Epochs = 11
        Rate = 0.5
        Collocation =
            {
                Points = 13
                Sampling = Sampling.Sobol
                Laplacian = LaplacianMethod.Sdgd 3
                Unbiased = false
                MemoryLimit = 17
            }
        Emphasis = { Emphasis.none with Causal = Some { Epsilon = 2.0; Slices = 5 }; Balance = Balance.Ntk }
        Seed = 19
    }

/// Settings of each task, as they start and as others are, of one kind of value each.
let private pairs =
    [
        Configuration.node SolveSettings.defaults,
        Configuration.node solve,
        (fun file -> SolveSettings.defaults |> Configuration.over file "settings" [] |> Configuration.node)
        Configuration.node FitSettings.defaults,
        Configuration.node
            { FitSettings.defaults with
                Steps = [ 1; 2 ]
                Optimizer = FitOptimizer.Adam 0.5
                Prune = Some { Node = 0.5; Edge = 0.25 }
                Symbolic = Some SymbolicEdges.defaults
            },
        (fun file -> FitSettings.defaults |> Configuration.over file "settings" [] |> Configuration.node)
    ]

/// The fields of records: what may stand alone in a file. A union's value is whole, as is a record where none was.
let rec private fields (start: JsonNode) (other: JsonNode) (path: string list) : (string list * JsonNode) list =
    match start, other with
    | (:? JsonObject as a), (:? JsonObject as b) when [ for p in a -> p.Key ] = [ for p in b -> p.Key ] ->
        [
            for pair in b do
                yield! fields a[pair.Key] pair.Value (path @ [ pair.Key ])
        ]
    | _ -> [ path, other ]

let rec private put (path: string list) (value: JsonNode) (whole: JsonObject) : unit =
    match path with
    | [ name ] -> whole[name] <- (if isNull value then null else value.DeepClone())
    | name :: rest ->
        if not (whole.ContainsKey name) then
            whole[name] <- JsonObject()

        put rest value (whole[name].AsObject())
    | [] -> ()

let private fileOf (settings: JsonObject) : StartFile =
    { Path = "a.json"; Content = RunFolder.fields [ "settings", settings ] }

/// Starts that a file spoils, and what is said of it.
let private refusals =
    let solve = "pde burgers"

    [
        solve, "[]", "is not a JSON object"
        solve, "{", "is not valid JSON"
        solve, """{"threads": 1, "threads": 2}""", "is not valid JSON"
        solve, """{"task":"fit"}""", "its task is \"fit\", not \"pde\""
        solve,
        """{"colour":1}""",
        "a pde run knows no 'colour', only task, measures, threads, problem, network, settings"
        solve, """{"settings":3}""", "settings takes a value as {}, not 3"
        solve, """{"settings":{"speed":3}}""", "there is no settings.speed in a run of this kind"
        solve, """{"settings":{"collocation":{"points":3,"speed":3}}}""", "there is no settings.collocation.speed"
        solve, """{"settings":{"epochs":"many"}}""", "settings.epochs takes a value as 300, not \"many\""
        solve, """{"settings":{"collocation":{"laplacian":"guess"}}}""", "settings.collocation.laplacian takes a value"
        solve,
        """{"settings":{"opening":[{"optimizer":"adam","epochs":1,"points":1,"speed":1}]}}""",
        "settings.opening[0].speed"
        solve, """{"settings":{"placement":{"dtype":"float16"}}}""", "settings.placement.dtype: dtype takes float32 or"
        solve, """{"settings":{"epochs":0}}""", "--epochs takes a whole number from 1 up, not 0"
        solve, """{"settings":{"emphasis":{"causal":{"epsilon":-1,"slices":4}}}}""", "--causal takes a positive number"
        solve, """{"threads":"all"}""", "threads takes a value as 1, not \"all\""
        solve, """{"problem":{"dim":3}}""", "--dim is for poisson"
        solve, """{"network":{"splines":{"size":3,"order":3}}}""", "--grid is for --model kan and metakan"
        solve, """{"network":{"model":"kan","splines":null}}""", "--grid: kan has splines, and none are given"
        solve, """{"network":{"model":"tree"}}""", "--model takes one of mlp, kan, metakan, not 'tree'"
        "pde", """{"problem":{"name":"nonesuch"}}""", "problem.name: pde takes one of poisson"
        "fit", """{"data":{"source":{"expr":{"expr":"x","vars":"x:0:1"}},"colour":1}}""", "there is no data.colour"
        "fit --expr x --vars x:0:1",
        """{"settings":{"prune":{"node":-1,"edge":1}}}""",
        "--node-threshold takes a positive"
        "fit --expr x --vars x:0:1",
        """{"network":{"nodes":[{"sums":2,"products":[]}]}}""",
        "--width takes the nodes of all"
        "fit --feynman all", "{}", "--config is for a run by itself"
        "classify", """{"settings":{"network":{"net":"tree"}}}""", "--net takes one of fc"
        "classify", """{"settings":{"network":{"colour":1}}}""", "there is no settings.network.colour"
        "classify", """{"network":{}}""", "a classify run knows no 'network'"
    ]

/// Alone: commands run in this process.
let tests =
    testSequenced
    <| testList
        "Cli.StartFile"
        [
            testProperty
                "what a file has takes the place of the start's, and nothing else does"
                (fun (chosen: bool list) ->
                    for start, other, over in pairs do
                        let all = fields start other []

                        let given =
                            all |> List.indexed |> List.filter (fun (i, _) -> List.tryItem i chosen = Some true)

                        let file, wanted = JsonObject(), start.DeepClone().AsObject()

                        for _, (path, value) in given do
                            put path value file
                            put path value wanted

                        Expect.equal ((over (fileOf file)).ToJsonString()) (wanted.ToJsonString()) "settings")

            for arguments, text, said in refusals do
                testCase $"{arguments} with {text} is refused" (fun () ->
                    withFolder (fun folder ->
                        File.WriteAllText(Path.Combine(folder, "a.json"), text)
                        let ended = inside folder (words arguments @ [ "--config"; "a.json"; "--out"; "run" ])
                        Expect.equal (ended.Code, ended.Out) (2, []) "end"
                        let line = List.exactlyOne ended.Err
                        Expect.stringContains line said "what is said"

                        if not (arguments.Contains "all") then
                            Expect.stringContains line "a.json" "the file"

                        Expect.isFalse (Directory.Exists(Path.Combine(folder, "run"))) "nothing is written"))

            testCase "a run's config.json makes the same run again; options beside it go before" (fun () ->
                withFolder (fun folder ->
                    Fixtures.writeIdx (Path.Combine(folder, "data")) 8 4 |> ignore

                    let runs =
                        [
                            "pde",
                            "poisson --dim 2 --model kan --width 3 --depth 2 --points 6,7 --test-points 8 --optimizer adam,soap "
                            + "--epochs 2,3 --laplacian sdgd --directions 1 --threads 1 --lr 0.5 --problem-seed 2",
                            "--seed 7"
                            "fit",
                            "--expr x*y --vars x:-1:1,y:-1:1 --width 2 2 1 --model metakan --train 20 --test 10 --steps 2 2 --prune "
                            + "--generators layer --lamb 0.1 --normalize",
                            "--seed 7"
                            "classify", "--data data --meta --epochs 1 --batch-size 4 --threads 1 --flip", "--seed 7"
                        ]

                    for command, given, changed in runs do
                        let ran arguments =
                            let ended = inside folder (command :: arguments)
                            Expect.equal ended.Code 0 $"exit code: {ended.Err}"

                        let config name =
                            File.ReadAllText(RunFolder.configPath (Path.Combine(folder, command + name)))

                        ran (words given @ [ "--out"; command + "1" ])
                        let start = [ "--config"; $"{command}1/config.json" ]
                        ran (start @ [ "--out"; command + "2" ])
                        ran (start @ words changed @ [ "--out"; command + "3" ])
                        ran (words given @ words changed @ [ "--out"; command + "4" ])
                        Expect.equal (config "2") (config "1") $"{command} again"
                        Expect.equal (config "3") (config "4") $"{command} with another seed"
                        Expect.notEqual (config "3") (config "1") "another seed"))

            testCase "generated convolutions drop no channels, unless an option or the file says so" (fun () ->
                withFolder (fun folder ->
                    Fixtures.writeIdx (Path.Combine(folder, "data")) 8 4 |> ignore
                    let file (text: string) = File.WriteAllText(Path.Combine(folder, "start.json"), text)

                    let small =
                        "--data data --net conv4 --model kacn --train-images 2 --epochs 1 --batch-size 2 --threads 1"

                    for n, (arguments, start, dropout) in
                        List.indexed
                            [
                                "", "{}", 0.25
                                "--meta", "{}", 0.0
                                "", """{"settings": {"network": {"meta": true}}}""", 0.0
                                "--meta --dropout 0.1", "{}", 0.1
                                "--meta", """{"settings": {"network": {"dropout": 0.2}}}""", 0.2
                            ] do
                        file start

                        let ended =
                            inside folder (words $"classify {small} --config start.json {arguments} --out run{n}")

                        Expect.equal ended.Code 0 $"exit code: {ended.Err}"
                        let settings: ClassifySettings = Configuration.read $"{folder}/run{n}" "classify" "settings"
                        Expect.equal settings.Network.Dropout dropout $"'{arguments}' with {start}"))

            testCase "a network of another family has its own parts, and the file's sizes" (fun () ->
                withFolder (fun folder ->
                    let small = "--points 6 --test-points 8 --epochs 1 --threads 1"

                    let ran arguments =
                        let ended = inside folder (words arguments)
                        Expect.equal ended.Code 0 $"exit code: {ended.Err}"

                    ran $"pde burgers --model metakan --width 3 --depth 2 {small} --out a"
                    ran "pde heat --config a/config.json --model mlp --out b"
                    let network: JsonObject = Configuration.read $"{folder}/b" "pde" "network"
                    Expect.equal (network["width"].GetValue<int>()) 3 "width"
                    Expect.isNull network["splines"] "splines"
                    let problem: JsonObject = Configuration.read $"{folder}/b" "pde" "problem"
                    Expect.equal (problem["name"].GetValue<string>()) "heat" "problem"))
        ]
