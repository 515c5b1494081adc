namespace MetaKan.Images

open MetaKan
open TorchSharp

/// The dense layer of a KAN: y_o = Σ_i Σ_m c_moi f_m(x_i), for the functions of any family.
/// Liu et al., "KAN" (arXiv 2404.19756), equation 2.5.
[<RequireQualifiedAccess>]
module Dense =
    /// Features [N, in, M] as [N, in·M], and coefficients [M, out, in/groups, taps…] as the weights [out, in/groups·M, taps…]
    /// of an output's group of them. Of each group of inputs, the order is that in which the features lie in memory, input
    /// by input or function by function, so that a single group is a view.
    let internal flattened (groups: int) (features: Tensor) (coefficients: Tensor) : Tensor * Tensor =
        if features.is_contiguous () then
            features.flatten 1L, coefficients.movedim([| 0L |], [| 2L |]).flatten(1L, 2L)
        else
            features.transpose(1L, 2L).unflatten(2L, int64 groups, -1L).transpose(1L, 2L).flatten 1L,
            coefficients.movedim([| 0L |], [| 1L |]).flatten(1L, 2L)

    /// From rows [N, in] to rows [N, out]; edges [out, in].
    let layer (family: Family) (inputs: int) (outputs: int) : EdgeLayer =
        let edges = [ outputs; inputs ]

        {
            Edges = edges
            Numbers = family.Count
            Init = family.Init inputs
            Stored = family.Stored edges
            Coefficients = family.Coefficients
            Apply =
                fun p coefficients x ->
                    let rows, weights = flattened 1 (family.Features p x) coefficients
                    EdgeProducts.linear rows weights
        }
