namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The two-body solution u*(x) = (1 - |x|²) Σ c_i sin(x_i + cos x_{i+1} + x_{i+1} cos x_i),  c ~ N(0, 1).
/// Hu et al., SDGD (arXiv 2307.12306), section 5.1; MetaKAN (arXiv 2506.07549), section 4.3.
[<RequireQualifiedAccess>]
module TwoBody =
    let private interaction (parts: Tensor list) =
        let a, b = parts[0], parts[1]
        let cosA = torch.cos a
        let g = a + torch.cos b + b * cosA
        let sin = torch.sin g

        sin,
        lazy
            let cos = torch.cos g
            let byA = 1.0 - b * torch.sin a
            let byB = cosA - torch.sin b
            cos * (a * byA + b * byB), -sin * (byA * byA + byB * byB) - cos * (b * cosA + torch.cos b)

    /// The solution in d dimensions; a seed gives the coefficients that the reference code draws from it. Raises
    /// ArgumentException for less than 2.
    let ofSeed (seed: int) (d: int) : BallSolution =
        if d < 2 then
            invalidArg (nameof d) $"two bodies take two dimensions or more, not {d}"

        { Coefficients = ReferenceSeed.normal seed (d - 1); Bodies = 2; Interaction = interaction }
