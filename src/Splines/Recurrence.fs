// Polynomials that follow from the two before them, with derivatives of every order.
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module internal Recurrence =
    /// P₀ = 1, P₁ = x, …, P_degree by Pₙ₊₁ = aₙ x Pₙ - bₙ Pₙ₋₁ for (aₙ, bₙ) = `step n`. Differentiated p times, that is
    /// Pₙ₊₁⁽ᵖ⁾ = aₙ (x Pₙ⁽ᵖ⁾ + p Pₙ⁽ᵖ⁻¹⁾) - bₙ Pₙ₋₁⁽ᵖ⁾.
    let basis (degree: int) (step: int -> float * float) : Basis =
        let next (x: Tensor) p (lower: Tensor[]) n (before: Tensor) (last: Tensor) =
            let a, b = step n
            let value = (before * -b).addcmul_(x, last, a.ToScalar())
            if p = 0 then value else value.add_ (lower[n], (a * float p).ToScalar())

        // All Pₙ⁽ᵖ⁾, from all Pₙ⁽ᵖ⁻¹⁾.
        let raised (x: Tensor) (lower: Tensor[]) (p: int) : Tensor[] =
            let constant (value: float) = torch.full_like (x, value.ToScalar())

            let first, second =
                match p with
                | 0 -> constant 1.0, x
                | 1 -> constant 0.0, constant 1.0
                | _ -> constant 0.0, constant 0.0

            let values = Array.zeroCreate (degree + 1)
            values[0] <- first

            if degree > 0 then
                values[1] <- second

            for n in 1 .. degree - 1 do
                values[n + 1] <- next x p lower n values[n - 1] values[n]

            values

        {
            Count = degree + 1
            Derivatives =
                fun orders x ->
                    let tables = ([||], [ 0 .. List.max orders ]) ||> List.scan (raised x) |> List.tail |> List.toArray

                    orders |> List.map (fun p -> torch.stack(tables[p], 1L).transpose(1L, 2L))
        }
