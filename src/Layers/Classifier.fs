// The networks that classify images: fully connected ones, and those of 3×3 convolutions with a linear head. Their layers
// are ordinary or have edges of any family, whose coefficients are stored or generated.
// Zhao, Shu, Meng, Xu (ICML 2025, arXiv 2506.07549), section 4; convolutional nets as in Drokin,
// "Kolmogorov-Arnold Convolutions" (arXiv 2407.01092).
namespace MetaKan.Images

open MetaKan
open TorchSharp

/// What the edges of a network compute.
[<RequireQualifiedAccess>]
type EdgeFunctions =
    /// A weight times the input: a multilayer perceptron, an ordinary convolutional network.
    | Linear
    /// Weighted functions of a family.
    | Family of Family
    /// A wavelet of their own; fully connected networks only.
    | Wavelet of Wavelet

/// What normalises the output of a layer.
[<RequireQualifiedAccess>]
type NormLayer =
    /// Nothing.
    | None
    /// Each channel over the batch, with running means for predictions: see `Norm.batch`.
    | Batch
    /// Each image by itself; convolutional networks only.
    | Instance

/// What networks of every shape have in common.
type ClassifierDesign =
    {
        /// Of all layers but a convolutional network's last, which is linear.
        Functions: EdgeFunctions
        /// Generates the coefficients of the edges; they are stored where None.
        Meta: MetaLearner option
        /// Compute the edges' functions again for the gradients instead of keeping them: less memory, more time.
        Recompute: bool
        /// After each layer but the last; networks of wavelets have it after the last, too.
        Norm: NormLayer
        /// The probability with which a channel of a layer's output is dropped, from the second layer to the last but one.
        Dropout: float
        /// The probability with which a number that enters the last layer is dropped.
        HeadDropout: float
        /// Channels, height and width of an image.
        Inputs: int * int * int
        /// How many classes there are: the network's outputs.
        Classes: int
    }

/// A network from images [N, channels, height, width] to the classes' logits [N, classes].
type Classifier =
    {
        /// The name of the family: "mlp", "kan", "metafastkan", …
        Name: string
        /// A description in one line, e.g. "metakan 784-32-10, p = 1, h = 32, 1 generator".
        Description: string
        /// All layers as one, with its parameters, its statistics and what it does with images.
        Layers: Layer
        /// The group of a parameter, by name.
        Group: string -> ParameterGroup
    }

/// Networks that classify images: fully connected, and of 3×3 convolutions with a linear head.
[<RequireQualifiedAccess>]
module Classifier =
    let private normalise (settings: ClassifierDesign) (layer: int) (channels: int) : (string * Block) list =
        match settings.Norm with
        | NormLayer.None -> []
        | NormLayer.Batch -> [ $"norms.{layer}", Block.Layer(Norm.batch channels) ]
        | NormLayer.Instance -> [ $"norms.{layer}", Block.Layer(Norm.instance channels) ]

    // What follows a layer that is not the last.
    let private after (settings: ClassifierDesign) (activation: Layer option) (layer: int) (channels: int) =
        [
            yield! normalise settings layer channels

            match activation with
            | Some activation -> $"activations.{layer}", Block.Layer activation
            | None -> ()

            if layer > 0 then
                $"dropouts.{layer}", Block.Layer(Dropout.channels settings.Dropout)
        ]

    // Native code ends the process at a size below 0.
    let private checkSizes (sizes: int list) =
        if List.exists (fun size -> size < 1) sizes then
            let shown = Model.describeWidths sizes
            invalidArg "settings" $"a classifier has inputs, widths and classes from 1, not {shown}"

    let private classifier (settings: ClassifierDesign) (shape: string) (blocks: (string * Block) list) : Classifier =
        let functions =
            match settings.Functions with
            | EdgeFunctions.Linear -> "mlp"
            | EdgeFunctions.Family family -> family.Name
            | EdgeFunctions.Wavelet _ -> "wavkan"

        if settings.Meta.IsSome && settings.Functions.IsLinear then
            invalidArg
                (nameof settings)
                "a network of ordinary layers has no coefficients that a meta-learner could generate"

        let layer, group = EdgeNetwork.create settings.Recompute settings.Meta blocks

        let name, generated =
            match settings.Meta with
            | None -> functions, ""
            | Some meta ->
                let edges = blocks |> List.filter (fun (_, block) -> block.IsEdges) |> List.length
                let generators = MetaKan.assignment meta edges |> List.distinct |> List.length
                let plural = if generators = 1 then "" else "s"

                $"meta{functions}", $", p = {meta.EmbeddingDim}, h = {meta.HiddenDim}, {generators} generator{plural}"

        { Name = name; Description = $"{name} {shape}{generated}"; Layers = layer; Group = group }

    /// The fully connected network with hidden layers of the given widths. Layers of edges follow one another; ordinary
    /// ones have silu between them. Parameters "layers.l.…" and, of batch norms, "norms.l.…".
    let fc (hidden: int list) (settings: ClassifierDesign) : Classifier =
        if settings.Norm.IsInstance then
            invalidArg
                (nameof settings)
                "instance normalisation is for images; a fully connected network takes batch or none"

        let channels, height, width = settings.Inputs
        checkSizes (channels :: height :: width :: hidden @ [ settings.Classes ])
        let widths = Checked.(*) (Checked.(*) channels height) width :: hidden @ [ settings.Classes ]

        let layer inputs outputs =
            match settings.Functions with
            | EdgeFunctions.Linear -> Block.Layer(Ordinary.linear inputs outputs)
            | EdgeFunctions.Family family -> Block.Edges(Dense.layer family inputs outputs)
            | EdgeFunctions.Wavelet wavelet -> Block.Edges(WavKan.layer wavelet inputs outputs)

        let activation = if settings.Functions.IsLinear then Some Activation.silu else None

        [
            "flatten", Block.Layer(Layer.ofFunction (fun _ x -> x.flatten 1L))

            for l, (inputs, outputs) in List.indexed (List.pairwise widths) do
                let last = l = hidden.Length

                if last then
                    "dropout", Block.Layer(Dropout.numbers settings.HeadDropout)

                $"layers.{l}", layer inputs outputs

                if not last then
                    yield! after settings activation l outputs
                elif settings.Functions.IsWavelet then
                    yield! normalise settings l outputs
        ]
        |> classifier settings (Model.describeWidths widths)

    /// The network of 3×3 convolutions with the given output channels and strides, each followed by its normalisation and
    /// activation (the family's; PReLU for ordinary ones); then the mean over pixels and an ordinary linear layer.
    /// Parameters "layers.l.…", "norms.l.…", "activations.l.weight", "head.weight", "head.bias".
    let convolutional (layers: (int * int) list) (settings: ClassifierDesign) : Classifier =
        let channels, height, width = settings.Inputs

        let layer, activation =
            match settings.Functions with
            | EdgeFunctions.Linear ->
                (fun window inputs outputs -> Block.Layer(Ordinary.convolution window inputs outputs)),
                Some Activation.prelu
            | EdgeFunctions.Family family ->
                (fun window inputs outputs -> Block.Edges(Convolution.layer window family inputs outputs)),
                family.Activation
            | EdgeFunctions.Wavelet _ -> invalidArg (nameof settings) "wavelets are for fully connected networks"

        let widths = channels :: List.map fst layers
        checkSizes (height :: width :: widths @ [ settings.Classes ])

        [
            for l, ((inputs, outputs), (_, stride)) in List.indexed (List.zip (List.pairwise widths) layers) do
                $"layers.{l}", layer (Window.square 3 stride) inputs outputs
                yield! after settings activation l outputs

            "pool", Block.Layer(Layer.ofFunction (fun _ x -> x.mean [| 2L; 3L |]))
            "dropout", Block.Layer(Dropout.numbers settings.HeadDropout)
            "head", Block.Layer(Ordinary.linear (List.last widths) settings.Classes)
        ]
        |> classifier
            settings
            $"{channels}×{height}×{width}, convolutions {Model.describeWidths (List.tail widths)}, {settings.Classes} classes"

    /// Output channels and strides of the published network of four layers.
    let four: (int * int) list = [ 32, 1; 64, 2; 128, 2; 256, 1 ]

    /// Output channels and strides of the published network of eight layers.
    let eight: (int * int) list = [ 16, 1; 32, 2; 64, 2; 128, 1; 256, 1; 256, 2; 512, 1; 512, 1 ]
