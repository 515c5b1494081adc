namespace MetaKan

open TorchSharp

/// Muon: the mean of a weight matrix' gradients made orthogonal, so that a step moves all of its directions alike.
/// Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with the iteration of its section on
/// Newton-Schulz.
[<RequireQualifiedAccess>]
module Muon =
    // X ← aX + (bA + cA²)X with A = XXᵀ takes singular values up to 1 to about 1 in so many rounds.
    let private a, private b, private c, private rounds = 3.4445, -4.7750, 2.0315, 5

    /// U Vᵀ of a matrix U S Vᵀ, roughly: its singular values come to between 0.6 and 1.3, but for those that are thousands of
    /// times smaller than the largest.
    let internal orthogonal (m: Tensor) : Tensor =
        // The smaller square is the one to be made.
        let x = if m.size 0 > m.size 1 then m.t () else m

        let round (x: Tensor) _ =
            let square = Tensor.product x (x.t ())
            a * x + Tensor.product (b * square + c * Tensor.product square square) x

        ((x / (x.norm () + 1e-30)), [ 1..rounds ])
        ||> List.fold round
        |> if m.size 0 > m.size 1 then _.t() else id

    // Weights of several modes are matrices [out, …]; what has one output or one input is a vector.
    let private isMatrix (t: Tensor) : bool = t.ndim >= 2L && t.size 0 > 1L && t.numel () > t.size 0

    /// Scales matrices by Nesterov's mean of their gradients, made orthogonal, times the root of rows over columns where there
    /// are more rows; and vectors by Adam. Memory "mean.…" of matrices, "first.…" and "second.…" of vectors. Raises
    /// ArgumentException for a momentum outside [0, 1).
    let transform (momentum: float) : Transform =
        if not (momentum >= 0.0 && momentum < 1.0) then
            invalidArg (nameof momentum) $"Muon takes 0 ≤ momentum < 1, not {momentum}"

        let adam = Transform.adam MomentStorage.Full Transform.moments
        let vectors (p: Params) = p |> Map.filter (fun _ t -> not (isMatrix t))

        let matrix (p: Tensor) (update: Update) (mean: Tensor) =
            let g = Transform.value p update
            let mean = momentum * mean + g
            let step = orthogonal ((g + momentum * mean).flatten 1L)
            let factor = sqrt (max 1.0 (float (step.size 0) / float (step.size 1)))
            Transform.plain (factor * step.view (Tensor.shape p)), mean

        {
            Init =
                fun p ->
                    let means = p |> Map.filter (fun _ t -> isMatrix t) |> Map.map (fun _ t -> torch.zeros_like t)
                    Params.union [ Params.prefixed "mean" means; adam.Init(vectors p) ]
            Apply =
                fun step p updates memory ->
                    let ofVectors, ofMatrices = updates |> Map.partition (fun name _ -> not (isMatrix p[name]))
                    let byAdam, adams = adam.Apply step p ofVectors memory
                    let found = ofMatrices |> Map.map (fun name update -> matrix p[name] update memory[$"mean.{name}"])

                    Map.ofSeq (Seq.append (Map.toSeq byAdam) (found |> Map.map (fun _ (u, _) -> u) |> Map.toSeq)),
                    Params.union [ Params.prefixed "mean" (found |> Map.map (fun _ (_, mean) -> mean)); adams ]
        }

    /// Muon with the usual momentum, 0.95, each parameter by the schedule of its name.
    let create (rate: string -> Schedule) : Optimizer = Optimizer.chain [ transform 0.95; Transform.scale rate ]
