/// `metakan bench`: speed and memory, measured.
module MetaKan.Cli.Bench

open System.Text.Json
open System.Text.Json.Nodes
open Argu
open MetaKan
open MetaKan.Bench
open MetaKan.Cli.Options

type PdeOptions =
    | Dim of int list
    | Model of string
    | Hidden_Dim of int
    | Points of int
    | Repeats of int
    | Device of string
    | Dtype of string
    | Out of string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Dim _ -> "dimensions to measure (10 20 100)."
            | Model _ -> "mlp, kan or metakan (metakan)."
            | Hidden_Dim _ -> "hidden width of MetaKAN's generators (64)."
            | Points _ -> "points a step (100)."
            | Repeats _ -> "repeats, of which medians are told (5)."
            | Device _ -> "auto, cpu or cuda (cpu)."
            | Dtype _ -> "float32 or float64 (float32)."
            | Out _ -> "a JSON file for the figures."

type Options =
    | [<CliPrefix(CliPrefix.None)>] Pde of ParseResults<PdeOptions>
    | [<CliPrefix(CliPrefix.None)>] Ops

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Pde _ -> "a training step of the library against the plain formulation."
            | Ops -> "the cost of single operator calls."

let private pde (options: ParseResults<PdeOptions>) =
    let dims = options.GetResult(Dim, [ 10; 20; 100 ]) |> List.map (atLeast "--dim" 2)

    let model =
        options.GetResult(Model, "metakan")
        |> oneOf "--model" [ for name in [ "mlp"; "kan"; "metakan" ] -> name, name ]

    let rows =
        Bench.Pde.run
            (placement (options.GetResult(Device, "cpu")) (options.GetResult(Dtype, "float32")))
            model
            (options.GetResult(Hidden_Dim, 64) |> atLeast "--hidden-dim" 1)
            (options.GetResult(Points, 100) |> atLeast "--points" 1)
            (options.GetResult(Repeats, 5) |> atLeast "--repeats" 1)
            dims

    options.TryGetResult Out
    |> Option.iter (fun path ->
        let report =
            JsonObject(
                dict
                    [
                        "command", JsonValue.Create "bench pde" :> JsonNode
                        "machine", JsonValue.Create(Info.machine ())
                        "provider", JsonValue.Create(Build.provider ())
                        "rows", rows
                    ]
            )

        AtomicFile.writeText path (report.ToJsonString(JsonSerializerOptions(WriteIndented = true)) + "\n"))

    0

let run (options: ParseResults<Options>) : int =
    match options.GetSubCommand() with
    | Pde options -> pde options
    | Ops ->
        Operators.run ()
        0
