// The penalty that makes a KAN sparse: the size of its edges and the entropy of how it is shared among them.
// Liu et al., "KAN" (arXiv 2404.19756), equations 2.17-2.20; sizes and weights as in pykan.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// λ (Σ sizes + entropyWeight · Σ entropies), the term that is added to the loss.
type Sparsity =
    {
        /// λ; 0 for no penalty.
        Weight: float
        /// The entropies' weight against sizes, in pykan 2.
        EntropyWeight: float
    }

/// The penalty that makes a KAN sparse. Liu et al., "KAN" (arXiv 2404.19756), equations 2.17-2.20.
[<RequireQualifiedAccess>]
module Sparsity =
    /// No penalty: its weight is 0.
    let none = { Weight = 0.0; EntropyWeight = 2.0 }

    // Of a share that is a matrix's row (dimension 1) or column (dimension 0), the mean over rows or columns.
    let private entropy (dimension: int64) (sizes: Tensor) =
        let share = sizes / (sizes.sum (dimension, keepdim = true) + 1.0)
        -(share * torch.log2 (share + 1e-4)).sum(dimension).mean()

    /// The penalty of a trace. The size of an edge is the standard deviation of its spline over that of its input + 0.1.
    let penalty (sparsity: Sparsity) (trace: Trace) : Tensor =
        List.zip trace.Splines trace.Nodes[.. trace.Splines.Length - 1]
        |> List.map (fun (splines, nodes) ->
            let sizes = Trace.spread splines / (Trace.spread nodes + 0.1).unsqueeze(-1L)
            sizes.sum () + sparsity.EntropyWeight * (entropy 0L sizes + entropy 1L sizes))
        |> List.reduce (fun a b -> a + b)
        |> fun total -> total * sparsity.Weight
