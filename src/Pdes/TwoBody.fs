namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The two-body solution u*(x) = (1 - |x|²) Σ c_i sin(x_i + cos x_{i+1} + x_{i+1} cos x_i),  c ~ N(0, 1).
/// Hu et al., SDGD (arXiv 2307.12306), section 5.1; MetaKAN (arXiv 2506.07549), section 4.3.
[<RequireQualifiedAccess>]
module TwoBody =
    let private interaction (x: Tensor) =
        // Sines and cosines are taken once of each coordinate: it is the left neighbour of one term and the right of another.
        let sines, cosines = torch.sin x, torch.cos x
        let left (t: Tensor) = t.narrow (1L, 0L, x.size 1 - 1L)
        let right (t: Tensor) = t.narrow (1L, 1L, x.size 1 - 1L)
        let a, b = left x, right x
        let curved = right cosines + b * left cosines
        let g = a + curved
        let sin = torch.sin g

        sin,
        lazy
            let cos = torch.cos g
            let byA, byB = 1.0 - b * left sines, left cosines - right sines
            cos * (a * byA + b * byB), -(cos * curved + sin * (byA * byA + byB * byB))

    /// The solution in d dimensions; a seed gives the coefficients that the reference code draws from it. Raises
    /// ArgumentException for less than 2.
    let ofSeed (seed: int) (d: int) : BallSolution =
        if d < 2 then
            invalidArg (nameof d) $"two bodies take two dimensions or more, not {d}"

        { Coefficients = ReferenceSeed.normal seed (d - 1); Bodies = 2; Interaction = interaction }
