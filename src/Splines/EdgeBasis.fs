// The basis of a KAN's edges: splines and, as the last function, silu. Liu et al., "KAN" (arXiv 2404.19756),
// equations 2.10 and 2.11.
#nowarn "9" // pointers
namespace MetaKan

open MetaKan.Kernels
open Microsoft.FSharp.NativeInterop
open TorchSharp

[<RequireQualifiedAccess>]
module internal EdgeBasis =
    /// The same functions as the kernels have them.
    let functions (convert: float -> 'T) (order: int) (knots: float[][]) : EdgeFunctions<'T> =
        let sigmoid = Array.init 8 (fun n -> Silu.sigmoidDerivative n |> Array.map convert)

        EdgeFunctions(
            Kernel.splines convert order knots,
            (fun n -> if n < sigmoid.Length then sigmoid[n] else Silu.sigmoidDerivative n |> Array.map convert),
            BSpline.count order knots + 1
        )

    let private inMemory (convert: float -> 'T) (place: Placement) (order: int) (knots: float[][]) : Basis =
        let count = BSpline.count order knots + 1
        let kernel = functions convert order knots

        let derivatives (orders: int list) (x: Tensor) =
            let x = Kernel.points place x
            let shape = Array.append (Tensor.shape x) [| int64 count |]
            let results = orders |> List.map (fun _ -> torch.empty (shape, dtype = x.dtype, device = x.device))

            kernel.Evaluate(
                Kernel.address x,
                x.numel (),
                List.toArray orders,
                results |> List.map (Kernel.address >> NativePtr.toNativeInt<'T>) |> List.toArray,
                torch.get_num_threads ()
            )

            Kernel.keep [| x |]
            results

        { Count = count; Derivatives = derivatives }

    /// Splines of the given order (3 is cubic) and silu, on one sequence of knots for every input or on one per input,
    /// as `BSpline.basis` has them.
    let create (place: Placement) (order: int) (knots: float[][]) : Basis =
        Kernel.choose
            place
            (fun () -> inMemory id place order knots)
            (fun () -> inMemory float32 place order knots)
            (fun () -> Basis.append (BSpline.basis place order knots) Silu.basis)
