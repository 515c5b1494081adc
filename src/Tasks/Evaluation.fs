// A solution in the user's hands: fields, their derivatives and any formulas of them at the points of a grid or of a
// table, in files that other programs read. Points go through in blocks, so that memory does not grow with their number.
namespace MetaKan.Pdes

open System
open System.IO
open MetaKan
open MetaKan.Fitting
open TorchSharp

/// Where a solution is evaluated. Coordinates that are held have one value at all points.
[<RequireQualifiedAccess>]
type EvaluationPoints =
    /// So many places of each coordinate that is not held, in the problem's order, evenly from bound to bound of the domain,
    /// both included. Points of the grid outside the domain have NaN for values.
    | Grid of counts: int list * held: (string * float) list
    /// The rows of a CSV file that has a column for each coordinate that is not held; other columns count for nothing.
    | Table of path: string * held: (string * float) list

/// What was written: how many points, and how many of them lie outside the domain, where no network is trained.
type Evaluated =
    {
        /// Points in all.
        Points: int64
        /// Those outside the domain: NaN on a grid, values of the network in a table.
        Outside: int64
    }

/// Solutions in numbers: formulas of their fields at points, in files that other programs read.
[<RequireQualifiedAccess>]
module Evaluation =
    /// Points that are evaluated at a time at most.
    let internal most = 4096

    // MiB that their jets may take.
    let private memory = 512

    let private listed (names: string list) = String.concat ", " names

    let private heldOf points =
        match points with
        | EvaluationPoints.Grid(_, held)
        | EvaluationPoints.Table(_, held) -> held

    /// The coordinates that are not held, each with its bounds.
    let private free (problem: Problem) (points: EvaluationPoints) : (string * (float * float)) list =
        let held = heldOf points |> List.map fst

        List.zip problem.Coordinates problem.Domain.Bounds
        |> List.filter (fun (name, _) -> not (List.contains name held))

    // What is wrong with a term. A column may do without fields: they are read beside it.
    let private termFault (problem: Problem) (term: Term) =
        term + Term.Field(problem.Fields.Head, [])
        |> Reading.fault problem.Coordinates [] problem.Fields (List.map fst problem.Parameters) false

    // The values [N, terms] of terms at points [N, d] of the parameters' placement, and how many points to take at a time.
    let private evaluator (problem: Problem) (model: Model) (p: Params) (terms: Term list) =
        let place = Placement.ofTensor (Seq.head p.Values)
        let reading = Reading.ofTerms false problem.Coordinates [] problem.Fields terms

        let directions =
            reading.Operators
            |> List.map (fun (count, operator) ->
                count, Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) place operator)

        let network, weights = Model.generate (Problem.modelFor problem model) p

        let limit =
            {
                Points = most
                Sampling = Sampling.Random
                Laplacian = LaplacianMethod.Exact
                Unbiased = false
                MemoryLimit = memory
            }

        let values (x: Tensor) =
            reading.Values
                (fun directions -> Problem.jet problem network directions weights)
                (List.map snd directions)
                weights
                x
            |> List.map (fun column -> column.expand (x.size 0, 1L))
            |> fun columns -> torch.cat (List.toArray columns, 1L)

        values, LossTerms.chunk limit network place directions most

    /// The values [N, terms] of terms at points x [N, d], which are placed as the parameters are; derivatives of fields
    /// are exact, by jets. Raises ArgumentException for points of another shape, for no term, and for terms that read what
    /// the problem has not, derivatives of fields beyond order 4 or means.
    let columns (problem: Problem) (model: Model) (p: Params) (terms: Term list) (x: Tensor) : Tensor =
        if x.ndim <> 2L || x.size 1 <> int64 problem.Coordinates.Length then
            invalidArg
                (nameof x)
                $"points are [N, {problem.Coordinates.Length}], of {listed problem.Coordinates}, not {List.ofArray (Tensor.shape x)}"

        if terms.IsEmpty then
            invalidArg (nameof terms) "a term or more is evaluated, and there is none"

        terms
        |> List.tryPick (termFault problem)
        |> Option.iter (fun fault -> invalidArg (nameof terms) $"problem {problem.Name}: a term: {fault}")

        use _ = torch.no_grad ()

        Tensor.scoped Seq.singleton (fun () ->
            let values, rows = evaluator problem model p terms
            torch.cat ([| for x in x.split rows -> Tensor.scoped Seq.singleton (fun () -> values x) |], 0L))

    /// The exact fields as columns, each named after its field: u_exact. Raises ArgumentException where they are not known.
    let exact (problem: Problem) : (string * Term) list =
        match problem.Exact with
        | None -> invalidArg (nameof problem) $"the exact solution of problem {problem.Name} is not known"
        | Some exact ->
            [
                for i, field in List.indexed problem.Fields do
                    let name = $"{field}_exact"
                    name, given name (fun x -> (exact x).narrow(1L, int64 i, 1L))
            ]

    /// The derivative of a field that a name means: u_x, u_xxt; coordinates' names of several letters are set apart by
    /// underscores, u_x1_x2.
    let internal tryDerivative (problem: Problem) (name: string) : Term option =
        let known coordinate = List.contains coordinate problem.Coordinates

        match List.ofArray (name.Split '_') with
        | field :: (_ :: _ as parts) when List.contains field problem.Fields ->
            let by =
                parts |> List.collect (fun part -> if known part then [ part ] else [ for c in part -> string c ])

            if by.Length <= 4 && List.forall known by && not (List.contains "" parts) then
                Some(d (Language.field field) (by |> List.map coordinate))
            else
                None
        | _ -> None

    // Files by their endings.
    let private endings = [ ".csv"; ".npy"; ".npz"; ".vti"; ".vtu" ]

    let private ending (path: string) = (Path.GetExtension path).ToLowerInvariant()

    /// What is wrong with a file to be written, its points and its columns. A message begins with the name of what it is
    /// about, as options are named.
    let internal fault
        (path: string)
        (problem: Problem)
        (points: EvaluationPoints)
        (columns: (string * Term) list)
        : string option =
        let ending, held, free = ending path, heldOf points, free problem points
        let names = problem.Coordinates @ problem.Fields @ List.map fst columns
        let twice names = names |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) |> Option.map fst

        [
            if not (List.contains ending endings) then
                $"out takes a file that ends in {listed endings}, not '{path}'"

            for name, value in held do
                if not (List.contains name problem.Coordinates) then
                    $"at holds coordinates, which are {listed problem.Coordinates}, not '{name}'"

                if not (Double.IsFinite value) then
                    $"at holds a coordinate at a finite number, not {name} at {value}"

            match twice (List.map fst held) with
            | Some name -> $"at holds '{name}' twice"
            | None -> ()

            match points with
            | EvaluationPoints.Table _ ->
                if ending = ".vti" then
                    "out: a .vti is of a grid; points take .vtu, .csv, .npy or .npz"
            | EvaluationPoints.Grid(counts, _) ->
                if counts.Length <> free.Length then
                    $"grid takes a count for each coordinate that is not held, {listed (List.map fst free)}: {free.Length}, not {counts.Length}"

                if counts |> List.exists (fun count -> count < 2) then
                    $"grid takes counts from 2 up, not {List.min counts}"

                if counts |> List.sumBy (float >> log10) > 12.0 then
                    "grid takes at most 10^12 points"

                for name, (low, high) in List.zip problem.Coordinates problem.Domain.Bounds do
                    for other, value in held do
                        if other = name && not (low <= value && value <= high) then
                            $"at holds {name} within the domain, {low} to {high}, where there is a grid, not at {value}"

            if (ending = ".vti" || ending = ".vtu") && (free.Length < 1 || free.Length > 3) then
                $"out: a {ending} has 1 to 3 coordinates, not {listed (List.map fst free)}: at holds others"

            match twice names with
            | Some name -> $"columns: two are named '{name}'"
            | None -> ()

            for name, term in columns do
                if name = "" || name |> Seq.exists (fun c -> not (Char.IsLetterOrDigit c || c = '_')) then
                    $"columns: a name takes letters, digits and underscores, not '{name}'"

                match termFault problem term with
                | Some fault -> $"columns: {name}: {fault}"
                | None -> ()
        ]
        |> List.tryHead

    // The places along each coordinate of a grid; one where it is held.
    let private axes (problem: Problem) (counts: int list) (held: (string * float) list) : float[] list =
        let places count (low, high) =
            // The last is the bound itself.
            Array.init count (fun i -> if i = count - 1 then high else low + (high - low) * float i / float (count - 1))

        ((counts, []), List.zip problem.Coordinates problem.Domain.Bounds)
        ||> List.fold (fun (counts, axes) (name, bounds) ->
            match held |> List.tryFind (fun (other, _) -> other = name), counts with
            | None, count :: counts -> counts, places count bounds :: axes
            | Some(_, value), counts -> counts, [| value |] :: axes
            | None, [] -> invalidArg (nameof counts) "a grid has a count for each coordinate that is not held")
        |> snd
        |> List.rev

    // Blocks of `rows` points [rows · d] of a grid. The last coordinate runs fastest, as arrays have it, or the first, as
    // VTK has it.
    let private gridPoints (firstFastest: bool) (axes: float[] list) (rows: int) : float[] seq =
        let sizes = axes |> List.map (fun places -> int64 places.Length)
        let count = List.fold (*) 1L sizes

        let strides =
            if firstFastest then
                List.scan (*) 1L sizes |> List.truncate sizes.Length
            else
                List.scanBack (*) sizes 1L |> List.tail

        let along = List.zip3 axes strides sizes |> List.toArray

        seq {
            for start in 0L .. int64 rows .. count - 1L do
                [|
                    for n in start .. min count (start + int64 rows) - 1L do
                        for places, stride, size in along do
                            places[int (n / stride % size)]
                |]
        }

    // How many rows a table of points has, and blocks of `rows` of them [rows · d].
    let private tablePoints (problem: Problem) (place: Placement) (path: string) (held: (string * float) list) =
        let held = Map held
        let wanted = problem.Coordinates |> List.filter (held.ContainsKey >> not)
        let largest = if place.DType = torch.float64 then Double.MaxValue else float Single.MaxValue
        let names, rowsOf = Csv.stream largest path

        match wanted |> List.tryFind (fun name -> not (List.contains name names)) with
        | Some name ->
            raise (
                BadInput
                    $"{path}: there is no column '{name}': it takes one for each coordinate that is not held, {listed wanted}"
            )
        | None -> ()

        // Read once before anything is written: for faults, and since files tell at their start how many rows they have.
        let count = rowsOf wanted |> Seq.fold (fun n _ -> n + 1L) 0L

        if count = 0L then
            raise (BadInput $"{path}: there are no points: no rows follow the header")

        let index =
            problem.Coordinates |> List.map (fun name -> List.tryFindIndex ((=) name) wanted, held.TryFind name)

        let point (row: float[]) =
            [| for column, value in index -> value |> Option.defaultWith (fun () -> row[column.Value]) |]

        let blocks rows =
            seq {
                let seen = ref 0L

                for block in rowsOf wanted |> Seq.chunkBySize rows do
                    seen.Value <- seen.Value + int64 block.Length

                    if seen.Value <= count then
                        block |> Array.collect point

                if seen.Value <> count then
                    raise (RunFailed $"{path} changed while it was read")
            }

        count, blocks

    // A block's columns: its coordinates, then its values, NaN at the points left out.
    let private columnsOf (points: float[]) (d: int) (kept: float[]) (values: float[]) (terms: int) : float[][] =
        // The place of a point's values among those of the points kept.
        let ranks = kept |> Array.scan (+) 0.0

        [|
            for i in 0 .. d - 1 -> Array.init kept.Length (fun n -> points[n * d + i])
            for j in 0 .. terms - 1 ->
                Array.init kept.Length (fun n -> if kept[n] > 0.0 then values[int ranks[n] * terms + j] else nan)
        |]

    /// `toFile` in blocks of at most so many points, before each of which it is asked whether to stop: by RunFailed, with nothing
    /// written.
    let internal toFileUnless
        (interrupted: unit -> bool)
        (most: int)
        (path: string)
        (problem: Problem)
        (model: Model)
        (p: Params)
        (points: EvaluationPoints)
        (columns: (string * Term) list)
        : Evaluated =
        fault path problem points columns
        |> Option.iter (fun fault -> invalidArg (nameof points) $"problem {problem.Name}: {fault}")

        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let ending, d = ending path, problem.Coordinates.Length
        let place = Placement.ofTensor (Seq.head p.Values)
        let terms = [ for name in problem.Fields -> name, field name ] @ columns
        let values, rows = evaluator problem model p (List.map snd terms)
        let names = List.map fst terms
        let isGrid = points.IsGrid

        let shape, count, blocks =
            match points with
            | EvaluationPoints.Grid(counts, held) ->
                let shape = counts |> List.map int64
                shape, List.fold (*) 1L shape, gridPoints (ending = ".vti") (axes problem counts held)
            | EvaluationPoints.Table(path, held) ->
                let count, blocks = tablePoints problem place path held
                [ count ], count, blocks

        let outside = ref 0L

        let evaluated (block: float[]) =
            if interrupted () then
                raise (RunFailed $"stopped; {path} was not written")

            use _ = torch.NewDisposeScope()
            let x = Tensor.ofArray place [ int64 (block.Length / d); int64 d ] block
            let contained = problem.Domain.Contains x
            let inside = contained.sum().item<int64>()
            outside.Value <- outside.Value + x.size 0 - inside

            if not isGrid || inside = x.size 0 then
                columnsOf block d (Array.create (block.Length / d) 1.0) (Tensor.toArray (values x)) terms.Length
            elif inside = 0L then
                columnsOf block d (Array.zeroCreate (block.Length / d)) [||] terms.Length
            else
                let kept = x.index_select (0L, contained.nonzero().squeeze -1L)
                columnsOf block d (Tensor.toArray contained) (Tensor.toArray (values kept)) terms.Length

        let blocks = blocks (min most (int rows)) |> Seq.map evaluated

        // The columns of coordinates that are not held and those of values.
        let unheld =
            let held = heldOf points |> List.map fst

            [|
                for i, name in List.indexed problem.Coordinates do
                    if not (List.contains name held) then
                        i
                yield! [ d .. d + names.Length - 1 ]
            |]

        AtomicFile.write path (fun stream ->
            match ending with
            | ".csv" -> Csv.write (problem.Coordinates @ names) blocks stream
            | ".npy" -> Npy.write shape (d + names.Length) blocks stream
            | ".npz" -> Npy.archive (path + ".columns") (problem.Coordinates @ names) shape blocks stream
            | ".vti" ->
                let axes = List.map2 (fun (_, (low, high)) n -> low, high, int n) (free problem points) shape

                Vtk.image axes names (blocks |> Seq.map (Array.skip d)) stream
            | _ ->
                let blocks = blocks |> Seq.map (fun block -> unheld |> Array.map (Array.get block))
                Vtk.points (unheld.Length - names.Length) count names blocks stream)

        { Points = count; Outside = outside.Value }

    /// Writes the fields of a problem's solution, and further columns of any formulas by their names, at points, into a
    /// file that is whole or absent. Its ending tells its format; numbers are float64:
    /// .csv, a line with names, then a line a point: coordinates, fields, columns;
    /// .npy, an array [points, columns], of a grid [n1, n2, …, columns];
    /// .npz, an array by each name, of the shape [points] or [n1, n2, …];
    /// .vti, a grid of 1 to 3 coordinates, and .vtu, points of as many, for ParaView, with fields and columns by name.
    /// Raises ArgumentException, in a line that says what is taken, for another ending and for points and columns that the
    /// problem or the format has not; BadInput for a table that cannot be used; RunFailed when the disk refuses.
    let toFile
        (path: string)
        (problem: Problem)
        (model: Model)
        (p: Params)
        (points: EvaluationPoints)
        (columns: (string * Term) list)
        : Evaluated =
        toFileUnless (fun () -> false) most path problem model p points columns
