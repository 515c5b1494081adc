// Weights of points by their time: what comes later counts once what comes before is learned.
// Wang, Sankaran, Perdikaris, CMAME 421 (2024) (arXiv 2203.07404), equation 13.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// Causal weights.
type Causal =
    {
        /// ε, how steeply weights fall with the loss before.
        Epsilon: float
        /// M, the slices of time.
        Slices: int
    }

[<RequireQualifiedAccess>]
module internal Causality =
    /// The weights w_i = exp(-ε Σ_{k<i} L_k) of points [N, 1] at times [N], from the squares of their residuals [N]: i is the
    /// slice that a time lies in, of equal slices between two times, and L_k the mean of slice k; a slice without points
    /// adds nothing. Nothing is recorded for gradients.
    let weights (causal: Causal) (start: float, finish: float) (times: Tensor) (squares: Tensor) : Tensor =
        use _ = torch.no_grad ()
        let last = (float causal.Slices - 1.0).ToScalar()

        let slice =
            ((times - start) * (float causal.Slices / (finish - start)))
                .floor()
                .clamp(0.0.ToScalar(), last)
                .``to``(torch.int64)

        // Sums by products and not by scattered additions, whose order CUDA leaves open.
        let members = torch.nn.functional.one_hot(slice, int64 causal.Slices).``to`` squares.dtype
        let losses = (members * squares.unsqueeze 1L).sum(0L) / members.sum(0L).clamp_min(1.0.ToScalar())

        let before =
            torch.cat
                [|
                    torch.zeros_like (losses.narrow (0L, 0L, 1L))
                    losses.cumsum(0L).narrow(0L, 0L, losses.size 0 - 1L)
                |]

        (members * (-causal.Epsilon * before).exp()).sum(1L, keepdim = true)
