// How the running means of Adam are kept between steps: in full, a byte a number, or a matrix's rows and columns alone.
namespace MetaKan

open TorchSharp

/// How Adam keeps the running means of a gradient and of its square between steps.
[<RequireQualifiedAccess>]
type MomentStorage =
    /// A number of the parameters' type for each of both.
    | Full
    /// A byte for each of both, in blocks of 256 numbers with a scale each; tensors of up to 4,096 numbers in full. Of the
    /// mean square the root is kept, which is what Adam divides by. After Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit
    /// Optimizers via Block-wise Quantization" (arXiv 2110.02861); a byte's values are fourth powers here.
    | Bytes
    /// A byte for each of the mean; of the mean square of a matrix the means of its rows and of its columns, whose outer
    /// product over their mean stands for it. Other tensors as by `Bytes`. Shazeer & Stern, "Adafactor" (arXiv 1804.04235),
    /// algorithm 2.
    | Factored

/// A running mean of a tensor, in a memory by names that start with the tensor's.
type internal RunningMean =
    {
        /// The memory of zeros like a tensor, by the tensor's name.
        Start: string -> Tensor -> Params
        /// The name, a tensor like the mean, the share of the mean that stays, what adds a step's part to that in its place,
        /// and the memory → the mean and its memory.
        Next: string -> Tensor -> float -> (Tensor -> Tensor) -> Params -> Tensor * Params
        /// Whether the mean is the caller's to write into: else its memory is the mean itself.
        Owned: bool
    }

[<RequireQualifiedAccess>]
module internal RunningMean =
    let full: RunningMean =
        {
            Start = fun name t -> Map [ name, torch.zeros_like t ]
            Next =
                fun name _ share add memory ->
                    let mean: Tensor = add (memory[name] * share)
                    mean, Map [ name, mean ]
            Owned = false
        }

    // Numbers in a block, blocks that are worked on at a time, and numbers in a tensor up to which bytes do not pay.
    let private block, private slice, private small = 256L, 256L, 4096L

    // A byte stands for the fourth power of a whole number over the largest: 127 with a sign, 255 of numbers from zero up. Half a
    // step is 1.6 or 0.8 percent of a block's largest number, 9 or 4 of what is a thousandth of it.
    let private largest (signed: bool) : float = if signed then 127.0 else 255.0

    let private toBytes (signed: bool) (unit: Tensor) : Tensor =
        let whole = (unit.abs().sqrt_().sqrt_().mul_((largest signed).ToScalar())).round_()
        if signed then whole.mul_(unit.sign ()).add_(127.0.ToScalar()) else whole

    let private ofBytes (signed: bool) (dtype: torch.ScalarType) (bytes: Tensor) : Tensor =
        let t = bytes.``to`` dtype
        let t = if signed then t.sub_ (127.0.ToScalar()) else t
        let t = t.div_ ((largest signed).ToScalar())
        let t = t.mul_ (t.abs ())
        t.mul_ (t.abs ())

    let private slices (rows: int64) : (int64 * int64) list =
        [ for first in 0L .. slice .. rows - 1L -> first, min slice (rows - first) ]

    // The numbers of a tensor in blocks, the last one filled up with zeros, each over its largest: bytes [blocks, 256] and
    // largest numbers [blocks, 1].
    let private encode (signed: bool) (before: Tensor -> Tensor) (t: Tensor) : Tensor * Tensor =
        fun () ->
            let rows = (t.numel () + block - 1L) / block
            let bytes = torch.empty (rows, block, dtype = torch.uint8, device = t.device)
            let scales = torch.empty (rows, 1L, dtype = t.dtype, device = t.device)
            let flat = t.reshape -1L

            for first, count in slices rows do
                use _ = torch.NewDisposeScope()
                let from = first * block
                let own = min (count * block) (flat.numel () - from)
                let part = before (flat.narrow (0L, from, own))
                let part = torch.nn.functional.pad (part, [| 0L; count * block - own |])
                let part = part.view (count, block)
                let scale = scales.narrow (0L, first, count)
                scale.copy_ (part.abs().amax([| 1L |], keepdim = true)) |> ignore
                // A block of zeros is divided by one.
                let over = torch.where (scale.eq (0.0.ToScalar()), torch.ones_like scale, scale)
                bytes.narrow(0L, first, count).copy_(toBytes signed (part / over)) |> ignore

            bytes, scales
        |> Tensor.scoped (fun (bytes, scales) -> [ bytes; scales ])

    // The numbers that bytes and scales stand for, like a tensor.
    let private decode (signed: bool) (like: Tensor) (bytes: Tensor, scales: Tensor) : Tensor =
        fun () ->
            let rows = bytes.size 0
            let found = torch.empty (rows, block, dtype = scales.dtype, device = scales.device)

            for first, count in slices rows do
                use _ = torch.NewDisposeScope()
                let part = ofBytes signed scales.dtype (bytes.narrow (0L, first, count))
                found.narrow(0L, first, count).copy_(part.mul_ (scales.narrow (0L, first, count))) |> ignore

            found.view(-1L).narrow(0L, 0L, like.numel ()).view(Tensor.shape like)
        |> Tensor.scoped Seq.singleton

    // A byte a number: signed, or of numbers from zero up, whose roots are kept.
    let private bytes (signed: bool) : RunningMean =
        let into name (bytes, scales) : Params = Map [ $"{name}.bytes", bytes; $"{name}.scales", scales ]
        let root (t: Tensor) = if signed then t else t.sqrt ()

        {
            Start =
                fun name t ->
                    (fun () -> torch.zeros_like t |> encode signed root |> into name)
                    |> Tensor.scoped (Params.tensors >> Seq.ofArray)
            Next =
                fun name like share add memory ->
                    let kept = decode signed like (memory[$"{name}.bytes"], memory[$"{name}.scales"])
                    let kept = if signed then kept else kept.pow_ (2.0.ToScalar())
                    let mean = add (kept.mul_ (share.ToScalar()))
                    mean, encode signed root mean |> into name
            Owned = true
        }

    // Of a matrix, or of each of several: its rows' means [… , n] and columns' means [… , m].
    let private factored: RunningMean =
        let rows name = $"{name}.rows"
        let columns name = $"{name}.columns"

        // The means of what a tensor has to be made for, which is freed then.
        let meansOf (make: unit -> Tensor) =
            fun () ->
                let t = make ()
                t.mean [| -1L |], t.mean [| -2L |]
            |> Tensor.scoped (fun (byRow, byColumn) -> [ byRow; byColumn ])

        {
            Start =
                fun name t ->
                    let byRow, byColumn = meansOf (fun () -> torch.zeros_like t)
                    Map [ rows name, byRow; columns name, byColumn ]
            Next =
                fun name like share add memory ->
                    let next, mean =
                        fun () ->
                            let byRow, byColumn = meansOf (fun () -> add (torch.zeros_like like))
                            let byRow = byRow.add_ (memory[rows name] * share)
                            let byColumn = byColumn.add_ (memory[columns name] * share)
                            let all = byRow.mean ([| -1L |], keepdim = true)
                            // Where all are zero their product is, too.
                            let over = torch.where (all.eq (0.0.ToScalar()), torch.ones_like all, all)
                            let mean = (byRow / over).unsqueeze -1L * byColumn.unsqueeze -2L
                            Map [ rows name, byRow; columns name, byColumn ], mean
                        |> Tensor.scoped (fun (next, mean) -> Seq.append [ mean ] (Params.tensors next))

                    mean, next
            Owned = true
        }

    // Whether rows and columns of a tensor are fewer numbers than the bytes of its own.
    let private factors (t: Tensor) : bool = t.ndim >= 2L && 4L * (t.size -1 + t.size -2) < t.size -1 * t.size -2

    let private isSmall (t: Tensor) : bool = t.numel () <= small

    /// The running mean of a gradient like a tensor.
    let ofGradient (storage: MomentStorage) (like: Tensor) : RunningMean =
        if storage = MomentStorage.Full || isSmall like then full else bytes true

    /// The running mean of its square.
    let ofSquare (storage: MomentStorage) (like: Tensor) : RunningMean =
        match storage with
        | MomentStorage.Factored when not (isSmall like) && factors like -> factored
        | MomentStorage.Bytes
        | MomentStorage.Factored when not (isSmall like) -> bytes false
        | _ -> full

/// Ways to keep moments by name.
[<RequireQualifiedAccess>]
module MomentStorage =
    /// Ways by the names that options and config.json have for them.
    let named: (string * MomentStorage) list =
        [ "full", MomentStorage.Full; "bytes", MomentStorage.Bytes; "factored", MomentStorage.Factored ]
