/// Images, and the files of them in every format, written here as the formats' descriptions have it.
module MetaKan.Tests.Images.Fixtures

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Fitting

/// Random images [n, c, h, w] with labels below `classes`, the same for the same seed.
let images (seed: int) (classes: int) (n: int, c: int, h: int, w: int) : Images =
    let random = Random seed
    let pixels = Array.zeroCreate (n * c * h * w)
    random.NextBytes pixels

    {
        Channels = c
        Height = h
        Width = w
        Pixels = pixels
        Labels = Array.init n (fun _ -> random.Next classes)
    }

let private compress (wrap: Stream -> Stream) (bytes: byte[]) =
    use target = new MemoryStream()

    using (wrap target) (fun stream -> stream.Write(ReadOnlySpan bytes))
    target.ToArray()

let gzip = compress (fun target -> new GZipStream(target, CompressionLevel.Fastest, leaveOpen = true))
let zlib = compress (fun target -> new ZLibStream(target, CompressionLevel.Fastest, leaveOpen = true))

let big (value: int) =
    let bytes = Array.zeroCreate 4
    BinaryPrimitives.WriteInt32BigEndian(Span bytes, value)
    bytes

let private little (value: int) = BitConverter.GetBytes value

/// An IDX file of bytes.
let idx (dimensions: int list) (elements: byte[]) : byte[] =
    Array.concat [ [| 0uy; 0uy; 8uy; byte dimensions.Length |]; yield! List.map big dimensions; elements ]

let idxImages (i: Images) = idx [ Images.count i; i.Height; i.Width ] i.Pixels
let idxLabels (i: Images) = idx [ i.Labels.Length ] (Array.map byte i.Labels)

/// Writes a data set of so many images to learn from and to test on, of the size of Fashion-MNIST's, into a new folder.
let writeIdx (folder: string) (train: int) (test: int) : Images * Images =
    Directory.CreateDirectory folder |> ignore
    let write name (bytes: byte[]) = File.WriteAllBytes(Path.Combine(folder, name), bytes)

    let set seed count name =
        let images = images seed 10 (count, 1, 28, 28)
        write $"{name}-images-idx3-ubyte.gz" (gzip (idxImages images))
        write $"{name}-labels-idx1-ubyte" (idxLabels images)
        images

    set 1 train "train", set 2 test "t10k"

/// A CIFAR file: before each image, its label is the last of so many.
let cifar (labels: int) (i: Images) : byte[] =
    [|
        for n, label in Array.indexed i.Labels do
            yield! Array.create (labels - 1) 200uy
            byte label
            yield! (Images.at n i).ToArray()
    |]

/// An element of a MATLAB file; short data lie within its tag.
let matElement (kind: int) (data: byte[]) =
    if data.Length <= 4 then
        Array.concat [ little (data.Length <<< 16 ||| kind); data; Array.zeroCreate (4 - data.Length) ]
    else
        Array.concat [ little kind; little data.Length; data; Array.zeroCreate (-data.Length &&& 7) ]

/// A MATLAB array of class `kind` (9: bytes, 6: doubles) whose elements are stored as `stored`.
let matArray (kind: byte) (stored: int) (name: string) (dimensions: int list) (data: byte[]) : byte[] =
    Array.concat
        [
            matElement 6 [| kind; 0uy; 0uy; 0uy; 0uy; 0uy; 0uy; 0uy |]
            matElement 5 (dimensions |> List.map little |> Array.concat)
            matElement 1 (Encoding.ASCII.GetBytes name)
            matElement stored data
        ]
    |> matElement 14

/// A MATLAB file of level 5 with these arrays.
let mat (compressed: bool) (arrays: byte[] list) : byte[] =
    let packed (array: byte[]) =
        let data = zlib array
        Array.concat [ little 15; little data.Length; data ]

    Array.concat
        [
            Encoding.ASCII.GetBytes("MATLAB 5.0 MAT-file, made by a test".PadRight 116)
            Array.zeroCreate 8
            [| 0uy; 1uy; byte 'I'; byte 'M' |]
            yield! if compressed then List.map packed arrays else arrays
        ]

/// The X and y of an SVHN file.
let svhnArrays (labelsAsDoubles: bool) (i: Images) : byte[] list =
    let n = Images.count i

    let x =
        [|
            for image in 0 .. n - 1 do
                for c in 0..2 do
                    for column in 0..31 do
                        for row in 0..31 do
                            (Images.at image i)[c * 1024 + row * 32 + column]
        |]

    let y = i.Labels |> Array.map (fun digit -> if digit = 0 then 10 else digit)

    [
        matArray 9uy 2 "X" [ 32; 32; 3; n ] x
        if labelsAsDoubles then
            matArray 6uy 9 "y" [ n; 1 ] (y |> Array.collect (float >> BitConverter.GetBytes))
        else
            matArray 9uy 2 "y" [ n; 1 ] (Array.map byte y)
    ]

let svhn compressed labelsAsDoubles i = mat compressed (svhnArrays labelsAsDoubles i)

/// A PNG image as it is stored: `Samples` [H, W, samples of a pixel].
type Png =
    {
        Width: int
        Height: int
        Colour: int
        Depth: int
        Interlaced: bool
        Samples: int[]
        Palette: byte[]
        Transparent: byte[]
    }

/// A chunk of a PNG file, with its check sum.
let chunk (kind: string) (data: byte[]) =
    let body = Array.append (Encoding.ASCII.GetBytes kind) data
    let mutable crc = 0xFFFFFFFFu

    for b in body do
        crc <- crc ^^^ uint32 b

        for _ in 1..8 do
            crc <- (crc >>> 1) ^^^ (0xEDB88320u &&& (0u - (crc &&& 1u)))

    Array.concat [ big data.Length; body; big (int ~~~crc) ]

let pngSignature = [| 137uy; 80uy; 78uy; 71uy; 13uy; 10uy; 26uy; 10uy |]

let samplesPerPixel colour =
    match colour with
    | 2 -> 3
    | 4 -> 2
    | 6 -> 4
    | _ -> 1

/// A PNG file, each row with a filter that the seed chooses, the pixels in two chunks.
let png (seed: int) (p: Png) : byte[] =
    let random = Random seed
    let per = samplesPerPixel p.Colour

    let pack (samples: int list) =
        let bits =
            [|
                for s in samples do
                    for bit in p.Depth - 1 .. -1 .. 0 -> s >>> bit &&& 1
            |]

        bits
        |> Array.chunkBySize 8
        |> Array.map (fun eight ->
            (0, Array.append eight (Array.zeroCreate (8 - eight.Length)))
            ||> Array.fold (fun byte bit -> 2 * byte + bit)
            |> byte)

    let filtered (above: byte[]) (row: byte[]) =
        let distance = max 1 (p.Depth * per / 8)
        let kind = random.Next 5

        let predict i =
            let a, c = if i < distance then 0, 0 else int row[i - distance], int above[i - distance]
            let b = int above[i]

            match kind with
            | 0 -> 0
            | 1 -> a
            | 2 -> b
            | 3 -> (a + b) / 2
            | _ -> [ a; b; c ] |> List.minBy (fun q -> abs (a + b - c - q))

        Array.append [| byte kind |] (Array.init row.Length (fun i -> row[i] - byte (predict i)))

    let pass (columns: int list) (rows: int list) =
        let packed =
            [
                for y in rows ->
                    pack
                        [
                            for x in columns do
                                for s in 0 .. per - 1 -> p.Samples[(y * p.Width + x) * per + s]
                        ]
            ]

        if columns.IsEmpty || rows.IsEmpty then
            [||]
        else
            Seq.append [ Array.zeroCreate packed.Head.Length ] packed
            |> Seq.pairwise
            |> Seq.map (fun (above, row) -> filtered above row)
            |> Array.concat

    let image =
        if p.Interlaced then
            [
                [ 0..8 .. p.Width - 1 ], [ 0..8 .. p.Height - 1 ]
                [ 4..8 .. p.Width - 1 ], [ 0..8 .. p.Height - 1 ]
                [ 0..4 .. p.Width - 1 ], [ 4..8 .. p.Height - 1 ]
                [ 2..4 .. p.Width - 1 ], [ 0..4 .. p.Height - 1 ]
                [ 0..2 .. p.Width - 1 ], [ 2..4 .. p.Height - 1 ]
                [ 1..2 .. p.Width - 1 ], [ 0..2 .. p.Height - 1 ]
                [ 0 .. p.Width - 1 ], [ 1..2 .. p.Height - 1 ]
            ]
            |> List.map (fun (columns, rows) -> pass columns rows)
            |> Array.concat
        else
            pass [ 0 .. p.Width - 1 ] [ 0 .. p.Height - 1 ]

    let first, second = zlib image |> fun data -> Array.splitAt (data.Length / 2) data

    Array.concat
        [
            pngSignature
            chunk
                "IHDR"
                (Array.concat
                    [
                        big p.Width
                        big p.Height
                        [| byte p.Depth; byte p.Colour; 0uy; 0uy; (if p.Interlaced then 1uy else 0uy) |]
                    ])
            if p.Palette.Length > 0 then
                chunk "PLTE" p.Palette
            if p.Transparent.Length > 0 then
                chunk "tRNS" p.Transparent
            chunk "tEXt" (Encoding.ASCII.GetBytes "Comment\000made by a test")
            chunk "IDAT" first
            chunk "IDAT" second
            chunk "IEND" [||]
        ]

/// Random PNG images of every colour type and depth, up to 13 pixels wide and high, without transparency.
let pngs =
    gen {
        let! colour, depth =
            Gen.elements
                [
                    for colour, depths in
                        [ 0, [ 1; 2; 4; 8; 16 ]; 2, [ 8; 16 ]; 3, [ 1; 2; 4; 8 ]; 4, [ 8; 16 ]; 6, [ 8; 16 ] ] do
                        for depth in depths -> colour, depth
                ]

        let! width = Gen.choose (1, 13)
        let! height = Gen.choose (1, 13)
        let! interlaced = Gen.elements [ true; false ]
        let! seed = Gen.choose (0, 1_000_000)
        let random = Random seed
        let palette = Array.zeroCreate (3 <<< depth &&& 0x3FF)
        random.NextBytes palette

        return
            {
                Width = width
                Height = height
                Colour = colour
                Depth = depth
                Interlaced = interlaced
                Samples = Array.init (width * height * samplesPerPixel colour) (fun _ -> random.Next(0, 1 <<< depth))
                Palette = if colour = 3 then palette else [||]
                Transparent = [||]
            }
    }
