// Layers that stand between those with weights: normalisation, silu, PReLU and dropout, for rows [N, C] and images [N, C, …].
namespace MetaKan.Images

open MetaKan
open TorchSharp

/// Parameters of which all numbers start from one value, and layers that gather no statistics.
[<RequireQualifiedAccess>]
module private Simple =
    let filled (value: float) (size: int) (place: Placement) =
        torch.full ([| int64 size |], value.ToScalar(), dtype = place.DType, device = place.Device)

    let withoutStatistics init (f: Params -> Tensor -> Tensor) : Layer =
        {
            Init = init
            Statistics = fun _ -> Map.empty
            Apply = fun _ p statistics x -> f p x, statistics
        }

/// Layers that normalise, and then scale and shift each channel.
[<RequireQualifiedAccess>]
module Norm =
    let private scaleAndShift channels _ place : Params =
        Map.ofList [ "weight", Simple.filled 1.0 channels place; "bias", Simple.filled 0.0 channels place ]

    /// Normalises each channel of [N, C, …] over the batch: y = (x - mean)/√(variance + 1e-5)·weight + bias. Statistics
    /// "mean" and "var" move a tenth of the way to each batch's mean and unbiased variance, and are what predictions use.
    /// Ioffe, Szegedy (arXiv 1502.03167).
    let batch (channels: int) : Layer =
        let normalise (p: Params) (mean: Tensor) (variance: Tensor) learning (x: Tensor) =
            torch.nn.functional.batch_norm (x, mean, variance, p["weight"], p["bias"], learning)

        {
            Init = scaleAndShift channels
            Statistics =
                fun place ->
                    Map.ofList [ "mean", Simple.filled 0.0 channels place; "var", Simple.filled 1.0 channels place ]
            Apply =
                fun pass p statistics x ->
                    match pass with
                    | Learning _ ->
                        // The operator writes into what it is given; a single number has no variance to gather.
                        let gathered = statistics |> Map.map (fun _ t -> t.detach().clone())
                        let y = normalise p gathered["mean"] gathered["var"] true x
                        y, (if x.numel () > int64 channels then gathered else statistics)
                    | Predicting -> normalise p statistics["mean"] statistics["var"] false x, statistics
        }

    /// Normalises each channel of each image [N, C, …] by itself, then scales and shifts the channels. Ulyanov, Vedaldi,
    /// Lempitsky (arXiv 1607.08022).
    let instance (channels: int) : Layer =
        Simple.withoutStatistics (scaleAndShift channels) (fun p x ->
            torch.nn.functional.instance_norm (x, weight = p["weight"], bias = p["bias"]))

    /// Normalises each row [N, C], or each image [N, C, …] as a whole, then scales and shifts the channels. Ba, Kiros,
    /// Hinton (arXiv 1607.06450).
    let layer (channels: int) : Layer =
        Simple.withoutStatistics (scaleAndShift channels) (fun p x ->
            torch.nn.functional.group_norm (x, 1L, p["weight"], p["bias"]))

/// Layers of one function, the same for all numbers.
[<RequireQualifiedAccess>]
module Activation =
    /// x/(1 + e^{-x}).
    let silu: Layer = Layer.ofFunction (fun _ x -> torch.nn.functional.silu x)

    /// max(0, x) + a·min(0, x) with one learned a, 1/4 at first. He et al. (arXiv 1502.01852).
    let prelu: Layer =
        Simple.withoutStatistics (fun _ place -> Map.ofList [ "weight", Simple.filled 0.25 1 place ]) (fun p x ->
            torch.nn.functional.prelu (x, p["weight"]))

/// Layers that drop numbers at random in learning. Srivastava et al., J. Mach. Learn. Res. 15 (2014).
[<RequireQualifiedAccess>]
module Dropout =
    // Zeros with probability p in place of what lies along the first `axes` axes, and the rest 1/(1-p) times as large.
    let private dropping (p: float) (axes: int64[] -> int64[]) : Layer =
        if not (p >= 0.0 && p < 1.0) then
            invalidArg (nameof p) $"a probability of dropping takes 0 ≤ p < 1, not {p}"

        Layer.ofFunction (fun pass x ->
            match pass with
            | Learning key when p > 0.0 ->
                let drawn = Key.uniform key (Placement.ofTensor x) (List.ofArray (axes (Tensor.shape x)))
                x * (drawn.ge(p.ToScalar()).``to``(x.dtype) / (1.0 - p))
            | _ -> x)

    /// In learning drops each number with probability p and scales the others up, so that the mean stays.
    let numbers (p: float) : Layer = dropping p id

    /// In learning drops each channel of each image [N, C, …] as a whole with probability p and scales the others up.
    let channels (p: float) : Layer = dropping p (Array.mapi (fun axis size -> if axis < 2 then size else 1L))
