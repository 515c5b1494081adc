namespace MetaKan.Images

open System
open System.IO
open MetaKan

/// Image files to classify (PNG, JPEG, IDX), converted to the size and channels that a model takes.
[<RequireQualifiedAccess>]
module ImageFiles =
    /// What a target pixel is made of along a side that is scaled: source pixels from `First` to `Last`, of the weights 1 − |x −
    /// Centre| / Reach over their sum: linear interpolation when enlarging, a triangle filter when shrinking.
    [<Struct>]
    type private Part = { First: int; Last: int; Centre: float; Reach: float; Sum: float }

    let private weight (part: Part) (source: int) : float = 1.0 - abs (float source - part.Centre) / part.Reach

    let private parts (from: int) (size: int) : Part[] =
        let step = float from / float size
        let reach = max 1.0 step

        Array.init size (fun target ->
            let centre = (float target + 0.5) * step - 0.5
            let first, last = max 0 (int (ceil (centre - reach))), min (from - 1) (int (floor (centre + reach)))
            let part = { First = first; Last = last; Centre = centre; Reach = reach; Sum = 1.0 }
            let mutable sum = 0.0

            for source in first..last do
                sum <- sum + weight part source

            { part with Sum = sum })

    /// An image that is scaled as its rows come, from the top: each adds its part to planes of the wanted colours and size.
    type private Scaled(height: int, width: int, shape: struct (int * int * int)) =
        let struct (channels, toHeight, toWidth) = shape
        let planes = Array.zeroCreate<float>(channels * toHeight * toWidth)
        let across = Array.zeroCreate<float>(channels * toWidth)
        let rows, columns = parts height toHeight, parts width toWidth
        let mutable row = 0

        /// Adds the next row: `value` gives a channel at a place.
        member _.Add(value: int -> int -> float) : unit =
            for c in 0 .. channels - 1 do
                let value = value c

                for target in 0 .. toWidth - 1 do
                    let part = columns[target]
                    let mutable sum = 0.0

                    for x in part.First .. part.Last do
                        sum <- sum + weight part x * value x

                    across[c * toWidth + target] <- sum / part.Sum

            for target in 0 .. toHeight - 1 do
                let part = rows[target]

                if row >= part.First && row <= part.Last then
                    let share = weight part row / part.Sum

                    for c in 0 .. channels - 1 do
                        for x in 0 .. toWidth - 1 do
                            let at = (c * toHeight + target) * toWidth + x
                            planes[at] <- planes[at] + share * across[c * toWidth + x]

            row <- row + 1

        /// Writes the pixels [C, H, W] at a place, once all rows are there.
        member _.CopyTo(pixels: byte[], at: int) : unit =
            for i in 0 .. planes.Length - 1 do
                pixels[at + i] <- byte (round planes[i])

    let private picture (path: string) (channels, height, width) : byte[] =
        let scaled =
            Bitmap.decode
                path
                (DataFile.all path)
                (fun (h, w) -> Scaled(h, w, struct (channels, height, width)))
                (fun scaled row ->
                    // Gray is the luma of Rec. 601 (ITU-R BT.601).
                    let luma x = 0.299 * float row[4 * x] + 0.587 * float row[4 * x + 1] + 0.114 * float row[4 * x + 2]

                    scaled.Add(fun c -> if channels = 1 then luma else fun x -> float row[4 * x + c]))

        let pixels = Array.zeroCreate (channels * height * width)
        scaled.CopyTo(pixels, 0)
        pixels

    // The gray images of an IDX file, each scaled by itself.
    let private several (path: string) (channels, height, width) : byte[] =
        let images = Idx.imagesUpTo DataFile.mostBytes path
        let count, size = Images.count images, channels * height * width

        if (images.Height, images.Width) = (height, width) && channels = 1 then
            images.Pixels
        elif int64 count * int64 size > DataFile.mostBytes then
            raise (
                BadInput
                    $"{path}: {count} images of {images.Height}x{images.Width} would have {int64 count * int64 size} bytes as {height}x{width}; up to {DataFile.mostBytes} are read"
            )
        else
            let pixels = Array.zeroCreate (count * size)

            for i in 0 .. count - 1 do
                let scaled = Scaled(images.Height, images.Width, struct (channels, height, width))

                for y in 0 .. images.Height - 1 do
                    let start = (i * images.Height + y) * images.Width

                    scaled.Add(fun _ x -> float images.Pixels[start + x])

                scaled.CopyTo(pixels, i * size)

            pixels

    /// The images in a file, without labels, each scaled to the wanted channels (1 or 3), height and width: the one of a
    /// PNG or JPEG file, of up to 100 million pixels, or all of an IDX file, whatever their names. Up to 1 GiB of a file are
    /// read, and of its images once they are scaled. Raises BadInput for what is neither, or more.
    let read (path: string) (channels: int, height: int, width: int) : Images =
        let shape = channels, height, width

        let pixels =
            match DataFile.start path 8 with
            | start when Bitmap.isPicture start -> picture path shape
            | [| 0uy; 0uy; 8uy; 3uy; _; _; _; _ |] -> several path shape
            | _ -> raise (BadInput $"{path}: neither a PNG or JPEG image nor an IDX file of images")

        { Channels = channels; Height = height; Width = width; Pixels = pixels; Labels = [||] }
