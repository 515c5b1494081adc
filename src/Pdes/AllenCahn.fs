namespace MetaKan.Pdes

open MetaKan

/// The Allen–Cahn equation  Δu + u - u³ = f  in the unit ball, u = 0 on its surface, with f from the two-body solution.
[<RequireQualifiedAccess>]
module AllenCahn =
    /// f = Δu* + u* - u*³ [N, 1].
    let source (body: TwoBody) (x: Tensor) : Tensor =
        let u = TwoBody.solution body x
        TwoBody.laplacian body x + u - u * u * u

    /// The problem for a two-body solution.
    let problem (body: TwoBody) : Problem =
        TwoBody.problem "allen-cahn" body (fun u laplacian -> laplacian + u - u ** 3.0) (source body)
