/// Normalization against its formulas, PReLU, and dropout as a function of its key.
module MetaKan.Tests.NormsTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

let private key = Key.ofSeed 1

/// Rows, sequences, images, volumes, not centred.
let private inputs =
    gen {
        let! n = Gen.choose (2, 5)
        let! c = Gen.choose (1, 4)
        let! rest = Gen.elements [ []; [ 5 ]; [ 3; 4 ]; [ 2; 3; 2 ] ]
        let! seed = seeds
        return n :: c :: rest, seed
    }

let private values (shape, seed) = normal seed shape * 1.7 + 0.6
let private axes (x: Tensor) = [| 0L .. x.ndim - 1L |]
let private others (x: Tensor) = axes x |> Array.filter ((<>) 1L)

/// One number per channel, in the shape that broadcasts over x.
let private over (x: Tensor) (perChannel: Tensor) =
    perChannel.view (axes x |> Array.map (fun axis -> if axis = 1L then -1L else 1L))

let private parameters seed (layer: Layer) =
    layer.Init key Placement.cpu64
    |> Map.map (fun name t -> t + normal (seed + name.Length) (t.shape |> Seq.map int |> List.ofSeq))

let private standard (x: Tensor) (axes: int64[]) (p: Params) =
    let mean = x.mean (axes, keepdim = true)
    let variance = (x - mean).square().mean(axes, keepdim = true)
    (x - mean) / (variance + 1e-5).sqrt() * over x p["weight"] + over x p["bias"]

let private dropped (layer: Layer) seed (x: Tensor) =
    fst (layer.Apply (Learning(Key.ofSeed seed)) Map.empty Map.empty x)

let tests =
    testList
        "Layers.Norms"
        [
            property
                "batch normalisation learns with the batch's own statistics and gathers them"
                40
                inputs
                (fun (shape, seed) ->
                    let x = values (shape, seed)
                    let layer = Norm.batch shape[1]
                    let p = parameters seed layer
                    let before = layer.Statistics Placement.cpu64 |> Map.map (fun _ t -> t + 0.5)
                    let kept = before |> Map.map (fun _ t -> t.clone ())
                    let y, after = layer.Apply (Learning key) p before x
                    close "value" 1e-10 (standard x (others x) p) y
                    let count = float (x.numel ()) / float shape[1]
                    let mean = x.mean (others x)
                    let unbiased = x.square().mean(others x) - mean.square () |> fun v -> v * (count / (count - 1.0))
                    close "mean" 1e-10 (before["mean"] * 0.9 + mean * 0.1) after["mean"]
                    close "variance" 1e-9 (before["var"] * 0.9 + unbiased * 0.1) after["var"]
                    closeTrees "the statistics before" 0.0 kept before
                    Expect.isFalse after["mean"].requires_grad "statistics are not tracked")

            property "batch normalisation predicts with what it gathered" 40 inputs (fun (shape, seed) ->
                let x = values (shape, seed)
                let layer = Norm.batch shape[1]
                let p = parameters seed layer

                let statistics =
                    Map.ofList [ "mean", normal seed [ shape[1] ]; "var", uniform seed (0.2, 3.0) [ shape[1] ] ]

                let y, after = layer.Apply Predicting p statistics x
                let scaled = (x - over x statistics["mean"]) / (over x statistics["var"] + 1e-5).sqrt()
                close "value" 1e-10 (scaled * over x p["weight"] + over x p["bias"]) y
                closeTrees "statistics" 0.0 statistics after
                // Each row by itself.
                let first, _ = layer.Apply Predicting p statistics (x.narrow (0L, 0L, 1L))
                close "one row" 1e-12 (y.narrow (0L, 0L, 1L)) first)

            testCase "one number per channel leaves the statistics as they are" (fun () ->
                use _ = torch.NewDisposeScope()
                let layer = Norm.batch 3
                let statistics = layer.Statistics Placement.cpu64
                let y, after = layer.Apply (Learning key) (parameters 1 layer) statistics (normal 1 [ 1; 3 ])
                closeTrees "statistics" 0.0 statistics after
                Expect.isTrue (torch.isfinite(y).all().item<bool>()) "every number is finite")

            property
                "instance normalisation takes each image's channels by themselves"
                30
                (inputs |> Gen.filter (fun (shape, _) -> shape.Length > 2))
                (fun (shape, seed) ->
                    let x, layer = values (shape, seed), Norm.instance shape[1]
                    let p = parameters seed layer

                    for pass in [ Learning key; Predicting ] do
                        let y, statistics = layer.Apply pass p Map.empty x
                        close "value" 1e-9 (standard x (Array.skip 2 (axes x)) p) y
                        Expect.isEmpty statistics "statistics")

            property
                "layer normalisation takes each row or image as a whole"
                30
                (inputs |> Gen.filter (fun (shape, _) -> List.reduce (*) shape.Tail > 1))
                (fun (shape, seed) ->
                    let x, layer = values (shape, seed), Norm.layer shape[1]
                    let p = parameters seed layer

                    close
                        "value"
                        1e-9
                        (standard x (Array.skip 1 (axes x)) p)
                        (fst (layer.Apply (Learning key) p Map.empty x)))

            property
                "gradients of the normalisations are their differences"
                20
                (inputs |> Gen.filter (fun (shape, _) -> shape.Length > 2))
                (fun (shape, seed) ->
                    for layer in [ Norm.batch; Norm.instance; Norm.layer ] do
                        let layer = layer shape[1]
                        let p = parameters seed layer
                        let statistics = layer.Statistics Placement.cpu64

                        let f (t: Tensor[]) =
                            fst (layer.Apply (Learning key) (Params.withTensors t[1..] p) statistics t[0])

                        differentiates "normalisation" 1e-5 f (values (shape, seed) :: List.ofArray (Params.tensors p)))

            testCase "PReLU keeps what is positive and a quarter of what is not" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = Activation.prelu.Init key Placement.cpu64
                let x = tensor [ 2; 3 ] [ -4.0; -1.0; 0.0; 0.5; 2.0; -8.0 ]

                let apply (t: Tensor[]) =
                    fst (Activation.prelu.Apply Predicting (Map.ofList [ "weight", t[1] ]) Map.empty t[0])

                close "value" 1e-14 (tensor [ 2; 3 ] [ -1.0; -0.25; 0.0; 0.5; 2.0; -2.0 ]) (apply [| x; p["weight"] |])
                differentiates "PReLU" 1e-7 apply [ normal 3 [ 4; 3; 2; 2 ]; p["weight"] ])

            testCase "dropout is a function of its key and keeps the mean" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = torch.ones ([| 100L; 20L; 7L |], dtype = torch.float64)
                let layer = Dropout.numbers 0.3
                let y = dropped layer 5 x
                close "same key" 0.0 y (dropped layer 5 x)
                Expect.isFalse (y.allclose (dropped layer 6 x)) "another step drops others"
                Check.inRange 0.97 1.03 (Tensor.item (y.mean ())) "mean"

                Check.inRange
                    0.28
                    0.32
                    (Tensor.item (y.eq((0.0).ToScalar()).``to``(torch.float64).mean()))
                    "share of zeros"

                close "kept ones" 1e-14 (y.gt((0.0).ToScalar()).``to`` torch.float64 / 0.7) y
                // Not whole channels.
                Expect.isTrue
                    (Tensor.item (y.amax([| 2L |]).sub(y.amin [| 2L |]).max()) > 0.0)
                    "points of a channel differ")

            testCase "channel dropout drops whole channels of single images" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = torch.ones ([| 100L; 20L; 3L; 2L |], dtype = torch.float64)
                let y = dropped (Dropout.channels 0.25) 5 x
                close "same key" 0.0 y (dropped (Dropout.channels 0.25) 5 x)
                let channel = y.select(3L, 0L).select(2L, 0L)
                close "a channel as a whole" 0.0 (channel.unsqueeze(-1L).unsqueeze(-1L).expand_as x) y

                Check.inRange
                    0.22
                    0.28
                    (Tensor.item (channel.eq((0.0).ToScalar()).``to``(torch.float64).mean()))
                    "share of zeros"

                Check.inRange 0.96 1.04 (Tensor.item (y.mean ())) "mean"
                // Each image its own.
                Expect.isFalse (channel[0L].allclose channel[1L]) "channels are dropped apart")

            testCase "predictions drop nothing, and a probability beyond its range is refused" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = normal 1 [ 4; 5 ]

                for layer in [ Dropout.numbers 0.5; Dropout.channels 0.5 ] do
                    close "prediction" 0.0 x (fst (layer.Apply Predicting Map.empty Map.empty x))

                for p in [ -0.1; 1.0; nan ] do
                    Expect.throwsT<System.ArgumentException>
                        (fun () -> Dropout.numbers p |> ignore)
                        "a share that is none")
        ]
