// A contact sheet of misclassified images.
namespace MetaKan.Images

open System
open MetaKan

[<RequireQualifiedAccess>]
module internal Contact =
    let private side, private gap = 96.0, 16.0

    /// An image as a PNG: gray or colours.
    let private png (images: Images) (index: int) : byte[] =
        let plane = images.Height * images.Width
        let pixels = (Images.at index images).ToArray()
        let channel c i = pixels[min c (images.Channels - 1) * plane + i]

        Array.init (4 * plane) (fun i -> if i % 4 = 3 then 255uy else channel (i % 4) (i / 4))
        |> Bitmap.png images.Width

    /// The text, shortened to fit below an image.
    let private fitted (text: string) = if text.Length > 17 then text.Substring(0, 16) + "…" else text

    /// The SVG text of a sheet with `columns` columns: images by index, enlarged, each above its true and its predicted
    /// class.
    let sheet (classes: string list) (columns: int) (examples: (int * int) list) (images: Images) : string =
        let columns = max 1 (min columns examples.Length)
        let rows = (examples.Length + columns - 1) / columns
        let across, down = side + gap, side + 50.0
        let name label = fitted classes[label]

        let draw n (index, predicted) =
            let x, y = gap + across * float (n % columns), 62.0 + down * float (n / columns)
            let middle = x + side / 2.0

            [
                $"""<image x="{Svg.number x}" y="{Svg.number y}" width="{Svg.number side}" height="{Svg.number side}" """
                + "preserveAspectRatio=\"xMidYMid meet\" style=\"image-rendering:pixelated\" "
                + $"""href="data:image/png;base64,{Convert.ToBase64String(png images index)}"/>"""
                Svg.text middle (y + side + 15.0) "text-anchor=\"middle\" font-size=\"11\"" (name images.Labels[index])
                $"""<g class="{Svg.colour 1}">"""
                + Svg.text
                    middle
                    (y + side + 30.0)
                    "text-anchor=\"middle\" font-size=\"11\" font-weight=\"600\""
                    (name predicted)
                + "</g>"
            ]

        [
            Svg.text gap 45.0 "font-size=\"11\" opacity=\"0.7\"" "true class above, predicted class below"
            if examples.IsEmpty then
                Svg.text gap 80.0 "" "none"
            yield! examples |> List.mapi draw |> List.concat
        ]
        |> Svg.page
            (max 300.0 (gap + across * float columns))
            (72.0 + down * float (max 1 rows))
            "Misclassified images"
            $"{examples.Length} images with their true class and the class they were taken for"
