/// `metakan pde`: solves one of the built-in problems.
module MetaKan.Cli.Pde

open System
open Argu
open MetaKan
open MetaKan.Pdes
open MetaKan.Cli.Options
open TorchSharp

type Options =
    | [<MainCommand>] Problem of string
    | Dim of int
    | Model of string
    | Width of int
    | Depth of int
    | Grid of int
    | Order of int
    | Embedding_Dim of int
    | Hidden_Dim of int
    | Generators of string
    | Epochs of int
    | Points of int
    | Sampling of string
    | Laplacian of string
    | Directions of int
    | Balance of string
    | Attention
    | Adapt_Points of string
    | Causal of float
    | Slices of int
    | Curriculum of float
    | Adapt_Every of int
    | Lr of float
    | Lr_E of float
    | Lr_H of float
    | Schedule of string
    | Warmup of int
    | Polish of int
    | Polish_Points of int
    | Test_Points of int
    | Problem_Seed of int
    | Seed of int
    | Device of string
    | Dtype of string
    | Threads of int
    | Memory of int
    | Eval_Every of int
    | Save_Every of int
    | Out of string
    | Resume of string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Problem _ -> "poisson or allen-cahn, on the two-body solution in the unit ball."
            | Dim _ -> "dimension, at least 2 (10)."
            | Model _ -> "mlp, kan or metakan (metakan)."
            | Width _ -> "width of the hidden layers (128)."
            | Depth _ -> "number of layers; 4 of width 128 are d-128-128-128-1 (4)."
            | Grid _ -> "intervals of the spline grid, G (5)."
            | Order _ -> "order of the splines, k (3)."
            | Embedding_Dim _ -> "numbers that embed an edge, p (1)."
            | Hidden_Dim _ -> "hidden width of the generators, h (32)."
            | Generators _ -> "layer: one a layer; shared: one for all; or one number a layer, as 0,0,1,1 (layer)."
            | Epochs _ -> "optimizer steps (5000)."
            | Points _ -> "fresh points a step (100)."
            | Sampling _ -> "how points are drawn: random, lhs, halton or sobol (random)."
            | Laplacian _ -> "exact, sdgd or hutchinson (exact)."
            | Directions _ -> "directions a step of sdgd and hutchinson (4, or the dimension where that is less)."
            | Balance _ -> "weights of the loss's terms: fixed, gradients or ntk (fixed)."
            | Attention -> "fixed points, weighed by their residuals so far."
            | Adapt_Points _ -> "rad: points drawn anew where residuals are large; rard: more points there."
            | Causal _ -> "weights by time, each falling with the loss before it, by this factor; for problems in time."
            | Slices _ -> "slices of time for --causal (16)."
            | Curriculum _ -> "fraction of the epochs over which the window of time grows; for problems in time."
            | Adapt_Every _ -> "steps between changes of --balance and --adapt-points (100)."
            | Lr _ -> "learning rate of MLP and KAN (1e-3)."
            | Lr_E _ -> "learning rate of MetaKAN's embeddings (1e-3)."
            | Lr_H _ -> "learning rate of MetaKAN's generators (1e-4)."
            | Schedule _ -> "linear, cosine, exponential or constant (linear)."
            | Warmup _ -> "steps over which the rates rise at the start (0)."
            | Polish _ -> "L-BFGS steps after the epochs (0)."
            | Polish_Points _ -> "points of the polish (2000)."
            | Test_Points _ -> "held-out points (20000)."
            | Problem_Seed _ -> "seed of the solution's coefficients, as the reference code draws them (0)."
            | Seed _ -> "seed of the parameters and the points (0)."
            | Device _ -> "auto, cpu or cuda (auto)."
            | Dtype _ -> "float32 or float64 (float32)."
            | Threads _ -> "threads, each on a share of the points (all cores, 8 at most)."
            | Memory _ -> "MiB that one backward pass may take; larger batches go in chunks (2048)."
            | Eval_Every _ -> "steps between evaluations (100)."
            | Save_Every _ -> "steps between checkpoints (500)."
            | Out _ -> "folder of the run (runs/PROBLEM-dDIM-MODEL-sSEED)."
            | Resume _ ->
                "go on with the run in this folder, with the settings it holds; --epochs, --polish, --eval-every, --save-every and --threads may change."

/// A problem by name, as config.json has it.
type private ProblemChoice = { Name: string; Dim: int; Seed: int }

/// A network by name, as config.json has it.
type private NetworkChoice = { Model: string; Width: int; Depth: int; Splines: Grid option; Meta: MetaLearner option }

let private problemOf (choice: ProblemChoice) : Problem =
    TwoBody.ofSeed choice.Seed choice.Dim
    |> (choice.Name |> oneOf "pde" [ "poisson", Poisson.problem; "allen-cahn", AllenCahn.problem ])

let private modelOf (dim: int) (choice: NetworkChoice) : Model =
    let widths = [ dim; yield! List.replicate (choice.Depth - 1) choice.Width; 1 ]

    match choice.Splines, choice.Meta with
    | Some grid, Some meta -> MetaKan.create grid meta widths
    | Some grid, None -> Kan.create grid widths
    | None, _ -> Mlp.create widths

/// The problem and the network of a run, as its config.json names them.
let internal stored (folder: string) : Problem * Model =
    let choice: ProblemChoice = Configuration.read folder "pde" "problem"
    problemOf choice, Configuration.read folder "pde" "network" |> modelOf choice.Dim

let private problem (options: ParseResults<Options>) : ProblemChoice =
    {
        Name =
            match options.TryGetResult Problem with
            | Some name -> name
            | None -> raise (BadInput "pde takes a problem: poisson or allen-cahn")
        Dim = options.GetResult(Dim, 10) |> atLeast "--dim" 2
        Seed = options.GetResult(Problem_Seed, 0) |> atLeast "--problem-seed" 0
    }

let private network (options: ParseResults<Options>) : NetworkChoice =
    let model = options.GetResult(Model, "metakan") |> nameOf "--model" [ "mlp"; "kan"; "metakan" ]
    let depth = options.GetResult(Depth, 4) |> atLeast "--depth" 1

    [ "--grid", options.Contains Grid; "--order", options.Contains Order ]
    |> onlyWith "--model kan and metakan" (model <> "mlp")

    [
        "--embedding-dim", options.Contains Embedding_Dim
        "--hidden-dim", options.Contains Hidden_Dim
        "--generators", options.Contains Generators
        "--lr-e", options.Contains Lr_E
        "--lr-h", options.Contains Lr_H
    ]
    |> onlyWith "--model metakan" (model = "metakan")

    [ "--lr", options.Contains Lr ] |> onlyWith "--model mlp and kan" (model <> "metakan")

    {
        Model = model
        Width = options.GetResult(Width, 128) |> atLeast "--width" 1
        Depth = depth
        Splines = splines model (options.GetResult(Grid, 5)) (options.GetResult(Order, 3))
        Meta =
            lazy sharing (depth) (options.GetResult(Generators, "layer"))
            |> metaLearner model (options.GetResult(Embedding_Dim, 1)) (options.GetResult(Hidden_Dim, 32))
    }

/// What training dwells on.
let private emphasis (options: ParseResults<Options>) (start: Emphasis) : Emphasis =
    let balances = [ "fixed", Balance.Fixed; "gradients", Balance.Gradients; "ntk", Balance.Ntk ]
    let choices = [ "rad", PointChoice.Rad; "rard", PointChoice.RarD ]

    let balance =
        options.TryGetResult Options.Balance
        |> Option.map (oneOf "--balance" balances)
        |> Option.defaultValue start.Balance

    let points =
        options.TryGetResult Adapt_Points
        |> Option.map (oneOf "--adapt-points" choices)
        |> Option.defaultValue start.Points

    [ "--slices", options.Contains Slices ] |> onlyWith "--causal" (options.Contains Options.Causal)

    [ "--adapt-every", options.Contains Adapt_Every ]
    |> onlyWith
        "--balance gradients and ntk, and --adapt-points"
        (balance <> Balance.Fixed || points <> PointChoice.Fresh)

    {
        Balance = balance
        Attention = start.Attention || options.Contains Attention
        Points = points
        Causal =
            options.TryGetResult Options.Causal
            |> Option.map (fun epsilon ->
                {
                    Epsilon = epsilon |> positive "--causal"
                    Slices = options.GetResult(Slices, 16) |> atLeast "--slices" 2
                })
            |> Option.orElse start.Causal
        Curriculum = options.TryGetResult Options.Curriculum |> Option.orElse start.Curriculum
        Every = options.GetResult(Adapt_Every, start.Every) |> atLeast "--adapt-every" 1
    }

// The options of an emphasis by its settings.
let private emphasisOptions =
    let it = Emphasis.none

    Map
        [
            nameof it.Balance, "--balance"
            nameof it.Attention, "--attention"
            nameof it.Points, "--adapt-points"
            nameof it.Causal, "--causal"
            nameof it.Curriculum, "--curriculum"
            nameof it.Every, "--adapt-every"
        ]

/// Settings with what the options change.
let private settings (options: ParseResults<Options>) (dim: int) (start: SolveSettings) : SolveSettings =
    let directions = options.GetResult(Directions, min 4 dim) |> atLeast "--directions" 1
    let laplacian = options.TryGetResult Laplacian

    [ "--directions", options.Contains Directions ]
    |> onlyWith "--laplacian sdgd and hutchinson" (laplacian.IsSome && laplacian <> Some "exact")

    let methods =
        [
            "exact", LaplacianMethod.Exact
            "sdgd", LaplacianMethod.Sdgd directions
            "hutchinson", LaplacianMethod.Hutchinson directions
        ]

    { start with
        Epochs = options.GetResult(Epochs, start.Epochs) |> atLeast "--epochs" 1
        Collocation =
            {
                Points = options.GetResult(Points, start.Collocation.Points) |> atLeast "--points" 1
                Sampling =
                    options.TryGetResult Sampling
                    |> Option.map (oneOf "--sampling" Sampling.named)
                    |> Option.defaultValue start.Collocation.Sampling
                Laplacian =
                    laplacian
                    |> Option.map (oneOf "--laplacian" methods)
                    |> Option.defaultValue start.Collocation.Laplacian
                MemoryLimit = options.GetResult(Memory, start.Collocation.MemoryLimit) |> atLeast "--memory" 1
            }
        Emphasis = emphasis options start.Emphasis
        Rate = options.GetResult(Lr, start.Rate) |> positive "--lr"
        EmbeddingRate = options.GetResult(Lr_E, start.EmbeddingRate) |> positive "--lr-e"
        GeneratorRate = options.GetResult(Lr_H, start.GeneratorRate) |> positive "--lr-h"
        Schedule =
            options.TryGetResult Schedule
            |> Option.map (oneOf "--schedule" Schedule.named)
            |> Option.defaultValue start.Schedule
        Warmup = options.GetResult(Warmup, start.Warmup) |> atLeast "--warmup" 0
        Polish = options.GetResult(Polish, start.Polish) |> atLeast "--polish" 0
        PolishPoints = options.GetResult(Polish_Points, start.PolishPoints) |> atLeast "--polish-points" 1
        TestPoints = options.GetResult(Test_Points, start.TestPoints) |> atLeast "--test-points" 1
        Seed = options.GetResult(Seed, start.Seed)
        EvaluateEvery = options.GetResult(Eval_Every, start.EvaluateEvery) |> atLeast "--eval-every" 1
        SaveEvery = options.GetResult(Save_Every, start.SaveEvery) |> atLeast "--save-every" 1
    }

/// What the options ask for, with nothing done yet but the number of threads set.
let private prepare (options: ParseResults<Options>) (interrupted: unit -> bool) =
    let choice, network, settings, threads, folder =
        match options.TryGetResult Resume with
        | Some folder ->
            options.GetAllResults()
            |> resumesWith [ "--epochs"; "--polish"; "--eval-every"; "--save-every"; "--threads" ]

            let read section = Configuration.read folder "pde" section

            let problem: ProblemChoice = read "problem"
            problem, read "network", settings options problem.Dim (read "settings"), read "threads", Some folder
        | None ->
            let place = placement (options.GetResult(Device, "auto")) (options.GetResult(Dtype, "float32"))

            let problem = problem options

            problem,
            network options,
            settings options problem.Dim { SolveSettings.defaults with Placement = place },
            min 8 Environment.ProcessorCount,
            None

    match settings.Collocation.Laplacian with
    | LaplacianMethod.Sdgd count when count > choice.Dim ->
        raise (BadInput $"--directions takes a whole number from 1 to {choice.Dim} with --laplacian sdgd, not {count}")
    | _ -> ()

    let problem, model = problemOf choice, modelOf choice.Dim network

    Emphasis.fault problem settings.Emphasis
    |> Option.iter (fun (setting, reason) -> raise (BadInput $"{emphasisOptions[setting]}: {reason}"))

    torch.set_num_threads (options.GetResult(Threads, threads) |> atLeast "--threads" 1)

    let place =
        {
            Folder =
                folder
                |> Option.orElse (options.TryGetResult Out)
                |> Option.defaultWith (fun () ->
                    RunFolder.free $"runs/{choice.Name}-d{choice.Dim}-{model.Name}-s{settings.Seed}")
            Resume = folder.IsSome
            Sections = [ "problem", Configuration.node choice; "network", Configuration.node network ]
            Meters = [ Info.peakCuda ]
            Interrupted = interrupted
        }

    place, settings, problem, model

let run (options: ParseResults<Options>) : int =
    use interrupt = new Interrupt.Watch()
    let place, settings, problem, model = prepare options (fun () -> interrupt.Asked)

    let solution =
        use progress = new Progress.Display(settings.Epochs + settings.Polish)

        Solve.run place settings problem model (function
            | Stepped(state, loss) -> progress.Step(state.Step, loss)
            | Evaluated(_, _, measures) ->
                measures
                |> List.tryFind (fun (name, _) -> name = "relative_l2")
                |> Option.iter (snd >> progress.Error)
            | Saved _ -> ())

    MetaKan.Report.write place.Folder

    match solution.Outcome with
    | Completed ->
        let number (name: string) = solution.Result[name].GetValue<float>()

        printfn
            $"""relative L2 error {number "relative_l2":G3}, {number "train_seconds":F1} s of training, in {place.Folder}"""

        0
    | Stopped -> raise (RunFailed $"stopped; go on with metakan pde --resume {place.Folder}")
    | Diverged loss ->
        raise (RunFailed $"the loss became {loss}: the run diverged; {place.Folder} keeps the last good state")
