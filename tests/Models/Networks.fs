/// Random networks, and what they compute, written out a second time in plain tensor operations.
module MetaKan.Tests.Networks

open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

type Family =
    | OfMlp
    | OfKan of Grid
    | OfMetaKan of Grid * MetaLearner

type Network = { Family: Family; Widths: int list; Seed: int }

let model (network: Network) : Model =
    match network.Family with
    | OfMlp -> Mlp.create network.Widths
    | OfKan grid -> Kan.create grid network.Widths
    | OfMetaKan(grid, meta) -> MetaKan.create grid meta network.Widths

let private grids =
    Gen.zip (Gen.choose (1, 5)) (Gen.choose (1, 4)) |> Gen.map (fun (g, k) -> { Size = g; Order = k })

let private sharings layers =
    gen {
        let! assignment = Gen.listOfLength layers (Gen.choose (0, 2))
        // Numbered from 0 without gaps.
        let used = List.distinct assignment |> List.sort
        let clusters = assignment |> List.map (fun c -> List.findIndex ((=) c) used)
        return! Gen.elements [ GeneratorSharing.PerLayer; GeneratorSharing.Shared; GeneratorSharing.Clusters clusters ]
    }

/// MetaKANs alone.
let metaKans =
    gen {
        let! widths = Gen.choose (2, 4) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.choose (1, 4)))
        let! grid = grids
        let! embedding = Gen.elements [ 1; 1; 2; 3 ]
        let! hidden = Gen.choose (1, 6)
        let! sharing = sharings (widths.Length - 1)
        let! chunk = Gen.elements [ None; Some 1; Some 2; Some 5 ]
        let! seed = seeds

        let meta = { EmbeddingDim = embedding; HiddenDim = hidden; Sharing = sharing; Chunk = chunk }

        return { Family = OfMetaKan(grid, meta); Widths = widths; Seed = seed }
    }

/// Networks of every family.
let networks =
    gen {
        let! meta = metaKans
        let! grid = grids
        let! family = Gen.elements [ OfMlp; OfKan grid; meta.Family; meta.Family ]
        return { meta with Family = family }
    }

/// Initial parameters with biases and embeddings that are not small, so that every part of a generator takes part.
let parameters (network: Network) : Params =
    (model network).Init (Key.ofSeed network.Seed) Placement.cpu64
    |> Map.map (fun name t ->
        if name.Contains "bias" || name.Contains "embeddings" then
            normal (network.Seed + name.Length) (t.shape |> Seq.map int |> List.ofSeq)
        else
            t)

/// Points around the grid, some beyond it.
let points (network: Network) (n: int) : Tensor = uniform (network.Seed + 1) (-1.6, 1.6) [ n; network.Widths.Head ]

/// B-splines [N, in, G+k] on the uniform grid by the recursion, in tensors.
let private splines (grid: Grid) (x: Tensor) : Tensor =
    let h = 2.0 / float grid.Size
    let knot i = -1.0 + h * float (i - grid.Order)
    let x = x.unsqueeze -1L
    let count k = grid.Size + 2 * grid.Order - k
    let row f k = tensor [ 1; 1; count k ] [ for m in 0 .. count k - 1 -> f m ]
    let zero = x.ge(row knot 0).logical_and(x.lt (row (fun m -> knot (m + 1)) 0)).``to`` torch.float64

    (zero, [ 1 .. grid.Order ])
    ||> List.fold (fun lower k ->
        let width = float k * h
        let n = int64 (count k)

        (x - row knot k) / width * lower.narrow (2L, 0L, n)
        + (row (fun m -> knot (m + k + 1)) k - x) / width * lower.narrow (2L, 1L, n))

/// The generator's output [E, M] for embeddings [E, p].
let private generated (p: Params) g (embeddings: Tensor) : Tensor =
    let linear name (t: Tensor) =
        torch.matmul (t, p[$"hypernet.{g}.{name}.weight"].t()) + p[$"hypernet.{g}.{name}.bias"]

    embeddings |> linear "0" |> torch.nn.functional.relu |> linear "2"

/// What the network computes.
let reference (network: Network) (p: Params) (x: Tensor) : Tensor =
    let kanLayer (grid: Grid) (coefficients: Tensor) (x: Tensor) =
        let features = torch.cat ([| splines grid x; (x * torch.sigmoid x).unsqueeze -1L |], -1L)
        (features.unsqueeze 1L * coefficients.unsqueeze 0L).sum(-1L).sum -1L

    (x, List.pairwise network.Widths |> List.indexed)
    ||> List.fold (fun x (l, (inputs, outputs)) ->
        match network.Family with
        | OfMlp ->
            let y = torch.matmul (x, p[$"layers.{l}.weight"].t()) + p[$"layers.{l}.bias"]
            if l < network.Widths.Length - 2 then torch.tanh y else y
        | OfKan grid ->
            let splines = p[$"layers.{l}.spline_weight"] * p[$"layers.{l}.spline_scaler"].unsqueeze -1L
            kanLayer grid (torch.cat ([| splines; p[$"layers.{l}.base_weight"].unsqueeze -1L |], -1L)) x
        | OfMetaKan(grid, meta) ->
            let generator =
                match meta.Sharing with
                | GeneratorSharing.PerLayer -> l
                | GeneratorSharing.Shared -> 0
                | GeneratorSharing.Clusters assignment -> assignment[l]

            let coefficients = generated p generator p[$"embeddings.{l}"]
            kanLayer grid (coefficients.view (int64 outputs, int64 inputs, -1L)) x)
