namespace MetaKan.Images

open MetaKan

/// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"):
/// records without a header, each the label, or in CIFAR-100 the coarse and the fine label, then 32x32 bytes of red, of
/// green and of blue.
[<RequireQualifiedAccess>]
module Cifar =
    let private side, private channels = 32, 3

    /// The images of a file, whose records begin with `labels` labels each; the last one, the finest, is taken, one of
    /// 0 … classes-1. Up to 1 GiB are read. Raises BadInput, in one line that names the file.
    let read (labels: int) (classes: int) (path: string) : Images =
        let size = channels * side * side
        let record = labels + size
        let bytes = DataFile.all path
        let records = bytes.Length / record

        if records = 0 || bytes.Length % record <> 0 then
            raise (
                BadInput
                    $"{path}: a CIFAR file has one record of {record} bytes or more, whole ones, not {bytes.Length} bytes"
            )

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
