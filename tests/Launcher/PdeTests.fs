/// `metakan pde` as a user meets it: refusals, the run folder, and runs that are cut short and resumed.
module MetaKan.Tests.Launcher.PdeTests

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open Xunit
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Launcher.Process
open MetaKan.Tests.Runs

/// A run so small that a step takes about a millisecond.
let private small =
    words "pde poisson --dim 2 --width 4 --depth 2 --points 10 --test-points 20 --threads 1 --device cpu"

[<Theory>]
[<InlineData("pde", "poisson or allen-cahn")>]
[<InlineData("pde heat", "'heat'")>]
[<InlineData("pde poisson --dim 1", "--dim takes a whole number from 2 up")>]
[<InlineData("pde poisson --dim many", "--dim")>]
[<InlineData("pde poisson --model tree", "--model takes one of mlp, kan, metakan")>]
[<InlineData("pde poisson --lr 0", "--lr takes a positive number")>]
[<InlineData("pde poisson --epochs 0", "--epochs")>]
[<InlineData("pde poisson --laplacian guess", "--laplacian takes one of exact, sdgd, hutchinson")>]
[<InlineData("pde poisson --schedule never", "--schedule takes one of")>]
[<InlineData("pde poisson --dtype float16", "--dtype takes one of float32, float64")>]
[<InlineData("pde poisson --device tpu", "--device takes one of auto, cpu, cuda")>]
[<InlineData("pde poisson --generators 0,2,2,0", "--generators takes layer, shared or 4 numbers")>]
[<InlineData("pde --resume nowhere", "nowhere/config.json")>]
[<InlineData("pde --resume nowhere --lr 1", "--resume")>]
[<InlineData("bench pde --dim 1", "--dim")>]
let ``bad input ends with code 2 and one line, and nothing is written`` (arguments: string) (said: string) =
    refused arguments said

[<Fact>]
let ``a run's folder tells all about it`` () =
    withFolder (fun folder ->
        let run = run folder (small @ words "--epochs 40 --eval-every 10 --out a/run")
        Assert.Equal(0, run.Code)
        let at name = Path.Combine(folder, "a", "run", name)

        for name in [ "config.json"; "metrics.csv"; "checkpoint/state.safetensors"; "result.json"; "report.html" ] do
            Assert.True(File.Exists(at name), name)

        let json (name: string) = (JsonNode.Parse(File.ReadAllText(at name))).AsObject()

        let result = json "result.json"

        for field in
            words
                "task problem dim model parameters epochs loss relative_l2 relative_l1 train_seconds steps_per_second \
                 peak_rss_mib peak_cuda_mib device dtype seed laplacian" do
            Assert.True(result.ContainsKey field, field)

        Assert.Equal("metakan", result["model"].GetValue<string>())
        Assert.Equal(40, result["epochs"].GetValue<int>())
        Assert.True(result["relative_l2"].GetValue<float>() > 0.0)
        let config = json "config.json"
        Assert.Equal(4, config["width"].GetValue<int>())
        Assert.Equal(1 + 4, File.ReadAllLines(at "metrics.csv") |> Array.length))

[<Fact>]
let ``a folder that holds something is left alone`` () =
    withFolder (fun folder ->
        File.WriteAllText(Path.Combine(folder, "mine.txt"), "mine")
        let ended = run folder (small @ [ "--out"; folder ])
        Assert.Equal(2, ended.Code)
        Assert.Contains("is not empty", List.exactlyOne ended.Err)
        Assert.Equal<string list>([ "mine.txt" ], [ for file in DirectoryInfo(folder).GetFiles() -> file.Name ]))

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
            Assert.Equal(0, (run folder (small @ epochs @ [ "--out"; whole ])).Code)
            outcome whole)

/// Starts the run, and when its first checkpoint is there, does something to it.
let private interruptedBy (act: Process -> unit) (check: Ended -> unit) =
    withFolder (fun folder ->
        let cut = Path.Combine(folder, "cut")
        check (interrupted act folder cut (small @ epochs @ [ "--out"; cut ]))

        Assert.False(
            File.Exists(RunFolder.resultPath cut) && outcome cut = uninterrupted.Value,
            "ended too early to tell"
        )

        Assert.Equal(0, (run folder [ "pde"; "--resume"; cut ]).Code)
        Assert.Equal(uninterrupted.Value, outcome cut))

[<Fact>]
let ``a run killed at once resumes bit for bit`` () =
    interruptedBy _.Kill() (fun ended -> Assert.NotEqual(0, ended.Code))

[<Fact>]
let ``a run asked to end saves, ends with code 1, and resumes bit for bit`` () =
    interruptedBy (signal "-TERM") (fun ended ->
        Assert.Equal(1, ended.Code)
        Assert.Contains("--resume", List.last ended.Err))

[<Fact>]
let ``a truncated checkpoint is refused in one line`` () =
    withFolder (fun folder ->
        let out = Path.Combine(folder, "run")
        Assert.Equal(0, (run folder (small @ words "--epochs 10" @ [ "--out"; out ])).Code)
        let path = RunFolder.checkpointPath out
        let bytes = File.ReadAllBytes path
        File.WriteAllBytes(path, bytes[.. bytes.Length / 2])
        let ended = run folder [ "pde"; "--resume"; out ]
        Assert.Equal(2, ended.Code)
        Assert.Contains("state.safetensors", List.exactlyOne ended.Err)
        Assert.Equal(bytes.Length / 2 + 1, (File.ReadAllBytes path).Length))

[<Fact>]
let ``a run that diverges ends with code 1 and keeps its last good state`` () =
    withFolder (fun folder ->
        let out = Path.Combine(folder, "run")

        let ended =
            run folder (small @ words "--model mlp --lr 1e20 --epochs 500 --save-every 1" @ [ "--out"; out ])

        Assert.Equal(1, ended.Code)
        Assert.Contains("diverged", List.last ended.Err)
        let _, tensors = Safetensors.read (RunFolder.checkpointPath out)
        Assert.All(tensors.Values, fun t -> Assert.True((TorchSharp.torch.isfinite t).all().item<bool>())))
