// MetaKAN's meta-learner: a small ReLU network that turns the embedding of an edge into the edge's coefficients.
// Zhao, Shu, Meng, Xu (ICML 2025, arXiv 2506.07549), section 3.
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module internal Generator =
    /// A Xavier-normal matrix [rows, columns].
    let xavier (key: Key) (place: Placement) (rows: int) (columns: int) : Tensor =
        Key.normal key place [ int64 rows; int64 columns ] * sqrt (2.0 / float (rows + columns))

    /// Fresh parameters of Linear(p, h) → ReLU → Linear(h, M), by name: Xavier-normal weights, zero biases.
    let init (first: Key, second: Key) (place: Placement) (p: int, h: int, m: int) : Params =
        let zeros (n: int) = torch.zeros (int64 n, dtype = place.DType, device = place.Device)

        [
            "0.weight", xavier first place h p
            "0.bias", zeros h
            "2.weight", xavier second place m h
            "2.bias", zeros m
        ]
        |> Map.ofList

    let private dense (p: Params) (embeddings: Tensor) : Tensor =
        torch.nn.functional.linear (embeddings, p["0.weight"], p["0.bias"])
        |> torch.nn.functional.relu
        |> fun hidden -> torch.nn.functional.linear (hidden, p["2.weight"], p["2.bias"])
        |> _.t()

    // With one number per edge the network is a piecewise-linear function of it with at most h+1 segments: the slope
    // and intercept of each cost h·M products, and an edge then only looks up its segment.
    let private piecewise (p: Params) : Tensor =
        let w, b = p["0.weight"].view -1L, p["0.bias"]

        let ends, active =
            use _ = torch.no_grad ()
            // A unit without a slope has no break: it gets one at 0, which changes nothing.
            let struct (breaks, _) = torch.sort (torch.nan_to_num (-b / w, 0.0, 0.0, 0.0))
            let last = breaks.narrow (0L, -1L, 1L) + 1.0

            let middle =
                torch.cat (
                    [|
                        breaks.narrow (0L, 0L, 1L) - 1.0
                        (breaks.narrow (0L, 1L, breaks.numel () - 1L) + breaks.narrow (0L, 0L, breaks.numel () - 1L))
                        / 2.0
                        last
                    |]
                )

            let ends = torch.cat [| breaks; last |]
            ends.unsqueeze -1L, (middle.unsqueeze -1L * w + b).gt(0.0.ToScalar()).``to`` b.dtype

        // Rows [2S, h]: of slopes, then of intercepts.
        let hidden = torch.cat ([| active * w; active * b |], 0L)

        (Tensor.product hidden (p["2.weight"].t())).chunk(2L, 0L)
        |> fun halves -> torch.cat ([| ends; halves[0]; halves[1] + p["2.bias"] |], 1L)

    /// The weights of a layer whose embeddings are [out, in, p]: lines where edges have one number each and as many hidden
    /// numbers in all as `linesFrom` says.
    let weightsFrom (linesFrom: int64) (generator: Params) (embeddings: Tensor) : LayerWeights =
        let outputs, inputs, p = embeddings.size 0, embeddings.size 1, embeddings.size 2

        if p = 1L && outputs * inputs * generator["0.bias"].numel() >= linesFrom then
            Lines(embeddings.view (outputs, inputs), piecewise generator)
        else
            // [M, in·out], whose inputs come first.
            dense generator (embeddings.transpose(0L, 1L).reshape(-1L, p))
            |> fun c -> Whole(c.reshape(-1L, inputs, outputs).transpose(0L, 1L).contiguous())

    // With fewer hidden numbers two small products are faster than finding segments.
    let private worthLines = 1L <<< 15

    /// The same by whatever is faster.
    let weights: Params -> Tensor -> LayerWeights = weightsFrom worthLines

    /// The coefficients [in, M, out] of the same layer.
    let layer (generator: Params) (embeddings: Tensor) : Tensor = weights generator embeddings |> Lookup.whole

    /// The generator's output [M, E] for embeddings [E, p].
    let apply (generator: Params) (embeddings: Tensor) : Tensor = (layer generator (embeddings.unsqueeze 1L)).squeeze 0L

    /// The gradients by embeddings [E, p] and by the generator, a row for each point, from those by the outputs [N, M, E].
    /// Sums over edges come first, so that no tensor has a number for each point, edge and hidden unit.
    let pullback (p: Params) (embeddings: Tensor) (g: Tensor) : Tensor * Params =
        let first, second = p["0.weight"], p["2.weight"]
        let hidden = torch.nn.functional.linear (embeddings, first, p["0.bias"])
        let active = hidden.gt(0.0.ToScalar()).``to`` g.dtype
        let columns = [ for j in 0L .. embeddings.size 1 - 1L -> embeddings.narrow (1L, j, 1L) ]

        // By the j-th number of an edge's embedding, [N, E].
        let byEmbedding (j: int) =
            let slopes = Tensor.product second ((active * first.select (1L, int64 j)).t())
            (g * slopes).sum 1L

        // Sums over edges [N, M, h] with what the first layer passes on, with its slopes, and with these times embeddings.
        let sums =
            let factors =
                [| torch.nn.functional.relu hidden; active; yield! columns |> List.map (fun e -> active * e) |]

            (Tensor.product g (torch.cat (factors, 1L))).chunk(int64 factors.Length, -1L)

        let byHidden (sums: Tensor) = (sums * second).sum 1L

        torch.stack ([| for j in 0 .. columns.Length - 1 -> byEmbedding j |], -1L),
        Map
            [
                "0.weight", torch.stack ([| for s in sums[2..] -> byHidden s |], -1L)
                "0.bias", byHidden sums[1]
                "2.weight", sums[0]
                "2.bias", g.sum 2L
            ]
