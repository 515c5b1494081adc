/// What tests of runs share.
module MetaKan.Tests.Runs

open System
open System.IO
open MetaKan
open TorchSharp

/// A flag that is raised when it is asked for after the `n`-th time.
let after (n: int) : unit -> bool =
    let asked = ref 0

    fun () ->
        asked.Value <- asked.Value + 1
        asked.Value > n

/// metrics.csv without its last column, the seconds.
let metrics (folder: string) : string[] =
    File.ReadAllLines(RunFolder.metricsPath folder)
    |> Array.map (fun line -> line.Substring(0, line.LastIndexOf ','))

/// A run's place: a new run, or the one that the folder holds.
let freshIn (folder: string) : RunPlace = RunPlace.fresh folder
let resumedIn (folder: string) : RunPlace = RunPlace.resumed folder

/// The run, interrupted when it has been asked so many times.
let cut (n: int) (place: RunPlace) : RunPlace = { place with Interrupted = after n }

/// A listener that counts the live tensors at each save; what other tests left to the collector goes first.
let counting (counts: ResizeArray<int64>) (event: TrainingEvent) : unit =
    match event with
    | Saved _ ->
        GC.Collect()
        GC.WaitForPendingFinalizers()
        counts.Add torch.Tensor.TotalCount
    | _ -> ()
