// What is read off a fit when it is done: the formula in the data's own units, errors, and result.json.
namespace MetaKan.Fitting

open System.Diagnostics
open System.Text.Json.Nodes
open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// What a fit is of.
type FitData =
    {
        /// The samples as they are fitted: normalised where there is a `Scaling`.
        Data: Dataset
        /// Of inputs and output, where the data was normalised: errors and formulas are told in the units it had before.
        Scaling: (Scaling * Scaling) option
    }

/// A formula that a fit tells, with rounded numbers, and its errors in the data's own units.
type FitFormula =
    {
        /// In variables by the names of `Parser.variables`.
        Formula: Expression
        /// How much there is to read, by `FormulaFit.complexity`.
        Complexity: int
        /// The root of its mean square error at the points that were fitted.
        TrainRmse: float
        /// The same at the held-out points.
        TestRmse: float
    }

[<RequireQualifiedAccess>]
module internal FitReading =
    /// The output's unit, as a multiple of the normalised one.
    let unit (data: FitData) : float =
        data.Scaling |> Option.map (fun (_, output) -> output.Spreads[0]) |> Option.defaultValue 1.0

    /// The root of the mean square of prediction less sample, in the output's unit.
    let rmse (data: FitData) (predict: Params -> Tensor) (samples: Samples) (p: Params) : float =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        unit data * Tensor.item ((predict p - samples.Y).square().mean().sqrt())

    /// The rows of a matrix.
    let rows (t: Tensor) : float[][] = Tensor.toArray t |> Array.chunkBySize (int (t.size 1))

    /// The names that the inputs have in formulas.
    let variables (data: FitData) : string list = Parser.variables data.Data.Inputs

    /// Samples in the data's own units, in double precision.
    let private original (data: FitData) (samples: Samples) : Samples =
        let back (scaling: Scaling option) (t: Tensor) =
            let t = t.``to`` (torch.float64, torch.CPU)

            match scaling with
            | Some s ->
                let row (values: float[]) = Tensor.ofArray Placement.cpu64 [ 1L; -1L ] values
                t * row s.Spreads + row s.Means
            | None -> t

        {
            X = back (Option.map fst data.Scaling) samples.X
            Y = back (Option.map snd data.Scaling) samples.Y
        }

    // Digits that formulas are rounded to: the fewest by which the error stays.
    let private digits = [ 4; 5; 6; 8; 10; 12; 15; 17 ]

    /// The formulas of a network whose edges are all symbolic, and of a search for more, the simplest first, with the one that is
    /// the best answer; none of others. They are tidied, and rounded to the fewest digits, as far as the error at the held-out
    /// points allows it. The best one is also given unrounded.
    let formulas
        (interrupted: unit -> bool)
        (settings: FitSettings)
        (data: FitData)
        (learner: Learner)
        (p: Params)
        : (FitFormula list * FitFormula * Expression) option =
        match learner with
        | Learner.Network net when (SymbolicEdges.splines net).IsEmpty ->
            use _ = torch.NewDisposeScope()
            let names = variables data

            let inputs, output =
                match data.Scaling with
                | Some(inputs, output) -> Scaling.denormalise names inputs output
                | None -> List.map Variable names, id

            let train, test = original data data.Data.Train, original data data.Data.Test
            let rmse (samples: Samples) e = sqrt (FormulaFit.error names samples.X samples.Y e)
            let spread = Tensor.item (test.Y.max () - test.Y.min ())

            let places = FormulaFit.places names test.X

            // Whether a formula may stand for another, as far as the held-out points tell.
            let keeps before after = rmse test after <= 1.1 * rmse test before + 1e-6 * settings.Tolerance * spread

            let tidied found =
                [ 1.0; 0.1; 0.01; 1e-4; 1e-6 ]
                |> List.map (fun share -> Tidy.formula places (share * settings.Tolerance) found)
                |> List.tryFind (keeps found)
                |> Option.defaultWith (fun () -> Simplify.expression found)

            let own = SymbolicEdges.formulas inputs { Network = net; Params = p } |> List.head |> output |> tidied

            let found =
                match settings.Symbolic with
                | Some choice when settings.Search ->
                    FormulaSearch.run interrupted choice settings.Seed names train.X train.Y [ own ]
                | _ -> [ FormulaSearch.judged names train.X train.Y own ]

            let told (found: FoundFormula) =
                let rounded =
                    digits
                    |> List.map (fun digits -> Simplify.rounded digits found.Formula |> Simplify.expression)
                    |> List.tryFind (keeps found.Formula)
                    |> Option.defaultValue found.Formula

                {
                    Formula = rounded
                    Complexity = FormulaFit.complexity rounded
                    TrainRmse = rmse train rounded
                    TestRmse = rmse test rounded
                }

            let best = FormulaSearch.best train.Y found
            Some(List.map told found, told best, best.Formula)
        | _ -> None

    /// What result.json says.
    let result
        (settings: FitSettings)
        (data: FitData)
        (state: FitState)
        (formula: FitFormula option)
        outcome
        : JsonObject =
        let node (value: 'a) = RunFolder.node value
        let text = Option.map (fun (t: string) -> node t) >> Option.toObj
        let test = data.Data.Test
        let model, description = Learner.describe state.Learner
        let p = state.Training.Params
        let error (samples: Samples) = rmse data (Learner.predictor state.Learner samples.X) samples p
        let rounded = formula |> Option.map _.Formula
        // One value has none, of which libtorch would warn on stderr.
        let spread = if test.Y.numel () > 1L then Tensor.item (test.Y.std ()) else nan

        RunFolder.fields
            [
                "task", node "fit"
                "model", node model
                "network", node description
                "parameters", node (Learner.trainable state.Learner p)
                "steps", node state.Training.Step
                "train_rmse", node (error data.Data.Train)
                "test_rmse", node (error test)
                "test_rmse_relative", node (error test / (unit data * spread))
                "seconds", node state.Training.Seconds
                "formula", text (Option.map Printer.text rounded)
                "formula_test_rmse", formula |> Option.map (fun f -> node f.TestRmse) |> Option.toObj
                "formula_r2",
                formula
                |> Option.map (fun f -> node (1.0 - pown (f.TestRmse / (unit data * spread)) 2))
                |> Option.toObj
                "formula_latex", text (Option.map Printer.latex rounded)
                for name, language in Code.languages do
                    $"formula_{name}", text (Option.map (Code.text language) rounded)
                "peak_rss_mib", node (float (Process.GetCurrentProcess().PeakWorkingSet64) / 1048576.0)
                "seed", node settings.Seed
                "outcome", node (Outcome.name outcome)
            ]
