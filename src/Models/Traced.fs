// Gradients of every point by itself: a layer that is linear in its weights has them as products of what goes in with what
// comes back, so that one backward pass serves all points.
// Goodfellow, "Efficient Per-Example Gradient Computations" (arXiv 1510.01799), over the rows of a jet.
namespace MetaKan

open TorchSharp

/// A layer of a network at some points, by which each point's gradient comes from the cotangents there.
type TracedLayer =
    {
        /// The parameters that it reads.
        Names: string list
        /// The tensors of the jet's making whose cotangents are asked for.
        Nodes: Tensor list
        /// From the cotangents of the nodes, each like it, its share of the gradients by those parameters, a row for each
        /// point: [N, …]. The shares of layers that read the same parameter add up.
        Gradients: Tensor list -> Params
    }

/// A network's jet, with the layers that give the gradient of each point by the parameters.
type Traced =
    {
        /// The network's jet.
        Output: Jet
        /// The layers that have parameters, from the first to the last.
        Layers: TracedLayer list
    }

[<RequireQualifiedAccess>]
module internal Traced =
    /// Value, Σ w_v D_v² and the derivatives along every direction as rows [N, R, n].
    let rows (x: Jet) : Tensor =
        let n = x.Value.size 0
        let along (t: Tensor) = t.expand (n, -1L, -1L)

        torch.cat (
            [|
                x.Value.unsqueeze 1L
                x.Second.unsqueeze 1L
                along (Jet.tangents x)
                for t in x.Higher do
                    along t
            |],
            1L
        )

    let private nodes (y: Jet) : Tensor list = y.Value :: y.Second :: Jet.tangents y :: y.Higher

    let private cotangentRows (cotangents: Tensor list) : Tensor =
        match cotangents with
        | value :: second :: along -> torch.cat ([| value.unsqueeze 1L; second.unsqueeze 1L; yield! along |], 1L)
        | _ -> invalidArg (nameof cotangents) "a jet has a value and second derivatives"

    // With derivatives of its own for every point, even where all points share them.
    let private spread (x: Jet) : Jet =
        let n = x.Value.size 0

        match x.Tangents with
        | Dense t when t.size 0 <> n -> { x with Tangents = Dense(t.expand (n, -1L, -1L)) }
        | _ -> x

    /// A jet that depends on no parameter.
    let ofJet (x: Jet) : Traced = { Output = x; Layers = [] }

    /// A layer after what there is: `run` is its jet, `gradients` gives those of its parameters, of these names, from the
    /// input's jet and the cotangents of the output's rows [N, R, n].
    let layer (run: Jet -> Jet) (names: string list) (gradients: Jet -> Tensor -> Params) (before: Traced) : Traced =
        let input = spread before.Output
        let output = run input
        let own = { Names = names; Nodes = nodes output; Gradients = cotangentRows >> gradients input }
        { Output = output; Layers = before.Layers @ [ own ] }

    /// An elementwise or other function without parameters after what there is.
    let map (f: Jet -> Jet) (before: Traced) : Traced = { before with Output = f before.Output }

    /// The gradients by other parameters p, of which those so far are functions: `names` tells those that one so far is made
    /// of, `pullback` takes p, detached, and a layer's rows [N, …] to rows.
    let pullback
        (names: string -> string list)
        (pullback: Params -> Params -> Params)
        (p: Params)
        (traced: Traced)
        : Traced =
        let still = p |> Map.map (fun _ t -> t.detach ())

        { traced with
            Layers =
                [
                    for layer in traced.Layers ->
                        { layer with
                            Names = layer.Names |> List.collect names
                            Gradients = layer.Gradients >> pullback still
                        }
                ]
        }

    /// The nodes of the layers that read parameters of these names, and what takes their cotangents to each layer's share of
    /// the gradients by these.
    let gradients (names: Set<string>) (traces: Traced list) : Tensor list * (Tensor list -> Params list) =
        let layers =
            traces
            |> List.collect _.Layers
            |> List.filter (fun layer -> layer.Names |> List.exists names.Contains)

        layers |> List.collect _.Nodes,
        fun cotangents ->
            (cotangents, layers)
            ||> List.mapFold (fun left layer ->
                let mine, left = List.splitAt layer.Nodes.Length left
                layer.Gradients mine |> Map.filter (fun name _ -> names.Contains name), left)
            |> fst

    /// Networks side by side, each with the name that its parameters are below.
    let beside (networks: (string * Traced) list) : Traced =
        {
            Output = networks |> List.map (fun (_, trace) -> trace.Output) |> Jet.concat
            Layers =
                [
                    for name, trace in networks do
                        for layer in trace.Layers do
                            { layer with
                                Names = layer.Names |> List.map (fun own -> $"{name}.{own}")
                                Gradients = layer.Gradients >> Params.prefixed name
                            }
                ]
        }

    /// The gradients [N, out, in] and [N, out] of an affine layer y = x Wᵀ + b, from input and cotangents of the rows.
    let affine (weight: string) (bias: string) (input: Jet) (cotangents: Tensor) : Params =
        Map
            [
                weight, torch.bmm (cotangents.transpose (1L, 2L), (rows input).detach())
                bias, cotangents.select (1L, 0L)
            ]
