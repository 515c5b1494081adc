// The two products of a layer of edges: features with coefficients, and tangents with the edges' slopes. On a CPU with
// vectors of 256 bits or more kernels compute them, tensor operators elsewhere.
#nowarn "9" // pointers
namespace MetaKan

open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

/// The products by kernels in vectors of one width, each in double and in single precision.
type internal EdgeKernels =
    {
        /// Whether features and outputs fill whole vectors, as the first two want.
        Fits: int -> int -> bool
        Product: Rule * Rule
        /// With turned weights.
        Linear: Rule * Rule
        Tangents: Rule * Rule
    }

[<RequireQualifiedAccess>]
module internal EdgeProducts =
    // Room for a gradient where one is wanted, and where that is.
    let private wanted (t: Tensor) = if t.requires_grad then Some(Kernel.room (Tensor.shape t) t) else None

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

    // rows [N, F] times weights [F, out], or, where `turned`, the transpose of weights [out, F].
    let private productByOperators (turned: bool) (t: Tensor[]) =
        Tensor.product t[0] (if turned then t[1].t() else t[1])

    let private productRule<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> System.ValueType>
        (kernels: EdgeProducts<'T>)
        (turned: bool)
        : Rule =
        let sizes (t: Tensor[]) = int (t[0].size 0), int (t[0].size 1), int (t[1].size(if turned then 0 else 1))

        let kernel (t: Tensor[]) =
            let rows, features, outputs = sizes t
            let sums = Kernel.room [| int64 rows; int64 outputs |] t[0]

            kernels.Sum(
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

            kernels.SumGradients(
                Kernel.address t[0],
                Kernel.address t[1],
                turned,
                Kernel.address cotangent,
                Kernel.tryAddress found[0],
                Kernel.tryAddress found[1],
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
        (kernels: EdgeProducts<'T>)
        : Rule =
        let layer (t: Tensor[]) =
            let directions = if t.Length > 2 then t[2].size(1) else t[0].size(1)
            EdgeLayer(int (t[0].size 0), int (t[0].size 1), int (t[0].size 2), int (t[1].size 2), int directions)

        let kernel (t: Tensor[]) =
            let sizes = layer t
            let results = Kernel.room [| t[0].size(0); int64 sizes.Directions; t[1].size(2) |] t[0]

            kernels.Tangents(
                sizes,
                Kernel.address t[0],
                Kernel.address t[1],
                Kernel.tryAddress (Array.tryItem 2 t),
                Kernel.address results,
                torch.get_num_threads ()
            )

            Kernel.keep t
            results

        let gradients (t: Tensor[]) (cotangent: Tensor) (found: Tensor option[]) =
            kernels.TangentGradients(
                layer t,
                Kernel.address t[0],
                Kernel.address t[1],
                Kernel.tryAddress (Array.tryItem 2 t),
                Kernel.address cotangent,
                Kernel.tryAddress found[0],
                Kernel.tryAddress found[1],
                Kernel.tryAddress (Array.tryItem 2 found |> Option.flatten),
                torch.get_num_threads ()
            )

            Kernel.keep [| yield! t; cotangent |]

        rule tangentsByOperators kernel gradients

    /// Those of the vectors that this machine is fast at, the widest first.
    let kernels: EdgeKernels list =
        (EdgeProducts<float>.OfThisMachine, EdgeProducts<float32>.OfThisMachine)
        ||> Seq.map2 (fun double single ->
            {
                Fits = fun features outputs -> single.Fits(features, outputs)
                Product = productRule double false, productRule single false
                Linear = productRule double true, productRule single true
                Tangents = tangentsRule double, tangentsRule single
            })
        |> List.ofSeq

    let private fastest = List.tryHead kernels

    // Kernels are faster than libtorch's products on processors of other makers than Intel.
    let private fasterThanProducts = if EdgeProducts<float>.IsFaster then fastest else None

    // Neither a kernel nor every operator of TorchSharp's refuses tensors that do not fit: the one would read beyond them,
    // the other end the process.
    let private check (agree: bool) (t: Tensor list) =
        if not agree || t |> List.exists (fun other -> other.dtype <> t.Head.dtype) then
            let sizes = t |> List.map (fun t -> $"{t.dtype} {List.ofArray (Tensor.shape t)}") |> String.concat ", "
            invalidArg (nameof t) $"the sizes of a layer do not fit: {sizes}"

    let private choose (rules: (Rule * Rule) option) (operators: Tensor[] -> Tensor) (t: Tensor list) : Tensor =
        let operators () = operators (List.toArray t)
        let byRule rule () = (Rule.apply rule t)[0]

        match rules with
        | Some(double, single) -> Kernel.choose (Placement.ofTensor t.Head) (byRule double) (byRule single) operators
        | None -> operators ()

    let private multiply turned (rule: EdgeKernels -> Rule * Rule) kernels (rows: Tensor) (weights: Tensor) : Tensor =
        check (rows.size 1 = weights.size (if turned then 1 else 0)) [ rows; weights ]
        let fitting = kernels |> Option.filter (fun k -> k.Fits (int (weights.size 0)) (int (weights.size 1)))
        choose (Option.map rule fitting) (productByOperators turned) [ rows; weights ]

    /// rows [N, F] × weights [F, out]; differentiable to any order.
    let productBy: EdgeKernels option -> Tensor -> Tensor -> Tensor = multiply false _.Product

    /// rows [N, F] × the transpose of weights [out, F]; differentiable to any order.
    let linearBy: EdgeKernels option -> Tensor -> Tensor -> Tensor = multiply true _.Linear

    /// What arrives at the outputs [N, out] from features [N, in, M] through coefficients [in, M, out].
    let sumBy kernels (features: Tensor) (coefficients: Tensor) : Tensor =
        productBy kernels (features.flatten (1L, 2L)) (coefficients.flatten (0L, 1L))

    /// The outputs' tangents [N, V, out], from the functions' derivatives [N, in, M], coefficients [in, M, out] and the
    /// inputs' tangents [N, V, in]; without tangents direction v moves input v alone. Differentiable to any order.
    let tangentsBy kernels (derivatives: Tensor) (coefficients: Tensor) (tangents: Tensor option) : Tensor =
        let f, c = Tensor.shape derivatives, Tensor.shape coefficients
        let layer = derivatives :: coefficients :: Option.toList tangents
        check (f[1..] = c[..1] && tangents |> Option.forall (fun t -> t.size 0 = f[0] && t.size 2 = f[1])) layer
        choose (kernels |> Option.map _.Tangents) tangentsByOperators layer

    /// By whatever is fastest here: `linearBy`, `sumBy` and `tangentsBy` without a choice.
    let linear (rows: Tensor) (weights: Tensor) = linearBy fasterThanProducts rows weights

    let sum (features: Tensor) (coefficients: Tensor) = sumBy fasterThanProducts features coefficients

    let tangents (derivatives: Tensor) (coefficients: Tensor) (tangents: Tensor option) =
        tangentsBy fastest derivatives coefficients tangents
