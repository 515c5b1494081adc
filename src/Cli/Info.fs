/// `metakan info`: what this installation computes with.
module MetaKan.Cli.Info

open System
open System.IO
open Argu
open TorchSharp

/// `info` takes no options of its own.
type Options =
    | [<Hidden>] Nothing

    interface IArgParserTemplate with
        member _.Usage = ""

let private processor () =
    let name =
        File.ReadLines "/proc/cpuinfo"
        |> Seq.tryFind _.StartsWith("model name")
        |> Option.map (fun line -> line.Substring(line.IndexOf ':' + 1).Trim())

    name |> Option.defaultValue "unknown processor"

let run (_: ParseResults<Options>) =
    let say name (value: string) = printfn $"%-10s{name}{value}"
    say "cpu" $"{processor ()}, {Environment.ProcessorCount} cores"
    say "threads" $"{torch.get_num_threads ()} in an operator"
    0
