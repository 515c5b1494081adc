/// The networks that classify images: their shapes, their parameters, and what a prediction depends on.
module MetaKan.Tests.ClassifierTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

let private cubic = { Size = 5; Order = 3 }
let private kan = EdgeFunctions.Family(Families.kan cubic)

let private meta sharing hidden = { EmbeddingDim = 1; HiddenDim = hidden; Sharing = sharing; Chunk = None }

/// Black and white images of 28×28 pixels in ten classes.
let private digits functions meta =
    {
        Functions = functions
        Meta = meta
        Recompute = false
        Norm = NormLayer.None
        Dropout = 0.25
        HeadDropout = 0.5
        Inputs = 1, 28, 28
        Classes = 10
    }

let private fresh (network: Classifier) = network.Layers.Init (Key.ofSeed 1) Placement.cpu32

let private counts (network: Classifier) =
    let p = fresh network

    [ ParameterGroup.Embeddings; ParameterGroup.Generators; ParameterGroup.Weights ]
    |> List.map (fun group -> p |> Map.filter (fun name _ -> network.Group name = group) |> Params.count)

let private conv4 = Classifier.convolutional Classifier.four
let private conv8 = Classifier.convolutional Classifier.eight

let private families =
    [
        Families.kan cubic
        Families.fastKan true
        Families.fastKan false
        Families.kaln 3
        Families.kacn 3
        Families.kagn 3
    ]

let private build connected settings =
    if connected then
        Classifier.fc [ 6; 7; 5 ] settings
    else
        Classifier.convolutional [ 3, 1; 4, 2; 5, 1 ] settings

/// Small networks of every kind on images of two channels.
let private networks =
    gen {
        let! functions =
            Gen.oneof
                [
                    Gen.constant EdgeFunctions.Linear
                    Gen.elements families |> Gen.map EdgeFunctions.Family
                    Gen.elements families |> Gen.map EdgeFunctions.Family
                    Gen.elements Wavelets.all |> Gen.map EdgeFunctions.Wavelet
                ]

        let! sharing = Gen.elements [ GeneratorSharing.PerLayer; GeneratorSharing.Shared ]
        let! meta = Gen.elements [ None; Some { meta sharing 4 with EmbeddingDim = 2 } ]
        let! norm = Gen.elements [ NormLayer.None; NormLayer.Batch; NormLayer.Instance ]
        let! height, width = Gen.zip (Gen.choose (5, 7)) (Gen.choose (5, 7))
        let! classes = Gen.choose (2, 4)
        let! connected = Gen.elements [ true; false ]
        let! seed = seeds
        let connected = connected || functions.IsWavelet

        let settings =
            {
                Functions = functions
                Meta = if functions.IsLinear then None else meta
                Recompute = classes = 3
                Norm = if connected && norm.IsInstance then NormLayer.Batch else norm
                Dropout = 0.3
                HeadDropout = 0.4
                Inputs = 2, height, width
                Classes = classes
            }

        return build connected settings, settings, seed
    }

let private ready (network: Classifier, settings: ClassifierDesign, seed: int) =
    let _, height, width = settings.Inputs
    let p = network.Layers.Init (Key.ofSeed seed) Placement.cpu64
    p, network.Layers.Statistics Placement.cpu64, uniform seed (-1.0, 1.0) [ 4; 2; height; width ]

let tests =
    testList
        "Layers.Classifier"
        [
            testCase "fully connected networks have the published numbers of parameters" (fun () ->
                use _ = torch.NewDisposeScope()
                let fc functions meta = digits functions meta |> Classifier.fc [ 32 ] |> counts
                Expect.equal (fc kan None) [ 0L; 0L; 254080L ] "numbers of fc"
                Expect.equal (fc kan (Some(meta GeneratorSharing.Shared 32))) [ 25408L; 361L; 0L ] "numbers of fc"
                Expect.equal (fc kan (Some(meta GeneratorSharing.PerLayer 32))) [ 25408L; 722L; 0L ] "numbers of fc"
                Expect.equal (fc EdgeFunctions.Linear None) [ 0L; 0L; 25450L ] "numbers of fc")

            testCase "convolutional networks have an embedding for each tap of each pair of channels" (fun () ->
                use _ = torch.NewDisposeScope()
                let edges = 9L * (1L * 32L + 32L * 64L + 64L * 128L + 128L * 256L)
                let norms, prelus, head = 2L * (32L + 64L + 128L + 256L), 4L, 2570L

                let batch functions meta = { digits functions meta with Norm = NormLayer.Batch } |> conv4 |> counts

                Expect.equal (batch kan None) [ 0L; 0L; 10L * edges + norms + prelus + head ] "numbers of conv4"

                Expect.equal
                    (batch kan (Some(meta GeneratorSharing.Shared 32)))
                    [ edges; 361L; norms + prelus + head ]
                    "numbers of conv4"

                Expect.equal
                    (batch EdgeFunctions.Linear None)
                    [ 0L; 0L; edges + 480L + norms + prelus + head ]
                    "numbers of conv4"

                let edges =
                    9L
                    * (1L * 16L
                       + 16L * 32L
                       + 32L * 64L
                       + 64L * 128L
                       + 128L * 256L
                       + 256L * 256L
                       + 256L * 512L
                       + 512L * 512L)

                let clusters = GeneratorSharing.Clusters(Clusters.ofChannels 3 (List.map fst Classifier.eight))
                let kacn = EdgeFunctions.Family(Families.kacn 3)
                let eight = digits kacn (Some(meta clusters 16)) |> conv8 |> counts
                Expect.equal eight [ edges; 3L * (16L + 16L + 4L * 17L); 5130L ] "numbers of conv8")

            property
                "a prediction has a number for each class and depends on its own image alone"
                60
                networks
                (fun (network, settings, seed) ->
                    let p, statistics, x = ready (network, settings, seed)
                    let learn = Learning(Key.ofSeed seed)
                    let _, gathered = network.Layers.Apply learn p statistics x
                    let predict x = network.Layers.Apply Predicting p gathered x
                    let y, after = predict x
                    Expect.equal (List.ofArray y.shape) [ 4L; int64 settings.Classes ] "shape"
                    Expect.isTrue (torch.isfinite(y).all().item<bool>()) "every number is finite"
                    close "again" 0.0 y (fst (predict x))
                    closeTrees "statistics" 0.0 gathered after

                    for row in 0L .. 3L do
                        close "alone" 1e-11 (y.narrow (0L, row, 1L)) (fst (predict (x.narrow (0L, row, 1L)))))

            property
                "learning drops by its key and gathers what batches are like"
                30
                networks
                (fun (network, settings, seed) ->
                    let p, statistics, x = ready (network, settings, seed)
                    let learn seed = network.Layers.Apply (Learning(Key.ofSeed seed)) p statistics x
                    let y, gathered = learn 1
                    close "again" 0.0 y (fst (learn 1))

                    Expect.isTrue
                        (Tensor.item ((y - fst (learn 2)).abs().max()) > 0.0)
                        "another seed learns another network"

                    Expect.equal (List.ofSeq gathered.Keys) (List.ofSeq statistics.Keys) "keys"
                    Expect.equal (not statistics.IsEmpty) settings.Norm.IsBatch "statistics"

                    for KeyValue(name, t) in gathered do
                        Expect.isTrue (Tensor.item ((t - statistics[name]).abs().max()) > 0.0) name)

            testCase "every parameter takes part" (fun () ->
                // Fixed networks: a random one may well have a PReLU that meets no negative number.
                for functions in
                    EdgeFunctions.Linear
                    :: EdgeFunctions.Wavelet Wavelets.morlet
                    :: List.map EdgeFunctions.Family families do
                    for meta in [ None; Some { meta GeneratorSharing.PerLayer 4 with EmbeddingDim = 2 } ] do
                        for connected in List.distinct [ true; functions.IsWavelet ] do
                            use _ = torch.NewDisposeScope()

                            let settings =
                                {
                                    Functions = functions
                                    Meta = if functions.IsLinear then None else meta
                                    Recompute = false
                                    Norm = NormLayer.Batch
                                    Dropout = 0.0
                                    HeadDropout = 0.0
                                    Inputs = 2, 6, 6
                                    Classes = 3
                                }

                            let network = build connected settings
                            let p, statistics, x = ready (network, settings, 1)
                            // Away from translations and scales that are alike for all edges.
                            let p =
                                p |> Map.map (fun name t -> t + 0.1 * normal name.Length [ for n in t.shape -> int n ])

                            let weights = normal 2 [ 4; 3 ]

                            let loss p =
                                let y, _ = network.Layers.Apply (Learning(Key.ofSeed 1)) p statistics x
                                (y * weights).sum()

                            for KeyValue(name, g) in snd (Params.withGradient loss p) do
                                Expect.isTrue
                                    (Tensor.item (g.abs().max()) > 0.0)
                                    $"{network.Description} does not depend on {name}")

            testCase "the published networks see images of 28×28 pixels" (fun () ->
                for build in [ conv4; conv8 ] do
                    use _ = torch.NewDisposeScope()
                    let settings = { digits EdgeFunctions.Linear None with Norm = NormLayer.Instance }
                    let network = build settings
                    let x = Key.normal (Key.ofSeed 1) Placement.cpu32 [ 2L; 1L; 28L; 28L ]
                    let y, _ = network.Layers.Apply Predicting (fresh network) Map.empty x
                    Expect.equal (List.ofArray y.shape) [ 2L; 10L ] "shape")

            testCase "a network says what it is" (fun () ->
                let description (network: Classifier) = network.Name, network.Description
                let clusters = Some(meta (GeneratorSharing.Clusters [ 0; 0; 1; 1 ]) 64)

                Expect.equal
                    (description (Classifier.fc [ 32 ] (digits kan None)))
                    ("kan", "kan 784-32-10")
                    "description"

                Expect.equal
                    (description (Classifier.fc [] (digits EdgeFunctions.Linear None)))
                    ("mlp", "mlp 784-10")
                    "description"

                Expect.equal
                    (description (Classifier.fc [ 32 ] (digits kan (Some(meta GeneratorSharing.Shared 32)))))
                    ("metakan", "metakan 784-32-10, p = 1, h = 32, 1 generator")
                    "description"

                Expect.equal
                    (description (conv4 (digits kan clusters)))
                    ("metakan", "metakan 1×28×28, convolutions 32-64-128-256, 10 classes, p = 1, h = 64, 2 generators")
                    "description"

                Expect.equal
                    ((Classifier.fc [ 32 ] (digits (EdgeFunctions.Wavelet Wavelets.morlet) None)).Name)
                    "wavkan"
                    "name")

            testCase "networks that there are not are a mistake of the caller" (fun () ->
                let settings = digits kan None

                let refused (build: unit -> Classifier) =
                    Expect.throwsT<ArgumentException> (fun () -> build () |> ignore) "a refusal"

                refused (fun () -> Classifier.fc [ 32 ] { settings with Norm = NormLayer.Instance })
                refused (fun () -> conv4 { settings with Functions = EdgeFunctions.Wavelet Wavelets.meyer })
                refused (fun () -> conv4 (digits EdgeFunctions.Linear (Some(meta GeneratorSharing.Shared 4))))
                refused (fun () -> conv4 (digits kan (Some(meta (GeneratorSharing.Clusters [ 0; 1 ]) 4))))
                refused (fun () -> conv4 { settings with Dropout = 1.0 })
                refused (fun () -> Classifier.fc [ 32 ] { settings with HeadDropout = -0.1 })

                for build in [ Classifier.fc [ 32 ]; conv4 ] do
                    for inputs in [ -7, 28, 28; 1, 0, 28; 1, 28, -1 ] do
                        refused (fun () -> build { settings with Inputs = inputs })

                    refused (fun () -> build { settings with Classes = 0 })

                refused (fun () -> Classifier.fc [ -32 ] settings)
                refused (fun () -> Classifier.convolutional [ -4, 1 ] settings))
        ]
