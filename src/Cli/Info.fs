/// `metakan info`: what this installation computes with.
module MetaKan.Cli.Info

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open Argu
open MetaKan
open TorchSharp

/// `info` takes no options of its own.
type Options =
    | [<Hidden>] Nothing

    interface IArgParserTemplate with
        member _.Usage = ""

let private processor () =
    let described = "/proc/cpuinfo"

    if File.Exists described then
        File.ReadLines described
        |> Seq.tryFind _.StartsWith("model name")
        |> Option.map (fun line -> line.Substring(line.IndexOf ':' + 1).Trim())
    else
        Option.ofObj (Environment.GetEnvironmentVariable "PROCESSOR_IDENTIFIER")
    |> Option.defaultValue "unknown processor"

/// Names and memory of the CUDA devices, which TorchSharp cannot tell but NVIDIA's own tool does.
let cudaDevices () =
    if not (torch.cuda.is_available ()) then
        [ "none" ]
    else
        try
            let query =
                ProcessStartInfo(
                    "nvidia-smi",
                    "--query-gpu=name,memory.total --format=csv,noheader",
                    RedirectStandardOutput = true
                )

            use tool = Process.Start query
            let answer = tool.StandardOutput.ReadToEnd()
            answer.Trim().Split '\n' |> List.ofArray
        with :? ComponentModel.Win32Exception ->
            [ $"{torch.cuda.device_count ()} devices" ]

/// A meter of a run: CUDA memory taken by its end, MiB, which libtorch gives back to no other process before; null
/// without CUDA.
let peakCuda: string * (unit -> JsonNode) =
    "peak_cuda_mib",
    fun () ->
        match Cuda.memory () with
        | Some bytes -> JsonValue.Create(Math.Round(float bytes / 1048576.0, 1))
        | None -> null

/// Memory that the process may take, MiB.
let memory () : int64 = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >>> 20

/// The version of the libtorch in use, and TorchSharp's.
let libtorch () =
    let torchSharp = typeof<torch>.Assembly.GetName().Version.ToString 3
    $"{snd (Libtorch.used ())} (TorchSharp {torchSharp})"

/// The processor and the CUDA devices, for those who read a figure.
let machine () =
    [
        $"{processor ()}, {Environment.ProcessorCount} cores"
        if torch.cuda.is_available () then
            yield! cudaDevices ()
    ]
    |> String.concat "; "

let run (_: ParseResults<Options>) =
    let say name (value: string) = printfn $"%-10s{name}{value}"
    let libtorch = libtorch ()
    say "metakan" MetaKan.Build.version
    say "libtorch" $"{libtorch}, {fst (Libtorch.used ())}"
    say "cpu" $"{processor ()}, {Environment.ProcessorCount} cores"
    cudaDevices () |> List.iter (say "cuda")
    say "memory" $"{memory ()} MiB"
    say "threads" $"{torch.get_num_threads ()} within an operator, {torch.get_num_interop_threads ()} between operators"
    0
