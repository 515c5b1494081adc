/// `metakan evaluate`: the solution of a `pde` run, and its derivatives, or a fit, at points of the user's choice, in a file.
module MetaKan.Cli.Evaluate

open System
open System.Globalization
open System.IO
open Argu
open MetaKan
open MetaKan.Fitting
open MetaKan.Pdes
open MetaKan.Symbolic
open MetaKan.Cli.Options
open TorchSharp

type Options =
    | [<MainCommand; ExactlyOnce>] Folder of RUN: string
    | Points of FILE: string
    | Grid of COUNTS: string
    | At of COORDINATES: string
    | [<Mandatory>] Out of FILE: string
    | Derivatives of NAMES: string
    | Exact

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Folder _ -> "folder of a pde run or of a fit, finished or not."
            | Points _ -> "a CSV file of points, with a column for each coordinate or input."
            | Grid _ -> "a grid over the domain, as 200x200: a count for each coordinate that --at does not hold."
            | At _ -> "coordinates that are held, as t=0.5,z=0."
            | Out _ -> "the file to write: .csv, .npy or .npz (NumPy), .vti (a grid) or .vtu (points) for ParaView."
            | Derivatives _ -> "derivatives of the fields up to order 4, as u_x,u_xxt; of long names, u_x1_x2."
            | Exact -> "also the exact solution, where it is known."

let private held (given: string) : (string * float) list =
    [
        for part in given.Split ',' do
            match part.Split '=' with
            | [| name; value |] ->
                match Double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture) with
                | true, value -> name.Trim(), value
                | _ -> raise (BadInput $"--at takes numbers, as t=0.5, not '{value}' for {name}")
            | _ -> raise (BadInput $"--at takes coordinates with values, as t=0.5,z=0, not '{part}'")
    ]

let private counts (given: string) : int list =
    [
        for part in given.Split 'x' do
            match Int32.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, count -> count
            | _ -> raise (BadInput $"--grid takes whole numbers with x between them, as 200x200, not '{given}'")
    ]

let private derivatives (problem: Problem) (given: string) : (string * Term) list =
    let names = given.Split(',', StringSplitOptions.TrimEntries) |> List.ofArray

    let derivative name =
        match Evaluation.tryDerivative problem name with
        | Some term -> name, term
        | None ->
            let listed (names: string list) = String.concat ", " names

            let example = $"{problem.Fields.Head}_{problem.Coordinates.Head}"
            let fields, coordinates = listed problem.Fields, listed problem.Coordinates

            raise (
                BadInput
                    $"--derivatives takes a field ({fields}), _ and 1 to 4 coordinates ({coordinates}), as {example}, not '{name}'"
            )

    match names |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) with
    | Some(name, _) -> raise (BadInput $"--derivatives takes a name once, and has '{name}' twice")
    | None -> names |> List.map derivative

/// The solution of a pde run.
let private solution (options: ParseResults<Options>) (folder: string) (out: string) : int =
    let held = options.TryGetResult At |> Option.map held |> Option.defaultValue []

    let points =
        match options.TryGetResult Points, options.TryGetResult Grid with
        | Some file, None -> EvaluationPoints.Table(file, held)
        | None, Some given -> EvaluationPoints.Grid(counts given, held)
        | _ -> raise (BadInput "evaluate takes either --points or --grid")

    let problem, model = Pde.stored folder

    if options.Contains Exact && problem.Exact.IsNone then
        raise (BadInput $"--exact: the exact solution of {problem.Name} is not known")

    let columns =
        [
            yield! options.TryGetResult Derivatives |> Option.map (derivatives problem) |> Option.defaultValue []
            if options.Contains Exact then
                yield! Evaluation.exact problem
        ]

    // What the library calls points and columns is named here after the options.
    Evaluation.fault out problem points columns
    |> Option.iter (fun fault -> raise (BadInput $"--{fault}"))

    let solution = Solve.restore folder problem model

    let written =
        use interrupt = new Interrupt.Watch()
        let interrupted () = interrupt.Asked
        Evaluation.toFileUnless interrupted Evaluation.most out problem model solution.Params points columns

    match points with
    | EvaluationPoints.Table(file, _) when written.Outside > 0L ->
        eprintfn
            $"metakan: {written.Outside} of {written.Points} points of {Terminal.plain file} lie outside the domain: no network is trained there"
    | _ -> ()

    let left =
        if points.IsGrid && written.Outside > 0L then
            $", {written.Outside} of them outside the domain"
        else
            ""

    printfn $"{written.Points} points{left}, in {Terminal.plain out}"
    0

/// A fit at the points of a table: its values, and those of its formula where it has one.
let private fit (options: ParseResults<Options>) (folder: string) (out: string) : int =
    [
        "--grid", options.Contains Grid
        "--at", options.Contains At
        "--derivatives", options.Contains Derivatives
        "--exact", options.Contains Exact
    ]
    |> onlyWith "pde runs: a fit takes --points" false

    let file =
        match options.TryGetResult Points with
        | Some file -> file
        | None -> raise (BadInput "evaluate takes --points for a fit")

    if Path.GetExtension(out).ToLowerInvariant() <> ".csv" then
        raise (BadInput $"--out takes a file that ends in .csv for a fit, not '{out}'")

    use _ = torch.NewDisposeScope()
    let saved = Fit.saved folder
    let inputs = saved.Columns.Inputs
    let table = Csv.read Double.MaxValue file

    let places =
        [|
            for input in inputs ->
                match List.tryFindIndex ((=) input) table.Columns with
                | Some place -> place
                | None -> raise (BadInput $"{file}: no column '{input}', which the fit takes")
        |]

    let rows = table.Rows |> Array.map (fun row -> places |> Array.map (Array.get row))

    if rows.Length = 0 then
        raise (BadInput $"{file}: no row of numbers below the header")

    let x = Tensor.ofArray Placement.cpu64 [ int64 rows.Length; int64 inputs.Length ] (Array.concat rows)

    let outside =
        rows
        |> Array.filter (Seq.zip saved.Columns.Ranges >> Seq.exists (fun ((low, high), v) -> v < low || v > high))
        |> Array.length

    let values = saved.Values x
    let names = Parser.variables inputs

    let columns =
        [
            for i, input in List.indexed inputs do
                input, rows |> Array.map (Array.item i)

            for i, target in List.indexed saved.Columns.Targets do
                target, Tensor.toArray (values.select (1L, int64 i))

                match List.tryItem i saved.Formulas with
                | Some formula -> $"{target}_formula", Tensor.toArray (FormulaFit.values names x formula)
                | None -> ()
        ]

    AtomicFile.write out (Csv.write (List.map fst columns) [ columns |> List.map snd |> Array.ofList ])

    if outside > 0 then
        eprintfn
            $"metakan: {outside} of {rows.Length} points of {Terminal.plain file} lie outside what the fit was trained on: its values there are extrapolated"

    printfn $"{rows.Length} points, in {Terminal.plain out}"
    0

let run (options: ParseResults<Options>) : int =
    let folder, out = options.GetResult Folder, options.GetResult Out |> fileToWrite "--out"

    if Fit.isFit folder then fit options folder out else solution options folder out
