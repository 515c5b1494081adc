// x·σ(x), the smooth base function that a KAN edge adds to its spline, with derivatives of every order.
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module internal Silu =
    /// σ' = σ - σ², so each derivative of σ is a polynomial in σ: coefficients ascending.
    let internal sigmoidDerivative (n: int) : float[] =
        (([| 0.0; 1.0 |]: float[]), [ 1..n ])
        ||> List.fold (fun p _ ->
            Array.init (p.Length + 1) (fun i ->
                (if i < p.Length then float i * p[i] else 0.0) - (if i > 0 then float (i - 1) * p[i - 1] else 0.0)))

    let private evaluate (coefficients: float[]) (s: Tensor) =
        // The constant term of each is zero; the first, σ itself, needs nothing done.
        match List.rev (List.ofArray coefficients[1..]) with
        | [ _ ] -> s
        | highest :: others -> (s * highest, others) ||> List.fold (fun total c -> total.add_(c.ToScalar()).mul_ s)
        | [] -> invalidArg (nameof coefficients) "at least two coefficients"

    /// The basis with silu as its only function: silu⁽ⁿ⁾ = x σ⁽ⁿ⁾ + n σ⁽ⁿ⁻¹⁾.
    let basis: Basis =
        {
            Count = 1
            Derivatives =
                fun orders x ->
                    let s = torch.sigmoid x
                    let sigmoid = Array.init (List.max orders + 1) (fun n -> lazy evaluate (sigmoidDerivative n) s)

                    orders
                    |> List.map (fun n ->
                        let leading = x * sigmoid[n].Value

                        (if n = 0 then leading else leading.add_ (sigmoid[n - 1].Value, (float n).ToScalar()))
                            .unsqueeze
                            -1L)
        }
