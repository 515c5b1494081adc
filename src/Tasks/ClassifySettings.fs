// The settings of a run that classifies images, as config.json has them.
namespace MetaKan.Images

open MetaKan

/// What training makes small.
[<RequireQualifiedAccess>]
type ClassifyLoss =
    /// The mean of -log p, p the softmax of the logits at the label.
    | CrossEntropy
    /// The mean square of logits less the label as ones and zeros.
    | Mse

/// Losses by name.
[<RequireQualifiedAccess>]
module ClassifyLoss =
    /// Losses by the names that options have for them.
    let named = [ "cross-entropy", ClassifyLoss.CrossEntropy; "mse", ClassifyLoss.Mse ]

/// All that determines a run's numbers.
type ClassifySettings =
    {
        /// A name of `ImageSets`, "folder" for images in folders of one's own, or the caller's own.
        Dataset: string
        /// Where its files are, where not in the usual places.
        Data: string option
        /// Height and width that images of one's own are scaled to, 32 by default.
        Side: int
        /// Make images of one's own gray.
        Gray: bool
        /// Images to train on, the first ones; all where none is given.
        TrainImages: int option
        /// The network, in names and numbers.
        Network: Architecture
        /// Passes over the training images, 10 by default.
        Epochs: int
        /// Images a step, by default 1024 for fc and 64 for convolutions.
        BatchSize: int
        /// AdamW's rate for what is neither embeddings nor generators.
        Rate: float
        /// AdamW's weight decay of the same, 1e-4 by default.
        WeightDecay: float
        /// AdamW's rate for embeddings.
        EmbeddingRate: float
        /// AdamW's weight decay of embeddings, 5e-4 by default.
        EmbeddingDecay: float
        /// AdamW's rate for generators.
        GeneratorRate: float
        /// AdamW's weight decay of generators, 1e-4 by default.
        GeneratorDecay: float
        /// How AdamW keeps its running means between steps, by default in full.
        Moments: MomentStorage
        /// How the rates fall over all steps, by default as a cosine.
        Schedule: Annealing
        /// Steps over which the rates rise at the start.
        Warmup: int
        /// What is made small, by default the cross entropy.
        Loss: ClassifyLoss
        /// Flip images left to right at random.
        Flip: bool
        /// Pixels by which images are shifted at random, at most.
        Crop: int
        /// Degrees by which images are turned at random, at most.
        Rotate: float
        /// Share of their width and height by which images are moved at random, at most.
        Translate: float
        /// Share by which images grow or shrink at random, at most.
        Scale: float
        /// Shares by which brightness and contrast change at random, at most.
        Jitter: float
        /// What first parameters, batches, changes of images and dropout are drawn from.
        Seed: int
        /// Device and element type of parameters and pixels.
        Placement: Placement
    }

/// Settings of runs that classify images.
[<RequireQualifiedAccess>]
module ClassifySettings =
    /// Settings for a network and a data set: 10 epochs of batches of 1024 for fc, 64 for convolutions, by AdamW with
    /// MetaKAN's decays and a cosine schedule. The rates of embeddings and generators are above the published ones and rise over
    /// 100 steps, 50 of convolutions: one coherent first step of all embeddings would take the hidden values off the spline grid.
    let defaults (dataset: string) (network: Architecture) : ClassifySettings =
        let fc = network.Net = "fc"

        {
            Dataset = dataset
            Data = None
            Side = 32
            Gray = false
            TrainImages = None
            Network = network
            Epochs = 10
            BatchSize = if fc then 1024 else 64
            Rate = if fc then 1e-2 else 1e-3
            WeightDecay = 1e-4
            EmbeddingRate = 5e-2
            EmbeddingDecay = 5e-4
            GeneratorRate = 1e-2
            GeneratorDecay = 1e-4
            Moments = MomentStorage.Full
            Schedule = Annealing.Cosine
            Warmup =
                if not network.Meta then 0
                elif fc then 100
                else 50
            Loss = ClassifyLoss.CrossEntropy
            Flip = false
            Crop = 0
            Rotate = 0.0
            Translate = 0.0
            Scale = 0.0
            Jitter = 0.0
            Seed = 1314
            Placement = Placement.cpu32
        }
