/// Batches: each image once an epoch, the same batch for the same step, ahead of time or not.
module MetaKan.Tests.Images.BatchesTests

open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Images.Fixtures
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

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
    Assert.Equal<int64>(expected.Pixels.shape, actual.Pixels.shape)
    let (pixels, labels), (otherPixels, otherLabels) = numbers expected, numbers actual
    Assert.Equal<float>(pixels, otherPixels)
    Assert.Equal<float>(labels, otherLabels)

/// Images that their first pixel tells apart, which is their label too.
let private numbered n =
    { images 1 10 (n, 1, 3, 2) with
        Pixels = Array.init (6 * n) (fun i -> if i % 6 = 0 then byte (i / 6) else 7uy)
        Labels = [| 0 .. n - 1 |]
    }

let private sizes = Gen.zip3 (Gen.choose (1, 40)) (Gen.choose (1, 15)) seeds

[<Fact>]
let ``an epoch has each image once, with its label, in another order than the next`` () =
    forAll 40 sizes (fun (n, size, seed) ->
        let settings, some = batching size Augmentation.none seed, numbered n
        let batches = Batches.perEpoch settings n
        Assert.Equal((n + size - 1) / size, batches)

        let epoch e =
            [|
                for step in e * batches .. (e + 1) * batches - 1 do
                    let b = Batches.at settings some step
                    let count = if step % batches = batches - 1 then n - (batches - 1) * size else size
                    Assert.Equal<int64>([| int64 count; 1L; 3L; 2L |], b.Pixels.shape)
                    Assert.Equal(torch.int64, b.Labels.dtype)
                    let pixels, labels = numbers b

                    let first =
                        pixels |> Array.chunkBySize 6 |> Array.map (fun p -> round ((p[0] + 1.0) / 2.0 * 255.0))

                    Assert.Equal<float>(first, labels)
                    yield! labels
            |]

        Assert.Equal<float>([| for i in 0 .. n - 1 -> float i |], Array.sort (epoch 3))

        if n > 8 then
            Assert.NotEqual<float>(epoch 0, epoch 1)
            Assert.NotEqual<float>([| for i in 0 .. n - 1 -> float i |], epoch 0))

[<Fact>]
let ``a batch is a function of its step, whatever was asked before`` () =
    forAll 20 (Gen.zip sizes (Gen.listOf (Gen.choose (0, 20)))) (fun ((n, size, seed), steps) ->
        let settings, some = batching size lively seed, images seed 10 (n, 3, 5, 4)
        let first = Map [ for step in List.distinct steps -> step, Batches.at settings some step ]

        for step in List.rev steps do
            equal first[step] (Batches.at settings some step))

[<Fact>]
let ``a reader ahead answers with the same batches, in whatever order`` () =
    forAll 20 (Gen.zip sizes (Gen.listOf (Gen.choose (0, 12)))) (fun ((n, size, seed), steps) ->
        let settings, some = batching size lively seed, images seed 10 (n, 3, 5, 4)
        use reader = Batches.ahead settings some

        for step in [ 0..5 ] @ steps @ [ 3; 3; 4 ] do
            use scope = torch.NewDisposeScope()
            let got = reader.Get step
            Assert.True(scope.Contains got.Pixels && scope.Contains got.Labels)
            Assert.Equal(2, scope.DisposablesCount)
            equal (Batches.at settings some step) got)

[<Fact>]
let ``images of an epoch are changed anew in the next one`` () =
    let settings, some = batching 1 lively 5, images 1 10 (1, 3, 8, 8)
    let epochs = [ for step in 0..19 -> fst (numbers (Batches.at settings some step)) ]
    Assert.Equal(20, (List.distinct epochs).Length)

[<Fact>]
let ``a failure of the work ahead is raised where its batch is asked for`` () =
    // One image's pixels are missing, so that the batch that has it cannot be made.
    let some = { images 1 10 (4, 1, 2, 2) with Labels = [| 0; 1; 2 |] }
    let settings = batching 1 Augmentation.none 3
    use reader = Batches.ahead settings some
    let failing = [ for step in 0..3 -> Record.Exception(fun () -> reader.Get step |> ignore) ]
    Assert.Equal(1, failing |> List.filter (isNull >> not) |> List.length)
    Assert.IsType<System.IndexOutOfRangeException>(failing |> List.find (isNull >> not)) |> ignore

[<Fact>]
let ``the whole is all images in order, as they are`` () =
    forAll 20 sizes (fun (n, size, seed) ->
        let some = images seed 10 (n, 3, 5, 4)
        let parts = Batches.whole (batching size lively seed) some |> List.ofSeq |> List.map numbers
        Assert.Equal(Batches.perEpoch (batching size lively seed) n, parts.Length)
        let pixels = parts |> List.map fst |> Array.concat
        Assert.All(Array.zip some.Pixels pixels, fun (b, v) -> Assert.Equal(float b / 127.5 - 1.0, v, 1e-6))
        Assert.Equal<float>(Array.map float some.Labels, parts |> List.map snd |> Array.concat))

[<Fact>]
let ``images without labels make batches without labels, in the element type asked for`` () =
    use _ = torch.NewDisposeScope()
    let some = { images 1 10 (3, 1, 2, 2) with Labels = [||] }
    let settings = { batching 2 Augmentation.none 1 with Placement = Placement.cpu64 }
    let b = Batches.whole settings some |> Seq.head
    Assert.Equal(torch.float64, b.Pixels.dtype)
    Assert.Equal<int64>([| 0L |], b.Labels.shape)

[<Fact>]
let ``settings without sense are refused before any work`` () =
    let some = images 1 10 (3, 1, 2, 2)
    let settings = batching 2 Augmentation.none 1

    let refused why settings images =
        for act in
            [
                (fun () -> Batches.at settings images 0 |> ignore)
                (fun () -> Batches.ahead settings images |> ignore)
                (fun () -> Batches.whole settings images |> ignore)
            ] do
            Assert.Equal(why, messageOf<BadInput> act)

    refused "the batch size takes a whole number from 1 up, not 0" { settings with Size = 0 } some
    refused "there are no images" settings (Images.subset 0 some)

    refused
        "augmentation: the crop takes a number of pixels from 0 up, not -2"
        { settings with Augmentation = { Augmentation.none with Crop = -2 } }
        some

    refused
        "the normalisation's mean takes 1 number, not 3"
        { settings with Normalization = { Mean = [ 0.1; 0.2; 0.3 ]; Std = [ 1.0 ] } }
        some
