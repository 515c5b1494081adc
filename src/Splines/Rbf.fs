namespace MetaKan

open TorchSharp

/// Gaussian radial basis functions exp(-((x - g)/δ)²), with derivatives of every order.
/// Li, "Kolmogorov-Arnold Networks are Radial Basis Function Networks" (arXiv 2405.06721).
[<RequireQualifiedAccess>]
module Rbf =
    // Hermite's polynomial Hₙ (the physicists') at u: H₀ = 1, H₁ = 2u, Hₙ₊₁ = 2u Hₙ - 2n Hₙ₋₁.
    let private hermite (n: int) (u: Tensor) : Tensor =
        ((torch.ones_like u, u * 2.0), [ 1 .. n - 1 ])
        ||> List.fold (fun (lower, h) k -> h, (u * h - lower * float k) * 2.0)
        |> snd

    /// `count` Gaussians with centres evenly spaced over [low, high] and a width δ of the spacing. The n-th derivative
    /// is (-1/δ)ⁿ Hₙ(u) e^{-u²} at u = (x - g)/δ.
    let basis (count: int) (low: float, high: float) : Basis =
        let width = (high - low) / float (count - 1)

        {
            Count = count
            Derivatives =
                fun orders x ->
                    let centres = torch.arange (int64 count, dtype = x.dtype, device = x.device)
                    let u = ((x - low) / width).unsqueeze 1L - centres.view (1L, -1L, 1L)
                    let bells = u.square().neg_().exp_()

                    orders
                    |> List.map (fun n ->
                        (if n = 0 then bells else (hermite n u).mul_(bells).mul_((pown (-1.0 / width) n).ToScalar()))
                        |> _.transpose(1L, 2L))
        }
