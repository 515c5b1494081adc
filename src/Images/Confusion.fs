// The confusion matrix of a classifier, and its picture.
namespace MetaKan.Images

open System
open MetaKan

[<RequireQualifiedAccess>]
module internal Confusion =
    /// counts[i, j]: the number of samples of class i that were predicted as class j.
    let counts (classes: int) (labels: int[]) (predictions: int[]) : int[,] =
        let counts = Array2D.zeroCreate classes classes

        for label, predicted in Array.zip labels predictions do
            counts[label, predicted] <- counts[label, predicted] + 1

        counts

    /// The recall of a class; None for a class without samples.
    let private recall (counts: int[,]) i =
        match Array.sum counts[i, *] with
        | 0 -> None
        | total -> Some(float counts[i, i] / float total)

    /// The approximate width of a text.
    let private width (size: float) (text: string) = 0.6 * size * float text.Length

    /// The SVG text of the confusion matrix: true classes down, predicted ones across, deeper colour for larger shares of
    /// a row, and at the right each class's recall (its own accuracy). Up to 20 classes have their counts written.
    let svg (classes: string list) (counts: int[,]) : string =
        let n = classes.Length
        let detailed = n <= 20
        let cell, font = if detailed then 46.0, 12.0 else 11.0, 8.0
        let names = classes |> List.map (width font) |> List.max
        let left, top = 40.0 + names, 70.0 + 0.75 * names
        let side = cell * float n
        let total = Seq.cast<int> counts |> Seq.sum
        let right = List.init n (fun i -> counts[i, i]) |> List.sum
        let percent (share: float) = (100.0 * share).ToString("0.0") + " %"
        let size = $"font-size=\"{Svg.number font}\""
        let place i = cell * (float i + 0.5)

        let square i j =
            let count = counts[i, j]
            let share = float count / float (max 1 (Array.sum counts[i, *]))
            let x, y = left + cell * float j, top + cell * float i
            let edge = if detailed then 1.0 else 0.3
            let length = Svg.number (cell - 2.0 * edge)
            // Small shares stay visible.
            let opacity = if count = 0 then 0.0 else 0.06 + 0.94 * sqrt share
            let colour = Svg.colour (if i = j then 0 else 1)

            [
                if count > 0 || detailed then
                    $"""<g class="{colour}"><rect x="{Svg.number (x + edge)}" y="{Svg.number (y + edge)}" width="{length}" """
                    + $"""height="{length}" rx="{Svg.number (cell / 12.0)}" fill="currentColor" """
                    + $"""fill-opacity="{opacity.ToString "0.###"}"><title>{Svg.escape classes[i]} taken for """
                    + $"""{Svg.escape classes[j]}: {count}</title></rect></g>"""
                if detailed && count > 0 then
                    let shown = string count

                    $"""<text x="{Svg.number (x + cell / 2.0)}" y="{Svg.number (y + cell / 2.0 + 4.0)}" """
                    + $"""text-anchor="middle" {size}>"""
                    + (if opacity > 0.6 then $"""<tspan class="mkbg">{shown}</tspan>""" else shown)
                    + "</text>"
            ]

        [
            Svg.text
                16.0
                45.0
                "font-size=\"11\" opacity=\"0.7\""
                "rows: true class; columns: predicted class; right: recall"
            for i, name in List.indexed classes do
                let middle = place i
                Svg.text (left - 8.0) (top + middle + 0.35 * font) $"text-anchor=\"end\" {size}" name

                let x, y = left + middle, top - 8.0
                Svg.text x y $"{size} transform=\"rotate(-45 {Svg.number x} {Svg.number y})\"" name

                match recall counts i with
                | Some share ->
                    let here = left + side + 10.0
                    Svg.text here (top + middle + 0.35 * font) $"{size} font-weight=\"600\"" (percent share)
                | None -> ()
            for i in 0 .. n - 1 do
                for j in 0 .. n - 1 do
                    yield! square i j
        ]
        |> Svg.page
            (left + side + 70.0)
            (top + side + 20.0)
            $"Confusion matrix: accuracy {percent (float right / float (max 1 total))} of {total}"
            "rows: true classes, columns: predicted classes, at the right the recall of each class"
