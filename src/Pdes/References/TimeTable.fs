// Fields that are known at evenly spaced times and places, read at any: by Hermite's cubics in time, which take values and
// slopes, and by Lagrange's polynomials through the nearest places.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// Values and time derivatives [T, X, fields] at T times from 0 to Span and X places.
type internal TimeTable = { Span: float; Values: Tensor; Slopes: Tensor }

[<RequireQualifiedAccess>]
module internal TimeTable =
    /// The weights [N, nodes] of the values at 0, 1, …, nodes - 1 in the polynomial through them, at s [N].
    let lagrange (nodes: int) (s: Tensor) : Tensor =
        let places = Reference.spaced 0.0 1.0 nodes
        let itself = torch.eye (nodes, dtype = torch.bool, device = torch.CPU)
        let others (differences: Tensor) = differences.masked_fill(itself, 1.0.ToScalar()).prod(-1L)
        others ((s.unsqueeze -1L - places).unsqueeze -2L) / others (places.unsqueeze -1L - places)

    /// Fields [N, fields] at times [N], as weighted sums over places [N, m]. Raises ArgumentException for times outside the
    /// table.
    let read (table: TimeTable) (time: Tensor) (places: Tensor) (weights: Tensor) : Tensor =
        let rounding = 1e-6 * table.Span

        if
            not (
                time
                    .ge((-rounding).ToScalar())
                    .logical_and(time.le ((table.Span + rounding).ToScalar()))
                    .all()
                    .item<bool>()
            )
        then
            invalidArg (nameof time) $"the reference is known at times from 0 to {table.Span}"

        let intervals = table.Values.size 0 - 1L
        let step = table.Span / float intervals
        let interval = torch.floor(time / step).clamp(0.0.ToScalar(), (float (intervals - 1L)).ToScalar())
        let s = (time / step - interval).unsqueeze -1L
        let row = interval.``to``(torch.int64).unsqueeze -1L

        let at (later: int64) (numbers: Tensor) =
            let rows = ((row + later) * numbers.size 1 + places).flatten()
            let found = numbers.flatten(0L, 1L).index_select(0L, rows)
            (found.reshape (places.size 0, places.size 1, numbers.size 2) * weights.unsqueeze -1L).sum 1L

        let r = 1.0 - s

        r * r * ((1.0 + 2.0 * s) * at 0L table.Values + step * s * at 0L table.Slopes)
        + s * s * ((3.0 - 2.0 * s) * at 1L table.Values - step * r * at 1L table.Slopes)
