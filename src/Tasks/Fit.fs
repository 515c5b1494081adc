// The task of fitting a function to data, and of reading a formula off the fit, in a run folder.
namespace MetaKan

open System
open System.Diagnostics
open System.Text.Json.Nodes
open TorchSharp

/// What learns the function.
type Learner =
    | Kan of Network
    | OfModel of Model

/// Which optimizer takes a step.
type FitOptimizer =
    /// L-BFGS that remembers so many pairs; one step is up to 20 iterations, as in pykan.
    | FullBatchLbfgs of history: int
    /// Adam with a constant rate; one step is one update.
    | FullBatchAdam of rate: float

/// Scores at or below which nodes and edges are pruned.
type Thresholds = { Node: float; Edge: float }

type FitSettings =
    {
        /// Steps of each stage in order: training, after pruning, after each extension; the last also of those left.
        Steps: int list
        Optimizer: FitOptimizer
        /// In force until something is pruned, or the first extension.
        Sparsity: Sparsity
        /// Knots are fitted to the samples every so many steps in the first `until` of the training.
        GridUpdates: (int * int) option
        /// Between knots at the samples' quantiles (0) and even ones (1).
        Evenness: float
        /// The grid sizes to go on to.
        Extend: int list
        Prune: Thresholds option
        Symbolic: SymbolicChoice option
        /// Steps of L-BFGS on the affine parameters of the symbolic functions.
        RefitSteps: int
        /// Numbers in the formula this near an integer or a small multiple of π/2 become it.
        Tolerance: float
        /// Height of the noise that stored splines start from.
        Noise: float
        Seed: int
        Placement: Placement
        Folder: string
        /// What else describes the run, for config.json.
        Labels: (string * JsonNode) list
    }

/// What a listener hears.
type FitEvent =
    /// A stage begins: what it is.
    | Entered of string
    /// A step was done: its number over all stages, and the errors after it.
    | FitStep of step: int * trainRmse: float * testRmse: float
    /// An edge got its function.
    | Chosen of Edge * Suggestion

type FitRun =
    {
        /// The fitted network, for a KAN.
        Fitted: Fitted option
        Params: Params
        /// The formula, in the data's own units, tidied but not rounded.
        Formula: Expression option
        Outcome: Outcome
        Result: JsonObject
    }

[<RequireQualifiedAccess>]
module Fit =
    /// 70 steps of L-BFGS, nothing pruned, nothing symbolic. It remembers 50 pairs: networks of a few hundred parameters
    /// come to half the error that they reach with the usual 10, for 5 % more time.
    let defaults: FitSettings =
        {
            Steps = [ 70 ]
            Optimizer = FullBatchLbfgs 50
            Sparsity = Sparsity.none
            GridUpdates = None
            Evenness = 0.02
            Extend = []
            Prune = None
            Symbolic = None
            RefitSteps = 50
            Tolerance = 1e-3
            Noise = 0.3
            Seed = 0
            Placement = Placement.cpu64
            Folder = "runs/fit"
            Labels = []
        }

    // Steps of a stage: training is 0.
    let private budget (settings: FitSettings) stage =
        settings.Steps |> List.tryItem stage |> Option.defaultValue (List.last settings.Steps)

    /// Steps of all stages, the refit included.
    let totalSteps (settings: FitSettings) : int =
        let stages = 1 + (if settings.Prune.IsSome then 1 else 0) + settings.Extend.Length

        List.sum [ for stage in 0 .. stages - 1 -> budget settings stage ]
        + (if settings.Symbolic.IsSome then settings.RefitSteps else 0)

    let private optimizer choice =
        match choice with
        | FullBatchLbfgs history -> Lbfgs.create history 20
        | FullBatchAdam rate -> Adam.create (fun _ -> { Rate = (fun _ -> rate); WeightDecay = 0.0 })

    let private rmse (predict: Params -> Tensor) (y: Tensor) (p: Params) : float =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        Tensor.item ((predict p - y).square().mean().sqrt())

    /// A learner at given points.
    let private predictor learner (x: Tensor) : Params -> Tensor =
        match learner with
        | Kan net -> Network.values net x
        | OfModel model -> fun p -> model.Apply p x

    /// The network with its first knots evenly over what the inputs range over.
    let private ranged (x: Tensor) (net: Network) : Network =
        let columns = Tensor.toArray x |> Array.chunkBySize (int (x.size 1)) |> Array.transpose
        let size = Network.gridSize net

        { net with
            Knots =
                (columns
                 |> Array.map (fun column ->
                     let low, high = Array.min column, Array.max column
                     let high = if high > low then high else low + 1.0
                     Knots.uniform size net.Order (low, high)))
                :: net.Knots.Tail
        }

    /// Where a run stands.
    type private Standing = { Learner: Learner; P: Params; Step: int; Outcome: Outcome }

    let private node (value: 'a) = RunFolder.node value

    let private describe learner =
        match learner with
        | OfModel model -> model.Name, model.Description
        | Kan net ->
            let widths =
                net.Nodes
                |> List.map (fun n -> if n.Products.IsEmpty then string n.Sums else $"{n.Sums}+{n.Products.Length}x")
                |> String.concat "-"

            let grid = $"G = {Network.gridSize net}, k = {net.Order}"

            match net.Source with
            | Stored -> "kan", $"KAN {widths}, {grid}"
            | Generated meta -> "metakan", $"MetaKAN {widths}, {grid}, p = {meta.EmbeddingDim}, h = {meta.HiddenDim}"

    /// Parameters that take part: of a symbolic edge, only its affine ones.
    let private trainable learner (p: Params) : int64 =
        match learner with
        | OfModel _ -> Params.count p
        | Kan net ->
            if (Symbolic.splines net).IsEmpty then
                p |> Map.filter (fun name _ -> name.StartsWith "symbols.") |> Params.count
            else
                Params.count p

    let private save folder (standing: Standing) =
        let path = RunFolder.checkpointPath folder

        match standing.Learner with
        | Kan net -> FittedFile.save path { Network = net; Params = standing.P }
        | OfModel model -> Safetensors.write path (Map [ "network", model.Description ]) (Map.toSeq standing.P)

    /// Held-out points, as values by name, and the truths there, in the data's own units.
    let private original (data: Dataset) (scaling: (Scaling * Scaling) option) : (string -> float) list * float list =
        let back (s: Scaling option) (values: float[]) =
            match s with
            | Some s -> Array.mapi (fun i v -> v * s.Spreads[i] + s.Means[i]) values
            | None -> values

        let rows (t: Tensor) s =
            Tensor.toArray t |> Array.chunkBySize (int (t.size 1)) |> Array.map (back s) |> Array.toList

        rows data.Test.X (Option.map fst scaling)
        |> List.map (fun row ->
            let values = Map(List.zip data.Inputs (List.ofArray row))
            fun name -> values[name]),
        rows data.Test.Y (Option.map snd scaling) |> List.map Array.head

    /// Fits a learner to data. Raises BadInput for a folder that cannot be used, RunFailed when the disk refuses. A run
    /// whose loss is no number ends with the parameters before it.
    let run
        (settings: FitSettings)
        (data: Dataset)
        (scaling: (Scaling * Scaling) option)
        (learner: Learner)
        (interrupted: unit -> bool)
        (listen: FitEvent -> unit)
        : FitRun =
        use scope = torch.NewDisposeScope()
        RunFolder.create settings.Folder
        use _ = RunFolder.claim settings.Folder
        let name, _ = describe learner
        let key = Key.ofSeed settings.Seed

        let configuration =
            [
                "task", node "fit"
                "model", node name
                yield! settings.Labels
                "steps", node (settings.Steps |> List.map string |> String.concat " ")
                "seed", node settings.Seed
                "device", node (string settings.Placement.Device)
                "dtype", node ((string settings.Placement.DType).ToLowerInvariant())
                "threads", node (torch.get_num_threads ())
            ]
            |> RunFolder.fields

        RunFolder.writeConfig settings.Folder configuration

        use metrics =
            Metrics.create settings.Folder [ "train_rmse"; "test_rmse"; "train_loss"; "grid"; "seconds" ]

        let clock = Stopwatch()
        // Errors are told in the data's own units.
        let unit = scaling |> Option.map (fun (_, output) -> output.Spreads[0]) |> Option.defaultValue 1.0

        let learner =
            match learner with
            | Kan net -> Kan(ranged data.Train.X net)
            | other -> other

        // Steps with one gradient, told of and counted.
        let descend optimizer gradient steps (assemble: Params -> Params) p (standing: Standing) =
            let train = predictor standing.Learner data.Train.X
            let test = predictor standing.Learner data.Test.X
            let mutable outcome = Completed

            let grid =
                match standing.Learner with
                | Kan net -> [ "grid", float (Network.gridSize net) ]
                | OfModel _ -> []

            clock.Start()

            let p =
                Descent.run
                    optimizer
                    gradient
                    steps
                    (fun step loss p ->
                        clock.Stop()

                        if not (Double.IsFinite loss) then
                            outcome <- Diverged loss
                        else
                            let all = assemble p
                            let errors = unit * rmse train data.Train.Y all, unit * rmse test data.Test.Y all

                            metrics.Append(
                                standing.Step + step,
                                [
                                    "train_rmse", fst errors
                                    "test_rmse", snd errors
                                    "train_loss", loss
                                    yield! grid
                                    "seconds", clock.Elapsed.TotalSeconds
                                ]
                            )

                            listen (FitStep(standing.Step + step, fst errors, snd errors))

                        clock.Start()

                        if interrupted () then
                            outcome <- Stopped

                        outcome = Completed)
                    p

            clock.Stop()

            { standing with P = assemble p; Step = standing.Step + steps; Outcome = outcome }

        let train sparsity steps (standing: Standing) =
            let gradient =
                match standing.Learner with
                | Kan net -> Descent.sparse sparsity net data.Train.X data.Train.Y
                | OfModel _ -> Descent.gradient (predictor standing.Learner data.Train.X) data.Train.Y

            descend (optimizer settings.Optimizer) gradient steps id standing.P standing

        /// A change of the network outside training.
        let change what (f: Fitted -> Fitted) (standing: Standing) =
            match standing with
            | { Outcome = Completed; Learner = Kan net } ->
                listen (Entered what)
                let fitted = f { Network = net; Params = standing.P }

                { standing with Learner = Kan fitted.Network; P = fitted.Params }
            | _ -> standing

        let whenGoing (f: Standing -> Standing) (standing: Standing) =
            if standing.Outcome = Completed then f standing else standing

        let trace (fitted: Fitted) = Network.trace fitted.Network data.Train.X fitted.Params

        let picture name (standing: Standing) =
            match standing with
            | { Outcome = Completed; Learner = Kan net } ->
                use _ = torch.no_grad ()
                use _ = torch.NewDisposeScope()
                let fitted = { Network = net; Params = standing.P }
                let trace = trace fitted
                let scores = Attribution.scores net trace
                FitPictures.diagram settings.Folder name data.Inputs [ data.Target ] fitted trace scores
            | _ -> ()

            standing

        let scores (fitted: Fitted) =
            use _ = torch.no_grad ()
            use _ = torch.NewDisposeScope()
            Attribution.scores fitted.Network (trace fitted)

        let budget = budget settings

        // Training in pieces between updates of the knots.
        let training (standing: Standing) =
            listen (Entered "training")
            let steps = budget 0

            let every, until =
                match settings.GridUpdates, standing.Learner with
                | Some(every, until), Kan _ -> every, min until steps
                | _ -> steps, 0

            let updated =
                (standing, [ 0..every .. until - 1 ])
                ||> List.fold (fun standing from ->
                    standing
                    |> change "grid update" (Regrid.update settings.Evenness data.Train.X)
                    |> whenGoing (train settings.Sparsity (min every (until - from))))

            if until < steps then updated |> whenGoing (train settings.Sparsity (steps - until)) else updated

        let before = if settings.Prune.IsSome then 2 else 1

        let extension standing (index, size) =
            standing
            |> change $"extension to G = {size}" (Regrid.extend size)
            |> whenGoing (train Sparsity.none (budget (before + index)))

        let pruning (thresholds: Thresholds) standing =
            standing
            |> change "pruning" (fun fitted ->
                fitted
                |> Pruning.nodes thresholds.Node (scores fitted)
                |> fun fitted -> Pruning.edges thresholds.Edge (scores fitted) fitted)
            |> picture "2-pruned"
            |> whenGoing (train Sparsity.none (budget 1))

        let symbolic choice standing =
            let isSymbol name (_: Tensor) = (name: string).StartsWith "symbols."

            standing
            |> change
                "symbolic functions"
                (Symbolic.auto choice data.Train.X (fun edge found -> listen (Chosen(edge, found))))
            |> whenGoing (fun standing ->
                let affine, others = Map.partition isSymbol standing.P
                let gradient = Descent.gradient (predictor standing.Learner data.Train.X) data.Train.Y
                let assemble p = Params.union [ others; p ]

                descend
                    (optimizer defaults.Optimizer)
                    (Descent.resting others gradient)
                    settings.RefitSteps
                    assemble
                    affine
                    standing)
            |> picture "3-symbolic"

        let start =
            {
                Learner = learner
                P =
                    match learner with
                    | Kan net -> Network.init settings.Noise net key settings.Placement
                    | OfModel model -> model.Init key settings.Placement
                Step = 0
                Outcome = Completed
            }

        let trained = start |> training |> picture "1-trained"

        let pruned =
            settings.Prune |> Option.fold (fun standing thresholds -> pruning thresholds standing) trained

        let extended = List.fold extension pruned (List.indexed settings.Extend)
        let last = settings.Symbolic |> Option.fold (fun standing choice -> symbolic choice standing) extended
        save settings.Folder last

        let formula =
            match last.Learner, settings.Symbolic with
            | Kan net, Some _ when (Symbolic.splines net).IsEmpty ->
                let inputs, output =
                    match scaling with
                    | Some(inputs, output) -> Scaling.denormalise data.Inputs inputs output
                    | None -> List.map Variable data.Inputs, id

                Symbolic.formulas inputs { Network = net; Params = last.P } |> List.head |> output |> Some
            | _ -> None

        let points, truths = original data scaling

        // A formula's error on the test points, and the tidied formula unless it is clearly worse than as it was found.
        let misfit formula =
            points
            |> List.map2 (fun truth point -> pown (Expression.value point formula - truth) 2) truths
            |> List.average
            |> sqrt

        let formula =
            formula
            |> Option.map (fun found ->
                let tidy = Tidy.formula (List.truncate 100 points) settings.Tolerance found
                let spread = List.max truths - List.min truths

                if misfit tidy <= 1.5 * misfit found + 0.1 * settings.Tolerance * spread then
                    tidy
                else
                    Simplify.expression found)

        let predict = predictor last.Learner
        let error (samples: Samples) = unit * rmse (predict samples.X) samples.Y last.P
        let network, description = describe last.Learner
        let rounded = formula |> Option.map (Simplify.rounded 4)
        let text = Option.map (fun (t: string) -> node t) >> Option.toObj

        // One value has none, of which libtorch would warn on stderr.
        let spread = if data.Test.Y.numel () > 1L then Tensor.item (data.Test.Y.std ()) else nan

        let result =
            [
                "task", node "fit"
                "model", node network
                "network", node description
                "parameters", node (trainable last.Learner last.P)
                "steps", node last.Step
                "train_rmse", node (error data.Train)
                "test_rmse", node (error data.Test)
                "test_rmse_relative", node (error data.Test / (unit * spread))
                "seconds", node clock.Elapsed.TotalSeconds
                "formula", text (Option.map Printer.text rounded)
                "formula_test_rmse", rounded |> Option.map (misfit >> node) |> Option.toObj
                "formula_latex", text (Option.map Printer.latex rounded)
                "peak_rss_mib", node (float (Process.GetCurrentProcess().PeakWorkingSet64) / 1048576.0)
                "seed", node settings.Seed
                "outcome", node (Outcome.name last.Outcome)
            ]
            |> RunFolder.fields

        RunFolder.writeResult settings.Folder result

        if last.Outcome = Completed then
            let rows (t: Tensor) = Tensor.toArray t |> Array.chunkBySize (int (t.size 1))

            FitPictures.write
                settings.Folder
                {
                    Inputs = data.Inputs
                    Output = data.Target
                    Points = rows data.Test.X
                    True = Tensor.toArray data.Test.Y
                    Target =
                        data.Truth
                        |> Option.map (fun truth (x: float[][]) ->
                            x
                            |> Array.map (fun row ->
                                let values = Map(List.zip data.Inputs (List.ofArray row))
                                Expression.value (fun name -> values[name]) truth))
                    Fitted =
                        fun x ->
                            use _ = torch.no_grad ()
                            use _ = torch.NewDisposeScope()

                            Tensor.ofArray settings.Placement [ int64 x.Length; -1L ] (Array.concat x)
                            |> fun x -> predict x last.P
                            |> Tensor.toArray
                }

        for t in Params.tensors last.P do
            scope.Detach t |> ignore

        {
            Fitted =
                match last.Learner with
                | Kan net -> Some { Network = net; Params = last.P }
                | OfModel _ -> None
            Params = last.P
            Formula = formula
            Outcome = last.Outcome
            Result = result
        }
