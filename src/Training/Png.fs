// PNG images from pixels, by SkiaSharp.
namespace MetaKan

open SkiaSharp

[<RequireQualifiedAccess>]
module Png =
    /// An image of the given width, from rows of pixels of four bytes (red, green, blue, opacity), the top row first.
    let encode (width: int) (pixels: byte[]) : byte[] =
        let stride = 4 * width
        let info = SKImageInfo(width, pixels.Length / stride, SKColorType.Rgba8888, SKAlphaType.Unpremul)
        use image = SKImage.FromPixelCopy(info, pixels, stride)
        use data = image.Encode(SKEncodedImageFormat.Png, 100)
        data.ToArray()
