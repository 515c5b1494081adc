/// `metakan edges`: lists the edges of a fit, suggests functions for one, fixes and frees edges by hand, and trains on.
module MetaKan.Cli.Edges

open System
open System.Globalization
open System.IO
open Argu
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Cli.Options
open TorchSharp

type Options =
    | [<MainCommand; ExactlyOnce>] Folder of RUN: string
    | Suggest of EDGE: string
    | Fix of EDGE: string * FUNCTION: string
    | Unfix of EDGE: string
    | A_Range of RANGE: string
    | B_Range of RANGE: string
    | Steps of int
    | Out of DIR: string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Folder _ -> "folder of a fit, finished or not."
            | Suggest _ -> "rank functions for an edge, given by layer, from and to, as 0,1,2."
            | Fix _ ->
                "fix an edge to c*f(a*x+b)+d, f a name or a formula in x, its numbers fitted to the edge; may be repeated."
            | Unfix _ -> "give an edge a spline, fitted to its function; may be repeated."
            | A_Range _ -> "lowest and highest a, as -3:3; 1:1 holds it (-10:10)."
            | B_Range _ -> "lowest and highest b (-10:10)."
            | Steps _ -> "steps of training after the changes, by the fit's data and optimizer (0)."
            | Out _ -> "folder of the changed fit; without it nothing is written."

let private rangeOf (option: string) (given: string) : float * float =
    let number (text: string) = Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture)

    match given.Split ':' |> Array.map number with
    | [| true, low; true, high |] when low <= high && Double.IsFinite(high - low) -> low, high
    | _ -> raise (BadInput $"{option} takes the lowest and the highest value, as -3:3, not '{given}'")

let private edgeOf (option: string) (net: Network) (given: string) : Edge =
    match given.Split ',' |> Array.map Int32.TryParse with
    | [| true, layer; true, from; true, place |] ->
        let layers = Network.depth net

        if layer < 0 || layer >= layers then
            raise (BadInput $"{option} takes an edge of layer 0 to {layers - 1}, not '{given}'")

        let inputs, ends = (Network.shapes net)[layer]

        if from < 0 || from >= inputs || place < 0 || place >= ends then
            raise (
                BadInput
                    $"{option} takes an edge of layer {layer} from 0 to {inputs - 1} and to 0 to {ends - 1}, not '{given}'"
            )

        { Layer = layer; From = from; To = place }
    | _ -> raise (BadInput $"{option} takes an edge as layer, from and to, as 0,1,2, not '{given}'")

/// The same of an edge that carries something.
let private carryingOf (option: string) (net: Network) (given: string) : Edge =
    let edge = edgeOf option net given

    if List.contains edge (SymbolicEdges.edges net) then
        edge
    else
        raise (BadInput $"{option}: the edge {given} was removed: --unfix gives it a spline")

let private number (v: float) : string = if Double.IsNaN v then "" else v.ToString("G4", CultureInfo.InvariantCulture)

/// What was said of edges when they were fixed.
type private Known = Map<Edge, string * AffineFit>

/// The edges as a table.
let private listed (x: Tensor) (known: Known) (fitted: Fitted) : string list =
    let _, scores = FitStages.scored x fitted

    Table.aligned
        [
            [ "edge"; "function"; "R2"; "score"; "formula" ]

            for edge in SymbolicEdges.edges fitted.Network do
                let name = Map.tryFind edge fitted.Network.Symbols

                [
                    $"{edge.Layer},{edge.From},{edge.To}"
                    defaultArg name "spline"
                    match Map.tryFind edge known with
                    | Some(function', fit) when Some function' = name -> number fit.R2
                    | _ -> ""
                    number scores.Edges[edge.Layer].[edge.From, edge.To]
                    SymbolicEdges.formula fitted edge (Variable "x")
                    |> Option.map (Simplify.expression >> Simplify.rounded 4 >> Printer.text)
                    |> Option.defaultValue ""
                ]
        ]

let private suggested (suggestions: Suggestion list) : string list =
    Table.aligned
        [
            [ "function"; "complexity"; "R2"; "cost"; "a"; "b"; "c"; "d" ]

            for { Function = f; Fit = fit; Cost = cost } in suggestions do
                [ f.Name; string f.Complexity; yield! List.map number [ fit.R2; cost; fit.A; fit.B; fit.C; fit.D ] ]
        ]

/// The network after a change that an option asks for.
let private changed (choice: SymbolicChoice) (x: Tensor) (fitted: Fitted, known: Known) (option: Options) =
    match option with
    | Fix(edge, name) ->
        let edge = carryingOf "--fix" fitted.Network edge
        let trace = Network.trace fitted.Network x fitted.Params
        let found = named "--fix" (fun () -> SymbolicEdges.candidate choice trace edge name)

        SymbolicEdges.fix edge found.Function found.Fit fitted, Map.add edge (found.Function.Name, found.Fit) known
    | Unfix edge ->
        let edge = edgeOf "--unfix" fitted.Network edge
        SymbolicEdges.unfix edge fitted, Map.remove edge known
    | _ -> fitted, known

/// What was asked for of a network, as config.json has it.
let private asked (options: ParseResults<Options>) : string list =
    [
        for option in options.GetAllResults() do
            match option with
            | Fix(edge, name) -> $"fix {edge} {name}"
            | Unfix edge -> $"unfix {edge}"
            | A_Range range -> $"a-range {range}"
            | B_Range range -> $"b-range {range}"
            | _ -> ()
    ]

/// The changed fit as a run of its own, trained on.
let private kept (opened: Fit.Opened) folder out edits steps (fitted: Fitted, known: Known) : int =
    use interrupt = new Interrupt.Watch()
    use live = Live.start false None

    let settings =
        { opened.Settings with
            Steps = [ steps ]
            Sparsity = Sparsity.none
            GridUpdates = None
            Extend = []
            Prune = None
            Symbolic = None
            Search = false
        }

    let place =
        { RunPlace.fresh out with
            Sections = opened.Sections($"edges of {Path.GetFullPath folder}" :: edits)
            Interrupted = fun () -> interrupt.Asked
            Signals = false
        }

    let x = opened.Data.Data.Train.X

    Fit.told (Training.view false false) live place settings opened.Data (Learner.Network fitted.Network) (fun listen ->
        let run =
            Fit.runFrom place settings opened.Data fitted (fun event ->
                // Once the folder is there.
                if event.IsEntered then
                    FitFormulas.saveEdges out (Map.toSeq known)

                listen event)

        run, run.Fitted |> Option.map (listed x known) |> Option.defaultValue [])

let run (options: ParseResults<Options>) : int =
    let options = sound [ "--fix"; "--unfix" ] options
    let folder = options.GetResult Folder
    let changes = options.Contains Fix || options.Contains Unfix
    let suggests = options.Contains Suggest

    [ "--fix", options.Contains Fix; "--unfix", options.Contains Unfix; "--out", options.Contains Out ]
    |> onlyWith "edges without --suggest" (not suggests)

    [ "--a-range", options.Contains A_Range; "--b-range", options.Contains B_Range ]
    |> onlyWith "--suggest and --fix" (suggests || options.Contains Fix)

    [ "--steps", options.Contains Steps ] |> onlyWith "--out" (options.Contains Out)
    let steps = options.GetResult(Steps, 0) |> atLeast "--steps" 0
    let start = SymbolicEdges.defaults

    let choice =
        { start with
            ARange =
                options.TryGetResult A_Range |> Option.map (rangeOf "--a-range") |> Option.defaultValue start.ARange
            BRange =
                options.TryGetResult B_Range |> Option.map (rangeOf "--b-range") |> Option.defaultValue start.BRange
        }

    use _ = torch.NewDisposeScope()
    let opened = Fit.opened folder

    let fitted =
        match opened.Saved.Fitted with
        | Some fitted -> fitted
        | None ->
            raise (
                BadInput $"{folder} is a fit by a network without edges of its own: edges takes one of kan or metakan"
            )

    torch.set_num_threads opened.Threads
    let x = opened.Data.Data.Train.X

    let after, known =
        use _ = torch.no_grad ()
        ((fitted, FitFormulas.edges folder), options.GetAllResults()) ||> List.fold (changed choice x)

    let rmse (fitted: Fitted) =
        FitReading.rmse
            opened.Data
            (Network.values fitted.Network opened.Data.Data.Test.X)
            opened.Data.Data.Test
            fitted.Params

    match options.TryGetResult Suggest, options.TryGetResult Out with
    | Some edge, _ ->
        use _ = torch.no_grad ()
        let edge = carryingOf "--suggest" fitted.Network edge
        let trace = Network.trace fitted.Network x fitted.Params
        SymbolicEdges.suggest choice trace edge |> suggested |> List.iter (printfn "%s")
        0
    | None, Some out -> kept opened folder out (asked options) steps (after, known)
    | None, None ->
        listed x known after |> List.iter (Terminal.plain >> printfn "%s")

        if changes then
            printfn $"test RMSE {rmse after:G3}, {rmse fitted:G3} before; --out keeps the change"

        0
