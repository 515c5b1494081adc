// The loss of a physics-informed network: the mean square of the residual at random points, plus the penalties'.
// Raissi, Perdikaris, Karniadakis (2019), equation 2.
namespace MetaKan

open TorchSharp

/// How a problem is sampled and differentiated.
type Collocation =
    {
        /// Interior points a step.
        Points: int
        /// How second derivatives are summed.
        Laplacian: LaplacianMethod
        /// What the tensors of one backward pass may take, in MiB; larger batches are worked off in chunks.
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

    /// The parts whose sum is the loss, each a function of the parameters: chunks of the residual, then of each penalty.
    let private parts (settings: Collocation) (problem: Problem) (model: Model) (key: Key) (place: Placement) =
        let part index operator (sample: Sampler) points weight (mismatch: Derivatives -> Tensor) =
            let key = Key.fold index key
            let directions = Operator.directions settings.Laplacian (Key.fold 0 key) place operator
            let x = sample (Key.fold 1 key) place points

            [
                for rows in x.split (chunk settings model place directions points) ->
                    fun network p ->
                        Problem.derivatives problem network directions p rows
                        |> mismatch
                        |> meanSquare (int64 points)
                        |> fun loss -> loss * (weight: float)
            ]

        [
            yield! part 0 problem.Operator problem.Domain.Sample settings.Points 1.0 problem.Residual

            for index, penalty in List.indexed problem.Penalties do
                yield! part (index + 1) penalty.Operator penalty.Sample penalty.Points penalty.Weight penalty.Mismatch
        ]

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
                let truth = exact rows
                let difference = truth - u rows
                let sum (t: Tensor) = Tensor.item (t.``to``(torch.float64).sum())

                sum (difference * difference), sum (truth * truth), sum (difference.abs ()), sum (truth.abs ()))

        let total part = sums |> List.sumBy part

        [
            "relative_l2", sqrt (total (fun (d, _, _, _) -> d) / total (fun (_, t, _, _) -> t))
            "relative_l1", total (fun (_, _, d, _) -> d) / total (fun (_, _, _, t) -> t)
        ]
