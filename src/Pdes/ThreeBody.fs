namespace MetaKan.Pdes

open MetaKan

/// The three-body solution u*(x) = (1 - |x|²) Σ c_i exp(x_i x_{i+1} x_{i+2}),  c ~ N(0, 1).
/// Hu et al., SDGD (arXiv 2307.12306), section 5.1; Shi et al., STDE (arXiv 2412.00088), appendix I.
[<RequireQualifiedAccess>]
module ThreeBody =
    let private interaction (x: Tensor) =
        let part i = x.narrow (1L, int64 i, x.size 1 - 2L)
        let a, b, c = part 0, part 1, part 2
        let product = a * b * c
        let f = product.exp ()
        let square (t: Tensor) = t * t
        f, lazy (3.0 * product * f, f * (square (a * b) + square (b * c) + square (a * c)))

    /// The solution in d dimensions; a seed gives the coefficients that the reference code draws from it. Raises
    /// ArgumentException for less than 3.
    let ofSeed (seed: int) (d: int) : BallSolution =
        if d < 3 then
            invalidArg (nameof d) $"three bodies take three dimensions or more, not {d}"

        { Coefficients = ReferenceSeed.normal seed (d - 2); Bodies = 3; Interaction = interaction }
