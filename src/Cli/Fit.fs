/// `metakan fit`: fits a function to data, and reads a formula off the fit.
module MetaKan.Cli.Fit

open System
open System.IO
open System.Text.Json.Nodes
open Argu
open MetaKan
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

/// Nodes of a layer as `--width` has them.
let private shown (nodes: Nodes) =
    if nodes.Products.IsEmpty then string nodes.Sums else $"{nodes.Sums}+{nodes.Products.Length}"

/// What is fitted: a name for the folder, what config.json says of it, and the data of a seed.
let private source (options: ParseResults<Options>) (equation: FeynmanEquation option) =
    let train = options.GetResult(Train, 1000) |> atLeast "--train" 1
    let test = options.GetResult(Test, 1000) |> atLeast "--test" 1
    let noise = options.GetResult(Noise, 0.0)
    let given (name: string) (value: string) = [ name, JsonValue.Create value :> JsonNode ]

    match equation, options.TryGetResult Expr, options.TryGetResult Csv with
    | Some equation, None, None ->
        equation.Name.Replace(' ', '-'),
        given "feynman" equation.Name @ given "expr" equation.Formula,
        Dataset.ofFeynman equation train test noise
    | None, Some expr, None ->
        let formula = Parser.expression expr

        match options.TryGetResult Vars with
        | None -> raise (BadInput "--expr takes the ranges of its variables by --vars, as --vars \"x:-1:1,y:-1:1\"")
        | Some vars ->
            "expr",
            given "expr" expr @ given "vars" vars,
            Dataset.ofFormula formula (Dataset.ranges vars) train test noise
    | None, None, Some path ->
        match options.TryGetResult Target with
        | None -> raise (BadInput "--csv takes the column to fit by --target")
        | Some target ->
            Path.GetFileNameWithoutExtension path,
            given "csv" path @ given "target" target,
            Dataset.ofCsv path target (options.GetResult(Test_Share, 0.2))
    | _ -> raise (BadInput "fit takes one of --expr with --vars, --feynman, and --csv with --target")

/// The nodes of all layers. What `--width` gives is all of them for one function, and the hidden ones for the whole
/// Feynman set, whose equations have inputs of various number.
let private layers (options: ParseResults<Options>) (inputs: int) : Nodes list =
    let whole = options.TryGetResult Feynman = Some "all"

    match options.TryGetResult Width |> Option.map (List.map nodes), whole with
    | None, _ -> List.map Nodes.sums [ inputs; 5; 1 ]
    | Some hidden, true -> [ Nodes.sums inputs; yield! hidden; Nodes.sums 1 ]
    | Some(first :: _ :: _ as layers), false when first = Nodes.sums inputs && Nodes.count (List.last layers) = 1 ->
        layers
    | _ -> raise (BadInput $"--width takes the nodes of all layers, here {inputs} inputs first and 1 output last")

let private learner (options: ParseResults<Options>) (inputs: int) =
    let grid =
        {
            Size = options.GetResult(Grid, 5) |> atLeast "--grid" 1
            Order = options.GetResult(Order, 3) |> atLeast "--order" 1
        }

    let layers = layers options inputs
    let network source = Kan(Network.create grid source layers)

    let meta =
        {
            EmbeddingDim = options.GetResult(Embedding_Dim, 1) |> atLeast "--embedding-dim" 1
            HiddenDim = options.GetResult(Hidden_Dim, 16) |> atLeast "--hidden-dim" 1
            Sharing = sharing (layers.Length - 1) (options.GetResult(Generators, "shared"))
            Chunk = None
        }

    options.GetResult(Model, "kan")
    |> oneOf
        "--model"
        [
            "kan", network Stored
            "metakan", network (Generated meta)
            "mlp", OfModel(Mlp.create (layers |> List.map Nodes.count))
        ]

/// Settings, data and learner for one fit into a folder, with nothing done yet.
let private prepare (options: ParseResults<Options>) (equation: FeynmanEquation option) (folder: string option) =
    let seed = options.GetResult(Seed, 0)
    let place = placement (options.GetResult(Device, "cpu")) (options.GetResult(Dtype, "float64"))
    let name, labels, data = source options equation
    let data: Dataset = data (Key.fold 1 (Key.ofSeed seed)) place

    let data, scaling =
        if options.Contains Normalize then
            let data, inputs, output = Scaling.normalised data
            data, Some(inputs, output)
        else
            data, None

    let learner = learner options data.Inputs.Length
    let number (name: string) (value: float) = name, JsonValue.Create value :> JsonNode

    let model, optimizer = options.GetResult(Model, "kan"), options.GetResult(Optimizer, "lbfgs")

    [
        "--embedding-dim", options.Contains Embedding_Dim
        "--hidden-dim", options.Contains Hidden_Dim
        "--generators", options.Contains Generators
    ]
    |> onlyWith "--model metakan" (model = "metakan")

    [
        "--grid", options.Contains Grid
        "--order", options.Contains Order
        "--lamb", options.Contains Lamb
        "--grid-update", options.Contains Grid_Update
        "--extend", options.Contains Extend
        "--prune", options.Contains Prune
        "--symbolic", options.Contains Symbolic
    ]
    |> onlyWith "--model kan and metakan: --model mlp has no splines" (model <> "mlp")

    [ "--history", options.Contains History ] |> onlyWith "--optimizer lbfgs" (optimizer = "lbfgs")
    [ "--lr", options.Contains Lr ] |> onlyWith "--optimizer adam" (optimizer = "adam")
    [ "--lamb-entropy", options.Contains Lamb_Entropy ] |> onlyWith "--lamb" (options.Contains Lamb)
    [ "--library", options.Contains Library ] |> onlyWith "--symbolic" (options.Contains Symbolic)

    [
        "--node-threshold", options.Contains Node_Threshold
        "--edge-threshold", options.Contains Edge_Threshold
    ]
    |> onlyWith "--prune" (options.Contains Prune)

    let extend = options.GetResult(Extend, [])
    let grid = options.GetResult(Grid, 5)

    for before, size in List.pairwise (grid :: extend) do
        if size <= before then
            raise (BadInput $"--extend takes grid sizes that grow from --grid {grid}, not {size} after {before}")

    let stages = 1 + (if options.Contains Prune then 1 else 0) + extend.Length
    let steps = options.GetResult(Steps, [ 70 ]) |> List.map (atLeast "--steps" 1)

    if steps.Length <> 1 && steps.Length <> stages then
        raise (BadInput $"--steps takes one number, or one for each of the {stages} stages, not {steps.Length}")

    let lamb = options.GetResult(Lamb, 0.0)

    if not (lamb >= 0.0 && Double.IsFinite lamb) then
        raise (BadInput $"--lamb takes a number from 0 up, not {lamb}")

    let library =
        match options.TryGetResult Library with
        | Some names -> names |> List.map SymbolicFunction.find
        | None -> Symbolic.defaults.Library

    let history = options.GetResult(History, 50) |> atLeast "--history" 1
    let text (name: string) (value: string) = name, JsonValue.Create value :> JsonNode

    let settings =
        { Fit.defaults with
            Steps = steps
            Optimizer =
                optimizer
                |> oneOf
                    "--optimizer"
                    [
                        "lbfgs", FullBatchLbfgs history
                        "adam", FullBatchAdam(options.GetResult(Lr, 1e-2) |> positive "--lr")
                    ]
            Sparsity = { Weight = lamb; EntropyWeight = options.GetResult(Lamb_Entropy, 2.0) }
            GridUpdates = if options.Contains Grid_Update then Some(5, 50) else None
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
            Symbolic = if options.Contains Symbolic then Some { Symbolic.defaults with Library = library } else None
            Seed = seed
            Placement = place
            Folder =
                folder
                |> Option.orElse (options.TryGetResult Out)
                |> Option.defaultWith (fun () -> RunFolder.free $"runs/fit-{name}-{model}-s{seed}")
            Labels =
                [
                    yield! labels
                    text "width" (layers options data.Inputs.Length |> List.map shown |> String.concat " ")
                    number "grid" (float grid)
                    number "order" (float (options.GetResult(Order, 3)))
                    text "optimizer" optimizer
                    if optimizer = "lbfgs" then
                        number "history" (float history)
                    number "lamb" lamb
                    number "lamb_entropy" (options.GetResult(Lamb_Entropy, 2.0))
                    text "grid_update" (string (options.Contains Grid_Update))
                    text "extend" (extend |> List.map string |> String.concat " ")
                    text "prune" (string (options.Contains Prune))
                    text "symbolic" (string (options.Contains Symbolic))
                    text "normalize" (string (options.Contains Normalize))
                    number "train_points" (float (data.Train.X.size 0))
                    number "test_points" (float (data.Test.X.size 0))
                ]
        }

    settings, data, scaling, learner

let private single (options: ParseResults<Options>) equation : int =
    torch.set_num_threads (options.GetResult(Threads, 1) |> atLeast "--threads" 1)
    use _ = torch.NewDisposeScope()
    let settings, data, scaling, learner = prepare options equation None
    use interrupt = new Interrupt.Watch()

    let total = Fit.totalSteps settings

    let run =
        use progress = new Progress.Display(total)

        Fit.run settings data scaling learner (fun () -> interrupt.Asked) (function
            | FitStep(step, train, test) ->
                progress.Error test
                progress.Step(step, lazy train)
            | Entered _
            | Chosen _ -> ())

    MetaKan.Report.write settings.Folder

    match run.Outcome with
    | Completed ->
        let number (name: string) = run.Result[name].GetValue<float>()

        match run.Formula with
        | Some _ -> printfn $"""{data.Target} = {run.Result["formula"].GetValue<string>()}"""
        | None -> ()

        printfn
            $"""test RMSE {number "test_rmse":G3} (train {number "train_rmse":G3}), {run.Result["parameters"]} parameters, {number "seconds":F1} s, in {settings.Folder}"""

        0
    | Stopped -> raise (RunFailed $"stopped; {settings.Folder} keeps what there was")
    | Diverged loss ->
        raise (RunFailed $"the loss became {loss}: the run diverged; {settings.Folder} keeps the last good state")

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
        let settings, data, scaling, learner = prepare options (Some equation) (Some place)
        let run = Fit.run settings data scaling learner (fun () -> false) ignore
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
    match options.TryGetResult Feynman with
    | Some "all" -> suite options
    | Some name -> single options (Some(Feynman.find name))
    | None -> single options None
