namespace MetaKan

open TorchSharp

/// Gram's polynomials with learned coefficients, the functions of KAGN's edges: Gₙ₊₁ = t Gₙ - βₙ Gₙ₋₁.
/// Drokin, "Kolmogorov-Arnold Convolutions: Design Principles and Empirical Studies" (arXiv 2407.01092), section 3.
[<RequireQualifiedAccess>]
module Gram =
    // βₙ of Gₙ₊₁ for one learned number wₙ: (2n+1) n² (4n²-1) / (n+1)² · wₙ.
    let private factor (n: int) =
        let n = float n
        (2.0 * n + 1.0) * n * n * (4.0 * n * n - 1.0) / ((n + 1.0) * (n + 1.0))

    /// G₀ … G_degree at t, for learned numbers w [degree + 1], of which w₁ … w_{degree-1} take part.
    let polynomials (degree: int) (w: Tensor) (t: Tensor) : Tensor list =
        ([ t; torch.ones_like t ], [ 1 .. degree - 1 ])
        ||> List.fold (fun found n -> (t * found[0] - w.select (0L, int64 n) * factor n * found[1]) :: found)
        |> List.rev
        |> List.truncate (degree + 1)

    /// silu(G₀(t)) … silu(G_degree(t)) and silu(x) [N, in, degree + 2] at t and x [N, in], by `Features.ofRuns`;
    /// differentiable by all once.
    let features (degree: int) (w: Tensor) (t: Tensor) (x: Tensor) : Tensor =
        let functions = int64 (degree + 2)

        let rule =
            Rows.ofFunction
                (fun rows -> rows[0].size(1) * functions)
                (fun rows _ -> [| functions; rows[0].size(1) |])
                (fun rows shared ->
                    polynomials degree shared[0] rows[0] @ [ rows[1] ]
                    |> List.map (fun g -> torch.nn.functional.silu g)
                    |> fun all -> torch.stack (all, 1L))

        Rows.apply rule [ t; x ] [ w ] |> Features.ofRuns
