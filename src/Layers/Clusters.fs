namespace MetaKan.Images

open MetaKan

/// Which layers of a deep network share a coefficient generator: those of similar width, by k-means in one dimension.
/// Zhao, Shu, Meng, Xu (ICML 2025, arXiv 2506.07549), section 3; solved exactly, as in Wang and Song,
/// "Ckmeans.1d.dp" (The R Journal, 2011): in one dimension the best clusters are runs of the sorted numbers.
[<RequireQualifiedAccess>]
module Clusters =
    /// The cluster of each layer, for the layers' channel counts: the partition with the least sum of squared distances
    /// to the clusters' means, numbered from 0 by rising mean. Layers of equal width are in one cluster. Raises
    /// ArgumentException unless there are 1 to as many clusters as different widths.
    let ofChannels (clusters: int) (channels: int list) : int list =
        let counted = channels |> List.countBy id |> List.sort |> Array.ofList

        if clusters < 1 || clusters > counted.Length then
            invalidArg
                (nameof clusters)
                $"layers of {counted.Length} different widths fall into 1 to {counted.Length} clusters, not {clusters}"

        // The squared distances within the run first … last.
        let cost first last =
            let run = counted[first..last] |> Array.map (fun (width, n) -> float width, float n)
            let mean = Array.sumBy (fun (width, n) -> n * width) run / Array.sumBy snd run
            run |> Array.sumBy (fun (width, n) -> n * (width - mean) ** 2.0)

        // For each `last`, the cost and the starts, latest first, of the best k runs that cover 0 … last.
        let further (best: (float * int list)[]) =
            [|
                for last in 0 .. counted.Length - 1 ->
                    Seq.append
                        [ infinity, [] ]
                        (seq {
                            for start in 1..last -> fst best[start - 1] + cost start last, start :: snd best[start - 1]
                        })
                    |> Seq.minBy fst
            |]

        let one = [| for last in 0 .. counted.Length - 1 -> cost 0 last, [ 0 ] |]
        let _, starts = Seq.fold (fun best _ -> further best) one (seq { 2..clusters }) |> Array.last
        let lowest = starts |> List.rev |> List.map (fun start -> fst counted[start])

        channels |> List.map (fun width -> List.findIndexBack (fun low -> width >= low) lowest)
