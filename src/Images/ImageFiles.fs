namespace MetaKan.Images

open System
open System.IO
open MetaKan

/// Image files to classify (PNG, JPEG, IDX), converted to the size and channels that a model takes.
[<RequireQualifiedAccess>]
module ImageFiles =
    /// The nonzero weights (source index, weight) of each of `size` target pixels over `from` source pixels: linear
    /// interpolation when enlarging, a triangle filter when shrinking.
    let private weights (from: int) (size: int) : (int * float)[][] =
        let step = float from / float size
        let reach = max 1.0 step

        Array.init size (fun i ->
            let centre = (float i + 0.5) * step - 0.5

            let parts =
                [|
                    for j in max 0 (int (ceil (centre - reach))) .. min (from - 1) (int (floor (centre + reach))) do
                        let weight = 1.0 - abs (float j - centre) / reach

                        if weight > 0.0 then
                            j, weight
                |]

            let total = Array.sumBy snd parts
            parts |> Array.map (fun (j, weight) -> j, weight / total))

    /// One channel [from] scaled to [size], both height and width.
    let private scale (height: int, width: int) (toHeight: int, toWidth: int) (plane: float[]) : float[] =
        let rows, columns = weights height toHeight, weights width toWidth

        let across =
            Array.init (height * toWidth) (fun i ->
                columns[i % toWidth] |> Array.sumBy (fun (x, weight) -> weight * plane[i / toWidth * width + x]))

        Array.init (toHeight * toWidth) (fun i ->
            rows[i / toWidth] |> Array.sumBy (fun (y, weight) -> weight * across[y * toWidth + i % toWidth]))

    /// Converts between gray and colour: gray is the luma of Rec. 601 (ITU-R BT.601); colour repeats the gray channel.
    let private recolour (channels: int) (planes: float[][]) : float[][] =
        match planes, channels with
        | [| red; green; blue |], 1 -> [| Array.map3 (fun r g b -> 0.299 * r + 0.587 * g + 0.114 * b) red green blue |]
        | [| gray |], _ -> Array.create channels gray
        | _ -> planes

    /// Converts an image [C, H, W] to the wanted shape.
    let private fit (channels, height, width) (c: int, h: int, w: int) (pixels: byte[]) : byte[] =
        if (c, h, w) = (channels, height, width) then
            pixels
        else
            pixels
            |> Array.chunkBySize (h * w)
            |> Array.map (Array.map float)
            |> recolour channels
            |> Array.collect (scale (h, w) (height, width))
            |> Array.map (round >> byte)

    /// The images in a file, without labels, each scaled to the wanted channels (1 or 3), height and width: the one of a
    /// PNG or JPEG file, or all of an IDX file, whatever their names. Raises BadInput for what is neither.
    let read (path: string) (channels: int, height: int, width: int) : Images =
        let shape = channels, height, width

        let pixels =
            match DataFile.start path 8 with
            | start when Bitmap.isPicture start ->
                let picture = Bitmap.decode path (DataFile.all path)
                fit shape (3, picture.Height, picture.Width) picture.Colours
            | [| 0uy; 0uy; 8uy; 3uy; _; _; _; _ |] ->
                let images = Idx.images path
                let size = images.Channels, images.Height, images.Width
                images.Pixels |> Array.chunkBySize (Images.size images) |> Array.collect (fit shape size)
            | _ -> raise (BadInput $"{path}: neither a PNG or JPEG image nor an IDX file of images")

        { Channels = channels; Height = height; Width = width; Pixels = pixels; Labels = [||] }
