namespace MetaKan.Fitting

open System
open System.Globalization
open System.Text.Json.Nodes
open MetaKan
open MetaKan.Symbolic

/// A KAN's diagram: its nodes in layers, inputs at the bottom, and along every edge the function that it has learned.
/// After Liu et al., "KAN" (arXiv 2404.19756), figure 2.4, with the multiplications of "KAN 2.0" (arXiv 2408.10205).
[<RequireQualifiedAccess>]
module Diagram =
    /// Margin at the sides, and how far a multiplication stands above its factors.
    let private margin, private lift = 24.0, 30.0

    /// Sizes that depend on the network, in pixels.
    type private Sizes =
        {
            Width: float
            /// The side of a curve's box.
            Box: float
            /// The height of the lines below and above the boxes.
            Rise: float
        }

    /// A layer's nodes, and the places where its edges end: those of a sum are the node itself.
    type private Row = { Y: float; Nodes: float[]; Ends: (float * float)[] }

    /// The middles of `count` equal parts of the width.
    let private spaced (width: float) (count: int) =
        [| for i in 0 .. count - 1 -> margin + (width - 2.0 * margin) * (float i + 0.5) / float count |]

    /// A font size that fits a text into a width.
    let private font most width (text: string) =
        $"font-size=\"{Svg.number (min most (width / (0.6 * float (max 1 text.Length))))}\" text-anchor=\"middle\""

    let private labelled (labels: string list) (nodes: Nodes) what =
        if labels.Length <> Nodes.count nodes then
            invalidArg what $"{Nodes.count nodes} {what} have {labels.Length} names"

    let private sizes (labels: string list list) (edges: Edge list) : Sizes =
        let most = edges |> List.countBy _.Layer |> List.map snd |> List.fold max 1
        let box = Math.Clamp(1100.0 / (1.3 * float most), 14.0, 56.0)

        let named =
            labels
            |> List.map (fun names ->
                float names.Length * (7.0 * float (names |> List.map _.Length |> List.fold max 0 |> min 24) + 16.0))

        let width = 2.0 * margin + List.max (220.0 :: 1.3 * box * float most :: named)
        { Width = width; Box = box; Rise = Math.Clamp(0.11 * width, 42.0, 100.0) }

    /// The height of functions' names above the boxes of a layer.
    let private caption (net: Network) l =
        if net.Symbols.Keys |> Seq.exists (fun edge -> edge.Layer = l) then 17.0 else 0.0

    /// The rows from the inputs up; the outputs' is at `top`.
    let private rows (sizes: Sizes) (top: float) (net: Network) : Row list =
        let above =
            net.Nodes.Tail
            |> List.mapi (fun l next ->
                2.0 * sizes.Rise + sizes.Box + caption net l + (if next.Products.IsEmpty then 0.0 else lift))

        let heights = List.scanBack (+) above top

        List.zip net.Nodes heights
        |> List.mapi (fun l (nodes, y) ->
            if l = 0 then
                let x = spaced sizes.Width (Nodes.count nodes)
                { Y = y; Nodes = x; Ends = Array.map (fun x -> x, y) x }
            else
                let x = spaced sizes.Width (Nodes.ends nodes)

                {
                    Y = y
                    Nodes =
                        x
                        |> Array.indexed
                        |> Array.groupBy (fst >> Nodes.ofEnd nodes)
                        |> Array.map (snd >> Array.averageBy snd)
                    Ends = x |> Array.mapi (fun j x -> x, (if j < nodes.Sums then y else y + lift))
                })

    /// A learned function in its box: at most sixty of its points, one for each part of its range.
    let private curve (colour: string) (left: float) (top: float) (box: float) (points: (float * float)[]) =
        let points = points |> Array.filter (fun (x, y) -> abs x < 1e300 && abs y < 1e300) |> Array.sortBy fst

        if Array.isEmpty points then
            ""
        else
            let pad = 0.1 * box
            let x = Svg.spanOf Scale.Linear 0.0 (Array.map fst points) (left + pad, left + box - pad)
            let y = Svg.spanOf Scale.Linear 0.0 (Array.map snd points) (top + box - pad, top + pad)
            let part (at, _) = int (59.0 * (at - x.Low) / (x.High - x.Low))

            let drawn =
                Array.append (Array.distinctBy part points) [| Array.last points |]
                |> Array.map (fun (px, py) -> $"{Svg.number (Svg.place x px)},{Svg.number (Svg.place y py)}")
                |> String.concat " "

            $"""<polyline class="{colour}" points="{drawn}" fill="none" stroke="currentColor" """
            + """stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round"/>"""

    let private digits (x: float) = x.ToString("0.###", CultureInfo.InvariantCulture)

    /// tanh(β·score) with pykan's β = 3, but never so faint that the edge is lost.
    let private opacity (score: float) =
        let shown = if Double.IsNaN score then 0.0 else tanh (3.0 * score)
        digits (max 0.18 shown)

    let private cross x y =
        Svg.line (x - 4.0) (y - 4.0) (x + 4.0) (y + 4.0) ""
        + Svg.line (x - 4.0) (y + 4.0) (x + 4.0) (y - 4.0) ""

    let private circle x y r attributes =
        $"""<circle cx="{Svg.number x}" cy="{Svg.number y}" r="{Svg.number r}" {attributes}/>"""

    /// A layer's nodes: dots that add, crosses that multiply; faint where no edge begins or ends.
    let private nodes (row: Row) (layer: Nodes) (isLive: int -> bool) (first: bool) =
        [
            for n, x in Array.indexed row.Nodes do
                let mark =
                    if first || n < layer.Sums then
                        circle x row.Y 4.0 "fill=\"currentColor\""
                    else
                        let factors =
                            [
                                for j, (endX, endY) in Array.indexed row.Ends do
                                    if Nodes.ofEnd layer j = n then
                                        Svg.line endX endY x row.Y ""
                                        circle endX endY 3.0 "fill=\"currentColor\""
                            ]

                        String.concat "" factors
                        + circle x row.Y 8.0 "class=\"mkbg\""
                        + circle x row.Y 8.0 "fill=\"none\""
                        + cross x row.Y

                let shown = if isLive n then "1" else "0.25"
                $"""<g stroke="currentColor" stroke-width="1.4" opacity="{shown}">{mark}</g>"""
        ]

    let private shape (net: Network) =
        net.Nodes
        |> List.map (fun nodes ->
            if nodes.Products.IsEmpty then $"{nodes.Sums}" else $"{nodes.Sums}+{nodes.Products.Length}×")
        |> String.concat ", "
        |> sprintf "KAN [%s]"

    /// The diagram as `svg` has it, and its figure, in which every edge tells its function and its score.
    let internal draw
        (inputs: string list)
        (outputs: string list)
        (fitted: Fitted)
        (trace: Trace)
        (scores: Scores)
        : string * JsonObject =
        let net = fitted.Network
        labelled inputs net.Nodes.Head (nameof inputs)
        labelled outputs (List.last net.Nodes) (nameof outputs)
        let edges = SymbolicEdges.edges net
        let sizes = sizes [ inputs; outputs ] edges
        let rows = rows sizes 76.0 net

        let edgesOf (l: int) (values: float[]) (along: float[]) =
            let lower, upper = rows[l], rows[l + 1]
            let count, ends = (Network.shapes net)[l]
            let edges = edges |> List.filter (fun edge -> edge.Layer = l)
            let pitch = (sizes.Width - 2.0 * margin) / float edges.Length
            let bottom = lower.Y - sizes.Rise
            let top = bottom - sizes.Box

            // The strong ones last, over the faint lines of the others.
            List.zip edges (List.ofArray (spaced sizes.Width edges.Length))
            |> List.sortBy (fun (edge, _) -> scores.Edges[l].[edge.From, edge.To])
            |> List.map (fun (edge, middle) ->
                let score = scores.Edges[l].[edge.From, edge.To]
                let symbol = Map.tryFind edge net.Symbols
                let endX, endY = upper.Ends[edge.To]
                let left = middle - sizes.Box / 2.0

                let points =
                    Array.init (values.Length / count) (fun n ->
                        values[n * count + edge.From], along[(n * count + edge.From) * ends + edge.To])

                let name, edgeColour, curveColour, start =
                    match symbol with
                    | Some name ->
                        Svg.text middle (top - 6.0) (font 12.0 (0.95 * pitch) name) name,
                        Svg.colour 1,
                        Svg.colour 1,
                        top - caption net l
                    | None -> "", "mk", Svg.colour 0, top

                let place = $"layer {l + 1}, {edge.From + 1} to {edge.To + 1}"
                let shortly = $"""{place}: {defaultArg symbol "spline"}, score {digits score}"""

                let formula =
                    match SymbolicEdges.formula fitted edge (Variable "x") with
                    | Some formula -> Printer.text (Simplify.rounded 4 formula)
                    | None -> "spline"

                [
                    $"""<g class="{edgeColour}" opacity="{opacity score}">"""
                    $"<title>{Svg.escape shortly}</title>"
                    Svg.line lower.Nodes[edge.From] lower.Y middle bottom "stroke=\"currentColor\""
                    Svg.line middle start endX endY "stroke=\"currentColor\""
                    $"""<rect x="{Svg.number left}" y="{Svg.number top}" width="{Svg.number sizes.Box}" """
                    + $"""height="{Svg.number sizes.Box}" rx="3" fill="none" stroke="currentColor"/>"""
                    curve curveColour left top sizes.Box points
                    name
                    "</g>"
                ]
                |> String.concat "",
                { X = middle; Y = top + sizes.Box / 2.0; Text = $"{place}\n{formula}\nscore {digits score}" })

        let names (row: Row) (offset: float) (labels: string list) =
            let room = 0.95 * (sizes.Width - 2.0 * margin) / float labels.Length

            labels
            |> List.mapi (fun i label -> Svg.text row.Nodes[i] (row.Y + offset) (font 14.0 room label) label)

        let isLive l n =
            edges
            |> List.exists (fun edge ->
                edge.Layer = l && edge.From = n || edge.Layer = l - 1 && Nodes.ofEnd net.Nodes[l] edge.To = n)

        let description =
            $"""From {String.concat ", " inputs} at the bottom to {String.concat ", " outputs} at the top: """
            + $"{edges.Length} edges with their curves, {net.Symbols.Count} of them symbolic"

        let curves, spots =
            [
                for l in 0 .. Network.depth net - 1 do
                    yield! edgesOf l (Tensor.toArray trace.Nodes[l]) (Tensor.toArray trace.Edges[l])
            ]
            |> List.unzip

        let height = rows.Head.Y + 40.0

        let svg =
            [
                yield! curves
                for l, (row, layer) in List.indexed (List.zip rows net.Nodes) do
                    yield! nodes row layer (isLive l) (l = 0)
                yield! names rows.Head 22.0 inputs
                yield! names (List.last rows) -14.0 outputs
            ]
            |> Svg.page sizes.Width height (shape net) description

        svg, Figures.spotted (shape net) description (sizes.Width, height) svg spots

    /// The diagram of a network as SVG text, for the points of a trace and the scores there. Every edge that carries
    /// something has a box with its curve, the fainter the lower its score; those that are symbolic have a colour of
    /// their own and their function's name. Raises ArgumentException unless there is a name for every input and output.
    let svg (inputs: string list) (outputs: string list) (fitted: Fitted) (trace: Trace) (scores: Scores) : string =
        fst (draw inputs outputs fitted trace scores)
