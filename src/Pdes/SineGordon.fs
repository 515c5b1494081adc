namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The elliptic sine-Gordon equation  Δu + sin u = f  in the unit ball, u = 0 on its surface, with f from the solution.
/// Hu et al., SDGD (arXiv 2307.12306), section 5.1.
[<RequireQualifiedAccess>]
module SineGordon =
    /// f = Δu* + sin u* [N, 1].
    let source (solution: BallSolution) (x: Tensor) : Tensor =
        let u, laplacian = BallSolution.both solution x
        laplacian + torch.sin u

    /// The problem for a solution.
    let problem (solution: BallSolution) : Problem =
        BallSolution.problem "sine-gordon" solution (fun u laplacian -> laplacian + sin u) (source solution)
