// How much each edge and node contributes to the outputs: their spread, passed back from the outputs to the inputs.
// Liu et al., "KAN 2.0" (arXiv 2408.10205), section 4.1.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// Scores, by layer: of the nodes, inputs first; and of the edges [from, to].
type Scores =
    {
        /// By layer, inputs first, a score for each node.
        Nodes: float[] list
        /// By layer, [from, to], a score for each edge to an end.
        Edges: float[,] list
    }

/// How much each edge and node contributes to the outputs.
[<RequireQualifiedAccess>]
module Attribution =
    /// The scores of a network at the points of a trace. The outputs share a score of 1; an edge has its end's, times its own
    /// spread (standard deviation) over that of everything that arrives there; a node has the sum of its edges'.
    let scores (net: Network) (trace: Trace) : Scores =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()

        let edgeScores (l: int) (nodes: float[]) : float[,] =
            let inputs, ends = (Network.shapes net)[l]
            let edges = Tensor.toArray (Trace.spread trace.Edges[l])
            let arriving = Tensor.toArray (Trace.spread trace.Ends[l])

            Array2D.init inputs ends (fun i j ->
                edges[i * ends + j] / (arriving[j] + 1e-4) * nodes[Nodes.ofEnd net.Nodes[l + 1] j])

        let outputs = Array.create (Nodes.count (List.last net.Nodes)) 1.0

        // pykan's scores are means over the outputs, each by itself 1 for one output.
        let share = 1.0 / float outputs.Length

        ({ Nodes = [ Array.map ((*) share) outputs ]; Edges = [] }, [ Network.depth net - 1 .. -1 .. 0 ])
        ||> List.fold (fun scores l ->
            let edges = edgeScores l scores.Nodes.Head
            let inputs, ends = Array2D.length1 edges, Array2D.length2 edges
            let nodes = Array.init inputs (fun i -> Seq.sum (Seq.init ends (fun j -> edges[i, j])))
            { Nodes = nodes :: scores.Nodes; Edges = edges :: scores.Edges })
