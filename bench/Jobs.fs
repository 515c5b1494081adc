/// `metakan bench ranks`: a training step that the processes of a job share, on as many points in all as are asked for and on
/// as many for each process, and the sum of a gradient over the processes by itself. Started by mpiexec with one process and
/// with more, it shows the strong and the weak scaling.
module MetaKan.Bench.Jobs

open System
open System.Diagnostics
open System.Text.Json.Nodes
open MetaKan
open TorchSharp

// The median time of work, ms, over as many turns in as many repeats; all ranks take as many.
let private milliseconds (repeats: int) (work: int -> unit) : float =
    let timed start count =
        let clock = Stopwatch.StartNew()

        for n in start .. start + count - 1 do
            work n

        clock.Elapsed.TotalMilliseconds / float count

    // By then the runtime has compiled it for speed.
    let turnsOf duration time = Ranks.whole (fun () -> max 1 (int (duration / time)))
    timed 0 (timed 0 5 |> turnsOf 1500.0) |> ignore
    let turns = timed 0 5 |> turnsOf 300.0
    Measure.median [ for repeat in 1..repeats -> timed (repeat * turns) turns ]

let private measured placement modelName hidden points repeats dim : JsonNode list =
    let ranks = Ranks.count ()
    let threads = torch.get_num_threads ()
    let model, gradient = Pde.exactly modelName hidden dim

    let step points = Workers.hire (fun () -> gradient points |> Pde.steps placement model |> milliseconds repeats)

    let bytes, sum =
        use _ = torch.NewDisposeScope()
        let p = model.Init (Key.ofSeed 0) placement
        let loss = (Seq.head p.Values).sum()

        let time =
            milliseconds repeats (fun _ ->
                use _ = torch.NewDisposeScope()
                // Each rank has an item, or the sum would be of zeros that it makes first.
                Ranks.gradient p (fun _ -> loss, p) [ 1..ranks ] |> ignore)

        (Params.count p + 1L) * int64 (placement.DType.ElementSize()), time

    printfn $"{model.Description}, {placement.DType} on {placement.Device}, {ranks} ranks of {threads} threads"

    printfn "  %-26s %8d KiB    %10.3f ms" "sum of a gradient" (bytes / 1024L) sum

    [
        for name, points in [ "points in all", points; "points a rank", points * ranks ] do
            let time = step points
            printfn "  %-26s %8d points %10.2f ms/step %12.0f points/s" name points time (float points / time * 1000.0)

            RunFolder.fields
                [
                    "network", RunFolder.node model.Description
                    "dim", RunFolder.node dim
                    "ranks", RunFolder.node ranks
                    "threads", RunFolder.node threads
                    "what", RunFolder.node name
                    "points", RunFolder.node points
                    "ms_per_step", RunFolder.node (Math.Round(time, 3))
                    "sum_bytes", RunFolder.node bytes
                    "ms_per_sum", RunFolder.node (Math.Round(sum, 4))
                ]
            :> JsonNode
    ]

/// Measures several dimensions and prints what was found; the rows, for a file.
let run
    (placement: Placement)
    (modelName: string)
    (hidden: int)
    (points: int)
    (repeats: int)
    (dims: int list)
    : JsonArray =
    torch.set_num_threads (Ranks.whole Ranks.cores)
    use _ = torch.NewDisposeScope()

    List.sort dims
    |> List.collect (measured placement modelName hidden points repeats)
    |> List.toArray
    |> JsonArray
