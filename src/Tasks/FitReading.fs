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

    // Held-out points, as values by name, and the truths there, in the data's own units.
    let private original (data: FitData) : (string -> float) list * float list =
        let back (scaling: Scaling option) (values: float[]) =
            match scaling with
            | Some s -> Array.mapi (fun i v -> v * s.Spreads[i] + s.Means[i]) values
            | None -> values

        let originals t scaling = rows t |> Array.map (back scaling) |> Array.toList

        originals data.Data.Test.X (Option.map fst data.Scaling)
        |> List.map (fun row ->
            let values = Map(List.zip data.Data.Inputs (List.ofArray row))
            fun name -> values[name]),
        originals data.Data.Test.Y (Option.map snd data.Scaling) |> List.map Array.head

    let private misfit (data: FitData) (formula: Expression) : float =
        original data
        ||> List.map2 (fun point truth -> pown (Expression.value point formula - truth) 2)
        |> List.average
        |> sqrt

    /// The formula of a network whose edges are all symbolic; none of others. It is tidied unless that makes it clearly
    /// worse on the held-out points.
    let formula (settings: FitSettings) (data: FitData) (learner: Learner) (p: Params) : Expression option =
        match learner with
        | Learner.Network net when settings.Symbolic.IsSome && (SymbolicEdges.splines net).IsEmpty ->
            let inputs, output =
                match data.Scaling with
                | Some(inputs, output) -> Scaling.denormalise data.Data.Inputs inputs output
                | None -> List.map Variable data.Data.Inputs, id

            let found = SymbolicEdges.formulas inputs { Network = net; Params = p } |> List.head |> output
            let points, truths = original data
            let tidy = Tidy.formula (List.truncate 100 points) settings.Tolerance found
            let spread = List.max truths - List.min truths

            if misfit data tidy <= 1.5 * misfit data found + 0.1 * settings.Tolerance * spread then
                Some tidy
            else
                Some(Simplify.expression found)
        | _ -> None

    /// What result.json says.
    let result
        (settings: FitSettings)
        (data: FitData)
        (state: FitState)
        (formula: Expression option)
        outcome
        : JsonObject =
        let node (value: 'a) = RunFolder.node value
        let text = Option.map (fun (t: string) -> node t) >> Option.toObj
        let test = data.Data.Test
        let model, description = Learner.describe state.Learner
        let p = state.Training.Params
        let error (samples: Samples) = rmse data (Learner.predictor state.Learner samples.X) samples p
        let rounded = formula |> Option.map (Simplify.rounded 4)
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
                "formula_test_rmse", rounded |> Option.map (misfit data >> node) |> Option.toObj
                "formula_latex", text (Option.map Printer.latex rounded)
                "peak_rss_mib", node (float (Process.GetCurrentProcess().PeakWorkingSet64) / 1048576.0)
                "seed", node settings.Seed
                "outcome", node (Outcome.name outcome)
            ]
