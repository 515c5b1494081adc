/// Convolutions with functions on their edges against the sum over taps that defines them.
module MetaKan.Tests.ConvolutionTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.EdgeLayers
open MetaKan.Tests.Numeric
open TorchSharp

type private Image = { Window: Window; Inputs: int; Outputs: int; Shape: int list; Seed: int }

let private layer (image: Image) = Convolution.layer image.Window family image.Inputs image.Outputs

/// Windows of one, two and three dimensions on images that they fit.
let private images =
    gen {
        let! size =
            Gen.choose (1, 3) |> Gen.bind (fun dimensions -> Gen.listOfLength dimensions (Gen.choose (1, 3)))

        let! stride = Gen.choose (1, 3)
        let! padding = Gen.choose (0, 2)
        let! dilation = Gen.choose (1, 2)
        let! groups = Gen.choose (1, 3)
        let! inputs = Gen.choose (1, 2)
        let! outputs = Gen.choose (1, 2)
        let! images = Gen.choose (1, 2)
        let! beyond = Gen.listOfLength size.Length (Gen.choose (0, 4))
        let! seed = seeds

        let sides = List.map2 (fun n more -> max 1 (dilation * (n - 1) + 1 - 2 * padding) + more) size beyond

        return
            {
                Window = { Size = size; Stride = stride; Padding = padding; Dilation = dilation; Groups = groups }
                Inputs = groups * inputs
                Outputs = groups * outputs
                Shape = images :: groups * inputs :: sides
                Seed = seed
            }
    }

/// All indices below the given sizes, in row-major order.
let rec private indices (sizes: int list) : int list list =
    match sizes with
    | [] -> [ [] ]
    | n :: rest ->
        [
            for i in 0 .. n - 1 do
                for others in indices rest -> i :: others
        ]

let private at (t: Tensor) : int list -> float =
    let values, shape = Tensor.toArray t, [ for n in t.shape -> int n ]
    fun index -> values[List.fold2 (fun place n i -> place * n + i) 0 shape index]

/// The convolution as loops over outputs, inputs, taps and functions.
let private direct (image: Image) (case: Case) : Tensor =
    let window, sides = image.Window, image.Shape[2..]
    let c = at case.Coefficients

    let features =
        let pixels = case.X.movedim([| 1L |], [| -1L |]).reshape(-1L, int64 image.Inputs)
        let shape = [| for n in image.Shape.Head :: sides @ [ image.Inputs; family.Count ] -> int64 n |]
        at ((family.Features case.Own pixels).reshape shape)

    let size =
        List.map2
            (fun n taps -> (n + 2 * window.Padding - window.Dilation * (taps - 1) - 1) / window.Stride + 1)
            sides
            window.Size

    let perGroup, outputsPerGroup = image.Inputs / window.Groups, image.Outputs / window.Groups

    [
        for n in 0 .. image.Shape.Head - 1 do
            for o in 0 .. image.Outputs - 1 do
                for place in indices size do
                    List.sum
                        [
                            for i in 0 .. perGroup - 1 do
                                for tap in indices window.Size do
                                    let pixel =
                                        List.map2
                                            (fun s t -> s * window.Stride + t * window.Dilation - window.Padding)
                                            place
                                            tap

                                    if List.forall2 (fun p n -> 0 <= p && p < n) pixel sides then
                                        for m in 0 .. family.Count - 1 do
                                            let channel = o / outputsPerGroup * perGroup + i
                                            c (m :: o :: i :: tap) * features (n :: pixel @ [ channel; m ])
                        ]
    ]
    |> tensor (image.Shape.Head :: image.Outputs :: size)

let tests =
    testList
        "Layers.Convolution"
        [
            property "a convolution is the sum over its taps, of the size that its window says" 60 images (fun image ->
                let case = case (layer image) image.Seed image.Shape
                close "value" 1e-11 (direct image case) (apply (layer image) case))

            testCase "a convolution differentiates by input, coefficients and its own parameters" (fun () ->
                // The order in memory of these weights, of one input and one output, is one that libtorch gets wrong.
                let strip =
                    {
                        Window = { Window.square 3 3 with Size = [ 1; 3 ]; Padding = 2 }
                        Inputs = 1
                        Outputs = 1
                        Shape = [ 2; 1; 4; 4 ]
                        Seed = 1
                    }

                forAll 30 (Gen.oneof [ images; images; images; Gen.constant strip ]) (fun image ->
                    case (layer image) image.Seed image.Shape |> gradientsOf (layer image) image.Seed))

            property "the order of an image's pixels in memory does not matter" 15 images (fun image ->
                let case = case (layer image) image.Seed image.Shape
                let last = case.X.movedim([| 1L |], [| -1L |]).contiguous().movedim([| -1L |], [| 1L |])
                close "value" 1e-12 (apply (layer image) case) (apply (layer image) { case with X = last }))

            property "one tap is the dense layer at every pixel" 20 images (fun image ->
                let image =
                    { image with
                        Window =
                            {
                                Size = List.map (fun _ -> 1) image.Window.Size
                                Stride = 1
                                Padding = 0
                                Dilation = 1
                                Groups = 1
                            }
                    }

                let case = case (layer image) image.Seed image.Shape
                let pixels = case.X.movedim ([| 1L |], [| -1L |])

                let dense =
                    apply
                        (Dense.layer family image.Inputs image.Outputs)
                        { case with Coefficients = case.Coefficients.flatten (2L); X = pixels.flatten (0L, -2L) }

                let y = apply (layer image) case
                close "value" 1e-12 dense (y.movedim([| 1L |], [| -1L |]).flatten(0L, -2L)))

            property
                "where no padding is seen, an image moved by a stride gives its output moved by one"
                30
                images
                (fun image ->
                    let window = image.Window
                    // Long enough on the last axis for outputs that see no padding.
                    let reach = window.Dilation * (List.last window.Size - 1) + 1
                    let n = reach + 2 * window.Padding + 4 * window.Stride
                    let image = { image with Shape = List.updateAt (image.Shape.Length - 1) n image.Shape }
                    let case = case (layer image) image.Seed image.Shape
                    let moved = case.X.narrow (-1L, int64 window.Stride, int64 (n - window.Stride))
                    let y, y' = apply (layer image) case, apply (layer image) { case with X = moved }
                    let margin = int64 ((window.Padding + window.Stride - 1) / window.Stride)
                    let inner = y'.shape[y'.shape.Length - 1] - 2L * margin
                    Expect.isTrue (inner >= 1L) "a padding within"
                    close "value" 1e-12 (y.narrow (-1L, margin + 1L, inner)) (y'.narrow (-1L, margin, inner)))

            property "groups are convolutions of their own" 30 images (fun image ->
                let groups = image.Window.Groups
                let case = case (layer image) image.Seed image.Shape
                let inputs, outputs = image.Inputs / groups, image.Outputs / groups
                let single = Convolution.layer { image.Window with Groups = 1 } family inputs outputs

                let separate =
                    [|
                        for g in 0 .. groups - 1 do
                            let part (axis: int64) (count: int) (t: Tensor) =
                                t.narrow (axis, int64 (g * count), int64 count)

                            apply
                                single
                                {
                                    Own = case.Own |> Map.map (fun _ t -> part 0L inputs t)
                                    Coefficients = part 1L outputs case.Coefficients
                                    X = part 1L inputs case.X
                                }
                    |]

                close "value" 1e-12 (torch.cat (separate, 1L)) (apply (layer image) case))

            testCase "a square window keeps an image's size and halves it with stride 2" (fun () ->
                use _ = torch.NewDisposeScope()

                let side stride =
                    let layer = Convolution.layer (Window.square 3 stride) family 1 2
                    (case layer 1 [ 1; 1; 28; 28 ] |> apply layer).shape |> List.ofArray

                Expect.equal (side 1) [ 1L; 2L; 28L; 28L ] "shape"
                Expect.equal (side 2) [ 1L; 2L; 14L; 14L ] "shape")

            testCase "what is no window is a mistake of the caller" (fun () ->
                let square = Window.square 3 1

                for window in
                    [
                        { square with Size = [] }
                        { square with Size = [ 1; 1; 1; 1 ] }
                        { square with Size = [ 3; 0 ] }
                        { square with Stride = 0 }
                        { square with Padding = -1 }
                        { square with Dilation = 0 }
                        { square with Groups = 0 }
                        // 2 divides the outputs only, 3 the inputs only.
                        { square with Groups = 2 }
                        { square with Groups = 3 }
                    ] do
                    Expect.throwsT<ArgumentException>
                        (fun () -> Convolution.layer window family 3 4 |> ignore)
                        "a window of no size"

                    Expect.throwsT<ArgumentException>
                        (fun () -> Ordinary.convolution window 3 4 |> ignore)
                        "a window of no size")
        ]
