// Reference solutions: fields at any points of a problem, in the points' own device and precision, computed in double
// precision on the CPU. What they are read off is computed when first asked for, and kept.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Reference =
    /// So many points at a time: thousands of numbers a point then stay within tens of megabytes.
    let private block = 1024L

    /// Fields [N, fields] at points [N, d] from `compute`, which sees points in double precision on the CPU. Raises
    /// ArgumentException for points of another shape.
    let ofPoints (d: int) (compute: Tensor -> Tensor) (x: Tensor) : Tensor =
        if x.ndim <> 2L || x.size 1 <> int64 d then
            invalidArg (nameof x) $"a reference takes points [N, {d}], not {List.ofArray (Tensor.shape x)}"

        use _ = torch.no_grad ()

        Tensor.scoped Seq.singleton (fun () ->
            let blocks = (Placement.put Placement.cpu64 (x.detach ())).split(block, 0)
            let fields (x: Tensor) = Tensor.scoped Seq.singleton (fun () -> compute x)
            torch.cat (Array.map fields blocks, 0L) |> Placement.put (Placement.ofTensor x))

    /// Tensors that outlive every dispose scope, computed when first asked for.
    let kept (compute: unit -> Tensor list) : Lazy<Tensor list> =
        lazy
            (use _ = torch.no_grad ()
             use _ = torch.NewDisposeScope()
             compute () |> List.map _.DetachFromDisposeScope())

    /// Column i [N] of points [N, d].
    let column (i: int) (x: Tensor) : Tensor = x.select (1L, int64 i)

    /// n numbers evenly spaced from low, with step.
    let spaced (low: float) (step: float) (n: int) : Tensor =
        torch.arange (n, dtype = torch.float64, device = torch.CPU) * step + low
