namespace MetaKan

open TorchSharp

/// The multilayer perceptron with tanh between its layers: the usual network of physics-informed learning.
/// Raissi, Perdikaris, Karniadakis (2019).
[<RequireQualifiedAccess>]
module Mlp =
    /// Layers x Wᵀ + b of the given widths, tanh after each but the last. Parameters "layers.l.weight" [out, in] and
    /// "layers.l.bias" [out], both uniform on ±1/√in.
    let create (widths: int list) : Model =
        let shapes = Model.shapes widths
        let last = shapes.Length - 1

        let init key place =
            [
                for l, (inputs, outputs) in List.indexed shapes do
                    let uniform index shape =
                        (Key.uniform (Key.fold (2 * l + index) key) place shape * 2.0 - 1.0) / sqrt (float inputs)

                    $"layers.{l}.weight", uniform 0 [ int64 outputs; int64 inputs ]
                    $"layers.{l}.bias", uniform 1 [ int64 outputs ]
            ]
            |> Map.ofList

        let layers (activation: 'a -> 'a) (affine: Tensor -> Tensor -> 'a -> 'a) (p: Params) =
            [
                for l in 0..last do
                    affine (p[$"layers.{l}.weight"].t()) p[$"layers.{l}.bias"]

                    if l < last then
                        activation
            ]
            |> Model.compose

        let traced (p: Params) (x: Jet) =
            (Traced.ofJet x, [ 0..last ])
            ||> List.fold (fun before l ->
                let weight, bias = $"layers.{l}.weight", $"layers.{l}.bias"

                before
                |> Traced.layer (Jet.affine (p[weight].t()) p[bias]) [ weight; bias ] (Traced.affine weight bias)
                |> if l < last then Traced.map Jet.tanh else id)

        {
            Name = "mlp"
            Description = $"MLP {Model.describeWidths widths}"
            Init = init
            Apply = layers torch.tanh (fun w b x -> Tensor.product x w + b)
            Jet = layers Jet.tanh Jet.affine
            Traced = traced
            Group = fun _ -> ParameterGroup.Weights
            NumbersPerPoint =
                fun directions order -> shapes |> List.sumBy (snd >> Model.numbersOfFunction directions order)
            Derived = None
            Edges = []
        }
        |> Model.taking widths.Head
