/// The formulation that PyTorch users of KANs run today, written plainly with the same operators: a dense Cox–de Boor
/// recursion over all basis functions, coefficients generated in blocks of 64 outputs by the whole generator, first
/// derivatives by one backward pass and second derivatives by one more for each dimension.
/// Zhao, Shu, Meng, Xu (arXiv 2506.07549), its PDE experiment.
module MetaKan.Bench.Plain

open MetaKan
open MetaKan.Pdes
open TorchSharp

/// All basis functions at x, along a new last dimension, by the recursion over whole tensors.
let splines (knots: Tensor) (order: int) (x: Tensor) : Tensor =
    let x = x.unsqueeze -1L
    let count = knots.size 0
    let from start length = knots.narrow (0L, start, length)
    let lower, upper = from 0L (count - 1L), from 1L (count - 1L)

    ((x.ge(lower).logical_and(x.lt upper)).``to`` x.dtype, [ 1L .. int64 order ])
    ||> List.fold (fun bases k ->
        let n = count - k - 1L
        let left = (x - from 0L n) / (from k n - from 0L n) * bases.narrow (-1L, 0L, n)

        let right = (from (k + 1L) n - x) / (from (k + 1L) n - from 1L n) * bases.narrow (-1L, 1L, n)

        left + right)

/// The knots of a grid, as `splines` takes them.
let knots (grid: Grid) (like: Tensor) : Tensor =
    Knots.uniform grid.Size grid.Order (-1.0, 1.0)
    |> Tensor.ofArray (Placement.ofTensor like) [ int64 (grid.Size + 2 * grid.Order + 1) ]

/// What a generator makes of embeddings [E, p], by the whole network: [E, M].
let generated (generator: Params) (embeddings: Tensor) : Tensor =
    torch.nn.functional.linear (embeddings, generator["0.weight"], generator["0.bias"])
    |> torch.nn.functional.relu
    |> fun hidden -> torch.nn.functional.linear (hidden, generator["2.weight"], generator["2.bias"])

let private layer (splineWeight: Tensor) (baseWeight: Tensor) (features: Tensor) (x: Tensor) =
    torch.matmul (torch.nn.functional.silu x, baseWeight.t ())
    + torch.matmul (features.flatten (1L, 2L), splineWeight.flatten(1L, 2L).t())

/// One layer of a KAN or a MetaKAN with parameters under the names of the library's models.
let private network (grid: Grid) (widths: int list) (model: string) (p: Params) (x: Tensor) : Tensor =
    let knots = knots grid x
    let functions = int64 (Grid.coefficients grid)

    (x, List.indexed (List.pairwise widths))
    ||> List.fold (fun x (l, (inputs, outputs)) ->
        let features = splines knots grid.Order x

        match model with
        | "kan" ->
            let splineWeight = p[$"layers.{l}.spline_weight"] * p[$"layers.{l}.spline_scaler"].unsqueeze -1L

            layer splineWeight p[$"layers.{l}.base_weight"] features x
        | "metakan" ->
            let generator = Params.under $"hypernet.{l}" p

            torch.cat (
                [|
                    for block in p[$"embeddings.{l}"].split(64L * int64 inputs) do
                        let weights = generated generator block |> _.view(-1L, int64 inputs, functions + 1L)

                        layer (weights.narrow (-1L, 0L, functions)) (weights.select (-1L, functions)) features x
                |],
                1L
            )
        | _ ->
            torch.nn.functional.linear (x, p[$"layers.{l}.weight"], p[$"layers.{l}.bias"])
            |> if l < widths.Length - 2 then torch.tanh else id
        |> fun y -> y.view (-1L, int64 outputs))

/// Loss and gradient of Allen–Cahn on points x, with all second derivatives or those along `terms` alone, scaled up.
let gradient
    (grid: Grid)
    (widths: int list)
    (model: string)
    (body: BallSolution)
    (terms: int list)
    (x: Tensor)
    : Gradient =
    fun p ->
        let p = Params.tracked p
        let x = x.detach().requires_grad_ true
        let u = (1.0 - (x * x).sum(1L, keepdim = true)) * network grid widths model p x

        let derivative (y: Tensor) =
            torch.autograd.grad([| y.sum () |], [| x |], create_graph = true, retain_graph = true)[0]

        let first = derivative u

        let laplacian =
            terms
            |> List.map (fun i -> (derivative (first.select (1L, int64 i))).narrow(1L, int64 i, 1L))
            |> List.reduce (fun a b -> a + b)
            |> fun sum -> sum * (float (BallSolution.dimension body) / float terms.Length)

        let residual = laplacian + u - u * u * u - AllenCahn.source body x
        let loss = (residual * residual).mean()
        loss.detach (), Params.gradient loss p
