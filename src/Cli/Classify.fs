/// `metakan classify`: trains a network on a set of labelled images.
module MetaKan.Cli.Classify

open System
open Argu
open MetaKan
open MetaKan.Images
open MetaKan.Fitting
open MetaKan.Cli.Options
open TorchSharp

type Options =
    | Dataset of string
    | Data of DIR: string
    | Side of int
    | Gray
    | Train_Images of int
    | Net of string
    | Width of int list
    | Model of string
    | Meta
    | Generators of int
    | Wavelet of string
    | Grid_Size of int
    | Spline_Order of int
    | Degree of int
    | Embedding_Dim of int
    | Hidden_Dim of int
    | Recompute
    | Norm of string
    | Dropout of float
    | Head_Dropout of float
    | Epochs of int
    | Batch_Size of int
    | Lr of float
    | Lr_E of float
    | Lr_H of float
    | Weight_Decay of float
    | Weight_Decay_E of float
    | Weight_Decay_H of float
    | Moments of string
    | Schedule of string
    | Warmup of int
    | Loss of string
    | Flip
    | Crop of int
    | Rotate of float
    | Translate of float
    | Scale of float
    | Jitter of float
    | Seed of int
    | Device of string
    | Dtype of string
    | Threads of int
    | Out of DIR: string
    | Config of FILE: string
    | Resume of DIR: string
    | Quiet
    | Json
    | Live
    | Live_Port of PORT: int
    | Tensorboard

    interface IArgParserTemplate with
        member option.Usage =
            match option with
            | Dataset _ ->
                "fmnist, mnist, kmnist, cifar10, cifar100 or svhn; or folder, for images of your own in folders named by their classes (fmnist)."
            | Data _ -> "folder of its files (the usual places; the launcher installs fmnist where Debian has it)."
            | Side _ -> "height and width that images of your own are scaled to (32)."
            | Gray -> "make images of your own gray."
            | Train_Images _ -> "train on so many images, the first ones (all)."
            | Net _ -> "fc, conv4 or conv8 (fc)."
            | Width _ -> "widths of the hidden layers of fc (32)."
            | Model _ -> "mlp, kan, fastkan, wavkan, kaln, kacn or kagn (kan)."
            | Meta -> "let a meta-learner generate the coefficients (MetaKAN)."
            | Generators _ -> "generators; layers of similar width share one (1)."
            | Wavelet _ -> "mexican-hat, morlet, dog, meyer or shannon (mexican-hat)."
            | Grid_Size _ -> "intervals of the spline grid, G (5)."
            | Spline_Order _ -> "order of the splines, k (3)."
            | Degree _ -> "degree of the polynomials of kaln, kacn and kagn (3)."
            | Embedding_Dim _ -> "numbers that embed an edge, p (1)."
            | Hidden_Dim _ -> "hidden width of the generators, h (32)."
            | Recompute ->
                "compute the edges' functions again for the gradients instead of keeping them: less memory, more time."
            | Norm _ -> "none, batch or instance (batch for convolutions and wavkan, else none)."
            | Dropout _ ->
                "probability of dropping a channel between layers (0.25 for convolutions without --meta, else 0)."
            | Head_Dropout _ -> "probability of dropping a number before the last layer (0.5 for convolutions, else 0)."
            | Epochs _ -> "passes over the images (10)."
            | Batch_Size _ -> "images a step (1024 for fc, else 64)."
            | Lr _ -> "learning rate of what is neither embedding nor generator (1e-2 for fc, else 1e-3)."
            | Lr_E _ -> "learning rate of the embeddings (5e-2)."
            | Lr_H _ -> "learning rate of the generators (1e-2)."
            | Weight_Decay _ -> "decay of what is neither embedding nor generator (1e-4)."
            | Weight_Decay_E _ -> "decay of the embeddings (5e-4)."
            | Weight_Decay_H _ -> "decay of the generators (1e-4)."
            | Moments _ ->
                "how AdamW keeps its running means between steps: full, bytes (a byte for each) or factored (full)."
            | Schedule _ -> "linear, cosine, exponential or constant (cosine)."
            | Warmup _ ->
                "steps over which the rates rise at the start (with --meta 100 for fc, 50 for convolutions; else 0)."
            | Loss _ -> "cross-entropy or mse (cross-entropy)."
            | Flip -> "flip images left to right at random."
            | Crop _ -> "pixels by which images are shifted at random, at most (0)."
            | Rotate _ -> "degrees by which images are turned at random, at most (0)."
            | Translate _ -> "share of their sides by which images are moved at random, at most (0)."
            | Scale _ -> "share by which images grow or shrink at random, at most (0)."
            | Jitter _ -> "share by which brightness and contrast change at random, at most (0)."
            | Seed _ -> "seed of the parameters, the order of the images and all else (1314)."
            | Device _ -> "auto, cpu or cuda (auto)."
            | Dtype _ -> "float32 or float64 (float32)."
            | Threads _ -> "threads (all cores, 8 at most)."
            | Out _ -> "folder of the run (runs/DATASET-NET-MODEL-sSEED)."
            | Config _ ->
                "start from the values of this file, a run's config.json or any part of one; options given beside it go before."
            | Resume _ ->
                "go on with the run in this folder, with the settings it holds; --epochs and --threads may change."
            | Quiet -> "no progress, only the result."
            | Json -> "start, progress and result as a line of JSON each, for programs."
            | Live -> "show the report in a browser of this machine while the run goes on, at the address that is told."
            | Live_Port _ -> "the port of that address (a free one)."
            | Tensorboard -> "write the metrics for TensorBoard, too, into the run's folder."

// Images of the user's own.
let private own = "folder"
let private datasets = ImageSets.names @ [ own ]

/// The names that options take.
let names: (string * string list) list =
    [
        "--dataset", datasets
        "--net", Architecture.nets
        "--model", Architecture.models
        "--wavelet", Architecture.wavelets
        "--norm", Architecture.norms
        "--moments", List.map fst MomentStorage.named
        "--schedule", List.map fst Schedule.named
        "--loss", List.map fst ClassifyLoss.named
        "--device", devices
        "--dtype", dtypes
    ]

/// A number from `least` to below `most`.
let private below (option: string) (least: float, most: float) (given: float) =
    if not (given >= least && given < most) then
        raise (BadInput $"{option} takes a number from {least} to below {most}, not {given}")

    given

let private settings (options: ParseResults<Options>) (file: StartFile) : ClassifySettings =
    // A file's name, or what stands where it has none.
    let stored name missing = Configuration.tryValue file name "" |> Option.defaultValue missing

    let net = options.GetResult(Net, stored "settings.network.net" "fc") |> nameOf "--net" Architecture.nets

    let model =
        options.GetResult(Model, stored "settings.network.model" "kan")
        |> nameOf "--model" Architecture.models

    let dataset =
        options.GetResult(Dataset, stored "settings.dataset" "fmnist") |> nameOf "--dataset" datasets

    [ "--side", options.Contains Side; "--gray", options.Contains Gray ]
    |> onlyWith "--dataset folder" (dataset = own)

    let published = Architecture.published net model
    let over = Configuration.over file "settings.network" [ "net"; "model" ]
    let meta = (over published).Meta || options.Contains Meta
    let network = over (if meta then Architecture.generated published else published)

    [ "--width", options.Contains Width ] |> onlyWith "--net fc" (net = "fc")
    [ "--wavelet", options.Contains Wavelet ] |> onlyWith "--model wavkan" (model = "wavkan")

    [ "--grid-size", options.Contains Grid_Size; "--spline-order", options.Contains Spline_Order ]
    |> onlyWith "--model kan" (model = "kan")

    [ "--degree", options.Contains Degree ]
    |> onlyWith "--model kaln, kacn and kagn" (List.contains model [ "kaln"; "kacn"; "kagn" ])

    [
        "--generators", options.Contains Generators
        "--embedding-dim", options.Contains Embedding_Dim
        "--hidden-dim", options.Contains Hidden_Dim
        "--lr-e", options.Contains Lr_E
        "--lr-h", options.Contains Lr_H
        "--weight-decay-e", options.Contains Weight_Decay_E
        "--weight-decay-h", options.Contains Weight_Decay_H
    ]
    |> onlyWith "networks with --meta" meta

    [ "--recompute", options.Contains Recompute ] |> onlyWith "models of edges" (model <> "mlp")

    let width = options.GetResult(Width, network.Width) |> List.map (atLeast "--width" 1)

    [ "--dropout", options.Contains Dropout ]
    |> onlyWith
        "networks with layers between which it drops: give --width two numbers or more"
        (net <> "fc" || width.Length > 1)

    let network =
        { network with
            Width = width
            Meta = meta
            Generators = options.GetResult(Generators, network.Generators) |> atLeast "--generators" 1
            Wavelet = options.GetResult(Wavelet, network.Wavelet) |> nameOf "--wavelet" Architecture.wavelets
            GridSize = options.GetResult(Grid_Size, network.GridSize) |> within "--grid-size" 1 10_000
            SplineOrder = options.GetResult(Spline_Order, network.SplineOrder) |> within "--spline-order" 1 100
            Degree = options.GetResult(Degree, network.Degree) |> within "--degree" 1 100
            EmbeddingDim = options.GetResult(Embedding_Dim, network.EmbeddingDim) |> within "--embedding-dim" 1 10_000
            HiddenDim = options.GetResult(Hidden_Dim, network.HiddenDim) |> within "--hidden-dim" 1 100_000
            Recompute = network.Recompute || options.Contains Recompute
            Norm = options.GetResult(Norm, network.Norm) |> nameOf "--norm" Architecture.norms
            Dropout = options.GetResult(Dropout, network.Dropout) |> below "--dropout" (0.0, 1.0)
            HeadDropout = options.GetResult(Head_Dropout, network.HeadDropout) |> below "--head-dropout" (0.0, 1.0)
        }

    let defaults =
        { ClassifySettings.defaults dataset network with Placement = placement "auto" "float32" }
        |> Configuration.over file "settings" [ "network"; "dataset" ]

    if dataset = own && not (options.Contains Data || defaults.Data.IsSome) then
        raise (BadInput "--dataset folder takes --data, the folder with a folder of images for each class")

    { defaults with
        Side = options.GetResult(Side, defaults.Side) |> atLeast "--side" 1
        Gray = defaults.Gray || options.Contains Gray
        // From the root, so that the run resumes from any folder.
        Data = options.TryGetResult Data |> Option.orElse defaults.Data |> Option.map IO.Path.GetFullPath
        TrainImages =
            options.TryGetResult Train_Images
            |> Option.orElse defaults.TrainImages
            |> Option.map (atLeast "--train-images" 1)
        Epochs = options.GetResult(Epochs, defaults.Epochs) |> atLeast "--epochs" 1
        BatchSize = options.GetResult(Batch_Size, defaults.BatchSize) |> atLeast "--batch-size" 1
        Rate = options.GetResult(Lr, defaults.Rate) |> positive "--lr"
        EmbeddingRate = options.GetResult(Lr_E, defaults.EmbeddingRate) |> positive "--lr-e"
        GeneratorRate = options.GetResult(Lr_H, defaults.GeneratorRate) |> positive "--lr-h"
        WeightDecay = options.GetResult(Weight_Decay, defaults.WeightDecay) |> below "--weight-decay" (0.0, infinity)
        EmbeddingDecay =
            options.GetResult(Weight_Decay_E, defaults.EmbeddingDecay)
            |> below "--weight-decay-e" (0.0, infinity)
        GeneratorDecay =
            options.GetResult(Weight_Decay_H, defaults.GeneratorDecay)
            |> below "--weight-decay-h" (0.0, infinity)
        Moments =
            options.TryGetResult Moments
            |> Option.map (oneOf "--moments" MomentStorage.named)
            |> Option.defaultValue defaults.Moments
        Schedule =
            options.TryGetResult Schedule
            |> Option.map (oneOf "--schedule" Schedule.named)
            |> Option.defaultValue defaults.Schedule
        Warmup = options.GetResult(Warmup, defaults.Warmup) |> atLeast "--warmup" 0
        Loss =
            options.TryGetResult Loss
            |> Option.map (oneOf "--loss" ClassifyLoss.named)
            |> Option.defaultValue defaults.Loss
        Flip = defaults.Flip || options.Contains Flip
        Crop = options.GetResult(Crop, defaults.Crop) |> atLeast "--crop" 0
        Rotate = options.GetResult(Rotate, defaults.Rotate) |> below "--rotate" (0.0, 180.0)
        Translate = options.GetResult(Translate, defaults.Translate) |> below "--translate" (0.0, 1.0)
        Scale = options.GetResult(Scale, defaults.Scale) |> below "--scale" (0.0, 1.0)
        Jitter = options.GetResult(Jitter, defaults.Jitter) |> below "--jitter" (0.0, 1.0)
        Seed = options.GetResult(Seed, defaults.Seed)
        Placement = placementOver defaults.Placement (options.TryGetResult Device) (options.TryGetResult Dtype)
    }

let private shapeOfOwn (settings: ClassifySettings) : int * int * int =
    (if settings.Gray then 1 else 3), settings.Side, settings.Side

/// What the options ask for: settings, threads, the network, and the folder to go on with.
let private ask (options: ParseResults<Options>) : ClassifySettings * int * Classifier * string option =
    let folder = options.TryGetResult Resume

    if folder.IsSome then
        options.GetAllResults() |> resumesWith [ "--epochs"; "--threads" ]

    let file = startFile "classify" [ "images"; "settings" ] folder (options.TryGetResult Config)

    fun () ->
        let settings = settings options file
        let stored = Configuration.tryValue file "threads" 1

        let threads =
            match stored with
            | Some threads when folder.IsSome -> threadsOf threads
            | _ -> Option.defaultWith allThreads stored

        let kind =
            match folder, settings.Data with
            | Some folder, _ -> Classify.kind folder
            | None, Some data when settings.Dataset = own ->
                let channels, height, width = shapeOfOwn settings
                { Channels = channels; Height = height; Width = width; Classes = ImageFolder.classes data }
            | None, _ -> ImageSets.kind settings.Dataset

        let network = settings.Network

        // Of the layers that have as many nodes as they are asked to.
        if network.Net = "fc" then
            let widths = kind.Channels * kind.Height * kind.Width :: network.Width @ [ kind.Classes.Length ]

            let perEdge = if network.Meta then int64 network.EmbeddingDim else 1L
            fitsNetwork "--width" widths perEdge 0L settings.Moments

        settings, options.GetResult(Threads, threads) |> threadCount, Classify.network settings kind, folder
    |> ofFile file (options.GetAllResults())

/// Refuses what a run would refuse, with nothing read or done.
let check (options: ParseResults<Options>) : unit = ask options |> ignore

/// Refuses the stored configuration of a run that cannot be gone on with.
let internal checkStored (folder: string) : unit =
    ArgumentParser.Create<Options>(programName = "metakan").ParseCommandLine [| "--resume"; folder |]
    |> check

let run (options: ParseResults<Options>) : int =
    let view = Training.view (options.Contains Quiet) (options.Contains Json)
    let settings, threads, classifier, folder = ask options
    let network = settings.Network
    torch.set_num_threads threads

    let images =
        match settings.Data with
        | Some data when settings.Dataset = own -> ImageFolder.load (shapeOfOwn settings) data
        | data -> ImageSets.load settings.Dataset data

    use interrupt = new Interrupt.Watch()
    use live = Live.start (options.Contains Live) (options.TryGetResult Live_Port)

    let place =
        {
            Folder =
                folder
                |> Option.orElse (options.TryGetResult Out)
                |> Option.defaultWith (fun () ->
                    RunFolder.free $"runs/{settings.Dataset}-{network.Net}-{classifier.Name}-s{settings.Seed}")
            Resume = folder.IsSome
            Sections = []
            Meters = [ Info.peakCuda ]
            Interrupted = fun () -> interrupt.Asked
            Signals = false
            TensorBoard = options.Contains Tensorboard
        }

    let steps = settings.Epochs * Classify.stepsPerEpoch settings images

    let heading: Progress.Heading =
        { Task = "classify"; Folder = place.Folder; Text = ""; Live = live.Address }

    let found =
        Training.shown view live heading steps (fun progress ->
            Classify.run place settings images (function
                | Stepped(state, loss) ->
                    progress.Step(state.Step, loss)
                    live.Step state.Step
                | Evaluated(_, _, measures) ->
                    measures
                    |> List.tryFind (fun (name, _) -> name = "test_accuracy")
                    |> Option.iter (fun (_, accuracy) -> progress.Error(1.0 - accuracy))
                | Saved _ -> ()))

    Training.concluded view "classify" place.Folder found.Outcome found.Result (fun () ->
        let number (name: string) = found.Result[name].GetValue<float>()
        let parameters = found.Result["parameters"].GetValue<int64>()

        [
            $"""test accuracy {100.0 * number "test_accuracy":F2} %% (best), {100.0 * number "test_accuracy_last":F2} %% (last); {parameters} parameters; {number "train_seconds":F1} s of training, in {place.Folder}"""
        ])
