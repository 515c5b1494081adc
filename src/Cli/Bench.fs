/// `metakan bench`: speed and memory, measured.
module MetaKan.Cli.Bench

open System.Diagnostics
open System.IO
open System.Text.Json
open System.Text.Json.Nodes
open Argu
open MetaKan
open MetaKan.Images
open MetaKan.Fitting
open MetaKan.Bench
open MetaKan.Cli.Options
open TorchSharp

type PdeOptions =
    | Dim of int list
    | Model of string
    | Hidden_Dim of int
    | Points of int
    | Repeats of int
    | Device of string
    | Dtype of string
    | Out of FILE: string

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

type MemoryOptions =
    | Model of string list
    | Edges of int64 list
    | Dim of int
    | Hidden_Dim of int
    | Moments of string
    | Points of int
    | Threads of int
    | Plot of FILE: string
    | Out of FILE: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Model _ -> "mlp, kan or metakan, or several (mlp kan metakan)."
            | Edges _ -> "edges of the networks, about (10000 100000 1000000 10000000)."
            | Dim _ -> "dimensions of the points (10)."
            | Hidden_Dim _ -> "hidden width of MetaKAN's generators (64)."
            | Moments _ -> "how Adam keeps its running means: full, bytes or factored (full)."
            | Points _ -> "points a step (100)."
            | Threads _ -> "threads, each on a share of the points (all cores, 8 at most)."
            | Plot _ -> "an SVG file for a picture."
            | Out _ -> "a JSON file for the figures."

type FitOptions =
    | Model of string
    | Width of int list
    | Points of int
    | Repeats of int
    | Out of FILE: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Model _ -> "kan or metakan (kan)."
            | Width _ -> "nodes of all layers (2 5 1)."
            | Points _ -> "points to fit (1000)."
            | Repeats _ -> "repeats, of which medians are told (5)."
            | Out _ -> "a JSON file for the figures."

type SymbolicOptions =
    | Equations of string list
    | Noise of float list
    | Seed of int
    | Out of FILE: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Equations _ -> "equations of the Feynman set by name, as I.6.20b (the first 40)."
            | Noise _ -> "standard deviations of the values' noise, as shares of their spread (0 0.01)."
            | Seed _ -> "seed of the points, the noise and the networks (0)."
            | Out _ -> "a JSON file for the figures."

type ClassifyOptions =
    | Net of string list
    | Repeats of int
    | Device of string
    | Out of FILE: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Net _ ->
                "fc, conv4 or both: KAN and MetaKAN 784-32-10 in batches of 1024, KAN of convolutions of 64 (both)."
            | Repeats _ -> "repeats, of which medians are told (5)."
            | Device _ -> "auto, cpu or cuda (cpu)."
            | Out _ -> "a JSON file for the figures."

type Options =
    | [<CliPrefix(CliPrefix.None)>] Pde of ParseResults<PdeOptions>
    | [<CliPrefix(CliPrefix.None)>] Floor of ParseResults<PdeOptions>
    | [<CliPrefix(CliPrefix.None)>] Ranks of ParseResults<PdeOptions>
    | [<CliPrefix(CliPrefix.None)>] Memory of ParseResults<MemoryOptions>
    | [<CliPrefix(CliPrefix.None)>] Fit of ParseResults<FitOptions>
    | [<CliPrefix(CliPrefix.None)>] Symbolic of ParseResults<SymbolicOptions>
    | [<CliPrefix(CliPrefix.None)>] Classify of ParseResults<ClassifyOptions>
    | [<SubCommand; CliPrefix(CliPrefix.None)>] Ops

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Pde _ -> "a training step of the library against the plain formulation."
            | Floor _ -> "the same step against its matrix products alone."
            | Ranks _ -> "the same step shared by the processes that mpiexec starts."
            | Memory _ -> "peak memory of training steps for MLP, KAN and MetaKAN of more and more edges."
            | Fit _ -> "a gradient and an L-BFGS step of fitting a function against the plain formulation."
            | Symbolic _ -> "which equations of the Feynman set are recovered from data, and in what time."
            | Classify _ -> "a training step of classifying images against the plain formulation."
            | Ops -> "the cost of single operator calls."

// The networks of images, each as measured, with the images of a batch.
let private networks =
    [
        "fc", [ for change in [ id; Architecture.generated ] -> change (Architecture.published "fc" "kan"), 1024 ]
        "conv4", [ Architecture.published "conv4" "kan", 64 ]
    ]

/// The names that options of a benchmark take.
let names (benchmark: string) : (string * string list) list =
    match benchmark with
    | "pde"
    | "ranks" -> [ "--model", [ "mlp"; "kan"; "metakan" ]; "--device", devices; "--dtype", dtypes ]
    | "memory" -> [ "--model", [ "mlp"; "kan"; "metakan" ]; "--moments", List.map fst MomentStorage.named ]
    | "floor" -> [ "--model", [ "kan"; "metakan" ]; "--device", devices; "--dtype", dtypes ]
    | "fit" -> [ "--model", [ "kan"; "metakan" ] ]
    | "symbolic" -> [ "--equations", [ for equation in Feynman.equations -> equation.Name ] ]
    | "classify" -> [ "--net", List.map fst networks; "--device", devices ]
    | _ -> []

let private save (command: string) (rows: JsonArray) (path: string) =
    let report =
        JsonObject(
            dict
                [
                    "command", JsonValue.Create command :> JsonNode
                    "machine", JsonValue.Create(Info.machine ())
                    "libtorch", JsonValue.Create(Info.libtorch ())
                    "rows", rows
                ]
        )

    AtomicFile.writeText path (report.ToJsonString(JsonSerializerOptions(WriteIndented = true)) + "\n")

// A benchmark of steps, by its name and what it measures.
let private pde (name: string) measure (options: ParseResults<PdeOptions>) =
    let dims = options.GetResult(PdeOptions.Dim, [ 10; 20; 100 ]) |> List.map (atLeast "--dim" 2)

    let model =
        options.GetResult(PdeOptions.Model, "metakan") |> nameOf "--model" (names name |> List.head |> snd)

    let out = options.TryGetResult PdeOptions.Out |> Option.map (fileToWrite "--out")

    let rows =
        measure
            (placement (options.GetResult(PdeOptions.Device, "cpu")) (options.GetResult(PdeOptions.Dtype, "float32")))
            model
            (options.GetResult(PdeOptions.Hidden_Dim, 64) |> atLeast "--hidden-dim" 1)
            (options.GetResult(PdeOptions.Points, 100) |> atLeast "--points" 1)
            (options.GetResult(PdeOptions.Repeats, 5) |> atLeast "--repeats" 1)
            dims

    out
    |> Option.iter (fun path -> MetaKan.Ranks.first (fun () -> save $"bench {name}" rows path) |> ignore)

    0

// What a row by itself takes, as a process.
let private row (network: Footprint.Network) (points: int) (threads: int) : JsonNode list =
    let file = Path.GetTempFileName()

    try
        let words =
            $"bench memory --model {network.Model} --edges {network.Edges} --dim {network.Dim} \
              --hidden-dim {network.HiddenDim} --moments {Configuration.text network.Moments} --points {points} --threads {threads} --out"

        use child = Process.Start(Sweep.program [ yield! words.Split ' '; file ])
        let out, err = child.StandardOutput.ReadToEndAsync(), child.StandardError.ReadToEndAsync()
        child.WaitForExit()
        out.Wait()

        if child.ExitCode <> 0 then
            raise (RunFailed $"{network.Model} of {network.Edges} edges: {Sweep.reason child err.Result}")

        let report = file |> File.ReadAllText |> JsonNode.Parse
        [ for row in report["rows"].AsArray() -> row.DeepClone() ]
    finally
        File.Delete file

let private memory (options: ParseResults<MemoryOptions>) =
    let models =
        options.GetResult(MemoryOptions.Model, [ "mlp"; "kan"; "metakan" ])
        |> List.map (nameOf "--model" (names "memory" |> List.head |> snd))

    let moments = options.GetResult(MemoryOptions.Moments, "full") |> oneOf "--moments" MomentStorage.named

    let networks: Footprint.Network list =
        [
            for edges in options.GetResult(Edges, [ for power in 4..7 -> pown 10L power ]) do
                if edges < 100L then
                    raise (BadInput $"--edges takes a whole number from 100 up, not {edges}")

                for model in models ->
                    {
                        Model = model
                        Edges = edges
                        Dim = options.GetResult(MemoryOptions.Dim, 10) |> atLeast "--dim" 2
                        HiddenDim = options.GetResult(MemoryOptions.Hidden_Dim, 64) |> atLeast "--hidden-dim" 1
                        Moments = moments
                    }
        ]

    for network in networks do
        let least, there = Footprint.least network, Info.memory ()

        if least > there then
            raise (
                BadInput
                    $"--edges: {network.Model} of {network.Edges} edges takes {least} MiB or more, and there are {there}"
            )

    let points = options.GetResult(MemoryOptions.Points, 100) |> atLeast "--points" 1
    let threads = options.GetResult(Threads, allThreads ()) |> threadCount

    let plot = options.TryGetResult Plot |> Option.map (fileToWrite "--plot")
    let out = options.TryGetResult MemoryOptions.Out |> Option.map (fileToWrite "--out")

    let rows =
        match networks with
        | [ network ] ->
            torch.set_num_threads threads
            [ Footprint.measure points network ]
        | several -> several |> List.collect (fun network -> row network points threads)

    for line in Footprint.table rows |> Table.aligned do
        printfn $"{line}"

    plot |> Option.iter (fun path -> MetaKan.Plot.save path (Footprint.picture rows))

    out |> Option.iter (save "bench memory" (JsonArray(List.toArray rows)))

    0

let private fit (options: ParseResults<FitOptions>) =
    let widths = options.GetResult(FitOptions.Width, [ 2; 5; 1 ]) |> List.map (atLeast "--width" 1)

    if widths.Length < 2 || List.last widths <> 1 then
        raise (BadInput "--width takes the nodes of all layers, inputs first and 1 output last")

    let source =
        options.GetResult(FitOptions.Model, "kan")
        |> oneOf
            "--model"
            [
                "kan", CoefficientSource.Stored
                "metakan",
                CoefficientSource.Generated
                    { EmbeddingDim = 1; HiddenDim = 16; Sharing = GeneratorSharing.Shared; Chunk = None }
            ]

    let out = options.TryGetResult FitOptions.Out |> Option.map (fileToWrite "--out")

    let rows =
        Bench.Fit.run
            source
            widths
            (options.GetResult(FitOptions.Points, 1000) |> atLeast "--points" 1)
            (options.GetResult(FitOptions.Repeats, 5) |> atLeast "--repeats" 1)

    out |> Option.iter (save "bench fit" rows)
    0

let private symbolic (options: ParseResults<SymbolicOptions>) =
    let equations =
        match options.TryGetResult Equations with
        | Some names -> List.map Feynman.find names
        | None -> List.truncate 40 Feynman.equations

    let noises = options.GetResult(Noise, [ 0.0; 0.01 ]) |> List.map (fromZero "--noise")
    let out = options.TryGetResult SymbolicOptions.Out |> Option.map (fileToWrite "--out")
    let rows = Bench.Symbolic.run equations noises (options.GetResult(SymbolicOptions.Seed, 0))
    out |> Option.iter (save "bench symbolic" rows)
    0

let private classify (options: ParseResults<ClassifyOptions>) =
    let networks =
        options.GetResult(ClassifyOptions.Net, List.map fst networks)
        |> List.collect (oneOf "--net" networks)

    let out = options.TryGetResult ClassifyOptions.Out |> Option.map (fileToWrite "--out")

    let rows =
        Bench.Classify.run
            (placement (options.GetResult(ClassifyOptions.Device, "cpu")) "float32")
            (options.GetResult(ClassifyOptions.Repeats, 5) |> atLeast "--repeats" 1)
            networks

    out |> Option.iter (save "bench classify" rows)
    0

/// Whether the processes of a job measure together.
let isShared (options: ParseResults<Options>) : bool = options.Contains Options.Ranks

let run (options: ParseResults<Options>) : int =
    match options.GetSubCommand() with
    | Options.Pde options -> sound [] options |> pde "pde" (Bench.Pde.run false)
    | Floor options -> sound [] options |> pde "floor" (Bench.Pde.run true)
    | Options.Ranks options -> sound [] options |> pde "ranks" Bench.Jobs.run
    | Memory options -> sound [] options |> memory
    | Fit options -> sound [] options |> fit
    | Options.Symbolic options -> sound [] options |> symbolic
    | Classify options -> sound [] options |> classify
    | Ops ->
        Operators.run ()
        0
