// Classifiers by name: what the command line and config.json say of a network, and the network.
namespace MetaKan.Images

open MetaKan

/// A network that classifies, in names and numbers.
type Architecture =
    {
        /// fc, conv4 or conv8.
        Net: string
        /// Widths of the hidden layers of fc.
        Width: int list
        /// mlp, kan, fastkan, wavkan, kaln, kacn or kagn.
        Model: string
        /// A meta-learner generates the coefficients.
        Meta: bool
        /// Of the meta-learner, C: layers of similar width share a generator.
        Generators: int
        /// mexican-hat, morlet, dog, meyer or shannon; for wavkan.
        Wavelet: string
        /// G, intervals of the spline grid; for kan.
        GridSize: int
        /// k, order of the splines; for kan.
        SplineOrder: int
        /// Degree of the polynomials; for kaln, kacn and kagn.
        Degree: int
        /// p, numbers that embed an edge.
        EmbeddingDim: int
        /// h, hidden width of the generators.
        HiddenDim: int
        /// Compute the edges' functions again for the gradients instead of keeping them.
        Recompute: bool
        /// none, batch or instance.
        Norm: string
        /// Probability with which channels between layers are dropped.
        Dropout: float
        /// Probability with which numbers before the last layer are dropped.
        HeadDropout: float
    }

/// The names that architectures are made of, and the networks that they stand for.
[<RequireQualifiedAccess>]
module Architecture =
    /// How the layers of a network follow one another.
    type private Shape =
        /// Fully connected, with the hidden widths of `Width`.
        | Connected
        /// Convolutions with these output channels and strides.
        | Convolutions of (int * int) list

    // Each choice by its name.

    let private shapes =
        [ "fc", Connected; "conv4", Convolutions Classifier.four; "conv8", Convolutions Classifier.eight ]

    let private normalisations =
        [ "none", NormLayer.None; "batch", NormLayer.Batch; "instance", NormLayer.Instance ]

    let private mothers = [ for wavelet in Wavelets.all -> wavelet.Name, wavelet ]

    // From the shape and the wavelet.
    let private functions: (string * (Architecture -> Shape -> Wavelet -> EdgeFunctions)) list =
        let family make = fun a shape _ -> EdgeFunctions.Family(make a shape)

        [
            "mlp", (fun _ _ _ -> EdgeFunctions.Linear)
            "kan", family (fun a _ -> Families.kan { Size = a.GridSize; Order = a.SplineOrder })
            "fastkan", family (fun _ shape -> Families.fastKan shape.IsConnected)
            "wavkan", (fun _ _ wavelet -> EdgeFunctions.Wavelet wavelet)
            "kaln", family (fun a _ -> Families.kaln a.Degree)
            "kacn", family (fun a _ -> Families.kacn a.Degree)
            "kagn", family (fun a _ -> Families.kagn a.Degree)
        ]

    // The choice of a name.
    let private parse (what: string) (choices: (string * 'a) list) (name: string) : 'a =
        match List.tryFind (fst >> (=) name) choices with
        | Some(_, choice) -> choice
        | None ->
            let names = choices |> List.map fst |> String.concat ", "
            raise (BadInput $"{what} takes one of {names}, not '{name}'")

    /// Names that `Net` takes.
    let nets = List.map fst shapes

    /// Names that `Model` takes.
    let models = List.map fst functions

    /// Names that `Norm` takes.
    let norms = List.map fst normalisations

    /// Names that `Wavelet` takes.
    let wavelets = List.map fst mothers

    /// The published form of a network: 32 hidden units and no norm but for wavkan, or convolutions with batch norm and
    /// dropout. Raises BadInput for names that are none.
    let published (net: string) (model: string) : Architecture =
        let convolutional = (parse "net" shapes net).IsConvolutions
        parse "model" functions model |> ignore

        {
            Net = net
            Width = [ 32 ]
            Model = model
            Meta = false
            Generators = 1
            Wavelet = "mexican-hat"
            GridSize = 5
            SplineOrder = 3
            Degree = 3
            EmbeddingDim = 1
            HiddenDim = 32
            Recompute = false
            Norm = if convolutional || model = "wavkan" then "batch" else "none"
            Dropout = if convolutional then 0.25 else 0.0
            HeadDropout = if convolutional then 0.5 else 0.0
        }

    /// The network with generated coefficients. Of convolutions no channels are dropped between layers: a dropped channel still
    /// adds every edge's value at 0, which stored coefficients of either sign cancel, while a generator's edges start out
    /// nearly alike. What is learned with dropped channels is then another network than what predicts without.
    let generated (a: Architecture) : Architecture =
        let convolutional = (parse "net" shapes a.Net).IsConvolutions
        { a with Meta = true; Dropout = (if convolutional then 0.0 else a.Dropout) }

    let private sharing (a: Architecture) (widths: int list) =
        let most = (List.distinct widths).Length

        if a.Generators = 1 then
            GeneratorSharing.Shared
        elif a.Generators = widths.Length then
            GeneratorSharing.PerLayer
        elif a.Generators >= 1 && a.Generators <= most then
            GeneratorSharing.Clusters(Clusters.ofChannels a.Generators widths)
        else
            raise (BadInput $"generators takes 1 to {most}, or {widths.Length} for one a layer, not {a.Generators}")

    /// The network for images of the given channels, height and width. Raises BadInput for names that are none and for
    /// what does not go together.
    let build (a: Architecture) (inputs: int * int * int) (classes: int) : Classifier =
        let shape = parse "net" shapes a.Net
        let functions = parse "model" functions a.Model
        let norm = parse "norm" normalisations a.Norm
        let functions = functions a shape (parse "wavelet" mothers a.Wavelet)

        if functions.IsWavelet && shape.IsConvolutions then
            raise (BadInput "model wavkan is for net fc: its wavelets have no convolution")

        if functions.IsLinear && a.Meta then
            raise (BadInput "meta is for models of edges: mlp has no coefficients to generate")

        if functions.IsLinear && a.Recompute then
            raise (BadInput "recompute is for models of edges: mlp keeps nothing that it could compute again")

        if norm.IsInstance && shape.IsConnected then
            raise (BadInput "norm instance is for net conv4 and conv8: fc takes none or batch")

        let widths, network =
            match shape with
            | Connected -> a.Width @ [ classes ], Classifier.fc a.Width
            | Convolutions layers -> List.map fst layers, Classifier.convolutional layers

        network
            {
                Functions = functions
                Meta =
                    if a.Meta then
                        Some
                            {
                                EmbeddingDim = a.EmbeddingDim
                                HiddenDim = a.HiddenDim
                                Sharing = sharing a widths
                                Chunk = None
                            }
                    else
                        None
                Recompute = a.Recompute
                Norm = norm
                Dropout = a.Dropout
                HeadDropout = a.HeadDropout
                Inputs = inputs
                Classes = classes
            }
