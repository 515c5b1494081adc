// Learning-rate schedules: a factor of the base rate as a function of progress.
namespace MetaKan

/// How learning rates fall over a training stage.
type Schedule =
    | Constant
    /// Linearly to zero.
    | Linear
    /// Half a cosine to zero. Loshchilov & Hutter, SGDR (arXiv 1608.03983).
    | Cosine
    /// Geometrically to one hundredth.
    | Exponential

[<RequireQualifiedAccess>]
module Schedule =
    /// Schedules by the names that options and config.json have for them.
    let named: (string * Schedule) list =
        [ "linear", Linear; "cosine", Cosine; "exponential", Exponential; "constant", Constant ]

    /// The rise to a full rate over the first `steps` steps, which keeps Adam's first, badly scaled steps small.
    /// Goyal et al. (arXiv 1706.02677), section 2.2.
    let warmup (steps: int) (step: int) : float = if step < steps then float (step + 1) / float (steps + 1) else 1.0

    /// The factor at step `step` of `total`, counted from 0.
    let factor (schedule: Schedule) (step: int) (total: int) : float =
        let progress = float step / float (max 1 total)

        match schedule with
        | Constant -> 1.0
        | Linear -> 1.0 - progress
        | Cosine -> 0.5 * (1.0 + cos (System.Math.PI * progress))
        | Exponential -> 0.01 ** progress
