namespace MetaKan.Pdes

open MetaKan

/// Poisson's equation  Δu = f  in the unit ball, u = 0 on its surface, with f from the solution.
[<RequireQualifiedAccess>]
module Poisson =
    /// f = Δu* [N, 1].
    let source (solution: BallSolution) (x: Tensor) : Tensor = BallSolution.laplacian solution x

    /// The problem for a solution.
    let problem (solution: BallSolution) : Problem =
        BallSolution.problem "poisson" solution (fun _ laplacian -> laplacian) (source solution)
