/// `metakan bench pde`: steps per second and peak memory of the library's step and of the plain formulation, in one
/// process, on the same points, from the same parameters, each with the thread count that suits it best.
module MetaKan.Bench.Pde

open System.Text.Json.Nodes
open MetaKan
open MetaKan.Pdes
open MetaKan.Bench.Contenders
open TorchSharp

let private grid = { Size = 5; Order = 3 }

/// What takes the steps.
let adam (moments: MomentStorage) : Optimizer =
    Adam.create moments (fun _ -> { Rate = Schedule.constant 1e-4; WeightDecay = 0.0 })

/// Steps by Adam from fresh parameters.
let steps (placement: Placement) (model: Model) : (int -> Gradient) -> int -> unit =
    Contenders.steps placement (adam MomentStorage.Full) (model.Init (Key.ofSeed 0) placement)

let private widths (dim: int) = [ dim; 128; 128; 128; 1 ]

let private network (dim: int) (modelName: string) (hidden: int) : Model =
    match modelName with
    | "kan" -> Kan.create grid (widths dim)
    | "metakan" ->
        MetaKan.create
            grid
            { EmbeddingDim = 1; HiddenDim = hidden; Sharing = GeneratorSharing.PerLayer; Chunk = None }
            (widths dim)
    | _ -> Mlp.create (widths dim)

let private key (n: int) = Key.fold n (Key.ofSeed 1)

// The gradient of a step's loss on so many points.
let private gradient (problem: Problem) (model: Model) (laplacian: LaplacianMethod) (points: int) : int -> Gradient =
    let collocation =
        {
            Points = points
            Sampling = Sampling.Random
            Laplacian = laplacian
            Unbiased = false
            MemoryLimit = 16384
        }

    key >> Collocation.gradient collocation problem model

/// The network of a dimension, and the gradients of its steps on so many points, with exact derivatives.
let exactly (modelName: string) (hidden: int) (dim: int) : Model * (int -> int -> Gradient) =
    let problem, model = AllenCahn.problem (TwoBody.ofSeed 0 dim), network dim modelName hidden
    model, gradient problem model LaplacianMethod.Exact

let private contenders (floor: bool) (placement: Placement) (dim: int) (modelName: string) (hidden: int) (points: int) =
    let widths = widths dim
    let body = TwoBody.ofSeed 0 dim
    let problem = AllenCahn.problem body
    let model = network dim modelName hidden

    let ours name laplacian =
        let step = gradient problem model laplacian points |> steps placement model
        { Name = name; Steps = 15; Run = Workers.hire; Step = step }

    let plain name count =
        {
            Name = name
            Steps = max 1 (60 / (count + 4))
            Run = fun steps -> steps ()
            Step =
                steps placement model (fun n ->
                    let terms = Key.permutation (key n) dim |> Array.truncate count |> Array.toList
                    Plain.gradient grid widths modelName body terms (problem.Domain.Sample (key n) placement points))
        }

    // Against the products alone, made when they are measured.
    let step = lazy Floor.step placement points (Grid.coefficients grid + 1) widths

    let products =
        {
            Name = "its products alone"
            Steps = 15
            Run = fun steps -> steps ()
            Step = fun _ -> step.Value()
        }

    model,
    if floor then
        [ ours "library, exact" LaplacianMethod.Exact; products ]
    else
        [
            ours "library, exact" LaplacianMethod.Exact
            ours "library, SDGD-4" (LaplacianMethod.Sdgd 4)
            plain "plain autograd, SDGD-4" (min 4 dim)
            plain "plain autograd, exact" dim
        ]

/// Measures and prints one dimension; gives the rows as JSON.
let private dimension placement repeats points idle (dim: int, (model: Model, contenders)) : JsonNode list =
    printfn $"{model.Description}, {points} points, {placement.DType} on {placement.Device}"

    Contenders.measure placement repeats idle contenders
    |> Contenders.table [ "network", RunFolder.node model.Description; "dim", RunFolder.node dim ]

/// Runs the comparison for several dimensions, with the plain formulation or with the products alone, and prints a table
/// each; the rows, for a file.
let run
    (floor: bool)
    (placement: Placement)
    (modelName: string)
    (hidden: int)
    (points: int)
    (repeats: int)
    (dims: int list)
    : JsonArray =
    let idle = Contenders.idle placement
    use _ = torch.NewDisposeScope()
    let dims = List.sort dims
    let all = dims |> List.map (fun dim -> contenders floor placement dim modelName hidden points)

    List.zip dims all
    |> List.map (dimension placement repeats points idle)
    |> List.concat
    |> List.toArray
    |> JsonArray
