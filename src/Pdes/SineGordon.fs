namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The elliptic sine-Gordon equation  Δu + sin u = f  in the unit ball, u = 0 on its surface, with f from the two-body
/// solution. Hu et al., SDGD (arXiv 2307.12306), section 5.1.
[<RequireQualifiedAccess>]
module SineGordon =
    /// f = Δu* + sin u* [N, 1].
    let source (body: TwoBody) (x: Tensor) : Tensor = TwoBody.laplacian body x + torch.sin (TwoBody.solution body x)

    /// The problem for a two-body solution.
    let problem (body: TwoBody) : Problem =
        TwoBody.problem "sine-gordon" body (fun u laplacian -> laplacian + sin u) (source body)
