// PNG and JPEG images, by SkiaSharp over libpng and libjpeg-turbo.
namespace MetaKan

open System.IO
open System.Runtime.InteropServices
open SkiaSharp

/// The pixels of an image: red, green and blue, [3, H, W] in row-major order.
type Picture = { Height: int; Width: int; Colours: byte[] }

[<RequireQualifiedAccess>]
module Bitmap =
    // F# Interactive does not look into the folder where packages have their native libraries.
    let private loaded =
        lazy
            List.allPairs Libtorch.native [ "libSkiaSharp.so"; "libSkiaSharp.dylib"; "libSkiaSharp.dll" ]
            |> List.map Path.Combine
            |> List.tryFind File.Exists
            |> Option.iter (fun file ->
                let library = NativeLibrary.Load file
                NativeLibrary.SetDllImportResolver(typeof<SKCodec>.Assembly, fun _ _ _ -> library))

    /// The largest number of pixels that are read: a header that says more is damaged, or the image of no use here.
    let private mostPixels = 100_000_000L

    /// A PNG image of the given width, from rows of pixels of four bytes (red, green, blue, opacity), the top row first.
    let png (width: int) (pixels: byte[]) : byte[] =
        loaded.Force()
        let stride = 4 * width
        let info = SKImageInfo(width, pixels.Length / stride, SKColorType.Rgba8888, SKAlphaType.Unpremul)
        use image = SKImage.FromPixelCopy(info, pixels, stride)
        use data = image.Encode(SKEncodedImageFormat.Png, 100)
        data.ToArray()

    /// Whether a file that begins with these bytes is a PNG or a JPEG image.
    let isPicture (start: byte[]) : bool =
        [
            [| 0x89uy; 0x50uy; 0x4Euy; 0x47uy; 0x0Duy; 0x0Auy; 0x1Auy; 0x0Auy |]
            [| 0xFFuy; 0xD8uy; 0xFFuy |]
        ]
        |> List.exists (fun signature -> Array.truncate signature.Length start = signature)

    /// The image in the bytes of a PNG or JPEG file, its stored numbers as they are (no colour profile is applied), 16 bits
    /// rounded to 8. What is transparent shows black behind it. Raises BadInput, with `path` as the file's name, for an
    /// image that is not whole.
    let decode (path: string) (bytes: byte[]) : Picture =
        loaded.Force()
        let refuse what = raise (BadInput $"{path}: {what}")
        use data = SKData.CreateCopy bytes

        use codec =
            match SKCodec.Create data with
            | null -> refuse "the header of its image is damaged"
            | codec -> codec

        let width, height = codec.Info.Width, codec.Info.Height

        if int64 width * int64 height > mostPixels then
            refuse $"it is {width}x{height}; up to {mostPixels} pixels are read"

        let info = SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul)
        use bitmap = new SKBitmap(info)

        match codec.GetPixels(info, bitmap.GetPixels()) with
        | SKCodecResult.Success -> ()
        | SKCodecResult.IncompleteInput -> refuse "ends before its last pixels"
        | _ -> refuse "its pixels are damaged"

        let pixels = bitmap.Bytes
        let plane = height * width

        {
            Height = height
            Width = width
            Colours = Array.init (3 * plane) (fun i -> pixels[4 * (i % plane) + i / plane])
        }
