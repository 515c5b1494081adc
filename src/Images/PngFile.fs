// Reading PNG images (W3C Portable Network Graphics, third edition): every colour type and depth, interlaced or not.
namespace MetaKan

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text

/// The pixels of an image: red, green and blue, [3, H, W] in row-major order.
type Picture = { Height: int; Width: int; Colours: byte[] }

[<RequireQualifiedAccess>]
module PngFile =
    /// What the header tells. Samples are what a pixel has of numbers: gray, or red, green and blue, or a palette's index,
    /// and an opacity.
    type private Header =
        {
            Width: int
            Height: int
            Depth: int
            Colour: int
            Interlaced: bool
        }

        member header.Samples =
            match header.Colour with
            | 2 -> 3
            | 4 -> 2
            | 6 -> 4
            | _ -> 1

    let private signature = [| 0x89uy; 0x50uy; 0x4Euy; 0x47uy; 0x0Duy; 0x0Auy; 0x1Auy; 0x0Auy |]

    /// The largest number of pixels that are read: what says more is damaged or of no use here.
    let private mostPixels = 100_000_000L

    /// Whether bytes begin as every PNG file does.
    let isPng (bytes: byte[]) : bool = bytes.AsSpan().StartsWith(ReadOnlySpan signature)

    let private number (bytes: byte[]) at = int64 (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, at, 4)))

    /// The chunks up to IEND, by kind, with their data.
    let private chunks (fault: string -> exn) (bytes: byte[]) : (string * byte[]) list =
        let next at =
            if at + 12L > bytes.LongLength then
                raise (fault $"ends after {bytes.Length} bytes, before its last chunk")

            let length = number bytes (int at)

            if at + 12L + length > bytes.LongLength then
                raise (fault $"ends after {bytes.Length} bytes; its chunk at byte {at} ends at {at + 12L + length}")

            let body = bytes[int at + 4 .. int (at + 7L + length)]
            let kind = Encoding.ASCII.GetString(body, 0, 4)

            if int64 (Png.crc body) <> number bytes (int (at + 8L + length)) then
                raise (fault $"the check sum of its chunk {kind} at byte {at} is wrong")

            if kind = "IEND" then None else Some((kind, body[4..]), at + 12L + length)

        List.unfold next (int64 signature.Length)

    let private header (fault: string -> exn) (data: byte[]) : Header =
        if data.Length <> 13 then
            raise (fault "its header is not 13 bytes long")

        let width, height, depth, colour = number data 0, number data 4, int data[8], int data[9]

        let depths =
            match colour with
            | 0 -> [ 1; 2; 4; 8; 16 ]
            | 3 -> [ 1; 2; 4; 8 ]
            | 2
            | 4
            | 6 -> [ 8; 16 ]
            | _ -> []

        if width < 1L || height < 1L || width * height > mostPixels then
            raise (fault $"it is {width}x{height}; up to {mostPixels} pixels are read")

        if not (List.contains depth depths) || data[10] <> 0uy || data[11] <> 0uy || data[12] > 1uy then
            raise (fault $"colour type {colour} with {depth} bits, or a method in its header, is not of PNG")

        {
            Width = int width
            Height = int height
            Depth = depth
            Colour = colour
            Interlaced = data[12] = 1uy
        }

    let private paeth (a: int) (b: int) (c: int) =
        let p = a + b - c
        let da, db, dc = abs (p - a), abs (p - b), abs (p - c)

        if da <= db && da <= dc then a
        elif db <= dc then b
        else c

    /// Undoes a row's filter in place: `a` is the byte a pixel to the left, `b` the one above, `c` the one above `a`.
    let private unfilter (fault: string -> exn) (kind: int) (distance: int) (above: byte[]) (row: byte[]) =
        for i in 0 .. row.Length - 1 do
            let a = if i < distance then 0 else int row[i - distance]
            let b = int above[i]
            let c = if i < distance then 0 else int above[i - distance]

            let predicted =
                match kind with
                | 0 -> 0
                | 1 -> a
                | 2 -> b
                | 3 -> (a + b) / 2
                | 4 -> paeth a b c
                | other -> raise (fault $"a row has the filter {other}; PNG has 0 to 4")

            row[i] <- byte (int row[i] + predicted)

    /// Where the pixels of each pass lie: first column, first row, step across, step down.
    let private passes (header: Header) =
        if header.Interlaced then
            [ 0, 0, 8, 8; 4, 0, 8, 8; 0, 4, 4, 8; 2, 0, 4, 4; 0, 2, 2, 4; 1, 0, 2, 2; 0, 1, 1, 2 ]
        else
            [ 0, 0, 1, 1 ]

    /// All samples, [H, W, samples], as they are stored.
    let private samples (fault: string -> exn) (header: Header) (data: byte[]) : int[] =
        let per = header.Samples
        let all = Array.zeroCreate (header.Height * header.Width * per)
        use unpacked = new ZLibStream(new MemoryStream(data), CompressionMode.Decompress)

        for column, row, across, down in passes header do
            let width = (header.Width - column + across - 1) / across
            let height = (header.Height - row + down - 1) / down
            let bits = header.Depth * per
            let above = ref (Array.zeroCreate ((width * bits + 7) / 8))

            if width > 0 then
                for y in 0 .. height - 1 do
                    let kind = unpacked.ReadByte()
                    let bytes = Array.zeroCreate above.Value.Length
                    unpacked.ReadExactly(bytes, 0, bytes.Length)
                    unfilter fault kind (max 1 (bits / 8)) above.Value bytes
                    above.Value <- bytes

                    for x in 0 .. width - 1 do
                        for s in 0 .. per - 1 do
                            let bit = (x * per + s) * header.Depth

                            all[((row + y * down) * header.Width + column + x * across) * per + s] <-
                                match header.Depth with
                                | 8 -> int bytes[bit / 8]
                                | 16 -> int bytes[bit / 8] <<< 8 ||| int bytes[bit / 8 + 1]
                                | depth -> int bytes[bit / 8] >>> (8 - depth - bit % 8) &&& ((1 <<< depth) - 1)

        all

    /// The image in a PNG file's bytes. What is transparent shows black behind it. Raises BadInput, with `path` as the
    /// file's name, for what is no whole PNG image.
    let decode (path: string) (bytes: byte[]) : Picture =
        let fault what = BadInput $"{path}: {what}"
        let chunks = chunks fault bytes
        let data kind = chunks |> List.filter (fun (k, _) -> k = kind) |> List.map snd |> Array.concat

        // A chunk whose kind begins with a capital letter has to be understood.
        match
            chunks
            |> List.tryFind (fun (kind, _) ->
                Char.IsUpper kind[0] && not (List.contains kind [ "IHDR"; "PLTE"; "IDAT" ]))
        with
        | Some(kind, _) -> raise (fault $"its chunk {kind} is not of a PNG image")
        | None -> ()

        let header = header fault (data "IHDR")
        let palette, transparent = data "PLTE", data "tRNS"
        let per = header.Samples
        let most = float ((1 <<< header.Depth) - 1)

        let stored =
            try
                samples fault header (data "IDAT")
            with
            | :? EndOfStreamException
            | :? InvalidDataException -> raise (fault "its compressed pixels are damaged")

        if header.Colour = 3 && 3 * Array.max stored >= palette.Length then
            raise (fault $"a pixel has the palette's colour {Array.max stored}; it has {palette.Length / 3}")

        /// The samples that stand for transparent pixels, in an image without opacities.
        let hidden =
            if List.contains header.Colour [ 0; 2 ] && transparent.Length >= 2 * per then
                Array.init per (fun s -> int transparent[2 * s] <<< 8 ||| int transparent[2 * s + 1])
            else
                [||]

        /// The opacity, from 0 to 1, of the pixel whose samples begin at a place.
        let opacity at =
            match header.Colour with
            | 3 when stored[at] < transparent.Length -> float transparent[stored[at]] / 255.0
            | 4
            | 6 -> float stored[at + per - 1] / most
            | _ when hidden.Length > 0 && hidden.AsSpan().SequenceEqual(ReadOnlySpan(stored, at, per)) -> 0.0
            | _ -> 1.0

        /// One of its three colours, from 0 to 1.
        let colour at c =
            match header.Colour with
            | 3 -> float palette[3 * stored[at] + c] / 255.0
            | 0
            | 4 -> float stored[at] / most
            | _ -> float stored[at + c] / most

        let plane = header.Height * header.Width
        let colours = Array.zeroCreate (3 * plane)

        for i in 0 .. plane - 1 do
            let share = opacity (i * per)

            for c in 0..2 do
                colours[c * plane + i] <- byte (round (255.0 * share * colour (i * per) c))

        { Height = header.Height; Width = header.Width; Colours = colours }
