/// `metakan pde`: solves one of the built-in problems.
module MetaKan.Cli.Pde

open System
open System.Text.Json.Nodes
open Argu
open MetaKan
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
    | Laplacian of string
    | Directions of int
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
            | Laplacian _ -> "exact, sdgd or hutchinson (exact)."
            | Directions _ -> "directions a step of sdgd and hutchinson (4)."
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
            | Resume _ -> "go on with the run in this folder, with the settings it holds."

let private parser = ArgumentParser.Create<Options>(programName = "metakan pde")

/// The options that config.json stands for: each of its fields is one, but for what describes the run.
let private stored (folder: string) : ParseResults<Options> =
    let config = RunFolder.readConfig folder
    let described = set [ "task"; "problem"; "network" ]

    let text (node: JsonNode) = node.ToJsonString().Trim '"'

    [|
        for field in config do
            if not (described.Contains field.Key) then
                "--" + field.Key.Replace('_', '-')
                text field.Value

        if config.ContainsKey "problem" then
            text config["problem"]
    |]
    |> fun arguments ->
        try
            parser.ParseCommandLine(arguments, raiseOnUsage = false)
        with :? ArguParseException ->
            raise (BadInput $"{RunFolder.configPath folder} is not the configuration of a pde run")

let private node (value: 'a) : JsonNode = JsonValue.Create value

/// Problem, model and settings as the options say, with nothing done yet.
let private prepare (options: ParseResults<Options>) (folder: string option) =
    let dim = options.GetResult(Dim, 10) |> atLeast "--dim" 2
    let seed = options.GetResult(Seed, 0)
    let depth = options.GetResult(Depth, 4) |> atLeast "--depth" 1
    let width = options.GetResult(Width, 128) |> atLeast "--width" 1

    let grid =
        {
            Size = options.GetResult(Grid, 5) |> atLeast "--grid" 1
            Order = options.GetResult(Order, 3) |> atLeast "--order" 1
        }

    let problemName =
        match options.TryGetResult Problem with
        | Some name -> name
        | None -> raise (BadInput "pde takes a problem: poisson or allen-cahn")

    let problemSeed = options.GetResult(Problem_Seed, 0) |> atLeast "--problem-seed" 0
    let body = TwoBody.ofSeed problemSeed dim

    let problem = problemName |> oneOf "pde" [ "poisson", Poisson.problem; "allen-cahn", AllenCahn.problem ]

    let widths = [ dim; yield! List.replicate (depth - 1) width; 1 ]
    let generators = options.GetResult(Generators, "layer")

    let meta =
        {
            EmbeddingDim = options.GetResult(Embedding_Dim, 1) |> atLeast "--embedding-dim" 1
            HiddenDim = options.GetResult(Hidden_Dim, 32) |> atLeast "--hidden-dim" 1
            Sharing = sharing depth generators
            Chunk = None
        }

    let splines = [ "grid", node grid.Size; "order", node grid.Order ]

    let model, modelLabels =
        options.GetResult(Model, "metakan")
        |> oneOf
            "--model"
            [
                "mlp", (Mlp.create widths, [])
                "kan", (Kan.create grid widths, splines)
                "metakan",
                (MetaKan.create grid meta widths,
                 [
                     yield! splines
                     "embedding_dim", node meta.EmbeddingDim
                     "hidden_dim", node meta.HiddenDim
                     "generators", node generators
                 ])
            ]

    let directions = options.GetResult(Directions, 4) |> atLeast "--directions" 1

    let laplacian =
        options.GetResult(Laplacian, "exact")
        |> oneOf "--laplacian" [ "exact", Exact; "sdgd", Sdgd directions; "hutchinson", Hutchinson directions ]

    let placement = placement (options.GetResult(Device, "auto")) (options.GetResult(Dtype, "float32"))

    let threads = options.GetResult(Threads, min 8 Environment.ProcessorCount) |> atLeast "--threads" 1

    let settings =
        {
            Epochs = options.GetResult(Epochs, 5000) |> atLeast "--epochs" 1
            Collocation =
                {
                    Points = options.GetResult(Points, 100) |> atLeast "--points" 1
                    Laplacian = laplacian
                    MemoryLimit = options.GetResult(Memory, 2048) |> atLeast "--memory" 1
                }
            Rate = options.GetResult(Lr, 1e-3) |> positive "--lr"
            EmbeddingRate = options.GetResult(Lr_E, 1e-3) |> positive "--lr-e"
            GeneratorRate = options.GetResult(Lr_H, 1e-4) |> positive "--lr-h"
            Schedule = options.GetResult(Schedule, "linear") |> oneOf "--schedule" MetaKan.Schedule.named
            Warmup = options.GetResult(Warmup, 0) |> atLeast "--warmup" 0
            Polish = options.GetResult(Polish, 0) |> atLeast "--polish" 0
            PolishPoints = options.GetResult(Polish_Points, 2000) |> atLeast "--polish-points" 1
            TestPoints = options.GetResult(Test_Points, 20000) |> atLeast "--test-points" 1
            Seed = seed
            Placement = placement
            EvaluateEvery = options.GetResult(Eval_Every, 100) |> atLeast "--eval-every" 1
            SaveEvery = options.GetResult(Save_Every, 500) |> atLeast "--save-every" 1
            Folder =
                folder
                |> Option.orElse (options.TryGetResult Out)
                |> Option.defaultWith (fun () -> RunFolder.free $"runs/{problemName}-d{dim}-{model.Name}-s{seed}")
            Resume = folder.IsSome
            Labels = [ "problem_seed", node problemSeed; "width", node width; "depth", node depth; yield! modelLabels ]
            Meters = [ Info.peakCuda ]
        }

    torch.set_num_threads threads
    problem body, model, settings

let run (options: ParseResults<Options>) : int =
    let folder = options.TryGetResult Resume

    if folder.IsSome && options.GetAllResults().Length > 1 then
        raise (BadInput "--resume takes its settings from the run's folder: give no other option")

    let problem, model, settings =
        match folder with
        | Some folder -> prepare (stored folder) (Some folder)
        | None -> prepare options None

    use interrupt = new Interrupt.Watch()

    let solution =
        use progress = new Progress.Display(settings.Epochs + settings.Polish)

        Solve.run settings problem model (fun () -> interrupt.Asked) (function
            | Stepped(state, loss) -> progress.Step(state.Step, loss)
            | Evaluated(_, _, measures) ->
                measures
                |> List.tryFind (fun (name, _) -> name = "relative_l2")
                |> Option.iter (snd >> progress.Error)
            | Saved _ -> ())

    MetaKan.Report.write settings.Folder

    match solution.Outcome with
    | Completed ->
        let number (name: string) = solution.Result[name].GetValue<float>()

        printfn
            $"""relative L2 error {number "relative_l2":G3}, {number "train_seconds":F1} s of training, in {settings.Folder}"""

        0
    | Stopped -> raise (RunFailed $"stopped; go on with metakan pde --resume {settings.Folder}")
    | Diverged loss ->
        raise (RunFailed $"the loss became {loss}: the run diverged; {settings.Folder} keeps the last good state")
