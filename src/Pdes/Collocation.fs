// The loss of a physics-informed network: the mean square of the residual at random points, plus the penalties'.
// Raissi, Perdikaris, Karniadakis (2019), equation 2.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// How a problem is sampled and differentiated.
type Collocation =
    {
        /// Interior points a step.
        Points: int
        /// How second derivatives are summed.
        Laplacian: LaplacianMethod
        /// What the tensors of one backward pass may take, in MiB; residuals at more points are worked off in chunks.
        MemoryLimit: int
    }

[<RequireQualifiedAccess>]
module Collocation =
    let private meanSquare (total: int64) (residual: Tensor) = (residual * residual).sum() / float total

    /// Rows of one chunk: an even share of the batch for each worker, less where the chunks in work at a time would
    /// not fit the memory limit; at least one.
    let private chunk
        (settings: Collocation)
        (model: Model)
        (place: Placement)
        (directions: Directions)
        points
        : int64 =
        let bytes = if place.DType = torch.float64 then 8L else 4L
        let perPoint = bytes * max 1L (model.NumbersPerPoint(int (directions.Weights.numel ())))
        let workers = int64 (Workers.count place.Device)
        let fitting = int64 settings.MemoryLimit * 1024L * 1024L / (perPoint * workers)
        max 1L (min fitting ((int64 points + workers - 1L) / workers))

    // A term of the loss: the residual, whose points may be split, or a penalty, whose mismatch sees them all.
    let private terms (settings: Collocation) (problem: Problem) =
        let residual =
            {
                Name = "the residual"
                Weight = 1.0
                Points = settings.Points
                Sample = problem.Domain.Sample
                Operator = problem.Operator
                Mismatch = problem.Residual
            }

        (residual, true)
        :: [ for penalty in problem.Penalties -> { penalty with Name = $"penalty {penalty.Name}" }, false ]

    let private refuse (problem: Problem) (term: Penalty) fault =
        invalidArg (nameof problem) $"problem {problem.Name}, {term.Name}: {fault}"

    let private shape (t: Tensor) = List.ofArray (Tensor.shape t)

    // The points of a term, of a problem whose sizes agree.
    let private points (problem: Problem) (term: Penalty) (key: Key) (place: Placement) : Tensor =
        let d = problem.Dimension
        let refuse = refuse problem term

        if term.Operator.Second.Length <> 0 && term.Operator.Second.Length <> d then
            refuse $"Second has {term.Operator.Second.Length} coefficients for {d} coordinates"

        for i in term.Operator.First do
            if i < 0 || i >= d then
                refuse $"First lists x_{i}, and the coordinates are x_0 to x_{d - 1}"

        let x = term.Sample key place term.Points
        let wanted = [ int64 term.Points; int64 d ]

        if term.Points < 1 || shape x <> wanted then
            refuse $"the sampler gave points {shape x} where {wanted} are asked for, of one point or more"

        x

    // What should vanish [N, 1]; of a penalty also one number.
    let private mismatch (problem: Problem) (term: Penalty) splits (u: Derivatives) : Tensor =
        let found = term.Mismatch u
        let wanted = [ u.X.size 0; 1L ]

        if shape found <> wanted && (splits || found.numel () <> 1L) then
            refuse problem term $"its value is {shape found} where {wanted} is wanted: sources and data are columns too"

        found

    /// The parts whose sum is the loss, each a function of the parameters: chunks of the residual, then each penalty.
    let private parts (settings: Collocation) (problem: Problem) (model: Model) (key: Key) (place: Placement) =
        [
            for index, (term, splits) in List.indexed (terms settings problem) do
                let key = Key.fold index key
                let x = points problem term (Key.fold 1 key) place
                let directions = Operator.directions settings.Laplacian (Key.fold 0 key) place term.Operator
                let rows = if splits then chunk settings model place directions term.Points else x.size 0

                for x in x.split rows do
                    fun network p ->
                        let found = Problem.derivatives problem network directions p x |> mismatch problem term splits
                        let total = if splits then int64 term.Points else found.numel ()
                        meanSquare total found * term.Weight
        ]

    // Derivatives of no function at all, listed ones only: positive numbers that rise from row to row.
    let private probe (operator: Operator) (x: Tensor) (draw: int) : Derivatives =
        let n, place = x.size 0, Placement.ofTensor x
        let rise = Tensor.ofArray place [ n; 1L ] [| for i in 0L .. n - 1L -> float i / float n |]
        let column i = 0.5 + rise + Key.uniform (Key.fold i (Key.ofSeed draw)) place [ n; 1L ]

        {
            X = x
            U = column 0
            Laplacian = if operator.Second |> Array.exists ((<>) 0.0) then column 1 else torch.zeros_like rise
            Partial =
                fun i ->
                    if not (List.contains i operator.First) then
                        invalidArg
                            (nameof i)
                            $"the operator lists no first derivative by x_{i}: First is {operator.First}"

                    column (i + 2)
        }

    let private rows (start: int64) (count: int64) (u: Derivatives) : Derivatives =
        let part (t: Tensor) = t.narrow (0L, start, count)

        { X = part u.X; U = part u.U; Laplacian = part u.Laplacian; Partial = u.Partial >> part }

    let private largest (t: Tensor) = Tensor.item (t.nan_to_num(0.0, 0.0, 0.0).abs().max())

    /// Raises ArgumentException, naming the place, for a problem that has a wrong loss: samplers, sources, data or an
    /// exact solution of wrong shapes, a residual or mismatch that does not depend on u, and a residual that reads several
    /// points at once, which are split over threads and chunks. (A penalty may read all its points: they are not split.)
    /// For once, before training.
    let check (settings: Collocation) (problem: Problem) (place: Placement) : unit =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let key = Key.ofSeed 0

        for term, splits in terms settings problem do
            let x = points problem term key place
            Operator.directions settings.Laplacian key place term.Operator |> ignore
            let value = mismatch problem term splits
            let u = probe term.Operator x 1
            let found = value u

            if largest (found - value (probe term.Operator x 2)) = 0.0 then
                refuse problem term "it does not depend on u"

            let n = x.size 0
            let half = n / 2L

            if splits && half > 0L then
                let halves = torch.cat [| value (rows 0L half u); value (rows half (n - half) u) |]

                if largest (found - halves) > 1e-3 * largest found then
                    refuse problem term "it reads several points at once, as a mean does: only a penalty may"

        problem.Exact
        |> Option.iter (fun exact ->
            let x = problem.Domain.Sample key place settings.Points
            let truth = exact x

            if shape truth <> [ x.size 0; 1L ] then
                invalidArg
                    (nameof problem)
                    $"problem {problem.Name}: Exact gives {shape truth} where {[ x.size 0; 1L ]} is wanted")

    /// The loss and its gradient on the points of a key. However it is chunked, the result is the same up to rounding.
    let gradient (settings: Collocation) (problem: Problem) (model: Model) (key: Key) : Gradient =
        fun p -> parts settings problem model key (Placement.ofTensor (Seq.head p.Values)) |> Model.gradient model p

    /// The relative L2 and L1 distances of u from the exact solution on points x [N, d].
    let errors (exact: Tensor -> Tensor) (u: Tensor -> Tensor) (x: Tensor) : (string * float) list =
        use _ = torch.NewDisposeScope()

        // A few hundred points at a time: the features of all at once would outweigh the training itself.
        let sums =
            x.split 500L
            |> Array.toList
            |> Workers.map x.device (fun _ -> Seq.empty) (fun rows ->
                use _ = torch.no_grad ()
                let truth, found = exact rows, u rows

                if shape truth <> shape found then
                    invalidArg (nameof exact) $"the exact solution is {shape truth} where u is {shape found}"

                let difference = truth - found
                let sum (t: Tensor) = Tensor.item (t.``to``(torch.float64).sum())

                sum (difference * difference), sum (truth * truth), sum (difference.abs ()), sum (truth.abs ()))

        let total part = sums |> List.sumBy part

        [
            "relative_l2", sqrt (total (fun (d, _, _, _) -> d) / total (fun (_, t, _, _) -> t))
            "relative_l1", total (fun (_, _, d, _) -> d) / total (fun (_, _, _, t) -> t)
        ]
