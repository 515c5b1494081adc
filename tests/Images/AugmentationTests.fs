/// Random changes of images: what each may do and may not, as a pure function of a key.
module MetaKan.Tests.Images.AugmentationTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images.Fixtures
open MetaKan.Tests.Numeric

let private change (a: Augmentation) (key: Key) (i: Images) (index: int) : float32[] =
    let target = Array.create (3 + Images.size i) nanf
    Augmentation.apply a key i index target 3
    target[3..]

let private plain (i: Images) index = (Images.at index i).ToArray() |> Array.map float32

/// Pixels [c, y, x] of one image.
let private pixel (i: Images) (values: float32[]) c y x = values[(c * i.Height + y) * i.Width + x]

let private all (i: Images) (value: int -> int -> int -> float32) : float32[] =
    [|
        for c in 0 .. i.Channels - 1 do
            for y in 0 .. i.Height - 1 do
                for x in 0 .. i.Width - 1 -> value c y x
    |]

let private mirrored (i: Images) (values: float32[]) = all i (fun c y x -> pixel i values c y (i.Width - 1 - x))

let private cases =
    Gen.zip seeds (Gen.zip3 (Gen.elements [ 1; 3 ]) (Gen.choose (1, 9)) (Gen.choose (1, 9)))
    |> Gen.map (fun (seed, (c, h, w)) -> Key.ofSeed seed, images seed 10 (3, c, h, w))

let private still = { Degrees = 0.0; Translate = 0.0; Scale = (1.0, 1.0) }

let private lively =
    {
        Flip = true
        Crop = 2
        Affine = Some { Degrees = 20.0; Translate = 0.1; Scale = (0.8, 1.2) }
        Jitter = Some { Brightness = 0.3; Contrast = 0.3 }
    }

let tests =
    testList
        "Images.Augmentation"
        [
            testCase "nothing asked for, or nothing of everything, leaves an image as it is" (fun () ->
                let nothing =
                    { Augmentation.none with Affine = Some still; Jitter = Some { Brightness = 0.0; Contrast = 0.0 } }

                forAll 50 cases (fun (key, i) ->
                    Expect.equal (change Augmentation.none key i 1) (plain i 1) "pixels"

                    for a, b in Array.zip (plain i 1) (change nothing key i 1) do
                        Check.near 1e-3f b a "pixel"))

            testCase "a flip mirrors half of the images, and twice is none" (fun () ->
                let flip = { Augmentation.none with Flip = true }
                let some = images 1 10 (1, 3, 4, 5)

                let flips =
                    [ 1..2000 ]
                    |> List.filter (fun n ->
                        let once = change flip (Key.fold n (Key.ofSeed 1)) some 0
                        let isFlipped = once <> plain some 0
                        Expect.equal once (if isFlipped then mirrored some (plain some 0) else plain some 0) "pixels"

                        let again = { some with Pixels = Array.map byte once }
                        Expect.equal (change flip (Key.fold n (Key.ofSeed 1)) again 0) (plain some 0) "pixels"
                        isFlipped)

                Check.inRange 900 1100 flips.Length "number of flips")

            testCase "a crop moves an image by whole pixels, by each offset within the padding alike" (fun () ->
                let some = { images 1 10 (1, 1, 6, 6) with Pixels = Array.init 36 (fun i -> byte (i + 1)) }
                let original = plain some 0

                let offsets =
                    [
                        for n in 1..5000 do
                            let moved = change { Augmentation.none with Crop = 2 } (Key.fold n (Key.ofSeed 2)) some 0

                            [
                                for dy in -2 .. 2 do
                                    for dx in -2 .. 2 -> dy, dx
                            ]
                            |> List.filter (fun (dy, dx) ->
                                moved =
                                    all some (fun c y x ->
                                        let y, x = y + dy, x + dx
                                        if y < 0 || y > 5 || x < 0 || x > 5 then 0.0f else pixel some original c y x))
                            |> List.exactlyOne
                    ]
                    |> List.countBy id

                Expect.equal offsets.Length 25 "number of offsets"

                for _, count in offsets do
                    Check.inRange 130 270 count "count")

            testCase "a turn by a quarter turns clockwise or counter-clockwise about the centre" (fun () ->
                // A dot to the right of the centre ends above or below it when turned by 90 degrees, as near as the angle is.
                let dot =
                    { images 1 10 (1, 1, 9, 9) with
                        Pixels = Array.init 81 (fun i -> if i = 4 * 9 + 7 then 255uy else 0uy)
                    }

                let turn = { Augmentation.none with Affine = Some { still with Degrees = 180.0 } }

                let angles =
                    [
                        for n in 1..400 do
                            let turned = change turn (Key.fold n (Key.ofSeed 3)) dot 0
                            let total = float (Array.sum turned)

                            let mean (value: int -> float) =
                                (turned |> Array.mapi (fun i v -> float v * value i) |> Array.sum) / total

                            let x, y = mean (fun i -> float (i % 9) - 4.0), mean (fun i -> float (i / 9) - 4.0)
                            Check.inRange 2.5 3.5 (sqrt (x * x + y * y)) "distance"
                            Math.Atan2(y, x)
                    ]

                for quarter in -2 .. 1 do
                    let low = float quarter * Math.PI / 2.0

                    Check.inRange
                        60
                        140
                        (angles |> List.filter (fun a -> a >= low && a < low + Math.PI / 2.0) |> List.length)
                        "number of angles")

            testCase "a scale of two doubles what is in the middle, a translation keeps within its share" (fun () ->
                let square y x = if abs (y - 8) <= 2 && abs (x - 8) <= 2 then 255uy else 0uy

                let some =
                    { images 1 10 (1, 1, 17, 17) with Pixels = Array.init 289 (fun i -> square (i / 17) (i % 17)) }

                let area (values: float32[]) = float (Array.sum values) / 255.0
                let affine a = { Augmentation.none with Affine = Some a }
                let doubled = change (affine { still with Scale = (2.0, 2.0) }) (Key.ofSeed 1) some 0
                Expect.equal (area (plain some 0)) 25.0 "area"
                Check.inRange 90.0 110.0 (area doubled) "area of twice the side"

                for n in 1..100 do
                    let moved = change (affine { still with Translate = 0.2 }) (Key.fold n (Key.ofSeed 1)) some 0

                    let centre coordinate =
                        (moved |> Array.mapi (fun i v -> float v * coordinate i) |> Array.sum) / 255.0 / 25.0

                    Check.near 5e-3 (area moved) 25.0 "area after a move"
                    Check.inRange (8.0 - 3.41) (8.0 + 3.41) (centre (fun i -> float (i % 17))) "centre"
                    Check.inRange (8.0 - 3.41) (8.0 + 3.41) (centre (fun i -> float (i / 17))) "centre")

            testCase "brightness scales all pixels, contrast their distance from the mean" (fun () ->
                let some = { images 1 10 (1, 1, 1, 4) with Pixels = [| 60uy; 80uy; 100uy; 120uy |] }

                for n in 1..200 do
                    let key = Key.fold n (Key.ofSeed 1)

                    let lit =
                        change { Augmentation.none with Jitter = Some { Brightness = 0.4; Contrast = 0.0 } } key some 0

                    let factor = lit[0] / 60.0f
                    Check.inRange 0.6f 1.4f factor "factor"

                    for a, b in Array.zip (plain some 0) lit do
                        Check.near 1e-3f b (factor * a) "pixel"

                    let spread =
                        change { Augmentation.none with Jitter = Some { Brightness = 0.0; Contrast = 0.4 } } key some 0

                    let factor = (spread[3] - spread[0]) / 60.0f
                    Check.inRange 0.6f 1.4f factor "factor"

                    for a, b in Array.zip (plain some 0) spread do
                        Check.near 1e-3f b (90.0f + factor * (a - 90.0f)) "pixel")

            property "contrast is about the mean of Rec. 601's luma" 30 seeds (fun seed ->
                let colours = [| 160uy; 110uy; 60uy |]
                let some = { images 1 10 (1, 3, 1, 2) with Pixels = colours |> Array.collect (Array.replicate 2) }
                let a = { Augmentation.none with Jitter = Some { Brightness = 0.0; Contrast = 0.5 } }
                let lit = change a (Key.ofSeed seed) some 0
                let factor = (lit[0] - lit[4]) / 100.0f
                let luma = 0.299f * 160.0f + 0.587f * 110.0f + 0.114f * 60.0f

                for i, v in Array.indexed lit do
                    Check.near 1e-3f v (luma + factor * (float32 colours[i / 2] - luma)) "pixel")

            testCase "values stay between black and white, and the key decides" (fun () ->
                forAll 50 cases (fun (key, i) ->
                    let once = change lively key i 2

                    for v in once do
                        Check.inRange 0.0f 255.0f v "pixel"

                    Expect.equal (change lively key i 2) once "pixels")

                let some = images 1 10 (1, 3, 8, 8)
                let results = [ for n in 1..50 -> change lively (Key.fold n (Key.ofSeed 1)) some 0 ]
                Expect.equal (List.distinct results).Length 50 "distinct results")

            property "all channels of an image move alike" 30 seeds (fun seed ->
                let gray = images seed 10 (1, 1, 7, 8)

                let colour =
                    { gray with Channels = 3; Pixels = Array.concat [ gray.Pixels; gray.Pixels; gray.Pixels ] }

                let one = change { lively with Jitter = None } (Key.ofSeed seed) gray 0

                Expect.equal
                    (change { lively with Jitter = None } (Key.ofSeed seed) colour 0)
                    (Array.concat [ one; one; one ])
                    "pixels")

            testCase "ranges without sense are refused" (fun () ->
                let affine a = { Augmentation.none with Affine = Some a }

                for a, why in
                    [
                        { Augmentation.none with Crop = -1 }, "the crop takes a number of pixels from 0 up, not -1"
                        affine { still with Degrees = nan }, "degrees take a number from 0 to 180, not NaN"
                        affine { still with Translate = 1.5 }, "the translation takes a share from 0 to 1, not 1.5"
                        affine { still with Scale = (0.0, 1.0) },
                        "the scale takes two factors above 0 in rising order, not 0 and 1"
                        affine { still with Scale = (1.2, 1.1) },
                        "the scale takes two factors above 0 in rising order, not 1.2 and 1.1"
                        { Augmentation.none with Jitter = Some { Brightness = 0.1; Contrast = 2.0 } },
                        "the contrast takes a number from 0 to 1, not 2"
                    ] do
                    Expect.equal
                        (messageOf<BadInput>(fun () -> Augmentation.check a))
                        ("augmentation: " + why)
                        "message"

                Augmentation.check lively)

            testCase "normalisation takes black and white to -1 and 1, or each channel by its own numbers" (fun () ->
                forAll 30 (Gen.choose (1, 40)) (fun plane ->
                    let values = Array.init (3 * plane) (fun i -> if i % 2 = 0 then 0.0f else 255.0f)
                    let image = Array.copy values
                    Normalization.apply Normalization.symmetric 3 (Span image)

                    for a, b in Array.zip values image do
                        Check.near 1e-6f b (if a = 0.0f then -1.0f else 1.0f) "pixel"

                    let each = { Mean = [ 0.1; 0.2; 0.3 ]; Std = [ 0.5; 1.0; 2.0 ] }
                    let image = Array.copy values
                    Normalization.apply each 3 (Span image)

                    for i, v in Array.indexed image do
                        let c = i / plane
                        Check.near 5e-6 (float v) ((float values[i] / 255.0 - each.Mean[c]) / each.Std[c]) "pixel")

                let refused n why = Expect.equal (messageOf<BadInput>(fun () -> Normalization.check 3 n)) why "message"
                refused { Mean = [ 0.5; 0.5 ]; Std = [ 1.0 ] } "the normalization's mean takes 1 or 3 numbers, not 2"
                refused { Mean = [ 0.5 ]; Std = [ 1.0; 0.0; 1.0 ] } "the normalization's std takes numbers above 0")
        ]
