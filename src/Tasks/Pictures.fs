// Pictures of a PDE's solution: where its values and its errors lie.
namespace MetaKan.Pdes

open System
open System.Numerics
open MathNet.Numerics.IntegralTransforms
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Pictures =
    // The name of a coordinate, its number as a subscript.
    let private coordinate (problem: Problem) (i: int) =
        problem.Coordinates[i]
        |> String.map (fun c -> if Char.IsAsciiDigit c then "₀₁₂₃₄₅₆₇₈₉"[int c - int '0'] else c)

    // The middles of the bounds of the coordinates from k on.
    let private middles (problem: Problem) (k: int) : float[] =
        [| for low, high in List.skip k problem.Domain.Bounds -> (low + high) / 2.0 |]

    /// f at points x of the first coordinates, the others in the middle of their bounds, few points at a time.
    let private values (problem: Problem) (f: Tensor -> Tensor) (x: Tensor) : float[] =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let middles = middles problem (int (x.size 1))
        let rest = Tensor.ofArray (Placement.ofTensor x) [ 1L; middles.LongLength ] middles

        [|
            for rows in x.split (Collocation.rowsAtOnce problem.Coordinates.Length) do
                use _ = torch.NewDisposeScope()
                let whole = torch.cat ([| rows; rest.expand (rows.size 0, -1L) |], 1L)
                yield! Tensor.toArray (f whole)
        |]

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

    let private curves (problem: Problem) (place: Placement) (field: string) (u: Tensor -> Tensor) exact =
        let coordinate = coordinate problem
        let at = Plots.places problem.Domain.Bounds.Head
        let x = Tensor.ofArray place [ int64 at.Length; 1L ] at
        let drawn = compared (values problem u x) (exact |> Option.map (fun exact -> values problem exact x))

        let chart title label drawn =
            Plots.chart
                title
                $"{title} along {coordinate 0}"
                (coordinate 0)
                label
                [ for _, name, values in drawn -> Plots.series name Mark.Line (Array.zip at values) ]

        let solutions, errors = drawn |> List.partition (fun (file, _, _) -> file <> "3-error")

        [
            "1-solution", chart "Solution" field solutions
            if not errors.IsEmpty then
                "3-error", chart "Absolute error" $"|{field} - {field}*|" errors
        ]

    /// Curves along the first of two coordinates at times of the second, the exact solution beside them as dots.
    let private moments (problem: Problem) (place: Placement) (field: string) (u: Tensor -> Tensor) exact =
        let coordinate = coordinate problem
        let low, high = problem.Domain.Bounds[1]
        let at = Plots.places problem.Domain.Bounds[0]

        let points (at: float[]) t =
            at |> Array.collect (fun x -> [| x; t |]) |> Tensor.ofArray place [ int64 at.Length; 2L ]

        // Fewer dots than the curve has points.
        let few = Array.indexed at |> Array.filter (fun (i, _) -> i % 16 = 0) |> Array.map snd
        let times = [ for k in 0..4 -> low + (high - low) * float k / 4.0 ]

        "5-moments",
        Plots.chart
            "Solution over time"
            $"{field} along {coordinate 0} at {times.Length} values of {coordinate 1}"
            (coordinate 0)
            field
            [
                for t in times do
                    Plots.series $"{coordinate 1} = {t:g3}" Mark.Line (Array.zip at (values problem u (points at t)))

                match exact with
                | Some exact ->
                    let drawn = times |> List.map (fun t -> Array.zip few (values problem exact (points few t)))
                    Plots.series "exact" Mark.Dots (Array.concat drawn)
                | None -> ()
            ]

    // The plane of the first two coordinates, the others in the middle of their bounds.
    type private Plane =
        {
            /// The first two coordinates of the grid's points in the domain.
            Inside: Tensor
            /// The map of values at these, in their order.
            Spread: float[] -> float[,]
            /// Where the others are held, for a title.
            Held: string
        }

    let private grid (problem: Problem) (place: Placement) (columns: float[]) (rows: float[]) : Plane =
        let x =
            [|
                for y in rows do
                    for x in columns do
                        x
                        y
            |]
            |> Tensor.ofArray place [ -1L; 2L ]

        let inside = values problem problem.Domain.Contains x

        let indices =
            [|
                for n in 0 .. inside.Length - 1 do
                    if inside[n] > 0.0 then
                        int64 n
            |]

        let coordinate = coordinate problem
        let last = problem.Coordinates.Length - 1
        let middle = middles problem 2

        {
            Inside = x.index_select (0L, torch.tensor (indices, dtype = torch.int64, device = place.Device))
            Spread =
                fun values ->
                    let rank = Array.scan (+) 0.0 inside

                    Array2D.init rows.Length columns.Length (fun i j ->
                        let n = i * columns.Length + j
                        if inside[n] > 0.0 then values[int rank[n]] else nan)
            Held =
                match List.distinct (List.ofArray middle) with
                | [] -> ""
                | [ value ] when last > 2 -> $" at {coordinate 2} … {coordinate last} = {value:g4}"
                | _ ->
                    [ for i in 2..last -> $"{coordinate i} = {middle[i - 2]:g4}" ]
                    |> String.concat ", "
                    |> sprintf " at %s"
        }

    let private map (problem: Problem) title values range arrows : Drawing =
        let coordinate, bounds = coordinate problem, problem.Domain.Bounds

        Drawing.Map
            {
                Title = title
                Description = $"{title}, over {coordinate 0} and {coordinate 1}"
                X = coordinate 0, fst bounds[0], snd bounds[0]
                Y = coordinate 1, fst bounds[1], snd bounds[1]
                Values = values
                Range = range
                Arrows = arrows
            }

    let private whole (problem: Problem) (place: Placement) =
        grid problem place (Plots.cells problem.Domain.Bounds[0]) (Plots.cells problem.Domain.Bounds[1])

    /// Maps over the first two coordinates, the others in the middle of their bounds.
    let private slices (problem: Problem) (place: Placement) (u: Tensor -> Tensor) exact =
        let plane = whole problem place

        let drawn =
            compared
                (values problem u plane.Inside)
                (exact |> Option.map (fun exact -> values problem exact plane.Inside))

        let common =
            drawn
            |> List.filter (fun (file, _, _) -> file <> "3-error")
            |> Seq.collect (fun (_, _, values) -> values)
            |> Seq.toArray
            |> Plots.range

        [
            for file, name, values in drawn do
                let title = $"{Char.ToUpperInvariant name[0]}{name[1..]}{plane.Held}"
                file, map problem title (plane.Spread values) (if file = "3-error" then None else common) [||]
        ]

    /// The speed of a flow over the first two coordinates, with arrows along it.
    let private flow (problem: Problem) (place: Placement) (velocity: Tensor -> Tensor) =
        let plane = whole problem place
        let speed = values problem (fun x -> (velocity x).square().sum(1L, keepdim = true).sqrt()) plane.Inside

        // Few enough to be told apart.
        let few (low: float, high: float) = [| for i in 0..13 -> low + (high - low) * (float i + 0.5) / 14.0 |]
        let bounds = problem.Domain.Bounds
        let arrows = (grid problem place (few bounds[0]) (few bounds[1])).Inside

        let vectors =
            Array.zip
                (values problem (fun x -> x.narrow (1L, 0L, 2L)) arrows |> Array.chunkBySize 2)
                (values problem velocity arrows |> Array.chunkBySize 2)
            |> Array.map (fun (at, along) -> (at[0], at[1]), (along[0], along[1]))

        "6-flow", map problem $"Speed and direction{plane.Held}" (plane.Spread speed) None vectors

    /// The residuals of the equations in up to three coordinates, on a logarithmic scale: over the plane, or along the one.
    /// Energies have none.
    let private residuals (problem: Problem) (place: Placement) (residuals: Tensor -> Tensor) =
        let shown =
            problem.Equations
            |> List.indexed
            |> List.filter (fun (_, equation) -> equation.Objective = Objective.Square)

        let sizes (i: int) x = values problem (fun x -> (residuals x).narrow(1L, int64 i, 1L).abs()) x

        if problem.Coordinates.Length > 3 then
            []
        else
            [
                for i, equation in shown do
                    let name = if shown.Length = 1 then "7-residual" else $"7-residual-{i + 1}"
                    let title = $"Residual of “{equation.Name}”"

                    if problem.Coordinates.Length = 1 then
                        let at = Plots.places problem.Domain.Bounds.Head
                        let x = Tensor.ofArray place [ int64 at.Length; 1L ] at

                        name,
                        Drawing.Chart
                            {
                                Title = title
                                Description = $"Its size along {coordinate problem 0}"
                                X = { Label = coordinate problem 0; Scale = Scale.Linear }
                                Y = { Label = "|residual|"; Scale = Scale.Log }
                                Series = [ Plots.series equation.Name Mark.Line (Array.zip at (sizes i x)) ]
                            }
                    else
                        let plane = whole problem place
                        let sizes = sizes i plane.Inside |> Array.map (max 1e-300 >> log10)
                        name, map problem $"{title}, log₁₀ of its size{plane.Held}" (plane.Spread sizes) None [||]
            ]

    /// Power by frequency of values at even places: of a period whole, otherwise less their mean and under Hann's window, which
    /// keeps the ends from showing at all frequencies.
    let private power (isPeriod: bool) (values: float[]) : float[] =
        let n = values.Length
        let mean = Array.average values

        let window =
            if isPeriod then
                Array.create n 1.0
            else
                Array.init n (fun i -> 0.5 - 0.5 * cos (2.0 * Math.PI * float i / float n))

        let waves = Array.map2 (fun w v -> Complex(w * (v - mean), 0.0)) window values
        Fourier.Forward(waves, FourierOptions.NoScaling)
        let scale = Array.sum window
        [| for k in 1 .. n / 2 - 1 -> (2.0 * waves[k].Magnitude / scale) ** 2.0 |]

    /// Power spectra along the first coordinate, means over lines of the second that lie in the domain; the others are in the
    /// middle of their bounds.
    let private spectra (problem: Problem) (place: Placement) (field: string) (u: Tensor -> Tensor) exact =
        let name = coordinate problem 0
        let low, high = problem.Domain.Bounds.Head
        let count = 256
        let at = [| for i in 0 .. count - 1 -> low + (high - low) * float i / float count |]

        let lines =
            match problem.Domain.Bounds with
            | [ _ ] -> [ Tensor.ofArray place [ int64 count; 1L ] at ]
            | bounds ->
                let low, high = bounds[1]

                [
                    for j in 0..7 do
                        let y = low + (high - low) * (float j + 0.5) / 8.0

                        at |> Array.collect (fun x -> [| x; y |]) |> Tensor.ofArray place [ int64 count; 2L ]
                ]
            |> List.filter (fun line ->
                // The end of a box is its boundary, not outside.
                (values problem problem.Domain.Contains line)[1..] |> Array.forall ((<>) 0.0))

        let isPeriod =
            match problem.Periodic with
            | Some(names, _) -> List.contains problem.Coordinates.Head names
            | None -> false

        let mean (of': Tensor -> float[]) =
            lines
            |> List.map (of' >> power isPeriod)
            |> List.reduce (Array.map2 (+))
            |> Array.mapi (fun k sum -> float (k + 1) / (high - low), sum / float lines.Length)

        if lines.IsEmpty then
            []
        else
            [
                "8-spectrum",
                Drawing.Chart
                    {
                        Title = "Power spectrum"
                        Description = $"Power of {field} by its frequency along {name}"
                        X = { Label = $"cycles per {name}"; Scale = Scale.Log }
                        Y = { Label = "power"; Scale = Scale.Log }
                        Series =
                            [
                                Plots.series "computed" Mark.Line (mean (values problem u))
                                match exact with
                                | Some exact ->
                                    Plots.series "exact" Mark.Line (mean (values problem exact))

                                    let error x = Array.map2 (-) (values problem u x) (values problem exact x)
                                    Plots.series "error" Mark.Line (mean error)
                                | None -> ()
                            ]
                    }
            ]

    /// The functions of a network's edges that vary most over the splines' grid, from each layer's φ_ij(t) [T, in, out].
    let private edges (place: Placement) (layers: (Tensor -> Tensor) list) =
        let at = [| for i in -100 .. 100 -> float i / 100.0 |]

        let shown =
            [
                for l, layer in List.indexed layers do
                    use _ = torch.NewDisposeScope()
                    use _ = torch.no_grad ()
                    let values = layer (Tensor.ofArray place [ at.LongLength ] at)
                    let spread = values.std(0L).flatten() |> Tensor.toArray
                    let outputs = int (values.size 2)

                    let most = Array.init spread.Length id |> Array.sortByDescending (Array.get spread)

                    for edge in Array.truncate 12 most do
                        let i, j = edge / outputs, edge % outputs
                        let curve = values.select(2L, int64 j).select(1L, int64 i) |> Tensor.toArray
                        spread[edge], ($"layer {l + 1}, {i + 1} to {j + 1}", Array.zip at curve)
            ]
            |> List.sortByDescending fst
            |> List.truncate 12

        "9-edges", Plots.edges $"{shown.Length} edges that vary most over the splines' grid" (List.map snd shown)

    /// Predicted against exact values at random points of the domain.
    let private scatter
        (problem: Problem)
        (key: Key)
        (place: Placement)
        (field: string)
        (u: Tensor -> Tensor)
        (exact: Tensor -> Tensor)
        =
        let count = min Plots.scattered (2 * int (Collocation.rowsAtOnce problem.Coordinates.Length))
        let x = problem.Domain.Sample key place count

        "4-points",
        Plots.agreement
            "Computed against exact values"
            $"{field} against {field}* at {count} random points"
            $"exact {field}*"
            $"computed {field}"
            "points"
            $"{field} = {field}*"
            (values problem exact x)
            (values problem u x)

    /// The pictures of a solution u of a problem, by their names, for each field: curves in one dimension, otherwise
    /// maps over the first two coordinates, and in time curves at several of its values; where the exact solution is known, also
    /// that, the error and values at random points; and a power spectrum. The names of several fields begin with the field's.
    /// Fields u and v of coordinates in space are a flow, and drawn as one. Of the equations, in up to three coordinates, the
    /// residuals [N, equations] that `residualsOf` gives at points. Of a network's layers with functions on their edges, some of
    /// these.
    let draw
        (problem: Problem)
        (u: Tensor -> Tensor)
        (residualsOf: Tensor -> Tensor)
        (layers: (Tensor -> Tensor) list)
        (key: Key)
        (place: Placement)
        : (string * Drawing) list =
        use _ = torch.NewDisposeScope()

        // A map has thousands of points, each with all coordinates.
        let isTooHigh = problem.Coordinates.Length > 10_000

        [
            for index, field in List.indexed problem.Fields do
                let column (f: Tensor -> Tensor) (x: Tensor) = (f x).narrow(1L, int64 index, 1L)
                let u, exact = column u, Option.map column problem.Exact

                let drawn =
                    [
                        yield!
                            (match problem.Coordinates with
                             | [ _ ] -> curves problem place field u exact
                             | _ when isTooHigh -> []
                             | _ -> slices problem place u exact)

                        match exact with
                        | Some exact -> scatter problem key place field u exact
                        | None -> ()

                        if problem.Coordinates.Length = 2 && problem.Coordinates[1] = "t" then
                            moments problem place field u exact

                        if not isTooHigh then
                            yield! spectra problem place field u exact
                    ]

                for name, picture in drawn do
                    (if problem.Fields.Length = 1 then name else $"{field}-{name}"), picture

            match List.tryFindIndex ((=) "u") problem.Fields, List.tryFindIndex ((=) "v") problem.Fields with
            | Some i, Some j when problem.Coordinates.Length > 1 && not (List.contains "t" problem.Coordinates[..1]) ->
                flow problem place (fun x ->
                    let fields = u x
                    torch.cat ([| fields.narrow (1L, int64 i, 1L); fields.narrow (1L, int64 j, 1L) |], 1L))
            | _ -> ()

            yield! residuals problem place residualsOf

            if not layers.IsEmpty then
                edges place layers
        ]

    /// Draws the pictures into the folder of a run. Raises RunFailed when the disk refuses.
    let write
        (folder: string)
        (problem: Problem)
        (u: Tensor -> Tensor)
        (residualsOf: Tensor -> Tensor)
        (layers: (Tensor -> Tensor) list)
        (key: Key)
        (place: Placement)
        : unit =
        draw problem u residualsOf layers key place |> Plots.write folder
