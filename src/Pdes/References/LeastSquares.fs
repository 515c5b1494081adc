// Least squares with columns that nearly depend on each other, as those of expansions around several points do.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal LeastSquares =
    /// The x [n, 1] for which |A x - b|² + damping² |x|² is least, for A [m, n] with columns scaled to length 1. The damping
    /// keeps coefficients from growing until what their terms leave of each other is rounding errors.
    let solve (damping: float) (a: Tensor) (b: Tensor) : Tensor =
        let sizes = (a * a).sum(0L, keepdim = true).sqrt()
        let penalty = damping * torch.eye (a.size 1, dtype = torch.float64, device = torch.CPU)
        let struct (q, r) = torch.linalg.qr (torch.cat ([| a / sizes; penalty |], 0L))
        let right = Tensor.product (q.narrow(0L, 0L, a.size 0).t()) b
        torch.linalg.solve_triangular (r, right, true) / sizes.t ()
