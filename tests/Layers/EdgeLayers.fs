/// A family of functions for the tests of layers, and comparing a layer's gradients with differences.
module MetaKan.Tests.EdgeLayers

open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

/// Quadratic splines on two intervals and silu, of inputs that a learnt number each has scaled.
let family: Family =
    let basis place = Basis.append (BSpline.basis place 2 [| Knots.uniform 2 2 (-1.0, 1.0) |]) Silu.basis

    let count = (basis Placement.cpu64).Count

    {
        Name = "small"
        Count = count
        Init = fun inputs key place -> Map.ofList [ "weight", 1.0 + 0.3 * Key.normal key place [ int64 inputs ] ]
        Features = fun p x -> (Basis.features (basis (Placement.ofTensor x)) 0 0 (x * p["weight"]))[0]
        Stored =
            fun edges key place ->
                Map.ofList [ "weight", Key.normal key place (List.map int64 edges @ [ int64 count ]) ]
        Coefficients = fun p -> p["weight"].movedim([| -1L |], [| 0L |])
        Activation = None
    }

/// A layer's own parameters, its coefficients and an input.
type Case = { Own: Params; Coefficients: Tensor; X: Tensor }

let case (layer: EdgeLayer) (seed: int) (shape: int list) : Case =
    let key index = Key.fold index (Key.ofSeed seed)

    {
        Own = layer.Init (key 0) Placement.cpu64
        Coefficients = layer.Coefficients(layer.Stored (key 1) Placement.cpu64)
        X = uniform seed (-1.2, 1.2) shape
    }

let apply (layer: EdgeLayer) (case: Case) : Tensor = layer.Apply case.Own case.Coefficients case.X

/// The gradient of a function of a tree along a random direction, against central differences.
let differentiates (seed: int) (f: Params -> Tensor) (p: Params) =
    let direction = p |> Map.map (fun name t -> normal (seed + name.Length) [ for n in t.shape -> int n ])
    let weights = normal (seed + 1) [ for n in (f p).shape -> int n ]
    let loss p = (f p * weights).sum()
    let _, gradient = Params.withGradient loss p
    let at step = p |> Map.map (fun name t -> t + direction[name] * step) |> loss
    let h = 1e-5
    let expected = (at h - at -h) / (2.0 * h)

    let terms = [ for name in p.Keys -> gradient[name] * direction[name] ]
    // Against all that is summed, which may nearly cancel.
    let size = (terms |> List.sumBy (fun t -> Tensor.item (t.abs().sum()))) + 1e-12
    let found = terms |> List.sumBy (fun t -> Tensor.item (t.sum ()))
    close "directional derivative" 1e-6 (1.0 + expected.reshape 1L / size) (tensor [ 1 ] [ 1.0 + found / size ])

/// The layer as a function of everything it depends on.
let gradientsOf (layer: EdgeLayer) (seed: int) (case: Case) =
    Params.union [ case.Own; Map.ofList [ "coefficients", case.Coefficients; "x", case.X ] ]
    |> differentiates seed (fun p -> layer.Apply p p["coefficients"] p["x"])
