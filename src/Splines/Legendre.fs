namespace MetaKan

/// Legendre's polynomials. Abramowitz and Stegun, 22.7.10.
[<RequireQualifiedAccess>]
module Legendre =
    /// P₀ … P_degree, by (n+1) Pₙ₊₁ = (2n+1) x Pₙ - n Pₙ₋₁.
    let basis (degree: int) : Basis =
        Recurrence.basis degree (fun n -> float (2 * n + 1) / float (n + 1), float n / float (n + 1))
