// Equations on a window of time that grows from the start: what is near the data first.
// Wight, Zhao, "Solving Allen-Cahn and Cahn-Hilliard Equations using the Adaptive Physics Informed Neural Networks"
// (arXiv 2007.04542), section 3.2.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Curriculum =
    /// The share of the time that the window has in a step, from 0, of so many: it grows evenly and is the whole once a
    /// fraction of the steps is done.
    let share (fraction: float) (steps: int) (step: int) : float =
        min 1.0 (float (step + 1) / max 1.0 (fraction * float steps))

    /// Points [N, d] with their times, the last coordinate, drawn together towards the start: a share of the way.
    let confine (start: float) (share: float) (x: Tensor) : Tensor =
        if share = 1.0 then
            x
        else
            let last = x.size 1 - 1L
            torch.cat ([| x.narrow (1L, 0L, last); start + (x.narrow (1L, last, 1L) - start) * share |], 1L)
