// Pruning: removes nodes, edges and inputs that contribute nothing.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// A network with its parameters: what interpretation works on.
type Fitted =
    {
        /// The structure.
        Network: Network
        /// Its parameters, by the names that `Network.init` gives them.
        Params: Params
    }

/// Removes nodes, edges and inputs that contribute little.
[<RequireQualifiedAccess>]
module Pruning =
    /// Removes an edge: its spline is masked and its symbolic function forgotten.
    let removeEdge (edge: Edge) (fitted: Fitted) : Fitted =
        let net = Network.withMask edge 0.0 fitted.Network

        {
            Network = { net with Symbols = Map.remove edge net.Symbols }
            Params = Map.remove (Network.symbolName edge) fitted.Params
        }

    // The ends of a layer's nodes.
    let private endsOf (nodes: Nodes) (node: int) =
        [ 0 .. Nodes.ends nodes - 1 ] |> List.filter (fun j -> Nodes.ofEnd nodes j = node)

    /// The edges of the paths with the best scores from the outputs back to an input.
    let private spine (scores: Scores) (net: Network) : Edge list =
        let layers = List.indexed scores.Edges |> List.rev
        let outputs = [ 0 .. Nodes.count (List.last net.Nodes) - 1 ]

        ((outputs, []), layers)
        ||> List.fold (fun (nodes, found) (l, edges) ->
            let best =
                [
                    for j in nodes |> List.collect (endsOf net.Nodes[l + 1]) do
                        let i = [ 0 .. Array2D.length1 edges - 1 ] |> List.maxBy (fun i -> edges[i, j])
                        { Layer = l; From = i; To = j }
                ]

            best |> List.map _.From |> List.distinct, best @ found)
        |> snd

    // Whether an input still leads to an output.
    let private connected (net: Network) : bool =
        let carrying (l: int) (i: int) (j: int) =
            net.Masks[l].[i, j] <> 0.0 || net.Symbols.ContainsKey { Layer = l; From = i; To = j }

        ([ 0 .. Nodes.count net.Nodes.Head - 1 ], List.indexed net.Nodes.Tail)
        ||> List.fold (fun reached (l, next) ->
            [ 0 .. Nodes.ends next - 1 ]
            |> List.filter (fun j -> reached |> List.exists (fun i -> carrying l i j))
            |> List.map (Nodes.ofEnd next)
            |> List.distinct)
        |> List.isEmpty
        |> not

    /// Removes the edges whose score is at most the threshold. Where no path from an input to an output would be left, those with
    /// the best scores stay.
    let edges (threshold: float) (scores: Scores) (fitted: Fitted) : Fitted =
        let without kept =
            [
                for l, edges in List.indexed scores.Edges do
                    for i in 0 .. Array2D.length1 edges - 1 do
                        for j in 0 .. Array2D.length2 edges - 1 do
                            let edge = { Layer = l; From = i; To = j }

                            if edges[i, j] <= threshold && not (List.contains edge kept) then
                                edge
            ]
            |> List.fold (fun fitted edge -> removeEdge edge fitted) fitted

        let pruned = without []

        if connected pruned.Network || not (connected fitted.Network) then
            pruned
        else
            without (spine scores fitted.Network)

    let private select (dimension: int64) (indices: int list) (t: Tensor) =
        t.index_select (dimension, torch.tensor (indices |> List.map int64 |> List.toArray, device = t.device))

    /// The network of some of its nodes: `kept` lists them by layer, inputs first, each once and in their new order, those that
    /// multiply behind those that add. Outputs are all kept.
    let keep (kept: int list list) (fitted: Fitted) : Fitted =
        let net = fitted.Network

        let sides =
            List.pairwise (List.zip net.Nodes kept)
            |> List.map (fun ((_, inputs), (nodes, outputs)) -> inputs, List.collect (endsOf nodes) outputs)

        let moved (edge: Edge) =
            let inputs, ends = sides[edge.Layer]

            match List.tryFindIndex ((=) edge.From) inputs, List.tryFindIndex ((=) edge.To) ends with
            | Some i, Some j -> Some { edge with From = i; To = j }
            | _ -> None

        let parameters =
            [
                for KeyValue(name, value) in fitted.Params do
                    match name.Split '.' with
                    | [| "layers"; l; kind |] ->
                        let inputs, ends = sides[int l]
                        let last = if kind = "coef" then 2L else 1L
                        name, value |> select 0L inputs |> select last ends
                    | [| "embeddings"; l |] ->
                        let inputs, ends = sides[int l]
                        let all = snd ((Network.shapes net).[int l])

                        name,
                        value
                        |> select
                            0L
                            [
                                for i in inputs do
                                    for j in ends -> i * all + j
                            ]
                    | [| "symbols"; _; _; _ |] -> ()
                    | _ -> name, value

                for KeyValue(edge, _) in net.Symbols do
                    match moved edge with
                    | Some edge' -> Network.symbolName edge', fitted.Params[Network.symbolName edge]
                    | None -> ()
            ]

        {
            Network =
                { net with
                    Nodes =
                        List.zip net.Nodes kept
                        |> List.map (fun (nodes, kept) ->
                            {
                                Sums = kept |> List.filter (fun n -> n < nodes.Sums) |> List.length
                                Products =
                                    [
                                        for n in kept do
                                            if n >= nodes.Sums then
                                                nodes.Products[n - nodes.Sums]
                                    ]
                            })
                    Knots =
                        List.zip net.Knots sides
                        |> List.map (fun (knots, (inputs, _)) -> [| for i in inputs -> knots[i] |])
                    Masks =
                        List.zip net.Masks sides
                        |> List.map (fun (mask, (inputs, ends)) ->
                            let inputs, ends = List.toArray inputs, List.toArray ends
                            Array2D.init inputs.Length ends.Length (fun i j -> mask[inputs[i], ends[j]]))
                    Symbols =
                        net.Symbols
                        |> Map.toSeq
                        |> Seq.choose (fun (edge, name) -> moved edge |> Option.map (fun edge -> edge, name))
                        |> Map.ofSeq
                }
            Params = Map.ofList parameters
        }

    /// Removes hidden nodes whose score is at most the threshold; the best node of each layer stays.
    let nodes (threshold: float) (scores: Scores) (fitted: Fitted) : Fitted =
        let last = fitted.Network.Nodes.Length - 1

        let kept =
            scores.Nodes
            |> List.mapi (fun l scores ->
                let best = Array.max scores

                [
                    for n in 0 .. scores.Length - 1 do
                        if l = 0 || l = last || scores[n] > threshold || scores[n] = best then
                            n
                ])

        keep kept fitted

    /// Removes inputs whose score is at most the threshold; also gives the indices of those that stay.
    let inputs (threshold: float) (scores: Scores) (fitted: Fitted) : Fitted * int list =
        let all (nodes: Nodes) = [ 0 .. Nodes.count nodes - 1 ]
        let best = Array.max scores.Nodes.Head

        let stay =
            all fitted.Network.Nodes.Head
            |> List.filter (fun n -> scores.Nodes.Head[n] > threshold || scores.Nodes.Head[n] = best)

        keep (stay :: (fitted.Network.Nodes.Tail |> List.map all)) fitted, stay
