// A model is a value that holds pure functions of its parameters.
namespace MetaKan

open TorchSharp

/// Which learning rate a parameter follows.
[<RequireQualifiedAccess>]
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
        /// The network's jet with what gives the gradient of each point by the parameters; for tracked parameters.
        Traced: Params -> Jet -> Traced
        /// The group of a parameter, by name.
        Group: string -> ParameterGroup
        /// Numbers that one point keeps alive in a training step with so many directions and derivatives to such an order:
        /// what chunks are sized by.
        NumbersPerPoint: int -> int -> int64
        /// For a model that computes its weights from its parameters: how, so that it is done once for many points.
        Derived: DerivedWeights option
        /// The functions φ_ij that a KAN has on its edges, layer by layer: their values [T, in, out] at numbers t [T], from the
        /// parameters. Splines are on [-1, 1]. None of other networks.
        Edges: (Params -> Tensor -> Tensor) list
    }

/// A model in two steps: weights from parameters, then value and jet from the weights.
and DerivedWeights =
    {
        /// The weights, differentiable by the parameters.
        Weights: Params -> Params
        /// `Model.Apply`, of the weights in the parameters' place.
        Apply: Params -> Tensor -> Tensor
        /// `Model.Jet`, of the weights in the parameters' place.
        Jet: Params -> Jet -> Jet
    }

/// What goes for models of every kind: generated weights, and gradients of losses.
[<RequireQualifiedAccess>]
module Model =
    /// The layers' (inputs, outputs) for widths such as [10; 128; 128; 1].
    let internal shapes (widths: int list) =
        if widths.Length < 2 || List.exists (fun width -> width < 1) widths then
            invalidArg (nameof widths) $"a network takes two widths or more, from 1 up, not {widths}"

        List.pairwise widths

    /// "10-128-128-1".
    let internal describeWidths (widths: int list) = widths |> List.map string |> String.concat "-"

    /// The weights that a model makes of its parameters, with the model of which they are the parameters; the model and
    /// its parameters themselves where it makes none.
    let generate (model: Model) (p: Params) : Model * Params =
        match model.Derived with
        | Some generated ->
            { model with Apply = generated.Apply; Jet = generated.Jet; Derived = None }, generated.Weights p
        | None -> model, p

    /// The sum of several losses and its gradient. Weights are generated once and the losses taken by `Workers`, so a
    /// loss sees a network and its parameters in the model's place. In a job of MPI each process takes some of the losses,
    /// which are the same for all, and has the sums of all.
    let gradient (model: Model) (p: Params) (losses: (Model -> Params -> Tensor) list) : Tensor * Params =
        // What weights were generated, and gradients by them, are freed before the optimizer's step.
        let own losses () =
            let tracked = Params.tracked p
            let network, weights = generate model tracked

            let loss, byWeights =
                losses
                |> Workers.gradient (Seq.head p.Values).device (fun lossOf ->
                    Params.withGradient (lossOf network) weights)

            loss, (if model.Derived.IsSome then Params.pullback weights byWeights tracked else byWeights)

        let results (loss: Tensor, g: Params) = Seq.append [ loss ] (Params.tensors g)
        Ranks.gradient p (own >> Tensor.scoped results) losses

    /// Numbers that one point keeps alive in an elementwise function of a jet of so many components: the jet, the function's,
    /// and their gradients.
    let internal numbersOfFunction (directions: int) (order: int) (components: int) : int64 =
        6L * (int64 directions * int64 order + 4L) * int64 components

    /// The model of a function of its inputs, which is given on points and on jets.
    let internal before (onPoints: Tensor -> Tensor) (onJets: Jet -> Jet) (model: Model) : Model =
        { model with
            Apply = fun p -> onPoints >> model.Apply p
            Jet = fun p -> onJets >> model.Jet p
            Traced = fun p -> onJets >> model.Traced p
            Derived =
                model.Derived
                |> Option.map (fun generated ->
                    { generated with
                        Apply = fun p -> onPoints >> generated.Apply p
                        Jet = fun p -> onJets >> generated.Jet p
                    })
        }

    /// The model that refuses, by ArgumentException, inputs other than rows of so many numbers, and jets that are not one.
    let internal taking (inputs: int) (model: Model) : Model =
        let refuse (what: string) (t: Tensor) wanted : unit =
            invalidArg "x" $"{model.Description} takes {what} {wanted}, not {List.ofArray (Tensor.shape t)}"

        let row (x: Tensor) =
            if x.ndim <> 2L || x.size 1 <> inputs then
                refuse "points" x $"[N, {inputs}]"

            x

        let jet (x: Jet) =
            let n = (row x.Value).size 0

            if x.Second.ndim <> 2L || x.Second.size 0 <> n || x.Second.size 1 <> inputs then
                refuse "second derivatives" x.Second $"[{n}, {inputs}]"

            let lines = x.Weights.numel ()

            match x.Tangents with
            | Dense t when t.ndim <> 3L || (t.size 0 <> n && t.size 0 <> 1L) || t.size 1 <> lines || t.size 2 <> inputs ->
                refuse "tangents" t $"[{n} or 1, {lines}, {inputs}]"
            | Coordinates t when t.numel () <> lines -> refuse "coordinates" t $"[{lines}]"
            | _ -> ()

            for t in x.Higher do
                if t.ndim <> 3L || (t.size 0 <> n && t.size 0 <> 1L) || t.size 1 <> lines || t.size 2 <> inputs then
                    refuse "higher derivatives" t $"[{n} or 1, {lines}, {inputs}]"

            x

        before row jet model

    /// Composes one function per layer: layer 0 first.
    let internal compose (layers: ('a -> 'a) list) : 'a -> 'a = List.fold (>>) id layers
