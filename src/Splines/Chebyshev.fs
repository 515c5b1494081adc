namespace MetaKan

/// Chebyshev's polynomials of the first kind, Tₙ(cos θ) = cos nθ. Abramowitz and Stegun, 22.7.4.
[<RequireQualifiedAccess>]
module Chebyshev =
    /// T₀ … T_degree, by Tₙ₊₁ = 2x Tₙ - Tₙ₋₁.
    let basis (degree: int) : Basis = Recurrence.basis degree (fun _ -> 2.0, 1.0)
