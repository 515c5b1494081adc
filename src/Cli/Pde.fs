/// `metakan pde`: solves one of the problems of the shelf.
module MetaKan.Cli.Pde

open System
open Argu
open MetaKan
open MetaKan.Pdes
open MetaKan.Cli.Options
open TorchSharp

type Options =
    | [<MainCommand>] Problem of string
    | List
    | Dim of int
    | Model of string
    | Width of int
    | Depth of int
    | Grid of int
    | Order of int
    | Embedding_Dim of int
    | Hidden_Dim of int
    | Generators of string
    | Fourier of float
    | Factorised
    | Blocks of int
    | Optimizer of string
    | Moments of string
    | Momentum of float
    | Epochs of string
    | Seconds of float
    | Points of string
    | Sampling of string
    | Laplacian of string
    | Directions of int
    | Unbiased
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
    | Out of DIR: string
    | Config of FILE: string
    | Resume of DIR: string
    | Quiet
    | Json
    | Live
    | Live_Port of PORT: int
    | Tensorboard

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Problem _ -> "the problem, by its name in --list, which also decides what is in brackets here."
            | List -> "list the problems: what each is, and the network and budget that it has if none is asked for."
            | Dim _ -> "dimension, at least 2, of problems that have any (10 or 100)."
            | Model _ -> "mlp, kan or metakan (metakan in any number of dimensions, mlp in few)."
            | Width _ -> "width of the hidden layers (128; 16 to 64 in up to 200 dimensions; 24, 8 or 10 in few)."
            | Depth _ ->
                "number of layers; 4 of width 128 are d-128-128-128-1 (4; 3 for KANs in few and in up to 20 dimensions, 2 in up to 200)."
            | Grid _ -> "intervals of the spline grid, G (5 or 6)."
            | Order _ -> "order of the splines, k (3; 4 to 6 in few dimensions)."
            | Embedding_Dim _ -> "numbers that embed an edge, p (1)."
            | Hidden_Dim _ -> "hidden width of the generators, h (32 or 16)."
            | Generators _ -> "layer: one a layer; shared: one for all; or one number a layer, as 0,0,1,1 (layer)."
            | Fourier _ ->
                "random Fourier features before the network, as many as it is wide: their scale, 0 for none (0)."
            | Factorised -> "factorise the weight matrices of an MLP."
            | Blocks _ ->
                "coordinates of a block, each of which enters the network by one neuron of common weights; 0 for none (0)."
            | Optimizer _ ->
                "adam, soap, muon, broyden or natural: self-scaled Broyden and natural gradients are for networks of some thousands of numbers; or several, as adam,natural, one after another; auto is natural where the dimension, the network, the points and --memory allow it, else adam (auto)."
            | Moments _ ->
                "how adam keeps its running means between steps: full, bytes (a byte for each) or factored (full)."
            | Momentum _ ->
                "share of a natural gradient's step that the next one starts from, from 0 to below 1 (0; 0.8 for KANs in up to 20 dimensions)."
            | Epochs _ ->
                "optimizer steps, of each optimizer where there are several, as 1000,200 (5000; 200 to 500 natural gradients)."
            | Seconds _ ->
                "in the place of --epochs, about so many seconds of training, by the time of the first steps."
            | Points _ -> "fresh points a step, or of each optimizer's steps (100; 200 to 2500 of natural gradients)."
            | Sampling _ -> "how points are drawn: random, lhs, halton or sobol (random)."
            | Laplacian _ ->
                "exact; or an estimate: sdgd, sdgd-replacing, hutchinson, hutchinson-pairs, gaussian or gaussian-pairs (exact)."
            | Directions _ ->
                "directions a step of an estimate, an even number of pairs (4, or the dimension where that is less)."
            | Unbiased -> "products of two estimates in the place of squares of one, so that gradients have no bias."
            | Balance _ -> "weights of the loss's terms: fixed, gradients or ntk (fixed)."
            | Attention -> "fixed points, weighed by their residuals so far."
            | Adapt_Points _ -> "rad: points drawn anew where residuals are large; rard: more points there."
            | Causal _ -> "weights by time, each falling with the loss before it, by this factor; for problems in time."
            | Slices _ -> "slices of time for --causal (16)."
            | Curriculum _ -> "fraction of the epochs over which the window of time grows; for problems in time."
            | Adapt_Every _ ->
                "steps between changes of --balance and --adapt-points, and of the points of broyden (100)."
            | Lr _ -> "learning rate of MLP and KAN (1e-3)."
            | Lr_E _ -> "learning rate of MetaKAN's embeddings (1e-3)."
            | Lr_H _ -> "learning rate of MetaKAN's generators (1e-4)."
            | Schedule _ -> "linear, cosine, exponential or constant (linear)."
            | Warmup _ -> "steps over which the rates rise at the start (0)."
            | Polish _ -> "L-BFGS steps after the epochs (0)."
            | Polish_Points _ -> "points of the polish (2000)."
            | Test_Points _ -> "held-out points (20000 or 4000; fewer in more than 6,700 dimensions)."
            | Problem_Seed _ -> "seed of a two-body solution's coefficients, as the reference code draws them (0)."
            | Seed _ -> "seed of the parameters and the points (0)."
            | Device _ -> "auto, cpu or cuda (auto)."
            | Dtype _ -> "float32 or float64 (float64; float32 in more than 200 dimensions)."
            | Threads _ -> "threads, each on a share of the points (all cores, 8 at most)."
            | Memory _ -> "MiB that one backward pass may take; larger batches go in chunks (2048)."
            | Eval_Every _ -> "steps between evaluations (100 or 10)."
            | Save_Every _ -> "steps between checkpoints (500 or 100)."
            | Out _ -> "folder of the run (runs/PROBLEM-MODEL-sSEED, with -dDIM where there is a choice)."
            | Config _ ->
                "start from the values of this file, a run's config.json or any part of one; options given beside it go before."
            | Resume _ ->
                "go on with the run in this folder, with the settings it holds; --epochs, --polish, --eval-every, --save-every and --threads may change."
            | Quiet -> "no progress, only the result."
            | Json -> "start, progress and result as a line of JSON each, for programs."
            | Live -> "show the report in a browser of this machine while the run goes on, at the address that is told."
            | Live_Port _ -> "the port of that address (a free one)."
            | Tensorboard -> "write the metrics for TensorBoard, too, into the run's folder."

let private models = [ "mlp"; "kan"; "metakan" ]
let private balances = [ "fixed", Balance.Fixed; "gradients", Balance.Gradients; "ntk", Balance.Ntk ]
let private pointChoices = [ "rad", PointChoice.Rad; "rard", PointChoice.RarD ]

/// A problem by name, as config.json has it.
type private ProblemChoice = { Name: string; Dim: int; Seed: int }

/// A network by name, as config.json has it.
type private NetworkChoice =
    {
        Model: string
        Width: int
        Depth: int
        Splines: Grid option
        Meta: MetaLearner option
        Fourier: float option
        Factorised: bool
        /// Coordinates of a block that shares weights, if any.
        Blocks: int option
    }

let private entryOf (name: string) : ShelfEntry = name |> oneOf "pde" [ for entry in Shelf.all -> entry.Name, entry ]

let private problemOf (choice: ProblemChoice) : Problem = (entryOf choice.Name).Problem choice.Dim choice.Seed

// Coordinates of space, the first ones.
let private spaceOf (problem: Problem) : int = problem.Coordinates |> List.filter ((<>) "t") |> List.length

let private widthsOf (problem: Problem) (choice: NetworkChoice) : int list =
    [
        match choice.Fourier, choice.Blocks with
        | Some _, _ -> 2 * choice.Width
        | None, Some block -> SharedBlocks.width (Problem.inputs problem) (spaceOf problem) block
        | None, None -> Problem.inputs problem
        yield! List.replicate (choice.Depth - 1) choice.Width
        problem.Fields.Length
    ]

// Refuses a network that memory does not hold.
let private checkSize (problem: Problem) (choice: NetworkChoice) (moments: MomentStorage) : unit =
    let coefficients = choice.Splines |> Option.map (Grid.coefficients >> int64) |> Option.defaultValue 0L

    let perEdge, generator =
        match choice.Meta with
        | Some meta -> int64 meta.EmbeddingDim, int64 meta.HiddenDim * (int64 meta.EmbeddingDim + coefficients)
        | None -> max 1L (coefficients + 1L), 0L

    fitsNetwork "--width" (widthsOf problem choice) perEdge generator moments

/// The edges between a network's layers.
let private edgesOf (problem: Problem) (choice: NetworkChoice) : int64 =
    widthsOf problem choice |> List.pairwise |> List.sumBy (fun (a, b) -> int64 a * int64 b)

let private modelOf (problem: Problem) (choice: NetworkChoice) : Model =
    let inputs, widths = Problem.inputs problem, widthsOf problem choice

    match choice.Splines, choice.Meta with
    | Some grid, Some meta -> MetaKan.create grid meta widths
    | Some grid, None -> Kan.create grid widths
    | None, _ -> Mlp.create widths
    |> if choice.Factorised then Factorised.create 1.0 0.1 else id
    |> match choice.Fourier with
       | Some scale -> FourierFeatures.create inputs choice.Width scale 0
       | None -> id
    |> match choice.Blocks with
       | Some block -> SharedBlocks.create inputs (spaceOf problem) block
       | None -> id

let private problem (options: ParseResults<Options>) (file: StartFile) : ProblemChoice =
    let stored = Configuration.tryValue file "problem.name" ""

    let entry =
        match options.GetResults Problem, stored with
        // What is no option, a misspelt one too, counts as a problem.
        | given, _ when List.exists (fun (name: string) -> name.StartsWith '-') given ->
            let option = List.find (fun (name: string) -> name.StartsWith '-') given
            raise (BadInput $"unrecognized argument: '{option}' (see metakan pde --help)")
        | [ name ], _ -> entryOf name
        | [], Some name -> named $"{file.Path}: problem.name" (fun () -> entryOf name)
        | _ :: _ as given, _ -> raise (BadInput $"""pde takes one problem, not {String.concat ", " given}""")
        | [], None -> raise (BadInput "pde takes a problem: metakan pde --list names them")

    let own = entry.Dimension |> Option.defaultWith (fun () -> (entry.Problem 0 0).Coordinates.Length)

    let start =
        { Name = entry.Name; Dim = own; Seed = 0 }
        |> if stored.IsSome && stored <> Some entry.Name then
               id // the file is about another problem
           else
               Configuration.over file "problem" [ "name" ]

    let withDimension = Shelf.all |> List.filter _.Dimension.IsSome |> List.map _.Name |> String.concat ", "

    [ "--dim", options.Contains Dim || (entry.Dimension.IsNone && start.Dim <> own) ]
    |> onlyWith withDimension entry.Dimension.IsSome

    let seeded = Shelf.all |> List.filter _.Seeded |> List.map _.Name |> String.concat ", "

    [ "--problem-seed", options.Contains Problem_Seed || start.Seed <> 0 ]
    |> onlyWith seeded entry.Seeded

    {
        Name = entry.Name
        Dim =
            if entry.Dimension.IsSome then
                options.GetResult(Dim, start.Dim) |> within "--dim" entry.LeastDimension 10_000_000
            else
                own
        Seed = options.GetResult(Problem_Seed, start.Seed) |> atLeast "--problem-seed" 0
    }

let private network
    (options: ParseResults<Options>)
    (file: StartFile)
    (entry: ShelfEntry)
    (problem: Problem)
    : NetworkChoice =
    let stored = Configuration.tryValue file "network.model" "" |> Option.defaultValue entry.Model
    let model = options.GetResult(Model, stored) |> nameOf "--model" models
    let width, depth = entry.Size model

    let start =
        {
            Model = model
            Width = width
            Depth = depth
            Splines = if model = "mlp" then None else Some(entry.Splines model)
            Meta =
                if model = "metakan" then
                    Some
                        {
                            EmbeddingDim = 1
                            HiddenDim = entry.HiddenDim
                            Sharing = GeneratorSharing.PerLayer
                            Chunk = None
                        }
                else
                    None
            Fourier = entry.Fourier
            Factorised = model = "mlp" && entry.Factorised
            Blocks = None
        }
        |> Configuration.over
            file
            "network"
            // Parts of a network of another family stay behind.
            (if stored = model then [ "model" ] else [ "model"; "splines"; "meta"; "factorised" ])

    let depth = options.GetResult(Depth, start.Depth) |> within "--depth" 1 1000

    [
        "--grid", options.Contains Grid || start.Splines.IsSome
        "--order", options.Contains Order || start.Splines.IsSome
    ]
    |> onlyWith "--model kan and metakan" (model <> "mlp")

    [
        "--embedding-dim", options.Contains Embedding_Dim || start.Meta.IsSome
        "--hidden-dim", options.Contains Hidden_Dim || start.Meta.IsSome
        "--generators", options.Contains Generators || start.Meta.IsSome
        "--lr-e", options.Contains Lr_E
        "--lr-h", options.Contains Lr_H
    ]
    |> onlyWith "--model metakan" (model = "metakan")

    [ "--lr", options.Contains Lr ] |> onlyWith "--model mlp and kan" (model <> "metakan")

    [ "--factorised", options.Contains Factorised || start.Factorised ]
    |> onlyWith "--model mlp" (model = "mlp")

    let fourier =
        match options.TryGetResult Fourier |> Option.orElse start.Fourier with
        | None
        | Some 0.0 -> None
        | Some scale -> Some(positive "--fourier" scale)

    let blocks =
        match options.TryGetResult Options.Blocks |> Option.orElse start.Blocks with
        | None
        | Some 0 -> None
        | Some block -> Some block

    match blocks with
    | None -> ()
    | Some block ->
        let space = spaceOf problem

        if problem.Periodic.IsSome || fourier.IsSome || space < 2 then
            raise (BadInput "--blocks goes with two coordinates or more, that are not periodic, and without --fourier")

        if block < 1 || block >= space then
            raise (BadInput $"--blocks takes a whole number from 1 to {space - 1}, or 0, not {block}")

    {
        Model = model
        Fourier = fourier
        Factorised = options.Contains Factorised || start.Factorised
        Blocks = blocks
        Width = options.GetResult(Width, start.Width) |> atLeast "--width" 1
        Depth = depth
        Splines = start.Splines |> splinesOver model (options.TryGetResult Grid) (options.TryGetResult Order)
        Meta =
            start.Meta
            |> metaLearnerOver
                model
                depth
                (options.TryGetResult Embedding_Dim)
                (options.TryGetResult Hidden_Dim)
                (options.TryGetResult Generators)
    }

/// What training dwells on; `still` where an optimizer takes points that stay, for a while.
let private emphasis (options: ParseResults<Options>) (still: bool) (start: Emphasis) : Emphasis =
    let balance =
        options.TryGetResult Options.Balance
        |> Option.map (oneOf "--balance" balances)
        |> Option.defaultValue start.Balance

    let points =
        options.TryGetResult Adapt_Points
        |> Option.map (oneOf "--adapt-points" pointChoices)
        |> Option.defaultValue start.Points

    [ "--slices", options.Contains Slices ]
    |> onlyWith "--causal" (options.Contains Options.Causal || start.Causal.IsSome)

    [ "--adapt-every", options.Contains Adapt_Every ]
    |> onlyWith
        "--balance gradients and ntk, --adapt-points, and --optimizer broyden"
        (still || balance <> Balance.Fixed || points <> PointChoice.Fresh)

    {
        Balance = balance
        Attention = start.Attention || options.Contains Attention
        Points = points
        Causal =
            options.TryGetResult Options.Causal
            |> Option.orElse (start.Causal |> Option.map _.Epsilon)
            |> Option.map (fun epsilon ->
                let slices = start.Causal |> Option.map _.Slices |> Option.defaultValue 16

                {
                    Epsilon = epsilon |> positive "--causal"
                    Slices = options.GetResult(Slices, slices) |> atLeast "--slices" 2
                })
        Curriculum = options.TryGetResult Options.Curriculum |> Option.orElse start.Curriculum
        Every =
            // A run that goes on has its own.
            let asked = still && options.Contains Optimizer

            options.GetResult(Adapt_Every, (if asked then max Emphasis.none.Every start.Every else start.Every))
            |> atLeast "--adapt-every" 1
    }

// The options of settings that may not go together, by name.
let private optionOf =
    let it, settings = Emphasis.none, SolveSettings.defaults

    Map
        [
            nameof settings.Optimizer, "--optimizer"
            nameof settings.Collocation.MemoryLimit, "--memory"
            nameof settings.Collocation.Unbiased, "--unbiased"
            nameof it.Balance, "--balance"
            nameof it.Attention, "--attention"
            nameof it.Points, "--adapt-points"
            nameof it.Causal, "--causal"
            nameof it.Curriculum, "--curriculum"
            nameof it.Every, "--adapt-every"
        ]

let private optimizers =
    [
        "adam", SolveOptimizer.Adam
        "soap", SolveOptimizer.Soap
        "muon", SolveOptimizer.Muon
        "broyden", SolveOptimizer.Broyden
        "natural", SolveOptimizer.NaturalGradient
    ]

/// The name of the choice among them.
let private automatic = "auto"

let private nameOfOptimizer (optimizer: SolveOptimizer) : string =
    optimizers |> List.find (fun (_, it) -> it = optimizer) |> fst

/// The optimizers with their steps and points, one after another.
let private recipe (options: ParseResults<Options>) (start: SolveSettings) : SolveStage list =
    let before = SolveSettings.stages start

    let ofStart = before |> List.map _.Optimizer

    let given =
        match options.TryGetResult Optimizer |> Option.map (fun names -> List.ofArray (names.Split ',')) with
        | Some [ name ] ->
            [ for name, it in optimizers -> name, [ it ] ] @ [ automatic, ofStart ]
            |> fun choices -> oneOf "--optimizer" choices name
        | Some names -> names |> List.map (oneOf "--optimizer" optimizers)
        | None -> ofStart

    // Of each optimizer by itself, or the start's.
    let each option (text: string option) (ofStart: SolveStage -> int) =
        match text |> Option.map (wholeNumbers option 1), given with
        | Some numbers, _ when numbers.Length = given.Length -> numbers
        | Some numbers, _ ->
            raise (
                BadInput $"{option} takes a number for each of {given.Length} optimizers, not {numbers.Length} numbers"
            )
        | None, [ _ ] -> [ ofStart (List.last before) |> atLeast option 1 ]
        | None, _ when before.Length = given.Length -> before |> List.map (ofStart >> atLeast option 1)
        | None, _ -> raise (BadInput $"{option} takes a number for each of {given.Length} optimizers")

    let epochs = each "--epochs" (options.TryGetResult Epochs) _.Epochs
    let points = each "--points" (options.TryGetResult Points) _.Points

    List.map3
        (fun optimizer epochs points -> { Optimizer = optimizer; Epochs = epochs; Points = points })
        given
        epochs
        points

// The methods, by the number of their directions.
let private laplacians = ("exact", fun _ -> LaplacianMethod.Exact) :: LaplacianMethod.estimates

/// The names that options take.
let names: (string * string list) list =
    [
        "", [ for entry in Shelf.all -> entry.Name ]
        "--model", models
        "--optimizer", List.map fst optimizers @ [ automatic ]
        "--moments", List.map fst MomentStorage.named
        "--sampling", List.map fst Sampling.named
        "--laplacian", List.map fst laplacians
        "--balance", List.map fst balances
        "--adapt-points", List.map fst pointChoices
        "--schedule", List.map fst Schedule.named
        "--device", devices
        "--dtype", dtypes
    ]

/// Settings with what the options change.
let private settings (options: ParseResults<Options>) (dim: int) (start: SolveSettings) : SolveSettings =
    let started = start.Collocation.Laplacian
    let laplacian = options.GetResult(Laplacian, LaplacianMethod.name started)
    let isPairs = laplacian.EndsWith "-pairs"
    let usual = if isPairs then 4 else min 4 dim

    [ "--directions", options.Contains Directions ]
    |> onlyWith "an estimate, as --laplacian sdgd" (laplacian <> "exact")

    let directions =
        options.GetResult(Directions, LaplacianMethod.count started |> Option.defaultValue usual)
        |> atLeast "--directions" 1

    if isPairs && directions % 2 = 1 then
        raise (BadInput $"--directions takes an even number with --laplacian {laplacian}, not {directions}")

    let stages = recipe options start
    let opening, last = List.truncate (stages.Length - 1) stages, List.last stages
    let optimizers = stages |> List.map _.Optimizer

    [
        "--lr", options.Contains Lr
        "--lr-e", options.Contains Lr_E
        "--lr-h", options.Contains Lr_H
        "--schedule", options.Contains Schedule
        "--warmup", options.Contains Warmup
    ]
    |> onlyWith
        "--optimizer adam, soap and muon"
        (optimizers
         |> List.exists (fun it -> List.contains it [ SolveOptimizer.Adam; SolveOptimizer.Soap; SolveOptimizer.Muon ]))

    [ "--moments", options.Contains Moments ]
    |> onlyWith "--optimizer adam" (List.contains SolveOptimizer.Adam optimizers)

    [ "--momentum", options.Contains Momentum ]
    |> onlyWith "--optimizer natural" (List.contains SolveOptimizer.NaturalGradient optimizers)

    let momentum =
        if List.contains SolveOptimizer.NaturalGradient optimizers then
            options.GetResult(Momentum, start.Momentum)
        else
            0.0

    if not (momentum >= 0.0 && momentum < 1.0) then
        raise (BadInput $"--momentum takes a number from 0 to below 1, not {momentum}")

    let polish = options.GetResult(Polish, start.Polish) |> atLeast "--polish" 0

    [ "--polish-points", options.Contains Polish_Points ] |> onlyWith "--polish" (polish > 0)

    { start with
        Opening = opening
        Optimizer = last.Optimizer
        Moments =
            options.TryGetResult Moments
            |> Option.map (oneOf "--moments" MomentStorage.named)
            |> Option.defaultValue start.Moments
        Momentum = momentum
        Epochs = last.Epochs
        Collocation =
            {
                Points = last.Points
                Sampling =
                    options.TryGetResult Sampling
                    |> Option.map (oneOf "--sampling" Sampling.named)
                    |> Option.defaultValue start.Collocation.Sampling
                Laplacian = (oneOf "--laplacian" laplacians laplacian) directions
                Unbiased = options.Contains Unbiased || (start.Collocation.Unbiased && laplacian <> "exact")
                MemoryLimit = options.GetResult(Memory, start.Collocation.MemoryLimit) |> atLeast "--memory" 1
            }
        Emphasis = emphasis options (List.contains SolveOptimizer.Broyden optimizers) start.Emphasis
        Rate = options.GetResult(Lr, start.Rate) |> positive "--lr"
        EmbeddingRate = options.GetResult(Lr_E, start.EmbeddingRate) |> positive "--lr-e"
        GeneratorRate = options.GetResult(Lr_H, start.GeneratorRate) |> positive "--lr-h"
        Schedule =
            options.TryGetResult Schedule
            |> Option.map (oneOf "--schedule" Schedule.named)
            |> Option.defaultValue start.Schedule
        Warmup = options.GetResult(Warmup, start.Warmup) |> atLeast "--warmup" 0
        Polish = polish
        PolishPoints = options.GetResult(Polish_Points, start.PolishPoints) |> atLeast "--polish-points" 1
        TestPoints = options.GetResult(Test_Points, start.TestPoints) |> atLeast "--test-points" 1
        Seed = options.GetResult(Seed, start.Seed)
        Placement = placementOver start.Placement (options.TryGetResult Device) (options.TryGetResult Dtype)
        EvaluateEvery = options.GetResult(Eval_Every, start.EvaluateEvery) |> atLeast "--eval-every" 1
        SaveEvery = options.GetResult(Save_Every, start.SaveEvery) |> atLeast "--save-every" 1
    }

/// The settings that options start from, those of the shelf with a file's over them, with another optimizer where theirs does
/// not suit the network that is asked for, and why that is none of natural gradients. An optimizer that is named, on the command
/// line or else in the file, stays.
let private start
    (options: ParseResults<Options>)
    (file: StartFile)
    (problem: Problem)
    (model: Model)
    (settings: SolveSettings)
    : SolveSettings * string option =
    let named =
        match options.TryGetResult Optimizer with
        | Some name -> name <> automatic
        | None -> Configuration.has file "settings.optimizer"

    if named then
        settings, None
    else
        let collocation = settings.Collocation

        let points =
            match options.TryGetResult Points |> Option.map (wholeNumbers "--points" 1) with
            | Some [ points ] -> points
            | _ -> collocation.Points

        let memory = options.GetResult(Memory, collocation.MemoryLimit)

        let asked = { settings with Collocation = { collocation with Points = points; MemoryLimit = memory } }

        SolveSettings.chosen problem model asked

/// What the options ask for.
type private Asked =
    {
        Choice: ProblemChoice
        Network: NetworkChoice
        Settings: SolveSettings
        Threads: int
        /// The folder to go on with.
        Resumed: string option
        Problem: Problem
        Model: Model
        /// Why `auto` is not natural gradients, where it is not.
        Why: string option
    }

let private askOver (options: ParseResults<Options>) (file: StartFile) : Asked =
    let folder = options.TryGetResult Resume
    let choice = problem options file
    let problem = problemOf choice
    let entry = entryOf choice.Name |> Shelf.inDimension choice.Dim
    let network = network options file entry problem
    // Before anything is made of it, as if Adam remembered the least; below, as it is asked to.
    checkSize problem network MomentStorage.Bytes
    let dtype = if entry.Settings.Placement.DType = torch.float64 then "float64" else "float32"

    let start, why =
        { entry.Settings with Placement = placement "auto" dtype; Momentum = entry.Momentum network.Model }
        |> Configuration.over file "settings" []
        |> start options file problem (modelOf problem network)

    let settings = settings options choice.Dim start
    checkSize problem network settings.Moments

    // Points are drawn in double precision, placed, and split.
    let points =
        [
            for stage in SolveSettings.stages settings do
                "--points", stage.Points

            if settings.Polish > 0 then
                "--polish-points", settings.PolishPoints
        ]

    for option, points in points do
        let bytes = 8L + 2L * int64 (settings.Placement.DType.ElementSize())
        fits option $"{points} points" (float points * float (Problem.inputs problem) * float bytes)

    let stored = Configuration.tryValue file "threads" 1

    let threads =
        match stored with
        | Some threads when folder.IsSome -> threadsOf threads
        | _ -> Option.defaultWith allThreads stored

    match settings.Collocation.Laplacian with
    | LaplacianMethod.Sdgd count when count > choice.Dim ->
        raise (BadInput $"--directions takes a whole number from 1 to {choice.Dim} with --laplacian sdgd, not {count}")
    | _ -> ()

    let model = modelOf problem network

    Solve.fault settings problem model
    |> Option.iter (fun (setting, reason) -> raise (BadInput $"{optionOf[setting]}: {reason}"))

    [ "--seconds", options.Contains Seconds ]
    |> onlyWith "one optimizer, without --epochs" (settings.Opening.IsEmpty && not (options.Contains Epochs))

    {
        Choice = choice
        Network = network
        Settings = settings
        Threads = options.GetResult(Threads, threads) |> threadCount
        Resumed = folder
        Problem = problem
        Model = model
        Why = why
    }

/// What the options ask for, with nothing done yet.
let private ask (options: ParseResults<Options>) : Asked =
    let resumed = options.TryGetResult Resume

    if resumed.IsSome then
        options.GetAllResults()
        |> resumesWith [ "--epochs"; "--polish"; "--eval-every"; "--save-every"; "--threads" ]

    let file = startFile "pde" [ "problem"; "network"; "settings" ] resumed (options.TryGetResult Config)
    ofFile file (options.GetAllResults()) (fun () -> askOver options file)

/// The problem and the network of a run, as its config.json names them: looked at as for going on with it.
let internal stored (folder: string) : Problem * Model =
    let options =
        ArgumentParser.Create<Options>(programName = "metakan").ParseCommandLine [| "--resume"; folder |]

    let asked = ask options
    asked.Problem, asked.Model

/// The settings with the steps that `--seconds` asks for, which takes some of them: by the time of the first steps.
let private timed (options: ParseResults<Options>) (asked: Asked) : SolveSettings =
    match options.TryGetResult Seconds with
    | Some seconds ->
        let timed =
            Solve.within (positive "--seconds" seconds) { asked.Settings with Polish = 0 } asked.Problem asked.Model

        { asked.Settings with Epochs = timed.Epochs }
    | None -> asked.Settings

/// The shelf as a table.
let private list () : unit =
    let columns =
        [
            for entry in Shelf.all do
                let entry =
                    match entry.Dimension with
                    | Some dim -> Shelf.inDimension dim entry
                    | None -> entry

                let width, depth = entry.Size entry.Model
                let settings = entry.Settings

                let optimizer = nameOfOptimizer settings.Optimizer

                [
                    entry.Name
                    match entry.Dimension with
                    | Some dimension -> $"d = {dimension}"
                    | None -> String.concat ", " (entry.Problem 0 0).Coordinates
                    entry.Formula
                    $"{entry.Purpose} ({entry.Source})"
                    $"{entry.Model} {width} × {depth}, {settings.Epochs} {optimizer}"
                ]
        ]

    let heads = [ "problem"; "in"; "equation"; "for"; "network and steps" ]

    Table.aligned (heads :: columns) |> List.iter (printfn "%s")

/// What a run trains and how, in a line. Numbers an edge are told of networks of edges: parameters, what optimizers remember, and
/// the coefficients that are made of parameters. Last, why it is not by natural gradients.
let private summary settings (problem: Problem) (model: Model) (edges: int64) (why: string option) : string =
    use _ = torch.NewDisposeScope()
    let p = Solve.initial settings problem model
    let count = Params.count p
    let perEdge (n: int64) = (float n / float edges).ToString("0.0", Globalization.CultureInfo.InvariantCulture)
    let grouped (n: int64) = n.ToString("N0", Globalization.CultureInfo.InvariantCulture)

    let numbers =
        match model.Derived with
        | Some generated ->
            let weights = generated.Weights p
            let made = Params.count weights - Edges.lookedUp weights

            let remembered =
                (Solve.plan settings problem model).Stages
                |> List.map (fun stage -> Params.count (stage.Init p))
                |> List.max

            $"{grouped count} parameters, with the optimizer's numbers and coefficients {perEdge (count + remembered + made)} an edge"
        | None -> $"{grouped count} parameters"

    [
        $"{model.Description}: {numbers}"
        for stage in SolveSettings.stages settings do
            $"{nameOfOptimizer stage.Optimizer}, {stage.Epochs} steps of {stage.Points} points"
        yield! Option.toList why
    ]
    |> String.concat "; "

/// Refuses what a run would refuse, with nothing done.
let check (options: ParseResults<Options>) : unit = ask options |> ignore

let private solve (options: ParseResults<Options>) : int =
    use interrupt = new Interrupt.Watch()
    let view = Training.view (options.Contains Quiet) (options.Contains Json)
    let asked = ask options
    torch.set_num_threads asked.Threads
    let settings = timed options asked
    let choice, problem, model = asked.Choice, asked.Problem, asked.Model
    use live = Live.start (options.Contains Live) (options.TryGetResult Live_Port)

    let place =
        {
            Folder =
                asked.Resumed
                |> Option.orElse (options.TryGetResult Out)
                |> Option.defaultWith (fun () ->
                    let dimension = if (entryOf choice.Name).Dimension.IsSome then $"-d{choice.Dim}" else ""
                    RunFolder.free $"runs/{choice.Name}{dimension}-{model.Name}-s{settings.Seed}")
            Resume = asked.Resumed.IsSome
            Sections = [ "problem", Configuration.node choice; "network", Configuration.node asked.Network ]
            Meters = [ Info.peakCuda ]
            Interrupted = fun () -> interrupt.Asked
            Signals = false
            TensorBoard = options.Contains Tensorboard
        }

    let heading: Progress.Heading =
        {
            Task = "pde"
            Folder = place.Folder
            Text = summary settings problem model (edgesOf problem asked.Network) asked.Why
            Live = live.Address
        }

    let solution =
        Training.shown view live heading (SolveSettings.steps settings) (fun progress ->
            Solve.run place settings problem model (function
                | Stepped(state, loss) ->
                    progress.Step(state.Step, loss)
                    live.Step state.Step
                | Evaluated(_, _, measures) ->
                    measures
                    |> List.tryFind (fun (name, _) -> name = "relative_l2")
                    |> Option.iter (snd >> progress.Error)
                | Saved _ -> ()))

    Training.concluded view "pde" place.Folder solution.Outcome solution.Result (fun () ->
        let number (name: string) = solution.Result[name].GetValue<float>()

        [
            $"""relative L2 error {number "relative_l2":G3}, {number "train_seconds":F1} s of training, in {place.Folder}"""
        ])

let run (options: ParseResults<Options>) : int =
    if options.Contains List then
        if options.GetAllResults().Length > 1 then
            raise (BadInput "--list goes alone")

        list ()
        0
    else
        solve options
