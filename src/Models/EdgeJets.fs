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

    // A layer's jet by the kernels of one width, of the jet's parts and the tensors of its weights; `operators` is the same by
    // tensor operators, for gradients of gradients.
    let private rule (operators: LayerWeights -> Jet -> Jet) (kernels: EdgeJets<'T>) : Rule =
        let weights (t: Tensor[]) = List.ofArray t[4..] |> Lookup.ofTensors

        let coefficients (stored: Tensor option) (lines: (Tensor * Tensor) option) =
            EdgeCoefficients<'T>(
                Stored = Kernel.tryAddress stored,
                Numbers = Kernel.tryAddress (Option.map fst lines),
                Lines = Kernel.tryAddress (Option.map snd lines),
                Segments = (lines |> Option.map (fun (_, lines) -> int (lines.size 0)) |> Option.defaultValue 0)
            )

        let input (t: Tensor[]) =
            let axes = t[2].dtype = torch.int64
            let directions = if axes then t[2].size 0 else t[2].size 1

            let functions, outputs, coefficients =
                match weights t with
                | Whole c -> c.size 1, c.size 2, coefficients (Some c) None
                | Lines(numbers, lines) ->
                    (lines.size 1 - 1L) / 2L, numbers.size 0, coefficients None (Some(numbers, lines))

            EdgeJetInput<'T>(
                Layer = EdgeLayer(int (t[0].size 0), int (t[0].size 1), int functions, int outputs, int directions),
                Value = Kernel.address t[0],
                Second = Kernel.address t[1],
                Tangents = Kernel.tryAddress (if axes then None else Some t[2]),
                Shared = (not axes && t[2].size 0 = 1L),
                Axes = (if axes then Kernel.address t[2] else NativePtr.ofNativeInt 0n),
                Weights = Kernel.address t[3],
                Coefficients = coefficients
            )

        let addresses (value: Tensor option) second tangents =
            EdgeJetParts<'T>(
                Value = Kernel.tryAddress value,
                Second = Kernel.tryAddress second,
                Tangents = Kernel.tryAddress tangents
            )

        {
            Forward =
                fun t ->
                    let t = Array.map Kernel.dense t
                    let input = input t
                    let n, outputs = t[0].size 0, int64 input.Layer.Outputs
                    let value, second = Kernel.room [| n; outputs |] t[0], Kernel.room [| n; outputs |] t[0]
                    let tangents = Kernel.room [| n; int64 input.Layer.Directions; outputs |] t[0]
                    kernels.Run(input, addresses (Some value) (Some second) (Some tangents), torch.get_num_threads ())
                    Kernel.keep t
                    [| value; second; tangents |], [||]
            Backward =
                fun t kept cotangents ->
                    if torch.is_grad_enabled () then
                        let operators (t: Tensor[]) =
                            let y = operators (weights t) (ofParts t)
                            [| y.Value; y.Second; Jet.tangents y |]

                        Rule.derived operators t kept cotangents
                    else
                        let dense, cotangents = Array.map Kernel.dense t, Array.map Kernel.dense cotangents
                        let learned = t[4..] |> Array.exists _.requires_grad

                        // The kernel works out an input's gradients together, tangents' where each point has its own.
                        let n = t[0].size 0
                        let inputs = t[0].requires_grad || t[1].requires_grad || t[2].requires_grad
                        let found i = if inputs then Some(Kernel.room (Tensor.shape t[i]) t[i]) else None

                        let byTangents =
                            if t[2].requires_grad then
                                Some(Kernel.room [| n; t[2].size 1; t[2].size 2 |] t[2])
                            else
                                None

                        let byValue, bySecond = found 0, found 1
                        let byWeights = if learned then dense[4..] |> Array.map torch.zeros_like else [||]

                        let byCoefficients =
                            match byWeights with
                            | [| c |] -> coefficients (Some c) None
                            | [| numbers; lines |] -> coefficients None (Some(numbers, lines))
                            | _ -> coefficients None None

                        kernels.Gradients(
                            input dense,
                            addresses (Some cotangents[0]) (Some cotangents[1]) (Some cotangents[2]),
                            addresses byValue bySecond byTangents,
                            byCoefficients,
                            torch.get_num_threads ()
                        )

                        Kernel.keep [| yield! dense; yield! cotangents |]

                        let shared (g: Tensor) = if t[2].size 0 = n then g else g.sum (0L, keepdim = true)

                        [|
                            byValue
                            bySecond
                            Option.map shared byTangents
                            None
                            if learned then
                                yield! Array.map Some byWeights
                            else
                                yield! t[4..] |> Array.map (fun _ -> None)
                        |]
        }

    let private check (functions: int) (weights: LayerWeights) (x: Jet) =
        let shape = Tensor.shape x.Value

        let fitting, tensors =
            match weights with
            | Whole c -> c.size 0 = shape[1] && c.size 1 = int64 functions, [ c ]
            | Lines(numbers, lines) ->
                numbers.size 1 = shape[1] && lines.size 1 = int64 (1 + 2 * functions), [ numbers; lines ]

        let moving =
            match x.Tangents with
            | Coordinates axes -> [ 1L; axes.size 0; shape[1] ]
            | Dense t -> List.ofArray (Tensor.shape t)

        let fit =
            fitting
            && moving[2] = shape[1]
            && (moving[0] = 1L || moving[0] = shape[0])
            && moving[1] = x.Weights.size 0
            && x.Second :: x.Weights :: tensors |> List.forall (fun t -> t.dtype = x.Value.dtype)

        if not fit then
            let told (t: Tensor) = $"{t.dtype} {List.ofArray (Tensor.shape t)}"
            let weights = tensors |> List.map told |> String.concat ", "

            invalidArg
                (nameof x)
                $"the sizes of a layer do not fit: {weights} and a jet {told x.Value} with \
                  tangents {moving}"

    /// The jets of layers with splines of an order on such knots, and silu, by each kernel that this machine is fast at, the
    /// widest first; given the same by tensor operators.
    let kernels
        (operators: LayerWeights -> Jet -> Jet)
        (order: int)
        (knots: float[][])
        : (LayerWeights -> Jet -> Jet) list =
        let doubles = EdgeJets<float>.OfThisMachine(EdgeBasis.functions id order knots)
        let singles = EdgeJets<float32>.OfThisMachine(EdgeBasis.functions float32 order knots)

        [
            for double, single in Seq.zip doubles singles ->
                let double, single = rule operators double, rule operators single

                fun weights x ->
                    check (BSpline.count order knots + 1) weights x
                    let rule = if x.Value.dtype = torch.float64 then double else single
                    let y = Rule.apply rule (parts x @ Lookup.tensors weights)

                    { x with Value = y[0]; Second = y[1]; Tangents = Dense y[2] }
        ]
