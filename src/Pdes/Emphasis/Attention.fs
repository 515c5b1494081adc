// Weights of points, which grow where residuals stay large: residual-based attention.
// Anagnostopoulos, Toscano, Stergiopulos, Karniadakis, CMAME 421 (2024) (arXiv 2307.00379), equation 5.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Attention =
    let private decay, private rate = 0.999, 0.01

    /// The weights before the first step, [N, equations] like residuals: zero, as in the authors' code.
    let start (place: Placement) (points: int) (equations: int) : Tensor =
        Tensor.ofArray place [ int64 points; int64 equations ] (Array.zeroCreate (points * equations))

    /// λ ← 0.999 λ + 0.01 |r|/max |r| for weights and residuals [N, equations], the largest of each equation by itself: the
    /// weights stay below 10.
    let update (weights: Tensor) (residuals: Tensor) : Tensor =
        let size = residuals.abs ()
        let largest = size.amax ([| 0L |], keepdim = true)
        // Residuals that all vanish add nothing.
        let share = size / torch.where (largest.eq (0.0.ToScalar()), torch.ones_like largest, largest)
        decay * weights + rate * share
