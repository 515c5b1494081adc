namespace MetaKan.Pdes

open MetaKan

/// The Allen–Cahn equation  Δu + u - u³ = f  in the unit ball, u = 0 on its surface, with f from the solution.
[<RequireQualifiedAccess>]
module AllenCahn =
    /// f = Δu* + u* - u*³ [N, 1].
    let source (solution: BallSolution) (x: Tensor) : Tensor =
        let u, laplacian = BallSolution.both solution x
        laplacian + u - u * u * u

    /// The problem for a solution.
    let problem (solution: BallSolution) : Problem =
        BallSolution.problem "allen-cahn" solution (fun u laplacian -> laplacian + u - u ** 3.0) (source solution)
