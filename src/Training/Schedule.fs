// Learning rates over a training stage: functions of the step, which compose by product.
namespace MetaKan

/// A learning rate, or a factor of one, at a step counted from 0.
type Schedule = int -> float

/// How learning rates fall over a training stage.
[<RequireQualifiedAccess>]
type Annealing =
    /// Not at all.
    | Constant
    /// Linearly to zero.
    | Linear
    /// Half a cosine to zero. Loshchilov & Hutter, SGDR (arXiv 1608.03983).
    | Cosine
    /// Geometrically to one hundredth.
    | Exponential

/// Schedules, which compose by product.
[<RequireQualifiedAccess>]
module Schedule =
    /// Annealings by the names that options and config.json have for them.
    let named: (string * Annealing) list =
        [
            "linear", Annealing.Linear
            "cosine", Annealing.Cosine
            "exponential", Annealing.Exponential
            "constant", Annealing.Constant
        ]

    /// The same at every step.
    let constant (value: float) : Schedule = fun _ -> value

    /// The rise to a full rate over the first `steps` steps, which keeps Adam's first, badly scaled steps small.
    /// Goyal et al. (arXiv 1706.02677), section 2.2.
    let warmup (steps: int) : Schedule = fun step -> if step < steps then float (step + 1) / float (steps + 1) else 1.0

    /// The fall from 1 over `total` steps.
    let annealed (annealing: Annealing) (total: int) : Schedule =
        fun step ->
            let progress = float step / float (max 1 total)

            match annealing with
            | Annealing.Constant -> 1.0
            | Annealing.Linear -> 1.0 - progress
            | Annealing.Cosine -> 0.5 * (1.0 + cos (System.Math.PI * progress))
            | Annealing.Exponential -> 0.01 ** progress

    /// The product of several, from the first to the last.
    let product (schedules: Schedule list) : Schedule =
        fun step -> schedules |> List.fold (fun product schedule -> product * schedule step) 1.0
