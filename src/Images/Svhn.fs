namespace MetaKan.Images

open System
open MetaKan

/// SVHN, house numbers in cropped 32x32 images (Netzer et al. 2011, "Reading Digits in Natural Images with Unsupervised
/// Feature Learning"): a MATLAB file with X [32, 32, 3, N] (row, column, colour, image) and y [N, 1], where 10 stands for
/// the digit 0.
[<RequireQualifiedAccess>]
module Svhn =
    let private side, private channels = 32, 3
    let private what = "an SVHN file"

    /// The images of a file, labelled with their digits. Raises BadInput, in one line that names the file.
    let read (path: string) : Images =
        let refuse fault = raise (BadInput $"{path}: {fault}")
        let arrays = MatFile.read path
        let x = MatFile.find path what "X" arrays
        let y = MatFile.find path what "y" arrays
        let size = channels * side * side

        // A last dimension of 1 is not stored.
        let count =
            match x.Dimensions with
            | [| 32; 32; 3; n |] when n > 0 -> n
            | [| 32; 32; 3 |] -> 1
            | other ->
                let found = String.Join("x", other)
                refuse $"its X is {found}; that of {what} is 32x32x3xN"

        if not (MatFile.isBytes x) || x.Data.LongLength <> int64 count * int64 size then
            refuse
                $"its X has {x.Data.Length} bytes of type {x.Type}; {count} images have {int64 count * int64 size} of type 2"

        let digits =
            match MatFile.integers y with
            | Some digits when digits.Length = count -> digits
            | Some digits -> refuse $"{digits.Length} labels in y for the {count} images in X"
            | None -> refuse $"the labels in y are of type {y.Type}, not of whole numbers"

        match digits |> Array.tryFindIndex (fun digit -> digit < 1 || digit > 10) with
        | Some i -> refuse $"label {i} in y is {digits[i]}; labels are 1 to 10, for the digit 0"
        | None -> ()

        let pixels = Array.zeroCreate x.Data.Length

        // Columns of a plane become its rows.
        for plane in 0 .. count * channels - 1 do
            let start = plane * side * side

            for row in 0 .. side - 1 do
                for column in 0 .. side - 1 do
                    pixels[start + row * side + column] <- x.Data[start + column * side + row]

        {
            Channels = channels
            Height = side
            Width = side
            Pixels = pixels
            Labels = digits |> Array.map (fun digit -> digit % 10)
        }
