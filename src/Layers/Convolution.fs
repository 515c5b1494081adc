// Convolutions with a function of one variable on every edge from a tap's channel to an output's:
// y_o(s) = Σ_i Σ_t φ_oit(x_i(s·stride + t·dilation)), φ_oit = Σ_m c_moit f_m.
// Bodner et al., "Convolutional Kolmogorov–Arnold Networks" (arXiv 2406.13155).
//
// A pixel is a row of channels whose features are taken at once; then one ordinary convolution weighs all features of
// all channels. The features of a pixel lie side by side in memory (channels last), which is also the convolution's
// faster order.
namespace MetaKan.Images

open System
open MetaKan
open TorchSharp

/// What a convolution sums over for one output, on images of one, two or three dimensions.
type Window =
    {
        /// Taps along each spatial dimension.
        Size: int list
        /// Pixels from one output to the next.
        Stride: int
        /// Pixels added on each side, in which every function is 0.
        Padding: int
        /// Pixels from one tap to the next.
        Dilation: int
        /// Parts of equal size that the channels fall into; an output sees the inputs of its own part only.
        Groups: int
    }

/// Windows of convolutions.
[<RequireQualifiedAccess>]
module Window =
    /// Of images: so many taps, an odd number, along height and width, padded so that with stride 1 the image keeps its size.
    let square (size: int) (stride: int) : Window =
        { Size = [ size; size ]; Stride = stride; Padding = size / 2; Dilation = 1; Groups = 1 }

    /// The edges [out, in/groups, taps…] of a convolution. Raises ArgumentException for what is no window.
    let internal edges (window: Window) (inputs: int) (outputs: int) : int list =
        let dimensions = window.Size.Length

        if dimensions < 1 || dimensions > 3 || List.exists (fun n -> n < 1) window.Size then
            invalidArg (nameof window) $"a window has one, two or three sizes of at least 1, not {window.Size}"

        if window.Stride < 1 || window.Dilation < 1 || window.Padding < 0 then
            invalidArg (nameof window) "a window's stride and dilation are at least 1, its padding at least 0"

        if window.Groups < 1 || inputs % window.Groups <> 0 || outputs % window.Groups <> 0 then
            invalidArg (nameof window) $"{window.Groups} groups do not divide {inputs} inputs and {outputs} outputs"

        outputs :: inputs / window.Groups :: window.Size

    /// The ordinary convolution of x [N, in, spatial…] with weights [out, in/groups, taps…].
    let internal convolve (window: Window) (weight: Tensor) (bias: Tensor) (x: Tensor) : Tensor =
        // libtorch (2.10) fails to differentiate by weights in some other orders.
        let weight, groups = weight.contiguous (), int64 window.Groups
        let each (n: int) = Array.replicate window.Size.Length (int64 n)
        let stride, padding, dilation = each window.Stride, each window.Padding, each window.Dilation

        match window.Size.Length with
        | 1 ->
            let only (numbers: int64[]) = Nullable numbers[0]
            torch.nn.functional.conv1d (x, weight, bias, only stride, only padding, only dilation, groups)
        | 2 -> torch.nn.functional.conv2d (x, weight, bias, stride, padding, dilation, groups)
        | _ -> torch.nn.functional.conv3d (x, weight, bias, stride, padding, dilation, groups)

/// Convolutions with a function of one variable on every edge from a tap's channel to an output's.
[<RequireQualifiedAccess>]
module Convolution =
    /// From images [N, in, spatial…] to images [N, out, spatial…]; edges [out, in/groups, taps…]. A side of n pixels
    /// becomes one of (n + 2·padding - dilation·(size - 1) - 1) / stride + 1.
    let layer (window: Window) (family: Family) (inputs: int) (outputs: int) : EdgeLayer =
        let edges = Window.edges window inputs outputs

        let apply (p: Params) (coefficients: Tensor) (x: Tensor) =
            let pixels = x.movedim ([| 1L |], [| -1L |])
            let features = family.Features p (pixels.reshape (-1L, x.size 1))
            let rows, weights = Dense.flattened window.Groups features coefficients

            rows.unflatten(0L, (Tensor.shape pixels)[.. window.Size.Length]).movedim([| -1L |], [| 1L |])
            |> Window.convolve window weights null

        {
            Edges = edges
            Numbers = family.Count
            Init = family.Init inputs
            Stored = family.Stored edges
            Coefficients = family.Coefficients
            Apply = apply
        }
