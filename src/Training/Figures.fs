// Pictures as figures of plotly.js, which a page draws with hover and zoom, by Plotly.NET. Of colours they have those of
// values alone: what light and dark surroundings need, the page adds.
namespace MetaKan

open System
open System.Globalization
open System.IO
open System.Text
open System.Text.Json
open System.Text.Json.Nodes
open Plotly.NET
open Plotly.NET.LayoutObjects

/// A place of a picture that tells something when it is pointed at.
type internal Spot = { X: float; Y: float; Text: string }

[<RequireQualifiedAccess>]
module internal Figures =
    /// Text that plotly.js shows as it is: by itself it reads some tags and the places of a template.
    let private literal (text: string) =
        text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("%{", "% {")

    // More digits than a screen shows would be most of a page.
    let private short (x: float) =
        if Double.IsFinite x then
            Double.Parse(x.ToString("G7", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        else
            x

    let private finish (title: string) (description: string) hover (chart: GenericChart) : JsonObject =
        let layout =
            Layout.init (Title = Title.init (Text = literal title), Meta = description, HoverMode = hover)

        let figure = JsonNode.Parse(chart |> Chart.withLayout layout |> GenericChart.toFigureJson).AsObject()
        figure.Remove "frames" |> ignore
        figure

    let private drawn (series: Series) : GenericChart =
        let x, y = series.Points |> Array.map (fun (x, y) -> short x, short y) |> Array.unzip
        let name = literal series.Name

        match series.Mark with
        | Mark.Line -> Chart.Line(x = x, y = y, Name = name, UseDefaults = false)
        | Mark.Dots -> Chart.Point(x = x, y = y, Name = name, UseDefaults = false)

    let private axis (axis: MetaKan.Axis) =
        LinearAxis.init (
            Title = Title.init (Text = literal axis.Label),
            AxisType =
                match axis.Scale with
                | Scale.Linear -> StyleParam.AxisType.Linear
                | Scale.Log -> StyleParam.AxisType.Log
        )

    /// The figure of a chart; lines have the points that `Plot.visible` leaves them.
    let chart (chart: MetaKan.Chart) : JsonObject =
        let series = Plot.visible chart

        // Few lines over the same places are told together.
        let hover =
            if series.Length <= 8 && series |> List.forall (fun s -> s.Mark = Mark.Line) then
                StyleParam.HoverMode.XUnified
            else
                StyleParam.HoverMode.Closest

        (if series.IsEmpty then
             GenericChart.ofTraceObjects false []
         else
             series |> List.map drawn |> Chart.combine)
        |> Chart.withXAxis (axis chart.X)
        |> Chart.withYAxis (axis chart.Y)
        |> finish chart.Title chart.Description hover

    let private skipped (colour: string) width (points: (float * float)[]) : GenericChart =
        let x, y = points |> Array.map (fun (x, y) -> short x, short y) |> Array.unzip

        Chart.Line(
            x = x,
            y = y,
            ShowLegend = false,
            UseDefaults = false,
            LineColor = Color.fromString colour,
            LineWidth = width
        )
        |> GenericChart.mapTrace (Trace2DStyle.Scatter(HoverInfo = StyleParam.HoverInfo.Skip))

    /// The figure of a heat map.
    let heatMap (map: HeatMap) : JsonObject =
        let rows, columns = Array2D.length1 map.Values, Array2D.length2 map.Values
        let (xLabel, xLow, xHigh), (yLabel, yLow, yHigh) = map.X, map.Y

        let middles count low high =
            Array.init count (fun i -> short (low + (high - low) * (float i + 0.5) / float count))

        let cells =
            Chart.Heatmap(
                zData = Array.init rows (fun i -> Array.init columns (fun j -> short map.Values[i, j])),
                X = middles columns xLow xHigh,
                Y = middles rows yLow yHigh,
                ColorScale = StyleParam.Colorscale.Viridis,
                UseDefaults = false
            )
            |> GenericChart.mapTrace (
                Trace2DStyle.Heatmap(
                    ?ZMin = Option.map fst map.Range,
                    ?ZMax = Option.map snd map.Range,
                    HoverOnGaps = false,
                    HoverTemplate =
                        $"{literal xLabel} = %%{{x:.4g}}<br>{literal yLabel} = %%{{y:.4g}}<br>"
                        + "<b>%{z:.5g}</b><extra></extra>"
                )
            )

        let arrows =
            let x, y = Plot.spans map

            let back (span: Svg.Span) at = span.Low + (at - span.From) / (span.To - span.From) * (span.High - span.Low)

            [|
                for (fromX, fromY), (toX, toY) in Plot.strokes x y map.Arrows do
                    back x fromX, back y fromY
                    back x toX, back y toY
                    // A gap before the next.
                    nan, nan
            |]

        let label text = LinearAxis.init (Title = Title.init (Text = literal text))

        // Lengths of one kind have one scale; a time far longer than the space has not.
        let shape = (yHigh - yLow) / (xHigh - xLow)
        let vertical = label yLabel

        if shape >= 0.4 && shape <= 1.25 then
            vertical
            |> LinearAxis.style (ScaleAnchor = StyleParam.ScaleAnchor.X 1, Constrain = StyleParam.AxisConstraint.Domain)
            |> ignore

        [
            cells
            if arrows.Length > 0 then
                skipped Palette.rim 2.6 arrows
                skipped Palette.arrow 1.2 arrows
        ]
        |> Chart.combine
        |> Chart.withXAxis (label xLabel |> LinearAxis.style (Constrain = StyleParam.AxisConstraint.Domain))
        |> Chart.withYAxis vertical
        |> finish map.Title map.Description StyleParam.HoverMode.Closest

    /// The figure of a drawing.
    let ofDrawing (drawing: Drawing) : JsonObject =
        match drawing with
        | Drawing.Chart c -> chart c
        | Drawing.Map map -> heatMap map

    /// The figure of a still picture of a width and a height in pixels, with places that tell something: of such a picture, as
    /// a diagram, nothing has to be drawn twice.
    let spotted title description (width: float, height: float) (svg: string) (spots: Spot list) : JsonObject =
        let source = "data:image/svg+xml;base64," + Convert.ToBase64String(Encoding.UTF8.GetBytes svg)

        let hidden = LinearAxis.init (ShowTickLabels = false, ShowGrid = false, ZeroLine = false)

        Chart.Point(
            x = (spots |> List.map _.X),
            y = (spots |> List.map _.Y),
            MultiText = (spots |> List.map (fun spot -> (literal spot.Text).Replace("\n", "<br>"))),
            Opacity = 0.0,
            ShowLegend = false,
            UseDefaults = false
        )
        |> GenericChart.mapTrace (Trace2DStyle.Scatter(HoverInfo = StyleParam.HoverInfo.Text))
        |> Chart.withLayoutImage (
            LayoutImage.init (
                Source = source,
                XRef = "x",
                YRef = "y",
                X = "0",
                Y = "0",
                SizeX = int width,
                SizeY = int height,
                Sizing = StyleParam.LayoutImageSizing.Stretch,
                Layer = StyleParam.Layer.Below
            )
        )
        |> Chart.withXAxis (
            hidden
            |> LinearAxis.style (
                Range = StyleParam.Range.MinMax(0.0, width),
                Constrain = StyleParam.AxisConstraint.Domain
            )
        )
        |> Chart.withYAxis (
            LinearAxis.init (ShowTickLabels = false, ShowGrid = false, ZeroLine = false)
            |> LinearAxis.style (
                Range = StyleParam.Range.MinMax(height, 0.0),
                ScaleAnchor = StyleParam.ScaleAnchor.X 1,
                Constrain = StyleParam.AxisConstraint.Domain
            )
        )
        |> finish title description StyleParam.HoverMode.Closest

    /// Writes a picture's still SVG and its figure beside each other into the folder of a run, as NAME.svg and NAME.json.
    /// Raises RunFailed when the disk refuses.
    let save (folder: string) (name: string) (svg: string) (figure: JsonObject) : unit =
        let path ending = Path.Combine(RunFolder.picturesPath folder, name + ending)
        Plot.save (path ".svg") svg
        AtomicFile.writeText (path ".json") (figure.ToJsonString())

    /// The figure in a file; None where there is none that plotly.js could read.
    let tryRead (path: string) : JsonObject option =
        try
            match JsonNode.Parse(File.ReadAllText path) with
            | :? JsonObject as figure when (figure["data"] :? JsonArray) && (figure["layout"] :? JsonObject) ->
                Some figure
            | _ -> None
        with
        | :? JsonException
        | :? IOException
        | :? UnauthorizedAccessException -> None
