namespace MetaKan.Pdes

open MetaKan

/// Poisson's equation  Δu = f  in the unit ball, u = 0 on its surface, with f from the two-body solution.
[<RequireQualifiedAccess>]
module Poisson =
    /// f = Δu* [N, 1].
    let source (body: TwoBody) (x: Tensor) : Tensor = TwoBody.laplacian body x

    /// The problem for a two-body solution.
    let problem (body: TwoBody) : Problem = TwoBody.problem "poisson" body (fun _ laplacian -> laplacian) (source body)
