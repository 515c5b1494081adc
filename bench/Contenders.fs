/// Ways to take a training step, measured against one another in one process: milliseconds by turns, each with the thread
/// count that suits it best, and peak memory above idle.
module MetaKan.Bench.Contenders

open System
open System.Diagnostics
open System.Text.Json.Nodes
open MetaKan
open TorchSharp

/// A way to take a training step.
type Contender =
    {
        Name: string
        /// Takes a step, by number.
        Step: int -> unit
        /// Steps that one measurement takes the median of.
        Steps: int
        /// What a run of steps is wrapped in.
        Run: (unit -> float) -> float
    }

/// What was measured of one contender.
type Measured =
    {
        Contender: string
        Threads: int
        MillisecondsPerStep: float
        /// Over the last contender, the median of the ratios within each repeat.
        SpeedUp: float
        /// None on CUDA, whose memory libtorch keeps from one contender to the next.
        PeakMiB: float option
    }

/// One training step after the other by Adam, from given parameters, keeping only the newest.
let steps (placement: Placement) (optimizer: Optimizer) (start: Params) (gradient: int -> Gradient) : int -> unit =
    let stage = Stage.create Int32.MaxValue optimizer gradient

    let mutable state =
        { Stage = 0; Within = 0; Step = 0; Params = start; Memory = optimizer.Init start; Seconds = 0.0 }

    fun n ->
        let next, loss = Training.step stage { state with Within = n; Step = n }
        Training.release next state
        loss.Dispose()
        state <- next

        if placement.Device.``type`` = DeviceType.CUDA then
            torch.cuda.synchronize ()

/// Resident memory of the idle process, with libtorch loaded and one operator run, MiB.
let idle (placement: Placement) : float =
    use _ = torch.zeros ([| 1L |], dtype = placement.DType, device = placement.Device)
    GC.Collect()
    let idle = Memory.resident ()
    printfn $"idle process: {idle:F0} MiB"
    idle

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
let private peak (placement: Placement) (idle: float) (contender: Contender) : float option =
    let resident =
        Memory.peak (fun () ->
            contender.Run(fun () ->
                for n in 0..4 do
                    contender.Step n

                0.0)
            |> ignore)

    if placement.Device.``type`` = DeviceType.CUDA then None else Some(resident - idle)

/// The thread count that suits a contender best.
let private tuned (placement: Placement) (contender: Contender) : int =
    let counts = if placement.Device.``type`` = DeviceType.CUDA then [ 1 ] else Measure.threadCounts

    Measure.bestThreads counts (fun threads ->
        torch.set_num_threads threads
        contender.Step 1
        milliseconds contender 1)

/// Peak memory above idle; then the contenders in turn, several times over, so that a drift of the machine's speed meets
/// all alike.
let measure (placement: Placement) (repeats: int) (idle: float) (contenders: Contender list) : Measured list =
    let peaks = contenders |> List.map (peak placement idle)
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

/// Prints a table of what was measured; gives its rows as JSON, with further fields first.
let table (fields: (string * JsonNode) list) (measured: Measured list) : JsonNode list =
    printfn "  %-26s %8s %10s %10s %12s %10s" "" "threads" "ms/step" "steps/s" "peak MiB" "speed-up"

    [
        for m in measured do
            printfn
                "  %-26s %8d %10.2f %10.2f %12s %9.1fx"
                m.Contender
                m.Threads
                m.MillisecondsPerStep
                (1000.0 / m.MillisecondsPerStep)
                (m.PeakMiB |> Option.map (fun mib -> $"{mib:F0}") |> Option.defaultValue "-")
                m.SpeedUp

            let number (digits: int) (value: float) = RunFolder.node (Math.Round(value, digits))

            RunFolder.fields
                [
                    yield! fields
                    "contender", RunFolder.node m.Contender
                    "threads", RunFolder.node m.Threads
                    "ms_per_step", number 3 m.MillisecondsPerStep
                    "steps_per_second", number 3 (1000.0 / m.MillisecondsPerStep)
                    "peak_mib_above_idle", m.PeakMiB |> Option.map (number 1) |> Option.toObj
                    "speed_up_over_plain", number 2 m.SpeedUp
                ]
            :> JsonNode
    ]
