namespace MetaKan.Images

open MetaKan

/// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"):
/// records without a header, each the label, or in CIFAR-100 the coarse and the fine label, then 32x32 bytes of red, of
/// green and of blue.
[<RequireQualifiedAccess>]
module Cifar =
    let private side, private channels = 32, 3

    /// The images of a file of so many records, each of which begins with `labels` labels; the last one, the finest,
    /// is taken, one of 0 … classes-1. Raises BadInput, in one line that names the file.
    let read (labels: int) (classes: int) (records: int) (path: string) : Images =
        let size = channels * side * side
        let record = labels + size
        let length = int64 record * int64 records
        let what = $"a CIFAR file of {records} records of {record} bytes"

        let bytes =
            DataFile.read path (fun stream ->
                let bytes = DataFile.next path what 0L length stream
                DataFile.finish path what length stream
                bytes)

        let pixels = Array.zeroCreate (records * size)

        for i in 0 .. records - 1 do
            System.Buffer.BlockCopy(bytes, i * record + labels, pixels, i * size, size)

        {
            Channels = channels
            Height = side
            Width = side
            Pixels = pixels
            Labels = DataFile.labels path classes (Array.init records (fun i -> int bytes[i * record + labels - 1]))
        }
