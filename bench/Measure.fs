/// What the comparisons share.
module MetaKan.Bench.Measure

open System
open System.Diagnostics

let median (values: float seq) =
    let sorted = values |> Seq.sort |> Seq.toArray
    sorted[sorted.Length / 2]

/// Thread counts worth trying on this machine: powers of two, and all cores.
let threadCounts =
    [ 1; 2; 4; 8; 16; Environment.ProcessorCount ]
    |> List.filter (fun n -> n <= Environment.ProcessorCount)
    |> List.distinct

/// Work done over and over for a second and a half: by then the runtime has compiled it for speed.
let warm (work: unit -> unit) : unit =
    let clock = Stopwatch.StartNew()

    while clock.Elapsed.TotalSeconds < 1.5 do
        work ()

/// The thread count with the best median time: all in turn, three times over, or less often where that takes long.
let bestThreads (counts: int list) (time: int -> float) : int =
    let clock = Stopwatch.StartNew()

    let rec rounds (sofar: float list list) =
        let sofar = List.map time counts :: sofar
        if sofar.Length = 3 || clock.Elapsed.TotalSeconds > 10.0 then sofar else rounds sofar

    List.zip counts (rounds [] |> List.transpose |> List.map median) |> List.minBy snd |> fst
