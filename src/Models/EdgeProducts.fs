// The two products of a layer of edges: features with coefficients, and tangents with the edges' slopes. On a CPU with
// vectors of 512 bits kernels compute them, tensor operators elsewhere.
#nowarn "9" // pointers
namespace MetaKan

open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

[<RequireQualifiedAccess>]
module internal EdgeProducts =
    let private room (shape: int64 list) (like: Tensor) =
        torch.empty (List.toArray shape, dtype = like.dtype, device = like.device)

    // Room for a gradient where one is wanted, and where that is.
    let private wanted (t: Tensor) = if t.requires_grad then Some(room (List.ofArray (Tensor.shape t)) t) else None

    // A rule whose backward pass is a kernel's, and its gradient where a higher one is wanted that of tensor operators.
    let private rule
        (operators: Tensor[] -> Tensor)
        (kernel: Tensor[] -> Tensor)
        (gradients: Tensor[] -> Tensor -> Tensor option[] -> unit)
        : Rule =
        {
            Forward = (fun t -> [| kernel (Array.map Kernel.dense t) |], [||])
            Backward =
                fun t kept cotangents ->
                    if torch.is_grad_enabled () then
                        Rule.derived (operators >> Array.singleton) t kept cotangents
                    else
                        let found = Array.map wanted t
                        gradients (Array.map Kernel.dense t) (Kernel.dense cotangents[0]) found
                        found
        }

    let private address (t: Tensor option) : nativeptr<'T> =
        t |> Option.map Kernel.address |> Option.defaultValue (NativePtr.ofNativeInt 0n)

    // rows [N, F] times weights [F, out], or, where `turned`, the transpose of weights [out, F].
    let private productByOperators (turned: bool) (t: Tensor[]) =
        Tensor.product t[0] (if turned then t[1].t() else t[1])

    let private productRule<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> System.ValueType>
        (turned: bool)
        : Rule =
        let sizes (t: Tensor[]) = int (t[0].size 0), int (t[0].size 1), int (t[1].size(if turned then 0 else 1))

        let kernel (t: Tensor[]) =
            let rows, features, outputs = sizes t
            let sums = room [ int64 rows; int64 outputs ] t[0]

            EdgeProducts<'T>
                .Sum(
                    Kernel.address t[0],
                    Kernel.address t[1],
                    turned,
                    Kernel.address sums,
                    rows,
                    features,
                    outputs,
                    torch.get_num_threads ()
                )

            Kernel.keep t
            sums

        let gradients (t: Tensor[]) (cotangent: Tensor) (found: Tensor option[]) =
            let rows, features, outputs = sizes t

            EdgeProducts<'T>
                .SumGradients(
                    Kernel.address t[0],
                    Kernel.address t[1],
                    turned,
                    Kernel.address cotangent,
                    address found[0],
                    address found[1],
                    rows,
                    features,
                    outputs,
                    torch.get_num_threads ()
                )

            Kernel.keep [| yield! t; cotangent |]

        rule (productByOperators turned) kernel gradients

    // Slopes φ'_ij(x_i) [N, in, out] of all edges, and, where there are tangents, these times the slopes.
    let private tangentsByOperators (t: Tensor[]) =
        let slopes = torch.bmm(t[0].transpose(0L, 1L), t[1]).transpose(0L, 1L)
        if t.Length > 2 then torch.bmm (t[2], slopes) else slopes

    let private tangentsRule<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> System.ValueType>
        : Rule =
        let layer (t: Tensor[]) =
            let directions = if t.Length > 2 then t[2].size(1) else t[0].size(1)
            EdgeLayer(int (t[0].size 0), int (t[0].size 1), int (t[0].size 2), int (t[1].size 2), int directions)

        let kernel (t: Tensor[]) =
            let sizes = layer t
            let results = room [ t[0].size(0); int64 sizes.Directions; t[1].size(2) ] t[0]

            EdgeProducts<'T>
                .Tangents(
                    sizes,
                    Kernel.address t[0],
                    Kernel.address t[1],
                    address (Array.tryItem 2 t),
                    Kernel.address results,
                    torch.get_num_threads ()
                )

            Kernel.keep t
            results

        let gradients (t: Tensor[]) (cotangent: Tensor) (found: Tensor option[]) =
            EdgeProducts<'T>
                .TangentGradients(
                    layer t,
                    Kernel.address t[0],
                    Kernel.address t[1],
                    address (Array.tryItem 2 t),
                    Kernel.address cotangent,
                    address found[0],
                    address found[1],
                    address (Array.tryItem 2 found |> Option.flatten),
                    torch.get_num_threads ()
                )

            Kernel.keep [| yield! t; cotangent |]

        rule tangentsByOperators kernel gradients

    let private productRules = productRule<float32> false, productRule<float> false
    let private linearRules = productRule<float32> true, productRule<float> true
    let private tangentsRules = tangentsRule<float32>, tangentsRule<float>

    // Neither a kernel nor every operator of TorchSharp's refuses tensors that do not fit: the one would read beyond them,
    // the other end the process.
    let private check (agree: bool) (t: Tensor list) =
        if not agree || t |> List.exists (fun other -> other.dtype <> t.Head.dtype) then
            let sizes = t |> List.map (fun t -> $"{t.dtype} {List.ofArray (Tensor.shape t)}") |> String.concat ", "
            invalidArg (nameof t) $"the sizes of a layer do not fit: {sizes}"

    let private choose
        (rules: Rule * Rule)
        (operators: Tensor[] -> Tensor)
        (supported: bool)
        (t: Tensor list)
        : Tensor =
        let operators () = operators (List.toArray t)
        let byRule rule () = (Rule.apply rule t)[0]

        if supported then
            Kernel.choose (Placement.ofTensor t.Head) (byRule (snd rules)) (byRule (fst rules)) operators
        else
            operators ()

    // The kernel is used where it is faster than libtorch's products: on processors of other makers than Intel.
    let private multiply rules turned (rows: Tensor) (weights: Tensor) : Tensor =
        check (rows.size 1 = weights.size (if turned then 1 else 0)) [ rows; weights ]

        let supported =
            EdgeProducts<float32>.IsFaster
            && EdgeProducts<float32>.Fits(int (weights.size 0), int (weights.size 1))

        choose rules (productByOperators turned) supported [ rows; weights ]

    /// rows [N, F] × weights [F, out]; differentiable to any order.
    let product: Tensor -> Tensor -> Tensor = multiply productRules false

    /// rows [N, F] × the transpose of weights [out, F]; differentiable to any order.
    let linear: Tensor -> Tensor -> Tensor = multiply linearRules true

    /// What arrives at the outputs [N, out] from features [N, in, M] through coefficients [in, M, out].
    let sum (features: Tensor) (coefficients: Tensor) : Tensor =
        product (features.flatten (1L, 2L)) (coefficients.flatten (0L, 1L))

    /// The outputs' tangents [N, V, out], from the functions' derivatives [N, in, M], coefficients [in, M, out] and the
    /// inputs' tangents [N, V, in]; without tangents direction v moves input v alone. Differentiable to any order.
    let tangents (derivatives: Tensor) (coefficients: Tensor) (tangents: Tensor option) : Tensor =
        let f, c = Tensor.shape derivatives, Tensor.shape coefficients
        let layer = derivatives :: coefficients :: Option.toList tangents
        check (f[1..] = c[..1] && tangents |> Option.forall (fun t -> t.size 0 = f[0] && t.size 2 = f[1])) layer
        choose tangentsRules tangentsByOperators EdgeProducts<float>.IsSupported layer
