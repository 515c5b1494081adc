// Pictures of a fit: the fitted function beside the true one, and the diagrams of the network.
namespace MetaKan.Fitting

open MetaKan

/// A fitted function and the held-out points that it is judged by.
type internal Comparison =
    {
        /// Names of the inputs, and of what is fitted.
        Inputs: string list
        Output: string
        /// The held-out points [N][inputs], N > 0, and the true values there [N].
        Points: float[][]
        True: float[]
        /// The true function, where it is known; pictures are made of the held-out points alone where it is not.
        Target: (float[][] -> float[]) option
        Fitted: float[][] -> float[]
    }

[<RequireQualifiedAccess>]
module internal FitPictures =
    /// Points that a map is made of, at most.
    let private mapped = 4000

    /// A function at points, a few hundred at a time: the features of all at once may need much memory.
    let private values (f: float[][] -> float[]) (points: float[][]) : float[] =
        points |> Array.chunkBySize 500 |> Array.collect f

    /// At most `most` of the points with their values, evenly chosen.
    let private some most (points: 'a[]) : 'a[] =
        let every = (points.Length + most - 1) / most
        points |> Array.indexed |> Array.filter (fun (i, _) -> i % every = 0) |> Array.map snd

    /// The extremes of the i-th coordinate, apart even where they are the same.
    let private bounds i (points: float[][]) =
        let x = points |> Array.map (Array.item i)
        let low, high = Array.min x, Array.max x
        if low < high then low, high else low - 0.5, high + 0.5

    let private curves (c: Comparison) =
        let at = Plots.places (bounds 0 c.Points)
        let line name f = Plots.series name Mark.Line (Array.zip at (values f (Array.map Array.singleton at)))

        let truth =
            match c.Target with
            | Some f -> line "true" f
            | None ->
                Array.zip c.Points c.True
                |> some Plots.scattered
                |> Array.map (fun (x, y) -> x[0], y)
                |> Plots.series "true, held-out points" Mark.Dots

        [
            "fit",
            Plots.chart
                "Fitted function"
                $"{c.Output} along {c.Inputs.Head}, true and fitted"
                c.Inputs.Head
                c.Output
                [ truth; line "fitted" c.Fitted ]
        ]

    /// Values at places as those of the nearest of some points, distances being shares of the bounds.
    let private nearest (bounds: (float * float)[]) (points: (float[] * float)[]) (places: float[][]) =
        let scaled (x: float[]) = Array.map2 (fun x (low, high) -> (x - low) / (high - low)) x bounds
        let points = points |> Array.map (fun (x, y) -> scaled x, y)

        places
        |> Array.map (fun place ->
            let at = scaled place
            let distance (x: float[]) = (x[0] - at[0]) * (x[0] - at[0]) + (x[1] - at[1]) * (x[1] - at[1])
            points |> Array.minBy (fst >> distance) |> snd)

    let private maps (c: Comparison) =
        let bounds = [| bounds 0 c.Points; bounds 1 c.Points |]

        let middles = Array.map Plots.cells bounds

        let cells =
            [|
                for y in middles[1] do
                    for x in middles[0] -> [| x; y |]
            |]

        let fitted = values c.Fitted cells

        let truth, error =
            match c.Target with
            | Some f ->
                let truth = values f cells
                truth, Array.map2 (fun a b -> abs (a - b)) fitted truth
            | None ->
                let known = Array.zip c.Points c.True |> some mapped
                let at = Array.map fst known
                let errors = Array.map2 (fun a (_, b) -> abs (a - b)) (values c.Fitted at) known
                nearest bounds known cells, nearest bounds (Array.zip at errors) cells

        let common = Plots.range (Array.append truth fitted)

        [
            for file, title, values, range in
                [
                    "fit-1-true", "True function", truth, common
                    "fit-2-fitted", "Fitted function", fitted, common
                    "fit-3-error", "Absolute error", error, None
                ] do
                let limits i = c.Inputs[i], fst bounds[i], snd bounds[i]

                file,
                Drawing.Map
                    {
                        Title = title
                        Description = $"{title} of {c.Output}, over {c.Inputs[0]} and {c.Inputs[1]}"
                        X = limits 0
                        Y = limits 1
                        Values = Array2D.init Plots.side Plots.side (fun i j -> values[i * Plots.side + j])
                        Range = range
                        Arrows = [||]
                    }
        ]

    let private scatter (c: Comparison) =
        let known = Array.zip c.Points c.True |> some Plots.scattered

        "fit-4-points",
        Plots.agreement
            "Fitted against true values"
            $"{c.Output} at {known.Length} held-out points"
            $"true {c.Output}"
            $"fitted {c.Output}"
            "held-out points"
            "fitted = true"
            (Array.map snd known)
            (values c.Fitted (Array.map fst known))

    /// The pictures of a fit, by their names: curves for one input; maps of the true and the fitted function and
    /// of the error for two; fitted against true values at the held-out points for any.
    let draw (comparison: Comparison) : (string * Drawing) list =
        [
            match comparison.Inputs.Length with
            | 1 -> yield! curves comparison
            | 2 -> yield! maps comparison
            | _ -> ()

            scatter comparison
        ]

    /// Draws a fit's pictures into the folder of a run, under names that begin with some letters. Raises RunFailed when the disk
    /// refuses.
    let write (folder: string) (prefix: string) (comparison: Comparison) : unit =
        [ for name, drawing in draw comparison -> prefix + name, drawing ] |> Plots.write folder

    // The functions along a network's edges, those of the highest scores.
    let private edges (inputs: string list) (fitted: Fitted) (trace: Trace) (scores: Scores) : Drawing =
        let shown =
            SymbolicEdges.edges fitted.Network
            |> List.sortByDescending (fun edge -> scores.Edges[edge.Layer].[edge.From, edge.To])
            |> List.truncate 12

        let from (edge: Edge) = if edge.Layer = 0 then inputs[edge.From] else $"{edge.From + 1}"

        Plots.edges
            $"{shown.Length} edges of the highest scores: what goes in, and what comes out"
            [
                for edge in shown ->
                    $"layer {edge.Layer + 1}, {from edge} to {edge.To + 1}",
                    SymbolicEdges.curve trace edge
                    ||> fun x y -> Array.zip (Tensor.toArray x) (Tensor.toArray y)
                    |> Array.sortBy fst
            ]

    /// Draws a network at one of its stages, as in "2-pruned", into the folder of a run as diagram-2-pruned and edges-2-pruned.
    /// Arguments as for `Diagram.svg`. Raises RunFailed when the disk refuses.
    let diagram
        (folder: string)
        (stage: string)
        (inputs: string list)
        (outputs: string list)
        (fitted: Fitted)
        (trace: Trace)
        (scores: Scores)
        : unit =
        let svg, figure = Diagram.draw inputs outputs fitted trace scores
        Figures.save folder $"diagram-{stage}" svg figure
        Plots.write folder [ $"edges-{stage}", edges inputs fitted trace scores ]
