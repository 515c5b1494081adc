// x·σ(x), the smooth base function that a KAN edge adds to its spline, with derivatives of every order.
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module Silu =
    // σ' = σ - σ², so each derivative of σ is a polynomial in σ: coefficients ascending.
    let private sigmoidDerivative (n: int) : float[] =
        (([| 0.0; 1.0 |]: float[]), [ 1..n ])
        ||> List.fold (fun p _ ->
            Array.init (p.Length + 1) (fun i ->
                (if i < p.Length then float i * p[i] else 0.0)
                - (if i > 0 then float (i - 1) * p[i - 1] else 0.0)))

    let private evaluate (coefficients: float[]) (s: Tensor) =
        coefficients
        |> Array.rev
        |> Array.fold (fun (total: Tensor) c -> total * s + c) (torch.zeros_like s)

    /// silu⁽ⁿ⁾ = x σ⁽ⁿ⁾ + n σ⁽ⁿ⁻¹⁾.
    let private derivative (x: Tensor) (s: Tensor) (n: int) =
        let leading = x * evaluate (sigmoidDerivative n) s

        if n = 0 then
            leading
        else
            leading + evaluate (sigmoidDerivative (n - 1)) s * float n

    /// The basis with silu as its only function.
    let basis: Basis =
        { Count = 1
          Derivatives =
            fun orders x ->
                let s = torch.sigmoid x
                orders |> List.map (fun n -> (derivative x s n).unsqueeze -1L) }
