// The settings of a run that classifies images, as config.json has them.
namespace MetaKan.Images

open MetaKan

/// What training makes small.
[<RequireQualifiedAccess>]
type ClassifyLoss =
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
        /// A name of `ImageSets`, or the caller's own.
        Dataset: string
        /// Where its files are, where not in the usual places.
        Data: string option
        /// Images to train on, the first ones; all where none is given.
        TrainImages: int option
        Network: Architecture
        Epochs: int
        BatchSize: int
        /// AdamW's rate and decay of what is neither embeddings nor generators.
        Rate: float
        WeightDecay: float
        /// AdamW's rate and decay of embeddings.
        EmbeddingRate: float
        EmbeddingDecay: float
        /// AdamW's rate and decay of generators.
        GeneratorRate: float
        GeneratorDecay: float
        Schedule: Annealing
        /// Steps over which the rates rise at the start.
        Warmup: int
        Loss: ClassifyLoss
        /// Flip images left to right at random.
        Flip: bool
        /// Pixels by which images are shifted at random, at most.
        Crop: int
        /// Degrees by which images are turned at random, at most.
        Rotate: float
        /// Shares by which brightness and contrast change at random, at most.
        Jitter: float
        Seed: int
        Placement: Placement
    }

/// Settings of runs that classify images.
[<RequireQualifiedAccess>]
module ClassifySettings =
    /// Settings for a network and a data set: 10 epochs of batches of 1024 for fc, 64 for convolutions, by AdamW with
    /// MetaKAN's decays and a cosine schedule. The rates of fc with a meta-learner are above the published ones and rise
    /// over 100 steps: one coherent first step of all embeddings would take the hidden values off the spline grid.
    let defaults (dataset: string) (network: Architecture) : ClassifySettings =
        let fc = network.Net = "fc"
        let embeddings, generators, warmup = if fc && network.Meta then 5e-2, 1e-2, 100 else 1e-2, 1e-3, 0

        {
            Dataset = dataset
            Data = None
            TrainImages = None
            Network = network
            Epochs = 10
            BatchSize = if fc then 1024 else 64
            Rate = if fc then 1e-2 else 1e-3
            WeightDecay = 1e-4
            EmbeddingRate = embeddings
            EmbeddingDecay = 5e-4
            GeneratorRate = generators
            GeneratorDecay = 1e-4
            Schedule = Annealing.Cosine
            Warmup = warmup
            Loss = ClassifyLoss.CrossEntropy
            Flip = false
            Crop = 0
            Rotate = 0.0
            Jitter = 0.0
            Seed = 1314
            Placement = Placement.cpu32
        }
