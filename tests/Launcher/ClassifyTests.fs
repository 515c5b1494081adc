/// `metakan classify` and `metakan predict` as a user meets them: refusals, the run folder, runs that are cut short and
/// resumed, and what a run says of images.
module MetaKan.Tests.Launcher.ClassifyTests

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open Expecto
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images
open MetaKan.Tests.Launcher.Process
open MetaKan.Tests.Runs

/// Runs a test with a folder that has a data set in `data`, and the images of it to test on.
let private withData (test: string -> Images -> 'a) : 'a =
    withFolder (fun folder -> Fixtures.writeIdx (Path.Combine(folder, "data")) 64 30 |> snd |> test folder)

/// A run so small that most of its time is the start of the program.
let private small = words "classify --data data --width 4 --batch-size 16 --threads 1 --device cpu"

/// A finished run on that data, in `run`.
let private withRun (test: string -> Images -> 'a) : 'a =
    withData (fun folder testImages ->
        Expect.equal ((run folder (small @ words "--meta --epochs 3 --out run")).Code) 0 "exit code"
        test folder testImages)

/// The parameters, byte for byte, last and best, and the measures but for the seconds.
let private outcome (folder: string) =
    [ "state.safetensors"; "best.safetensors" ]
    |> List.map (fun name ->
        let _, tensors = Safetensors.read (Path.Combine(folder, "checkpoint", name))
        tensors |> Map.map (fun _ t -> Convert.ToHexString(t.bytes.ToArray()))),
    metrics folder

/// With batch statistics, dropout and changed images, which a resumed run is to draw alike.
let private longer = small @ words "--norm batch --head-dropout 0.2 --flip --crop 1 --epochs 100"

/// The outcome of that run without interruption.
let private uninterrupted =
    lazy
        withData (fun folder _ ->
            Expect.equal ((run folder (longer @ [ "--out"; "whole" ])).Code) 0 "exit code"
            outcome (Path.Combine(folder, "whole")))

/// Starts the run, and when its first checkpoint is there, does something to it.
let private interruptedBy (act: Process -> unit) (check: Ended -> unit) =
    withData (fun folder _ ->
        let cut = Path.Combine(folder, "cut")
        check (interrupted act folder cut (longer @ [ "--out"; "cut" ]))
        Expect.isTrue (File.ReadAllLines(RunFolder.metricsPath cut).Length < 1 + 100) "ended too early to tell"
        Expect.equal (run folder [ "classify"; "--resume"; "cut" ]).Code 0 "exit code"
        Expect.equal (outcome cut) uninterrupted.Value "outcome")

/// The class that comes first in a line that predict printed, and the percentages in it, after the name of the file.
let private likely (name: string) (line: string) =
    Expect.stringStarts line (name + "  ") "line"
    let parts = line.Substring(name.Length).Split("  ", StringSplitOptions.RemoveEmptyEntries)

    let classes =
        [
            for part in parts ->
                let cut = part.TrimEnd('%', ' ').LastIndexOf ' '
                part.Substring(0, cut), float (part.Substring(cut).TrimEnd('%'))
        ]

    Expect.stringEnds line "%" "line"
    Expect.equal classes.Length 3 "number of classes"
    Expect.equal (List.map snd classes) (classes |> List.map snd |> List.sortDescending) "shares"
    Check.inRange 30.0 100.1 (List.sumBy snd classes) "sum of shares"
    fst classes.Head

let tests =
    testList
        "Launcher.Classify"
        [
            refused
                [
                    "classify --dataset letters",
                    "--dataset takes one of fmnist, mnist, kmnist, cifar10, cifar100, svhn"
                    "classify --net conv5", "--net takes one of fc, conv4, conv8"
                    "classify --model tree", "--model takes one of mlp, kan, fastkan, wavkan, kaln, kacn, kagn"
                    "classify --norm group", "--norm takes one of none, batch, instance"
                    "classify --model wavkan --wavelet haar",
                    "--wavelet takes one of mexican-hat, morlet, dog, meyer, shannon"
                    "classify --schedule never", "--schedule takes one of"
                    "classify --loss hinge", "--loss takes one of"
                    "classify --model wavkan --net conv4", "model wavkan is for net fc"
                    "classify --model mlp --meta", "meta is for models of edges"
                    "classify --norm instance", "norm instance is for net conv4"
                    "classify --generators 9 --meta", "generators takes 1 to 2"
                    "classify --net conv8 --generators 7 --meta", "generators takes 1 to 6, or 8"
                    "classify --generators 2", "--generators is for networks with --meta"
                    "classify --lr-e 0.1", "--lr-e is for networks with --meta"
                    "classify --wavelet dog", "--wavelet is for --model wavkan"
                    "classify --net conv4 --width 32", "--width is for --net fc"
                    "classify --model kaln --grid-size 5", "--grid-size is for --model kan"
                    "classify --degree 4", "--degree is for --model kaln, kacn and kagn"
                    "classify --batch-size 0", "--batch-size takes a whole number from 1 up"
                    "classify --epochs none", "--epochs"
                    "classify --lr -1", "--lr takes a positive number"
                    "classify --dropout 0.5", "--dropout is for networks with layers between"
                    "classify --net conv4 --dropout 1.5", "--dropout takes a number from 0 to below 1"
                    "classify --device tpu", "--device takes one of auto, cpu, cuda"
                    "classify --data nowhere", "nowhere"
                    "classify --resume nowhere", "nowhere/config.json"
                    "classify --resume nowhere --lr 1", "--lr is fixed once a run has begun"
                    "predict", "RUN FILE"
                    "predict nowhere", "predict takes a run's folder and one or more PNG, JPEG or IDX files"
                    "predict nowhere a.png", "nowhere/config.json"
                ]

            Check.theory
                "a file of data that is cut off is named"
                [ "train-images-idx3-ubyte.gz"; "t10k-labels-idx1-ubyte" ]
                (fun name ->
                    withData (fun folder _ ->
                        let path = Path.Combine(folder, "data", name)
                        let bytes = File.ReadAllBytes path
                        File.WriteAllBytes(path, bytes[.. bytes.Length / 2])
                        let ended = run folder (small @ [ "--out"; "run" ])
                        Expect.equal ended.Code 2 "exit code"
                        Expect.stringContains (List.exactlyOne ended.Err) $"data/{name}: " "standard error"
                        Expect.isFalse (Path.Exists(Path.Combine(folder, "run"))) "no run folder"))

            Check.theory
                "a folder that holds no classify run is refused, with the name of its configuration"
                [
                    "{}"
                    """{ "task": "classify", "dataset": "fmnist", "network": { "net": "fc" } }"""
                    """{ "task": "pde", "problem": "poisson", "width": 4, "seed": 0 }"""
                    "["
                ]
                (fun configuration ->
                    withFolder (fun folder ->
                        let path =
                            Path.Combine(
                                (Directory.CreateDirectory(Path.Combine(folder, "other"))).FullName,
                                "config.json"
                            )

                        File.WriteAllText(path, configuration)

                        for arguments in [ "classify --resume other"; "predict other a.png" ] do
                            let ended = run folder (words arguments)
                            Expect.equal ended.Code 2 "exit code"
                            Expect.stringContains (List.exactlyOne ended.Err) "other/config.json" "standard error"

                        Expect.equal (Directory.GetFiles(folder, "*", SearchOption.AllDirectories)) [| path |] "files"))

            testCase "a run's folder tells all about it" (fun () ->
                withRun (fun folder _ ->
                    let at name = Path.Combine(folder, "run", name)

                    for name in
                        words
                            "config.json metrics.csv checkpoint/state.safetensors checkpoint/best.safetensors result.json report.html \
                             pictures/confusion.svg pictures/misclassified.svg" do
                        Expect.isTrue (File.Exists(at name)) name

                    let json (name: string) = (JsonNode.Parse(File.ReadAllText(at name))).AsObject()
                    let result = json "result.json"

                    for field in
                        words
                            "task dataset model network parameters epochs loss test_accuracy test_accuracy_last train_accuracy \
                             accuracy_by_class train_seconds seconds_per_epoch peak_rss_mib peak_cuda_mib device dtype threads seed \
                             outcome" do
                        Expect.isTrue (result.ContainsKey field) field

                    Expect.equal (result["model"].GetValue<string>()) "metakan" "model"
                    Expect.equal (result["epochs"].GetValue<int>()) 3 "epochs"
                    Expect.equal (result["outcome"].GetValue<string>()) "completed" "outcome"
                    // An embedding an edge, and one generator of 1-32-9.
                    Expect.equal
                        (result["parameters"].GetValue<int>())
                        ((784 + 10) * 4 + 32 + 32 + 9 * 32 + 9)
                        "parameters"

                    let classes = result["accuracy_by_class"].AsObject()
                    Expect.equal [ for one in classes -> one.Key ] (ImageSets.classes "fmnist") "classes"
                    let config = json "config.json"
                    Expect.equal (config["task"].GetValue<string>()) "classify" "task"
                    Expect.equal (config["settings"].["batch_size"].GetValue<int>()) 16 "batch size"
                    Expect.equal (File.ReadAllLines(at "metrics.csv") |> Array.length) (1 + 3) "number of lines"))

            Check.slow (
                testCase "a run killed at once resumes bit for bit" (fun () ->
                    interruptedBy _.Kill() (fun ended -> Expect.notEqual ended.Code 0 "exit code"))
            )

            Check.slow (
                Check.theory
                    "a run asked to end saves, ends with code 1, and resumes bit for bit"
                    [ "-TERM"; "-INT" ]
                    (fun name ->
                        interruptedBy (signal name) (fun ended ->
                            Expect.equal ended.Code 1 "exit code"
                            Expect.stringContains (List.last ended.Err) "classify --resume cut" "standard error"))
            )

            testCase "images are labelled from IDX and PNG files as in the run" (fun () ->
                withRun (fun folder testImages ->
                    let picture index : Fixtures.Png =
                        {
                            Width = 28
                            Height = 28
                            Colour = 0
                            Depth = 8
                            Interlaced = false
                            Samples = (Images.at index testImages).ToArray() |> Array.map int
                            Palette = [||]
                            Transparent = [||]
                        }

                    File.WriteAllBytes(Path.Combine(folder, "seven.png"), Fixtures.png 0 (picture 7))
                    let file = "data/t10k-images-idx3-ubyte.gz"
                    let ended = run folder [ "predict"; "run"; file; "seven.png" ]
                    Expect.equal (ended.Code, ended.Err) (0, []) "exit code and standard error"
                    Expect.equal ended.Out.Length (30 + 1) "number of lines"
                    let found = ended.Out |> List.take 30 |> List.mapi (fun i line -> likely $"{file}[{i}]" line)
                    Expect.equal (likely "seven.png" ended.Out[30]) found[7] "most likely class"

                    // As many are right as the run says of its best epoch.
                    let classes = ImageSets.classes "fmnist"

                    let right =
                        found |> Seq.zip testImages.Labels |> Seq.filter (fun (label, name) -> classes[label] = name)

                    let result = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "run", "result.json")))

                    Check.near
                        5e-13
                        (float (Seq.length right) / 30.0)
                        (result["test_accuracy"].GetValue<float>())
                        "accuracy"))

            testCase "a file that is no image is named before anything is printed" (fun () ->
                withRun (fun folder _ ->
                    File.WriteAllText(Path.Combine(folder, "notes.png"), "no image at all")

                    for wrong in [ "notes.png"; "missing.png" ] do
                        let ended = run folder [ "predict"; "run"; "data/t10k-images-idx3-ubyte.gz"; wrong ]
                        Expect.equal ended.Code 2 "exit code"
                        Expect.isEmpty ended.Out "standard output"
                        Expect.stringContains (List.exactlyOne ended.Err) wrong "standard error"))
        ]
