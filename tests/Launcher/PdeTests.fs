/// `metakan pde` as a user meets it: refusals, the run folder, and runs that are cut short and resumed.
module MetaKan.Tests.Launcher.PdeTests

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open Expecto
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process
open MetaKan.Tests.Runs

/// A run so small that a step takes about a millisecond.
let private small =
    words
        "pde poisson --dim 2 --width 4 --depth 2 --points 10 --test-points 20 --threads 1 --device cpu --optimizer adam --dtype float32"

/// The parameters, byte for byte, and the measures but for the seconds.
let private outcome (folder: string) =
    let _, tensors = Safetensors.read (RunFolder.checkpointPath folder)

    tensors |> Map.map (fun _ t -> Convert.ToHexString(t.bytes.ToArray())), metrics folder

let private epochs = words "--epochs 1500 --polish 5 --eval-every 100 --save-every 20"

/// The outcome of the same run without interruption.
let private uninterrupted =
    lazy
        withFolder (fun folder ->
            let whole = Path.Combine(folder, "whole")
            Expect.equal ((run folder (small @ epochs @ [ "--out"; whole ])).Code) 0 "exit code"
            outcome whole)

/// Starts the run, and when its first checkpoint is there, does something to it.
let private interruptedBy (act: Process -> unit) (check: Ended -> unit) =
    withFolder (fun folder ->
        let cut = Path.Combine(folder, "cut")
        check (interrupted act folder cut (small @ epochs @ [ "--out"; cut ]))

        Expect.isFalse
            (File.Exists(RunFolder.resultPath cut) && outcome cut = uninterrupted.Value)
            "ended too early to tell"

        Expect.equal (run folder [ "pde"; "--resume"; cut ]).Code 0 "exit code"
        Expect.equal (outcome cut) uninterrupted.Value "outcome")

let tests =
    testList
        "Launcher.Pde"
        [
            refused
                [
                    "pde", "metakan pde --list names them"
                    "pde nonesuch", "pde takes one of poisson, allen-cahn, sine-gordon, hjb, semilinear-heat,"
                    "pde nonesuch", "not 'nonesuch'"
                    "pde --nonesuch poisson", "unrecognized argument: '--nonesuch' (see metakan pde --help)"
                    "pde poisson heat", "pde takes one problem, not poisson, heat"
                    "pde --list --dim 3", "--list goes alone"
                    "pde poisson-three-body --dim 2", "--dim takes a whole number from 3 to 10000000, not 2"
                    "pde poisson --dim 4 --blocks 4", "--blocks takes a whole number from 1 to 3, or 0, not 4"
                    "pde advection --blocks 1", "--blocks goes with two coordinates or more"
                    "pde poisson --laplacian exact --unbiased", "--unbiased: it is for estimates"
                    "pde poisson --laplacian gaussian-pairs --directions 3",
                    "--directions takes an even number with --laplacian gaussian-pairs, not 3"
                    "pde burgers --dim 2", "--dim is for poisson, allen-cahn, sine-gordon, hjb"
                    "pde burgers --problem-seed 1", "--problem-seed is for poisson, allen-cahn, sine-gordon"
                    "pde hjb --problem-seed 1", "--problem-seed is for poisson, allen-cahn, sine-gordon"
                    "pde burgers --grid 3", "--grid is for --model kan and metakan"
                    "pde poisson --optimizer newton",
                    "--optimizer takes one of adam, soap, muon, broyden, natural, auto"
                    "pde poisson --optimizer adam,auto --epochs 1,1 --points 1,1",
                    "--optimizer takes one of adam, soap, muon, broyden, natural, not 'auto'"
                    "pde poisson --optimizer adam --momentum 0.5", "--momentum is for --optimizer natural"
                    "pde poisson --momentum 1", "--momentum takes a number from 0 to below 1, not 1"
                    "pde poisson --optimizer natural --memory 20",
                    "--memory: natural gradients of 1000 residuals and 2459 numbers take"
                    "pde poisson --dim 300 --optimizer broyden",
                    "--optimizer: the self-scaled Broyden method takes networks of up to 10000 numbers, not"
                    "pde burgers --optimizer broyden --attention",
                    "--optimizer: the self-scaled Broyden method takes a loss that stays for some steps"
                    "pde poisson --optimizer adam,natural", "--epochs takes a number for each of 2 optimizers"
                    "pde poisson --optimizer adam,natural --epochs 5",
                    "--epochs takes a number for each of 2 optimizers, not 1"
                    "pde poisson --optimizer adam,natural --epochs 5,x",
                    "--epochs takes a whole number from 1 up, not x"
                    "pde poisson --optimizer adam,natural --epochs 5,6 --points 7",
                    "--points takes a number for each of 2 optimizers, not 1"
                    "pde poisson --epochs 5,6", "--epochs takes a number for each of 1 optimizers, not 2"
                    "pde poisson --seconds 9 --epochs 9", "--seconds is for one optimizer, without --epochs"
                    "pde poisson --seconds 9 --optimizer adam,natural --epochs 9,9 --points 9,9",
                    "--seconds is for one optimizer"
                    "pde poisson --seconds 0", "--seconds takes a positive number"
                    "pde poisson --sampling regular", "--sampling takes one of random, lhs, halton, sobol"
                    "pde burgers --lr 1e-3", "--lr is for --optimizer adam, soap and muon"
                    "pde poisson --optimizer natural --lr-e 1", "--lr-e is for --optimizer adam, soap and muon"
                    "pde poisson --optimizer natural --lr-h 1", "--lr-h is for --optimizer adam, soap and muon"
                    "pde burgers --schedule cosine", "--schedule is for --optimizer adam, soap and muon"
                    "pde burgers --warmup 2", "--warmup is for --optimizer adam, soap and muon"
                    "pde poisson --balance gradients", "--balance: the loss of poisson is a single term"
                    "pde poisson --causal 1", "--causal: a problem in time is one whose last coordinate is named 't'"
                    "pde poisson --curriculum 0.5",
                    "--curriculum: a problem in time is one whose last coordinate is named 't'"
                    "pde poisson --slices 4", "--slices is for --causal"
                    "pde poisson --dim 1", "--dim takes a whole number from 2 to 10000000, not 1"
                    "pde poisson --dim many", "--dim"
                    "pde poisson --model tree", "--model takes one of mlp, kan, metakan"
                    "pde poisson --dim 300 --model kan --lr 0", "--lr takes a positive number"
                    "pde poisson --epochs 0", "--epochs"
                    "pde poisson --laplacian sdgd --directions 11", "--directions takes a whole number from 1 to 10"
                    "pde poisson --laplacian guess", "--laplacian takes one of exact, sdgd, sdgd-replacing, hutchinson"
                    "pde poisson --dim 300 --schedule never", "--schedule takes one of"
                    "pde poisson --dtype float16", "--dtype takes one of float32, float64"
                    "pde poisson --device tpu", "--device takes one of auto, cpu, cuda"
                    "pde poisson --generators 0,2,2,0", "--generators takes layer, shared or 3 numbers"
                    "pde --resume nowhere", "nowhere/config.json"
                    "pde --resume nowhere --lr 1", "--lr is fixed once a run has begun"
                    "pde --resume nowhere --config nowhere.json", "--config is fixed once a run has begun"
                    "pde burgers --config nowhere.json", "nowhere.json does not exist"
                    "pde burgers --quiet --json", "--quiet goes without --json"
                    "pde poisson --balance even", "--balance takes one of fixed, gradients, ntk"
                    "pde poisson --adapt-points all", "--adapt-points takes one of rad, rard"
                    "pde poisson --attention --adapt-points rad", "--attention: points that are weighed stay"
                    "pde poisson --causal 0", "--causal takes a positive number"
                    "pde poisson --causal 1 --slices 1", "--slices takes a whole number from 2 up"
                    "pde poisson --curriculum 2", "--curriculum: a curriculum takes a fraction of the epochs above 0"
                    "pde poisson --adapt-every 9",
                    "--adapt-every is for --balance gradients and ntk, --adapt-points, and --optimizer broyden"
                    "pde poisson --adapt-points rad --adapt-every 0", "--adapt-every takes a whole number from 1 up"
                    "bench pde --dim 1", "--dim"
                    "bench floor --model mlp", "--model takes one of kan, metakan"
                ]

            testCase "the list has every problem, with what it is and how it is solved" (fun () ->
                let ended, left = metakan [ "pde"; "--list" ]
                Expect.equal ended.Code 0 "exit code"
                Expect.isEmpty ended.Err "standard error"
                Expect.isEmpty left "files left behind"
                Expect.equal ended.Out.Length (1 + Shelf.all.Length) "lines"

                let inDimension (entry: ShelfEntry) =
                    entry.Dimension |> Option.map (fun dim -> Shelf.inDimension dim entry) |> Option.defaultValue entry

                for entry, line in List.zip (List.map inDimension Shelf.all) ended.Out.Tail do
                    Expect.stringStarts line (entry.Name + " ") "name"

                    for part in [ entry.Formula; entry.Purpose; entry.Source; string entry.Settings.Epochs ] do
                        Expect.stringContains line part "line"

                let line name = ended.Out |> List.find _.StartsWith(name + " ")
                Expect.stringContains (line "poisson") "d = 10" "dimension"
                Expect.stringContains (line "poisson") "metakan 32 × 3, 200 natural" "steps"
                Expect.stringContains (line "sine-gordon") "mlp 64 × 2, 100 natural" "network"
                Expect.stringContains (line "hjb") "metakan 32 × 2, 100 natural" "steps"
                Expect.stringContains (line "burgers") " x, t " "coordinates"
                Expect.stringContains (line "burgers") "mlp 24 × 4, 300 natural" "network and steps")

            testCase "optimizers go one after another by their options, and Broyden's points stay" (fun () ->
                withFolder (fun folder ->
                    let small =
                        words
                            "pde burgers --width 4 --depth 2 --test-points 20 --eval-every 1 --threads 1 --device cpu"

                    let ran arguments =
                        let ended = run folder arguments
                        Expect.equal ended.Code 0 $"exit code: {ended.Err}"

                        Expect.stringContains
                            ended.Err.Head
                            "adam, 3 steps of 7 points; broyden, 4 steps of 8 points"
                            "what is told"

                    ran (small @ words "--optimizer adam,broyden --epochs 3,4 --points 7,8 --out short")
                    let settings: SolveSettings = Configuration.read $"{folder}/short" "pde" "settings"

                    Expect.equal
                        settings.Opening
                        [ { Optimizer = SolveOptimizer.Adam; Epochs = 3; Points = 7 } ]
                        "what comes first"

                    Expect.equal (settings.Optimizer, settings.Epochs) (SolveOptimizer.Broyden, 4) "the last one"
                    Expect.equal settings.Collocation.Points 8 "its points"
                    // The shelf has Burgers' points drawn anew every 5 steps.
                    Expect.equal settings.Emphasis.Every 100 "steps for which points stay"

                    // Another number is kept where the run goes on.
                    ran (
                        small @ words "--optimizer adam,broyden --epochs 3,4 --points 7,8 --adapt-every 2 --out other"
                    )

                    let ended = run folder [ "pde"; "--resume"; "other"; "--epochs"; "3,6" ]
                    Expect.equal ended.Code 0 $"exit code: {ended.Err}"
                    let settings: SolveSettings = Configuration.read $"{folder}/other" "pde" "settings"
                    Expect.equal (settings.Epochs, settings.Emphasis.Every) (6, 2) "epochs and steps"))

            testCase
                "where natural gradients are too much the first line says so, and what is in their place"
                (fun () ->
                    withFolder (fun folder ->
                        let arguments =
                            words
                                "pde burgers --width 80 --depth 3 --test-points 20 --threads 1 --device cpu --memory 1 --epochs 2 --out run"

                        for asked in [ []; [ "--optimizer"; "auto" ] ] do
                            let ended = run folder (arguments @ asked)
                            Expect.equal ended.Code 0 $"exit code: {ended.Err}"

                            Expect.stringContains
                                ended.Err.Head
                                "adam, 2 steps of 100 points; natural gradients take "
                                "first line"

                            let settings: SolveSettings = Configuration.read $"{folder}/run" "pde" "settings"
                            Expect.equal settings.Optimizer SolveOptimizer.Adam "optimizer"
                            Directory.Delete($"{folder}/run", true)))

            testCase "a problem in few dimensions is solved by natural gradients, and goes on" (fun () ->
                withFolder (fun folder ->
                    let small =
                        words
                            "pde burgers --width 4 --depth 2 --points 10 --test-points 20 --eval-every 1 --threads 1 --device cpu"

                    let ran arguments =
                        let ended = run folder arguments

                        Expect.equal
                            (ended.Code, ended.Err |> List.filter (fun line -> line.StartsWith "metakan"))
                            (0, [])
                            "end"

                    ran (small @ words "--epochs 2 --out short")
                    ran (small @ words "--epochs 4 --out long")
                    let short, long = Path.Combine(folder, "short"), Path.Combine(folder, "long")

                    for path in
                        [
                            RunFolder.configPath short
                            RunFolder.metricsPath short
                            RunFolder.resultPath short
                            RunFolder.reportPath short
                            RunFolder.checkpointPath short
                        ] do
                        Expect.isTrue (File.Exists path) path

                    let settings: SolveSettings = Configuration.read short "pde" "settings"
                    Expect.equal settings.Optimizer SolveOptimizer.NaturalGradient "optimizer"
                    Expect.equal settings.Placement.DType TorchSharp.torch.float64 "element type"
                    let result = (RunFolder.tryReadResult short).Value
                    Expect.equal (result["problem"].GetValue<string>()) "burgers" "problem"
                    Expect.equal (result["model"].GetValue<string>()) "mlp" "model"
                    Expect.equal (metrics short).Length 3 "rows"
                    ran [ "pde"; "--resume"; short; "--epochs"; "4" ]
                    Expect.equal (outcome short) (outcome long) "outcome"
                    // A run of the name that stands for it, where none is given.
                    ran (small @ words "--epochs 1")
                    Expect.isTrue (Directory.Exists(Path.Combine(folder, "runs", "burgers-mlp-s0"))) "folder"))

            testCase "a run's folder tells all about it" (fun () ->
                withFolder (fun folder ->
                    let run = run folder (small @ words "--epochs 40 --eval-every 10 --out a/run")
                    Expect.equal run.Code 0 "exit code"
                    let at name = Path.Combine(folder, "a", "run", name)

                    for name in
                        [ "config.json"; "metrics.csv"; "checkpoint/state.safetensors"; "result.json"; "report.html" ] do
                        Expect.isTrue (File.Exists(at name)) name

                    let json (name: string) = (JsonNode.Parse(File.ReadAllText(at name))).AsObject()

                    let result = json "result.json"

                    for field in
                        words
                            "task problem dim model parameters epochs loss relative_l2 relative_l1 train_seconds steps_per_second \
                             peak_rss_mib peak_cuda_mib device dtype seed laplacian" do
                        Expect.isTrue (result.ContainsKey field) field

                    Expect.equal (result["model"].GetValue<string>()) "metakan" "model"
                    Expect.equal (result["epochs"].GetValue<int>()) 40 "epochs"
                    Expect.isTrue (result["relative_l2"].GetValue<float>() > 0.0) "relative error"
                    let config = json "config.json"
                    Expect.equal (config["network"].["width"].GetValue<int>()) 4 "width"
                    Expect.equal (File.ReadAllLines(at "metrics.csv") |> Array.length) (1 + 4) "number of lines"))

            testCase "a folder that holds something is left alone" (fun () ->
                withFolder (fun folder ->
                    File.WriteAllText(Path.Combine(folder, "mine.txt"), "mine")
                    let ended = run folder (small @ [ "--out"; folder ])
                    Expect.equal ended.Code 2 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "is not empty" "standard error"
                    Expect.equal [ for file in DirectoryInfo(folder).GetFiles() -> file.Name ] [ "mine.txt" ] "files"))

            Check.slow (
                testCase "a run killed at once resumes bit for bit" (fun () ->
                    interruptedBy _.Kill() (fun ended -> Expect.notEqual ended.Code 0 "exit code"))
            )

            testCase "a run asked to end saves, ends with code 1, and resumes bit for bit" (fun () ->
                interruptedBy (signal "-TERM") (fun ended ->
                    Expect.equal ended.Code 1 "exit code"
                    Expect.stringContains (List.last ended.Err) "--resume" "standard error"))

            testCase "a run whose terminal is closed saves, and resumes bit for bit" (fun () ->
                interruptedBy (signal "-HUP") (fun ended -> Expect.equal ended.Code 1 "exit code"))

            testCase "a truncated checkpoint is refused in one line" (fun () ->
                withFolder (fun folder ->
                    let out = Path.Combine(folder, "run")
                    Expect.equal ((run folder (small @ words "--epochs 10" @ [ "--out"; out ])).Code) 0 "exit code"
                    let path = RunFolder.checkpointPath out
                    let bytes = File.ReadAllBytes path
                    File.WriteAllBytes(path, bytes[.. bytes.Length / 2])
                    let ended = run folder [ "pde"; "--resume"; out ]
                    Expect.equal ended.Code 2 "exit code"
                    Expect.stringContains (List.exactlyOne ended.Err) "state.safetensors" "standard error"
                    Expect.equal (File.ReadAllBytes path).Length (bytes.Length / 2 + 1) "length of the checkpoint"))

            testCase "a run that diverges ends with code 1 and keeps its last good state" (fun () ->
                withFolder (fun folder ->
                    let out = Path.Combine(folder, "run")

                    let ended =
                        run
                            folder
                            (small @ words "--model mlp --lr 1e20 --epochs 500 --save-every 1" @ [ "--out"; out ])

                    Expect.equal ended.Code 1 "exit code"
                    Expect.stringContains (List.last ended.Err) "diverged" "standard error"
                    let _, tensors = Safetensors.read (RunFolder.checkpointPath out)

                    for t in tensors.Values do
                        Expect.isTrue ((TorchSharp.torch.isfinite t).all().item<bool>()) "every number is finite"))
        ]
