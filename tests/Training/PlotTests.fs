/// Pictures: they are well-formed SVG that shows its data within its axes.
module MetaKan.Tests.PlotTests

open System
open System.Globalization
open System.IO
open System.Xml.Linq
open Expecto
open FsCheck
open FsCheck.FSharp
open SkiaSharp
open MetaKan

let private axis label scale = { Label = label; Scale = scale }

let private chart scale series =
    {
        Title = "a < b & \"c\""
        Description = "what it shows"
        X = axis "step" Scale.Linear
        Y = axis "loss" scale
        Series = series
    }

let private line points = { Name = "loss"; Mark = Mark.Line; Points = points }

let private elements (name: string) (svg: string) =
    (XElement.Parse svg).Descendants() |> Seq.filter (fun e -> e.Name.LocalName = name) |> Seq.toList

let private attribute (name: string) (e: XElement) = e.Attribute(XName.Get name).Value
let private number (text: string) = Double.Parse(text, CultureInfo.InvariantCulture)

/// The places of a chart's only line.
let private drawn svg =
    match elements "polyline" svg with
    | [ only ] ->
        (attribute "points" only).Split(' ', StringSplitOptions.RemoveEmptyEntries)
        |> Array.map (fun pair -> let xy = pair.Split ',' |> Array.map number in xy[0], xy[1])
    | lines -> failwith $"{lines.Length} lines"

/// The width of a PNG image, and its rows of four bytes a pixel.
let private decode (png: byte[]) =
    let mutable info = SKBitmap.DecodeBounds png
    info.ColorType <- SKColorType.Rgba8888
    info.AlphaType <- SKAlphaType.Unpremul
    use bitmap = SKBitmap.Decode(png, info)
    bitmap.Width, bitmap.Bytes |> Array.chunkBySize (4 * bitmap.Width)

let tests =
    testList
        "Training.Plot"
        [
            testProperty "any points make a well-formed chart that holds them all within its frame"
            <| fun (points: (float * float)[]) (log: bool) ->
                let scale = if log then Scale.Log else Scale.Linear
                let svg = Plot.chart (chart scale [ line points ])

                let shown =
                    points |> Array.filter (fun (x, y) -> abs x < 1e300 && abs y < 1e300 && (not log || y > 1e-300))

                let places = drawn svg

                let inside = places |> Array.forall (fun (x, y) -> x >= 0.0 && x <= 640.0 && y >= 0.0 && y <= 380.0)

                inside && places.Length = shown.Length

            testCase "larger values are drawn further right and higher up" (fun () ->
                for scale in [ Scale.Linear; Scale.Log ] do
                    let places = drawn (Plot.chart (chart scale [ line [| for i in 1.0 .. 9.0 -> i, i * i |] ]))

                    for (x0, y0), (x1, y1) in Array.pairwise places do
                        Expect.isTrue (x1 > x0 && y1 < y0) "further right and higher up")

            testCase "equal ratios are equal lengths on a log axis" (fun () ->
                let places =
                    drawn (Plot.chart (chart Scale.Log [ line [| for i in 0.0 .. 4.0 -> i, 10.0 ** -i |] ]))
                    |> Array.map snd

                let steps = places |> Array.pairwise |> Array.map (fun (a, b) -> b - a)

                for step in steps do
                    Check.inRange (steps[0] - 0.2) (steps[0] + 0.2) step "step")

            testCase "decades are labelled as powers of ten" (fun () ->
                let svg = Plot.chart (chart Scale.Log [ line [| for i in 0.0 .. 5.0 -> i, 10.0 ** -i |] ])
                let labels = elements "text" svg |> List.map _.Value
                Expect.contains labels "10⁻⁵" "labels"
                Expect.contains labels "0.1" "labels")

            testCase "a chart names and describes itself for those who cannot see it" (fun () ->
                let svg = Plot.chart (chart Scale.Linear [])
                let root = XElement.Parse svg
                Expect.equal (attribute "role" root) "img" "role"
                Expect.equal (attribute "aria-label" root) "a < b & \"c\"" "aria-label"
                Expect.equal (elements "title" svg).Head.Value "a < b & \"c\"" "title"
                Expect.equal (elements "desc" svg).Head.Value "what it shows" "desc"
                Expect.contains (elements "text" svg |> List.map _.Value) "no data" "text")

            testProperty
                "a long line has at most 2,000 points: its ends, its least and its greatest among them, in order"
            <| fun (seed: int) (PositiveInt more) ->
                let random = Random seed
                let points = Array.init (1900 + more * 50) (fun i -> float i, random.NextDouble())
                let thin = (Plot.visible (chart Scale.Linear [ line points ])).Head.Points
                Check.inRange (min points.Length 1000) 2000 thin.Length "points"
                Expect.equal (Array.sortBy fst thin) thin "order"
                Expect.isTrue (Array.forall (fun (x, y) -> snd points[int x] = y) thin) "points of the line"

                for kept in [ points[0]; Array.last points; Array.minBy snd points; Array.maxBy snd points ] do
                    Expect.contains thin kept "kept"

            testCase "a long line stays small and keeps its extremes" (fun () ->
                let points = [| for i in 0..99999 -> float i, (if i = 54321 then 7.0 else sin (float i)) |]
                let svg = Plot.chart (chart Scale.Linear [ line points ])
                Expect.isTrue (svg.Length < 60000) $"{svg.Length} characters"
                let highest = drawn svg |> Array.minBy snd
                let spike = 76.0 + 540.0 * 54321.0 / 99999.0
                Check.inRange (spike - 0.2) (spike + 0.2) (fst highest) "place of the spike")

            testCase "each of many series has a look of its own" (fun () ->
                let series = [ for i in 1..12 -> { line [| 0.0, float i; 1.0, 0.0 |] with Name = $"series {i}" } ]
                let svg = Plot.chart (chart Scale.Linear series)

                let looks =
                    elements "polyline" svg
                    |> List.map (fun e -> attribute "class" e, string (e.Attribute(XName.Get "stroke-dasharray")))

                Expect.equal (List.distinct looks).Length 12 "number of looks"
                let labels = elements "text" svg |> List.map _.Value

                for s in series do
                    Expect.contains labels s.Name "labels")

            testCase "a PNG gives its pixels back, opaque or not" (fun () ->
                let pixels = [| for i in 0..23 -> if i % 4 = 3 then byte (55 + 40 * (i / 4)) else byte (i * 10) |]
                let png = Bitmap.png 3 pixels
                Expect.equal (decode png) (3, Array.chunkBySize 12 pixels) "content")

            testCase "a heat map shows the first row at the bottom, and nothing where there is no value" (fun () ->
                let map =
                    {
                        Title = "u"
                        Description = "a slice"
                        X = "x", -1.0, 1.0
                        Y = "y", 0.0, 1.0
                        Values = array2D [ [ 0.0; 1.0; 2.0 ]; [ nan; 3.0; 4.0 ] ]
                        Range = None
                        Arrows = [||]
                    }

                let image = (elements "image" (Plot.heatMap map)).Head
                let data = (attribute "href" image).Replace("data:image/png;base64,", "")
                let width, rows = decode (Convert.FromBase64String data)
                Expect.equal width 3 "width"
                Expect.equal (rows[1][..3]) [| 0x44uy; 0x01uy; 0x54uy; 255uy |] "rows"
                Expect.equal (rows[0][8..]) [| 0xFDuy; 0xE7uy; 0x25uy; 255uy |] "rows"
                Expect.equal (rows[0][3]) 0uy "rows")

            testCase "arrows point as their vectors do, the longest as far as they lie apart" (fun () ->
                let map arrows =
                    {
                        Title = "u"
                        Description = ""
                        X = "x", 0.0, 2.0
                        Y = "y", 0.0, 1.0
                        Values = Array2D.create 2 2 1.0
                        Range = None
                        Arrows = arrows
                    }

                let paths arrows = elements "path" (Plot.heatMap (map arrows)) |> List.map (attribute "d")
                let none = paths [||]
                // A rim and a core, of the same line.
                let drawn = paths [| (1.0, 0.5), (1.0, 0.0); (0.5, 0.5), (0.0, 0.5); (1.5, 0.5), (nan, 0.0) |]
                let added = drawn |> List.filter (fun d -> not (List.contains d none))
                Expect.equal added.Length 2 "paths"
                Expect.equal added[0] added[1] "rim and core"

                let strokes =
                    added[0].Split('M', StringSplitOptions.RemoveEmptyEntries)
                    |> Array.map (fun stroke -> stroke.Split([| 'L'; ' ' |]) |> Array.map float)

                Expect.equal strokes.Length 6 "strokes"
                let along (s: float[]) = s[2] - s[0], s[3] - s[1]
                let (dx, dy), (ex, ey) = along strokes[0], along strokes[3]
                Check.near 0.2 dy 0.0 "to the right"
                Expect.isGreaterThan dx 0.0 "to the right"
                Check.near 0.2 ex 0.0 "upwards"
                Expect.isLessThan ey 0.0 "upwards"
                // A unit is as many pixels both ways.
                Check.near 0.4 dx (-2.0 * ey) "lengths"
                // Its head ends where it does.
                let ending n = strokes[n][2], strokes[n][3]
                Expect.equal (ending 1) (ending 0) "head"
                Expect.equal (paths [| (1.0, 0.5), (0.0, 0.0) |]) none "no flow")

            testCase "heat maps of one value, and of none, are drawn" (fun () ->
                for value in [ 5.0; nan ] do
                    let svg =
                        Plot.heatMap
                            {
                                Title = "u"
                                Description = ""
                                X = "x", 0.0, 1.0
                                Y = "y", 0.0, 1.0
                                Values = Array2D.create 2 2 value
                                Range = None
                                Arrows = [||]
                            }

                    Check.lacks svg "NaN" "picture"
                    Expect.equal (elements "image" svg).Length 2 "number of images")
        ]
