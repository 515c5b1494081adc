/// `metakan fit`: fits a function to data, and reads a formula off the fit.
module MetaKan.Cli.Fit

open System
open System.IO
open System.Text.Json.Nodes
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
    | Csv of FILE: string
    | Target of string list
    | Train of int
    | Test of int
    | Test_Share of float
    | Noise of float
    | Normalize
    | Model of string
    | Width of string list
    | Sparse_Init
    | From_Formula of FORMULA: string
    | Grid of int
    | Order of int
    | Embedding_Dim of int
    | Hidden_Dim of int
    | Generators of string
    | Optimizer of string
    | History of int
    | Lr of float
    | Batch of int
    | Loss of string
    | Delta of float
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
    | Own_Formula
    | Tolerance of float
    | Seed of int
    | Device of string
    | Dtype of string
    | Threads of int
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
            | Expr _ -> "the function, as exp(sin(pi*x) + y^2); or several, with names, as u = x*y; v = x/y."
            | Vars _ -> "ranges of its variables, as x:-1:1,y:0:pi."
            | Feynman _ -> "an equation of the Feynman set by name, as I.6.20b, or all."
            | Csv _ -> "a table with a header line; every column but the targets is an input."
            | Target _ -> "the column to fit, or several, as u v."
            | Train _ -> "points to learn from (1000)."
            | Test _ -> "held-out points (1000)."
            | Test_Share _ -> "share of a table's rows that is held out (0.2)."
            | Noise _ -> "standard deviation of noise on what is learnt from (0)."
            | Normalize -> "train on data of mean 0 and spread 1; results are told in the data's own units."
            | Model _ -> "kan, metakan or mlp (kan)."
            | Width _ ->
                "nodes of all layers, as 2 5 1; 4+2 are four that add and two that multiply; of --feynman all, the hidden ones (INPUTS 5 1)."
            | Sparse_Init -> "start with few edges: of each node those to its nearest in the layers beside."
            | From_Formula _ ->
                "start from this formula of the inputs, as a network with a function on every edge, and train its numbers; of several targets one each, with ; between them."
            | Grid _ -> "intervals of the spline grid, G (5)."
            | Order _ -> "order of the splines, k (3)."
            | Embedding_Dim _ -> "numbers that embed an edge, p (1)."
            | Hidden_Dim _ -> "hidden width of the generators, h (16)."
            | Generators _ -> "shared: one for all layers; layer: one a layer; or one number a layer (shared)."
            | Optimizer _ -> "lbfgs, up to 20 iterations a step, or adam (lbfgs)."
            | History _ -> "pairs that lbfgs remembers (50)."
            | Lr _ -> "learning rate of adam (1e-2)."
            | Batch _ -> "samples of each step of adam, drawn anew each time (all)."
            | Loss _ ->
                "what is made small: the mean of squares, of absolute errors, or of huber, squares up to --delta (square)."
            | Delta _ -> "error from which huber counts absolute errors, in the units of what is trained on (1)."
            | Steps _ ->
                "steps of each stage: training, after pruning, after each extension; one number, or one each (70)."
            | Lamb _ -> "weight of the sparsity penalty in the first stage (0)."
            | Lamb_Entropy _ -> "weight of the entropy in the penalty (2)."
            | Grid_Update -> "fit the knots to the samples every 5 of the first 50 steps."
            | Extend _ -> "grid sizes to go on to, as 10 20."
            | Prune -> "remove nodes and edges that contribute little, then train on."
            | Node_Threshold _ -> "score up to which a node is pruned (0.01)."
            | Edge_Threshold _ -> "score up to which an edge is pruned (0.03)."
            | Symbolic ->
                "put a function of the library on every edge, refit, seek more formulas by small networks of other shapes and seeds and by regression, and print the best."
            | Library _ -> "functions to choose from: names, or formulas in x, as x*exp(-x) (all)."
            | Own_Formula -> "print the formula of this network's edges, and seek no others."
            | Tolerance _ ->
                "numbers of the formula this near a whole number or a multiple of pi/2 become it, where the error stays (1e-3)."
            | Seed _ -> "seed of the data and the parameters (0)."
            | Device _ -> "auto, cpu or cuda (cpu)."
            | Dtype _ -> "float32 or float64 (float64)."
            | Threads _ -> "threads within an operator; of --feynman all, equations at a time (1; all cores)."
            | Out _ -> "folder of the run (runs/fit-NAME-MODEL-sSEED)."
            | Config _ ->
                "start from the values of this file, a run's config.json or any part of one; options given beside it go before."
            | Resume _ ->
                "go on with the run in this folder, with the settings it holds; --steps and --threads may change."
            | Quiet -> "no progress, only the result."
            | Json -> "start, progress and result as a line of JSON each, for programs."
            | Live -> "show the report in a browser of this machine while the run goes on, at the address that is told."
            | Live_Port _ -> "the port of that address (a free one)."
            | Tensorboard -> "write the metrics for TensorBoard, too, into the run's folder."

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

let private models = [ "kan"; "metakan"; "mlp" ]
let private splined = "--model kan and metakan: --model mlp has no splines"

/// What values are of, as config.json has it.
type private Source =
    | Expr of expr: string * vars: string
    | Feynman of string
    | Csv of path: string * targets: string list * testShare: float

/// The data, as config.json has it.
type private DataChoice = { Name: string; Source: Source; Train: int; Test: int; Noise: float; Normalize: bool }

/// The network, as config.json has it.
type private NetworkChoice =
    {
        Model: string
        Nodes: Nodes list
        Splines: Grid option
        Meta: MetaLearner option
        Sparse: bool
        FromFormula: string option
        /// What `edges` made of another fit's network: this one starts from there.
        Edits: string list
    }

let private dataChoice
    (options: ParseResults<Options>)
    (file: StartFile)
    (equation: FeynmanEquation option)
    : DataChoice =
    let stored = Configuration.tryValue file "data.source" (Expr("x", "x:0:1"))

    let expr (expr: string) =
        match options.TryGetResult Vars, stored with
        | Some vars, _
        | None, Some(Expr(_, vars)) -> "expr", Expr(expr, vars)
        | _ -> raise (BadInput "--expr takes the ranges of its variables by --vars, as --vars \"x:-1:1,y:-1:1\"")

    let csv (path: string) =
        let targets, share =
            match stored with
            | Some(Csv(_, targets, share)) -> targets, share
            | _ -> [], 0.2

        match options.GetResult(Target, targets) with
        | [] -> raise (BadInput "--csv takes the column to fit by --target")
        | targets ->
            let share = options.GetResult(Test_Share, share)

            if not (share > 0.0 && share < 1.0) then
                raise (
                    BadInput $"--test-share takes the share of the rows to test on, above 0 and below 1, not {share}"
                )

            // From the root, so that the run resumes from any folder.
            Path.GetFileNameWithoutExtension path, Csv(Path.GetFullPath path, targets, share)

    let feynman (equation: FeynmanEquation) = equation.Name.Replace(' ', '-'), Feynman equation.Name

    let name, source =
        match equation, options.TryGetResult Options.Expr, options.TryGetResult Options.Csv, stored with
        | Some equation, None, None, _ -> feynman equation
        | None, Some text, None, _ -> expr text
        | None, None, Some path, _ -> csv path
        | None, None, None, Some(Expr(text, _)) -> expr text
        | None, None, None, Some(Csv(path, _, _)) -> csv path
        | None, None, None, Some(Feynman name) -> feynman (Feynman.find name)
        | _ -> raise (BadInput "fit takes one of --expr with --vars, --feynman, and --csv with --target")

    // What is of another kind of data would be without effect.
    let kind =
        match source with
        | Expr _ -> "--expr"
        | Feynman _ -> "--feynman"
        | Csv _ -> "--csv"

    for kinds, given in
        [
            [ "--expr" ], [ "--vars", options.Contains Vars ]
            [ "--csv" ], [ "--target", options.Contains Target; "--test-share", options.Contains Test_Share ]
            [ "--expr"; "--feynman" ],
            [
                "--train", options.Contains Train
                "--test", options.Contains Test
                "--noise", options.Contains Options.Noise
            ]
        ] do
        let kinds' = String.concat " and " kinds
        onlyWith $"{kinds'}, not for {kind}" (List.contains kind kinds) given

    // A file's name is that of its own source.
    let renamed = equation.IsSome || options.Contains Options.Expr || options.Contains Options.Csv

    let start =
        { Name = name; Source = source; Train = 1000; Test = 1000; Noise = 0.0; Normalize = false }
        |> Configuration.over file "data" (if renamed then [ "name"; "source" ] else [ "source" ])

    let noise = options.GetResult(Options.Noise, start.Noise)

    if not (noise >= 0.0 && Double.IsFinite noise) then
        raise (BadInput $"--noise takes the standard deviation of the noise, a number from 0 up, not {noise}")

    // At least an input and its value, drawn and kept.
    let points (option: string) (given: int) =
        fits option $"{given} points" (4.0 * 8.0 * float (atLeast option 1 given))
        given

    { start with
        Train = options.GetResult(Train, start.Train) |> points "--train"
        Test = options.GetResult(Test, start.Test) |> points "--test"
        Noise = noise
        Normalize = start.Normalize || options.Contains Normalize
    }

/// The data of a seed.
let private dataOf (choice: DataChoice) (seed: int) (place: Placement) : FitData =
    let key = Key.fold 1 (Key.ofSeed seed)

    let data =
        match choice.Source with
        | Feynman name -> Dataset.ofFeynman (Feynman.find name) choice.Train choice.Test choice.Noise key place
        | Expr(expr, vars) ->
            let ranges = named "--vars" (fun () -> Dataset.ranges vars)
            let formulas = named "--expr" (fun () -> Dataset.formulas (List.map fst ranges) expr)

            named "--expr with --vars" (fun () ->
                Dataset.ofFormulas formulas ranges choice.Train choice.Test choice.Noise key place)
        | Csv(path, targets, share) -> Dataset.ofCsv path targets share key place

    if choice.Normalize then
        let data, inputs, output = Scaling.normalised data
        { Data = data; Scaling = Some(inputs, output) }
    else
        { Data = data; Scaling = None }

/// The nodes of all layers. What `--width` gives is all of them for one function, and the hidden ones for the whole
/// Feynman set, whose equations have inputs of various number.
let private layers (options: ParseResults<Options>) (inputs: int) (outputs: int) (start: Nodes list) : Nodes list =
    let whole = options.TryGetResult Options.Feynman = Some "all"

    match options.TryGetResult Width |> Option.map (List.map nodes), whole with
    | Some hidden, true -> [ Nodes.sums inputs; yield! hidden; Nodes.sums 1 ]
    | given, _ ->
        match defaultArg given start with
        | first :: _ :: _ as layers when first = Nodes.sums inputs && Nodes.count (List.last layers) = outputs -> layers
        | _ ->
            let last = if outputs = 1 then "1 output" else $"{outputs} outputs"
            raise (BadInput $"--width takes the nodes of all layers, here {inputs} inputs first and {last} last")

/// The network of formulas of the inputs, by their names, one for each target.
let private compiled (grid: Grid) (inputs: string list) (targets: int) (formulas: string) (place: Placement) : Fitted =
    named "--from-formula" (fun () ->
        let formulas = formulas.Split ';' |> Array.map Parser.expression |> List.ofArray

        if formulas.Length <> targets then
            raise (BadInput $"a formula for each of the {targets} targets, with ; between them, not {formulas.Length}")

        Kanpiler.compile grid (Parser.variables inputs) formulas place)

let private networkChoice
    (options: ParseResults<Options>)
    (file: StartFile)
    (resumes: bool)
    (inputs: string list)
    (targets: int)
    : NetworkChoice =
    let stored = Configuration.tryValue file "network.model" "" |> Option.defaultValue "kan"
    let model = options.GetResult(Model, stored) |> nameOf "--model" models

    let start =
        {
            Model = model
            Nodes = List.map Nodes.sums [ inputs.Length; 5; targets ]
            Splines = if model = "mlp" then None else Some { Size = 5; Order = 3 }
            Meta =
                if model = "metakan" then
                    Some { EmbeddingDim = 1; HiddenDim = 16; Sharing = GeneratorSharing.Shared; Chunk = None }
                else
                    None
            Sparse = false
            FromFormula = None
            Edits = []
        }
        |> Configuration.over
            file
            "network"
            [
                "model"
                // Parts of a network of another family stay behind.
                if stored <> model then
                    yield! [ "splines"; "meta" ]
                // A new run has a network of its own.
                if not resumes then
                    "edits"
            ]

    let formula = options.TryGetResult From_Formula |> Option.orElse start.FromFormula
    let sparse = start.Sparse || options.Contains Sparse_Init

    [ "--width", options.Contains Width; "--sparse-init", sparse ]
    |> onlyWith "a fit without --from-formula" formula.IsNone

    [ "--from-formula", formula.IsSome ] |> onlyWith "--model kan" (model = "kan")

    [
        "--embedding-dim", options.Contains Embedding_Dim || start.Meta.IsSome
        "--hidden-dim", options.Contains Hidden_Dim || start.Meta.IsSome
        "--generators", options.Contains Generators || start.Meta.IsSome
    ]
    |> onlyWith "--model metakan" (model = "metakan")

    [
        "--grid", options.Contains Options.Grid || start.Splines.IsSome
        "--order", options.Contains Order || start.Splines.IsSome
        "--sparse-init", sparse
    ]
    |> onlyWith splined (model <> "mlp")

    let splines =
        start.Splines |> splinesOver model (options.TryGetResult Options.Grid) (options.TryGetResult Order)

    let layers =
        match formula, splines with
        | Some formula, Some grid -> (compiled grid inputs targets formula Placement.cpu64).Network.Nodes
        | _ -> layers options inputs.Length targets start.Nodes

    let choice =
        {
            Model = model
            Nodes = layers
            Splines = splines
            Meta =
                start.Meta
                |> metaLearnerOver
                    model
                    (layers.Length - 1)
                    (options.TryGetResult Embedding_Dim)
                    (options.TryGetResult Hidden_Dim)
                    (options.TryGetResult Generators)
            Sparse = sparse
            FromFormula = formula
            Edits = start.Edits
        }

    let coefficients = choice.Splines |> Option.map (Grid.coefficients >> int64) |> Option.defaultValue 1L
    fitsNetwork "--width" (layers |> List.map Nodes.count) coefficients 0L MomentStorage.Full
    choice

let private learnerOf (choice: NetworkChoice) : Learner =
    match choice.Splines with
    | None -> Learner.Model(Mlp.create (choice.Nodes |> List.map Nodes.count))
    | Some grid ->
        let source =
            choice.Meta
            |> Option.map CoefficientSource.Generated
            |> Option.defaultValue CoefficientSource.Stored

        Network.create grid source choice.Nodes
        |> (if choice.Sparse then Network.sparse else id)
        |> Learner.Network

let private steps (options: ParseResults<Options>) (start: FitSettings) : int list =
    let stages = 1 + (if start.Prune.IsSome then 1 else 0) + start.Extend.Length
    let steps = options.GetResult(Steps, start.Steps) |> List.map (atLeast "--steps" 1)

    if steps.Length <> 1 && steps.Length <> stages then
        raise (BadInput $"--steps takes one number, or one for each of the {stages} stages, not {steps.Length}")

    steps

let private optimizers (history: int) (rate: float) =
    [
        "lbfgs", (fun () -> FitOptimizer.Lbfgs(history |> atLeast "--history" 1))
        "adam", (fun () -> FitOptimizer.Adam(rate |> positive "--lr"))
    ]

let private losses (delta: float) =
    [
        "square", (fun () -> FitLoss.Square)
        "absolute", (fun () -> FitLoss.Absolute)
        "huber", (fun () -> FitLoss.Huber(delta |> positive "--delta"))
    ]

/// The names that options take.
let names: (string * string list) list =
    [
        "--feynman", "all" :: [ for equation in Feynman.equations -> equation.Name ]
        "--model", models
        "--optimizer", List.map fst (optimizers 1 1.0)
        "--loss", List.map fst (losses 1.0)
        "--library", SymbolicEdges.defaults.Library
        "--device", devices
        "--dtype", dtypes
    ]

/// Settings with what the options change; what changes splines is for a network that has some.
let private settings (options: ParseResults<Options>) (splines: Grid option) (start: FitSettings) : FitSettings =
    let optimizer, history, rate =
        match start.Optimizer with
        | FitOptimizer.Lbfgs history -> "lbfgs", history, 1e-2
        | FitOptimizer.Adam rate -> "adam", 50, rate

    let optimizer = options.GetResult(Optimizer, optimizer)
    [ "--history", options.Contains History ] |> onlyWith "--optimizer lbfgs" (optimizer = "lbfgs")
    [ "--lr", options.Contains Lr ] |> onlyWith "--optimizer adam" (optimizer = "adam")
    let batch = options.TryGetResult Batch |> Option.orElse start.Batch
    [ "--batch", batch.IsSome ] |> onlyWith "--optimizer adam" (optimizer = "adam")

    let loss, delta =
        match start.Loss with
        | FitLoss.Square -> "square", 1.0
        | FitLoss.Absolute -> "absolute", 1.0
        | FitLoss.Huber delta -> "huber", delta

    let loss = options.GetResult(Loss, loss)
    [ "--delta", options.Contains Delta ] |> onlyWith "--loss huber" (loss = "huber")
    let lamb = options.GetResult(Lamb, start.Sparsity.Weight) |> fromZero "--lamb"
    let entropy = options.GetResult(Lamb_Entropy, start.Sparsity.EntropyWeight) |> fromZero "--lamb-entropy"

    [ "--lamb-entropy", options.Contains Lamb_Entropy ]
    |> onlyWith "--lamb" (options.Contains Lamb || lamb > 0.0)

    let extend = options.GetResult(Extend, start.Extend)

    let prune =
        match start.Prune with
        | Some thresholds -> Some thresholds
        | None when options.Contains Prune -> Some { Node = 0.01; Edge = 0.03 }
        | None -> None

    let symbolic =
        match start.Symbolic with
        | Some choice -> Some choice
        | None when options.Contains Options.Symbolic -> Some SymbolicEdges.defaults
        | None -> None

    let gridUpdates =
        match start.GridUpdates with
        | Some updates -> Some updates
        | None when options.Contains Grid_Update -> Some { Every = 5; Until = 50 }
        | None -> None

    [
        "--library", options.Contains Library
        "--own-formula", options.Contains Own_Formula
        "--tolerance", options.Contains Tolerance
    ]
    |> onlyWith "--symbolic" symbolic.IsSome

    [
        "--node-threshold", options.Contains Node_Threshold
        "--edge-threshold", options.Contains Edge_Threshold
    ]
    |> onlyWith "--prune" prune.IsSome

    [
        "--lamb", options.Contains Lamb || lamb > 0.0
        "--grid-update", gridUpdates.IsSome
        "--extend", options.Contains Extend || not extend.IsEmpty
        "--prune", prune.IsSome
        "--symbolic", symbolic.IsSome
    ]
    |> onlyWith splined splines.IsSome

    match splines with
    | Some grid ->
        for before, size in List.pairwise (grid.Size :: extend) do
            if size <= before then
                raise (
                    BadInput $"--extend takes grid sizes that grow from --grid {grid.Size}, not {size} after {before}"
                )
    | None -> ()

    let changed =
        { start with
            Optimizer =
                (oneOf
                    "--optimizer"
                    (optimizers (options.GetResult(History, history)) (options.GetResult(Lr, rate)))
                    optimizer) ()
            Batch = batch |> Option.map (atLeast "--batch" 1)
            Loss = (oneOf "--loss" (losses (options.GetResult(Delta, delta))) loss) ()
            Sparsity = { Weight = lamb; EntropyWeight = entropy }
            GridUpdates = gridUpdates
            Extend = extend
            Prune =
                prune
                |> Option.map (fun { Node = node; Edge = edge } ->
                    {
                        Node = options.GetResult(Node_Threshold, node) |> positive "--node-threshold"
                        Edge = options.GetResult(Edge_Threshold, edge) |> positive "--edge-threshold"
                    })
            Symbolic =
                symbolic
                |> Option.map (fun choice ->
                    let known = options.GetResult(Library, choice.Library)
                    { choice with Library = known |> List.map (SymbolicFunction.find >> _.Name) })
            Search = (start.Search || (start.Symbolic.IsNone && symbolic.IsSome)) && not (options.Contains Own_Formula)
            Tolerance = options.GetResult(Tolerance, start.Tolerance) |> positive "--tolerance"
            Seed = options.GetResult(Seed, start.Seed)
            Placement = placementOver start.Placement (options.TryGetResult Device) (options.TryGetResult Dtype)
        }

    { changed with Steps = steps options changed }

/// Whether a folder's configuration is that of a fit.
let internal isFit (folder: string) : bool = RunFolder.readConfig folder |> fun config -> string config["task"] = "fit"

/// The fit in a run's folder.
let internal saved (folder: string) : SavedFit =
    Configuration.read<NetworkChoice> folder "fit" "network" |> learnerOf |> Fit.restore folder

/// A fit in a run's folder with its data, to go on from.
type internal Opened =
    {
        Saved: SavedFit
        Data: FitData
        Settings: FitSettings
        Threads: int
        /// The sections of the configuration of a fit that starts from its network after more edits.
        Sections: string list -> (string * JsonNode) list
    }

/// The fit in a run's folder with its data; these and the network are freed with the dispose scope.
let internal opened (folder: string) : Opened =
    let choice: DataChoice = Configuration.read folder "fit" "data"
    let network: NetworkChoice = Configuration.read folder "fit" "network"
    let settings: FitSettings = Configuration.read folder "fit" "settings"
    let saved = saved folder
    let data = dataOf choice settings.Seed settings.Placement

    if (data.Data.Inputs, data.Data.Targets) <> (saved.Columns.Inputs, saved.Columns.Targets) then
        raise (BadInput $"{folder}: its data have other columns by now than when it was fitted")

    {
        Saved = saved
        Data = data
        Settings = settings
        Threads = Configuration.read folder "fit" "threads"
        Sections =
            fun edits ->
                [
                    "data", Configuration.node choice
                    "network", Configuration.node { network with Edits = network.Edits @ edits }
                ]
    }

/// What the options ask for.
type private Asked =
    {
        Choice: DataChoice
        Data: FitData
        Network: NetworkChoice
        Settings: FitSettings
        Threads: int
        /// The folder to go on with.
        Resumed: string option
    }

/// What the options ask for, with nothing done yet; the data are freed with the dispose scope.
let private ask (options: ParseResults<Options>) (equation: FeynmanEquation option) : Asked =
    let folder = options.TryGetResult Resume

    if folder.IsSome then
        options.GetAllResults() |> resumesWith [ "--steps"; "--threads" ]

    let file = startFile "fit" [ "data"; "network"; "settings" ] folder (options.TryGetResult Config)

    fun () ->
        let choice = dataChoice options file equation
        let start = FitSettings.defaults |> Configuration.over file "settings" []
        let place = placementOver start.Placement (options.TryGetResult Device) (options.TryGetResult Dtype)
        let data = dataOf choice (options.GetResult(Seed, start.Seed)) place
        let network = networkChoice options file folder.IsSome data.Data.Inputs data.Data.Targets.Length

        [ "--normalize", choice.Normalize ]
        |> onlyWith "a fit without --from-formula" network.FromFormula.IsNone

        let threads = Configuration.tryValue file "threads" 1 |> Option.defaultValue 1

        {
            Choice = choice
            Network = network
            Settings = settings options network.Splines start
            Threads = options.GetResult(Threads, threads) |> threadCount
            Data = data
            Resumed = folder
        }
    |> ofFile file (options.GetAllResults())

/// Fits what is asked for: from its formula where there is one.
let private fitted (asked: Asked) (place: RunPlace) (listen: FitEvent -> unit) : FitRun =
    let { Settings = settings; Data = data; Network = network } = asked

    match network.FromFormula, network.Splines with
    | Some formula, Some grid ->
        let x = data.Data.Train.X
        let start = compiled grid data.Data.Inputs data.Data.Targets.Length formula settings.Placement

        if Network.values start.Network x start.Params |> torch.isfinite |> _.all().item<bool>() |> not then
            raise (BadInput $"--from-formula: {formula} has no value at some of the points")

        Fit.runFrom place settings data (Regrid.update settings.Evenness x start) listen
    | _ -> Fit.run place settings data (learnerOf network) listen

/// The equation that `--feynman` names.
let private equation (options: ParseResults<Options>) : FeynmanEquation option =
    options.TryGetResult Options.Feynman |> Option.map Feynman.find

/// Refuses what a run would refuse, with nothing done.
let check (options: ParseResults<Options>) : unit =
    use _ = torch.NewDisposeScope()
    ask options (equation options) |> ignore

/// The place of what is asked for, by the folder that it takes where none is given.
let private placeOf (options: ParseResults<Options>) (asked: Asked) (folder: unit -> string) : RunPlace =
    {
        Folder = asked.Resumed |> Option.defaultWith folder
        Resume = asked.Resumed.IsSome
        Sections = [ "data", Configuration.node asked.Choice; "network", Configuration.node asked.Network ]
        Meters = []
        Interrupted = fun () -> false
        Signals = false
        TensorBoard = options.Contains Tensorboard
    }

/// Says on stderr what of a formula is not to be relied on, and how inputs are called in it.
let private warn (data: FitData) (run: FitRun) (poor: string seq) : unit =
    if not run.Formulas.IsEmpty then
        let names = Parser.variables data.Data.Inputs

        for input, name in List.zip data.Data.Inputs names do
            if input <> name then
                eprintfn $"metakan: '{input}' is {name} in formulas"

        let edges = String.concat "; " poor
        let where = if edges = "" then "" else $"; functions that fit their edges poorly: {edges}"

        for target, it in Seq.zip data.Data.Targets (Report.formulas run.Result) do
            // No number where a value of the formula is none.
            let r2 = it[if data.Data.Targets.Length = 1 then "formula_r2" else "r2"]

            if isNull r2 || not (r2.GetValue<float>() >= 0.99) then
                let share = if isNull r2 then "nothing" else $"{100.0 * max 0.0 (r2.GetValue<float>()):F1} %%"

                let whose = if data.Data.Targets.Length = 1 then "" else $" of {Terminal.plain target}"
                eprintfn $"metakan: the formula{whose} explains {share} of the held-out values' variance{where}"

/// A fit with its progress and its result told, with lines of its own before it.
let internal told
    (view: Progress.View)
    (live: Live.Server)
    (place: RunPlace)
    (settings: FitSettings)
    (data: FitData)
    (learner: Learner)
    (fit: (FitEvent -> unit) -> FitRun * string list)
    : int =
    let heading: Progress.Heading = { Task = "fit"; Folder = place.Folder; Text = ""; Live = live.Address }
    let poor = ResizeArray<string>()

    let run, lines =
        Training.shown view live heading (Fit.totalSteps settings data.Data learner) (fun progress ->
            fit (function
                | FitStep(step, train, test) ->
                    progress.Error test
                    progress.Step(step, lazy train)
                    live.Step step
                | Chosen(edge, found) when found.Fit.R2 < 0.99 ->
                    poor.Add $"{found.Function.Name} on edge {edge.Layer},{edge.From},{edge.To} (R² {found.Fit.R2:F3})"
                | Entered _
                | Chosen _ -> ()))

    warn data run poor

    Training.concluded view "fit" place.Folder run.Outcome run.Result (fun () ->
        let number (name: string) = run.Result[name].GetValue<float>()

        let formulas = Report.formulas run.Result |> List.ofSeq

        // A function on an edge, as a root, may have no value at a point that was not trained on.
        let test =
            match number "test_rmse" with
            | rmse when Double.IsFinite rmse -> $"{rmse:G3}"
            | _ -> "no number"

        let test =
            if formulas.IsEmpty then
                test
            else
                $"""{number "formula_test_rmse":G3} of the formula, {test} of the network"""

        [
            yield! lines

            for target, it in Seq.zip data.Data.Targets formulas do
                $"""{target} = {it["formula"].GetValue<string>()}"""

            $"""test RMSE {test} (train {number "train_rmse":G3}), {run.Result["parameters"]} parameters, {number "seconds":F1} s, in {place.Folder}"""
        ])

let private single (options: ParseResults<Options>) : int =
    Fit.refuseRanks ()
    let view = Training.view (options.Contains Quiet) (options.Contains Json)
    use _ = torch.NewDisposeScope()
    let asked = ask options (equation options)

    match asked.Resumed with
    | Some folder when not asked.Network.Edits.IsEmpty && not (File.Exists(RunFolder.checkpointPath folder)) ->
        raise (BadInput $"{folder} was cut short before the network that it starts from was there")
    | _ -> ()

    torch.set_num_threads asked.Threads
    let settings, data = asked.Settings, asked.Data
    use interrupt = new Interrupt.Watch()
    use live = Live.start (options.Contains Live) (options.TryGetResult Live_Port)

    let place =
        placeOf options asked (fun () ->
            options.TryGetResult Out
            |> Option.defaultWith (fun () ->
                RunFolder.free $"runs/fit-{asked.Choice.Name}-{asked.Network.Model}-s{settings.Seed}"))

    let place = { place with Interrupted = fun () -> interrupt.Asked }
    told view live place settings data (learnerOf asked.Network) (fun listen -> fitted asked place listen, [])

let private suite (options: ParseResults<Options>) : int =
    [
        "--config", options.Contains Config
        "--quiet", options.Contains Quiet
        "--json", options.Contains Json
        "--live", options.Contains Live
        "--live-port", options.Contains Live_Port
    ]
    |> onlyWith "a run by itself, not for --feynman all" false

    torch.set_num_threads (options.GetResult(Threads, Ranks.cores ()) |> threadCount)
    let model = options.GetResult(Model, "kan")
    let folder = options.GetResult(Out, $"""runs/feynman-{model}-s{options.GetResult(Seed, 0)}""")

    // What does not suit one equation suits none: found before anything is written.
    let wanted =
        use _ = torch.NewDisposeScope()
        let first = ask options (Some Feynman.equations.Head)

        RunFolder.fields
            [
                "data", Configuration.node first.Choice
                "network", Configuration.node first.Network
                "settings", Configuration.node first.Settings
            ]

    let held =
        Ranks.first (fun () -> Configuration.claim folder "feynman.json" "fit of the whole Feynman set" wanted)

    use _ = Option.toObj held
    use interrupt = new Interrupt.Watch()

    let fit equation place =
        if interrupt.Asked then
            raise (RunFailed $"stopped; the same command goes on with {folder}")

        use _ = torch.NewDisposeScope()
        let asked = ask options (Some equation)

        let run = fitted asked { placeOf options asked (fun () -> place) with Resume = true } ignore

        Params.dispose run.Params
        run.Result

    let rows =
        Workers.hire (fun () ->
            FeynmanSuite.run folder Feynman.equations fit (fun row ->
                eprintfn $"%-24s{row.Equation.Name} test RMSE {row.TestRmse:``0.00e+00``}  {row.Seconds:F1} s"))

    let command = String.Join(' ', Environment.GetCommandLineArgs()[1..])
    Ranks.first (fun () -> FeynmanSuite.write folder $"./metakan {command}" rows) |> ignore
    let median = (rows |> List.map _.Relative |> List.sort)[rows.Length / 2]
    printfn $"{rows.Length} equations, median test RMSE {median:G3} of the values' spread, in {folder}/feynman.md"
    0

let run (options: ParseResults<Options>) : int =
    if options.TryGetResult Options.Feynman = Some "all" then suite options else single options
