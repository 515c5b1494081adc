// Pictures as SVG: charts of lines and dots, and heat maps of a function of two coordinates. They are readable on light
// and on dark pages, and tell screen readers what they show.
namespace MetaKan

open System

/// What an axis shows, and how.
type Axis = { Label: string; Scale: Scale }

/// How a series is drawn.
[<RequireQualifiedAccess>]
type Mark =
    | Line
    | Dots

/// Points under one name in the legend. Those that an axis cannot show (not finite, or beyond 1e300; not above 0 on a
/// log axis) are left out.
type Series = { Name: string; Mark: Mark; Points: (float * float)[] }

/// Series over common axes; the description is for those who cannot see it.
type Chart = { Title: string; Description: string; X: Axis; Y: Axis; Series: Series list }

/// A function of two coordinates on a grid.
type HeatMap =
    {
        Title: string
        Description: string
        /// Label, lowest and highest value of the horizontal coordinate.
        X: string * float * float
        /// Label, lowest and highest value of the vertical coordinate.
        Y: string * float * float
        /// Values[i, j] is taken at the i-th vertical and the j-th horizontal coordinate, in rising order; NaN where
        /// the function is not defined.
        Values: float[,]
        /// The values at the ends of the colour bar; None takes the lowest and highest there are.
        Range: (float * float) option
        /// Vectors over the map, each with the place that it is centred at; the longest is drawn as long as they lie apart.
        Arrows: ((float * float) * (float * float))[]
    }

[<RequireQualifiedAccess>]
module Plot =
    let private shown (axis: Axis) x = abs x < 1e300 && (axis.Scale = Scale.Linear || x > 1e-300)

    /// At most two points per horizontal pixel, the lowest and the highest; the line looks the same.
    let private thin (points: (float * float)[]) =
        if points.Length < 2000 then
            points
        else
            points
            |> Array.chunkBySize ((points.Length + 599) / 600)
            |> Array.collect (fun group ->
                let low, high = Array.minBy snd group, Array.maxBy snd group
                if fst low <= fst high then [| low; high |] else [| high; low |])

    let private draw n (x: Svg.Span) (y: Svg.Span) (series: Series) =
        let points = series.Points |> Array.map (fun (px, py) -> Svg.place x px, Svg.place y py)

        match series.Mark with
        | Mark.Line ->
            let path =
                thin points |> Array.map (fun (px, py) -> $"{Svg.number px},{Svg.number py}") |> String.concat " "

            $"""<polyline class="{Svg.colour n}" points="{path}" fill="none" stroke="currentColor" """
            + $"""stroke-width="1.8" stroke-linejoin="round" {Svg.dashes n}/>"""
        | Mark.Dots ->
            let dots =
                points
                |> Array.map (fun (px, py) -> $"""<circle cx="{Svg.number px}" cy="{Svg.number py}" r="2.5"/>""")
                |> String.concat ""

            $"""<g class="{Svg.colour n}" fill="currentColor" fill-opacity="0.7">{dots}</g>"""

    /// The legend's entries from left to right, in as many rows as they need, and the height of them all; a series
    /// alone needs none.
    let private legend width (series: Series list) =
        let entry (x, y, drawn) (n, s: Series) =
            let wide = 38.0 + 6.8 * float s.Name.Length
            let x, y = if x > 16.0 && x + wide > width then 16.0, y + 18.0 else x, y

            let mark =
                match s.Mark with
                | Mark.Line ->
                    Svg.line
                        x
                        (y - 4.0)
                        (x + 18.0)
                        (y - 4.0)
                        ("stroke=\"currentColor\" stroke-width=\"2.5\" " + Svg.dashes n)
                | Mark.Dots ->
                    $"""<circle cx="{Svg.number (x + 9.0)}" cy="{Svg.number (y - 4.0)}" r="3.5" fill="currentColor"/>"""

            let key = $"""<g class="{Svg.colour n}">{mark}</g>"""
            x + wide, y, Svg.text (x + 24.0) y "" s.Name :: key :: drawn

        let _, y, drawn = List.fold entry (16.0, 46.0, []) (List.indexed series)
        if series.Length < 2 then 40.0, [] else y + 14.0, List.rev drawn

    /// The SVG text of a chart. Lines of any length stay small: what no pixel could show is left out.
    let chart (c: Chart) : string =
        let series =
            c.Series
            |> List.map (fun s ->
                { s with Points = s.Points |> Array.filter (fun (x, y) -> shown c.X x && shown c.Y y) })

        let points = series |> List.map _.Points |> Array.concat
        let width, height = 640.0, 380.0
        let top, key = legend width series
        let lines = series |> List.forall (fun s -> s.Mark = Mark.Line)
        let x = Svg.spanOf c.X.Scale (if lines then 0.0 else 0.03) (Array.map fst points) (76.0, width - 24.0)
        let y = Svg.spanOf c.Y.Scale 0.04 (Array.map snd points) (height - 48.0, top)

        [
            yield! key
            yield! Svg.axes x c.X.Label y c.Y.Label
            if Array.isEmpty points then
                Svg.text ((x.From + x.To) / 2.0) ((y.From + y.To) / 2.0) "text-anchor=\"middle\"" "no data"
            yield! series |> List.mapi (fun n s -> draw n x y s)
        ]
        |> Svg.page width height c.Title c.Description

    /// An image stretched over a rectangle of the picture.
    let private image (x: Svg.Span) (y: Svg.Span) columns (pixels: byte[]) =
        let data = Convert.ToBase64String(Bitmap.png columns pixels)

        $"""<image x="{Svg.number x.From}" y="{Svg.number y.To}" width="{Svg.number (x.To - x.From)}" """
        + $"""height="{Svg.number (y.From - y.To)}" preserveAspectRatio="none" href="data:image/png;base64,{data}"/>"""

    // Arrows in pixels, light with a dark rim: readable on all colours of the map.
    let private arrows (x: Svg.Span) (y: Svg.Span) (vectors: ((float * float) * (float * float))[]) : string list =
        let scale (span: Svg.Span) = (span.To - span.From) / (span.High - span.Low)

        let drawn =
            [
                for (px, py), (u, v) in vectors do
                    let dx, dy = u * scale x, v * scale y

                    if Double.IsFinite(dx + dy) then
                        Svg.place x px, Svg.place y py, dx, dy
            ]

        let longest = drawn |> List.map (fun (_, _, dx, dy) -> sqrt (dx * dx + dy * dy)) |> List.fold max 0.0

        if longest = 0.0 then
            []
        else
            let apart = sqrt ((x.To - x.From) * abs (y.To - y.From) / float vectors.Length)

            let path =
                [
                    for px, py, dx, dy in drawn do
                        let share = apart / longest
                        let dx, dy = dx * share, dy * share
                        let endX, endY = px + dx / 2.0, py + dy / 2.0
                        // A head of two strokes, 30° to the sides.
                        let stroke side =
                            let back = 0.35
                            let hx, hy = 0.87 * dx - side * 0.5 * dy, 0.87 * dy + side * 0.5 * dx
                            $"M{Svg.number (endX - back * hx)} {Svg.number (endY - back * hy)}L{Svg.number endX} {Svg.number endY}"

                        $"M{Svg.number (px - dx / 2.0)} {Svg.number (py - dy / 2.0)}L{Svg.number endX} {Svg.number endY}"
                        stroke 1.0
                        stroke -1.0
                ]
                |> String.concat ""

            [
                for colour, width in [ Palette.rim, 2.6; Palette.arrow, 1.2 ] ->
                    $"""<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>"""
            ]

    /// The SVG text of a heat map with its colour bar.
    let heatMap (map: HeatMap) : string =
        let rows, columns = Array2D.length1 map.Values, Array2D.length2 map.Values
        let finite = map.Values |> Seq.cast<float> |> Seq.filter Double.IsFinite |> Seq.toArray

        let span (low, high) (from, until) = Svg.spanOf Scale.Linear 0.0 [| low; high |] (from, until)

        let xLabel, xLow, xHigh = map.X
        let yLabel, yLow, yHigh = map.Y
        let x = span (xLow, xHigh) (76.0, 396.0)
        let bottom = 40.0 + 320.0 * Math.Clamp((yHigh - yLow) / (xHigh - xLow), 0.4, 1.25)
        let y = span (yLow, yHigh) (bottom, 40.0)

        let colours =
            match map.Range with
            | Some range -> span range (bottom, 40.0)
            | None -> Svg.spanOf Scale.Linear 0.0 finite (bottom, 40.0)

        let share value = (value - colours.Low) / (colours.High - colours.Low)
        let bar = span (0.0, 1.0) (420.0, 436.0)

        [
            yield! Svg.axes x xLabel y yLabel
            image
                x
                y
                columns
                [|
                    for i in rows - 1 .. -1 .. 0 do
                        for j in 0 .. columns - 1 do
                            yield! Palette.field (share map.Values[i, j])
                |]
            yield! arrows x y map.Arrows
            image
                bar
                y
                1
                [|
                    for k in 255..-1..0 do
                        yield! Palette.field (float k / 255.0)
                |]
            for value in Svg.ticks 6 colours do
                Svg.text 444.0 (Svg.place colours value + 4.0) "" (Svg.label value)
        ]
        |> Svg.page 512.0 (bottom + 48.0) map.Title map.Description

    /// Writes a picture's SVG text to a file in one go. Raises RunFailed when the disk refuses.
    let save (path: string) (svg: string) : unit = AtomicFile.writeText path svg
