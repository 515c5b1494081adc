// Pictures of a PDE's solution: where its values and its errors lie.
namespace MetaKan

open System
open System.IO
open TorchSharp

[<RequireQualifiedAccess>]
module Pictures =
    /// Points of a heat map's side, of a curve, and of the scatter.
    let private side, private along, private tested = 64, 400, 1000

    let private subscript (n: int) = string n |> String.map (fun c -> "₀₁₂₃₄₅₆₇₈₉"[int c - int '0'])

    let private coordinate i = "x" + subscript (i + 1)

    /// f at points x, a few hundred at a time: the features of all at once would outweigh the training itself.
    let private values (f: Tensor -> Tensor) (x: Tensor) : float[] =
        use _ = torch.no_grad ()

        [|
            for rows in x.split 500L do
                use _ = torch.NewDisposeScope()
                yield! Tensor.toArray (f rows)
        |]

    /// The middles of a map's cells along a side.
    let private cells (low: float, high: float) =
        [| for i in 0 .. side - 1 -> low + (high - low) * (float i + 0.5) / float side |]

    /// u, and what is known beside it: the exact solution and the error |u - u*|.
    let private compared (u: float[]) (exact: float[] option) =
        [
            "1-solution", "computed solution", u
            match exact with
            | Some exact ->
                "2-exact", "exact solution", exact
                "3-error", "absolute error", Array.map2 (fun a b -> abs (a - b)) u exact
            | None -> ()
        ]

    let private curves (problem: Problem) (place: Placement) (u: Tensor -> Tensor) =
        let low, high = problem.Domain.Bounds.Head
        let at = [| for i in 0 .. along - 1 -> low + (high - low) * float i / float (along - 1) |]
        let x = Tensor.ofArray place [ int64 along; 1L ] at
        let drawn = compared (values u x) (problem.Exact |> Option.map (fun exact -> values exact x))

        let chart title label series =
            Plot.chart
                {
                    Title = title
                    Description = $"{title} along {coordinate 0}"
                    X = { Label = coordinate 0; Scale = Scale.Linear }
                    Y = { Label = label; Scale = Scale.Linear }
                    Series =
                        [
                            for _, name, values in series ->
                                { Name = name; Mark = Mark.Line; Points = Array.zip at values }
                        ]
                }

        let solutions, errors = drawn |> List.partition (fun (file, _, _) -> file <> "3-error")

        [
            "1-solution", chart "Solution" "u" solutions
            if not errors.IsEmpty then
                "3-error", chart "Absolute error" "|u - u*|" errors
        ]

    /// Maps over the first two coordinates, the others in the middle of their bounds.
    let private slices (problem: Problem) (place: Placement) (u: Tensor -> Tensor) =
        let bounds = problem.Domain.Bounds
        let middle = bounds |> List.map (fun (low, high) -> (low + high) / 2.0) |> List.toArray

        let x =
            [|
                for y in cells bounds[1] do
                    for x in cells bounds[0] do
                        x
                        y
                        yield! middle[2..]
            |]
            |> Tensor.ofArray place [ int64 (side * side); int64 bounds.Length ]

        let inside = problem.Domain.Contains x
        let kept = x.index_select (0L, inside.nonzero().squeeze -1L)
        let inside = Tensor.toArray inside

        /// The map of values at the points inside, in their order.
        let spread (values: float[]) =
            let rank = Array.scan (+) 0.0 inside

            Array2D.init side side (fun i j ->
                let n = i * side + j
                if inside[n] > 0.0 then values[int rank[n]] else nan)

        let drawn = compared (values u kept) (problem.Exact |> Option.map (fun exact -> values exact kept))

        let common =
            drawn
            |> List.filter (fun (file, _, _) -> file <> "3-error")
            |> Seq.collect (fun (_, _, values) -> values)
            |> Seq.filter Double.IsFinite
            |> Seq.toArray

        let held =
            let last = bounds.Length - 1

            match List.distinct (List.ofArray middle[2..]) with
            | [] -> ""
            | [ value ] when last > 2 -> $" at {coordinate 2} … {coordinate last} = {value:g4}"
            | _ -> [ for i in 2..last -> $"{coordinate i} = {middle[i]:g4}" ] |> String.concat ", " |> sprintf " at %s"

        [
            for file, name, values in drawn do
                let title = $"{Char.ToUpperInvariant name[0]}{name[1..]}{held}"

                file,
                Plot.heatMap
                    {
                        Title = title
                        Description = $"{title}, over {coordinate 0} and {coordinate 1}"
                        X = coordinate 0, fst bounds[0], snd bounds[0]
                        Y = coordinate 1, fst bounds[1], snd bounds[1]
                        Values = spread values
                        Range =
                            if file = "3-error" || common.Length = 0 then
                                None
                            else
                                Some(Array.min common, Array.max common)
                    }
        ]

    /// Predicted against exact values at random points of the domain.
    let private scatter
        (problem: Problem)
        (key: Key)
        (place: Placement)
        (u: Tensor -> Tensor)
        (exact: Tensor -> Tensor)
        =
        let x = problem.Domain.Sample key place tested
        let truth = values exact x
        let series name mark points = { Name = name; Mark = mark; Points = points }
        let low, high = Array.min truth, Array.max truth

        "4-points",
        Plot.chart
            {
                Title = "Computed against exact values"
                Description = $"u against u* at {tested} random points; on the line they agree"
                X = { Label = "exact u*"; Scale = Scale.Linear }
                Y = { Label = "computed u"; Scale = Scale.Linear }
                Series =
                    [
                        series "points" Mark.Dots (Array.zip truth (values u x))
                        series "u = u*" Mark.Line [| low, low; high, high |]
                    ]
            }

    /// The pictures of a solution u of a problem, as names and SVG texts: curves in one dimension, otherwise maps over
    /// the first two coordinates; where the exact solution is known, also that, the error and values at random points.
    let draw (problem: Problem) (u: Tensor -> Tensor) (key: Key) (place: Placement) : (string * string) list =
        use _ = torch.NewDisposeScope()

        [
            yield!
                (match problem.Dimension with
                 | 1 -> curves problem place u
                 | _ -> slices problem place u)

            match problem.Exact with
            | Some exact -> scatter problem key place u exact
            | None -> ()
        ]

    /// Draws the pictures into the folder of a run. Raises RunFailed when the disk refuses.
    let write (folder: string) (problem: Problem) (u: Tensor -> Tensor) (key: Key) (place: Placement) : unit =
        for name, svg in draw problem u key place do
            Plot.save (Path.Combine(RunFolder.picturesPath folder, name + ".svg")) svg
