// Parts of SVG pictures: scales with round ticks, axes, and the page.
namespace MetaKan

open System
open System.Globalization
open System.Security

/// How an axis maps values to lengths.
[<RequireQualifiedAccess>]
type Scale =
    /// In proportion.
    | Linear
    /// By the logarithm: tenfold values are equally far apart.
    | Log

[<RequireQualifiedAccess>]
module internal Svg =
    /// A range of values mapped to a range of pixels.
    type Span = { Scale: Scale; Low: float; High: float; From: float; To: float }

    /// The class that gives the n-th series its colour, as `currentColor`.
    let colour n = $"mk{n % Palette.categories.Length}"

    /// The attribute that keeps a series' line apart from those before it of the same colour.
    let dashes n =
        match n / Palette.categories.Length with
        | 0 -> ""
        | round -> $"stroke-dasharray=\"{8 / round} 4\""

    let private style =
        let colours choose =
            let series = Palette.categories |> List.mapi (fun i pair -> $".mk{i}{{color:{choose pair}}}")
            $".mk{{color:{choose Palette.text}}}.mkbg{{fill:{choose Palette.ground}}}" + String.concat "" series

        ".mk{font:12px system-ui,sans-serif}.mk text{fill:currentColor}"
        + $"{colours fst}@media(prefers-color-scheme:dark){{{colours snd}}}"

    let number (x: float) = Math.Round(x, 1).ToString(CultureInfo.InvariantCulture)

    /// Text inside of markup, whatever it holds: what no XML may hold is a replacement character.
    let escape (text: string) =
        text
        |> String.map (fun c -> if Char.IsControl c && c <> '\n' && c <> '\t' || c >= '\uFFFE' then '\uFFFD' else c)
        |> SecurityElement.Escape

    /// Text at a place; `attributes` as in `text-anchor="end"`.
    let text x y attributes (content: string) =
        $"""<text x="{number x}" y="{number y}" {attributes}>{escape content}</text>"""

    let line x1 y1 x2 y2 attributes =
        $"""<line x1="{number x1}" y1="{number y1}" x2="{number x2}" y2="{number y2}" {attributes}/>"""

    /// A whole picture of the given size in pixels, with its title shown and its description for screen readers.
    let page (width: float) (height: float) (title: string) (description: string) (parts: string seq) =
        let size = $"{number width} {number height}"

        String.concat
            "\n"
            [
                $"""<svg xmlns="http://www.w3.org/2000/svg" class="mk" role="img" viewBox="0 0 {size}" """
                + $"""width="{number width}" height="{number height}" aria-label="{escape title}">"""
                $"<title>{escape title}</title>"
                $"<desc>{escape description}</desc>"
                $"<style>{style}</style>"
                """<rect class="mkbg" width="100%" height="100%" rx="8"/>"""
                text 16.0 25.0 "font-size=\"15\" font-weight=\"600\"" title
                yield! parts
                "</svg>\n"
            ]

    let private superscript (n: int) =
        string n |> String.map (fun c -> if c = '-' then '⁻' else "⁰¹²³⁴⁵⁶⁷⁸⁹"[int c - int '0'])

    /// A round number as on an axis: 0.25, 1500, 10⁻³, 2×10⁶.
    let label (x: float) =
        let size = abs x

        if x = 0.0 || size >= 1e-3 && size < 1e5 then
            x.ToString("0.#######", CultureInfo.InvariantCulture)
        else
            let parts = x.ToString("0.####E+0", CultureInfo.InvariantCulture).Split 'E'
            let power = "10" + superscript (int parts[1])

            match parts[0] with
            | "1" -> power
            | "-1" -> "-" + power
            | digits -> $"{digits}×{power}"

    /// About `count` round values within a span.
    let rec ticks (count: int) (span: Span) : float list =
        match span.Scale with
        | Scale.Linear ->
            let raw = (span.High - span.Low) / float count
            let power = 10.0 ** floor (log10 raw)
            let step = power * ([ 1.0; 2.0; 2.5; 5.0; 10.0 ] |> List.find (fun m -> m * power >= raw * 0.999999))
            let first, last = ceil (span.Low / step - 1e-9), floor (span.High / step + 1e-9)
            [ for k in first..last -> k * step ]
        | Scale.Log ->
            let low, high = log10 span.Low, log10 span.High
            let decades = [ ceil (low - 1e-9) .. floor (high + 1e-9) ]
            let every = max 1 ((decades.Length + count - 1) / count)

            if decades.Length > 2 then
                [
                    for d in decades do
                        if int d % every = 0 then
                            10.0 ** d
                ]
            else
                let between =
                    [
                        for d in floor low .. floor high do
                            for m in [ 1.0; 2.0; 5.0 ] do
                                let value = m * 10.0 ** d

                                if value >= span.Low && value <= span.High then
                                    value
                    ]

                if between.Length > 2 then between else ticks count { span with Scale = Scale.Linear }

    /// Where a value of a span is drawn.
    let place (span: Span) (x: float) =
        let along =
            match span.Scale with
            | Scale.Linear -> (x - span.Low) / (span.High - span.Low)
            | Scale.Log -> (log x - log span.Low) / (log span.High - log span.Low)

        span.From + along * (span.To - span.From)

    /// The span of some finite values (above 0 on a log scale), wider by a share `margin` of itself at both ends.
    let spanOf scale margin (values: float[]) (from: float, until: float) : Span =
        let low, high =
            if Array.isEmpty values then
                (if scale = Scale.Log then 0.1, 1.0 else 0.0, 1.0)
            else
                Array.min values, Array.max values

        let low, high =
            match scale with
            | Scale.Log ->
                let length = log high - log low
                let share = if length < 1e-9 then 0.5 else margin * length
                low * exp -share, high * exp share
            | Scale.Linear ->
                let size = max (abs low) (abs high)
                let alone = if high - low <= max 1e-300 (1e-12 * size) then max 0.5 (0.1 * size) else 0.0
                let share = max (margin * (high - low)) alone
                low - share, high + share

        { Scale = scale; Low = low; High = high; From = from; To = until }

    /// Grid lines, ticks and labels of a horizontal and a vertical axis.
    let axes (x: Span) (xLabel: string) (y: Span) (yLabel: string) : string list =
        let grid = "stroke=\"currentColor\" stroke-opacity=\"0.15\""
        let middle (span: Span) = (span.From + span.To) / 2.0

        [
            for value in ticks 6 x do
                let at = place x value
                line at y.From at y.To grid
                text at (y.From + 17.0) "text-anchor=\"middle\"" (label value)
            for value in ticks 6 y do
                let at = place y value
                line x.From at x.To at grid
                text (x.From - 8.0) (at + 4.0) "text-anchor=\"end\"" (label value)
            line x.From y.From x.To y.From "stroke=\"currentColor\" stroke-opacity=\"0.6\""
            text (middle x) (y.From + 36.0) "text-anchor=\"middle\"" xLabel
            let left, centre = 16.0, middle y
            let turn = $"text-anchor=\"middle\" transform=\"rotate(-90 {number left} {number centre})\""
            text left centre turn yLabel
        ]
