// Networks some of whose layers have edges: each edge's numbers are stored, or a meta-learner generates them from the
// edge's embedding. Zhao, Shu, Meng, Xu, "Improving Memory Efficiency for Training KANs via Meta Learning"
// (ICML 2025, arXiv 2506.07549).
namespace MetaKan.Images

open MetaKan
open TorchSharp

/// A part of a network.
[<RequireQualifiedAccess>]
type Block =
    /// One whose edges a meta-learner can serve.
    | Edges of EdgeLayer
    /// Any other, with its own parameters.
    | Layer of Layer

/// Networks of blocks, whose edges' numbers are stored or generated.
[<RequireQualifiedAccess>]
module EdgeNetwork =
    // What the functions of a layer learn is under a name of its own, apart from the stored coefficients.
    let private functions = "functions"

    let private own (edges: EdgeLayer) key place : Params = edges.Init key place |> Params.prefixed functions

    let private layer (recompute: bool) init (coefficients: Params -> Tensor) (edges: EdgeLayer) : Layer =
        // What autograd does not keep is freed before the next layer.
        let value p x =
            (fun () -> edges.Apply (Params.under functions p) (coefficients p) x) |> Tensor.scoped Seq.singleton

        let again p x =
            x :: List.ofArray (Params.tensors p)
            |> Rule.recomputed (fun t -> [| value (Params.withTensors t[1..] p) t[0] |])
            |> Array.head

        {
            Init = init
            Statistics = fun _ -> Map.empty
            Apply = fun _ p statistics x -> (if recompute then again else value) p x, statistics
        }

    let private stored (recompute: bool) (edges: EdgeLayer) : Layer =
        let init key place = Params.union [ own edges (Key.fold 0 key) place; edges.Stored (Key.fold 1 key) place ]

        layer recompute init edges.Coefficients edges

    // Finds its generator and its embeddings among its parameters.
    let private generated (recompute: bool) (edges: EdgeLayer) : Layer =
        let shape = edges.Numbers :: edges.Edges |> List.map int64 |> List.toArray

        let coefficients (p: Params) = (Generator.apply (Params.under "hypernet" p) p["embeddings"]).view shape

        layer recompute (own edges) coefficients edges

    let private chain (ofEdges: EdgeLayer -> Layer) (blocks: (string * Block) list) : Layer =
        blocks
        |> List.map (fun (name, block) ->
            name,
            match block with
            | Block.Edges edges -> ofEdges edges
            | Block.Layer layer -> layer)
        |> Layer.chain

    let private withMeta (recompute: bool) (meta: MetaLearner) (blocks: (string * Block) list) : Layer =
        if meta.Chunk.IsSome then
            invalidArg (nameof meta) "a network of layers generates each layer's coefficients at once: no chunks"

        let chain = chain (generated recompute) blocks

        let served =
            blocks
            |> List.choose (fun (name, block) ->
                match block with
                | Block.Edges edges -> Some(name, edges)
                | Block.Layer _ -> None)

        let assignment = MetaKan.assignment meta served.Length

        let init =
            served
            |> List.map (fun (_, edges) -> List.reduce (*) edges.Edges, edges.Numbers)
            |> MetaKan.init 3 meta

        // The same tensors under a second name, where the layer looks for them.
        let handedOut (p: Params) =
            [
                for l, (name, _) in List.indexed served do
                    Map [ $"{name}.embeddings", p[$"embeddings.{l}"] ]
                    Params.under $"hypernet.{assignment[l]}" p |> Params.prefixed $"{name}.hypernet"
            ]
            |> Params.union

        {
            Init = fun key place -> Params.union [ chain.Init (Key.fold 0 key) place; init (Key.fold 1 key) place ]
            Statistics = chain.Statistics
            Apply = fun pass p statistics x -> chain.Apply pass (Params.union [ p; handedOut p ]) statistics x
        }

    /// The blocks one after another, each with its parameters under its name (of a block with edges, what its functions
    /// learn under "functions" below it), and the group of a parameter by name.
    /// With a meta-learner the l-th block with edges has "embeddings.l" [edges, p] in place of stored coefficients, and
    /// "hypernet.g.…" generate from them; layers that share a generator have equally many numbers an edge, and the
    /// meta-learner no chunks (ArgumentException otherwise). With `recompute` blocks with edges keep their inputs alone, and what
    /// they compute on the way, as the functions of every input, is computed again for the gradients.
    let create
        (recompute: bool)
        (meta: MetaLearner option)
        (blocks: (string * Block) list)
        : Layer * (string -> ParameterGroup) =
        match meta with
        | None -> chain (stored recompute) blocks, (fun _ -> ParameterGroup.Weights)
        | Some meta -> withMeta recompute meta blocks, MetaKan.group
