/// `metakan bench classify`: a training step and its peak memory of networks that classify, of the library and of the plain
/// formulation, in one process, on the same images, from the same parameters.
module MetaKan.Bench.Classify

open System.Text.Json.Nodes
open MetaKan
open MetaKan.Images
open MetaKan.Bench.Contenders
open TorchSharp

let private classes = 10

/// Images of Fashion-MNIST's set to train on.
let private images = 60_000

let private contenders (placement: Placement) (batchSize: int) (network: Architecture) =
    let network = { network with Dropout = 0.0; HeadDropout = 0.0 }

    let settings = { ClassifySettings.defaults "fmnist" network with BatchSize = batchSize }

    let classifier = Architecture.build network (1, 28, 28) classes

    let start =
        Statistics.join (classifier.Layers.Init (Key.ofSeed 0) placement) (classifier.Layers.Statistics placement)

    let batch =
        {
            Pixels = Key.uniform (Key.ofSeed 1) placement [ int64 batchSize; 1L; 28L; 28L ] * 2.0 - 1.0
            Labels =
                torch.arange (int64 batchSize, dtype = torch.int64, device = placement.Device)
                |> fun n -> n.remainder ((int64 classes).ToScalar())
        }

    let library = MetaKan.Images.Classify.gradient settings classifier (fun _ -> batch)
    let plain _ = PlainClassify.gradient network classes batch

    let loss (gradient: int -> Gradient) =
        use _ = torch.NewDisposeScope()
        Tensor.item (fst (gradient 0 start))

    let difference = abs (loss library - loss plain)

    if not (difference <= 1e-4 * loss plain) then
        raise (RunFailed $"the formulations differ: loss {loss library} and {loss plain}")

    let adam =
        Statistics.gathering (
            Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 1e-3; WeightDecay = 1e-4 })
        )

    let copy () = start |> Map.map (fun _ t -> t.clone ())

    classifier,
    [
        {
            Name = "library"
            Steps = 5
            Run = if MetaKan.Images.Classify.hires classifier then Workers.hire else (fun run -> run ())
            Step = steps placement adam (copy ()) library
        }
        {
            Name = "plain"
            Steps = 3
            Run = fun run -> run ()
            Step = steps placement adam (copy ()) plain
        }
    ]

/// Runs the comparison for each network with its batch size and prints a table each; the rows, for a file.
let run (placement: Placement) (repeats: int) (networks: (Architecture * int) list) : JsonArray =
    let idle = Contenders.idle placement
    use _ = torch.NewDisposeScope()

    networks
    |> List.collect (fun (network, batch) ->
        let classifier, contenders = contenders placement batch network
        printfn $"{classifier.Description}, batches of {batch}, {placement.DType} on {placement.Device}"
        let measured = Contenders.measure placement repeats idle contenders
        let epoch = float ((images + batch - 1) / batch) / 1000.0

        let rows =
            measured
            |> Contenders.table [ "network", RunFolder.node classifier.Description; "batch", RunFolder.node batch ]

        for m in measured do
            printfn $"  %-26s{m.Contender} %.2f{m.MillisecondsPerStep * epoch} s for an epoch of {images} images"

        rows)
    |> List.toArray
    |> JsonArray
