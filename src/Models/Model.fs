// A model is a value that holds pure functions of its parameters.
namespace MetaKan

open TorchSharp

/// Which learning rate a parameter follows.
type ParameterGroup =
    /// MetaKAN's edge embeddings.
    | Embeddings
    /// MetaKAN's coefficient generators.
    | Generators
    /// Everything else.
    | Weights

/// A network from rows [N, inputs] to rows [N, outputs].
type Model =
    {
        /// The family: "mlp", "kan", "metakan".
        Name: string
        /// A description in one line, e.g. "MetaKAN 10-128-128-128-1, G = 5, k = 3".
        Description: string
        /// Fresh parameters; the same key gives the same numbers.
        Init: Key -> Placement -> Params
        /// The network's value [N, outputs] at x [N, inputs]; differentiable by both to any order.
        Apply: Params -> Tensor -> Tensor
        /// The network's jet from the jet of its inputs; differentiable by the parameters once.
        Jet: Params -> Jet -> Jet
        /// The group of a parameter, by name.
        Group: string -> ParameterGroup
        /// Numbers that one point keeps alive in a training step with this many directions: what chunks are sized by.
        NumbersPerPoint: int -> int64
        /// For a model that computes its weights from its parameters: how, so that it is done once for many points.
        Generated: Generated option
    }

/// A model in two steps: weights from parameters, then value and jet from the weights.
and Generated = { Weights: Params -> Params; Apply: Params -> Tensor -> Tensor; Jet: Params -> Jet -> Jet }

[<RequireQualifiedAccess>]
module Model =
    /// The layers' (inputs, outputs) for widths such as [10; 128; 128; 1].
    let internal shapes (widths: int list) = List.pairwise widths

    /// "10-128-128-1".
    let internal describeWidths (widths: int list) = widths |> List.map string |> String.concat "-"

    /// The weights that a model makes of its parameters, with the model of which they are the parameters; the model and
    /// its parameters themselves where it makes none.
    let generate (model: Model) (p: Params) : Model * Params =
        match model.Generated with
        | Some generated ->
            { model with Apply = generated.Apply; Jet = generated.Jet; Generated = None }, generated.Weights p
        | None -> model, p

    /// The sum of several losses and its gradient. Weights are generated once and the losses taken by `Workers`, so a
    /// loss sees a network and its parameters in the model's place.
    let gradient (model: Model) (p: Params) (losses: (Model -> Params -> Tensor) list) : Tensor * Params =
        let tracked = Params.tracked p
        let network, weights = generate model tracked

        let loss, byWeights =
            losses
            |> Workers.gradient (Seq.head p.Values).device (fun lossOf -> Params.withGradient (lossOf network) weights)

        loss, (if model.Generated.IsSome then Params.pullback weights byWeights tracked else byWeights)

    /// Composes one function per layer: layer 0 first.
    let internal compose (layers: ('a -> 'a) list) : 'a -> 'a = List.fold (>>) id layers
