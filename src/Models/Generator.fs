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

    // Columns of slopes and intercepts [M, S] at segments [E], as the line's value at e [E]: [M, E].
    let private lines: Rule =
        let gathered (like: Tensor) (segment: Tensor) (c: Tensor) =
            torch.zeros_like(like).scatter_add(1L, segment.unsqueeze(0L).expand_as c, c)

        {
            Forward =
                fun t ->
                    let e, segment, slopes, intercepts = t[0], t[1], t[2], t[3]
                    [| slopes.index_select (1L, segment) * e + intercepts.index_select (1L, segment) |], [||]
            Backward =
                fun t _ c ->
                    let e, segment, slopes = t[0], t[1], t[2]

                    [|
                        Some((c[0] * slopes.index_select (1L, segment)).sum 0L)
                        None
                        Some(gathered slopes segment (c[0] * e))
                        Some(gathered slopes segment c[0])
                    |]
        }

    // With one number per edge the network is a piecewise-linear function of it with at most h+1 segments: the slope
    // and intercept of each cost h·M products, and an edge then only looks up its segment.
    let private piecewise (p: Params) (e: Tensor) : Tensor =
        let w, b = p["0.weight"].view -1L, p["0.bias"]

        let breaks, segment =
            use _ = torch.no_grad ()
            // A unit without a slope has no break: it gets one at 0, which changes nothing.
            let struct (breaks, _) = torch.sort (torch.nan_to_num (-b / w, 0.0, 0.0, 0.0))
            breaks, torch.bucketize (e.detach (), breaks)

        let active =
            use _ = torch.no_grad ()

            let middle =
                torch.cat (
                    [|
                        breaks.narrow (0L, 0L, 1L) - 1.0
                        (breaks.narrow (0L, 1L, breaks.numel () - 1L) + breaks.narrow (0L, 0L, breaks.numel () - 1L))
                        / 2.0
                        breaks.narrow (0L, -1L, 1L) + 1.0
                    |]
                )

            (middle.unsqueeze -1L * w + b).gt(0.0.ToScalar()).``to`` e.dtype

        let outer = p["2.weight"]
        let slopes = Tensor.product outer ((active * w).t())
        let intercepts = Tensor.product outer ((active * b).t()) + p["2.bias"].unsqueeze -1L
        (Rule.apply lines [ e; segment; slopes; intercepts ])[0]

    /// The generator's output [M, E] for embeddings [E, p], by segments where edges have one number each and as many hidden
    /// numbers in all as `segmentsFrom` says.
    let applyFrom (segmentsFrom: int64) (generator: Params) (embeddings: Tensor) : Tensor =
        let edges, p = embeddings.size 0, embeddings.size 1

        if p = 1L && edges * generator["0.bias"].numel() >= segmentsFrom then
            piecewise generator (embeddings.view -1L)
        else
            dense generator embeddings

    /// The same; with fewer hidden numbers two small products are faster than finding segments.
    let apply: Params -> Tensor -> Tensor = applyFrom (1L <<< 15)

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
