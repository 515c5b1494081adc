// Where tensors live and how precise they are, and the few conversions between arrays and tensors.
namespace MetaKan

open TorchSharp

/// An n-dimensional array of numbers: TorchSharp's own type.
type Tensor = torch.Tensor

/// The device that holds a computation's tensors, and the floating-point type of their elements.
[<NoEquality; NoComparison>] // devices are equal by reference only
type Placement =
    {
        /// The CPU, or a CUDA device.
        Device: torch.Device
        /// float32 or float64.
        DType: torch.ScalarType
    }

/// Placements by name, and of tensors.
[<RequireQualifiedAccess>]
module Placement =
    do Libtorch.load ()

    /// Double precision on the CPU.
    let cpu64 = { Device = torch.CPU; DType = torch.float64 }

    /// Single precision on the CPU.
    let cpu32 = { Device = torch.CPU; DType = torch.float32 }

    /// The number of the CUDA device, of so many, of a process that MPI started as one of several of its machine: one after
    /// another.
    let internal cudaOf (devices: int) (neighbour: int) : int = neighbour % max 1 devices

    /// The placement for names as people write them: device "cpu", "cuda" or "auto" (CUDA where there is one), element
    /// type "float32" or "float64". Of several CUDA devices each process of a job of MPI has its own. Raises BadInput for other
    /// names and for CUDA where there is none.
    let named (device: string) (dtype: string) : Placement =
        Libtorch.load ()
        let cuda = torch.cuda.is_available ()

        let ofRank () =
            match cudaOf (torch.cuda.device_count ()) (Mpi.neighbour ()) with
            | 0 -> torch.CUDA
            | other -> torch.Device(DeviceType.CUDA, other)

        {
            Device =
                match device with
                | "cpu" -> torch.CPU
                | "auto" -> if cuda then ofRank () else torch.CPU
                | "cuda" when cuda -> ofRank ()
                | "cuda" -> raise (BadInput "device cuda: this libtorch finds no CUDA device; take cpu or auto")
                | other -> raise (BadInput $"device takes cpu, cuda or auto, not '{other}'")
            DType =
                match dtype with
                | "float32" -> torch.float32
                | "float64" -> torch.float64
                | other -> raise (BadInput $"dtype takes float32 or float64, not '{other}'")
        }

    /// The placement of a given tensor.
    let ofTensor (t: Tensor) = { Device = t.device; DType = t.dtype }

    /// Moves and converts a floating-point tensor to a placement.
    let put (place: Placement) (t: Tensor) = t.``to``(place.DType).``to``(place.Device)

/// Conversions between arrays and tensors, their shapes and products, and how long they live.
[<RequireQualifiedAccess>]
module Tensor =
    /// A tensor of the given shape from numbers in row-major order.
    let ofArray (place: Placement) (shape: int64 list) (values: float[]) : Tensor =
        Libtorch.load ()

        torch.tensor(values, dtype = torch.float64, device = torch.CPU).reshape(List.toArray shape)
        |> Placement.put place

    /// The sizes, as `t.shape` has them: that one calls back from native code, which takes twenty times as long and leaves
    /// native memory to the garbage collector.
    let shape (t: Tensor) : int64[] = Array.init (int t.ndim) t.size

    /// The matrix product, as `torch.matmul` takes it, which ends the process where the two do not fit. Raises
    /// ArgumentException for inner sizes, element types or devices that differ.
    let product (a: Tensor) (b: Tensor) : Tensor =
        let inner = b.size (max 0 (int b.ndim - 2))

        if a.size (int a.ndim - 1) <> inner || a.dtype <> b.dtype || a.device_type <> b.device_type then
            let told (t: Tensor) = $"{t.dtype} {List.ofArray (shape t)} on {t.device_type}"
            invalidArg (nameof b) $"no product of {told a} and {told b}: inner sizes, types and devices have to agree"

        torch.matmul (a, b)

    /// The components listed, in that order, on the last axis.
    let internal select (components: int list) (t: Tensor) : Tensor =
        let indices = components |> List.map int64 |> Array.ofList
        t.index_select (-1L, torch.tensor (indices, dtype = torch.int64, device = t.device))

    /// The elements in row-major order, as doubles on the CPU.
    let toArray (t: Tensor) : float[] =
        // TorchSharp reads no elements where there are none.
        if t.numel () = 0L then
            [||]
        else
            use _ = torch.NewDisposeScope()
            t.detach().cpu().``to``(torch.float64).contiguous().data<float>().ToArray()

    /// The only element of a tensor.
    let item (t: Tensor) : float =
        if t.dtype = torch.float64 then
            t.item<float>()
        else
            use _ = torch.NewDisposeScope()
            t.``to``(torch.float64).item<float>()

    /// A dispose scope for what may be a program's first call, before any tensor is made.
    let internal firstScope () =
        Libtorch.load ()
        torch.NewDisposeScope()

    /// Runs `compute` in a dispose scope of its own and lets only the tensors that `results` names survive it.
    let scoped (results: 'a -> Tensor seq) (compute: unit -> 'a) : 'a =
        use scope = torch.NewDisposeScope()
        let value = compute ()

        scope.MoveToOuter(Seq.cast<System.IDisposable>(results value))
        value
