/// Lines that jets may move along, and derivatives along them by repeated automatic differentiation.
module MetaKan.Tests.Lines

open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

/// Some of the axes, lines that all points share, or lines of each point's own.
type Lines =
    | Axes of int list
    | SharedLines of count: int
    | OwnLines of count: int

/// In d dimensions.
let lines (d: int) =
    Gen.oneof
        [
            Gen.subListOf [ 0 .. d - 1 ] |> Gen.filter (List.isEmpty >> not) |> Gen.map Axes
            Gen.choose (1, 4) |> Gen.map SharedLines
            Gen.choose (1, 4) |> Gen.map OwnLines
        ]

/// Orders of derivatives along every line by itself; 1 for none but the first.
let orders = Gen.choose (1, 4)

/// Directions for the points x [N, d], with random weights, and their lines as vectors [N or 1, V, d].
let directions (seed: int) (lines: Lines) (order: int) (x: Tensor) : Directions * Tensor =
    let n, d = int (x.size 0), int (x.size 1)

    let tangents, vectors =
        match lines with
        | Axes axes ->
            let indices = axes |> List.map int64 |> Array.ofList |> torch.tensor
            Coordinates indices, torch.nn.functional.one_hot(indices, int64 d).``to``(torch.float64).unsqueeze 0L
        | SharedLines count ->
            let vectors = normal (seed + 7) [ 1; count; d ]
            Dense vectors, vectors
        | OwnLines count ->
            let vectors = normal (seed + 7) [ n; count; d ]
            Dense vectors, vectors

    let weights = normal (seed + 8) [ int (vectors.size 1) ]
    { Tangents = tangents; Weights = weights; Sums = []; Partials = Map.empty; Order = order }, vectors

/// The derivatives of orders 1 … order of s ↦ f(x + s v), each [N, V, n], differentiable by what f depends on. f gets the
/// points several times over, in their order.
let derivatives (order: int) (f: Tensor -> Tensor) (x: Tensor) (vectors: Tensor) : Tensor list =
    let n, d, count = x.size 0, x.size 1, vectors.size 1
    let outputs = (f x).size 1
    // Each line and output has an s of its own, so that one gradient of a sum holds all derivatives of an order.
    let tiled (t: Tensor) = t.expand(outputs, count, n, d).reshape(-1L, d)
    let s = torch.zeros (outputs * count * n, 1L, dtype = x.dtype, requires_grad = true)
    let y = f (tiled x + s * tiled (vectors.expand(n, -1L, -1L).transpose(0L, 1L)))
    let along = y.view(outputs, -1L, outputs).diagonal(0L, 0L, 2L)
    let differentiated (y: Tensor) _ = if y.requires_grad then gradient y s else torch.zeros_like s

    List.scan differentiated along [ 1..order ]
    |> List.tail
    |> List.map (fun t -> t.view(outputs, count, n).permute(2L, 1L, 0L))

/// Σ_v w_v D_v² [N, n], of second derivatives [N, V, n].
let weighted (weights: Tensor) (second: Tensor) : Tensor = (second * weights.view (1L, -1L, 1L)).sum 1L
