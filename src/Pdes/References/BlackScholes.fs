// The price of a European call: Black & Scholes, J. Political Economy 81 (1973), 637-654. It solves
//   V_t + σ²/2 S² V_SS + r S V_S - r V = 0,  V = max(S - K, 0) at t = T.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal BlackScholes =
    /// V [N, 1] at points (S, t) [N, 2], S from 0 up and t up to maturity T, for strike K, interest rate r, volatility σ.
    let call (strike: float) (rate: float) (volatility: float) (maturity: float) : Tensor -> Tensor =
        Reference.ofPoints 2 (fun points ->
            let s, left = points.narrow (1L, 0L, 1L), maturity - points.narrow (1L, 1L, 1L)
            // Above 0, so that the quotient at maturity is ±∞ or, where S = K, 0.
            let deviation = (volatility * torch.sqrt left).clamp_min(1e-150.ToScalar())
            let d = (torch.log (s / strike) + (rate + volatility * volatility / 2.0) * left) / deviation
            let normal (d: Tensor) = torch.special.ndtr d
            s * normal d - strike * torch.exp (-rate * left) * normal (d - deviation))
