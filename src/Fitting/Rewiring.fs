// Other structures for a network with the values that it has.
// Liu et al., "KAN 2.0" (arXiv 2408.10205), section 3.3, widens networks so; pykan swaps nodes.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// Changes of a network's hidden nodes that leave its values as they are.
[<RequireQualifiedAccess>]
module Rewiring =
    let private hidden (layer: int) (net: Network) : Nodes =
        if layer < 1 || layer >= Network.depth net then
            invalidArg (nameof layer) $"hidden layers are those from 1 to {Network.depth net - 1}, not {layer}"

        net.Nodes[layer]

    /// Exchanges two nodes of a hidden layer, the first of which is 1, with all their edges. Raises ArgumentException for another
    /// layer, for nodes that are not there, and for one that adds and one that multiplies: these stand behind those.
    let swap (layer: int) (one: int) (other: int) (fitted: Fitted) : Fitted =
        let net = fitted.Network
        let nodes = hidden layer net

        for node in [ one; other ] do
            if node < 0 || node >= Nodes.count nodes then
                invalidArg
                    (nameof other)
                    $"nodes of layer {layer} are those from 0 to {Nodes.count nodes - 1}, not {node}"

        if (one < nodes.Sums) <> (other < nodes.Sums) then
            invalidArg (nameof other) $"of {one} and {other} one adds and one multiplies: they keep their places"

        let exchanged node =
            if node = one then other
            elif node = other then one
            else node

        let order =
            net.Nodes
            |> List.mapi (fun l nodes ->
                [ for n in 0 .. Nodes.count nodes - 1 -> if l = layer then exchanged n else n ])

        Pruning.keep order fitted

    // Numbers put where so many new rows, or columns, of a tensor leave room for the old ones.
    let private put (dimension: int64) (places: int list) (old: Tensor) (wide: Tensor) : Tensor =
        let places = torch.tensor (places |> List.map int64 |> List.toArray, device = old.device)
        wide.index_copy (dimension, places, old)

    /// Adds nodes that add to a hidden layer, the first of which is 1, behind those that it has. All their edges are splines: those
    /// that come in start as `Network.init` has them, with a noise of the given height, so that the nodes differ; those that go out
    /// are 0. Raises ArgumentException for another layer, for fewer nodes than 1, and for generated coefficients, of which an edge
    /// has none of its own.
    let widen (layer: int) (count: int) (noise: float) (key: Key) (fitted: Fitted) : Fitted =
        let net, p = fitted.Network, fitted.Params
        let nodes = hidden layer net

        if count < 1 then
            invalidArg (nameof count) $"a layer takes 1 node more or several, not {count}"

        if net.Source <> CoefficientSource.Stored then
            invalidArg (nameof fitted) "nodes are added to networks with stored coefficients"

        // Those that multiply move back.
        let moved place = if place < nodes.Sums then place else place + count
        let places all = List.init all moved
        let entering, leaving = places (Nodes.ends nodes), places (Nodes.count nodes)
        let isNew place = place >= nodes.Sums && place < nodes.Sums + count

        let masked l (mask: float[,]) =
            let rows, columns = Array2D.length1 mask, Array2D.length2 mask
            let back place = if place < nodes.Sums then place else place - count

            if l = layer - 1 then
                Array2D.init rows (columns + count) (fun i j -> if isNew j then 1.0 else mask[i, back j])
            elif l = layer then
                Array2D.init (rows + count) columns (fun i j -> if isNew i then 1.0 else mask[back i, j])
            else
                mask

        let edge (e: Edge) =
            if e.Layer = layer - 1 then { e with To = moved e.To }
            elif e.Layer = layer then { e with From = moved e.From }
            else e

        let wide =
            { net with
                Nodes = net.Nodes |> List.mapi (fun l n -> if l = layer then { n with Sums = n.Sums + count } else n)
                Masks = List.mapi masked net.Masks
                Knots =
                    net.Knots
                    |> List.mapi (fun l knots ->
                        if l = layer then
                            let added = Knots.uniform (Network.gridSize net) net.Order (-1.0, 1.0)
                            Array.insertManyAt nodes.Sums (Array.create count added) knots
                        else
                            knots)
                Symbols = net.Symbols |> Map.toSeq |> Seq.map (fun (e, name) -> edge e, name) |> Map.ofSeq
            }

        let fresh = Network.init noise wide key (Placement.ofTensor (Seq.head p.Values))

        {
            Network = wide
            Params =
                Map
                    [
                        for KeyValue(name, old) in p do
                            match name.Split '.' with
                            | [| "layers"; l; kind |] when int l = layer - 1 ->
                                name, put (if kind = "coef" then 2L else 1L) entering old fresh[name]
                            | [| "layers"; l; kind |] when int l = layer ->
                                let start = if kind = "scale_sp" then fresh[name] else torch.zeros_like fresh[name]
                                name, put 0L leaving old start
                            | [| "symbols"; _; _; _ |] -> ()
                            | _ -> name, old

                        for e in net.Symbols.Keys do
                            Network.symbolName (edge e), p[Network.symbolName e]
                    ]
        }
