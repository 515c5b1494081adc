/// Small losses to minimise.
module MetaKan.Tests.Losses

open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

/// The value and gradient of a loss.
let gradientOf (loss: Params -> Tensor) : Gradient =
    fun p ->
        let tracked = Params.tracked p
        let value = loss tracked
        value.detach (), Params.gradient value tracked

/// Where an optimizer is after some of the steps 0, 1, …, all from the same fixed gradient.
let moved (steps: int) (optimizer: Optimizer) (p: Params) : Params =
    let gradient (p: Params) =
        torch.zeros [| 1L |], p |> Map.map (fun name t -> torch.full_like (t, (1.0 + float name.Length).ToScalar()))

    ((p, optimizer.Init p), [ 0 .. steps - 1 ])
    ||> List.fold (fun (p, memory) step ->
        let _, p, memory = optimizer.Update step gradient p memory
        p, memory)
    |> fst

/// One parameter tree "x" of numbers.
let at (xs: float list) : Params = Map [ "x", tensor [ xs.Length ] xs ]

/// Σ (1 - x_i)² + 100 (x_{i+1} - x_i²)²; Rosenbrock (1960).
let rosenbrock: Gradient =
    gradientOf (fun p ->
        let n = p["x"].numel() - 1L
        let a, b = p["x"].narrow(0L, 0L, n), p["x"].narrow(0L, 1L, n)
        let rise, valley = 1.0 - a, b - a * a
        (rise * rise).sum() + 100.0 * (valley * valley).sum())
