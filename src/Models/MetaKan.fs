// MetaKAN: a KAN whose coefficients a small network generates from one embedding per edge.
// Zhao, Shu, Meng, Xu, "Improving Memory Efficiency for Training KANs via Meta Learning" (ICML 2025, arXiv 2506.07549).
namespace MetaKan

open TorchSharp

/// Which layers share a coefficient generator.
[<RequireQualifiedAccess>]
type GeneratorSharing =
    /// Each layer has its own.
    | PerLayer
    /// One generator serves all layers.
    | Shared
    /// Layer l uses generator `assignment[l]`; numbers run from 0 without gaps.
    | Clusters of assignment: int list

/// The meta-learner: embedding of an edge (p numbers) → Linear(p, h) → ReLU → Linear(h, G+k+1).
type MetaLearner =
    {
        /// p, the numbers that embed an edge.
        EmbeddingDim: int
        /// h, the generator's hidden width.
        HiddenDim: int
        /// Which layers share a generator.
        Sharing: GeneratorSharing
        /// Generate the coefficients of this many outputs at a time and again for the gradients, which bounds memory;
        /// all at once where None.
        Chunk: int option
    }

/// KANs whose coefficients a meta-learner generates.
[<RequireQualifiedAccess>]
module MetaKan =
    /// The generator of each of so many layers.
    let internal assignment (meta: MetaLearner) (layers: int) : int list =
        match meta.Sharing with
        | GeneratorSharing.PerLayer -> [ 0 .. layers - 1 ]
        | GeneratorSharing.Shared -> List.replicate layers 0
        | GeneratorSharing.Clusters assignment ->
            let used = List.distinct assignment |> List.sort

            if assignment.Length <> layers || used <> [ 0 .. used.Length - 1 ] then
                invalidArg
                    (nameof meta)
                    $"clusters need one number per layer ({layers}), counted from 0 without gaps, not {assignment}"

            assignment

    /// Fresh embeddings and generators, named as `create` says, of layers with so many edges and numbers an edge. A layer has
    /// `draws` keys to itself, at least 3.
    let internal init (draws: int) (meta: MetaLearner) (layers: (int * int) list) : Key -> Placement -> Params =
        let generators = List.zip (assignment meta layers.Length) (List.map snd layers) |> List.distinct

        for g, numbers in generators |> List.groupBy fst do
            if numbers.Length > 1 then
                invalidArg
                    (nameof meta)
                    $"generator {g} serves layers with different numbers an edge: {List.map snd numbers}"

        fun key place ->
            let key index = Key.fold index key

            [
                for l, (edges, _) in List.indexed layers do
                    Map [ $"embeddings.{l}", Generator.xavier (key (draws * l)) place edges meta.EmbeddingDim ]

                for g, numbers in generators do
                    Generator.init
                        (key (draws * g + 1), key (draws * g + 2))
                        place
                        (meta.EmbeddingDim, meta.HiddenDim, numbers)
                    |> Params.prefixed $"hypernet.{g}"
            ]
            |> Params.union

    /// The group of a parameter.
    let internal group (name: string) : ParameterGroup =
        if name.StartsWith "embeddings." then ParameterGroup.Embeddings
        elif name.StartsWith "hypernet." then ParameterGroup.Generators
        else ParameterGroup.Weights

    // [in, M, out] of the outputs whose embeddings are given as [out, in, p].
    let private coefficients (generator: Params) (embeddings: Tensor) : Tensor =
        (fun () -> Generator.layer generator embeddings) |> Tensor.scoped Seq.singleton

    let private weights (generator: Params) (embeddings: Tensor) : LayerWeights =
        (fun () -> Generator.weights generator embeddings) |> Tensor.scoped (Lookup.tensors >> Seq.ofList)

    let private blocks (outputs: int) (generator: Params) (embeddings: Tensor) : Coefficients =
        embeddings.split (int64 outputs)
        |> Array.toList
        |> List.map (fun block ->
            block :: List.ofArray (Params.tensors generator),
            fun (t: Tensor[]) -> coefficients (Params.withTensors t[1..] generator) t[0])
        |> Blocks

    /// A MetaKAN of the given widths. Parameters "embeddings.l" [out·in, p] and, per generator g, "hypernet.g.0.weight"
    /// [h, p], "hypernet.g.0.bias" [h], "hypernet.g.2.weight" [G+k+1, h], "hypernet.g.2.bias" [G+k+1]; weights are
    /// Xavier-normal, biases zero. The last generated number is the weight of silu.
    let create (grid: Grid) (meta: MetaLearner) (widths: int list) : Model =
        let shapes = Model.shapes widths
        let functions = Grid.coefficients grid + 1
        let assignment = assignment meta shapes.Length
        let depth = shapes.Length

        // `make` gets the generator of layer l and the embeddings [out, in, p] of its edges.
        let layer (make: Params -> Tensor -> 'a) (p: Params) l =
            let inputs, outputs = shapes[l]

            p[$"embeddings.{l}"].view(int64 outputs, int64 inputs, int64 meta.EmbeddingDim)
            |> make (Params.under $"hypernet.{assignment[l]}" p)

        let generated = Edges.generated grid depth (layer weights)
        let whole (p: Params) = Map [ for l in 0 .. depth - 1 -> Edges.weight l, layer coefficients p l ]

        let apply, jet, derived =
            match meta.Chunk with
            | Some outputs ->
                let source = layer (blocks outputs)
                Edges.value grid depth source, Edges.jets grid depth source, None
            | None -> generated.Weights >> generated.Apply, generated.Weights >> generated.Jet, Some generated

        // What a layer's coefficients are made of.
        let sources =
            Map [ for l in 0 .. depth - 1 -> $"layers.{l}", ($"embeddings.{l}", $"hypernet.{assignment[l]}") ]

        let pullback (p: Params) (g: Params) =
            [
                for KeyValue(layer, g) in g do
                    let embeddings, generator = sources[layer]
                    // From [N, in, M, out]; embeddings lie output by output.
                    let g = g.permute(0L, 2L, 3L, 1L).flatten(2L, 3L)
                    let byEmbeddings, byGenerator = Generator.pullback (Params.under generator p) p[embeddings] g
                    Map [ embeddings, byEmbeddings ]
                    Params.prefixed generator byGenerator
            ]
            |> Params.union

        let edges, numbersPerPoint = Edges.traced grid depth, Edges.numbersPerPoint grid

        let traced (p: Params) (x: Jet) =
            let names layer =
                let embeddings, generator = sources[layer]
                embeddings :: Params.namesUnder generator p

            edges (whole p) x |> Traced.pullback names pullback p

        {
            Name = "metakan"
            Description =
                $"MetaKAN {Model.describeWidths widths}, {Grid.describe grid}, p = {meta.EmbeddingDim}, h = {meta.HiddenDim}"
            Init = init 3 meta [ for inputs, outputs in shapes -> inputs * outputs, functions ]
            Apply = apply
            Jet = jet
            Traced = traced
            Group = group
            NumbersPerPoint = fun v order -> shapes |> List.sumBy (numbersPerPoint v order)
            Derived = derived
            Edges = Edges.functions grid depth (layer weights)
        }
        |> Model.taking widths.Head
