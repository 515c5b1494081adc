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
        /// Of inputs and outputs, where the data was normalised: errors and formulas are told in the units it had before.
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

/// The formulas that a fit tells for one of its targets.
type TargetFormulas =
    {
        /// The target's name.
        Target: string
        /// Those that nothing is both simpler and closer than, the simplest first.
        All: FitFormula list
        /// The one of them that answers best.
        Best: FitFormula
        /// The same, tidied but not rounded.
        Unrounded: Expression
    }

[<RequireQualifiedAccess>]
module internal FitReading =
    /// The outputs' units, as multiples of the normalised ones.
    let private units (data: FitData) : float[] =
        match data.Scaling with
        | Some(_, outputs) -> outputs.Spreads
        | None -> Array.create data.Data.Targets.Length 1.0

    /// The root of the mean of squares.
    let private root (numbers: float[]) : float =
        // Squares of large numbers would overflow.
        let largest = Array.max numbers

        if largest > 0.0 && System.Double.IsFinite largest then
            largest * sqrt (numbers |> Array.averageBy (fun v -> (v / largest) ** 2.0))
        else
            largest

    // The root of the mean square of prediction less sample, of each target, in its unit.
    let private errors (data: FitData) (predict: Params -> Tensor) (samples: Samples) (p: Params) : float[] =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()

        (predict p - samples.Y).square().mean([| 0L |]).sqrt()
        |> Tensor.toArray
        |> Array.map2 (*) (units data)

    /// The root of the mean square of prediction less sample over all targets, each in its unit.
    let rmse (data: FitData) (predict: Params -> Tensor) (samples: Samples) (p: Params) : float =
        errors data predict samples p |> root

    // The standard deviation of the samples of each target, in its unit.
    let private spreads (data: FitData) (samples: Samples) : float[] =
        use _ = torch.NewDisposeScope()

        // One value has none, of which libtorch would warn on stderr.
        if samples.Y.size 0 > 1L then
            samples.Y.std (0L) |> Tensor.toArray |> Array.map2 (*) (units data)
        else
            units data |> Array.map (fun _ -> nan)

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

    // The formulas of one target, from that of the network's edges.
    let private ofTarget
        (interrupted: unit -> bool)
        (settings: FitSettings)
        (names: string list)
        (train: Samples)
        (test: Samples)
        (target: string)
        (own: Expression)
        : TargetFormulas =
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

        let own = tidied own

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
        { Target = target; All = List.map told found; Best = told best; Unrounded = best.Formula }

    /// The formulas of a network whose edges are all symbolic, and of a search for more, of each target; none of others. They are
    /// tidied, and rounded to the fewest digits, as far as the error at the held-out points allows it.
    let formulas
        (interrupted: unit -> bool)
        (settings: FitSettings)
        (data: FitData)
        (learner: Learner)
        (p: Params)
        : TargetFormulas list =
        match learner with
        | Learner.Network net when (SymbolicEdges.splines net).IsEmpty ->
            use _ = torch.NewDisposeScope()
            let names = variables data

            let inputs, outputs =
                match data.Scaling with
                | Some(inputs, outputs) -> Scaling.denormalise names inputs outputs
                | None -> List.map Variable names, [ for _ in data.Data.Targets -> id ]

            let own =
                SymbolicEdges.formulas inputs { Network = net; Params = p }
                |> List.map2 (fun back e -> back e) outputs

            let train, test = original data data.Data.Train, original data data.Data.Test

            [
                for i, target in List.indexed data.Data.Targets do
                    let only (samples: Samples) = { samples with Y = samples.Y.narrow (1L, int64 i, 1L) }
                    ofTarget interrupted settings names (only train) (only test) target own[i]
            ]
        | _ -> []

    /// What result.json says.
    let result
        (settings: FitSettings)
        (data: FitData)
        (state: FitState)
        (formulas: TargetFormulas list)
        outcome
        : JsonObject =
        let node (value: 'a) = RunFolder.node value
        let test = data.Data.Test
        let model, description = Learner.describe state.Learner
        let p = state.Training.Params
        let errors (samples: Samples) = errors data (Learner.predictor state.Learner samples.X) samples p
        let spreads, tested = spreads data test, errors test

        // Of values that are all the same, all or nothing is explained.
        let r2 =
            formulas
            |> List.mapi (fun i it ->
                match it.Best.TestRmse, spreads[i] with
                | rmse, 0.0 -> if rmse = 0.0 then 1.0 else 0.0
                | rmse, spread -> 1.0 - pown (rmse / spread) 2)

        let texts (it: TargetFormulas option) =
            let text (write: Expression -> string) =
                it |> Option.map (fun it -> node (write it.Best.Formula)) |> Option.toObj

            [
                "formula", text Printer.text
                "formula_latex", text Printer.latex
                for name, language in Code.languages do
                    $"formula_{name}", text (Code.text language)
            ]

        let some (number: unit -> float) = if formulas.IsEmpty then null else node (number ())

        RunFolder.fields
            [
                "task", node "fit"
                "model", node model
                "network", node description
                "parameters", node (Learner.trainable state.Learner p)
                "steps", node state.Training.Step
                "train_rmse", node (root (errors data.Data.Train))
                "test_rmse", node (root tested)
                "test_rmse_relative", node (root (Array.map2 (/) tested spreads))
                "seconds", node state.Training.Seconds
                yield! texts (if formulas.Length = 1 then Some formulas.Head else None)

                if formulas.Length > 1 then
                    "formulas",
                    JsonArray(
                        [|
                            for it, r2 in List.zip formulas r2 do
                                [
                                    "target", node it.Target
                                    yield! texts (Some it)
                                    "test_rmse", node it.Best.TestRmse
                                    "r2", node r2
                                ]
                                |> RunFolder.fields
                                :> JsonNode
                        |]
                    )
                "formula_test_rmse", some (fun () -> root [| for it in formulas -> it.Best.TestRmse |])
                // The least of all targets'.
                "formula_r2", some (fun () -> List.min r2)
                "peak_rss_mib", node (float (Process.GetCurrentProcess().PeakWorkingSet64) / 1048576.0)
                "seed", node settings.Seed
                "outcome", node (Outcome.name outcome)
            ]
