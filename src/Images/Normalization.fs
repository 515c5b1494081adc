// Normalization of pixels: bytes to [0, 1], then (x - mean) / std per channel.
namespace MetaKan.Images

open System
open System.Numerics
open System.Runtime.InteropServices
open MetaKan

/// (x - Mean) / Std of pixels x from 0 (black) to 1 (white): a number for each channel, or one for all.
type Normalization =
    {
        /// What is taken off.
        Mean: float list
        /// What is divided by, above 0.
        Std: float list
    }

/// Normalises the bytes of images, channel by channel.
[<RequireQualifiedAccess>]
module Normalization =
    /// To [-1, 1].
    let symmetric = { Mean = [ 0.5 ]; Std = [ 0.5 ] }

    /// Factor and offset for the bytes of a channel, 0 … 255.
    let private line (n: Normalization) (channel: int) =
        let entry (numbers: float list) = if numbers.Length = 1 then numbers.Head else numbers[channel]
        float32 (1.0 / (255.0 * entry n.Std)), float32 (-(entry n.Mean) / entry n.Std)

    /// Raises BadInput unless a normalization fits images of `channels` channels.
    let check (channels: int) (n: Normalization) : unit =
        for what, numbers in [ "mean", n.Mean; "std", n.Std ] do
            if numbers.Length <> 1 && numbers.Length <> channels then
                let one = if channels = 1 then "1 number" else $"1 or {channels} numbers"
                raise (BadInput $"the normalization's {what} takes {one}, not {numbers.Length}")

        if not (n.Std |> List.forall (fun s -> s > 0.0 && Double.IsFinite s)) then
            raise (BadInput "the normalization's std takes numbers above 0")

    /// Normalises an image's values [C, H, W], 0 … 255, in place.
    let apply (n: Normalization) (channels: int) (image: Span<float32>) : unit =
        let plane = image.Length / channels

        for channel in 0 .. channels - 1 do
            let factor, offset = line n channel
            let values = image.Slice(channel * plane, plane)
            let vectors = MemoryMarshal.Cast<float32, Vector<float32>> values

            for i in 0 .. vectors.Length - 1 do
                vectors[i] <- vectors[i] * factor + Vector offset

            for i in vectors.Length * Vector<float32>.Count .. plane - 1 do
                values[i] <- values[i] * factor + offset
