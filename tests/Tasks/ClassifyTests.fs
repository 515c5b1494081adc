/// Classifying: runs that learn, are interrupted and resumed, and what they leave behind.
module MetaKan.Tests.ClassifyTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Folder
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open TorchSharp

/// Images in the size of Fashion-MNIST whose class is the band that is bright, under noise.
let private images (seed: int) (count: int) : Images =
    let labels = Array.init count (fun n -> n % 10)
    let noise = Key.uniforms (Key.ofSeed seed) (count * 784)

    {
        Channels = 1
        Height = 28
        Width = 28
        Labels = labels
        Pixels =
            Array.init (count * 784) (fun place ->
                let row = place % 784 / 28
                let bright = row / 2 = labels[place / 784]
                byte (40.0 + 40.0 * noise[place] + (if bright then 120.0 else 0.0)))
    }

let private set =
    { Name = "fmnist"; Classes = ImageSets.classes "fmnist"; Train = images 1 50; Test = images 2 30 }

let private architecture net model meta =
    { Architecture.published net model with Width = [ 4 ]; Meta = meta; HiddenDim = 4 }

let private settings network =
    { ClassifySettings.defaults "fmnist" network with
        Epochs = 3
        BatchSize = 16
        Rate = 0.03
        Placement = Placement.cpu64
    }

let private state folder (like: Params) = Checkpoint.load (RunFolder.checkpointPath folder) like

/// Networks with dropout, batch statistics, generated and stored coefficients; augmented images.
let private small =
    Gen.elements
        [
            { architecture "fc" "kan" true with HeadDropout = 0.3; Width = [ 4; 3 ]; Dropout = 0.3 }
            architecture "fc" "wavkan" false
            { architecture "fc" "mlp" false with Norm = "batch" }
        ]

/// One after another: the number of threads is the process's.
let tests =
    testSequenced
    <| testList
        "Tasks.Classify"
        [
            testCase "ranks that share batches come to what one process comes to; a batch norm is refused" (fun () ->
                let settings = settings (architecture "fc" "kan" true)
                let kept (run: Classification) = Params.tensors run.Best |> Seq.ofArray
                let place folder = { freshIn folder with Signals = false }

                withFolder (fun alone ->
                    let expected = Classify.run (place alone) settings set ignore

                    for count in [ 2; 3 ] do
                        withFolder (fun folder ->
                            let found =
                                Jobs.run count kept (fun _ -> Classify.run (place folder) settings set ignore)

                            for run in found do
                                closeTrees "the best epoch's parameters" 1e-9 expected.Best run.Best
                                closeTrees "another rank's bits" 0.0 found.Head.Best run.Best

                            let accuracies folder =
                                (Metrics.read folder).Rows |> Array.map (fun (_, row) -> row[1..2])

                            Expect.equal (accuracies folder) (accuracies alone) "accuracies"
                            Expect.equal (found.Head.Result["ranks"].GetValue<int>()) count "ranks"))

                let normed = { settings with Network = { settings.Network with Norm = "batch" } }

                withFolder (fun folder ->
                    let refused =
                        Jobs.run 2 (fun _ -> Seq.empty) (fun _ ->
                            try
                                Classify.run (place folder) normed set ignore |> ignore
                                ""
                            with BadInput reason ->
                                reason)

                    for reason in refused do
                        Expect.stringStarts reason "norm batch takes each batch whole" "reason"

                    Expect.isEmpty (Directory.GetFileSystemEntries folder) "files left behind"))

            property
                "a run that was interrupted and resumed is the uninterrupted one, to the bit"
                6
                (Gen.zip small (Gen.choose (1, 11)))
                (fun (network, steps) ->
                    withFolder (fun whole ->
                        withFolder (fun folder ->
                            let settings =
                                { settings network with Flip = true; Crop = 2; Rotate = 10.0; Jitter = 0.1 }

                            let expected = Classify.run (freshIn whole) settings set ignore
                            let stopped = Classify.run (freshIn folder |> cut steps) settings set ignore
                            Expect.equal stopped.Outcome Stopped "outcome"
                            let found = Classify.run (resumedIn folder) settings set ignore
                            Expect.equal found.Outcome Completed "outcome"
                            closeTrees "best" 0.0 expected.Best found.Best

                            closeTrees
                                "last"
                                0.0
                                (state whole expected.Best).Params
                                (state folder expected.Best).Params

                            Expect.equal (metrics folder) (metrics whole) "metrics"

                            for name in [ "test_accuracy"; "test_accuracy_last"; "parameters"; "epochs" ] do
                                Expect.equal
                                    (found.Result[name].ToJsonString())
                                    (expected.Result[name].ToJsonString())
                                    "result")))

            testCase "a finished run goes on with more epochs, as if it had them from the start" (fun () ->
                withFolder (fun whole ->
                    withFolder (fun folder ->
                        // A rate that does not depend on how many epochs there are to be.
                        let settings epochs =
                            { settings (architecture "fc" "kan" true) with
                                Epochs = epochs
                                Schedule = Annealing.Constant
                            }

                        let expected = Classify.run (freshIn whole) (settings 4) set ignore
                        Classify.run (freshIn folder) (settings 2) set ignore |> ignore
                        let found = Classify.run (resumedIn folder) (settings 4) set ignore
                        closeTrees "last" 0.0 (state whole expected.Best).Params (state folder expected.Best).Params
                        closeTrees "best" 0.0 expected.Best found.Best
                        Expect.equal (metrics folder) (metrics whole) "metrics"

                        let fewer () = Classify.run (resumedIn folder) (settings 3) set ignore |> ignore
                        Expect.throwsT<BadInput> fewer "epochs that are done")))

            Check.theory
                "bright bands are learned"
                [ "kan", false; "kan", true; "fastkan", false; "fastkan", true; "wavkan", false; "mlp", false ]
                (fun (model, meta) ->
                    withFolder (fun folder ->
                        let settings =
                            { settings
                                  { architecture "fc" model meta with Width = [ 16 ]; HiddenDim = 16; Norm = "batch" } with
                                Epochs = 20
                                BatchSize = 20
                                Rate = 5e-3
                                EmbeddingRate = 1e-2
                                GeneratorRate = 5e-3
                                Warmup = 60
                            }

                        let found = Classify.run (freshIn folder) settings { set with Train = images 1 300 } ignore

                        Expect.isTrue
                            (found.Result["test_accuracy"].GetValue<float>() > 0.5)
                            (found.Result["test_accuracy"].ToJsonString())))

            testCase "the best epoch is kept, and the folder predicts with it" (fun () ->
                withFolder (fun folder ->
                    let settings = settings (architecture "fc" "kan" true)
                    let measured = ResizeArray()

                    let found =
                        Classify.run (freshIn folder) settings set (function
                            | Evaluated(_, _, measures) -> measured.Add(Map measures)
                            | _ -> ())

                    Expect.equal measured.Count 3 "number of epochs"
                    let best = measured |> Seq.map (Map.find "test_accuracy") |> Seq.max
                    Expect.equal (found.Result["test_accuracy"].GetValue<float>()) best "test accuracy"

                    Expect.equal
                        (found.Result["test_accuracy_last"].GetValue<float>())
                        (Map.find "test_accuracy" (Seq.last measured))
                        "last test accuracy"

                    let loaded, classifier, p = Classify.load folder
                    let text (settings: ClassifySettings) = (Configuration.node settings).ToJsonString()
                    Expect.equal (text loaded) (text settings) "settings"
                    closeTrees "best" 0.0 found.Best p
                    let right = Classify.predict loaded classifier p set.Test |> Array.map2 (=) set.Test.Labels
                    Check.near 5e-13 (float (right |> Array.filter id |> Array.length) / 30.0) best "accuracy"

                    for shares in Classify.probabilities loaded classifier p set.Test do
                        Check.near 5e-10 (Array.sum shares) 1.0 "sum of shares"

                    for picture in [ "confusion.svg"; "misclassified.svg" ] do
                        Expect.isTrue (File.Exists(Path.Combine(RunFolder.picturesPath folder, picture))) picture))

            testCase "of all epochs the last among the best is kept" (fun () ->
                let fallen =
                    [
                        for seed in 1..5 do
                            withFolder (fun folder ->
                                let settings =
                                    { settings (architecture "fc" "kan" false) with
                                        Epochs = 8
                                        Rate = 0.02
                                        Schedule = Annealing.Constant
                                        Seed = seed
                                    }

                                let epochs = ResizeArray()

                                let found =
                                    Classify.run (freshIn folder) settings set (function
                                        | Evaluated(state, _, measures) ->
                                            epochs.Add(
                                                Map.find "test_accuracy" (Map measures),
                                                state.Params |> Map.map (fun _ t -> Tensor.toArray t)
                                            )
                                        | _ -> ())

                                let best = epochs |> Seq.map fst |> Seq.max
                                let _, expected = epochs |> Seq.findBack (fst >> (=) best)
                                Expect.equal (found.Best |> Map.map (fun _ t -> Tensor.toArray t)) expected "best"
                                best > fst (Seq.last epochs))
                    ]

                // Some runs are to fall back, or the last epoch would do as the best.
                Expect.contains fallen true "a run that falls back")

            testCase "a step is the same for any number of threads" (fun () ->
                let on threads =
                    withFolder (fun folder ->
                        let before = torch.get_num_threads ()
                        torch.set_num_threads threads

                        try
                            let settings = { settings (architecture "fc" "kan" true) with Epochs = 1 }

                            let found = Classify.run (freshIn folder) settings set ignore
                            found.Best |> Map.map (fun _ t -> t.clone ())
                        finally
                            torch.set_num_threads before)

                closeTrees "threads" 1e-9 (on 1) (on 3))

            Check.theory
                "convolutions learn"
                [ "conv4", "kan", true, "batch"; "conv4", "kagn", false, "instance" ]
                (fun (net, model, meta, norm) ->
                    withFolder (fun folder ->
                        let network = { Architecture.published net model with Meta = meta; Norm = norm }
                        let few = { set with Train = images 1 16; Test = images 2 4 }
                        let losses = ResizeArray()

                        let settings =
                            { ClassifySettings.defaults "fmnist" network with Epochs = 4; BatchSize = 8; Rate = 1e-3 }

                        Classify.run (freshIn folder) settings few (function
                            | Stepped(_, loss) -> losses.Add loss.Value
                            | _ -> ())
                        |> ignore

                        Expect.isTrue (Seq.last losses < losses[0]) $"{List.ofSeq losses}"))

            property
                "each group of parameters follows its own rate and decay, the schedule and the warm-up"
                20
                (Gen.zip3 (Gen.elements MetaKan.Schedule.named) (Gen.choose (0, 6)) (Gen.choose (1, 9)))
                (fun ((_, schedule), warmup, steps) ->
                    let settings =
                        { settings (architecture "fc" "kan" true) with
                            Rate = 1e-3
                            EmbeddingRate = 2e-3
                            GeneratorRate = 5e-3
                            WeightDecay = 7.0
                            EmbeddingDecay = 11.0
                            GeneratorDecay = 13.0
                            Schedule = schedule
                            Warmup = warmup
                        }

                    let classifier = Architecture.build settings.Network (1, 28, 28) 10
                    let start = classifier.Layers.Init (Key.ofSeed 1) Placement.cpu64
                    let batch _ = failwith "no images are wanted"
                    // 50 images in batches of 16, three times over.
                    let total = 12
                    let stage = (Classify.plan settings classifier set batch).Stages.Head
                    Expect.equal stage.Steps total "steps"
                    let optimizer = Classify.optimizer settings classifier stage.Steps

                    let expected =
                        Adam.create MomentStorage.Full (fun name ->
                            let rate, decay =
                                if name.StartsWith "embeddings" then 2e-3, 11.0
                                elif name.StartsWith "hypernet" then 5e-3, 13.0
                                else 1e-3, 7.0

                            let rise step = min 1.0 (float (step + 1) / float (warmup + 1))

                            {
                                Rate = fun step -> rate * rise step * Schedule.annealed schedule total step
                                WeightDecay = decay
                            })

                    closeTrees "after some steps" 1e-12 (moved steps expected start) (moved steps optimizer start))

            property "statistics are gathered beside the parameters, and not descended" 20 seeds (fun seed ->
                let p, statistics = Map [ "a", normal seed [ 3 ] ], Map [ "norm.mean", normal (seed + 1) [ 2 ] ]
                let joined = Statistics.join p statistics
                let again, also = Statistics.split joined
                closeTrees "parameters" 0.0 p again
                closeTrees "statistics" 0.0 statistics also
                let next = Map [ "norm.mean", normal (seed + 2) [ 2 ] ]

                let gradient (joined: Params) =
                    joined["a"].sum(), Statistics.join (Map [ "a", torch.ones_like joined["a"] ]) next

                let adam =
                    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.1; WeightDecay = 0.0 })

                let gathering = Statistics.gathering adam
                let _, moved, memory = gathering.Update 0 gradient joined (gathering.Init joined)
                let moved, gathered = Statistics.split moved
                closeTrees "gathered" 0.0 next gathered

                let plain (p: Params) = p["a"].sum(), Map [ "a", torch.ones_like p["a"] ]

                let _, expected, expectedMemory = adam.Update 0 plain p (adam.Init p)
                closeTrees "moved" 0.0 expected moved
                closeTrees "memory" 0.0 expectedMemory memory)

            testCase "what does not go together is refused" (fun () ->
                let refusal network =
                    messageOf<BadInput>(fun () -> Architecture.build network (1, 28, 28) 10 |> ignore)

                Expect.stringContains (refusal (architecture "conv4" "wavkan" false)) "wavkan" "refusal"
                Expect.stringContains (refusal (architecture "fc" "mlp" true)) "mlp" "refusal"

                Expect.stringContains
                    (refusal { architecture "fc" "kan" false with Norm = "instance" })
                    "instance"
                    "refusal"

                Expect.stringContains
                    (refusal { architecture "conv4" "kan" true with Generators = 5 })
                    "generators"
                    "refusal"

                let fc = architecture "fc" "kan" false

                for network, message in
                    [
                        { fc with Net = "conv5" }, "net takes one of fc, conv4, conv8, not 'conv5'"
                        { fc with Model = "Kan" },
                        "model takes one of mlp, kan, fastkan, wavkan, kaln, kacn, kagn, not 'Kan'"
                        { fc with Norm = "" }, "norm takes one of none, batch, instance, not ''"
                        { fc with Wavelet = "haar" },
                        "wavelet takes one of mexican-hat, morlet, dog, meyer, shannon, not 'haar'"
                    ] do
                    Expect.equal (refusal network) message "refusal"

                for net, model in [ "conv5", "kan"; "fc", "kam" ] do
                    messageOf<BadInput>(fun () -> Architecture.published net model |> ignore) |> ignore)

            testCase "generated convolutions drop no channels between layers, and are as published beside" (fun () ->
                for net in Architecture.nets do
                    let published = Architecture.published net "kan"
                    let generated = Architecture.generated published
                    Expect.equal generated { published with Meta = true; Dropout = 0.0 } net
                    let own = Architecture.generated { published with Dropout = 0.5 }
                    Expect.equal own.Dropout (if net = "fc" then 0.5 else 0.0) "what fully connected layers drop")

            testCase "every name of a model is that of the network" (fun () ->
                for model in Architecture.models do
                    let network = Architecture.build (architecture "fc" model false) (1, 4, 4) 3
                    Expect.equal network.Name model "name")
        ]
