namespace MetaKan

open TorchSharp

/// L-BFGS with a strong Wolfe line search, on the whole parameter tree as one vector.
/// Nocedal & Wright, "Numerical Optimization" (2006), algorithm 7.4.
[<RequireQualifiedAccess>]
module Lbfgs =
    /// The current gradient and the last m pairs of step and change of gradient, in buffers that are overwritten: the
    /// vectors [1+2h, n], the gradient first, and their inner products. Each pair has a slot; the list has the newest
    /// first.
    type private Memory = { Vectors: Tensor; Products: float[]; mutable Slots: int list }

    let private stepOf slot = 1 + 2 * slot
    let private changeOf slot = 2 + 2 * slot
    let private size (memory: Memory) = int (memory.Vectors.size 0)

    let private write (rows: (int * Tensor) list) (memory: Memory) : unit =
        let size = size memory
        let fresh = torch.stack (rows |> List.map snd |> List.toArray)

        for row, vector in rows do
            memory.Vectors.select(0L, int64 row).copy_ vector |> ignore

        let products = Tensor.toArray (torch.mm (fresh, memory.Vectors.t ()))

        for i, (row, _) in List.indexed rows do
            for j in 0 .. size - 1 do
                memory.Products[row * size + j] <- products[i * size + j]
                memory.Products[j * size + row] <- products[i * size + j]

    // The descent direction -H g (algorithm 7.4) and the loss's slope along it: the two loops run over the products of the
    // vectors. Chen et al., "Large-scale L-BFGS using MapReduce" (NeurIPS 2014).
    let private direction (memory: Memory) : Tensor * float =
        let size = size memory
        let product i j = memory.Products[i * size + j]
        let curvature slot = product (stepOf slot) (changeOf slot)
        // The direction as a combination of the vectors, and its products with them: the gradient at first.
        let share = Array.init size (fun i -> if i = 0 then 1.0 else 0.0)
        let along = memory.Products[.. size - 1]

        let add amount vector =
            share[vector] <- share[vector] + amount
            let row = vector * size

            for j in 0 .. size - 1 do
                along[j] <- along[j] + amount * memory.Products[row + j]

        let alphas =
            [
                for slot in memory.Slots do
                    let alpha = along[stepOf slot] / curvature slot
                    add -alpha (changeOf slot)
                    slot, alpha
            ]

        match memory.Slots with
        | newest :: _ ->
            let scale = curvature newest / product (changeOf newest) (changeOf newest)

            for j in 0 .. size - 1 do
                share[j] <- scale * share[j]
                along[j] <- scale * along[j]
        | [] -> ()

        for slot, alpha in List.rev alphas do
            add (alpha - along[changeOf slot] / curvature slot) (stepOf slot)

        let combination =
            share |> Array.map (~-) |> Tensor.ofArray (Placement.ofTensor memory.Vectors) [ int64 size ]

        torch.mv (memory.Vectors.t (), combination), -along[0]

    /// One line search from x, where the loss is known, to the next point; None where there is no descent direction or the
    /// loss is NaN.
    let private iterate (evaluate: Tensor -> float * Tensor) (memory: Memory) (x: Tensor, loss: float) =
        let d, slope = direction memory
        let gradient = memory.Vectors.select (0L, 0L)

        if not (slope < 0.0) then
            None
        else
            let start = { Length = 0.0; X = x; Loss = loss; Slope = slope; Gradient = gradient }
            let first = if memory.Slots.IsEmpty then min 1.0 (1.0 / Tensor.item (gradient.abs().sum())) else 1.0
            let found = LineSearch.wolfe (LineSearch.along evaluate x d) start first
            let history = size memory / 2

            // If the search found no lower point, the pairs are dropped and the next direction is the gradient's.
            if found.Length = 0.0 then
                memory.Slots <- []
            // A pair without positive curvature would make H indefinite.
            elif found.Slope - slope > 1e-10 * abs slope then
                let used = memory.Slots.Length
                let slot = if used < history then used else List.last memory.Slots
                let pair = [ stepOf slot, d * found.Length; changeOf slot, found.Gradient - gradient ]
                write ((0, found.Gradient) :: pair) memory
                memory.Slots <- slot :: List.truncate (history - 1) memory.Slots
            else
                write [ 0, found.Gradient ] memory

            Some(found.X, found.Loss)

    /// L-BFGS that remembers `history` pairs. One update is up to `iterations` searches along one direction each, and
    /// ends early once it has taken a quarter more gradients than that. The loss must be the same function throughout:
    /// what an update found out about it is the next one's start.
    let create (history: int) (iterations: int) : Optimizer =
        let update _ (gradient: Gradient) (p: Params) (before: Params) =
            let mutable evaluations = 0

            let evaluate (x: Tensor) =
                evaluations <- evaluations + 1
                let loss, g = gradient (Params.ofFlat p x)
                Tensor.item loss, Params.flat g

            let x = Params.flat p

            let loss, memory =
                match Map.tryFind "vectors" before with
                | Some vectors ->
                    Tensor.item before["loss"],
                    {
                        Vectors = vectors.clone ()
                        Products = Tensor.toArray before["products"]
                        Slots = Tensor.toArray before["slots"] |> Array.map int |> Array.toList
                    }
                | None ->
                    let loss, g = evaluate x
                    let size = 1 + 2 * history

                    let memory =
                        {
                            Vectors = torch.zeros (int64 size, x.numel (), dtype = x.dtype, device = x.device)
                            Products = Array.zeroCreate (size * size)
                            Slots = []
                        }

                    write [ 0, g ] memory
                    loss, memory

            let rec search left at =
                if left = 0 || 4 * evaluations >= 5 * iterations && left < iterations then
                    at
                else
                    match
                        (fun () -> iterate evaluate memory at)
                        |> Tensor.scoped (Option.map fst >> Option.toList >> Seq.ofList)
                    with
                    | Some next -> search (left - 1) next
                    | None -> at

            let last, lastLoss = search iterations (x, loss)
            let size = int64 (size memory)

            torch.tensor (loss, device = torch.CPU),
            (Params.ofFlat p last |> Map.map (fun _ t -> t.clone ())),
            Map
                [
                    "loss", torch.tensor (lastLoss, device = torch.CPU)
                    "vectors", memory.Vectors
                    "products",
                    torch.tensor(memory.Products, dtype = torch.float64, device = torch.CPU).view(size, size)
                    "slots",
                    torch.tensor (
                        memory.Slots |> List.map int64 |> List.toArray,
                        dtype = torch.int64,
                        device = torch.CPU
                    )
                ]

        {
            Init = fun _ -> Map.empty
            Update = update
        }
