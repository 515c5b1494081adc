/// `metakan classify` and `metakan predict` as a user meets them: refusals, the run folder, runs that are cut short and
/// resumed, and what a run says of images.
module MetaKan.Tests.Launcher.ClassifyTests

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open Xunit
open MetaKan
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
        Assert.Equal(0, (run folder (small @ words "--meta --epochs 3 --out run")).Code)
        test folder testImages)

[<Theory>]
[<InlineData("classify --dataset letters", "--dataset takes one of fmnist, mnist, kmnist, cifar10, cifar100, svhn")>]
[<InlineData("classify --net conv5", "--net takes one of fc, conv4, conv8")>]
[<InlineData("classify --model tree", "--model takes one of mlp, kan, fastkan, wavkan, kaln, kacn, kagn")>]
[<InlineData("classify --norm group", "--norm takes one of none, batch, instance")>]
[<InlineData("classify --model wavkan --wavelet haar", "--wavelet takes one of mexican-hat, morlet, dog, meyer, shannon")>]
[<InlineData("classify --schedule never", "--schedule takes one of")>]
[<InlineData("classify --loss hinge", "--loss takes one of")>]
[<InlineData("classify --model wavkan --net conv4", "model wavkan is for net fc")>]
[<InlineData("classify --model mlp --meta", "meta is for models of edges")>]
[<InlineData("classify --norm instance", "norm instance is for net conv4")>]
[<InlineData("classify --generators 9 --meta", "generators takes 1 to 2")>]
[<InlineData("classify --net conv8 --generators 7 --meta", "generators takes 1 to 6, or 8")>]
[<InlineData("classify --generators 2", "--generators is for networks with --meta")>]
[<InlineData("classify --lr-e 0.1", "--lr-e is for networks with --meta")>]
[<InlineData("classify --wavelet dog", "--wavelet is for --model wavkan")>]
[<InlineData("classify --net conv4 --width 32", "--width is for --net fc")>]
[<InlineData("classify --model kaln --grid-size 5", "--grid-size is for --model kan")>]
[<InlineData("classify --degree 4", "--degree is for --model kaln, kacn and kagn")>]
[<InlineData("classify --batch-size 0", "--batch-size takes a whole number from 1 up")>]
[<InlineData("classify --epochs none", "--epochs")>]
[<InlineData("classify --lr -1", "--lr takes a positive number")>]
[<InlineData("classify --dropout 1.5", "--dropout takes a number from 0 to below 1")>]
[<InlineData("classify --device tpu", "--device takes one of auto, cpu, cuda")>]
[<InlineData("classify --data nowhere", "nowhere")>]
[<InlineData("classify --resume nowhere", "nowhere/config.json")>]
[<InlineData("classify --resume nowhere --lr 1", "--resume takes its settings from the run's folder")>]
[<InlineData("predict", "RUN FILE")>]
[<InlineData("predict nowhere", "predict takes a run's folder and one or more PNG or IDX files")>]
[<InlineData("predict nowhere a.png", "nowhere/config.json")>]
let ``bad input ends with code 2 and one line, and nothing is written`` (arguments: string) (said: string) =
    refused arguments said

[<Theory>]
[<InlineData("train-images-idx3-ubyte.gz")>]
[<InlineData("t10k-labels-idx1-ubyte")>]
let ``a file of data that is cut off is named`` (name: string) =
    withData (fun folder _ ->
        let path = Path.Combine(folder, "data", name)
        let bytes = File.ReadAllBytes path
        File.WriteAllBytes(path, bytes[.. bytes.Length / 2])
        let ended = run folder (small @ [ "--out"; "run" ])
        Assert.Equal(2, ended.Code)
        Assert.Contains($"data/{name}: ", List.exactlyOne ended.Err)
        Assert.False(Path.Exists(Path.Combine(folder, "run"))))

[<Theory>]
[<InlineData("{}")>]
[<InlineData("""{ "task": "classify", "dataset": "fmnist", "network": { "net": "fc" } }""")>]
[<InlineData("""{ "task": "pde", "problem": "poisson", "width": 4, "seed": 0 }""")>]
[<InlineData("[")>]
let ``a folder that holds no classify run is refused, with the name of its configuration`` (configuration: string) =
    withFolder (fun folder ->
        let path =
            Path.Combine((Directory.CreateDirectory(Path.Combine(folder, "other"))).FullName, "config.json")

        File.WriteAllText(path, configuration)

        for arguments in [ "classify --resume other"; "predict other a.png" ] do
            let ended = run folder (words arguments)
            Assert.Equal(2, ended.Code)
            Assert.Contains("other/config.json", List.exactlyOne ended.Err)

        Assert.Equal<string>([ path ], Directory.GetFiles(folder, "*", SearchOption.AllDirectories)))

[<Fact>]
let ``a run's folder tells all about it`` () =
    withRun (fun folder _ ->
        let at name = Path.Combine(folder, "run", name)

        for name in
            words
                "config.json metrics.csv checkpoint/state.safetensors checkpoint/best.safetensors result.json report.html \
                 pictures/confusion.svg pictures/misclassified.svg" do
            Assert.True(File.Exists(at name), name)

        let json (name: string) = (JsonNode.Parse(File.ReadAllText(at name))).AsObject()
        let result = json "result.json"

        for field in
            words
                "task dataset model network parameters epochs loss test_accuracy test_accuracy_last train_accuracy \
                 accuracy_by_class train_seconds seconds_per_epoch peak_rss_mib peak_cuda_mib device dtype threads seed \
                 outcome" do
            Assert.True(result.ContainsKey field, field)

        Assert.Equal("metakan", result["model"].GetValue<string>())
        Assert.Equal(3, result["epochs"].GetValue<int>())
        Assert.Equal("completed", result["outcome"].GetValue<string>())
        // An embedding an edge, and one generator of 1-32-9.
        Assert.Equal((784 + 10) * 4 + 32 + 32 + 9 * 32 + 9, result["parameters"].GetValue<int>())
        let classes = result["accuracy_by_class"].AsObject()
        Assert.Equal<string>(ImageSets.classes "fmnist", [ for one in classes -> one.Key ])
        let config = json "config.json"
        Assert.Equal("classify", config["task"].GetValue<string>())
        Assert.Equal(16, config["batch_size"].GetValue<int>())
        Assert.Equal(1 + 3, File.ReadAllLines(at "metrics.csv") |> Array.length))

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
            Assert.Equal(0, (run folder (longer @ [ "--out"; "whole" ])).Code)
            outcome (Path.Combine(folder, "whole")))

/// Starts the run, and when its first checkpoint is there, does something to it.
let private interruptedBy (act: Process -> unit) (check: Ended -> unit) =
    withData (fun folder _ ->
        let cut = Path.Combine(folder, "cut")
        check (interrupted act folder cut (longer @ [ "--out"; "cut" ]))
        Assert.True(File.ReadAllLines(RunFolder.metricsPath cut).Length < 1 + 100, "ended too early to tell")
        Assert.Equal(0, (run folder [ "classify"; "--resume"; "cut" ]).Code)
        Assert.Equal(uninterrupted.Value, outcome cut))

[<Fact>]
let ``a run killed at once resumes bit for bit`` () =
    interruptedBy _.Kill() (fun ended -> Assert.NotEqual(0, ended.Code))

[<Theory>]
[<InlineData("-TERM")>]
[<InlineData("-INT")>]
let ``a run asked to end saves, ends with code 1, and resumes bit for bit`` (name: string) =
    interruptedBy (signal name) (fun ended ->
        Assert.Equal(1, ended.Code)
        Assert.Contains("classify --resume cut", List.last ended.Err))

/// The class that comes first in a line that predict printed, and the percentages in it, after the name of the file.
let private likely (name: string) (line: string) =
    Assert.StartsWith(name + "  ", line)
    let parts = line.Substring(name.Length).Split("  ", StringSplitOptions.RemoveEmptyEntries)

    let classes =
        [
            for part in parts ->
                let cut = part.TrimEnd('%', ' ').LastIndexOf ' '
                part.Substring(0, cut), float (part.Substring(cut).TrimEnd('%'))
        ]

    Assert.EndsWith("%", line)
    Assert.Equal(3, classes.Length)
    Assert.Equal<float>(classes |> List.map snd |> List.sortDescending, List.map snd classes)
    Assert.InRange(List.sumBy snd classes, 30.0, 100.1)
    fst classes.Head

[<Fact>]
let ``images are labelled from IDX and PNG files as in the run`` () =
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
        Assert.Equal((0, []), (ended.Code, ended.Err))
        Assert.Equal(30 + 1, ended.Out.Length)
        let found = ended.Out |> List.take 30 |> List.mapi (fun i line -> likely $"{file}[{i}]" line)
        Assert.Equal(found[7], likely "seven.png" ended.Out[30])

        // As many are right as the run says of its best epoch.
        let classes = ImageSets.classes "fmnist"

        let right =
            found |> Seq.zip testImages.Labels |> Seq.filter (fun (label, name) -> classes[label] = name)

        let result = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "run", "result.json")))
        Assert.Equal(result["test_accuracy"].GetValue<float>(), float (Seq.length right) / 30.0, 12))

[<Fact>]
let ``a file that is no image is named before anything is printed`` () =
    withRun (fun folder _ ->
        File.WriteAllText(Path.Combine(folder, "notes.png"), "no image at all")

        for wrong in [ "notes.png"; "missing.png" ] do
            let ended = run folder [ "predict"; "run"; "data/t10k-images-idx3-ubyte.gz"; wrong ]
            Assert.Equal(2, ended.Code)
            Assert.Empty ended.Out
            Assert.Contains(wrong, List.exactlyOne ended.Err))
