// The layer that KAN and MetaKAN share: y_j = Σ_i Σ_m c_imj b_m(x_i), for coefficients from any source.
// Liu et al., "KAN" (arXiv 2404.19756), equation 2.5; the spline and the base function are one basis here.
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module internal Edges =
    /// What the edges of one layer are made of: a basis of M functions, the last of which is silu.
    let basis (place: Placement) (gridSize: int) (order: int) : Basis =
        Basis.append (BSpline.basis place order [| Knots.uniform gridSize order (-1.0, 1.0) |]) Silu.basis

    let private flat (features: Tensor) = features.flatten (1L, 2L)

    /// The layer's value for coefficients [in, M, out].
    let apply (basis: Basis) (coefficients: Tensor) (x: Tensor) : Tensor =
        let features = Basis.features basis 0 0 x
        torch.matmul (flat features[0], coefficients.flatten (0L, 1L))

    // Slopes φ'_ij(x_i) of the edges that leave the inputs in `f'` [N, in, M]: [N, in, out].
    let private slopes (f': Tensor) (coefficients: Tensor) =
        torch.bmm(f'.transpose (0L, 1L), coefficients).transpose (0L, 1L)

    /// The layer's jet. Second derivatives take one matrix product over the features B'·S + B''·q; tangents along
    /// unit directions are single rows of the slopes.
    let jet (basis: Basis) (coefficients: Tensor) (x: Jet) : Jet =
        let f = Basis.features basis 0 2 x.Value
        let matrix = coefficients.flatten (0L, 1L)
        let curvature = f[1] * x.Second.unsqueeze -1L + f[2] * (Jet.squares x).unsqueeze -1L

        let tangents =
            match x.Tangents with
            | Coordinates indices -> slopes (f[1].index_select (1L, indices)) (coefficients.index_select (0L, indices))
            | Dense t -> torch.bmm (t, slopes f[1] coefficients)

        { x with
            Value = torch.matmul (flat f[0], matrix)
            Tangents = Dense tangents
            Second = torch.matmul (flat curvature, matrix) }

    /// Numbers that one point keeps alive in one layer: features, slopes, tangents, and their gradients.
    let numbersPerPoint (functions: int) (directions: int) (inputs: int, outputs: int) : int64 =
        10L * int64 inputs * int64 functions
        + 2L * int64 inputs * int64 outputs
        + 4L * int64 directions * int64 outputs
