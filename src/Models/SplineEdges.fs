// The edges of a KAN in its efficient form, φ(x) = w_b·silu(x) + s·Σ_m c_m B_m(x): how their numbers are stored.
// Liu et al., "KAN" (arXiv 2404.19756), section 2; stored as in MetaKAN's reference code (arXiv 2506.07549).
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module internal SplineEdges =
    /// Fresh "base_weight" [out, in, taps…], "spline_weight" [out, in, taps…, G+k] and "spline_scaler" [out, in, taps…]
    /// of edges [out, in, taps…], the n-th drawn with `key n`. Of base_weight and spline_weight, the spread falls with
    /// the root of the fan-in, inputs times taps.
    let init (grid: Grid) (edges: int list) (key: int -> Key) (place: Placement) : Params =
        let functions = Grid.coefficients grid
        let shape = List.map int64 edges
        let fanIn = float (List.fold (*) 1 edges.Tail)

        [
            "base_weight", (Key.uniform (key 0) place shape * 2.0 - 1.0) / sqrt fanIn
            "spline_weight",
            Key.normal (key 1) place (shape @ [ int64 functions ]) * (0.01 / sqrt (fanIn * float functions))
            "spline_scaler", Key.normal (key 2) place shape * 0.1 + 1.0
        ]
        |> Map.ofList

    /// The coefficients [out, in, taps…, G+k+1] of the splines and of silu.
    let coefficients (p: Params) : Tensor =
        let splines = p["spline_weight"] * p["spline_scaler"].unsqueeze -1L
        torch.cat ([| splines; p["base_weight"].unsqueeze -1L |], -1L)

    /// The gradients by these numbers, a row for each point, from those by the coefficients [N, out, in, taps…, G+k+1].
    let pullback (p: Params) (g: Tensor) : Params =
        let splines = g.narrow (-1L, 0L, g.size -1 - 1L)

        Map
            [
                "base_weight", g.select (-1L, g.size -1 - 1L)
                "spline_weight", splines * p["spline_scaler"].unsqueeze -1L
                "spline_scaler", (splines * p["spline_weight"]).sum -1L
            ]
