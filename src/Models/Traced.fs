// Gradients of every point by itself: a layer that is linear in its weights has them as products of what goes in with what
// comes back, so that one backward pass serves all points.
// Goodfellow, "Efficient Per-Example Gradient Computations" (arXiv 1510.01799), over the rows of a jet.
namespace MetaKan

open TorchSharp

/// A network's jet, with what gives the gradient of each point by the parameters.
type Traced =
    {
        Output: Jet
        /// The tensors of the jet's making whose cotangents are asked for.
        Nodes: Tensor list
        /// From the cotangents of the nodes, each like it, the gradients by the parameters, a row for each point: [N, …].
        Gradients: Tensor list -> Params
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
    let ofJet (x: Jet) : Traced = { Output = x; Nodes = []; Gradients = fun _ -> Map.empty }

    /// A layer after what there is: `run` is its jet, `gradients` gives those of its parameters from the input's jet and the
    /// cotangents of the output's rows [N, R, n].
    let layer (run: Jet -> Jet) (gradients: Jet -> Tensor -> Params) (before: Traced) : Traced =
        let input = spread before.Output
        let output = run input
        let own = nodes output
        let count = before.Nodes.Length

        {
            Output = output
            Nodes = before.Nodes @ own
            Gradients =
                fun cotangents ->
                    let earlier, mine = List.splitAt count cotangents
                    Params.union [ before.Gradients earlier; gradients input (cotangentRows mine) ]
        }

    /// An elementwise or other function without parameters after what there is.
    let map (f: Jet -> Jet) (before: Traced) : Traced = { before with Output = f before.Output }

    /// The gradients by other parameters p, of which those so far are functions: `pullback` takes p, detached, and rows
    /// [N, …] to rows.
    let pullback (pullback: Params -> Params -> Params) (p: Params) (traced: Traced) : Traced =
        let still = p |> Map.map (fun _ t -> t.detach ())
        { traced with Gradients = traced.Gradients >> pullback still }

    /// The gradients of several by the cotangents of all their nodes, one after the other.
    let gradientsOfEach (traces: Traced list) (cotangents: Tensor list) : Params list =
        List.mapFold
            (fun left trace ->
                let mine, left = List.splitAt trace.Nodes.Length left
                trace.Gradients mine, left)
            cotangents
            traces
        |> fst

    /// Networks side by side, each with the name that its parameters are below.
    let beside (networks: (string * Traced) list) : Traced =
        let names, traces = List.unzip networks

        {
            Output = traces |> List.map _.Output |> Jet.concat
            Nodes = traces |> List.collect _.Nodes
            Gradients = gradientsOfEach traces >> List.map2 Params.prefixed names >> Params.union
        }

    /// The gradients [N, out, in] and [N, out] of an affine layer y = x Wᵀ + b, from input and cotangents of the rows.
    let affine (weight: string) (bias: string) (input: Jet) (cotangents: Tensor) : Params =
        Map
            [
                weight, torch.bmm (cotangents.transpose (1L, 2L), (rows input).detach())
                bias, cotangents.select (1L, 0L)
            ]
