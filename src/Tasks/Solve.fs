// The first task: solve a PDE. Trains a model on a problem, in a run folder that explains, resumes and reports the run.
namespace MetaKan.Pdes

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open MetaKan
open TorchSharp

/// What takes the steps of the epochs.
[<RequireQualifiedAccess>]
type SolveOptimizer =
    /// The gradient's running mean over the root of its running mean square: see `Adam`.
    | Adam
    /// Adam in the eigenbases of the gradient's statistics: see `Soap`.
    | Soap
    /// Steps of weight matrices made orthogonal, Adam for vectors: see `Muon`.
    | Muon
    /// Steps of a quasi-Newton method with its whole matrix, on points that stay for `Emphasis.Every` steps, for networks of
    /// some thousands of numbers in double precision: see `Broyden`.
    | Broyden
    /// Steps of Gauss and Newton on the residuals, for networks of some thousands of numbers: see `NaturalGradient`.
    | NaturalGradient

/// Epochs by one optimizer, before those of another.
type SolveStage =
    {
        /// What takes the steps.
        Optimizer: SolveOptimizer
        /// Optimizer steps.
        Epochs: int
        /// Interior points of a step.
        Points: int
    }

/// How a problem is solved. Rates are base learning rates; the schedule scales them over the epochs.
type SolveSettings =
    {
        /// What comes before the epochs, in this order.
        Opening: SolveStage list
        /// Optimizer steps, each on fresh points.
        Epochs: int
        /// Points a step, how they are spread, how second derivatives are summed, and the memory for it.
        Collocation: Collocation
        /// What the epochs dwell on beside plain mean squares; of it the polish has weights of terms alone, those at its start.
        Emphasis: Emphasis
        /// What takes the steps of the epochs.
        Optimizer: SolveOptimizer
        /// How Adam keeps its running means between steps.
        Moments: MomentStorage
        /// The share of a natural gradient's step that the next one starts from, from 0, for none, to below 1.
        Momentum: float
        /// Learning rate of ordinary weights (MLP, KAN).
        Rate: float
        /// Learning rate of MetaKAN's embeddings.
        EmbeddingRate: float
        /// Learning rate of MetaKAN's generators.
        GeneratorRate: float
        /// How the rates fall over the epochs, by default linearly.
        Schedule: Annealing
        /// Steps over which the rates rise to their full values at the start.
        Warmup: int
        /// L-BFGS steps after the epochs.
        Polish: int
        /// Interior points of the polish, the same in each of its steps.
        PolishPoints: int
        /// Held-out points for the errors.
        TestPoints: int
        /// What the first parameters, all points and random directions are drawn from.
        Seed: int
        /// Device and element type of parameters and points.
        Placement: Placement
        /// Steps between rows of metrics.csv; the last step has one, too.
        EvaluateEvery: int
        /// Steps between checkpoints; the end and an interruption also make one.
        SaveEvery: int
    }

/// Settings of solvers.
[<RequireQualifiedAccess>]
module SolveSettings =
    /// The settings of a plain run: MetaKAN's rates and sizes, 5000 epochs of 100 points, exact derivatives.
    let defaults: SolveSettings =
        {
            Opening = []
            Epochs = 5000
            Collocation =
                {
                    Points = 100
                    Sampling = Sampling.Random
                    Laplacian = LaplacianMethod.Exact
                    Unbiased = false
                    MemoryLimit = 2048
                }
            Emphasis = Emphasis.none
            Optimizer = SolveOptimizer.Adam
            Moments = MomentStorage.Full
            Momentum = 0.0
            Rate = 1e-3
            EmbeddingRate = 1e-3
            GeneratorRate = 1e-4
            Schedule = Annealing.Linear
            Warmup = 0
            Polish = 0
            PolishPoints = 2000
            TestPoints = 20000
            Seed = 0
            Placement = Placement.cpu32
            EvaluateEvery = 100
            SaveEvery = 500
        }

    /// The settings of a run in few dimensions: 300 natural gradients of 800 points in double precision, for networks of some
    /// thousands of numbers. Energies are not for them: see `NaturalGradient`.
    let natural: SolveSettings =
        { defaults with
            Optimizer = SolveOptimizer.NaturalGradient
            Epochs = 300
            Collocation = { defaults.Collocation with Points = 800 }
            Placement = Placement.cpu64
            TestPoints = 4000
            EvaluateEvery = 10
            SaveEvery = 100
        }

    /// The opening and the epochs, one after another.
    let internal stages (settings: SolveSettings) : SolveStage list =
        settings.Opening
        @ [
            { Optimizer = settings.Optimizer; Epochs = settings.Epochs; Points = settings.Collocation.Points }
        ]

    /// How many numbers each parameter has.
    let internal sizes (problem: Problem) (model: Model) : int64 list =
        (fun () ->
            [
                for t in Params.tensors ((Problem.modelFor problem model).Init (Key.ofSeed 0) Placement.cpu32) ->
                    t.numel ()
            ])
        |> Tensor.scoped (fun _ -> Seq.empty)

    /// What natural gradients of so many points take, for parameters of such sizes: residuals at most, memory at least.
    let internal needOfNatural (settings: SolveSettings) (problem: Problem) (sizes: int64 list) (points: int) =
        let groups = LossTerms.groups { settings.Collocation with Points = points } problem
        let residuals (group: TermGroup) = int64 group.Points * int64 group.Residuals.Length
        let atOnce (group: TermGroup) = if group.Splits then int64 group.Residuals.Length else residuals group
        let all = List.sumBy residuals groups
        let bytes = int64 (settings.Placement.DType.ElementSize())
        let least = NormalEquations.least bytes all (groups |> List.map atOnce |> List.max) sizes
        {| Residuals = all; LeastMiB = (least >>> 20) + 1L |}

    // Products of a step that take seconds of a few cores, and dimensions in which each point's derivatives do.
    let private mostProducts, private mostDimensions = 6e10, 200

    /// Why natural gradients are not for a problem and a network, if they are not, with the points and the memory of settings.
    let private unsuited (settings: SolveSettings) (problem: Problem) (model: Model) : string option =
        let energies =
            [
                yield! problem.Equations |> List.map _.Objective
                yield! problem.Conditions |> List.map _.Objective
            ]

        if List.contains Objective.Energy energies then
            Some "an energy has no natural gradients"
        elif (problem.Coordinates |> List.except [ "t" ] |> List.length) > mostDimensions then
            Some $"natural gradients are for up to {mostDimensions} dimensions"
        else
            let sizes = sizes problem model
            let need = needOfNatural settings problem sizes settings.Collocation.Points
            let numbers = List.sum sizes
            let few, many = min numbers need.Residuals, max numbers need.Residuals

            if float few * float few * float many > mostProducts then
                Some $"{need.Residuals} residuals are too many for natural gradients of this network"
            elif need.LeastMiB > int64 settings.Collocation.MemoryLimit then
                Some $"natural gradients take {need.LeastMiB} MiB or more"
            else
                None

    // The steps of some settings and what goes with them.
    let private stepping (like: SolveSettings) (settings: SolveSettings) : SolveSettings =
        { settings with
            Opening = like.Opening
            Optimizer = like.Optimizer
            Epochs = like.Epochs
            Collocation = { settings.Collocation with Points = like.Collocation.Points }
            Placement = { settings.Placement with DType = like.Placement.DType }
            TestPoints = like.TestPoints
            EvaluateEvery = like.EvaluateEvery
            SaveEvery = like.SaveEvery
        }

    /// The settings of `auto`, and why natural gradients were not chosen, if they were not.
    let internal chosen (problem: Problem) (model: Model) (settings: SolveSettings) : SolveSettings * string option =
        let towards (like: SolveSettings) =
            if settings.Optimizer = like.Optimizer then settings else stepping like settings

        match unsuited (towards natural) problem model with
        | None -> towards natural, None
        | reason -> towards defaults, reason

    /// The settings with the optimizer that suits a problem and a network, chosen by dimension, numbers of parameters and of
    /// points, and memory: natural gradients where their steps are affordable, with the epochs, points and element type of
    /// `natural`, else Adam with those of `defaults`. Settings that have it already are left as they are.
    let auto (problem: Problem) (model: Model) (settings: SolveSettings) : SolveSettings =
        chosen problem model settings |> fst

    /// All steps: the opening's, the epochs and the polish.
    let steps (settings: SolveSettings) : int = (stages settings |> List.sumBy _.Epochs) + settings.Polish

/// A solved problem.
type Solution =
    {
        /// The fields [N, fields] at points [N, d].
        U: Tensor -> Tensor
        /// The problem's own parameters, as they were found.
        Parameters: (string * float) list
        /// All numbers that were trained.
        Params: Params
        /// How training ended.
        Outcome: Outcome
        /// What result.json says.
        Result: JsonObject
    }

/// Solves PDEs: trains a model on a problem in a run's folder, and loads what was trained.
[<RequireQualifiedAccess>]
module Solve =
    /// What each purpose draws its random numbers from.
    let private keyFor (settings: SolveSettings) purpose = Key.fold purpose (Key.ofSeed settings.Seed)

    /// What a run trains, as it starts.
    let initial (settings: SolveSettings) (problem: Problem) (model: Model) : Params =
        (Problem.modelFor problem model).Init (keyFor settings 1) settings.Placement

    let private found (problem: Problem) (p: Params) : (string * float) list =
        problem.Parameters |> List.map (fun (name, _) -> name, Tensor.item p[Problem.parameterName name])

    /// The learning rates of so many epochs, for a group of a model's parameters.
    let private rate (settings: SolveSettings) (epochs: int) (group: ParameterGroup) : Schedule =
        let rate =
            match group with
            | ParameterGroup.Embeddings -> settings.EmbeddingRate
            | ParameterGroup.Generators -> settings.GeneratorRate
            | ParameterGroup.Weights -> settings.Rate

        Schedule.product
            [
                Schedule.constant rate
                Schedule.annealed settings.Schedule epochs
                Schedule.warmup settings.Warmup
            ]

    let private rates settings (model: Model) epochs : string -> Schedule = model.Group >> rate settings epochs

    // The learning rate of the step that came to a state, where its optimizer has one.
    let private rateAt (settings: SolveSettings) (group: ParameterGroup) (state: TrainingState) : float option =
        match SolveSettings.stages settings |> List.tryItem state.Stage with
        | Some { Optimizer = SolveOptimizer.Adam | SolveOptimizer.Soap | SolveOptimizer.Muon; Epochs = epochs } ->
            Some(rate settings epochs group (state.Within - 1))
        | _ -> None

    /// Adam as the settings have it for their epochs, for a problem's model.
    let internal adam (settings: SolveSettings) (model: Model) : Optimizer =
        Adam.create settings.Moments (fun name ->
            { Rate = rates settings model settings.Epochs name; WeightDecay = 0.0 })

    let private stageOf (settings: SolveSettings) (optimizer: SolveOptimizer) (course: Course) : Stage =
        match optimizer with
        | SolveOptimizer.Adam -> adam { settings with Epochs = course.Steps } course.Model |> Emphasis.stage course
        | SolveOptimizer.Soap -> Soap.create (rates settings course.Model course.Steps) |> Emphasis.stage course
        | SolveOptimizer.Muon -> Muon.create (rates settings course.Model course.Steps) |> Emphasis.stage course
        | SolveOptimizer.Broyden ->
            let every = course.Emphasis.Every
            // The same points until the emphasis may change what else there is.
            let still n = n - (n - course.First) % every
            Broyden.create every |> Emphasis.stage { course with Step = still >> course.Step }
        | SolveOptimizer.NaturalGradient -> NaturalGradient.stage settings.Momentum course

    /// The run as a fold: no files, no output.
    let plan (settings: SolveSettings) (problem: Problem) (model: Model) : TrainingPlan =
        let model = Problem.modelFor problem model

        let stages = SolveSettings.stages settings

        let course index steps points : Course =
            {
                Problem = problem
                Model = model
                Collocation = { settings.Collocation with Points = points }
                Emphasis = settings.Emphasis
                Steps = steps
                First = stages |> List.truncate index |> List.sumBy _.Epochs
                Span = stages |> List.sumBy _.Epochs
                Step = fun step -> Key.fold step (keyFor settings 2)
                Draws = Key.fold index (keyFor settings 6)
            }

        // Kept where they are few numbers, drawn anew each time where they are many: a number is drawn in double precision, and
        // scaled.
        let test =
            let numbers = min (1L <<< 27) ((int64 settings.Collocation.MemoryLimit <<< 20) / 16L)
            let most = max 1 (int (numbers / int64 problem.Coordinates.Length))
            let sample key count () = problem.Domain.Sample key settings.Placement count
            let key = keyFor settings 3

            if settings.TestPoints <= most then
                let kept = lazy sample key settings.TestPoints ()

                fun () ->
                    let points = kept.Value
                    [ fun () -> points ]
            else
                fun () ->
                    [
                        for start in 0..most .. settings.TestPoints - 1 ->
                            sample (Key.fold start key) (min most (settings.TestPoints - start))
                    ]

        {
            Stages =
                [
                    for index, stage in List.indexed stages do
                        course index stage.Epochs stage.Points |> stageOf settings stage.Optimizer

                    if settings.Polish > 0 then
                        Emphasis.polish
                            (course stages.Length settings.Polish settings.PolishPoints)
                            (keyFor settings 4)
                            (Lbfgs.create 20 1)
                ]
            Evaluate =
                fun { Params = p; Memory = memory } ->
                    [
                        match problem.Exact with
                        | Some exact ->
                            let test = test ()
                            use _ = torch.NewDisposeScope()
                            use _ = torch.no_grad ()
                            let network, weights = Model.generate model p

                            yield!
                                Collocation.errors problem.Fields exact (Problem.solution problem network weights) test
                        | None -> ()

                        yield! Collocation.losses settings.Collocation problem model (keyFor settings 5) p
                        yield! Emphasis.termWeights problem memory

                        for name, value in found problem p do
                            $"parameter_{name}", value
                    ]
            EvaluateEvery = settings.EvaluateEvery
            SaveEvery = settings.SaveEvery
            WatchEvery = 10
            Interrupted = fun () -> false
        }

    /// The first setting that does not go with the others or with a problem, by its name, and why.
    let internal fault (settings: SolveSettings) (problem: Problem) (model: Model) : (string * string) option =
        let stages = SolveSettings.stages settings
        let emphasis, limit = settings.Emphasis, settings.Collocation.MemoryLimit
        let sizes = lazy SolveSettings.sizes problem model
        let count () = List.sum sizes.Value

        let broyden () =
            let taking reason = Some(nameof settings.Optimizer, $"the self-scaled Broyden method takes {reason}")

            if count () > Broyden.largest then
                taking $"networks of up to {Broyden.largest} numbers, not {count ()}"
            elif emphasis.Attention || emphasis.Causal.IsSome || emphasis.Curriculum.IsSome then
                taking "a loss that stays for some steps: attention, causal weights and a curriculum change it in each"
            else
                None

        // Products of two estimates have no least value on points that stay, and no residual of their own.
        let unbiased () =
            let refuse reason = Some(nameof settings.Collocation.Unbiased, reason)
            let optimizers = stages |> List.map _.Optimizer

            if not settings.Collocation.Unbiased then
                None
            elif settings.Collocation.Laplacian = LaplacianMethod.Exact then
                refuse "it is for estimates, and exact derivatives have no bias"
            elif settings.Polish > 0 then
                refuse "L-BFGS takes squares, not products of two estimates"
            elif
                optimizers
                |> List.exists (fun it -> it = SolveOptimizer.Broyden || it = SolveOptimizer.NaturalGradient)
            then
                refuse
                    "the self-scaled Broyden method and natural gradients take squares, not products of two estimates"
            else
                None

        let natural points =
            let need = SolveSettings.needOfNatural settings problem sizes.Value points

            if need.LeastMiB > int64 limit then
                Some(
                    nameof settings.Collocation.MemoryLimit,
                    $"natural gradients of {need.Residuals} residuals and {count ()} numbers take {need.LeastMiB} MiB or more, not {limit}"
                )
            else
                None

        stages
        |> List.tryPick (fun stage ->
            match stage.Optimizer with
            | SolveOptimizer.Broyden -> broyden ()
            | SolveOptimizer.NaturalGradient -> natural stage.Points
            | SolveOptimizer.Adam
            | SolveOptimizer.Soap
            | SolveOptimizer.Muon -> None)
        |> Option.orElseWith unbiased
        |> Option.orElseWith (fun () -> Emphasis.fault problem emphasis)

    /// The settings with as many epochs as take so many seconds of training, by the time of the first ones: about a thirtieth
    /// of these seconds goes into finding out. For settings without an opening and a polish.
    let internal within (seconds: float) (settings: SolveSettings) (problem: Problem) (model: Model) : SolveSettings =
        use _ = torch.NewDisposeScope()
        let whole = plan settings problem model

        let trial steps interrupted (state: TrainingState) =
            let plan =
                { whole with
                    Stages = whole.Stages |> List.map (fun stage -> { stage with Steps = steps })
                    Evaluate = fun _ -> []
                    EvaluateEvery = steps
                    SaveEvery = steps
                    Interrupted = interrupted >> Ranks.any
                }

            Workers.hire (fun () -> Training.run plan ignore state) |> snd

        // The first steps are compiled as they go.
        let warm = Training.start whole (initial settings problem model) |> trial 3 (fun () -> false)

        let clock = Stopwatch.StartNew()
        let enough = max 0.01 (seconds / 30.0)
        let timed = trial 1000 (fun () -> clock.Elapsed.TotalSeconds > enough) warm
        let step = (timed.Seconds - warm.Seconds) / float (max 1 (timed.Step - warm.Step))
        { settings with Epochs = Ranks.whole (fun () -> max 1 (int (seconds / max 1e-6 step))) }

    let private node (value: 'a) = RunFolder.node value

    // What may differ when a run goes on: how long it trains, and how often it is looked at.
    let private mayChange =
        [ "settings.epochs"; "settings.polish"; "settings.evaluate_every"; "settings.save_every" ]

    // Writes the result and the pictures of a run that ended.
    let private conclude
        (place: RunPlace)
        (settings: SolveSettings)
        (problem: Problem)
        (model: Model)
        (evaluate: TrainingState -> (string * float) list)
        (ranks: int)
        outcome
        (state: TrainingState)
        : JsonObject =
        // The last row and not the last event: a run that was done before it was resumed measures nothing anew, unless the row
        // of its end is lost.
        let measured =
            match Run.tryMeasuredAt place.Folder state.Step with
            | None when outcome = Completed ->
                let taken = Ranks.alone (fun () -> evaluate state)
                ("loss", None) :: [ for name, value in taken -> name, Some value ]
            | _ -> Run.measured place.Folder

        let result =
            [
                "task", node "pde"
                "problem", node problem.Name
                "dim", node problem.Coordinates.Length
                "model", node model.Name
                "network", node model.Description
                "parameters", node (Params.count state.Params)
                "epochs", node state.Step
                for name, value in measured do
                    if name <> "seconds" then
                        name, value |> Option.map node |> Option.toObj
                "train_seconds", node state.Seconds
                "steps_per_second", node (float state.Step / max 1e-9 state.Seconds)
                "peak_rss_mib", node (float (Process.GetCurrentProcess().PeakWorkingSet64) / 1048576.0)
                for name, meter in place.Meters do
                    name, meter ()
                "device", node (string settings.Placement.Device)
                "dtype", node ((string settings.Placement.DType).ToLowerInvariant())
                "threads", node (torch.get_num_threads ())
                "ranks", node ranks
                "seed", node settings.Seed
                "laplacian", node (LaplacianMethod.name settings.Collocation.Laplacian)
                "outcome", node (Outcome.name outcome)
            ]
            |> RunFolder.fields

        RunFolder.writeResult place.Folder result
        let whole = Problem.modelFor problem model
        let u = Problem.solution problem whole state.Params

        let residuals =
            let exactly = { settings.Collocation with Laplacian = LaplacianMethod.Exact }
            LossTerms.residuals exactly problem whole (keyFor settings 3) state.Params

        // Of small networks, since each edge is looked at; a MetaKAN may have as many edges as numbers.
        let edges =
            if Params.count state.Params > 1_000_000L || problem.Coordinates.Length > 1000 then
                []
            else
                whole.Edges |> List.map (fun edges -> edges state.Params)

        match outcome with
        | Completed
        | Stopped -> Pictures.write place.Folder problem u residuals edges (keyFor settings 3) settings.Placement
        | Diverged _ -> ()

        result

    let private solved
        (place: RunPlace)
        settings
        (problem: Problem)
        (model: Model)
        evaluate
        outcome
        (state: TrainingState)
        =
        let ranks = Ranks.count ()

        {
            U = Problem.solution problem (Problem.modelFor problem model) state.Params
            Parameters = found problem state.Params
            Params = state.Params
            Outcome = outcome
            Result = RunFolder.ofFirst (fun () -> conclude place settings problem model evaluate ranks outcome state)
        }

    /// Solves a problem with a model, in a run's folder. The listener sees each training event once the folder's files have
    /// it. Raises BadInput for a folder that cannot be used, RunFailed when the disk refuses. A run that is resumed with more
    /// epochs, or more steps of the polish, than it has goes on from where it ended; epochs are fixed once the polish began. The
    /// processes of a job of MPI share the points; the folder and the listener are the first one's, the solution everyone's.
    let run
        (place: RunPlace)
        (settings: SolveSettings)
        (problem: Problem)
        (model: Model)
        (listen: TrainingEvent -> unit)
        : Solution =
        use scope = torch.NewDisposeScope()
        Collocation.check settings.Collocation problem settings.Placement

        fault settings problem model
        |> Option.iter (fun (name, reason) -> invalidArg (nameof settings) $"{name}: {reason}")

        let sections =
            [
                "problem",
                RunFolder.fields [ "name", node problem.Name; "dim", node problem.Coordinates.Length ] :> JsonNode
                "network", RunFolder.fields [ "model", node model.Name; "description", node model.Description ]
                "settings", Configuration.node settings
            ]

        let measures =
            [
                "loss", MeasureKind.Loss
                if problem.Exact.IsSome then
                    for name in Collocation.errorNames problem.Fields do
                        name, MeasureKind.Error

                for name in Collocation.lossNames problem do
                    name, MeasureKind.Loss

                if settings.Emphasis.Balance <> Balance.Fixed then
                    for name in Collocation.weightNames problem do
                        name, MeasureKind.Weight

                for name, _ in problem.Parameters do
                    $"parameter_{name}", MeasureKind.Parameter
            ]

        let plan = plan settings problem model
        Training.check plan

        let solution =
            Run.keep place "pde" sections measures mayChange (fun resumes ->
                let rates = Run.rates (Problem.modelFor problem model).Group (rateAt settings)

                let fresh () = initial settings problem model

                Run.train place mayChange measures true plan rates fresh listen resumes
                ||> solved place settings problem model plan.Evaluate)

        for t in Params.tensors solution.Params do
            scope.Detach t |> ignore

        solution

    /// The solution in a run's folder as it was last saved, for the problem and the model that the run is known to have.
    let internal restore (folder: string) (problem: Problem) (model: Model) : Solution =
        let settings: SolveSettings = Configuration.read folder "pde" "settings"
        let path = RunFolder.checkpointPath folder

        if not (File.Exists path) then
            raise (BadInput $"{folder} has no checkpoint yet: nothing was saved")

        let like = Tensor.scoped (Params.tensors >> Seq.ofArray) (fun () -> initial settings problem model)
        let p = (Checkpoint.load path like).Params
        Params.dispose like
        let result = RunFolder.tryReadResult folder |> Option.defaultWith (fun () -> JsonObject())

        {
            U = Problem.solution problem (Problem.modelFor problem model) p
            Parameters = found problem p
            Params = p
            Outcome =
                match Option.ofObj result["outcome"] with
                | Some name when name.GetValue<string>() = Outcome.name Completed -> Completed
                | _ -> Stopped
            Result = result
        }

    /// The solution in a run's folder as it was last saved, for the problem and the model of that run; finished or not. Raises
    /// BadInput, naming the file, where the folder has none or is another run's.
    let load (folder: string) (problem: Problem) (model: Model) : Solution =
        for section, name, value in [ "problem", "name", problem.Name; "network", "description", model.Description ] do
            let there: JsonObject = Configuration.read folder "pde" section

            if not (JsonNode.DeepEquals(there[name], node value)) then
                raise (
                    BadInput
                        $"{RunFolder.configPath folder} is of another run: its {section} is {there[name]}, not {value}"
                )

        restore folder problem model

    /// Prints each evaluation as a line: a listener for scripts.
    let print (event: TrainingEvent) : unit =
        match event with
        | Evaluated(state, loss, measures) ->
            // Losses by equation and condition would make it long: they are in metrics.csv.
            let measures =
                measures
                |> List.filter (fun (name, _) -> not (name.StartsWith "loss_"))
                |> List.map (fun (name, value) -> $"  {name} {value:``0.00e+00``}")
                |> String.concat ""

            printfn $"step %6d{state.Step}  loss {loss:``0.00e+00``}{measures}  %.1f{state.Seconds} s"
        | Stepped _
        | Saved _ -> ()
