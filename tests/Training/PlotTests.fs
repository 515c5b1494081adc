/// Pictures: they are well-formed SVG that shows its data within its axes.
module MetaKan.Tests.PlotTests

open System
open System.Globalization
open System.IO
open System.IO.Compression
open System.Xml.Linq
open FsCheck
open FsCheck.FSharp
open MetaKan
open Xunit

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

[<Fact>]
let ``any points make a well-formed chart that holds them all within its frame`` () =
    Check.One(
        Config.QuickThrowOnFailure,
        fun (points: (float * float)[]) (log: bool) ->
            let scale = if log then Scale.Log else Scale.Linear
            let svg = Plot.chart (chart scale [ line points ])

            let shown =
                points |> Array.filter (fun (x, y) -> abs x < 1e300 && abs y < 1e300 && (not log || y > 1e-300))

            let places = drawn svg
            let inside = places |> Array.forall (fun (x, y) -> x >= 0.0 && x <= 640.0 && y >= 0.0 && y <= 380.0)
            inside && places.Length = shown.Length
    )

[<Fact>]
let ``larger values are drawn further right and higher up`` () =
    for scale in [ Scale.Linear; Scale.Log ] do
        let places = drawn (Plot.chart (chart scale [ line [| for i in 1.0 .. 9.0 -> i, i * i |] ]))

        for (x0, y0), (x1, y1) in Array.pairwise places do
            Assert.True(x1 > x0 && y1 < y0)

[<Fact>]
let ``equal ratios are equal lengths on a log axis`` () =
    let places =
        drawn (Plot.chart (chart Scale.Log [ line [| for i in 0.0 .. 4.0 -> i, 10.0 ** -i |] ]))
        |> Array.map snd

    let steps = places |> Array.pairwise |> Array.map (fun (a, b) -> b - a)
    Assert.All(steps, fun step -> Assert.InRange(step, steps[0] - 0.2, steps[0] + 0.2))

[<Fact>]
let ``decades are labelled as powers of ten`` () =
    let svg = Plot.chart (chart Scale.Log [ line [| for i in 0.0 .. 5.0 -> i, 10.0 ** -i |] ])
    let labels = elements "text" svg |> List.map _.Value
    Assert.Contains("10⁻⁵", labels)
    Assert.Contains("0.1", labels)

[<Fact>]
let ``a chart names and describes itself for those who cannot see it`` () =
    let svg = Plot.chart (chart Scale.Linear [])
    let root = XElement.Parse svg
    Assert.Equal("img", attribute "role" root)
    Assert.Equal("a < b & \"c\"", attribute "aria-label" root)
    Assert.Equal("a < b & \"c\"", (elements "title" svg).Head.Value)
    Assert.Equal("what it shows", (elements "desc" svg).Head.Value)
    Assert.Contains("no data", elements "text" svg |> List.map _.Value)

[<Fact>]
let ``a long line stays small and keeps its extremes`` () =
    let points = [| for i in 0..99999 -> float i, (if i = 54321 then 7.0 else sin (float i)) |]
    let svg = Plot.chart (chart Scale.Linear [ line points ])
    Assert.True(svg.Length < 60000, $"{svg.Length} characters")
    let highest = drawn svg |> Array.minBy snd
    let spike = 76.0 + 540.0 * 54321.0 / 99999.0
    Assert.InRange(fst highest, spike - 0.2, spike + 0.2)

[<Fact>]
let ``each of many series has a look of its own`` () =
    let series = [ for i in 1..12 -> { line [| 0.0, float i; 1.0, 0.0 |] with Name = $"series {i}" } ]
    let svg = Plot.chart (chart Scale.Linear series)

    let looks =
        elements "polyline" svg
        |> List.map (fun e -> attribute "class" e, string (e.Attribute(XName.Get "stroke-dasharray")))

    Assert.Equal(12, (List.distinct looks).Length)
    let labels = elements "text" svg |> List.map _.Value
    Assert.All(series, fun s -> Assert.Contains(s.Name, labels))

/// The pixels of a PNG of unfiltered rows of four bytes a pixel, and its width.
let private decode (png: byte[]) =
    let be (at: int) = Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(ReadOnlySpan(png, at, 4))
    let length = be 33
    Assert.Equal("IDAT", Text.Encoding.ASCII.GetString(png, 37, 4))
    use zlib = new ZLibStream(new MemoryStream(png, 41, length), CompressionMode.Decompress)
    use raw = new MemoryStream()
    zlib.CopyTo raw
    let width, height = be 16, be 20
    let rows = raw.ToArray() |> Array.chunkBySize (1 + 4 * width)
    Assert.Equal(height, rows.Length)
    width, rows |> Array.map Array.tail

[<Fact>]
let ``a PNG ends as the format's description has it and gives its pixels back`` () =
    let pixels = [| for i in 0..23 -> byte (i * 10) |]
    let png = Png.encode 3 pixels
    // The empty last chunk, with its check sum, is the same in every PNG file.
    Assert.Equal("0000000049454E44AE426082", Convert.ToHexString png[png.Length - 12 ..])
    Assert.Equal((3, Array.chunkBySize 12 pixels), decode png)

[<Fact>]
let ``a heat map shows the first row at the bottom, and nothing where there is no value`` () =
    let map =
        {
            Title = "u"
            Description = "a slice"
            X = "x", -1.0, 1.0
            Y = "y", 0.0, 1.0
            Values = array2D [ [ 0.0; 1.0; 2.0 ]; [ nan; 3.0; 4.0 ] ]
            Range = None
        }

    let image = (elements "image" (Plot.heatMap map)).Head
    let data = (attribute "href" image).Replace("data:image/png;base64,", "")
    let width, rows = decode (Convert.FromBase64String data)
    Assert.Equal(3, width)
    Assert.Equal<byte>([| 0x44uy; 0x01uy; 0x54uy; 255uy |], rows[1][..3])
    Assert.Equal<byte>([| 0xFDuy; 0xE7uy; 0x25uy; 255uy |], rows[0][8..])
    Assert.Equal(0uy, rows[0][3])

[<Fact>]
let ``heat maps of one value, and of none, are drawn`` () =
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
                }

        Assert.DoesNotContain("NaN", svg)
        Assert.Equal(2, (elements "image" svg).Length)
