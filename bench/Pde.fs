/// `metakan bench pde`: steps per second and peak memory of the library's step and of the plain formulation, in one
/// process, on the same points, from the same parameters, each with the thread count that suits it best.
module MetaKan.Bench.Pde

open System
open System.Diagnostics
open System.Text.Json.Nodes
open MetaKan
open TorchSharp

/// A way to take a training step: its name, and a step by number.
type private Contender =
    {
        Name: string
        Step: int -> unit
        /// Steps that one measurement takes the median of.
        Steps: int
        /// What a run of steps is wrapped in.
        Run: (unit -> float) -> float
    }

/// What was measured of one contender.
type private Measured =
    {
        Contender: string
        Threads: int
        MillisecondsPerStep: float
        /// Over the last contender, the median of the ratios within each repeat.
        SpeedUp: float
        PeakMiB: float
    }

let private grid = { Size = 5; Order = 3 }

/// One training step after the other by Adam, from fresh parameters, keeping only the newest.
let private steps (placement: Placement) (model: Model) (gradient: int -> Gradient) : int -> unit =
    let optimizer =
        Adam.create (fun _ ->
            {
                Rate = fun _ -> 1e-4
                WeightDecay = 0.0
            })

    let mutable p = model.Init (Key.ofSeed 0) placement
    let mutable memory = optimizer.Init p

    fun n ->
        let next, kept =
            fun () ->
                let _, next, kept = optimizer.Update n (gradient n) p memory
                next, kept
            |> Tensor.scoped (fun (next, kept) -> Seq.append (Params.tensors next) (Params.tensors kept))

        Params.dispose p
        Params.dispose memory
        p <- next
        memory <- kept

        if placement.Device.``type`` = DeviceType.CUDA then
            torch.cuda.synchronize ()

let private contenders (placement: Placement) (dim: int) (modelName: string) (hidden: int) (points: int) =
    let widths = [ dim; 128; 128; 128; 1 ]
    let body = TwoBody.ofSeed 0 dim
    let problem = AllenCahn.problem body

    let model =
        match modelName with
        | "kan" -> Kan.create grid widths
        | "metakan" ->
            MetaKan.create grid { EmbeddingDim = 1; HiddenDim = hidden; Sharing = PerLayer; Chunk = None } widths
        | _ -> Mlp.create widths

    let key n = Key.fold n (Key.ofSeed 1)

    let ours name laplacian =
        let collocation = { Points = points; Laplacian = laplacian; MemoryLimit = 16384 }

        {
            Name = name
            Steps = 15
            Run = Workers.hire
            Step = steps placement model (fun n -> Collocation.gradient collocation problem model (key n))
        }

    let plain name count =
        {
            Name = name
            Steps = max 1 (60 / (count + 4))
            Run = fun steps -> steps ()
            Step =
                steps placement model (fun n ->
                    let terms = Key.permutation (key n) dim |> Array.truncate count |> Array.toList
                    Plain.gradient grid widths modelName body terms (problem.Domain.Sample (key n) placement points))
        }

    model,
    [
        ours "library, exact" Exact
        ours "library, SDGD-4" (Sdgd 4)
        plain "plain autograd, SDGD-4" (min 4 dim)
        plain "plain autograd, exact" dim
    ]

let private milliseconds (contender: Contender) (start: int) =
    contender.Run(fun () ->
        Measure.median
            [
                for n in 1 .. contender.Steps ->
                    let clock = Stopwatch.StartNew()
                    contender.Step(start + n)
                    clock.Elapsed.TotalMilliseconds
            ])

/// The peak memory of a contender's first steps, above idle.
let private peak (placement: Placement) (idle: float) (contender: Contender) : float =
    Build.resetCudaPeak ()

    let resident =
        Memory.peak (fun () ->
            contender.Run(fun () ->
                for n in 0..4 do
                    contender.Step n

                0.0)
            |> ignore)

    match Build.cudaMemory () with
    | Some(_, peak) when placement.Device.``type`` = DeviceType.CUDA -> float peak / 1048576.0
    | _ -> resident - idle

/// The thread count that suits a contender best.
let private tuned (placement: Placement) (contender: Contender) : int =
    (if placement.Device.``type`` = DeviceType.CUDA then [ 1 ] else Measure.threadCounts)
    |> List.minBy (fun threads ->
        torch.set_num_threads threads
        contender.Step 1
        milliseconds contender 1)

/// The contenders in turn, several times over, so that a drift of the machine's speed meets all alike.
let private measure (placement: Placement) (repeats: int) (peaks: float list) (contenders: Contender list) =
    let threads = contenders |> List.map (tuned placement)

    let times =
        [
            for repeat in 1..repeats ->
                List.map2
                    (fun threads contender ->
                        torch.set_num_threads threads
                        milliseconds contender (100 * repeat))
                    threads
                    contenders
        ]
        |> List.transpose

    let ratios = times |> List.map (List.map2 (/) (List.last times) >> Measure.median)

    List.zip contenders threads
    |> List.map2
        (fun (peak, times, ratio) (contender, threads) ->
            {
                Contender = contender.Name
                Threads = threads
                MillisecondsPerStep = Measure.median times
                SpeedUp = ratio
                PeakMiB = peak
            })
        (List.zip3 peaks times ratios)

/// Measures and prints one dimension; gives the rows as JSON.
let private dimension
    (placement: Placement)
    repeats
    points
    peaks
    (dim: int, (model: Model, contenders))
    : JsonNode list =
    printfn $"{model.Description}, {points} points, {placement.DType} on {placement.Device}"

    let measured = measure placement repeats peaks contenders
    printfn "  %-26s %8s %10s %10s %12s %10s" "" "threads" "ms/step" "steps/s" "peak MiB" "speed-up"

    [
        for m in measured do
            printfn
                "  %-26s %8d %10.2f %10.2f %12.0f %9.1fx"
                m.Contender
                m.Threads
                m.MillisecondsPerStep
                (1000.0 / m.MillisecondsPerStep)
                m.PeakMiB
                m.SpeedUp

            JsonObject(
                dict
                    [
                        "network", JsonValue.Create model.Description :> JsonNode
                        "dim", JsonValue.Create dim
                        "contender", JsonValue.Create m.Contender
                        "threads", JsonValue.Create m.Threads
                        "ms_per_step", JsonValue.Create(Math.Round(m.MillisecondsPerStep, 3))
                        "steps_per_second", JsonValue.Create(Math.Round(1000.0 / m.MillisecondsPerStep, 3))
                        "peak_mib_above_idle", JsonValue.Create(Math.Round(m.PeakMiB, 1))
                        "speed_up_over_plain_exact", JsonValue.Create(Math.Round(m.SpeedUp, 2))
                    ]
            )
            :> JsonNode
    ]

/// Runs the comparison for several dimensions and prints a table each; the rows, for a file.
let run
    (placement: Placement)
    (modelName: string)
    (hidden: int)
    (points: int)
    (repeats: int)
    (dims: int list)
    : JsonArray =
    // Idle is the process with libtorch loaded and one operator run.
    use _ = torch.zeros ([| 1L |], dtype = placement.DType, device = placement.Device)
    GC.Collect()
    let idle = Memory.resident ()
    printfn $"idle process: {idle:F0} MiB"

    use _ = torch.NewDisposeScope()
    let dims = List.sort dims
    let all = dims |> List.map (fun dim -> contenders placement dim modelName hidden points)

    // The lightest first, over all dimensions: memory that a heavy one has taken is not given back to the system.
    let peaks =
        all |> List.map snd |> List.transpose |> List.map (List.map (peak placement idle)) |> List.transpose

    List.zip dims all
    |> List.map2 (dimension placement repeats points) peaks
    |> List.concat
    |> List.toArray
    |> JsonArray
