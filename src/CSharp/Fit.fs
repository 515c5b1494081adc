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
    /// Points uniform on ranges, with the values of a formula, as "exp(sin(pi*x) + y^2)". Raises BadInput.
    static member OfFormula
        (
            formula: string,
            ranges: seq<struct (string * float * float)>,
            [<Optional>] train: Nullable<int>,
            [<Optional>] test: Nullable<int>,
            [<Optional>] noise: Nullable<float>,
            [<Optional>] seed: Nullable<int>
        ) : Dataset =
        Dataset.ofFormula
            (Parser.expression formula)
            [ for struct (name, low, high) in ranges -> name, (low, high) ]
            (given train 1000)
            (given test 1000)
            (given noise 0.0)
            (Key.ofSeed (given seed 0))
            Placement.cpu64

    /// Rows of numbers, in named columns of which one is the target; a share of the rows, a fifth if none is given, is to test
    /// on. Raises BadInput.
    static member OfRows
        (
            columns: seq<string>,
            rows: seq<float[]>,
            target: string,
            [<Optional>] testShare: Nullable<float>,
            [<Optional>] seed: Nullable<int>
        ) : Dataset =
        let table = { Columns = List.ofSeq columns; Rows = Array.ofSeq rows }
        Dataset.ofTable (nameof rows) table target (given testShare 0.2) (Key.ofSeed (given seed 0)) Placement.cpu64

    /// The same of a .csv file with a header line. Raises BadInput.
    static member OfCsv
        (path: string, target: string, [<Optional>] testShare: Nullable<float>, [<Optional>] seed: Nullable<int>)
        : Dataset =
        Dataset.ofCsv path target (given testShare 0.2) (Key.ofSeed (given seed 0)) Placement.cpu64

/// Fits: how one is made, and what its formula says.
[<AbstractClass; Sealed; Extension>]
type Fits private () =
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

    /// The formula as text, "exp(sin(pi*x))"; null where the fit has none.
    [<Extension>]
    static member FormulaText(run: FitRun) : string = run.Formula |> Option.map Printer.text |> Option.toObj

    /// The formula in LaTeX; null where the fit has none.
    [<Extension>]
    static member FormulaLatex(run: FitRun) : string = run.Formula |> Option.map Printer.latex |> Option.toObj

    /// The formula's value at a point, by the names of its variables. Raises InvalidOperationException where the fit has no
    /// formula, and KeyNotFoundException for a variable that is not named.
    [<Extension>]
    static member Value(run: FitRun, [<ParamArray>] variables: struct (string * float)[]) : float =
        match run.Formula with
        | Some formula -> formula |> Expression.value (fun name -> (Map.ofList (pairs variables))[name])
        | None -> invalidOp "the fit has no formula: its settings name no symbolic functions"

    /// The values [N] of the fitted network at points [N, n].
    [<Extension>]
    static member At(run: FitRun, points: float[,]) : float[] =
        match run.Fitted with
        | Some fitted ->
            use _ = TorchSharp.torch.NewDisposeScope()
            use _ = TorchSharp.torch.no_grad ()
            let place = fitted.Params |> Map.toSeq |> Seq.head |> snd |> Placement.ofTensor
            Tensor.toArray (Network.values fitted.Network (tensor place points) fitted.Params)
        | None -> invalidOp "the fit has no network of edges"
