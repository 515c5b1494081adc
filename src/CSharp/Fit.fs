// Fits and their formulas for C#.
namespace MetaKan.CSharp

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open MetaKan
open MetaKan.Fitting
open MetaKan.Symbolic
open MetaKan.CSharp.Conversions

/// Data to fit functions to.
[<AbstractClass; Sealed>]
type Data private () =
    /// Points uniform on ranges, with the values of a formula, as "exp(sin(pi*x) + y^2)", or of several, as
    /// "u = x*y; v = x/y". Raises BadInput.
    static member OfFormula
        (
            formula: string,
            ranges: seq<struct (string * float * float)>,
            [<Optional>] train: Nullable<int>,
            [<Optional>] test: Nullable<int>,
            [<Optional>] noise: Nullable<float>,
            [<Optional>] seed: Nullable<int>
        ) : Dataset =
        let ranges = [ for struct (name, low, high) in ranges -> name, (low, high) ]

        Dataset.ofFormulas
            (Dataset.formulas (List.map fst ranges) formula)
            ranges
            (given train 1000)
            (given test 1000)
            (given noise 0.0)
            (Key.ofSeed (given seed 0))
            Placement.cpu64

    /// Rows of numbers, in named columns of which some are the targets; a share of the rows, a fifth if none is given, is to
    /// test on. Raises BadInput.
    static member OfRows
        (
            columns: seq<string>,
            rows: seq<float[]>,
            targets: seq<string>,
            [<Optional>] testShare: Nullable<float>,
            [<Optional>] seed: Nullable<int>
        ) : Dataset =
        let table = { Columns = List.ofSeq columns; Rows = Array.ofSeq rows }

        Dataset.ofTable
            (nameof rows)
            table
            (List.ofSeq targets)
            (given testShare 0.2)
            (Key.ofSeed (given seed 0))
            Placement.cpu64

    /// The same of a .csv file with a header line. Raises BadInput.
    static member OfCsv
        (path: string, targets: seq<string>, [<Optional>] testShare: Nullable<float>, [<Optional>] seed: Nullable<int>)
        : Dataset =
        Dataset.ofCsv path (List.ofSeq targets) (given testShare 0.2) (Key.ofSeed (given seed 0)) Placement.cpu64

/// Fits: how one is made, and what its formula says.
[<AbstractClass; Sealed; Extension>]
type Fits private () =
    // The formula of a target, or of the first.
    static let formula (run: FitRun) (target: string) : Expression option =
        match run.Formulas |> List.tryFind (fun it -> isNull target || it.Target = target) with
        | Some it -> Some it.Unrounded
        | None when isNull target || run.Formulas.IsEmpty -> None
        | None ->
            let names = run.Formulas |> List.map _.Target |> String.concat ", "
            invalidArg (nameof target) $"the fit has the targets {names}, not '{target}'"

    /// Fits a network to data in a run's folder, new or empty, or to be gone on with. Raises BadInput for what cannot be
    /// used, RunFailed when the disk refuses.
    [<Extension>]
    static member Fit
        (
            data: Dataset,
            network: Network,
            folder: string,
            [<Optional>] settings: FitSettings,
            [<Optional>] listen: Action<FitEvent>,
            [<Optional>] resume: bool
        ) : FitRun =
        Fit.run
            (place folder resume)
            (named settings FitSettings.defaults)
            { Data = data; Scaling = None }
            (Learner.Network network)
            (listener listen)

    /// The formula of a target, or of the first, as text, "exp(sin(pi*x))"; null where the fit has none.
    [<Extension>]
    static member FormulaText(run: FitRun, [<Optional>] target: string) : string =
        formula run target |> Option.map Printer.text |> Option.toObj

    /// The formula of a target, or of the first, in LaTeX; null where the fit has none.
    [<Extension>]
    static member FormulaLatex(run: FitRun, [<Optional>] target: string) : string =
        formula run target |> Option.map Printer.latex |> Option.toObj

    /// The value of the first target's formula at a point, by the names of its variables. Raises InvalidOperationException where
    /// the fit has no formula, and KeyNotFoundException for a variable that is not named.
    [<Extension>]
    static member Value(run: FitRun, [<ParamArray>] variables: struct (string * float)[]) : float =
        match formula run null with
        | Some formula -> formula |> Expression.value (fun name -> (Map.ofList (pairs variables))[name])
        | None -> invalidOp "the fit has no formula: its settings name no symbolic functions"

    /// The values [N · m] of the fitted network at points [N, n], point by point.
    [<Extension>]
    static member At(run: FitRun, points: float[,]) : float[] =
        match run.Fitted with
        | Some fitted ->
            use _ = TorchSharp.torch.NewDisposeScope()
            use _ = TorchSharp.torch.no_grad ()
            let place = fitted.Params |> Map.toSeq |> Seq.head |> snd |> Placement.ofTensor
            Tensor.toArray (Network.values fitted.Network (tensor place points) fitted.Params)
        | None -> invalidOp "the fit has no network of edges"
