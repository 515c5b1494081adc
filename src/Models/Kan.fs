// The Kolmogorov–Arnold network in its efficient form: φ(x) = w_b·silu(x) + s·Σ_m c_m B_m(x) on every edge.
// Liu et al., "KAN" (arXiv 2404.19756), section 2; stored as in MetaKAN's reference code (arXiv 2506.07549).
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module Kan =
    // [in, M, out] from the stored out-major parameters.
    let private coefficients (p: Params) (layer: int) : Tensor =
        let parameter name = p[$"layers.{layer}.{name}"]

        let splines = parameter "spline_weight" * (parameter "spline_scaler").unsqueeze -1L

        torch.cat([| splines; (parameter "base_weight").unsqueeze -1L |], -1L).permute(1L, 2L, 0L)
        |> _.contiguous()

    /// A KAN of the given widths. Parameters "layers.l.base_weight" [out, in], "layers.l.spline_weight"
    /// [out, in, G+k] and "layers.l.spline_scaler" [out, in].
    let create (grid: Grid) (widths: int list) : Model =
        let shapes = Model.shapes widths
        let functions = Grid.coefficients grid

        let init key place =
            [
                for l, (inputs, outputs) in List.indexed shapes do
                    let edges = [ int64 outputs; int64 inputs ]
                    let key index = Key.fold (3 * l + index) key
                    let spread = 0.01 / sqrt (float inputs * float functions)

                    $"layers.{l}.base_weight", (Key.uniform (key 0) place edges * 2.0 - 1.0) / sqrt (float inputs)
                    $"layers.{l}.spline_weight", Key.normal (key 1) place (edges @ [ int64 functions ]) * spread
                    $"layers.{l}.spline_scaler", Key.normal (key 2) place edges * 0.1 + 1.0
            ]
            |> Map.ofList

        let generated = Edges.generated grid shapes.Length coefficients

        {
            Name = "kan"
            Description = $"KAN {Model.describeWidths widths}, {Grid.describe grid}"
            Init = init
            Apply = generated.Weights >> generated.Apply
            Jet = generated.Weights >> generated.Jet
            Group = fun _ -> Weights
            NumbersPerPoint = fun v -> shapes |> List.sumBy (Edges.numbersPerPoint (functions + 1) v)
            Generated = Some generated
        }
