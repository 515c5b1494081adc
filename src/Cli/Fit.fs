/// `metakan fit`: fits a function to data, and reads a formula off the fit.
module MetaKan.Cli.Fit

open System
open System.IO
open Argu
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Cli.Options
open TorchSharp

type Options =
    | Expr of string
    | Vars of string
    | Feynman of string
    | Csv of string
    | Target of string
    | Train of int
    | Test of int
    | Test_Share of float
    | Noise of float
    | Normalize
    | Model of string
    | Width of string list
    | Grid of int
    | Order of int
    | Embedding_Dim of int
    | Hidden_Dim of int
    | Generators of string
    | Optimizer of string
    | History of int
    | Lr of float
    | Steps of int list
    | Lamb of float
    | Lamb_Entropy of float
    | Grid_Update
    | Extend of int list
    | Prune
    | Node_Threshold of float
    | Edge_Threshold of float
    | Symbolic
    | Library of string list
    | Seed of int
    | Device of string
    | Dtype of string
    | Threads of int
    | Out of string
    | Resume of string

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Expr _ -> "the function, as exp(sin(pi*x) + y^2)."
            | Vars _ -> "ranges of its variables, as x:-1:1,y:0:pi."
            | Feynman _ -> "an equation of the Feynman set by name, as I.6.20b, or all."
            | Csv _ -> "a table with a header line; every column but the target is an input."
            | Target _ -> "the column to fit."
            | Train _ -> "points to learn from (1000)."
            | Test _ -> "held-out points (1000)."
            | Test_Share _ -> "share of a table's rows that is held out (0.2)."
            | Noise _ -> "standard deviation of noise on what is learnt from (0)."
            | Normalize -> "train on data of mean 0 and spread 1; results are told in the data's own units."
            | Model _ -> "kan, metakan or mlp (kan)."
            | Width _ ->
                "nodes of all layers, as 2 5 1; 4+2 are four that add and two that multiply; of --feynman all, the hidden ones (INPUTS 5 1)."
            | Grid _ -> "intervals of the spline grid, G (5)."
            | Order _ -> "order of the splines, k (3)."
            | Embedding_Dim _ -> "numbers that embed an edge, p (1)."
            | Hidden_Dim _ -> "hidden width of the generators, h (16)."
            | Generators _ -> "shared: one for all layers; layer: one a layer; or one number a layer (shared)."
            | Optimizer _ -> "lbfgs, up to 20 iterations a step, or adam (lbfgs)."
            | History _ -> "pairs that lbfgs remembers (50)."
            | Lr _ -> "learning rate of adam (1e-2)."
            | Steps _ ->
                "steps of each stage: training, after pruning, after each extension; one number, or one each (70)."
            | Lamb _ -> "weight of the sparsity penalty in the first stage (0)."
            | Lamb_Entropy _ -> "weight of the entropy in the penalty (2)."
            | Grid_Update -> "fit the knots to the samples every 5 of the first 50 steps."
            | Extend _ -> "grid sizes to go on to, as 10 20."
            | Prune -> "remove nodes and edges that contribute little, then train on."
            | Node_Threshold _ -> "score up to which a node is pruned (0.01)."
            | Edge_Threshold _ -> "score up to which an edge is pruned (0.03)."
            | Symbolic -> "put a function of the library on every edge, refit, and print the formula."
            | Library _ -> "names of the functions to choose from (all)."
            | Seed _ -> "seed of the data and the parameters (0)."
            | Device _ -> "auto, cpu or cuda (cpu)."
            | Dtype _ -> "float32 or float64 (float64)."
            | Threads _ -> "threads within an operator; of --feynman all, equations at a time (1; all cores)."
            | Out _ -> "folder of the run (runs/fit-NAME-MODEL-sSEED)."
            | Resume _ ->
                "go on with the run in this folder, with the settings it holds; --steps and --threads may change."

/// "5" or "4+2": nodes that add and nodes that multiply two factors each.
let private nodes (given: string) : Nodes =
    let refuse () =
        raise (
            BadInput
                $"--width takes numbers of nodes, as 2 5 1, or 4+2 for four that add and two that multiply, not '{given}'"
        )

    match given.Split '+' |> Array.map Int32.TryParse with
    | [| true, sums |] when sums > 0 -> Nodes.sums sums
    | [| true, sums; true, products |] when sums >= 0 && products > 0 ->
        { Sums = sums; Products = List.replicate products 2 }
    | _ -> refuse ()

/// What values are of, as config.json has it.
type private Source =
    | Expr of expr: string * vars: string
    | Feynman of string
    | Csv of path: string * target: string * testShare: float

/// The data, as config.json has it.
type private DataChoice = { Name: string; Source: Source; Train: int; Test: int; Noise: float; Normalize: bool }

/// The network, as config.json has it.
type private NetworkChoice = { Model: string; Nodes: Nodes list; Splines: Grid option; Meta: MetaLearner option }

let private dataChoice (options: ParseResults<Options>) (equation: FeynmanEquation option) : DataChoice =
    let name, source =
        match equation, options.TryGetResult Options.Expr, options.TryGetResult Options.Csv with
        | Some equation, None, None -> equation.Name.Replace(' ', '-'), Feynman equation.Name
        | None, Some expr, None ->
            match options.TryGetResult Vars with
            | None -> raise (BadInput "--expr takes the ranges of its variables by --vars, as --vars \"x:-1:1,y:-1:1\"")
            | Some vars -> "expr", Expr(expr, vars)
        | None, None, Some path ->
            match options.TryGetResult Target with
            | None -> raise (BadInput "--csv takes the column to fit by --target")
            | Some target ->
                // From the root, so that the run resumes from any folder.
                let share = options.GetResult(Test_Share, 0.2)

                if not (share > 0.0 && share < 1.0) then
                    raise (
                        BadInput
                            $"--test-share takes the share of the rows to test on, above 0 and below 1, not {share}"
                    )

                Path.GetFileNameWithoutExtension path, Csv(Path.GetFullPath path, target, share)
        | _ -> raise (BadInput "fit takes one of --expr with --vars, --feynman, and --csv with --target")

    let noise = options.GetResult(Options.Noise, 0.0)

    if not (noise >= 0.0 && Double.IsFinite noise) then
        raise (BadInput $"--noise takes the standard deviation of the noise, a number from 0 up, not {noise}")

    {
        Name = name
        Source = source
        Train = options.GetResult(Train, 1000) |> atLeast "--train" 1
        Test = options.GetResult(Test, 1000) |> atLeast "--test" 1
        Noise = noise
        Normalize = options.Contains Normalize
    }

/// The data of a seed.
let private dataOf (choice: DataChoice) (seed: int) (place: Placement) : FitData =
    let key = Key.fold 1 (Key.ofSeed seed)

    let data =
        match choice.Source with
        | Feynman name -> Dataset.ofFeynman (Feynman.find name) choice.Train choice.Test choice.Noise key place
        | Expr(expr, vars) ->
            let formula = Parser.expression expr
            let ranges = named "--vars" (fun () -> Dataset.ranges vars)

            named "--expr with --vars" (fun () ->
                Dataset.ofFormula formula ranges choice.Train choice.Test choice.Noise key place)
        | Csv(path, target, share) -> Dataset.ofCsv path target share key place

    if choice.Normalize then
        let data, inputs, output = Scaling.normalised data
        { Data = data; Scaling = Some(inputs, output) }
    else
        { Data = data; Scaling = None }

/// The nodes of all layers. What `--width` gives is all of them for one function, and the hidden ones for the whole
/// Feynman set, whose equations have inputs of various number.
let private layers (options: ParseResults<Options>) (inputs: int) : Nodes list =
    let whole = options.TryGetResult Options.Feynman = Some "all"

    match options.TryGetResult Width |> Option.map (List.map nodes), whole with
    | None, _ -> List.map Nodes.sums [ inputs; 5; 1 ]
    | Some hidden, true -> [ Nodes.sums inputs; yield! hidden; Nodes.sums 1 ]
    | Some(first :: _ :: _ as layers), false when first = Nodes.sums inputs && Nodes.count (List.last layers) = 1 ->
        layers
    | _ -> raise (BadInput $"--width takes the nodes of all layers, here {inputs} inputs first and 1 output last")

let private networkChoice (options: ParseResults<Options>) (inputs: int) : NetworkChoice =
    let model = options.GetResult(Model, "kan") |> nameOf "--model" [ "kan"; "metakan"; "mlp" ]

    [
        "--embedding-dim", options.Contains Embedding_Dim
        "--hidden-dim", options.Contains Hidden_Dim
        "--generators", options.Contains Generators
    ]
    |> onlyWith "--model metakan" (model = "metakan")

    [
        "--grid", options.Contains Options.Grid
        "--order", options.Contains Order
        "--lamb", options.Contains Lamb
        "--grid-update", options.Contains Grid_Update
        "--extend", options.Contains Extend
        "--prune", options.Contains Prune
        "--symbolic", options.Contains Options.Symbolic
    ]
    |> onlyWith "--model kan and metakan: --model mlp has no splines" (model <> "mlp")

    let layers = layers options inputs

    {
        Model = model
        Nodes = layers
        Splines = splines model (options.GetResult(Options.Grid, 5)) (options.GetResult(Order, 3))
        Meta =
            lazy sharing (layers.Length - 1) (options.GetResult(Generators, "shared"))
            |> metaLearner model (options.GetResult(Embedding_Dim, 1)) (options.GetResult(Hidden_Dim, 16))
    }

let private learnerOf (choice: NetworkChoice) : Learner =
    match choice.Splines with
    | None -> Learner.Model(Mlp.create (choice.Nodes |> List.map Nodes.count))
    | Some grid ->
        let source =
            choice.Meta
            |> Option.map CoefficientSource.Generated
            |> Option.defaultValue CoefficientSource.Stored

        Learner.Network(Network.create grid source choice.Nodes)

let private steps (options: ParseResults<Options>) (stages: int) (start: int list) : int list =
    let steps = options.GetResult(Steps, start) |> List.map (atLeast "--steps" 1)

    if steps.Length <> 1 && steps.Length <> stages then
        raise (BadInput $"--steps takes one number, or one for each of the {stages} stages, not {steps.Length}")

    steps

let private settings (options: ParseResults<Options>) (grid: int) (place: Placement) : FitSettings =
    let optimizer = options.GetResult(Optimizer, "lbfgs")
    [ "--history", options.Contains History ] |> onlyWith "--optimizer lbfgs" (optimizer = "lbfgs")
    [ "--lr", options.Contains Lr ] |> onlyWith "--optimizer adam" (optimizer = "adam")
    [ "--lamb-entropy", options.Contains Lamb_Entropy ] |> onlyWith "--lamb" (options.Contains Lamb)

    [ "--library", options.Contains Library ]
    |> onlyWith "--symbolic" (options.Contains Options.Symbolic)

    [
        "--node-threshold", options.Contains Node_Threshold
        "--edge-threshold", options.Contains Edge_Threshold
    ]
    |> onlyWith "--prune" (options.Contains Prune)

    let extend = options.GetResult(Extend, [])

    for before, size in List.pairwise (grid :: extend) do
        if size <= before then
            raise (BadInput $"--extend takes grid sizes that grow from --grid {grid}, not {size} after {before}")

    let lamb = options.GetResult(Lamb, 0.0)

    if not (lamb >= 0.0 && Double.IsFinite lamb) then
        raise (BadInput $"--lamb takes a number from 0 up, not {lamb}")

    { FitSettings.defaults with
        Steps = steps options (1 + (if options.Contains Prune then 1 else 0) + extend.Length) FitSettings.defaults.Steps
        Optimizer =
            optimizer
            |> oneOf
                "--optimizer"
                [
                    "lbfgs", FitOptimizer.Lbfgs(options.GetResult(History, 50) |> atLeast "--history" 1)
                    "adam", FitOptimizer.Adam(options.GetResult(Lr, 1e-2) |> positive "--lr")
                ]
        Sparsity = { Weight = lamb; EntropyWeight = options.GetResult(Lamb_Entropy, 2.0) }
        GridUpdates = if options.Contains Grid_Update then Some { Every = 5; Until = 50 } else None
        Extend = extend
        Prune =
            if options.Contains Prune then
                Some
                    {
                        Node = options.GetResult(Node_Threshold, 0.01) |> positive "--node-threshold"
                        Edge = options.GetResult(Edge_Threshold, 0.03) |> positive "--edge-threshold"
                    }
            else
                None
        Symbolic =
            if options.Contains Options.Symbolic then
                let known = options.GetResult(Library, SymbolicEdges.defaults.Library)
                Some { SymbolicEdges.defaults with Library = known |> List.map (SymbolicFunction.find >> _.Name) }
            else
                None
        Seed = options.GetResult(Seed, 0)
        Placement = place
    }

/// All that one fit needs, with nothing done yet.
let private prepare (options: ParseResults<Options>) (equation: FeynmanEquation option) (out: string option) =
    let place = placement (options.GetResult(Device, "cpu")) (options.GetResult(Dtype, "float64"))
    let choice = dataChoice options equation
    let data = dataOf choice (options.GetResult(Seed, 0)) place
    let network = networkChoice options data.Data.Inputs.Length
    let settings = settings options (options.GetResult(Options.Grid, 5)) place

    let folder =
        out
        |> Option.orElse (options.TryGetResult Out)
        |> Option.defaultWith (fun () -> RunFolder.free $"runs/fit-{choice.Name}-{network.Model}-s{settings.Seed}")

    let sections = [ "data", Configuration.node choice; "network", Configuration.node network ]
    { RunPlace.fresh folder with Sections = sections }, settings, data, learnerOf network

/// The same for the run in a folder.
let private resumed (options: ParseResults<Options>) (folder: string) =
    let choice: DataChoice = Configuration.read folder "fit" "data"
    let network: NetworkChoice = Configuration.read folder "fit" "network"
    let settings: FitSettings = Configuration.read folder "fit" "settings"
    let stages = 1 + (if settings.Prune.IsSome then 1 else 0) + settings.Extend.Length
    let sections = [ "data", Configuration.node choice; "network", Configuration.node network ]

    { RunPlace.resumed folder with Sections = sections },
    { settings with Steps = steps options stages settings.Steps },
    dataOf choice settings.Seed settings.Placement,
    learnerOf network

let private single (options: ParseResults<Options>) equation : int =
    let stored = options.TryGetResult Resume

    if stored.IsSome then
        options.GetAllResults() |> resumesWith [ "--steps"; "--threads" ]

    let threads = stored |> Option.map (fun folder -> Configuration.read folder "fit" "threads")

    torch.set_num_threads (options.GetResult(Threads, Option.defaultValue 1 threads) |> atLeast "--threads" 1)

    use _ = torch.NewDisposeScope()

    let place, settings, data, learner =
        match stored with
        | Some folder -> resumed options folder
        | None -> prepare options equation None

    use interrupt = new Interrupt.Watch()
    let place = { place with Interrupted = fun () -> interrupt.Asked }

    let run =
        use progress = new Progress.Display(Fit.totalSteps settings data.Data learner, "")

        Fit.run place settings data learner (function
            | FitStep(step, train, test) ->
                progress.Error test
                progress.Step(step, lazy train)
            | Entered _
            | Chosen _ -> ())

    MetaKan.Report.write place.Folder

    match run.Outcome with
    | Completed ->
        let number (name: string) = run.Result[name].GetValue<float>()

        match run.Formula with
        | Some _ -> printfn $"""{data.Data.Target} = {run.Result["formula"].GetValue<string>()}"""
        | None -> ()

        printfn
            $"""test RMSE {number "test_rmse":G3} (train {number "train_rmse":G3}), {run.Result["parameters"]} parameters, {number "seconds":F1} s, in {place.Folder}"""

        0
    | Stopped -> raise (RunFailed $"stopped; go on with metakan fit --resume {place.Folder}")
    | Diverged loss ->
        raise (RunFailed $"the loss became {loss}: the run diverged; {place.Folder} keeps the last good state")

let private suite (options: ParseResults<Options>) : int =
    torch.set_num_threads (options.GetResult(Threads, Environment.ProcessorCount) |> atLeast "--threads" 1)
    let model = options.GetResult(Model, "kan")
    let folder = options.GetResult(Out, $"""runs/feynman-{model}-s{options.GetResult(Seed, 0)}""")
    // What does not suit one equation suits none: found before anything is written.
    (use _ = torch.NewDisposeScope()
     prepare options (Some Feynman.equations.Head) (Some folder) |> ignore)

    use interrupt = new Interrupt.Watch()
    Directory.CreateDirectory folder |> ignore

    let fit equation place =
        if interrupt.Asked then
            raise (RunFailed $"stopped; the same command goes on with {folder}")

        use _ = torch.NewDisposeScope()
        let place, settings, data, learner = prepare options (Some equation) (Some place)
        let run = Fit.run place settings data learner ignore
        Params.dispose run.Params
        run.Result

    let rows =
        Workers.hire (fun () ->
            FeynmanSuite.run folder Feynman.equations fit (fun row ->
                eprintfn $"%-24s{row.Equation.Name} test RMSE {row.TestRmse:``0.00e+00``}  {row.Seconds:F1} s"))

    let command = String.Join(' ', Environment.GetCommandLineArgs()[1..])
    FeynmanSuite.write folder $"./metakan {command}" rows
    let median = (rows |> List.map _.Relative |> List.sort)[rows.Length / 2]
    printfn $"{rows.Length} equations, median test RMSE {median:G3} of the values' spread, in {folder}/feynman.md"
    0

let run (options: ParseResults<Options>) : int =
    match options.TryGetResult Options.Feynman with
    | Some "all" -> suite options
    | Some name -> single options (Some(Feynman.find name))
    | None -> single options None
