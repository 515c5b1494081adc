namespace MetaKan

open TorchSharp

/// The Kolmogorov–Arnold network in its efficient form: φ(x) = w_b·silu(x) + s·Σ_m c_m B_m(x) on every edge.
/// Liu et al., "KAN" (arXiv 2404.19756), section 2.
[<RequireQualifiedAccess>]
module Kan =
    // [in, M, out] from the stored out-major parameters.
    let private coefficients (p: Params) (layer: int) : Tensor =
        (Params.under $"layers.{layer}" p |> SplineEdges.coefficients).permute(1L, 2L, 0L) |> _.contiguous()

    /// A KAN of the given widths. Parameters "layers.l.base_weight" [out, in], "layers.l.spline_weight"
    /// [out, in, G+k] and "layers.l.spline_scaler" [out, in].
    let create (grid: Grid) (widths: int list) : Model =
        let shapes = Model.shapes widths

        let init key place =
            [
                for l, (inputs, outputs) in List.indexed shapes do
                    SplineEdges.init grid [ outputs; inputs ] (fun n -> Key.fold (3 * l + n) key) place
                    |> Params.prefixed $"layers.{l}"
            ]
            |> Params.union

        let generated = Edges.generated grid shapes.Length (fun p -> coefficients p >> Whole)

        let pullback (p: Params) (g: Params) =
            [
                for KeyValue(layer, g) in g do
                    // From [N, in, M, out].
                    SplineEdges.pullback (Params.under layer p) (g.permute (0L, 3L, 1L, 2L)) |> Params.prefixed layer
            ]
            |> Params.union

        let edges, numbersPerPoint = Edges.traced grid shapes.Length, Edges.numbersPerPoint grid

        let traced (p: Params) (x: Jet) =
            edges (generated.Weights p) x |> Traced.pullback (fun layer -> Params.namesUnder layer p) pullback p

        {
            Name = "kan"
            Description = $"KAN {Model.describeWidths widths}, {Grid.describe grid}"
            Init = init
            Apply = generated.Weights >> generated.Apply
            Jet = generated.Weights >> generated.Jet
            Traced = traced
            Group = fun _ -> ParameterGroup.Weights
            NumbersPerPoint = fun v order -> shapes |> List.sumBy (numbersPerPoint v order)
            Derived = Some generated
            Edges = Edges.functions grid shapes.Length (fun p -> coefficients p >> Whole)
        }
        |> Model.taking widths.Head
