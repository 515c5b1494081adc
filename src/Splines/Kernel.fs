// Passes tensors in the machine's own memory to the kernels.
#nowarn "9" // pointers
namespace MetaKan

open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

[<RequireQualifiedAccess>]
module internal Kernel =
    /// The implementation for a placement: the kernel of its precision on a CPU, `operators` elsewhere.
    let choose (place: Placement) (double: unit -> 'a) (single: unit -> 'a) (operators: unit -> 'a) : 'a =
        if not (Host.holds place.Device) then operators ()
        elif place.DType = torch.float64 then double ()
        else single ()

    // Derivative p of the polynomials [function][power], as [power, function].
    let private differentiated (p: int) (polynomials: float[][]) : float[] =
        [|
            for power in p .. polynomials[0].Length - 1 do
                let factor = Seq.fold (*) 1.0 (seq { for n in power - p + 1 .. power -> float n })

                for polynomial in polynomials -> factor * polynomial[power]
        |]

    /// Splines with all their derivatives as the kernels' tables.
    let splines (convert: float -> 'T) (order: int) (knots: float[][]) : PiecewisePolynomials<'T> =
        let count = BSpline.count order knots
        let window = min (order + 1) count
        let first = Array.init (knots[0].Length - 1) (fun l -> max 0 (min (count - window) (l - order)))

        // Of each interval, the functions of its window.
        let pieces =
            knots
            |> Array.map (fun knots ->
                first
                |> Array.mapi (fun l first ->
                    let piece = BSpline.piece order knots l
                    Array.init window (fun m -> piece (first + m))))

        let table p (pieces: float[][][]) = pieces |> Array.map (differentiated p) |> Array.concat |> Array.map convert

        PiecewisePolynomials(
            knots |> Array.map (Array.map convert),
            first,
            window,
            Array.init (order + 1) (fun p -> pieces |> Array.collect (table p))
        )

    /// The tensor without gaps between its numbers.
    let dense (t: Tensor) : Tensor = if t.is_contiguous () then t else t.contiguous ()

    /// Points without gaps; raises ArgumentException for points of another precision.
    let points (place: Placement) (x: Tensor) : Tensor =
        if x.dtype <> place.DType then
            invalidArg (nameof x) $"points take the knots' {place.DType}, not {x.dtype}"

        dense x

    /// Where the numbers of a tensor without gaps start.
    let address (t: Tensor) : nativeptr<'T> = Host.address t |> NativePtr.ofNativeInt

    /// The same, or null for none.
    let tryAddress (t: Tensor option) : nativeptr<'T> =
        t |> Option.map address |> Option.defaultValue (NativePtr.ofNativeInt 0n)

    /// Room for numbers like those of a tensor.
    let room (shape: int64[]) (like: Tensor) : Tensor = torch.empty (shape, dtype = like.dtype, device = like.device)

    /// Tensors that a kernel reads by address: where no dispose scope holds them, nothing else keeps them until it ends.
    let keep (tensors: Tensor[]) : unit = System.GC.KeepAlive tensors
