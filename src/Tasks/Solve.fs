// The first task: solve a PDE. Trains a model on a problem, in a run folder that explains, resumes and reports the run.
namespace MetaKan

open System
open System.Diagnostics
open System.Text.Json.Nodes
open TorchSharp

/// How a problem is solved. Rates are base learning rates; the schedule scales them over the epochs.
type SolveSettings =
    {
        /// Optimizer steps, each on fresh points.
        Epochs: int
        Collocation: Collocation
        /// Learning rate of ordinary weights (MLP, KAN).
        Rate: float
        /// Learning rate of MetaKAN's embeddings.
        EmbeddingRate: float
        /// Learning rate of MetaKAN's generators.
        GeneratorRate: float
        Schedule: Schedule
        /// Steps over which the rates rise to their full values at the start.
        Warmup: int
        /// L-BFGS steps after the epochs.
        Polish: int
        /// Interior points of the polish, the same in each of its steps.
        PolishPoints: int
        /// Held-out points for the errors.
        TestPoints: int
        Seed: int
        Placement: Placement
        EvaluateEvery: int
        SaveEvery: int
        /// The run's folder: new or empty, or one to resume.
        Folder: string
        /// Go on with the run in the folder; a folder without a checkpoint starts over.
        Resume: bool
        /// Further facts for config.json and result.json, such as what the problem and the model were made from.
        Labels: (string * JsonNode) list
        /// Measured when the run is done, for result.json.
        Meters: (string * (unit -> JsonNode)) list
    }

/// A solved problem.
type Solution =
    {
        /// u [N, 1] at points [N, d].
        U: Tensor -> Tensor
        Params: Params
        Outcome: Outcome
        /// What result.json says.
        Result: JsonObject
    }

[<RequireQualifiedAccess>]
module Solve =
    /// The settings of a plain run: MetaKAN's rates and sizes, 5000 epochs of 100 points, exact derivatives.
    let defaults: SolveSettings =
        {
            Epochs = 5000
            Collocation = { Points = 100; Laplacian = Exact; MemoryLimit = 2048 }
            Rate = 1e-3
            EmbeddingRate = 1e-3
            GeneratorRate = 1e-4
            Schedule = Linear
            Warmup = 0
            Polish = 0
            PolishPoints = 2000
            TestPoints = 20000
            Seed = 0
            Placement = Placement.cpu32
            EvaluateEvery = 100
            SaveEvery = 500
            Folder = "runs/solve"
            Resume = false
            Labels = []
            Meters = []
        }

    /// What each purpose draws its random numbers from.
    let private keyFor (settings: SolveSettings) purpose = Key.fold purpose (Key.ofSeed settings.Seed)

    /// The initial parameters of a run.
    let initial (settings: SolveSettings) (model: Model) : Params = model.Init (keyFor settings 1) settings.Placement

    /// The run as a fold: no files, no output.
    let plan (settings: SolveSettings) (problem: Problem) (model: Model) : TrainingPlan =
        let rate (name: string) =
            match model.Group name with
            | Embeddings -> settings.EmbeddingRate
            | Generators -> settings.GeneratorRate
            | Weights -> settings.Rate

        let adam =
            Adam.create (fun name ->
                {
                    Rate =
                        fun step ->
                            rate name
                            * Schedule.factor settings.Schedule step settings.Epochs
                            * Schedule.warmup settings.Warmup step
                    WeightDecay = 0.0
                })

        let points = keyFor settings 2

        let polishing = { settings.Collocation with Points = settings.PolishPoints }

        let test = lazy (problem.Domain.Sample (keyFor settings 3) settings.Placement settings.TestPoints)

        {
            Stages =
                [
                    {
                        Steps = settings.Epochs
                        Optimizer = adam
                        Gradient =
                            fun step -> Collocation.gradient settings.Collocation problem model (Key.fold step points)
                    }

                    if settings.Polish > 0 then
                        {
                            Steps = settings.Polish
                            Optimizer = Lbfgs.create 20 1
                            Gradient = fun _ -> Collocation.gradient polishing problem model (keyFor settings 4)
                        }
                ]
            Evaluate =
                fun p ->
                    match problem.Exact with
                    | Some exact ->
                        let points = test.Value
                        use _ = torch.NewDisposeScope()
                        use _ = torch.no_grad ()
                        let network, weights = Model.generate model p
                        Collocation.errors exact (Problem.solution problem network weights) points
                    | None -> []
            EvaluateEvery = settings.EvaluateEvery
            SaveEvery = settings.SaveEvery
            Interrupted = fun () -> false
        }

    let private methodName method =
        match method with
        | Exact -> "exact"
        | Sdgd _ -> "sdgd"
        | Hutchinson _ -> "hutchinson"

    let private node (value: 'a) = RunFolder.node value

    /// What determines the run's numbers: a run resumes only under the same.
    let private configuration (settings: SolveSettings) (problem: Problem) (model: Model) =
        [
            "task", node "pde"
            "problem", node problem.Name
            "dim", node problem.Dimension
            "model", node model.Name
            "network", node model.Description
            yield! settings.Labels
            "epochs", node settings.Epochs
            "points", node settings.Collocation.Points
            "laplacian", node (methodName settings.Collocation.Laplacian)
            match settings.Collocation.Laplacian with
            | Exact -> ()
            | Sdgd count
            | Hutchinson count -> "directions", node count
            "memory", node settings.Collocation.MemoryLimit
            "lr", node settings.Rate
            "lr_e", node settings.EmbeddingRate
            "lr_h", node settings.GeneratorRate
            "schedule", node ((string settings.Schedule).ToLowerInvariant())
            "warmup", node settings.Warmup
            "polish", node settings.Polish
            "polish_points", node settings.PolishPoints
            "test_points", node settings.TestPoints
            "seed", node settings.Seed
            "device", node (string settings.Placement.Device)
            "dtype", node ((string settings.Placement.DType).ToLowerInvariant())
            "threads", node (torch.get_num_threads ())
            "eval_every", node settings.EvaluateEvery
            "save_every", node settings.SaveEvery
        ]
        |> RunFolder.fields

    // What the run's folder holds once it is done.
    let private conclude (settings: SolveSettings) (problem: Problem) (model: Model) outcome (state: TrainingState) =
        // The last row and not the last event: a run that was done before it was resumed measures nothing anew.
        let measured = Run.measured settings.Folder

        let result =
            [
                "task", node "pde"
                "problem", node problem.Name
                "dim", node problem.Dimension
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
                for name, meter in settings.Meters do
                    name, meter ()
                "device", node (string settings.Placement.Device)
                "dtype", node ((string settings.Placement.DType).ToLowerInvariant())
                "threads", node (torch.get_num_threads ())
                "seed", node settings.Seed
                "laplacian", node (methodName settings.Collocation.Laplacian)
                "outcome", node (Outcome.name outcome)
            ]
            |> RunFolder.fields

        RunFolder.writeResult settings.Folder result
        let u = Problem.solution problem model state.Params

        match outcome with
        | Completed
        | Stopped -> Pictures.write settings.Folder problem u (keyFor settings 3) settings.Placement
        | Diverged _ -> ()

        { U = u; Params = state.Params; Outcome = outcome; Result = result }

    /// Solves a problem with a model, in the settings' folder. The listener sees each training event once the folder's
    /// files have it. Raises BadInput for a folder that cannot be used, RunFailed when the disk refuses.
    let run
        (settings: SolveSettings)
        (problem: Problem)
        (model: Model)
        (interrupted: unit -> bool)
        (listen: TrainingEvent -> unit)
        : Solution =
        use scope = torch.NewDisposeScope()

        let plan = { plan settings problem model with Interrupted = interrupted }

        let run =
            {
                Folder = settings.Folder
                Resume = settings.Resume
                Configuration = configuration settings problem model
                Measures = if problem.Exact.IsSome then [ "relative_l2"; "relative_l1" ] else []
                Hires = true
            }

        let solution =
            Run.train run plan (fun () -> initial settings model) listen (conclude settings problem model)

        for t in Params.tensors solution.Params do
            scope.Detach t |> ignore

        solution

    /// Prints each evaluation as a line: a listener for scripts.
    let print (event: TrainingEvent) : unit =
        match event with
        | Evaluated(state, loss, measures) ->
            let measures =
                measures |> List.map (fun (name, value) -> $"  {name} {value:``0.00e+00``}") |> String.concat ""

            printfn $"step %6d{state.Step}  loss {loss:``0.00e+00``}{measures}  %.1f{state.Seconds} s"
        | Stepped _
        | Saved _ -> ()
