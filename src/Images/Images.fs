// Labelled images as bytes.
namespace MetaKan.Images

open System
open MetaKan

/// What a classifier takes and tells apart.
type ImageKind =
    {
        /// 1 for gray, 3 for red, green and blue.
        Channels: int
        /// H, pixels from top to bottom.
        Height: int
        /// W, pixels from left to right.
        Width: int
        /// The class names of labels 0, 1, …
        Classes: string list
    }

/// Images of one size, with or without labels.
type Images =
    {
        /// 1 for gray, 3 for red, green and blue.
        Channels: int
        /// H, pixels from top to bottom.
        Height: int
        /// W, pixels from left to right.
        Width: int
        /// [N, C, H, W] in row-major order; 0 is black.
        Pixels: byte[]
        /// N classes, counted from 0; empty if unknown.
        Labels: int[]
    }

/// A data set for classification, with its training and test images.
type ImageSet =
    {
        /// What settings call it, such as "fmnist".
        Name: string
        /// The class names of labels 0, 1, …
        Classes: string list
        /// Images to train on.
        Train: Images
        /// Images held out: by the accuracy on them the best epoch is chosen.
        Test: Images
    }

/// Parts and sizes of sets of images.
[<RequireQualifiedAccess>]
module Images =
    /// Bytes per image: C·H·W.
    let size (images: Images) : int = images.Channels * images.Height * images.Width

    /// The number of images.
    let count (images: Images) : int = images.Pixels.Length / size images

    /// The first n images, or all where there are fewer.
    let subset (n: int) (images: Images) : Images =
        { images with
            Pixels = Array.truncate (n * size images) images.Pixels
            Labels = Array.truncate n images.Labels
        }

    /// Of so many parts of about the same size, in order, the one of a number from 0.
    let internal part (parts: int) (number: int) (images: Images) : Images =
        let all = count images
        let first, after = all * number / parts, all * (number + 1) / parts

        { images with
            Pixels = images.Pixels[first * size images .. after * size images - 1]
            Labels = images.Labels[first .. after - 1]
        }

    /// What a classifier of a data set takes and tells apart.
    let kind (set: ImageSet) : ImageKind =
        {
            Channels = set.Train.Channels
            Height = set.Train.Height
            Width = set.Train.Width
            Classes = set.Classes
        }

    /// The pixels [C, H, W] of the image at an index.
    let at (index: int) (images: Images) : ReadOnlySpan<byte> =
        ReadOnlySpan(images.Pixels, index * size images, size images)

    /// The images of several collections of one size, in order.
    let concat (parts: Images list) : Images =
        match parts with
        | [ alone ] -> alone
        | _ ->
            { parts.Head with
                Pixels = parts |> List.map _.Pixels |> Array.concat
                Labels = parts |> List.map _.Labels |> Array.concat
            }
