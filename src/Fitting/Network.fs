// KANs for interpretation: knots of their own for every input, edges that can be switched
// off or fixed to a symbolic function, and nodes that multiply.
// Liu et al., "KAN" (arXiv 2404.19756), sections 2 and 3; Liu et al., "KAN 2.0" (arXiv 2408.10205), section 3.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// The nodes of one layer: those that add what arrives, then those that multiply, with the number of factors of each.
type Nodes =
    {
        /// How many nodes add.
        Sums: int
        /// The number of factors of each node that multiplies.
        Products: int list
    }

/// Layers of nodes, and the ends of edges that arrive at them.
[<RequireQualifiedAccess>]
module Nodes =
    /// So many nodes that sum, and none that multiplies.
    let sums (count: int) : Nodes = { Sums = count; Products = [] }

    /// Nodes, each with one value.
    let count (nodes: Nodes) = nodes.Sums + nodes.Products.Length

    /// Places where edges end: one at a node that adds, one per factor at a node that multiplies.
    let ends (nodes: Nodes) = nodes.Sums + List.sum nodes.Products

    /// The end's node.
    let ofEnd (nodes: Nodes) (place: int) : int =
        if place < nodes.Sums then
            place
        else
            nodes.Products
            |> List.scan (+) nodes.Sums
            |> List.findIndexBack (fun first -> place >= first)
            |> (+) nodes.Sums

/// An edge from node `From` of layer `Layer` to end `To` of the next.
type Edge =
    {
        /// The layer that it is in, from 0.
        Layer: int
        /// The node that it comes from, from 0.
        From: int
        /// The end that it arrives at, from 0: see `Nodes.ends`.
        To: int
    }

/// Where the coefficients of splines come from.
[<RequireQualifiedAccess>]
type CoefficientSource =
    /// Parameters of their own.
    | Stored
    /// A meta-learner, as in `MetaKan`.
    | Generated of MetaLearner

/// A KAN's structure: everything but its parameters. Operations on networks return new ones.
type Network =
    {
        /// k; 3 is cubic.
        Order: int
        /// From the inputs to the outputs.
        Nodes: Nodes list
        /// By layer and input: G+2k+1 knots.
        Knots: float[][] list
        /// By layer, [from, to]: 1 where an edge has its spline, 0 where it has not.
        Masks: float[,] list
        /// Edges that are c·f(a x + b) + d, by the name of f; a, b, c, d are parameters.
        Symbols: Map<Edge, string>
        /// Where the splines' coefficients come from, in all layers.
        Source: CoefficientSource
    }

/// What a network computes on the way, at N points.
type Trace =
    {
        /// Values of the nodes of every layer [N, nodes].
        Nodes: Tensor list
        /// Splines (with the base function) along the edges of every layer [N, from, to]; zero where masked.
        Splines: Tensor list
        /// Everything along the edges, symbolic functions included.
        Edges: Tensor list
        /// What arrives at the ends [N, to].
        Ends: Tensor list
    }

/// What is read off a trace.
[<RequireQualifiedAccess>]
module Trace =
    /// The standard deviation over the points, of part of a trace [N, ...]; that of a single point is 0.
    let spread (t: Tensor) : Tensor = t.std (0L, unbiased = (t.size 0 > 1L))

/// KANs for interpretation: how they start, their values and traces.
[<RequireQualifiedAccess>]
module Network =
    /// The number of its layers of edges.
    let depth (net: Network) = net.Nodes.Length - 1

    let private shapesOf (nodes: Nodes list) =
        List.pairwise nodes |> List.map (fun (a, b) -> Nodes.count a, Nodes.ends b)

    /// (nodes, ends of the next layer) of every layer's edges.
    let shapes (net: Network) : (int * int) list = shapesOf net.Nodes

    /// G, the intervals between an input's knots inside its range.
    let gridSize (net: Network) : int =
        let knots = net.Knots.Head[0]
        knots.Length - 1 - 2 * net.Order

    /// A network on uniform knots over [-1, 1] with all its edges.
    let create (grid: Grid) (source: CoefficientSource) (nodes: Nodes list) : Network =
        let knots = Knots.uniform grid.Size grid.Order (-1.0, 1.0)
        let shapes = shapesOf nodes

        {
            Order = grid.Order
            Nodes = nodes
            Knots = shapes |> List.map (fun (inputs, _) -> Array.create inputs knots)
            Masks = shapes |> List.map (fun (inputs, ends) -> Array2D.create inputs ends 1.0)
            Symbols = Map.empty
            Source = source
        }

    /// Fresh parameters. Stored: "layers.l.coef" [from, G+k, to] for a noise of the given height, "layers.l.scale_base"
    /// [from, to] uniform on ±1/√from, "layers.l.scale_sp" [from, to] = 1/√from, as in pykan. Generated: "embeddings.l"
    /// [from·to, p] and "hypernet.g.*", as in `MetaKan`.
    let init (noise: float) (net: Network) (key: Key) (place: Placement) : Params =
        let functions = gridSize net + net.Order
        // Keys that a layer has to itself.
        let draws = 4

        match net.Source with
        | CoefficientSource.Stored ->
            [
                for l, (inputs, ends) in List.indexed (shapes net) do
                    let root = sqrt (float inputs)
                    let uniform index shape = Key.uniform (Key.fold (draws * l + index) key) place shape * 2.0 - 1.0

                    $"layers.{l}.coef",
                    uniform 0 [ int64 inputs; int64 functions; int64 ends ] * (0.5 * noise / float (gridSize net))

                    $"layers.{l}.scale_base", uniform 1 [ int64 inputs; int64 ends ] / root

                    $"layers.{l}.scale_sp",
                    torch.ones (int64 inputs, int64 ends, dtype = place.DType, device = place.Device) / root
            ]
            |> Map.ofList
        | CoefficientSource.Generated meta ->
            MetaKan.init draws meta [ for inputs, ends in shapes net -> inputs * ends, functions + 1 ] key place

    /// The network with an edge's spline on (1) or off (0).
    let internal withMask (edge: Edge) (value: float) (net: Network) : Network =
        let change (mask: float[,]) =
            mask |> Array2D.mapi (fun i j m -> if (i, j) = (edge.From, edge.To) then value else m)

        { net with
            Masks = net.Masks |> List.mapi (fun l mask -> if l = edge.Layer then change mask else mask)
        }

    /// The network with few of its edges: each node and each end keeps the one to its nearest in the layer beside, where nodes and
    /// ends each stand evenly over the same width. As pykan's `sparse_init`.
    let sparse (net: Network) : Network =
        let thinned (mask: float[,]) =
            let inputs, ends = Array2D.length1 mask, Array2D.length2 mask
            // The nearest of so many places to place i of `all`, the first of several.
            let nearest all count i =
                List.minBy (fun j -> abs ((2 * i + 1) * count - (2 * j + 1) * all)) [ 0 .. count - 1 ]

            let outgoing = Array.init inputs (nearest inputs ends)
            let incoming = Array.init ends (nearest ends inputs)
            mask |> Array2D.mapi (fun i j m -> if outgoing[i] = j || incoming[j] = i then m else 0.0)

        { net with Masks = List.map thinned net.Masks }

    let internal symbolName (edge: Edge) = $"symbols.{edge.Layer}.{edge.From}.{edge.To}"

    // What the layers that share a generator have it generate, at once for all of them.
    let private generated (meta: MetaLearner) (net: Network) (p: Params) : EdgeWeights list =
        [
            for l, ((inputs, ends), g) in List.indexed (List.zip (shapes net) (MetaKan.assignment meta (depth net))) ->
                {| Layer = l; Inputs = int64 inputs; Ends = int64 ends; Generator = g |}
        ]
        |> List.groupBy _.Generator
        |> List.collect (fun (g, layers) ->
            let embeddings = torch.cat [| for layer in layers -> p[$"embeddings.{layer.Layer}"] |]

            let all =
                (Generator.apply (Params.under $"hypernet.{g}" p) embeddings)
                    .split([| for layer in layers -> layer.Inputs * layer.Ends |], 1L)

            [
                for layer, numbers in Seq.zip layers all ->
                    let numbers = numbers.view (-1L, layer.Inputs, layer.Ends)
                    let functions = numbers.size 0 - 1L

                    layer.Layer,
                    {
                        Splines = numbers.narrow(0L, 0L, functions).transpose(0L, 1L)
                        Scale = None
                        Base = numbers.select (0L, functions)
                    }
            ])
        |> List.sortBy fst
        |> List.map snd

    /// The edges of every layer, from its nodes to the next one's ends; masks are not applied.
    let internal weights (net: Network) (p: Params) : EdgeWeights list =
        match net.Source with
        | CoefficientSource.Stored ->
            [
                for l in 0 .. depth net - 1 ->
                    {
                        Splines = p[$"layers.{l}.coef"]
                        Scale = Some p[$"layers.{l}.scale_sp"]
                        Base = p[$"layers.{l}.scale_base"]
                    }
            ]
        | CoefficientSource.Generated meta -> generated meta net p

    /// The part of a layer that does not depend on the parameters.
    type private Layer =
        {
            /// [from, to]; None where all edges have their splines.
            Mask: Tensor option
            Symbols: (Edge * SymbolicFunction) list
            Next: Nodes
        }

    // A layer's knots, once where all its inputs have the same.
    let private sequences (net: Network) (l: int) : float[][] =
        let knots = net.Knots[l]
        if Array.forall ((=) knots[0]) knots then [| knots[0] |] else knots

    /// The splines and silu on a layer's knots.
    let internal basis (place: Placement) (net: Network) (l: int) : Basis =
        EdgeBasis.create place net.Order (sequences net l)

    let private layer (place: Placement) (net: Network) (l: int) : Layer =
        let inputs, ends = (shapes net)[l]

        {
            Mask =
                let mask = net.Masks[l] |> Seq.cast<float> |> Seq.toArray

                if Array.forall ((=) 1.0) mask then
                    None
                else
                    Some(Tensor.ofArray place [ int64 inputs; int64 ends ] mask)
            Symbols =
                [
                    for KeyValue(edge, name) in net.Symbols do
                        if edge.Layer = l then
                            edge, SymbolicFunction.find name
                ]
            Next = net.Nodes[l + 1]
        }

    /// c·f(a x + b) + d with the affine parameters [a, b, c, d].
    let internal symbolic (f: SymbolicFunction) (affine: Tensor) (x: Tensor) : Tensor =
        let part i = affine.narrow (0L, i, 1L)
        part 2L * f.Value(x * part 0L + part 1L) + part 3L

    /// The columns of symbolic edges [N, edges], with the ends that they arrive at.
    let private symbols (layer: Layer) (p: Params) (x: Tensor) =
        [
            for edge, f in layer.Symbols ->
                edge, (symbolic f p[symbolName edge] (x.select (1L, int64 edge.From))).unsqueeze(1L)
        ]

    let private arrive (layer: Layer) (p: Params) (x: Tensor) (splines: Tensor) : Tensor =
        match symbols layer p x with
        | [] -> splines
        | columns ->
            let ends = columns |> List.map (fun (edge, _) -> int64 edge.To) |> List.toArray
            let index = torch.tensor (ends, dtype = torch.int64, device = x.device)
            splines.index_add (1L, index, torch.cat (columns |> List.map snd |> List.toArray, 1L), 1.0)

    /// Values of nodes [N, nodes] from what arrives at their ends.
    let private combine (nodes: Nodes) (ends: Tensor) : Tensor =
        if nodes.Products.IsEmpty then
            ends
        else
            let firsts = List.scan (+) nodes.Sums nodes.Products

            torch.cat (
                [|
                    ends.narrow (1L, 0L, int64 nodes.Sums)

                    for first, factors in Seq.zip firsts nodes.Products do
                        [ first .. first + factors - 1 ]
                        |> List.map (fun column -> ends.narrow (1L, int64 column, 1L))
                        |> List.reduce (*)
                |],
                1L
            )

    let private masked (layer: Layer) (weights: EdgeWeights) : EdgeWeights =
        match layer.Mask with
        | Some mask -> EdgeWeights.times mask weights
        | None -> weights

    /// The network's values [N, outputs] at the points x [N, inputs] as a function of the parameters, differentiable any
    /// number of times: for training on the same points over and over. What depends on points and knots alone is worked out once.
    let values (net: Network) (x: Tensor) : Params -> Tensor =
        let place = Placement.ofTensor x
        let layers = List.init (depth net) (layer place net)
        let sums = List.init (depth net) (sequences net >> EdgeSums.create place net.Order)
        let first = sums.Head x

        fun p ->
            (x, List.indexed (List.zip3 layers sums (weights net p)))
            ||> List.fold (fun x (l, (layer, sums, weights)) ->
                (if l = 0 then first else sums x) (masked layer weights) |> arrive layer p x |> combine layer.Next)

    /// Everything that the network computes at x [N, inputs].
    let trace (net: Network) (x: Tensor) : Params -> Trace =
        let place = Placement.ofTensor x
        let layers = List.init (depth net) (fun l -> layer place net l, basis place net l)

        fun p ->
            let start = { Nodes = [ x ]; Splines = []; Edges = []; Ends = [] }

            (start, layers, weights net p)
            |||> List.fold2 (fun trace (layer, basis) weights ->
                let x = trace.Nodes.Head
                // B_m(x_i) [N, from, G+k+1].
                let f = Array.head (Basis.features basis 0 0 x)
                let coefficients = EdgeWeights.coefficients (masked layer weights)
                let splines = torch.bmm(f.transpose (0L, 1L), coefficients).transpose(0L, 1L)

                let edges =
                    (splines, symbols layer p x)
                    ||> List.fold (fun edges (edge, column) ->
                        let at = torch.tensor ([| int64 edge.From |], dtype = torch.int64, device = x.device)
                        let width = torch.zeros (x.size 0, 1L, edges.size 2, dtype = x.dtype, device = x.device)

                        let to' = torch.tensor ([| int64 edge.To |], dtype = torch.int64, device = x.device)
                        edges.index_add (1L, at, width.index_add (2L, to', column.unsqueeze 1L, 1.0), 1.0))

                let ends = edges.sum 1L

                {
                    Nodes = combine layer.Next ends :: trace.Nodes
                    Splines = splines :: trace.Splines
                    Edges = edges :: trace.Edges
                    Ends = ends :: trace.Ends
                })
            |> fun trace ->
                {
                    Nodes = List.rev trace.Nodes
                    Splines = List.rev trace.Splines
                    Edges = List.rev trace.Edges
                    Ends = List.rev trace.Ends
                }
