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
    File.ReadLines "/proc/cpuinfo"
    |> Seq.tryFind _.StartsWith("model name")
    |> Option.map (fun line -> line.Substring(line.IndexOf ':' + 1).Trim())
    |> Option.defaultValue "unknown processor"

/// Names and memory of the CUDA devices, which libtorch's boxed operators cannot tell but NVIDIA's own tool does.
let private cudaDevices () =
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

/// A meter of a run: CUDA memory at its peak, MiB; null without CUDA.
let peakCuda: string * (unit -> JsonNode) =
    "peak_cuda_mib",
    fun () ->
        match Build.cudaMemory () with
        | Some(_, peak) -> JsonValue.Create(Math.Round(float peak / 1048576.0, 1))
        | None -> null

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
    say "metakan" MetaKan.Build.version
    say "provider" (MetaKan.Build.provider ())
    say "cpu" $"{processor ()}, {Environment.ProcessorCount} cores"
    cudaDevices () |> List.iter (say "cuda")
    say "threads" $"{torch.get_num_threads ()} within an operator, {torch.get_num_interop_threads ()} between operators"
    0
