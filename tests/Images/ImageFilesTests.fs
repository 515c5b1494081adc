/// Images to classify, from PNG, JPEG and IDX files, in the size and colours that are wanted.
module MetaKan.Tests.Images.ImageFilesTests

open System
open System.IO
open Expecto
open SkiaSharp
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests
open MetaKan.Tests.Folder
open MetaKan.Tests.Images.Fixtures
open MetaKan.Tests.Numeric

let private withFile (bytes: byte[]) (test: string -> 'a) : 'a =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "some file")
        File.WriteAllBytes(path, bytes)
        test path)

let private read shape bytes = withFile bytes (fun path -> ImageFiles.read path shape)

/// The images of a file of these bytes, in gray; or what is said of it after its name.
let private tryRead (bytes: byte[]) : Result<Images, string> =
    withFile bytes (fun path ->
        try
            Ok(ImageFiles.read path (1, 28, 28))
        with BadInput message ->
            Expect.stringStarts message (path + ": ") "message"
            Error(message.Substring(path.Length + 2)))

/// The pixels of a PNG as colours [3, H, W], by its own size.
let private colours (p: Png) (bytes: byte[]) = (read (3, p.Height, p.Width) bytes).Pixels

/// The colours that a PNG without transparency has, as the format's description has it.
let private expected (p: Png) : byte[] =
    let per = samplesPerPixel p.Colour
    let most = float ((1 <<< p.Depth) - 1)

    [|
        for c in 0..2 do
            for i in 0 .. p.Width * p.Height - 1 do
                let sample s = p.Samples[i * per + s]

                match p.Colour with
                | 0 -> float (sample 0) / most
                | 2 -> float (sample c) / most
                | 3 -> float p.Palette[3 * sample 0 + c] / 255.0
                | 4 -> float (sample 0) / most * float (sample 1) / most
                | _ -> float (sample c) / most * float (sample 3) / most
    |]
    |> Array.map (fun share -> byte (round (255.0 * share)))

/// Off by one at most, for values halfway between two; by two where 16 bits of colour and of opacity were rounded to 8
/// each before they were multiplied.
let private near (p: Png) (actual: byte[]) =
    let expected = expected p
    let most = if p.Depth = 16 && p.Colour >= 4 then 2 else 1
    Expect.equal actual.Length expected.Length "number of pixels"

    for a, b in Array.zip expected actual do
        Check.inRange (int a - most) (int a + most) (int b) "pixel"

let tests =
    testList
        "Images.ImageFiles"
        [
            property
                "PNG images of every colour type, depth, filter and interlacing are read"
                300
                (Gen.zip pngs seeds)
                (fun (p, seed) -> near p (colours p (png seed p)))

            property
                "what the program itself writes as PNG is read"
                50
                (Gen.zip3 (Gen.choose (1, 9)) (Gen.choose (1, 9)) seeds)
                (fun (width, height, seed) ->
                    let pixels =
                        (images seed 10 (1, 4, height, width)).Pixels
                        |> Array.mapi (fun i b -> if i % 4 = 3 then 255uy else b)

                    let back = read (3, height, width) (Bitmap.png width pixels)

                    for i, b in Array.indexed pixels do
                        if i % 4 < 3 then
                            Expect.equal back.Pixels[i % 4 * width * height + i / 4] b "pixels")

            testCase "transparent pixels are black" (fun () ->
                let image =
                    {
                        Width = 3
                        Height = 1
                        Colour = 0
                        Depth = 8
                        Interlaced = false
                        Samples = [| 9; 200; 77 |]
                        Palette = [||]
                        Transparent = [| 0uy; 200uy |]
                    }

                Expect.equal ((read (1, 1, 3) (png 1 image)).Pixels) [| 9uy; 0uy; 77uy |] "pixels"

                let palette =
                    { image with
                        Colour = 3
                        Depth = 2
                        Samples = [| 0; 1; 2 |]
                        Palette = Array.create 9 100uy
                        Transparent = [| 255uy; 0uy |]
                    }

                Expect.equal ((read (1, 1, 3) (png 1 palette)).Pixels) [| 100uy; 0uy; 100uy |] "pixels")

            property
                "a PNG file that is cut off or changed is refused in one line that names it"
                100
                (Gen.zip3 pngs seeds (Gen.choose (8, 999_999)))
                (fun (p, seed, place) ->
                    let bytes = png seed p
                    let at = 8 + place % (bytes.Length - 8)

                    for broken in [ Array.truncate at bytes; Array.updateAt at (bytes[at] ^^^ 0x10uy) bytes ] do
                        match tryRead broken with
                        | Ok _ -> failtest "it passes as an image"
                        | Error message -> Check.lacks message "\n" "message")

            testCase "a JPEG file is read, and refused where it is cut off" (fun () ->
                // A smooth image, which JPEG keeps but for a few values.
                let height, width = 24, 40
                let colour x y = SKColor(byte (6 * x), byte (10 * y), byte (120 + 2 * x - y))
                use bitmap = new SKBitmap(width, height)

                for y in 0 .. height - 1 do
                    for x in 0 .. width - 1 do
                        bitmap.SetPixel(x, y, colour x y)

                use data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 95)
                let bytes = data.ToArray()
                let pixels = (read (3, height, width) bytes).Pixels

                for y in 0 .. height - 1 do
                    for x in 0 .. width - 1 do
                        let c = colour x y

                        for channel, value in [ 0, c.Red; 1, c.Green; 2, c.Blue ] do
                            let found = int pixels[(channel * height + y) * width + x]
                            Check.inRange (int value - 12) (int value + 12) found "pixel"

                for length in [ 3; 20; bytes.Length / 2; bytes.Length - 10 ] do
                    match tryRead (Array.truncate length bytes) with
                    | Ok _ -> failtest $"{length} of {bytes.Length} bytes pass as an image"
                    | Error message -> Check.lacks message "\n" "message")

            testCase "a PNG file whose parts do not fit together is refused" (fun () ->
                let header width height depth colour =
                    chunk "IHDR" (Array.concat [ big width; big height; [| depth; colour; 0uy; 0uy; 0uy |] ])

                let data (bytes: byte list) = chunk "IDAT" (zlib (Array.ofList bytes))
                let damaged = "its pixels are damaged"

                for chunks, why in
                    [
                        [], "the header of its image is damaged"
                        [ header 0 5 8uy 0uy ], "the header of its image is damaged"
                        [ header 2 2 3uy 0uy ], "the header of its image is damaged"
                        [ header 20000 20000 8uy 0uy; data [ 0uy ] ],
                        "it is 20000x20000; up to 100000000 pixels are read"
                        [ header 2 2 8uy 0uy; chunk "ABCD" [||]; data [ 0uy; 1uy; 2uy; 0uy; 3uy; 4uy ] ],
                        "the header of its image is damaged"
                        [ header 2 2 8uy 0uy; data [ 0uy; 1uy; 2uy ] ], "ends before its last pixels"
                        [ header 2 2 8uy 0uy; chunk "IDAT" [| 1uy; 2uy |] ], "ends before its last pixels"
                        [ header 2 1 8uy 0uy; data [ 9uy; 1uy; 2uy ] ], damaged
                    ] do
                    match tryRead (Array.concat [ pngSignature; yield! chunks; chunk "IEND" [||] ]) with
                    | Ok images -> failtest $"{images.Pixels.Length} pixels where {why}"
                    | Error message -> Expect.equal message why "message")

            testCase "what is neither PNG, JPEG nor IDX is refused" (fun () ->
                for bytes in [ [||]; [| 1uy |]; "no image at all"B; idx [ 4 ] [| 1uy; 2uy; 3uy; 4uy |] ] do
                    withFile bytes (fun path ->
                        let message = messageOf<BadInput>(fun () -> ImageFiles.read path (1, 28, 28) |> ignore)

                        Expect.equal
                            message
                            (path + ": neither a PNG or JPEG image nor an IDX file of images")
                            "message"))

            testCase "all images of an IDX file are read, as they are where their size is the wanted one" (fun () ->
                let some = images 1 10 (4, 1, 6, 5)

                for pack in [ id; gzip ] do
                    let got = read (1, 6, 5) (pack (idxImages some))
                    Expect.equal got.Pixels some.Pixels "pixels"
                    Expect.isEmpty got.Labels "labels"

                let coloured = read (3, 6, 5) (idxImages some)
                Expect.equal (Images.count coloured) 4 "count"
                let gray = (Images.at 2 some).ToArray()
                Expect.equal ((Images.at 2 coloured).ToArray()) (Array.concat [ gray; gray; gray ]) "pixels")

            testCase
                "large images are scaled a row at a time, and what is too large is refused, in little memory"
                (fun () ->
                    // A gray picture of one value; its rows compress to nothing.
                    let flat width height =
                        let header =
                            chunk "IHDR" (Array.concat [ big width; big height; [| 8uy; 0uy; 0uy; 0uy; 0uy |] ])

                        let row = Array.append [| 0uy |] (Array.create width 77uy)
                        use packed = new MemoryStream()

                        (use pack = new Compression.ZLibStream(packed, Compression.CompressionLevel.Fastest, true)

                         for _ in 1..height do
                             pack.Write(row, 0, row.Length))

                        Array.concat [ pngSignature; header; chunk "IDAT" (packed.ToArray()); chunk "IEND" [||] ]

                    // Of this thread: other tests allocate beside it.
                    let before = GC.GetAllocatedBytesForCurrentThread()

                    for width, height in [ 4000, 4000; 1, 900_000; 900_000, 1 ] do
                        match tryRead (flat width height) with
                        | Ok images -> Expect.all images.Pixels ((=) 77uy) $"{width}x{height}"
                        | Error message -> failtest $"{width}x{height}: {message}"

                    // Beyond the files themselves and rows.
                    Check.inRange 0L 400_000_000L (GC.GetAllocatedBytesForCurrentThread() - before) "bytes allocated"

                    for bytes, said in
                        [
                            flat 1 1 |> Array.truncate 8, "it is cut off or damaged"
                            gzip (idx [ 20_000_000; 1; 1 ] (Array.zeroCreate 20_000_000)), "up to 1073741824 are read"
                            gzip (Array.append pngSignature (Array.zeroCreate 1_100_000_000)),
                            "more than 1073741824 bytes"
                        ] do
                        match tryRead bytes with
                        | Ok _ -> failtest $"it passes, where {said}"
                        | Error message -> Expect.stringContains message said "message")

            testCase "colours become gray by their luma" (fun () ->
                let colour =
                    {
                        Width = 4
                        Height = 1
                        Colour = 2
                        Depth = 8
                        Interlaced = false
                        Samples = [| 255; 0; 0; 0; 255; 0; 0; 0; 255; 40; 40; 40 |]
                        Palette = [||]
                        Transparent = [||]
                    }

                Expect.equal ((read (1, 1, 4) (png 1 colour)).Pixels) [| 76uy; 150uy; 29uy; 40uy |] "pixels")

            testCase "a plain image stays plain in any size, and its bounds hold" (fun () ->
                forAll
                    60
                    (Gen.zip3
                        (Gen.zip (Gen.choose (1, 40)) (Gen.choose (1, 40)))
                        (Gen.zip (Gen.choose (1, 40)) (Gen.choose (1, 40)))
                        seeds)
                    (fun ((h, w), (height, width), seed) ->
                        let plain = { images seed 10 (1, 1, h, w) with Pixels = Array.create (h * w) 93uy }

                        for b in (read (1, height, width) (idxImages plain)).Pixels do
                            Expect.equal b 93uy "pixel"

                        let some = images seed 10 (1, 1, h, w)
                        let scaled = (read (1, height, width) (idxImages some)).Pixels

                        Check.inRange
                            (Array.min some.Pixels)
                            (Array.max some.Pixels)
                            (Array.max scaled)
                            "largest pixel"

                        Check.inRange (Array.min some.Pixels) (Array.max some.Pixels) (Array.min scaled) "least pixel"))

            testCase "halving takes the mean of what is covered, doubling puts values between" (fun () ->
                let row (pixels: byte list) = idx [ 1; 1; pixels.Length ] (Array.ofList pixels)
                // Triangles of weights 1 3 3 1 over a constant slope keep it.
                let slope = [ for i in 0..15 -> byte (10 * i) ]
                let half = (read (1, 1, 8) (row slope)).Pixels
                Expect.equal half[1..6] [| for i in 1..6 -> byte (20 * i + 5) |] "pixels"
                Expect.equal ((read (1, 1, 4) (row [ 0uy; 100uy ])).Pixels) [| 0uy; 25uy; 75uy; 100uy |] "pixels"
                // Stripes fade to gray, where the nearest pixels alone would keep them black.
                let stripes = idx [ 1; 32; 32 ] [| for i in 0..1023 -> if i % 4 = 0 || i % 4 = 3 then 200uy else 0uy |]

                for b in (read (1, 8, 8) stripes).Pixels do
                    Check.inRange 90 110 (int b) "pixel")
        ]
