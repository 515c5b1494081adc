// Functions of a batch's rows, worked out a block of rows at a time: what a block needs on the way stays in the cache,
// blocks run side by side where threads are hired, and for the gradient everything is worked out again, so that the
// inputs alone are kept.
namespace MetaKan

open TorchSharp

/// A function that takes each row of its inputs by itself, given with its vector-Jacobian product. As in a `Rule`,
/// nothing may capture tensors; what all blocks use is made from the placement, once for each direction.
type internal RowRule =
    {
        /// Numbers that one row of the inputs needs on the way: what blocks are sized by.
        Numbers: Tensor[] -> int64
        /// The output's shape for inputs and shared inputs, without its rows.
        Shape: Tensor[] -> Tensor[] -> int64[]
        /// Rows of the inputs, and the shared inputs, to rows of the output, which it writes.
        Value: Placement -> Tensor[] -> Tensor[] -> Tensor -> unit
        /// Rows of the inputs, the shared inputs, rows of the output's cotangent to rows of the inputs' cotangents, which
        /// it writes where they are wanted, and to the shared inputs' cotangents, which it gives.
        Pullback: Placement -> Tensor[] -> Tensor[] -> Tensor -> Tensor option[] -> Tensor[]
    }

[<RequireQualifiedAccess>]
module internal Rows =
    // A mebibyte in single precision: temporaries stay in the cache, and operators run far longer than they take to start.
    let private numbersPerBlock = 262144L

    let private blocks (rule: RowRule) (rows: Tensor[]) : (int64 * int64) list =
        let count = rows[0].size(0)

        let step =
            if Host.holds rows[0].device then
                let threads = int64 (Workers.count rows[0].device)
                min ((count + threads - 1L) / threads) (numbersPerBlock / rule.Numbers rows)
            else
                count

        [ for start in 0L .. max 1L step .. count - 1L -> start, min (max 1L step) (count - start) ]

    let private block (start: int64, length: int64) (t: Tensor) = t.narrow (0L, start, length)

    /// The function's value for inputs with rows [N, …] and inputs that all rows share; differentiable by both, once.
    let apply (rule: RowRule) (rows: Tensor list) (shared: Tensor list) : Tensor =
        // Whether gradients are recorded is a matter of each thread.
        let run (rows: Tensor[]) (work: int64 * int64 -> Tensor[]) =
            blocks rule rows
            |> Workers.map rows[0].device Seq.ofArray (fun piece ->
                use _ = torch.no_grad ()
                work piece)

        let forward (inputs: Tensor[]) =
            fun () ->
                let rows, shared = Array.splitAt rows.Length inputs

                let output =
                    torch.empty (
                        Array.append [| rows[0].size(0) |] (rule.Shape rows shared),
                        dtype = rows[0].dtype,
                        device = rows[0].device
                    )

                let write = rule.Value(Placement.ofTensor rows[0])

                run rows (fun piece ->
                    write (rows |> Array.map (block piece)) shared (block piece output)
                    [||])
                |> ignore

                output
            |> Tensor.scoped Seq.singleton

        let backward (inputs: Tensor[]) _ (cotangents: Tensor[]) =
            if torch.is_grad_enabled () then
                invalidOp "a function of rows has a first derivative only"

            let rows, shared = Array.splitAt rows.Length inputs

            let found = rows |> Array.map (fun t -> if t.requires_grad then Some(torch.empty_like t) else None)

            let pull = rule.Pullback(Placement.ofTensor rows[0])

            let byShared =
                run rows (fun piece ->
                    pull
                        (rows |> Array.map (block piece))
                        shared
                        (block piece cotangents[0])
                        (found |> Array.map (Option.map (block piece))))

            let total =
                match byShared with
                | [] -> shared |> Array.map torch.zeros_like
                | parts -> parts |> List.reduce (Array.map2 (fun (a: Tensor) b -> a.add_ b))

            Array.append found (total |> Array.map Some)

        (Rule.apply
            {
                Forward = fun inputs -> [| forward inputs |], [||]
                Backward = backward
            }
            (rows @ shared))[0]

    /// The rule of a function made of differentiable operators: its product comes from automatic differentiation of
    /// each block.
    let ofFunction
        (numbers: Tensor[] -> int64)
        (shape: Tensor[] -> Tensor[] -> int64[])
        (f: Tensor[] -> Tensor[] -> Tensor)
        : RowRule =
        {
            Numbers = numbers
            Shape = shape
            Value = fun _ rows shared output -> output.copy_ (f rows shared) |> ignore
            Pullback =
                fun _ rows shared cotangent wanted ->
                    use _ = torch.enable_grad ()
                    let rows = rows |> Array.map2 (fun w t -> t.detach().requires_grad_(Option.isSome w)) wanted
                    let shared = shared |> Array.map (fun t -> t.detach().requires_grad_ true)
                    let leaves = Array.append (rows |> Array.filter _.requires_grad) shared

                    let byRows, byShared =
                        Autograd.gradients false [| f rows shared |] [| cotangent |] leaves
                        |> Array.splitAt (leaves.Length - shared.Length)

                    Seq.iter2 (fun (w: Tensor) t -> w.copy_ t |> ignore) (Array.choose id wanted) byRows
                    byShared
        }
