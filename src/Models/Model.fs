// A model is a value that holds pure functions of its parameters.
namespace MetaKan

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
        /// One line for people, e.g. "MetaKAN 10-128-128-128-1, G = 5, k = 3".
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
    }

[<RequireQualifiedAccess>]
module Model =
    /// The layers' (inputs, outputs) for widths such as [10; 128; 128; 1].
    let internal shapes (widths: int list) = List.pairwise widths

    /// "10-128-128-1".
    let internal describeWidths (widths: int list) = widths |> List.map string |> String.concat "-"

    /// Composes one function per layer: layer 0 first.
    let internal compose (layers: ('a -> 'a) list) : 'a -> 'a = List.fold (>>) id layers
