// The settings of a run that classifies images, as config.json has them.
namespace MetaKan

open System
open System.Text.Json
open System.Text.Json.Nodes

/// All that determines a run's numbers, in the words of config.json.
type ClassifySettings =
    {
        /// A name of `ImageSets`, or the caller's own.
        Dataset: string
        /// Where its files are; the usual places where empty.
        Data: string
        /// Images to train on, the first ones; all where zero.
        TrainImages: int
        Network: Architecture
        Epochs: int
        BatchSize: int
        /// AdamW's rate and decay of what is neither embeddings nor generators.
        Lr: float
        WeightDecay: float
        /// AdamW's rate and decay of embeddings.
        LrE: float
        WeightDecayE: float
        /// AdamW's rate and decay of generators.
        LrH: float
        WeightDecayH: float
        /// linear, cosine, exponential or constant.
        Schedule: string
        /// Steps over which the rates rise at the start.
        Warmup: int
        /// cross-entropy or mse.
        Loss: string
        /// Flip images left to right at random.
        Flip: bool
        /// Pixels by which images are shifted at random, at most.
        Crop: int
        /// Degrees by which images are turned at random, at most.
        Rotate: float
        /// Shares by which brightness and contrast change at random, at most.
        Jitter: float
        Seed: int
        /// cpu or cuda.
        Device: string
        /// float32 or float64.
        Dtype: string
        Threads: int
    }

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
            Data = ""
            TrainImages = 0
            Network = network
            Epochs = 10
            BatchSize = if fc then 1024 else 64
            Lr = if fc then 1e-2 else 1e-3
            WeightDecay = 1e-4
            LrE = embeddings
            WeightDecayE = 5e-4
            LrH = generators
            WeightDecayH = 1e-4
            Schedule = "cosine"
            Warmup = warmup
            Loss = "cross-entropy"
            Flip = false
            Crop = 0
            Rotate = 0.0
            Jitter = 0.0
            Seed = 1314
            Device = "cpu"
            Dtype = "float32"
            Threads = max 1 (min 8 Environment.ProcessorCount)
        }

    let private json =
        JsonSerializerOptions(
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            RespectRequiredConstructorParameters = true
        )

    /// config.json of a run.
    let configuration (settings: ClassifySettings) : JsonObject =
        let fields = JsonSerializer.SerializeToNode(settings, json).AsObject()

        RunFolder.fields
            [
                "task", RunFolder.node "classify"
                for field in fields do
                    field.Key, field.Value
            ]

    /// The settings of the run in a folder. Raises BadInput, naming the file, where it holds no such run.
    let ofRun (folder: string) : ClassifySettings =
        let config = RunFolder.readConfig folder
        config.Remove "task" |> ignore

        try
            config.Deserialize<ClassifySettings> json
        with :? JsonException ->
            raise (BadInput $"{RunFolder.configPath folder} is not the configuration of a classify run")
