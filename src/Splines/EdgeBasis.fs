// What the edges of a KAN are made of: splines and, as the last function, silu. Liu et al., "KAN" (arXiv 2404.19756),
// equations 2.10 and 2.11. In the machine's own memory a kernel computes them; elsewhere tensor operators do.
#nowarn "9" // pointers: a kernel reads and writes the tensors' memory
namespace MetaKan

open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

[<RequireQualifiedAccess>]
module EdgeBasis =
    // Derivative p of the polynomials [function][power], as [power, function].
    let private differentiated (p: int) (polynomials: float[][]) : float[] =
        [|
            for power in p .. polynomials[0].Length - 1 do
                let factor = Seq.fold (*) 1.0 (seq { for n in power - p + 1 .. power -> float n })

                for polynomial in polynomials -> factor * polynomial[power]
        |]

    let private kernel (convert: float -> 'T) (order: int) (knots: float[][]) : EdgeFunctions<'T> =
        let intervals = knots[0].Length - 1
        let count = BSpline.count order knots
        let window = min (order + 1) count
        let first = Array.init intervals (fun l -> max 0 (min (count - window) (l - order)))
        let pieces = knots |> Array.map (BSpline.pieces order)
        let sigmoid = Array.init 8 (fun n -> Silu.sigmoidDerivative n |> Array.map convert)

        let table p (pieces: float[][][]) =
            pieces
            |> Array.mapi (fun l polynomials -> differentiated p polynomials[first[l] .. first[l] + window - 1])
            |> Array.concat
            |> Array.map convert

        EdgeFunctions(
            knots |> Array.map (Array.map convert),
            first,
            window,
            Array.init (order + 1) (fun p -> pieces |> Array.collect (table p)),
            (fun n -> if n < sigmoid.Length then sigmoid[n] else Silu.sigmoidDerivative n |> Array.map convert),
            count + 1
        )

    // The first element of a contiguous tensor in the machine's memory; `bytes` shows no more than 2 GiB.
    let private address (t: Tensor) : nativeptr<'T> =
        let head = if t.numel () < (1L <<< 27) then t else t.view(-1L).narrow(0L, 0L, 1L)
        Unsafe.AsPointer(&MemoryMarshal.GetReference head.bytes) |> NativePtr.ofVoidPtr

    let private inMemory (place: Placement) (kernel: EdgeFunctions<'T>) (count: int) : Basis =
        let derivatives (orders: int list) (x: Tensor) =
            if x.dtype <> place.DType then
                invalidArg (nameof x) $"points take the knots' {place.DType}, not {x.dtype}"

            let x = x.contiguous ()
            let shape = Array.append x.shape [| int64 count |]
            let results = orders |> List.map (fun _ -> torch.empty (shape, dtype = x.dtype, device = x.device))

            kernel.Evaluate(
                address x,
                x.numel (),
                List.toArray orders,
                results |> List.map (address >> NativePtr.toNativeInt<'T>) |> List.toArray,
                torch.get_num_threads ()
            )

            results

        { Count = count; Derivatives = derivatives }

    /// Splines of the given order (3 is cubic) and silu, on one sequence of knots for every input or on one per input,
    /// as `BSpline.basis` has them.
    let create (place: Placement) (order: int) (knots: float[][]) : Basis =
        let count = BSpline.count order knots + 1

        if place.Device.``type`` <> DeviceType.CPU then
            Basis.append (BSpline.basis place order knots) Silu.basis
        elif place.DType = torch.float64 then
            inMemory place (kernel id order knots) count
        else
            inMemory place (kernel float32 order knots) count
