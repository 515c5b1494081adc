// Coefficients that edges look up: piecewise-linear functions of one number an edge, with common breaks.
#nowarn "9" // pointers
namespace MetaKan

open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

/// What a layer's coefficients [in, M, out] are.
type internal LayerWeights =
    /// Themselves.
    | Whole of Tensor
    /// Numbers of edges [out, in], and by segment of these numbers where it ends, M slopes and M intercepts [S, 1 + 2M]: ends
    /// ascend, the last counts for whatever is beyond, and have no gradients.
    | Lines of numbers: Tensor * lines: Tensor

[<RequireQualifiedAccess>]
module internal Lookup =
    // Inputs: numbers, lines.
    let private byOperators (t: Tensor[]) =
        let inputs, outputs, segments = t[0].size 1, t[0].size 0, t[1].size 0
        let m = (t[1].size 1 - 1L) / 2L
        let e = t[0].t().reshape(-1L, 1L)
        let ends = t[1].select(1L, 0L).detach().narrow(0L, 0L, segments - 1L).contiguous()
        let line = t[1].index_select(0L, torch.bucketize (e.detach().contiguous().view -1L, ends))

        (line.narrow (1L, 1L, m) * e + line.narrow (1L, 1L + m, m))
            .view(inputs, outputs, m)
            .transpose(1L, 2L)
            .contiguous()

    let private layer (t: Tensor[]) =
        LookupLayer(int (t[1].size 0), int (t[0].size 1), int ((t[1].size 1 - 1L) / 2L), int (t[0].size 0))

    let private evaluate
        (kernel: LookupLayer * nativeptr<'T> * nativeptr<'T> * nativeptr<'T> * int -> unit)
        (t: Tensor[])
        =
        let t = Array.map Kernel.dense t
        let layer = layer t
        let found = Kernel.room [| int64 layer.Inputs; int64 layer.Functions; int64 layer.Outputs |] t[0]
        kernel (layer, Kernel.address t[0], Kernel.address t[1], Kernel.address found, Workers.count t[0].device)
        Kernel.keep t
        found

    let private gradients
        (kernel:
            LookupLayer * nativeptr<'T> * nativeptr<'T> * nativeptr<'T> * nativeptr<'T> * nativeptr<'T> * int -> unit)
        (cotangent: Tensor)
        (t: Tensor[])
        =
        let t, c = Array.map Kernel.dense t, Kernel.dense cotangent
        let byNumbers, byLines = torch.empty_like t[0], torch.zeros_like t[1]

        kernel (
            layer t,
            Kernel.address t[0],
            Kernel.address t[1],
            Kernel.address c,
            Kernel.address byNumbers,
            Kernel.address byLines,
            Workers.count t[0].device
        )

        Kernel.keep [| yield! t; c |]
        [| Some byNumbers; Some byLines |]

    let private choose (t: Tensor[]) double single operators =
        Kernel.choose (Placement.ofTensor t[0]) (fun () -> double t) (fun () -> single t) (fun () -> operators t)

    let private rule: Rule =
        {
            Forward =
                fun t ->
                    let found =
                        choose
                            t
                            (evaluate PiecewiseLinear<float>.Evaluate)
                            (evaluate PiecewiseLinear<float32>.Evaluate)
                            byOperators

                    [| found |], [||]
            Backward =
                fun t kept cotangents ->
                    let operators t = Rule.derived (byOperators >> Array.singleton) t kept cotangents

                    if torch.is_grad_enabled () then
                        operators t
                    else
                        choose
                            t
                            (gradients PiecewiseLinear<float>.Gradients cotangents[0])
                            (gradients PiecewiseLinear<float32>.Gradients cotangents[0])
                            operators
        }

    /// The coefficients themselves.
    let whole (weights: LayerWeights) : Tensor =
        match weights with
        | Whole c -> c
        | Lines(numbers, lines) -> (Rule.apply rule [ numbers; lines ])[0]

    /// The tensors of weights, and weights of such tensors.
    let tensors (weights: LayerWeights) : Tensor list =
        match weights with
        | Whole c -> [ c ]
        | Lines(numbers, lines) -> [ numbers; lines ]

    let ofTensors (tensors: Tensor list) : LayerWeights =
        match tensors with
        | [ c ] -> Whole c
        | [ numbers; lines ] -> Lines(numbers, lines)
        | _ -> invalidArg (nameof tensors) $"{tensors.Length} tensors are no layer's weights"
