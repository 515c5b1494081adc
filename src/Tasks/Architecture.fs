// Classifiers by name: what the command line and config.json say of a network, and the network.
namespace MetaKan

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
        /// none, batch or instance.
        Norm: string
        /// Probability with which channels between layers are dropped.
        Dropout: float
        /// Probability with which numbers before the last layer are dropped.
        HeadDropout: float
    }

[<RequireQualifiedAccess>]
module Architecture =
    /// Names that `Net` takes.
    let nets = [ "fc"; "conv4"; "conv8" ]

    /// Names that `Model` takes.
    let models = [ "mlp"; "kan"; "fastkan"; "wavkan"; "kaln"; "kacn"; "kagn" ]

    /// Names that `Norm` takes.
    let norms = [ "none"; "batch"; "instance" ]

    /// Names that `Wavelet` takes.
    let wavelets = Wavelets.all |> List.map _.Name

    let private convolutional net = net <> "fc"

    /// The published form of a network: 32 hidden units and no norm but for wavkan, or convolutions with batch norm and
    /// dropout.
    let published (net: string) (model: string) : Architecture =
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
            Norm = if convolutional net || model = "wavkan" then "batch" else "none"
            Dropout = if convolutional net then 0.25 else 0.0
            HeadDropout = if convolutional net then 0.5 else 0.0
        }

    let private channels (a: Architecture) (classes: int) =
        match a.Net with
        | "conv4" -> List.map fst Networks.four
        | "conv8" -> List.map fst Networks.eight
        | _ -> a.Width @ [ classes ]

    let private sharing (a: Architecture) (classes: int) =
        let widths = channels a classes
        let most = (List.distinct widths).Length

        if a.Generators = 1 then
            Shared
        elif a.Generators = widths.Length then
            PerLayer
        elif a.Generators >= 1 && a.Generators <= most then
            Clusters(Clusters.ofChannels a.Generators widths)
        else
            raise (BadInput $"generators takes 1 to {most}, or {widths.Length} for one a layer, not {a.Generators}")

    let private oneOf what names name =
        if not (List.contains name names) then
            let names = String.concat ", " names
            raise (BadInput $"{what} takes one of {names}, not '{name}'")

    /// The network for images of the given channels, height and width. Raises BadInput for what does not go together.
    let build (a: Architecture) (inputs: int * int * int) (classes: int) : Classifier =
        oneOf "net" nets a.Net
        oneOf "model" models a.Model
        oneOf "norm" norms a.Norm
        oneOf "wavelet" wavelets a.Wavelet

        if a.Model = "wavkan" && convolutional a.Net then
            raise (BadInput "model wavkan is for net fc: its wavelets have no convolution")

        if a.Model = "mlp" && a.Meta then
            raise (BadInput "meta is for models of edges: mlp has no coefficients to generate")

        if a.Norm = "instance" && not (convolutional a.Net) then
            raise (BadInput "norm instance is for net conv4 and conv8: fc takes none or batch")

        let settings =
            {
                Functions =
                    match a.Model with
                    | "mlp" -> EdgeFunctions.Linear
                    | "wavkan" ->
                        EdgeFunctions.Wavelet(Wavelets.all |> List.find (fun wavelet -> wavelet.Name = a.Wavelet))
                    | "fastkan" -> EdgeFunctions.Family(Families.fastKan (not (convolutional a.Net)))
                    | "kaln" -> EdgeFunctions.Family(Families.kaln a.Degree)
                    | "kacn" -> EdgeFunctions.Family(Families.kacn a.Degree)
                    | "kagn" -> EdgeFunctions.Family(Families.kagn a.Degree)
                    | _ -> EdgeFunctions.Family(Families.kan { Size = a.GridSize; Order = a.SplineOrder })
                Meta =
                    if a.Meta then
                        Some
                            {
                                EmbeddingDim = a.EmbeddingDim
                                HiddenDim = a.HiddenDim
                                Sharing = sharing a classes
                                Chunk = None
                            }
                    else
                        None
                Norm =
                    match a.Norm with
                    | "batch" -> Normalisation.Batch
                    | "instance" -> Normalisation.Instance
                    | _ -> Normalisation.None
                Dropout = a.Dropout
                HeadDropout = a.HeadDropout
                Inputs = inputs
                Classes = classes
            }

        match a.Net with
        | "conv4" -> Networks.conv4 settings
        | "conv8" -> Networks.conv8 settings
        | _ -> Networks.fc a.Width settings
