// Pictures: charts of lines and dots, and heat maps of a function of two coordinates, and the still SVG of each. It is
// readable on light and on dark pages, and tells screen readers what it shows.
namespace MetaKan

open System

/// What an axis shows, and how.
type Axis =
    {
        /// What stands beside it.
        Label: string
        /// How it maps values to lengths.
        Scale: Scale
    }

/// How a series is drawn.
[<RequireQualifiedAccess>]
type Mark =
    /// A line from point to point, in their order.
    | Line
    /// A dot at each point.
    | Dots

/// Points under one name in the legend. Those that an axis cannot show (not finite, or beyond 1e300; not above 0 on a
/// log axis) are left out.
type Series =
    {
        /// What the legend calls it.
        Name: string
        /// Whether the points are joined.
        Mark: Mark
        /// x and y of each point.
        Points: (float * float)[]
    }

/// Series over common axes; the description is for those who cannot see it.
type Chart =
    {
        /// What stands above it.
        Title: string
        /// What it shows, in a sentence for screen readers.
        Description: string
        /// The horizontal axis.
        X: Axis
        /// The vertical axis.
        Y: Axis
        /// What is drawn, in the order of the legend, which a series alone goes without.
        Series: Series list
    }

/// A function of two coordinates on a grid.
type HeatMap =
    {
        /// What stands above it.
        Title: string
        /// What it shows, in a sentence for screen readers.
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

/// What is drawn, apart from how.
[<RequireQualifiedAccess>]
type internal Drawing =
    | Chart of Chart
    | Map of HeatMap

/// Charts and heat maps drawn as SVG.
[<RequireQualifiedAccess>]
module Plot =
    let private shown (axis: Axis) x = abs x < 1e300 && (axis.Scale = Scale.Linear || x > 1e-300)

    /// A line of at most 2,000 points that looks the same: of each part its lowest and its highest point, and both ends.
    let private thin (points: (float * float)[]) =
        if points.Length <= 2000 then
            points
        else
            let inner = points[1 .. points.Length - 2]

            [|
                points[0]
                for group in Array.chunkBySize ((inner.Length + 998) / 999) inner do
                    let low, high = Array.minBy snd group, Array.maxBy snd group
                    yield! Array.distinct (if fst low <= fst high then [| low; high |] else [| high; low |])
                Array.last points
            |]

    /// What there is to draw of a chart's series: without points that its axes cannot show, and of long lines what shows.
    let internal visible (chart: Chart) : Series list =
        chart.Series
        |> List.map (fun series ->
            let points = series.Points |> Array.filter (fun (x, y) -> shown chart.X x && shown chart.Y y)
            { series with Points = if series.Mark = Mark.Line then thin points else points })

    let private draw n (x: Svg.Span) (y: Svg.Span) (series: Series) =
        let points = series.Points |> Array.map (fun (px, py) -> Svg.place x px, Svg.place y py)

        match series.Mark with
        | Mark.Line ->
            let path = points |> Array.map (fun (px, py) -> $"{Svg.number px},{Svg.number py}") |> String.concat " "

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
        let series = visible c
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

    /// The strokes of arrows, from place to place in the spans' pixels: of each a shaft and a head of two.
    let internal strokes (x: Svg.Span) (y: Svg.Span) (vectors: ((float * float) * (float * float))[]) =
        let scale (span: Svg.Span) = (span.To - span.From) / (span.High - span.Low)

        let drawn =
            [
                for (px, py), (u, v) in vectors do
                    let dx, dy = u * scale x, v * scale y

                    if Double.IsFinite(dx + dy) then
                        Svg.place x px, Svg.place y py, dx, dy
            ]

        let longest = drawn |> List.map (fun (_, _, dx, dy) -> sqrt (dx * dx + dy * dy)) |> List.fold max 0.0
        let apart = sqrt ((x.To - x.From) * abs (y.To - y.From) / float (max 1 vectors.Length))

        [
            if longest > 0.0 then
                for px, py, dx, dy in drawn do
                    let share = apart / longest
                    let dx, dy = dx * share, dy * share
                    let endX, endY = px + dx / 2.0, py + dy / 2.0
                    (px - dx / 2.0, py - dy / 2.0), (endX, endY)

                    // 30° to the sides.
                    for side in [ 1.0; -1.0 ] do
                        let back = 0.35
                        let hx, hy = 0.87 * dx - side * 0.5 * dy, 0.87 * dy + side * 0.5 * dx
                        (endX - back * hx, endY - back * hy), (endX, endY)
        ]

    // Light with a dark rim: readable on all colours of the map.
    let private arrows (x: Svg.Span) (y: Svg.Span) (vectors: ((float * float) * (float * float))[]) : string list =
        match strokes x y vectors with
        | [] -> []
        | strokes ->
            let path =
                [
                    for (x, y), (x', y') in strokes -> $"M{Svg.number x} {Svg.number y}L{Svg.number x'} {Svg.number y'}"
                ]
                |> String.concat ""

            [
                for colour, width in [ Palette.rim, 2.6; Palette.arrow, 1.2 ] ->
                    $"""<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>"""
            ]

    /// The places in pixels of a heat map's axes.
    let internal spans (map: HeatMap) : Svg.Span * Svg.Span =
        let _, xLow, xHigh = map.X
        let _, yLow, yHigh = map.Y
        let bottom = 40.0 + 320.0 * Math.Clamp((yHigh - yLow) / (xHigh - xLow), 0.4, 1.25)

        Svg.spanOf Scale.Linear 0.0 [| xLow; xHigh |] (76.0, 396.0),
        Svg.spanOf Scale.Linear 0.0 [| yLow; yHigh |] (bottom, 40.0)

    /// The SVG text of a heat map with its colour bar.
    let heatMap (map: HeatMap) : string =
        let rows, columns = Array2D.length1 map.Values, Array2D.length2 map.Values
        let finite = map.Values |> Seq.cast<float> |> Seq.filter Double.IsFinite |> Seq.toArray

        let span (low, high) (from, until) = Svg.spanOf Scale.Linear 0.0 [| low; high |] (from, until)
        let (xLabel, _, _), (yLabel, _, _) = map.X, map.Y
        let x, y = spans map
        let bottom = y.From

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

    /// The SVG text of a drawing.
    let internal svg (drawing: Drawing) : string =
        match drawing with
        | Drawing.Chart c -> chart c
        | Drawing.Map map -> heatMap map

    /// Writes a picture's SVG text to a file in one go. Raises RunFailed when the disk refuses.
    let save (path: string) (svg: string) : unit = AtomicFile.writeText path svg
