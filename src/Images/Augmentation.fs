// Random augmentation of training images: flips, translations, rotations, scaling, brightness and contrast. All geometric
// changes are combined into one affine map, so each image is resampled once.
namespace MetaKan.Images

open System
open System.Numerics
open MetaKan

/// A random turn by up to `Degrees` either way, a move by up to the share `Translate` of height and width, and a scale
/// uniform on the two factors of `Scale`, about the image's centre.
type RandomAffine =
    {
        /// The largest turn either way, from 0 to 180.
        Degrees: float
        /// The largest move either way, as a share of width and of height, from 0 to 1.
        Translate: float
        /// The smallest and the largest factor, above 0; 1, 1 keeps the size.
        Scale: float * float
    }

/// Factors uniform on [1 - b, 1 + b]: for all pixels (`Brightness`), and for their distance from the image's mean gray
/// (`Contrast`).
type Jitter =
    {
        /// b of the factor for all pixels, from 0, for no change, to 1.
        Brightness: float
        /// b of the factor for the distance from the mean gray, from 0 to 1.
        Contrast: float
    }

/// The random changes made to each training image.
type Augmentation =
    {
        /// Mirror left and right, half of the time.
        Flip: bool
        /// Pad by so many black pixels on each side and crop to the image's size anywhere; 0 for not at all.
        Crop: int
        /// A turn, move and scale; none where None.
        Affine: RandomAffine option
        /// Changes of brightness and contrast, after all others; none where None.
        Jitter: Jitter option
    }

/// Random augmentation of training images, each resampled once.
[<RequireQualifiedAccess>]
module Augmentation =
    /// No augmentation.
    let none = { Flip = false; Crop = 0; Affine = None; Jitter = None }

    /// Raises BadInput for sizes and ranges that are out of bounds.
    let check (a: Augmentation) : unit =
        let refuse what = raise (BadInput $"augmentation: {what}")
        let within low high (x: float) = x >= low && x <= high

        if a.Crop < 0 then
            refuse $"the crop takes a number of pixels from 0 up, not {a.Crop}"

        match a.Affine with
        | Some affine ->
            let low, high = affine.Scale

            if not (within 0.0 180.0 affine.Degrees) then
                refuse $"degrees take a number from 0 to 180, not {affine.Degrees}"

            if not (within 0.0 1.0 affine.Translate) then
                refuse $"the translation takes a share from 0 to 1, not {affine.Translate}"

            if not (low > 0.0 && within low Double.MaxValue high) then
                refuse $"the scale takes two factors above 0 in rising order, not {low} and {high}"
        | None -> ()

        match a.Jitter with
        | Some jitter ->
            for what, x in [ "brightness", jitter.Brightness; "contrast", jitter.Contrast ] do
                if not (within 0.0 1.0 x) then
                    refuse $"the {what} takes a number from 0 to 1, not {x}"
        | None -> ()

    /// The map from pixels (x, y) of the changed image to the original. Vectors are rows: the left map is applied first.
    let private geometry (a: Augmentation) (random: float[]) (height: int) (width: int) : Matrix3x2 =
        let between low high share = float32 (low + (high - low) * share)

        let affine =
            match a.Affine with
            | None -> Matrix3x2.Identity
            | Some affine ->
                let centre = Vector2(float32 (width - 1), float32 (height - 1)) / 2.0f
                let most = Vector2(float32 width, float32 height) * float32 affine.Translate
                let move = Vector2(between -1.0 1.0 random[3], between -1.0 1.0 random[4]) * most
                let turn = between -affine.Degrees affine.Degrees random[5] * MathF.PI / 180.0f
                let scale = between (fst affine.Scale) (snd affine.Scale) random[6]

                Matrix3x2.CreateTranslation -move
                * Matrix3x2.CreateRotation(-turn, centre)
                * Matrix3x2.CreateScale(1.0f / scale, centre)

        let crop =
            let offset share = float32 (int (share * float (2 * a.Crop + 1)) - a.Crop)
            Matrix3x2.CreateTranslation(offset random[1], offset random[2])

        let flip =
            if a.Flip && random[0] < 0.5 then
                Matrix3x2(-1.0f, 0.0f, 0.0f, 1.0f, float32 (width - 1), 0.0f)
            else
                Matrix3x2.Identity

        affine * crop * flip

    /// Samples a plane [H, W] of bytes at mapped positions, by bilinear interpolation; black outside.
    let private sample (map: Matrix3x2) height width (source: byte[]) start (target: float32[]) at =
        let pixel x y =
            if x < 0 || x >= width || y < 0 || y >= height then 0.0f else float32 source[start + y * width + x]

        for y in 0 .. height - 1 do
            for x in 0 .. width - 1 do
                let place = Vector2.Transform(Vector2(float32 x, float32 y), map)
                let left, top = MathF.Floor place.X, MathF.Floor place.Y
                let right, low = place.X - left, place.Y - top
                let column, row = int left, int top

                target[at + y * width + x] <-
                    (1.0f - low) * ((1.0f - right) * pixel column row + right * pixel (column + 1) row)
                    + low * ((1.0f - right) * pixel column (row + 1) + right * pixel (column + 1) (row + 1))

    /// Changes brightness and contrast of an image [C, H, W] of values 0 … 255, in place.
    let private light (jitter: Jitter) (random: float[]) (channels: int) (image: Span<float32>) =
        let factor width share = float32 (1.0 + width * (2.0 * share - 1.0))
        let brightness, contrast = factor jitter.Brightness random[7], factor jitter.Contrast random[8]
        let plane = image.Length / channels

        for i in 0 .. image.Length - 1 do
            image[i] <- Math.Clamp(image[i] * brightness, 0.0f, 255.0f)

        // Rec. 601's luma, as gray is elsewhere.
        let shares =
            if channels = 3 then
                [ 0.299f; 0.587f; 0.114f ]
            else
                List.replicate channels (1.0f / float32 channels)

        let mutable mean = 0.0f

        for channel, share in List.indexed shares do
            let mutable sum = 0.0f

            for i in channel * plane .. (channel + 1) * plane - 1 do
                sum <- sum + image[i]

            mean <- mean + share * sum / float32 plane

        for i in 0 .. image.Length - 1 do
            image[i] <- Math.Clamp(mean + contrast * (image[i] - mean), 0.0f, 255.0f)

    /// Writes the image at an index, augmented with the key's random numbers, as [C, H, W] values 0 … 255 into `target`
    /// from `at` on.
    let apply (a: Augmentation) (key: Key) (images: Images) (index: int) (target: float32[]) (at: int) : unit =
        let size = Images.size images

        if a = none then
            for i in 0 .. size - 1 do
                target[at + i] <- float32 images.Pixels[index * size + i]
        else
            let random = Key.uniforms key 9
            let map = geometry a random images.Height images.Width
            let plane = images.Height * images.Width

            for start in 0..plane .. size - 1 do
                sample map images.Height images.Width images.Pixels (index * size + start) target (at + start)

            match a.Jitter with
            | Some jitter -> light jitter random images.Channels (Span(target, at, size))
            | None -> ()
