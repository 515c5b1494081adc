namespace MetaKan

open System
open TorchSharp

/// Random Fourier features γ(x) = [cos Bx; sin Bx], which let a network learn high frequencies that it would find late or
/// never: the spread σ of the fixed matrix B says which.
/// Tancik et al., NeurIPS 2020 (arXiv 2006.10739); for PDEs Wang, Wang, Perdikaris, Comput. Methods Appl. Mech. Engrg. 384
/// (2021), arXiv 2012.10047.
[<RequireQualifiedAccess>]
module FourierFeatures =
    /// The model of γ(x) = [cos Bx; sin Bx] in the place of x [N, inputs], with a matrix B [count, inputs] of independent
    /// normal numbers of mean 0 and standard deviation `scale`; the inner model takes 2·count inputs. B is drawn from the
    /// seed and not trained: no parameter, and the same in both precisions. Raises ArgumentException for counts below 1 and
    /// a scale that is not above 0.
    let create (inputs: int) (count: int) (scale: float) (seed: int) (model: Model) : Model =
        if inputs < 1 || count < 1 then
            invalidArg (nameof count) $"Fourier features take an input and a feature or more, not {inputs} and {count}"

        if not (scale > 0.0 && Double.IsFinite scale) then
            invalidArg (nameof scale) $"the scale of Fourier features is a number above 0, not {scale}"

        let frequencies =
            use _ = Tensor.firstScope ()
            Key.normal (Key.ofSeed seed) Placement.cpu64 [ int64 inputs; int64 count ] * scale |> Tensor.toArray

        Waves.before inputs frequencies [] $"{count} Fourier features of scale {scale}, seed {seed}" model
