// What the pictures of a PDE's solution and those of a fit have in common: their points, axes and charts.
namespace MetaKan

open System

[<RequireQualifiedAccess>]
module internal Plots =
    /// Cells of a heat map's side, points of a curve, and points of a scatter.
    let side, along, scattered = 64, 400, 1000

    let series name mark points = { Name = name; Mark = mark; Points = points }

    /// A chart with linear axes of these labels.
    let chart title description x y series =
        Drawing.Chart
            {
                Title = title
                Description = description
                X = { Label = x; Scale = Scale.Linear }
                Y = { Label = y; Scale = Scale.Linear }
                Series = series
            }

    /// The places of a curve's points, from end to end.
    let places (low: float, high: float) =
        [| for i in 0 .. along - 1 -> low + (high - low) * float i / float (along - 1) |]

    /// The middles of a map's cells along a side.
    let cells (low: float, high: float) =
        [| for i in 0 .. side - 1 -> low + (high - low) * (float i + 0.5) / float side |]

    /// The extremes of the finite values, if there are any.
    let range (values: float[]) =
        match Array.filter Double.IsFinite values with
        | [||] -> None
        | finite -> Some(Array.min finite, Array.max finite)

    /// Found against true values as dots under a name, and the line, under another, on which they agree.
    let agreement title description x y (dots: string) (line: string) (truth: float[]) (found: float[]) =
        chart
            title
            $"{description}; on the line they agree"
            x
            y
            [
                series dots Mark.Dots (Array.zip truth found)
                match range truth with
                | Some(low, high) -> series line Mark.Line [| low, low; high, high |]
                | None -> ()
            ]

    /// Functions along edges under names: what goes in, and what comes out.
    let edges description (functions: (string * (float * float)[]) list) =
        chart
            "Functions along the edges"
            description
            "in"
            "out"
            [ for name, points in functions -> series name Mark.Line points ]

    /// Writes pictures by their names into the folder of a run. Raises RunFailed when the disk refuses.
    let write (folder: string) (pictures: (string * Drawing) list) : unit =
        for name, drawing in pictures do
            Figures.save folder name (Plot.svg drawing) (Figures.ofDrawing drawing)
