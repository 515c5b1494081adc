// The task of fitting a function to data, and of reading a formula off the fit, in a run folder.
namespace MetaKan.Fitting

open System.Text.Json.Nodes
open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// A fit that is done.
type FitRun =
    {
        /// The fitted network, for a KAN.
        Fitted: Fitted option
        /// The parameters of what was fitted, KAN or other model.
        Params: Params
        /// The formulas of each target, in the data's own units; none where the network's edges are not all symbolic, or the fit
        /// was cut short. Their variables are `Parser.variables` of the inputs.
        Formulas: TargetFormulas list
        /// How training ended.
        Outcome: Outcome
        /// What result.json says.
        Result: JsonObject
    }

/// A fit that was read from its folder.
type SavedFit =
    {
        /// The data that it was of.
        Columns: FitColumns
        /// The network as it was last saved, of a KAN.
        Fitted: Fitted option
        /// The fitted values [N, m] at points [N, n], both in the data's own units.
        Values: Tensor -> Tensor
        /// The formula that was told for each target, in variables by the names of `Parser.variables`; none where there are none.
        Formulas: Expression list
    }

/// Fitting a function: training a network or a model on data, in a run's folder.
[<RequireQualifiedAccess>]
module Fit =
    /// Steps of all stages of a fit.
    let totalSteps (settings: FitSettings) (data: Dataset) (learner: Learner) : int =
        FitStages.create settings data.Train.X ignore learner |> List.sumBy _.Steps

    /// The network with its first knots evenly over what the inputs range over.
    let private ranged (x: Tensor) (net: Network) : Network =
        let columns = FitReading.rows x |> Array.transpose
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

    // Begins with fresh parameters, or with those of a network.
    let private start (settings: FitSettings) (x: Tensor) (learner: Learner) (from: Fitted option) : FitState =
        let key = Key.ofSeed settings.Seed

        let learner, p =
            match from, learner with
            | Some fitted, _ -> Learner.Network fitted.Network, Params.aliases (fun () -> fitted.Params)
            | None, Learner.Network net ->
                let net = ranged x net
                Learner.Network net, Network.init settings.Noise net key settings.Placement
            | None, Learner.Model model -> learner, Params.aliases (fun () -> model.Init key settings.Placement)

        {
            Learner = learner
            Training = { Stage = 0; Within = 0; Step = 0; Params = p; Memory = Map.empty; Seconds = 0.0 }
            Entered = false
        }

    /// The state at the begin of a stage, with the stage's change done.
    let private enter (stages: FitStage list) (index: int) (state: FitState) : FitState =
        let learner, p =
            match state.Learner with
            | Learner.Network net ->
                let fitted = stages[index].Change { Network = net; Params = state.Training.Params }
                Learner.Network fitted.Network, fitted.Params
            | Learner.Model _ -> state.Learner, state.Training.Params

        {
            Learner = learner
            Training = { state.Training with Stage = index; Within = 0; Params = p; Memory = Map.empty }
            Entered = true
        }

    /// Takes the steps that a stage has left. `listen` sees each training event, with the state of the whole fit.
    let private train
        (settings: FitSettings)
        (data: FitData)
        (stage: FitStage)
        (interrupted: unit -> bool)
        (listen: TrainingEvent -> unit)
        (save: FitState -> unit)
        (state: FitState)
        : Outcome * FitState =
        let { Train = train; Test = test } = data.Data

        let learning, resting =
            state.Training.Params
            |> Map.partition (fun name _ -> not stage.AffineOnly || SymbolicEdges.isAffine name)

        let assemble p = Params.union [ resting; p ]

        let gradient (samples: Samples) =
            match state.Learner with
            | Learner.Network net -> Descent.sparse settings.Loss stage.Sparsity net samples.X samples.Y
            | Learner.Model _ -> Descent.gradient settings.Loss (Learner.predictor state.Learner samples.X) samples.Y
            |> Descent.resting resting

        let gradients: int -> Gradient =
            match stage.Batch with
            | Some size ->
                let key, count = Key.ofSeed settings.Seed |> Key.fold 4, int (train.X.size 0)

                fun step p ->
                    (fun () ->
                        let rows = Key.permutation (Key.fold step key) count |> Array.truncate size |> Array.map int64
                        let rows = torch.tensor(rows).``to`` train.X.device
                        gradient { X = train.X.index_select (0L, rows); Y = train.Y.index_select (0L, rows) } p)
                    |> Tensor.scoped (fun (loss, g) -> Seq.append [ loss ] (Params.tensors g))
            | None ->
                let whole = gradient train
                fun _ -> whole

        let rmse (samples: Samples) = FitReading.rmse data (Learner.predictor state.Learner samples.X) samples
        let trainRmse, testRmse = rmse train, rmse test

        let plan =
            {
                Stages = [ Stage.create stage.Steps stage.Optimizer gradients ]
                Evaluate =
                    fun training ->
                        let p = assemble training.Params
                        [ "train_rmse", trainRmse p; "test_rmse", testRmse p ]
                EvaluateEvery = 1
                SaveEvery = settings.SaveEvery
                WatchEvery = 1
                Interrupted = interrupted
            }

        let whole (training: TrainingState) =
            { state with
                Training = { training with Stage = state.Training.Stage; Params = assemble training.Params }
            }

        let memory = if state.Training.Within = 0 then stage.Optimizer.Init learning else state.Training.Memory

        let outcome, training =
            { state.Training with Stage = 0; Params = learning; Memory = memory }
            |> Training.run plan (fun event ->
                match event with
                | Saved training -> save (whole training)
                | Stepped _
                | Evaluated _ -> listen event)

        outcome, whole training

    let private measures =
        [ "train_rmse", MeasureKind.Error; "test_rmse", MeasureKind.Error; "train_loss", MeasureKind.Loss ]

    // What may differ when a fit goes on: the steps of the stages that are not done.
    let private mayChange = [ "settings.steps"; "settings.save_every" ]

    let private diagram folder (data: Dataset) name (state: FitState) =
        match state.Learner with
        | Learner.Network net ->
            use _ = torch.NewDisposeScope()
            let fitted = { Network = net; Params = state.Training.Params }
            let trace, scores = FitStages.scored data.Train.X fitted
            FitPictures.diagram folder name data.Inputs data.Targets fitted trace scores
        | Learner.Model _ -> ()

    let private pictures folder (settings: FitSettings) (data: Dataset) (state: FitState) =
        let points, truths = FitReading.rows data.Test.X, FitReading.rows data.Test.Y |> Array.transpose

        let fitted (x: float[][]) =
            use _ = torch.no_grad ()
            use _ = torch.NewDisposeScope()
            let x = Tensor.ofArray settings.Placement [ int64 x.Length; -1L ] (Array.concat x)
            FitReading.rows (Learner.predictor state.Learner x state.Training.Params)

        for i, target in List.indexed data.Targets do
            // Targets may have any letters in their names.
            FitPictures.write
                folder
                (if data.Targets.Length = 1 then "" else $"target-{i + 1}-")
                {
                    Inputs = data.Inputs
                    Output = target
                    Points = points
                    True = truths[i]
                    Target =
                        List.tryItem i data.Truth
                        |> Option.map (fun truth (x: float[][]) ->
                            x
                            |> Array.map (fun row ->
                                let values = Map(List.zip data.Inputs (List.ofArray row))
                                Expression.value (fun name -> values[name]) truth))
                    Fitted = fitted >> Array.map (Array.item i)
                }

    /// What data a fit is of.
    let private columnsOf (data: FitData) : FitColumns =
        let back i v =
            match data.Scaling with
            | Some(inputs, _) -> v * inputs.Spreads[i] + inputs.Means[i]
            | None -> v

        {
            Inputs = data.Data.Inputs
            Targets = data.Data.Targets
            Ranges =
                FitReading.rows data.Data.Train.X
                |> Array.transpose
                |> Array.mapi (fun i column -> back i (Array.min column), back i (Array.max column))
                |> List.ofArray
            Scaling = data.Scaling
        }

    // All stages from where the fit stands.
    let private descend (place: RunPlace) settings (data: FitData) (listen: FitEvent -> unit) learner from resumes =
        let folder, x = place.Folder, data.Data.Train.X
        let path = RunFolder.checkpointPath folder
        let columns = columnsOf data
        let stages = FitStages.create settings x listen learner
        let identity = Run.identity folder mayChange

        let state =
            if resumes then
                FitCheckpoint.load identity path settings.Placement learner
            else
                start settings x learner from

        Run.goOn folder (stages |> List.map _.Steps) state.Training

        use metrics =
            Metrics.resume folder [ yield! List.map fst measures; "grid"; "seconds" ] state.Training.Step

        use board = EventFile.resume place.TensorBoard folder state.Training.Step

        // A checkpoint counts on the rows before it.
        let save state =
            metrics.Sync()
            FitCheckpoint.save identity path columns state

        // What comes from elsewhere is kept before the first step, which there may never be.
        if from.IsSome && not resumes then
            save state

        let heard (state: FitState) event =
            match event with
            | Evaluated(training, loss, measures) ->
                let told =
                    [
                        yield! measures
                        "train_loss", loss
                        match state.Learner with
                        | Learner.Network net -> "grid", float (Network.gridSize net)
                        | Learner.Model _ -> ()
                    ]

                metrics.Append(training.Step, told @ [ "seconds", training.Seconds ])
                board.Append(training.Step, told)
                listen (FitStep(training.Step, snd measures[0], snd measures[1]))
            | Stepped _
            | Saved _ -> ()

        let rec go (state: FitState) =
            let index = state.Training.Stage

            if state.Entered && state.Training.Within = stages[index].Steps then
                stages[index].Diagram |> Option.iter (fun name -> diagram folder data.Data name state)
                if index + 1 = stages.Length then Completed, state else enterAndTrain (index + 1) state
            elif state.Entered then
                trainOn state
            else
                enterAndTrain index state

        and enterAndTrain index state =
            listen (Entered stages[index].Title)
            trainOn (enter stages index state)

        and trainOn state =
            let outcome, state' =
                train
                    settings
                    data
                    stages[state.Training.Stage]
                    (fun () -> RunPlace.interrupted place)
                    (heard state)
                    save
                    state

            match outcome with
            | Completed -> go state'
            | Stopped -> outcome, state'
            | Diverged _ ->
                save state'
                outcome, state'

        go state

    /// Refuses processes of a job, of which each would make the whole of a run.
    let internal refuseRanks () : unit =
        if Ranks.count () > 1 then
            raise (
                BadInput
                    $"a fit is one process's, and this job has {Ranks.count ()}: they share the runs of fit --feynman all and of sweep fit"
            )

    let private fitting
        (place: RunPlace)
        (settings: FitSettings)
        (data: FitData)
        (learner: Learner)
        (from: Fitted option)
        (listen: FitEvent -> unit)
        : FitRun =
        refuseRanks ()

        if settings.SaveEvery < 1 then
            invalidArg (nameof settings) $"SaveEvery takes a number of steps from 1 up, not {settings.SaveEvery}"

        let count = int (data.Data.Train.X.size 0)

        match settings.Batch with
        | Some size when size < 1 || size > count ->
            raise (BadInput $"a batch has from 1 to the {count} samples to learn from, not {size}")
        | _ -> ()

        use scope = torch.NewDisposeScope()
        let model, description = Learner.describe learner

        let sections =
            [
                "data",
                RunFolder.fields
                    [
                        "inputs", Configuration.node data.Data.Inputs
                        "targets", Configuration.node data.Data.Targets
                        "train", RunFolder.node (data.Data.Train.X.size 0)
                        "test", RunFolder.node (data.Data.Test.X.size 0)
                        "normalize", RunFolder.node data.Scaling.IsSome
                    ]
                :> JsonNode
                "network", RunFolder.fields [ "model", RunFolder.node model; "description", RunFolder.node description ]
                "settings", Configuration.node settings
            ]

        Run.keep place "fit" sections measures mayChange (fun resumes ->
            let chosen = ResizeArray<Edge * (string * AffineFit)>()

            let hear event =
                match event with
                | Chosen(edge, found) ->
                    chosen.Add((edge, (found.Function.Name, found.Fit)))
                    FitFormulas.saveEdges place.Folder chosen
                | Entered _
                | FitStep _ -> ()

                listen event

            let outcome, state = descend place settings data hear learner from resumes
            let p = state.Training.Params

            let formulas =
                if outcome = Completed then
                    FitReading.formulas (fun () -> RunPlace.interrupted place) settings data state.Learner p
                else
                    []

            if not formulas.IsEmpty then
                FitFormulas.save place.Folder formulas

            // A search that was cut short is made again by who goes on with the run.
            let outcome =
                if not formulas.IsEmpty && settings.Search && RunPlace.interrupted place then Stopped else outcome

            let result = FitReading.result settings data state formulas outcome
            RunFolder.writeResult place.Folder result

            if outcome = Completed then
                pictures place.Folder settings data.Data state

            for t in Params.tensors p do
                scope.Detach t |> ignore

            {
                Fitted =
                    match state.Learner with
                    | Learner.Network net -> Some { Network = net; Params = p }
                    | Learner.Model _ -> None
                Params = p
                Formulas = formulas
                Outcome = outcome
                Result = result
            })

    /// Fits a learner to data, in a run's folder. Raises BadInput for a folder that cannot be used, RunFailed when the disk
    /// refuses. A run whose loss is no number ends with the parameters before it. One that is resumed goes on as if it had
    /// not been cut short; with more steps for its last stage, from where it ended.
    let run
        (place: RunPlace)
        (settings: FitSettings)
        (data: FitData)
        (learner: Learner)
        (listen: FitEvent -> unit)
        : FitRun =
        fitting place settings data learner None listen

    /// Fits as `run` does, but from a network with its parameters, on the placement of the settings, such as one of
    /// `Kanpiler.compile` or one whose edges were fixed by hand; also in no step at all. The parameters stay the caller's.
    let runFrom
        (place: RunPlace)
        (settings: FitSettings)
        (data: FitData)
        (fitted: Fitted)
        (listen: FitEvent -> unit)
        : FitRun =
        fitting place settings data (Learner.Network fitted.Network) (Some fitted) listen

    /// The fit in a run's folder, finished or not, of a learner like the one that was trained. Raises BadInput for a folder that
    /// holds none.
    let restore (folder: string) (learner: Learner) : SavedFit =
        let settings: FitSettings = Configuration.read folder "fit" "settings"
        let path = RunFolder.checkpointPath folder

        if not (System.IO.File.Exists path) then
            raise (BadInput $"{folder} holds a fit that was cut short before its first checkpoint")

        let state = FitCheckpoint.load (Run.identity folder mayChange) path settings.Placement learner
        let columns = FitCheckpoint.columns path

        let scaled (scaling: Scaling option) (there: Tensor -> Tensor -> Tensor -> Tensor) (t: Tensor) =
            match scaling with
            | Some s ->
                let row (values: float[]) = Tensor.ofArray Placement.cpu64 [ 1L; -1L ] values
                there t (row s.Spreads) (row s.Means)
            | None -> t

        {
            Columns = columns
            Fitted =
                match state.Learner with
                | Learner.Network net -> Some { Network = net; Params = state.Training.Params }
                | Learner.Model _ -> None
            Values =
                fun x ->
                    use _ = torch.no_grad ()

                    Tensor.scoped Seq.singleton (fun () ->
                        x.``to`` (torch.float64, torch.CPU)
                        |> scaled (Option.map fst columns.Scaling) (fun t spread mean -> (t - mean) / spread)
                        |> Placement.put settings.Placement
                        |> fun x -> Learner.predictor state.Learner x state.Training.Params
                        |> _.``to``(torch.float64, torch.CPU)
                        |> scaled (Option.map snd columns.Scaling) (fun t spread mean -> t * spread + mean))
            Formulas =
                match RunFolder.tryReadResult folder with
                | Some result ->
                    [
                        for it in Report.formulas result do
                            Parser.expression (it["formula"].GetValue<string>())
                    ]
                | None -> []
        }
