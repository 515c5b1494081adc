namespace MetaKan.Images

open System
open System.Buffers.Binary
open System.IO
open MetaKan

/// The IDX format of MNIST (LeCun, Cortes, Burges, "The MNIST database of handwritten digits") and of the data sets
/// modelled on it: two zero bytes, the type of the elements (8: bytes), the number of dimensions, each dimension as four
/// bytes with the highest first, then the elements in row-major order. Files may be gzip, whatever their names say.
[<RequireQualifiedAccess>]
module Idx =
    /// The dimensions and elements of a file of up to `most` bytes with the given number of dimensions. `describe` is for
    /// messages.
    let private read
        (path: string)
        (most: int64)
        (rank: int)
        (what: string)
        (describe: int64[] -> string)
        (stream: Stream)
        =
        let header = DataFile.next path what 0L 4L stream

        if header <> [| 0uy; 0uy; 8uy; byte rank |] then
            let found = Convert.ToHexString header

            raise (BadInput $"{path}: begins with {found}; {what} begins with 000008{rank:X2}")

        let sizes = DataFile.next path what 4L (4L * int64 rank) stream

        let dimensions =
            Array.init rank (fun i -> int64 (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(sizes, 4 * i, 4))))

        let length = dimensions |> Array.fold (fun n d -> n * bigint d) 1I
        let start = 4L + sizes.LongLength

        if length > bigint Array.MaxLength || length = 0I then
            raise (BadInput $"{path}: {describe dimensions} is not of a size that can be read")

        if length > bigint most then
            raise (BadInput $"{path}: {describe dimensions} has {length} bytes of pixels; up to {most} are read")

        let elements = DataFile.next path (describe dimensions) start (int64 length) stream
        DataFile.finish path (describe dimensions) (start + int64 length) stream
        Array.map int dimensions, elements

    /// The gray images of a file with up to so many bytes of pixels, without labels. Raises BadInput as `images` does.
    let internal imagesUpTo (most: int64) (path: string) : Images =
        let describe (d: int64[]) = $"an IDX file of {d[0]} images of {d[1]}x{d[2]}"
        let dimensions, pixels = DataFile.read path (read path most 3 "an IDX file of images" describe)
        { Channels = 1; Height = dimensions[1]; Width = dimensions[2]; Pixels = pixels; Labels = [||] }

    /// The gray images of a file, without labels. Raises BadInput, in one line that names the file.
    let images (path: string) : Images = imagesUpTo (int64 Array.MaxLength) path

    /// The labels of a file, each one of 0 … classes-1. Raises BadInput, in one line that names the file.
    let labels (classes: int) (path: string) : int[] =
        let describe (d: int64[]) = $"an IDX file of {d[0]} labels"

        let _, labels =
            DataFile.read path (read path (int64 Array.MaxLength) 1 "an IDX file of labels" describe)

        DataFile.labels path classes (Array.map int labels)

    /// The images of one file with the labels of another; the counts must agree. Raises BadInput.
    let labelled (classes: int) (imagesPath: string) (labelsPath: string) : Images =
        let images = images imagesPath
        let labels = labels classes labelsPath
        let count = Images.count images

        if labels.Length <> count then
            raise (BadInput $"{labelsPath}: {labels.Length} labels for the {count} images of {imagesPath}")

        { images with Labels = labels }
