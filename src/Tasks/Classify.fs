// Classifying images: training a network on a set of labelled images, and what a run of it leaves behind.
namespace MetaKan.Images

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open MetaKan
open TorchSharp

/// A trained classifier.
type Classification =
    {
        /// The network, whose parameters are `Best`.
        Classifier: Classifier
        /// Parameters and statistics after the epoch of the best test accuracy.
        Best: Params
        /// How training ended.
        Outcome: Outcome
        /// What result.json says.
        Result: JsonObject
    }

/// Trains networks on labelled images in a run's folder, and classifies images by them.
[<RequireQualifiedAccess>]
module Classify =
    /// Of the images trained on, those that training accuracy is measured on, at most.
    let private watched = 10_000

    let private bestPath folder = Path.Combine(folder, "checkpoint", "best.safetensors")

    // What each purpose draws its random numbers from.
    let private keyFor (settings: ClassifySettings) purpose = Key.fold purpose (Key.ofSeed settings.Seed)

    let private batching (settings: ClassifySettings) : Batching =
        {
            Size = settings.BatchSize
            Augmentation =
                {
                    Flip = settings.Flip
                    Crop = settings.Crop
                    Affine =
                        if [ settings.Rotate; settings.Translate; settings.Scale ] |> List.forall ((=) 0.0) then
                            None
                        else
                            Some
                                {
                                    Degrees = settings.Rotate
                                    Translate = settings.Translate
                                    Scale = 1.0 - settings.Scale, 1.0 + settings.Scale
                                }
                    Jitter =
                        if settings.Jitter = 0.0 then
                            None
                        else
                            Some { Brightness = settings.Jitter; Contrast = settings.Jitter }
                }
            Normalization = Normalization.symmetric
            Key = keyFor settings 2
            Placement = settings.Placement
        }

    /// The network of the settings for images and classes. Raises BadInput as `Architecture.build` does.
    let internal network (settings: ClassifySettings) (kind: ImageKind) : Classifier =
        Architecture.build settings.Network (kind.Channels, kind.Height, kind.Width) kind.Classes.Length

    // Rows of a batch in parts, one for each worker of so many ranks.
    let private parts (ranks: int) (rows: int64) (device: torch.Device) =
        let count = min rows (int64 (ranks * Workers.count device))

        [
            for part in 0L .. count - 1L -> rows * part / count, rows * (part + 1L) / count - rows * part / count
        ]

    /// The logits [N, classes] of images [N, C, H, W], normalised as for training, by parameters and statistics.
    let logits (classifier: Classifier) (p: Params) (images: Tensor) : Tensor =
        use _ = torch.no_grad ()
        let weights, statistics = Statistics.split p

        parts 1 (images.size 0) images.device
        |> Workers.map images.device Seq.singleton (fun (first, rows) ->
            classifier.Layers.Apply Predicting weights statistics (images.narrow (0L, first, rows)) |> fst)
        |> fun found -> torch.cat (List.toArray found)

    // Logits and labels of whole batches, worked on by `each`.
    let private over settings classifier p images (each: Tensor -> Tensor -> 'a) : 'a list =
        [
            for batch in Batches.whole (batching settings) images do
                use _ = torch.NewDisposeScope()
                each (logits classifier p batch.Pixels) batch.Labels
                batch.Pixels.Dispose()
                batch.Labels.Dispose()
        ]

    /// Each class's probability, for each image.
    let probabilities (settings: ClassifySettings) (classifier: Classifier) (p: Params) (images: Images) : float[][] =
        over settings classifier p images (fun logits _ ->
            Tensor.toArray (logits.softmax 1L) |> Array.chunkBySize (int (logits.size 1)))
        |> Array.concat

    /// The most likely class of each image.
    let predict (settings: ClassifySettings) (classifier: Classifier) (p: Params) (images: Images) : int[] =
        over settings classifier p images (fun logits _ -> logits.argmax(1L).data<int64>().ToArray() |> Array.map int)
        |> Array.concat

    let private loss (settings: ClassifySettings) (logits: Tensor) (labels: Tensor) : Tensor =
        match settings.Loss with
        | ClassifyLoss.CrossEntropy -> torch.nn.functional.cross_entropy (logits, labels)
        | ClassifyLoss.Mse ->
            let wanted = (torch.nn.functional.one_hot (labels, logits.size 1)).``to`` logits.dtype
            torch.nn.functional.mse_loss (logits, wanted)

    // Share of images that are classified right, and the mean loss.
    let private measure settings classifier p images =
        let sums =
            [
                for own in Ranks.share [ for i in 0 .. Ranks.count () - 1 -> Images.part (Ranks.count ()) i images ] do
                    if Images.count own > 0 then
                        yield!
                            over settings classifier p own (fun logits labels ->
                                [|
                                    Tensor.item (logits.argmax(1L).eq(labels).sum())
                                    Tensor.item (loss settings logits labels) * float (labels.size 0)
                                |])
            ]
            |> List.fold (Array.map2 (+)) [| 0.0; 0.0 |]
            |> Ranks.numbers

        let count = float (Images.count images)
        sums[0] / count, sums[1] / count

    /// Whether a step shares a batch between workers: a network that gathers statistics needs it whole.
    let hires (classifier: Classifier) : bool = Map.isEmpty (classifier.Layers.Statistics Placement.cpu32)

    /// The loss and gradient of a step's batch by joined parameters and statistics, with the statistics' next values in
    /// the place of theirs. Images are independent but for what the batch's statistics make of them: without such, each
    /// worker has a part, in a job of MPI each of every process.
    let gradient settings (classifier: Classifier) (batch: int -> Batch) (step: int) : Gradient =
        fun joined ->
            let p, statistics = Statistics.split joined
            let batch = batch step
            let rows, device = batch.Labels.size 0, batch.Labels.device
            let key = Key.fold step (keyFor settings 3)

            (if statistics.IsEmpty then parts (Ranks.count ()) rows device else [ 0L, rows ])
            |> List.indexed
            |> Ranks.gradient
                joined
                (Workers.gradient device (fun (part, (first, size)) ->
                    let tracked = Params.tracked p
                    let images, labels = batch.Pixels.narrow (0L, first, size), batch.Labels.narrow (0L, first, size)

                    let logits, gathered =
                        classifier.Layers.Apply (Learning(Key.fold part key)) tracked statistics images

                    let loss = loss settings logits labels * (float size / float rows)
                    loss.detach (), Statistics.join (Params.gradient loss tracked) gathered))

    let private initial (settings: ClassifySettings) (classifier: Classifier) : Params =
        let place = settings.Placement
        Statistics.join (classifier.Layers.Init (keyFor settings 1) place) (classifier.Layers.Statistics place)

    /// Steps of an epoch on a set of images.
    let stepsPerEpoch (settings: ClassifySettings) (set: ImageSet) : int =
        let images = Images.count set.Train
        let used = settings.TrainImages |> Option.map (min images) |> Option.defaultValue images
        Batches.perEpoch (batching settings) used

    // The rate, over so many steps, and the decay of a group of parameters.
    let private group (settings: ClassifySettings) (steps: int) (group: ParameterGroup) =
        let rate, decay =
            match group with
            | ParameterGroup.Embeddings -> settings.EmbeddingRate, settings.EmbeddingDecay
            | ParameterGroup.Generators -> settings.GeneratorRate, settings.GeneratorDecay
            | ParameterGroup.Weights -> settings.Rate, settings.WeightDecay

        {
            Rate =
                Schedule.product
                    [
                        Schedule.constant rate
                        Schedule.annealed settings.Schedule steps
                        Schedule.warmup settings.Warmup
                    ]
            WeightDecay = decay
        }

    /// The optimizer of so many steps.
    let internal optimizer (settings: ClassifySettings) (classifier: Classifier) (steps: int) : Optimizer =
        Statistics.gathering (Adam.create settings.Moments (classifier.Group >> group settings steps))

    /// The run as a fold: no files, no output. `batch` gives the images of a step.
    let internal plan (settings: ClassifySettings) (classifier: Classifier) (set: ImageSet) batch : TrainingPlan =
        let perEpoch = Batches.perEpoch (batching settings) (Images.count set.Train)
        let steps = settings.Epochs * perEpoch
        let watched = Images.subset watched set.Train

        {
            Stages = [ gradient settings classifier batch |> Stage.create steps (optimizer settings classifier steps) ]
            Evaluate =
                fun { Params = p } ->
                    let train, _ = measure settings classifier p watched
                    let test, loss = measure settings classifier p set.Test
                    [ "train_accuracy", train; "test_accuracy", test; "test_loss", loss ]
            EvaluateEvery = perEpoch
            SaveEvery = perEpoch
            WatchEvery = 10
            Interrupted = fun () -> false
        }

    // What may differ when a run goes on: how long it trains.
    let private mayChange = [ "settings.epochs" ]

    let private measures =
        [
            "loss", MeasureKind.Loss
            "train_accuracy", MeasureKind.Accuracy
            "test_accuracy", MeasureKind.Accuracy
            "test_loss", MeasureKind.Loss
        ]

    /// The images and classes of a run. Raises BadInput where the folder is no such run's, or its configuration has sizes that
    /// no images have.
    let kind (folder: string) : ImageKind =
        let kind: ImageKind = Configuration.read folder "classify" "images"

        let fault =
            if not (List.contains kind.Channels [ 1; 3 ]) then
                Some $"images.channels takes 1 or 3, not {kind.Channels}"
            elif min kind.Height kind.Width < 1 then
                Some $"images.height and images.width take 1 or more, not {kind.Height} and {kind.Width}"
            elif bigint kind.Channels * bigint kind.Height * bigint kind.Width > bigint Array.MaxLength then
                Some $"images.height and images.width, {kind.Height} and {kind.Width}, are more than memory holds"
            elif kind.Classes.IsEmpty then
                Some "images.classes takes names"
            else
                None

        fault |> Option.iter (fun fault -> raise (BadInput $"{RunFolder.configPath folder}: {fault}"))

        kind

    /// The classifier of a finished or stopped run, with the parameters and statistics of its best epoch. Raises BadInput
    /// where the folder holds none.
    let load (folder: string) : ClassifySettings * Classifier * Params =
        let settings: ClassifySettings = Configuration.read folder "classify" "settings"

        if not (File.Exists(bestPath folder)) then
            raise (BadInput $"{folder} has no finished epoch to predict with")

        let classifier = network settings (kind folder)
        settings, classifier, (Checkpoint.load (bestPath folder) (initial settings classifier)).Params

    // Pictures and result.json of the best epoch, in the run's folder.
    let private conclude
        (place: RunPlace)
        (settings: ClassifySettings)
        (classifier: Classifier)
        (set: ImageSet)
        (ranks: int)
        (best: Params option)
        (evaluate: TrainingState -> (string * float) list)
        outcome
        (state: TrainingState)
        : JsonObject =
        let folder = place.Folder
        let node (value: 'a) = RunFolder.node value
        let predictions = predict settings classifier (Option.defaultValue state.Params best) set.Test
        let counts = Confusion.counts set.Classes.Length set.Test.Labels predictions
        let picture name = Plot.save (Path.Combine(RunFolder.picturesPath folder, name))
        picture "confusion.svg" (Confusion.svg set.Classes counts)

        let wrong =
            Seq.zip set.Test.Labels predictions
            |> Seq.indexed
            |> Seq.filter (fun (_, (label, found)) -> label <> found)
            |> Seq.map (fun (index, (_, found)) -> index, found)
            |> Seq.truncate 40
            |> Seq.toList

        picture "misclassified.svg" (Contact.sheet set.Classes 8 wrong set.Test)

        let perClass =
            [
                for i, name in List.indexed set.Classes do
                    let total = Array.sum counts[i, *]
                    name, (if total = 0 then null else node (float counts[i, i] / float total))
            ]
            |> RunFolder.fields

        let right =
            Seq.zip set.Test.Labels predictions
            |> Seq.filter (fun (label, found) -> label = found)
            |> Seq.length

        let batches = Batches.perEpoch (batching settings) (Images.count set.Train)

        // Measured again where the row of the run's end is lost.
        let measured =
            match Run.tryMeasuredAt folder state.Step with
            | None when outcome = Completed ->
                Ranks.alone (fun () -> evaluate state) |> List.map (fun (name, value) -> name, Some value)
            | _ -> Run.measured folder

        let last name = measured |> List.tryFind (fst >> (=) name) |> Option.bind snd |> Option.map node
        let weights, _ = Statistics.split state.Params

        let result =
            [
                "task", node "classify"
                "dataset", node set.Name
                "model", node classifier.Name
                "network", node classifier.Description
                "parameters", node (Params.count weights)
                "epochs", node (state.Step / batches)
                "loss", Option.toObj (last "loss")
                "test_accuracy",
                best |> Option.map (fun _ -> node (float right / float predictions.Length)) |> Option.toObj
                "test_accuracy_last", Option.toObj (last "test_accuracy")
                "train_accuracy", Option.toObj (last "train_accuracy")
                "accuracy_by_class", perClass :> JsonNode
                "train_seconds", node state.Seconds
                "seconds_per_epoch", node (state.Seconds * float batches / float (max 1 state.Step))
                "peak_rss_mib", node (float (Process.GetCurrentProcess().PeakWorkingSet64) / 1048576.0)
                for name, meter in place.Meters do
                    name, meter ()
                "device", node (string settings.Placement.Device)
                "dtype", node ((string settings.Placement.DType).ToLowerInvariant())
                "threads", node (torch.get_num_threads ())
                "ranks", node ranks
                "seed", node settings.Seed
                "outcome", node (Outcome.name outcome)
            ]
            |> RunFolder.fields

        RunFolder.writeResult folder result
        result

    let private trained
        (place: RunPlace)
        settings
        classifier
        set
        evaluate
        outcome
        (state: TrainingState)
        : Classification =
        let ranks = Ranks.count ()

        let best =
            if Ranks.isSo (fun () -> File.Exists(bestPath place.Folder)) then
                Some (Checkpoint.load (bestPath place.Folder) state.Params).Params
            else
                None

        {
            Classifier = classifier
            Best = Option.defaultValue state.Params best
            Outcome = outcome
            Result =
                RunFolder.ofFirst (fun () -> conclude place settings classifier set ranks best evaluate outcome state)
        }

    /// Trains the network of the settings on a set of images, in a run's folder. The listener sees each training event
    /// once the folder's files have it; an evaluation follows each epoch. Raises BadInput for settings and folders that
    /// cannot be used, as several processes of a job of MPI with a batch norm, RunFailed when the disk refuses. A run that is resumed with more epochs goes on from where it ended.
    let run
        (place: RunPlace)
        (settings: ClassifySettings)
        (set: ImageSet)
        (listen: TrainingEvent -> unit)
        : Classification =
        use scope = torch.NewDisposeScope()

        let set =
            match settings.TrainImages with
            | Some count -> { set with Train = Images.subset count set.Train }
            | None -> set

        let kind = Images.kind set
        let classifier = network settings kind

        if Ranks.count () > 1 && not (hires classifier) then
            raise (
                BadInput
                    "norm batch takes each batch whole, which the processes of a job do not share: take none or instance"
            )

        // The accuracy of the best epoch so far.
        let best = ref 0.0

        let store event =
            match event with
            | Evaluated(state, _, measures) ->
                let accuracy = measures |> List.find (fst >> (=) "test_accuracy") |> snd

                if accuracy >= best.Value then
                    best.Value <- accuracy
                    Checkpoint.save (bestPath place.Folder) { state with Memory = Map.empty }
            | Stepped _
            | Saved _ -> ()

            listen event

        let found =
            let sections = [ "images", Configuration.node kind; "settings", Configuration.node settings ]

            Run.keep place "classify" sections measures mayChange (fun resumes ->
                if Ranks.isSo (fun () -> resumes && File.Exists(bestPath place.Folder)) then
                    use _ = torch.NewDisposeScope()
                    let like = initial settings classifier
                    let kept = (Checkpoint.load (bestPath place.Folder) like).Params
                    best.Value <- fst (measure settings classifier kept set.Test)

                use reader = Batches.ahead (batching settings) set.Train
                let plan = plan settings classifier set reader.Get
                let steps = Training.totalSteps plan

                let rates =
                    Run.rates classifier.Group (fun parameters state ->
                        Some((group settings steps parameters).Rate(state.Step - 1)))

                Run.train
                    place
                    mayChange
                    measures
                    (hires classifier)
                    plan
                    rates
                    (fun () -> initial settings classifier)
                    store
                    resumes
                ||> trained place settings classifier set plan.Evaluate)

        for t in Params.tensors found.Best do
            scope.Detach t |> ignore

        found
