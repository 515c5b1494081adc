/// `metakan bench memory`: the peak memory of training steps for networks of more and more edges, each measured in a process
/// of its own, so that none finds what another left.
module MetaKan.Bench.Footprint

open System
open System.Text.Json.Nodes
open MetaKan
open MetaKan.Pdes
open TorchSharp

let private grid = { Size = 5; Order = 3 }

/// What is measured: d-w-w-1 with the w that comes closest to so many edges.
type Network =
    {
        /// "mlp", "kan" or "metakan".
        Model: string
        Edges: int64
        Dim: int
        /// Hidden width of MetaKAN's generators.
        HiddenDim: int
        /// How Adam keeps its running means.
        Moments: MomentStorage
    }

// w² + (d + 1)·w edges.
let private widths (network: Network) : int list =
    let half = float (network.Dim + 1) / 2.0
    let width = max 1 (int (round (sqrt (half * half + float network.Edges) - half)))
    [ network.Dim; width; width; 1 ]

let private edges (network: Network) : int64 =
    List.pairwise (widths network) |> List.sumBy (fun (inputs, outputs) -> int64 inputs * int64 outputs)

let private model (network: Network) : Model =
    let widths = widths network

    match network.Model with
    | "kan" -> Kan.create grid widths
    | "metakan" ->
        MetaKan.create
            grid
            {
                EmbeddingDim = 1
                HiddenDim = network.HiddenDim
                Sharing = GeneratorSharing.PerLayer
                Chunk = None
            }
            widths
    | _ -> Mlp.create widths

/// The least that training takes, MiB: parameters and Adam's two moments before and after a step, and the gradient, in single
/// precision or, of moments, bytes.
let least (network: Network) : int64 =
    let numbers = if network.Model = "kan" then int64 (Grid.coefficients grid + 2) else 1L
    let moment = if network.Moments = MomentStorage.Full then 4L else 1L
    ((3L * 4L + 4L * moment) * numbers * edges network) >>> 20

/// Steps that are taken: from the second on, the state before is freed while the next is made.
let private steps = 3

/// Takes training steps on Poisson's equation in the unit ball, by Adam in single precision, in this process; a row with their
/// peak memory.
let measure (points: int) (network: Network) : JsonNode =
    let placement = Placement.cpu32
    let idle = Contenders.idle placement
    use _ = torch.NewDisposeScope()
    let model = model network
    let problem = Poisson.problem (TwoBody.ofSeed 0 network.Dim)
    let collocation = { SolveSettings.defaults.Collocation with Points = points }
    let gradient n = Collocation.gradient collocation problem model (Key.fold n (Key.ofSeed 1))
    let start = model.Init (Key.ofSeed 0) placement
    let parameters, edges = Params.count start, edges network
    let step = Contenders.steps placement (Pde.adam network.Moments) start gradient

    let peak =
        Memory.peak (fun () ->
            Workers.hire (fun () ->
                for n in 1..steps do
                    step n))
        - idle

    let number (digits: int) (value: float) = RunFolder.node (Math.Round(value, digits))

    RunFolder.fields
        [
            "network", RunFolder.node model.Description
            "model", RunFolder.node network.Model
            "moments", Configuration.node network.Moments
            "asked", RunFolder.node network.Edges
            "edges", RunFolder.node edges
            "parameters", RunFolder.node parameters
            "points", RunFolder.node points
            "threads", RunFolder.node (torch.get_num_threads ())
            "peak_mib_above_idle", number 1 peak
            "bytes_per_edge", number 1 (peak * 1048576.0 / float edges)
            "bytes_per_parameter", number 1 (peak * 1048576.0 / float parameters)
        ]

let private ofRow<'T> (name: string) (row: JsonNode) : 'T = row[name].GetValue<'T>()

/// The rows as a table; the last column is the peak over that of the MLP with the same widths, where it was measured.
let table (rows: JsonNode list) : string list list =
    let peak = ofRow<float> "peak_mib_above_idle"

    let overMlp row =
        rows
        |> List.tryFind (fun other ->
            ofRow "model" other = "mlp" && ofRow<int64> "asked" other = ofRow<int64> "asked" row)
        |> Option.map (fun mlp -> $"{peak row / peak mlp:F2}")
        |> Option.defaultValue "-"

    [
        [ "network"; "edges"; "parameters"; "peak MiB"; "B/edge"; "B/parameter"; "over MLP" ]

        for row in rows do
            [
                ofRow "network" row
                $"""{ofRow<int64> "edges" row:N0}"""
                $"""{ofRow<int64> "parameters" row:N0}"""
                $"{peak row:F0}"
                $"""{ofRow<float> "bytes_per_edge" row:F1}"""
                $"""{ofRow<float> "bytes_per_parameter" row:F1}"""
                overMlp row
            ]
    ]

/// Bytes an edge over edges, a line for each model.
let picture (rows: JsonNode list) : string =
    Plot.chart
        {
            Title = "Peak memory of training, bytes an edge"
            Description = "For each model, bytes of peak memory per edge over the number of edges."
            X = { Label = "edges"; Scale = Scale.Log }
            Y = { Label = "bytes an edge"; Scale = Scale.Log }
            Series =
                [
                    for model, rows in rows |> List.groupBy (ofRow<string> "model") ->
                        {
                            Name = model
                            Mark = Mark.Line
                            Points =
                                [| for row in rows -> float (ofRow<int64> "edges" row), ofRow "bytes_per_edge" row |]
                        }
                ]
        }
