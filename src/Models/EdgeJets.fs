// The jet of a layer of edges, up to second derivatives, by one kernel: what its features, slopes and products by operators
// are, without any of them as a tensor. On a CPU with vectors of 256 bits or more, and once differentiable.
#nowarn "9" // pointers
namespace MetaKan

open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

[<RequireQualifiedAccess>]
module internal EdgeJets =
    /// What a jet without higher derivatives is made of: value, second derivatives, tangents or the axes that directions
    /// move, weights.
    let parts (x: Jet) : Tensor list =
        let tangents =
            match x.Tangents with
            | Coordinates axes -> axes
            | Dense t -> t

        [ x.Value; x.Second.expand_as x.Value; tangents; x.Weights ]

    /// The jet of such parts.
    let ofParts (t: Tensor[]) : Jet =
        {
            Value = t[0]
            Second = t[1]
            Tangents = if t[2].dtype = torch.int64 then Coordinates t[2] else Dense t[2]
            Weights = t[3]
            Higher = []
        }

    // A layer's jet by the kernels of one width; `operators` is the same by tensor operators, for gradients of gradients.
    let private rule (operators: Tensor -> Jet -> Jet) (kernels: EdgeJets<'T>) : Rule =
        let address (t: Tensor option) : nativeptr<'T> =
            t |> Option.map Kernel.address |> Option.defaultValue (NativePtr.ofNativeInt 0n)

        let input (t: Tensor[]) =
            let axes = t[2].dtype = torch.int64
            let directions = if axes then t[2].size 0 else t[2].size 1

            EdgeJetInput<'T>(
                Layer =
                    EdgeLayer(
                        int (t[0].size 0),
                        int (t[0].size 1),
                        int (t[4].size 1),
                        int (t[4].size 2),
                        int directions
                    ),
                Value = Kernel.address t[0],
                Second = Kernel.address t[1],
                Tangents = address (if axes then None else Some t[2]),
                Shared = (not axes && t[2].size 0 = 1L),
                Axes = (if axes then Kernel.address t[2] else NativePtr.ofNativeInt 0n),
                Weights = Kernel.address t[3],
                Coefficients = Kernel.address t[4]
            )

        let addresses (value: Tensor option) second tangents =
            EdgeJetParts<'T>(Value = address value, Second = address second, Tangents = address tangents)

        let room (shape: int64[]) (like: Tensor) = torch.empty (shape, dtype = like.dtype, device = like.device)

        {
            Forward =
                fun t ->
                    let t = Array.map Kernel.dense t
                    let input = input t
                    let n, outputs = t[0].size 0, t[4].size 2
                    let value, second = room [| n; outputs |] t[0], room [| n; outputs |] t[0]
                    let tangents = room [| n; int64 input.Layer.Directions; outputs |] t[0]
                    kernels.Run(input, addresses (Some value) (Some second) (Some tangents), torch.get_num_threads ())
                    Kernel.keep t
                    [| value; second; tangents |], [||]
            Backward =
                fun t kept cotangents ->
                    if torch.is_grad_enabled () then
                        let operators (t: Tensor[]) =
                            let y = operators t[4] (ofParts t)
                            [| y.Value; y.Second; Jet.tangents y |]

                        Rule.derived operators t kept cotangents
                    else
                        let dense, cotangents = Array.map Kernel.dense t, Array.map Kernel.dense cotangents
                        let wanted i = if t[i].requires_grad then Some(room (Tensor.shape t[i]) t[i]) else None

                        // The kernel works out an input's gradients together, tangents' where each point has its own.
                        let n = t[0].size 0
                        let inputs = t[0].requires_grad || t[1].requires_grad || t[2].requires_grad
                        let found i = if inputs then Some(room (Tensor.shape t[i]) t[i]) else None

                        let byTangents =
                            if t[2].requires_grad then Some(room [| n; t[2].size 1; t[2].size 2 |] t[2]) else None

                        let byValue, bySecond, byCoefficients = found 0, found 1, wanted 4

                        kernels.Gradients(
                            input dense,
                            addresses (Some cotangents[0]) (Some cotangents[1]) (Some cotangents[2]),
                            addresses byValue bySecond byTangents,
                            address byCoefficients,
                            torch.get_num_threads ()
                        )

                        Kernel.keep [| yield! dense; yield! cotangents |]

                        let shared (g: Tensor) = if t[2].size 0 = n then g else g.sum (0L, keepdim = true)
                        [| byValue; bySecond; Option.map shared byTangents; None; byCoefficients |]
        }

    let private check (functions: int) (coefficients: Tensor) (x: Jet) =
        let shape = Tensor.shape x.Value
        let tangents = Tensor.shape (Jet.tangents x)

        let fit =
            coefficients.size 0 = shape[1]
            && coefficients.size 1 = int64 functions
            && tangents[2] = shape[1]
            && (tangents[0] = 1L || tangents[0] = shape[0])
            && tangents[1] = x.Weights.size 0
            && [ x.Value; x.Second; x.Weights ] |> List.forall (fun t -> t.dtype = coefficients.dtype)

        if not fit then
            invalidArg
                (nameof x)
                $"the sizes of a layer do not fit: {coefficients.dtype} {List.ofArray (Tensor.shape coefficients)} and a jet \
                  {x.Value.dtype} {List.ofArray shape} with tangents {List.ofArray tangents}"

    /// The jets of layers with splines of an order on such knots, and silu, by each kernel that this machine is fast at, the
    /// widest first; given the same by tensor operators.
    let kernels (operators: Tensor -> Jet -> Jet) (order: int) (knots: float[][]) : (Tensor -> Jet -> Jet) list =
        let doubles = EdgeJets<float>.OfThisMachine(EdgeBasis.functions id order knots)
        let singles = EdgeJets<float32>.OfThisMachine(EdgeBasis.functions float32 order knots)

        [
            for double, single in Seq.zip doubles singles ->
                let double, single = rule operators double, rule operators single

                fun coefficients x ->
                    check (BSpline.count order knots + 1) coefficients x
                    let rule = if x.Value.dtype = torch.float64 then double else single
                    let y = Rule.apply rule (parts x @ [ coefficients ])

                    { x with Value = y[0]; Second = y[1]; Tangents = Dense y[2] }
        ]
