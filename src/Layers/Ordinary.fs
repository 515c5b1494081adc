namespace MetaKan.Images

open MetaKan
open TorchSharp

/// Layers whose edges carry one weight each, with a bias: what multilayer perceptrons and ordinary convolutional networks
/// are made of.
[<RequireQualifiedAccess>]
module Ordinary =
    // He et al. (arXiv 1502.01852) with slope √5, as PyTorch's layers are initialised: uniform on ±1/√(inputs of an output).
    let private make (edges: int list) (apply: Tensor -> Tensor -> Tensor -> Tensor) : Layer =
        let bound = 1.0 / sqrt (float (List.reduce (*) edges.Tail))

        let uniform index key place shape =
            (Key.uniform (Key.fold index key) place (List.map int64 shape) * 2.0 - 1.0) * bound

        {
            Init =
                fun key place ->
                    Map.ofList [ "weight", uniform 0 key place edges; "bias", uniform 1 key place [ edges.Head ] ]
            Statistics = fun _ -> Map.empty
            Apply = fun _ p statistics x -> apply p["weight"] p["bias"] x, statistics
        }

    /// x Wᵀ + b of rows x [N, in]. Parameters "weight" [out, in] and "bias" [out].
    let linear (inputs: int) (outputs: int) : Layer =
        make [ outputs; inputs ] (fun weight bias x -> torch.nn.functional.linear (x, weight, bias))

    /// The ordinary convolution of images x [N, in, spatial…]. Parameters "weight" [out, in/groups, taps…], "bias" [out].
    let convolution (window: Window) (inputs: int) (outputs: int) : Layer =
        make (Window.edges window inputs outputs) (Window.convolve window)
