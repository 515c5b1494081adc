/// What the comparisons share.
module MetaKan.Bench.Measure

open System

let median (values: float seq) =
    let sorted = values |> Seq.sort |> Seq.toArray
    sorted[sorted.Length / 2]

/// Thread counts worth trying on this machine: powers of two, and all cores.
let threadCounts =
    [ 1; 2; 4; 8; 16; Environment.ProcessorCount ]
    |> List.filter (fun n -> n <= Environment.ProcessorCount)
    |> List.distinct
