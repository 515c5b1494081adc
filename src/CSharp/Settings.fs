// Settings for callers in C#, who have no `with` for F#'s records: each has named optional arguments, and what is left out
// is as in the defaults.
namespace MetaKan.CSharp

open System
open System.Runtime.InteropServices
open MetaKan
open MetaKan.Fitting
open MetaKan.Images
open MetaKan.Pdes
open MetaKan.CSharp.Conversions

/// Settings of the three tasks and the parts of them.
[<AbstractClass; Sealed>]
type Settings private () =

    /// The parts of a MetaKAN: numbers that embed an edge, hidden width of the generators, and which layers share one.
    static member MetaLearner
        (
            [<Optional>] embeddingDim: Nullable<int>,
            [<Optional>] hiddenDim: Nullable<int>,
            [<Optional>] sharing: GeneratorSharing,
            [<Optional>] chunk: Nullable<int>
        ) : MetaLearner =
        {
            EmbeddingDim = given embeddingDim 1
            HiddenDim = given hiddenDim 32
            Sharing = named sharing GeneratorSharing.PerLayer
            Chunk = Option.ofNullable chunk
        }

    /// What a PDE's training dwells on; defaults of `Emphasis.none`.
    static member Emphasis
        (
            [<Optional>] balance: Balance,
            [<Optional>] attention: Nullable<bool>,
            [<Optional>] points: PointChoice,
            [<Optional>] causal: Causal,
            [<Optional>] curriculum: Nullable<float>,
            [<Optional>] every: Nullable<int>
        ) : Emphasis =
        let o = Emphasis.none

        {
            Balance = named balance o.Balance
            Attention = given attention o.Attention
            Points = named points o.Points
            Causal = some causal
            Curriculum = Option.ofNullable curriculum
            Every = given every o.Every
        }

    /// How a PDE is solved; what is left out is as in `like`, which is `SolveSettings.defaults` itself where it is left out.
    static member Solve
        (
            [<Optional>] epochs: Nullable<int>,
            [<Optional>] points: Nullable<int>,
            [<Optional>] sampling: Sampling,
            [<Optional>] laplacian: LaplacianMethod,
            [<Optional>] unbiased: Nullable<bool>,
            [<Optional>] memoryLimit: Nullable<int>,
            [<Optional>] optimizer: SolveOptimizer,
            [<Optional>] moments: MomentStorage,
            [<Optional>] momentum: Nullable<float>,
            [<Optional>] rate: Nullable<float>,
            [<Optional>] embeddingRate: Nullable<float>,
            [<Optional>] generatorRate: Nullable<float>,
            [<Optional>] schedule: Annealing,
            [<Optional>] warmup: Nullable<int>,
            [<Optional>] polish: Nullable<int>,
            [<Optional>] polishPoints: Nullable<int>,
            [<Optional>] testPoints: Nullable<int>,
            [<Optional>] seed: Nullable<int>,
            [<Optional>] placement: Placement,
            [<Optional>] evaluateEvery: Nullable<int>,
            [<Optional>] saveEvery: Nullable<int>,
            [<Optional>] emphasis: Emphasis,
            [<Optional>] opening: seq<SolveStage>,
            [<Optional>] like: SolveSettings
        ) : SolveSettings =
        let o = named like SolveSettings.defaults

        {
            Opening = if isNull opening then o.Opening else List.ofSeq opening
            Epochs = given epochs o.Epochs
            Collocation =
                {
                    Points = given points o.Collocation.Points
                    Sampling = named sampling o.Collocation.Sampling
                    Laplacian = named laplacian o.Collocation.Laplacian
                    Unbiased = given unbiased o.Collocation.Unbiased
                    MemoryLimit = given memoryLimit o.Collocation.MemoryLimit
                }
            Emphasis = named emphasis o.Emphasis
            Optimizer = named optimizer o.Optimizer
            Moments = named moments o.Moments
            Momentum = given momentum o.Momentum
            Rate = given rate o.Rate
            EmbeddingRate = given embeddingRate o.EmbeddingRate
            GeneratorRate = given generatorRate o.GeneratorRate
            Schedule = named schedule o.Schedule
            Warmup = given warmup o.Warmup
            Polish = given polish o.Polish
            PolishPoints = given polishPoints o.PolishPoints
            TestPoints = given testPoints o.TestPoints
            Seed = given seed o.Seed
            Placement = named placement o.Placement
            EvaluateEvery = given evaluateEvery o.EvaluateEvery
            SaveEvery = given saveEvery o.SaveEvery
        }

    /// `SolveSettings.natural`: natural gradients in double precision, for few dimensions.
    static member Natural: SolveSettings = SolveSettings.natural

    /// The choice of functions for a network's edges, by their names: "x", "sin", "exp" …; all of the library where none is
    /// named.
    static member Symbolic([<ParamArray>] library: string[]) : SymbolicChoice =
        if library.Length = 0 then
            SymbolicEdges.defaults
        else
            { SymbolicEdges.defaults with Library = List.ofArray library }

    /// How a function is fitted; defaults of `FitSettings`.
    static member Fit
        (
            [<Optional>] steps: seq<int>,
            [<Optional>] optimizer: FitOptimizer,
            [<Optional>] batch: Nullable<int>,
            [<Optional>] loss: FitLoss,
            [<Optional>] sparsity: Sparsity,
            [<Optional>] gridUpdates: GridUpdates,
            [<Optional>] evenness: Nullable<float>,
            [<Optional>] extend: seq<int>,
            [<Optional>] prune: Thresholds,
            [<Optional>] symbolic: SymbolicChoice,
            [<Optional>] search: Nullable<bool>,
            [<Optional>] refitSteps: Nullable<int>,
            [<Optional>] tolerance: Nullable<float>,
            [<Optional>] noise: Nullable<float>,
            [<Optional>] seed: Nullable<int>,
            [<Optional>] placement: Placement,
            [<Optional>] saveEvery: Nullable<int>
        ) : FitSettings =
        let o = FitSettings.defaults

        {
            Steps = named steps o.Steps |> List.ofSeq
            Optimizer = named optimizer o.Optimizer
            Batch = Option.ofNullable batch
            Loss = named loss o.Loss
            Sparsity = named sparsity o.Sparsity
            GridUpdates = some gridUpdates
            Evenness = given evenness o.Evenness
            Extend = named extend o.Extend |> List.ofSeq
            Prune = some prune
            Symbolic = some symbolic
            Search = given search o.Search
            RefitSteps = given refitSteps o.RefitSteps
            Tolerance = given tolerance o.Tolerance
            Noise = given noise o.Noise
            Seed = given seed o.Seed
            Placement = named placement o.Placement
            SaveEvery = given saveEvery o.SaveEvery
        }

    /// A network that classifies; defaults of `Architecture.published`, and with `meta` of `Architecture.generated`. Raises
    /// BadInput for names that are none.
    static member Architecture
        (
            net: string,
            model: string,
            [<Optional>] meta: Nullable<bool>,
            [<Optional>] width: seq<int>,
            [<Optional>] generators: Nullable<int>,
            [<Optional>] wavelet: string,
            [<Optional>] gridSize: Nullable<int>,
            [<Optional>] splineOrder: Nullable<int>,
            [<Optional>] degree: Nullable<int>,
            [<Optional>] embeddingDim: Nullable<int>,
            [<Optional>] hiddenDim: Nullable<int>,
            [<Optional>] recompute: Nullable<bool>,
            [<Optional>] norm: string,
            [<Optional>] dropout: Nullable<float>,
            [<Optional>] headDropout: Nullable<float>
        ) : Architecture =
        let published = Architecture.published net model
        let o = if given meta false then Architecture.generated published else published

        { o with
            Width = named width o.Width |> List.ofSeq
            Generators = given generators o.Generators
            Wavelet = named wavelet o.Wavelet
            GridSize = given gridSize o.GridSize
            SplineOrder = given splineOrder o.SplineOrder
            Degree = given degree o.Degree
            EmbeddingDim = given embeddingDim o.EmbeddingDim
            HiddenDim = given hiddenDim o.HiddenDim
            Recompute = given recompute o.Recompute
            Norm = named norm o.Norm
            Dropout = given dropout o.Dropout
            HeadDropout = given headDropout o.HeadDropout
        }

    /// How images are classified; defaults of `ClassifySettings` for the data set and the network.
    static member Classify
        (
            dataset: string,
            network: Architecture,
            [<Optional>] data: string,
            [<Optional>] side: Nullable<int>,
            [<Optional>] gray: Nullable<bool>,
            [<Optional>] trainImages: Nullable<int>,
            [<Optional>] epochs: Nullable<int>,
            [<Optional>] batchSize: Nullable<int>,
            [<Optional>] rate: Nullable<float>,
            [<Optional>] weightDecay: Nullable<float>,
            [<Optional>] embeddingRate: Nullable<float>,
            [<Optional>] embeddingDecay: Nullable<float>,
            [<Optional>] generatorRate: Nullable<float>,
            [<Optional>] generatorDecay: Nullable<float>,
            [<Optional>] moments: MomentStorage,
            [<Optional>] schedule: Annealing,
            [<Optional>] warmup: Nullable<int>,
            [<Optional>] loss: ClassifyLoss,
            [<Optional>] flip: Nullable<bool>,
            [<Optional>] crop: Nullable<int>,
            [<Optional>] rotate: Nullable<float>,
            [<Optional>] translate: Nullable<float>,
            [<Optional>] scale: Nullable<float>,
            [<Optional>] jitter: Nullable<float>,
            [<Optional>] seed: Nullable<int>,
            [<Optional>] placement: Placement
        ) : ClassifySettings =
        let o = ClassifySettings.defaults dataset network

        {
            Dataset = dataset
            Data = some data
            Side = given side o.Side
            Gray = given gray o.Gray
            TrainImages = Option.ofNullable trainImages
            Network = network
            Epochs = given epochs o.Epochs
            BatchSize = given batchSize o.BatchSize
            Rate = given rate o.Rate
            WeightDecay = given weightDecay o.WeightDecay
            EmbeddingRate = given embeddingRate o.EmbeddingRate
            EmbeddingDecay = given embeddingDecay o.EmbeddingDecay
            GeneratorRate = given generatorRate o.GeneratorRate
            GeneratorDecay = given generatorDecay o.GeneratorDecay
            Moments = named moments o.Moments
            Schedule = named schedule o.Schedule
            Warmup = given warmup o.Warmup
            Loss = named loss o.Loss
            Flip = given flip o.Flip
            Crop = given crop o.Crop
            Rotate = given rotate o.Rotate
            Translate = given translate o.Translate
            Scale = given scale o.Scale
            Jitter = given jitter o.Jitter
            Seed = given seed o.Seed
            Placement = named placement o.Placement
        }
