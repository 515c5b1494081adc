/// Batches: each image once an epoch, the same batch for the same step, ahead of time or not.
module MetaKan.Tests.Images.BatchesTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images.Fixtures
open MetaKan.Tests.Numeric
open TorchSharp

let private lively =
    {
        Flip = true
        Crop = 1
        Affine = Some { Degrees = 20.0; Translate = 0.1; Scale = (0.8, 1.2) }
        Jitter = Some { Brightness = 0.3; Contrast = 0.3 }
    }

let private batching size augmentation seed =
    {
        Size = size
        Augmentation = augmentation
        Normalization = Normalization.symmetric
        Key = Key.ofSeed seed
        Placement = Placement.cpu32
    }

let private numbers (b: Batch) = Tensor.toArray b.Pixels, Tensor.toArray b.Labels

let private equal (expected: Batch) (actual: Batch) =
    Expect.equal actual.Pixels.shape expected.Pixels.shape "shape"
    let (pixels, labels), (otherPixels, otherLabels) = numbers expected, numbers actual
    Expect.equal otherPixels pixels "pixels"
    Expect.equal otherLabels labels "labels"

/// Images that their first pixel tells apart, which is their label too.
let private numbered n =
    { images 1 10 (n, 1, 3, 2) with
        Pixels = Array.init (6 * n) (fun i -> if i % 6 = 0 then byte (i / 6) else 7uy)
        Labels = [| 0 .. n - 1 |]
    }

let private sizes = Gen.zip3 (Gen.choose (1, 40)) (Gen.choose (1, 15)) seeds

let tests =
    testList
        "Images.Batches"
        [
            property
                "an epoch has each image once, with its label, in another order than the next"
                40
                sizes
                (fun (n, size, seed) ->
                    let settings, some = batching size Augmentation.none seed, numbered n
                    let batches = Batches.perEpoch settings n
                    Expect.equal batches ((n + size - 1) / size) "batches"

                    let epoch e =
                        [|
                            for step in e * batches .. (e + 1) * batches - 1 do
                                let b = Batches.at settings some step
                                let count = if step % batches = batches - 1 then n - (batches - 1) * size else size
                                Expect.equal b.Pixels.shape [| int64 count; 1L; 3L; 2L |] "shape"
                                Expect.equal b.Labels.dtype torch.int64 "precision"
                                let pixels, labels = numbers b

                                let first =
                                    pixels
                                    |> Array.chunkBySize 6
                                    |> Array.map (fun p -> round ((p[0] + 1.0) / 2.0 * 255.0))

                                Expect.equal labels first "labels"
                                yield! labels
                        |]

                    Expect.equal (Array.sort (epoch 3)) [| for i in 0 .. n - 1 -> float i |] "epoch"

                    if n > 8 then
                        Expect.notEqual (epoch 1) (epoch 0) "epoch"
                        Expect.notEqual (epoch 0) [| for i in 0 .. n - 1 -> float i |] "epoch")

            property
                "a batch is a function of its step, whatever was asked before"
                20
                (Gen.zip sizes (Gen.listOf (Gen.choose (0, 20))))
                (fun ((n, size, seed), steps) ->
                    let settings, some = batching size lively seed, images seed 10 (n, 3, 5, 4)
                    let first = Map [ for step in List.distinct steps -> step, Batches.at settings some step ]

                    for step in List.rev steps do
                        equal first[step] (Batches.at settings some step))

            property
                "a reader ahead answers with the same batches, in whatever order"
                20
                (Gen.zip sizes (Gen.listOf (Gen.choose (0, 12))))
                (fun ((n, size, seed), steps) ->
                    let settings, some = batching size lively seed, images seed 10 (n, 3, 5, 4)
                    use reader = Batches.ahead settings some

                    for step in [ 0..5 ] @ steps @ [ 3; 3; 4 ] do
                        use scope = torch.NewDisposeScope()
                        let got = reader.Get step

                        Expect.isTrue
                            (scope.Contains got.Pixels && scope.Contains got.Labels)
                            "the batch is in the caller's scope"

                        Expect.equal scope.DisposablesCount 2 "tensors of the scope"
                        equal (Batches.at settings some step) got)

            testCase "images of an epoch are changed anew in the next one" (fun () ->
                let settings, some = batching 1 lively 5, images 1 10 (1, 3, 8, 8)
                let epochs = [ for step in 0..19 -> fst (numbers (Batches.at settings some step)) ]
                Expect.equal (List.distinct epochs).Length 20 "distinct epochs")

            testCase "a failure of the work ahead is raised where its batch is asked for" (fun () ->
                // One image's pixels are missing, so that the batch that has it cannot be made.
                let some = { images 1 10 (4, 1, 2, 2) with Labels = [| 0; 1; 2 |] }
                let settings = batching 1 Augmentation.none 3
                use reader = Batches.ahead settings some

                let failures =
                    [
                        for step in 0..3 do
                            try
                                reader.Get step |> ignore
                            with e ->
                                e.GetType()
                    ]

                Expect.equal failures [ typeof<IndexOutOfRangeException> ] "failures")

            property "the whole is all images in order, as they are" 20 sizes (fun (n, size, seed) ->
                let some = images seed 10 (n, 3, 5, 4)
                let parts = Batches.whole (batching size lively seed) some |> List.ofSeq |> List.map numbers
                Expect.equal parts.Length (Batches.perEpoch (batching size lively seed) n) "number of parts"
                let pixels = parts |> List.map fst |> Array.concat

                for b, v in Array.zip some.Pixels pixels do
                    Check.near 1e-6 v (float b / 127.5 - 1.0) "pixel"

                Expect.equal (parts |> List.map snd |> Array.concat) (Array.map float some.Labels) "labels")

            testCase "images without labels make batches without labels, in the element type asked for" (fun () ->
                use _ = torch.NewDisposeScope()
                let some = { images 1 10 (3, 1, 2, 2) with Labels = [||] }
                let settings = { batching 2 Augmentation.none 1 with Placement = Placement.cpu64 }
                let b = Batches.whole settings some |> Seq.head
                Expect.equal b.Pixels.dtype torch.float64 "precision"
                Expect.equal b.Labels.shape [| 0L |] "shape")

            testCase "settings without sense are refused before any work" (fun () ->
                let some = images 1 10 (3, 1, 2, 2)
                let settings = batching 2 Augmentation.none 1

                let refused why settings images =
                    for act in
                        [
                            (fun () -> Batches.at settings images 0 |> ignore)
                            (fun () -> Batches.ahead settings images |> ignore)
                            (fun () -> Batches.whole settings images |> ignore)
                        ] do
                        Expect.equal (messageOf<BadInput> act) why "message"

                refused "the batch size takes a whole number from 1 up, not 0" { settings with Size = 0 } some
                refused "there are no images" settings (Images.subset 0 some)

                refused
                    "augmentation: the crop takes a number of pixels from 0 up, not -2"
                    { settings with Augmentation = { Augmentation.none with Crop = -2 } }
                    some

                refused
                    "the normalization's mean takes 1 number, not 3"
                    { settings with Normalization = { Mean = [ 0.1; 0.2; 0.3 ]; Std = [ 1.0 ] } }
                    some)
        ]
