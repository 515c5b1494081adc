// PNG and JPEG images, by SkiaSharp over libpng and libjpeg-turbo.
namespace MetaKan

open System
open System.Buffers.Binary
open System.IO
open System.Runtime.InteropServices
open ICSharpCode.SharpZipLib.Checksum
open SkiaSharp

[<RequireQualifiedAccess>]
module internal Bitmap =
    // F# Interactive does not look into the folder where packages have their native libraries.
    let private loaded =
        lazy
            List.allPairs (Libtorch.native ()) [ "libSkiaSharp.so"; "libSkiaSharp.dylib"; "libSkiaSharp.dll" ]
            |> List.map Path.Combine
            |> List.tryFind File.Exists
            |> Option.iter (fun file ->
                let library = NativeLibrary.Load file
                NativeLibrary.SetDllImportResolver(typeof<SKCodec>.Assembly, fun _ _ _ -> library))

    /// The largest number of pixels that are read: a header that says more is damaged, or the image of no use here.
    let private mostPixels = 100_000_000L

    let private pngSignature = [| 0x89uy; 0x50uy; 0x4Euy; 0x47uy; 0x0Duy; 0x0Auy; 0x1Auy; 0x0Auy |]

    /// Whether the chunks of a PNG file are there, up to the last, with the checksums that they tell (PNG specification, 5.3):
    /// the codec does not mind.
    let private chunksAreWhole (bytes: byte[]) : bool =
        let number at = int64 (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, at, 4)))

        let rec whole at =
            let length = if at + 12 > bytes.Length then int64 bytes.Length else number at

            int64 at + 12L + length <= int64 bytes.Length
            && (let checksum = Crc32()
                let length = int length
                checksum.Update(ArraySegment(bytes, at + 4, length + 4))

                checksum.Value = number (at + 8 + length)
                && (Text.Encoding.ASCII.GetString(bytes, at + 4, 4) = "IEND" || whole (at + 12 + length)))

        whole pngSignature.Length

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
        [ pngSignature; [| 0xFFuy; 0xD8uy; 0xFFuy |] ]
        |> List.exists (fun signature -> Array.truncate signature.Length start = signature)

    /// Hands out the image in the bytes of a PNG or JPEG file a row at a time, from the top: `start` hears its height and width, and
    /// `take` each row, pixels of four bytes (red, green, blue, opacity). Stored numbers are as they are (no colour profile is
    /// applied), 16 bits rounded to 8. What is transparent shows black behind it. Raises BadInput, with `path` as the file's
    /// name, for an image that is not whole, or of more pixels than are read.
    let decode (path: string) (bytes: byte[]) (start: int * int -> 'a) (take: 'a -> byte[] -> unit) : 'a =
        loaded.Force()
        let refuse what = raise (BadInput $"{path}: {what}")

        if Array.truncate pngSignature.Length bytes = pngSignature && not (chunksAreWhole bytes) then
            refuse "it is cut off or damaged"

        let pinned = GCHandle.Alloc(bytes, GCHandleType.Pinned)

        try
            use data = SKData.Create(pinned.AddrOfPinnedObject(), bytes.Length)

            use codec =
                match SKCodec.Create data with
                | null -> refuse "the header of its image is damaged"
                | codec -> codec

            let width, height = codec.Info.Width, codec.Info.Height

            if int64 width * int64 height > mostPixels then
                refuse $"it is {width}x{height}; up to {mostPixels} pixels are read"

            let info = SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul)

            // Four bytes a pixel: the codec has no rows of a PNG image by themselves.
            use bitmap = new SKBitmap(info)

            match codec.GetPixels(info, bitmap.GetPixels()) with
            | SKCodecResult.Success -> ()
            | SKCodecResult.IncompleteInput -> refuse "ends before its last pixels"
            | _ -> refuse "its pixels are damaged"

            let found = start (height, width)
            let row = Array.zeroCreate<byte>(4 * width)

            for y in 0 .. height - 1 do
                Marshal.Copy(bitmap.GetPixels() + nativeint y * nativeint bitmap.RowBytes, row, 0, row.Length)
                take found row

            found
        finally
            pinned.Free()
