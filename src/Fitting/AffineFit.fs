// The closest c·f(a x + b) + d to a curve: a and b by a search that narrows a grid, then all four by least squares.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// The parameters of c·f(a x + b) + d.
type AffineFit =
    {
        /// The factor of x, inside of f.
        A: float
        /// What is added to a x, inside of f.
        B: float
        /// The factor of f.
        C: float
        /// What is added to c·f.
        D: float
        /// The share of the curve's variance that it explains.
        R2: float
        /// How much larger c·f is than the curve is high: what then cancels against d. A cosine's crest that stands for a
        /// parabola has a large one.
        Cancellation: float
    }

/// The closest c·f(a x + b) + d to a curve.
[<RequireQualifiedAccess>]
module AffineFit =
    /// Points that the search looks at; the last regression uses them all.
    let private searched = 128

    // NaN and infinity become 0, the worst r², so that they are never the best.
    let private finite (t: Tensor) = torch.nan_to_num (t, 0.0, 0.0, 0.0)

    /// (r², slope) of the regression of y on f along the last axis.
    let private regress (f: Tensor) (y: Tensor) : Tensor * Tensor =
        let centred (t: Tensor) = t - t.mean ([| -1L |], keepdim = true)
        let f, y = centred f, centred y
        let product = (f * y).sum -1L
        let variance = (f * f).sum -1L
        let total = (y * y).sum -1L
        finite (product * product / (variance * total + 1e-30)), finite (product / variance)

    /// r² at pairs a, b [K, 1], and -1 where f has no finite value at one of the points: the fitted edge must be defined
    /// on its data.
    let private explained (f: SymbolicFunction) (x: Tensor) (y: Tensor) (a: Tensor) (b: Tensor) =
        let values = f.Value(a * x + b)
        let defined = torch.isfinite(values).all(-1L)
        torch.where (defined, fst (regress (finite values) y), torch.full_like (y.sum (), (-1.0).ToScalar()))

    /// Pairs a, b [K, 1] after Levenberg's and Marquardt's steps for a, b, c and d together, each pair's with a damping of
    /// its own; a step is taken where it explains more. A grid alone ends in the wrong place of a narrow curved valley,
    /// such as that of a Gaussian's crest.
    let private polish
        (f: SymbolicFunction)
        (aRange: float * float)
        (bRange: float * float)
        (x: Tensor)
        (y: Tensor)
        (a: Tensor, b: Tensor)
        =
        let y = (y - y.mean ()) / (y - y.mean ()).square().mean().sqrt()

        // Keeps equations apart that rounding would let fall together.
        let least = if x.dtype = torch.float64 then 1e-10 else 1e-5

        let step (a: Tensor, b: Tensor, damping: Tensor, r2: Tensor) =
            let values, slopes =
                use _ = torch.enable_grad ()
                let u = (a * x + b).detach().requires_grad_ true
                let values = f.Value u

                values.detach (),
                if values.requires_grad then
                    torch.autograd.grad([| values.sum () |], [| u |]).[0]
                else
                    torch.zeros_like u

            let _, slope = regress values y
            let c = slope.unsqueeze -1L
            let residual = y - c * (values - values.mean ([| -1L |], keepdim = true))

            let columns =
                torch.stack ([| c * slopes * x; c * slopes; values; torch.ones_like values |], 2L) |> finite

            let norms = columns.square().sum(1L, true).sqrt().clamp_min(1e-30.ToScalar())
            let columns = columns / norms
            let transposed = columns.transpose (1L, 2L)
            let identity = torch.eye (4L, dtype = x.dtype, device = x.device)
            let damped = Tensor.product transposed columns + (damping + least).unsqueeze -1L * identity
            let towards = Tensor.product transposed (finite(residual).unsqueeze -1L)
            let moved = torch.linalg.solve(damped, towards).squeeze -1L / norms.squeeze 1L

            let near (low: float, high: float) (t: Tensor) (k: int64) =
                (t + moved.narrow (1L, k, 1L)).clamp(low.ToScalar(), high.ToScalar())

            let a', b' = near aRange a 0L, near bRange b 1L
            let r2' = (explained f x y a' b').unsqueeze -1L
            let better = r2'.gt r2

            torch.where (better, a', a),
            torch.where (better, b', b),
            torch.where (better, damping * 0.2, damping * 5.0),
            torch.where (better, r2', r2)

        let start = a, b, torch.full_like (a, 1e-3.ToScalar()), (explained f x y a b).unsqueeze -1L

        // To the first three steps in a row by which the best pair gained nothing.
        let rec go left idle ((a, b, _, r2: Tensor) as state) =
            if left = 0 || idle = 3 then
                a, b
            else
                let (_, _, _, r2') as next = step state
                let gained = Tensor.item (r2'.max ()) - Tensor.item (r2.max ())
                go (left - 1) (if gained > 1e-10 then 0 else idle + 1) next

        go 40 0 start

    let private size (c: float) (values: Tensor) (y: Tensor) =
        let height = Tensor.item (y.max () - y.min ())
        if height > 0.0 then abs c * Tensor.item (values.abs().max()) / height else 0.0

    /// What given a, b, c and d make of points (x_n, y_n), tensors [N]: their R², which is below 0 where the mean of y is closer,
    /// and NaN where f has no value at one of the points, and their cancellation.
    let measured (f: SymbolicFunction) (a: float, b: float, c: float, d: float) (x: Tensor) (y: Tensor) : AffineFit =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        let values = f.Value(x * a + b)
        let left = (values * c + d - y).square().sum()
        let total = (y - y.mean ()).square().sum() + 1e-30

        {
            A = a
            B = b
            C = c
            D = d
            R2 = 1.0 - Tensor.item (left / total)
            Cancellation = size c values y
        }

    /// The fit to points (x_n, y_n), tensors [N], with a and b each within its range, from the lowest to the highest value: two
    /// of the same hold it there.
    let find (f: SymbolicFunction) (aRange: float * float) (bRange: float * float) (x: Tensor) (y: Tensor) : AffineFit =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        let place = Placement.ofTensor x
        let count = min searched (int (x.size 0))

        // Evenly through the points in order, the smallest and largest among them.
        let looked =
            let struct (_, order) = torch.sort x
            let places = Array.init count (fun i -> int64 i * (x.size 0 - 1L) / int64 (max 1 (count - 1)))
            order.index_select (0L, torch.tensor (places, device = x.device))

        let thin (t: Tensor) = t.index_select (0L, looked)

        let xs, ys = thin x, thin y

        // The best of a grid of a and b around a centre, a share of the ranges wide, first the best of all.
        let look (xs: Tensor) (ys: Tensor) (points: int) (best: int) (a: float, b: float) (share: float) =
            let axis (low: float, high: float) centre =
                let width = share * 0.5 * (high - low)

                Array.init points (fun i ->
                    System.Math.Clamp(
                        System.Math.Round(centre - width + 2.0 * width * float i / float (points - 1), 9),
                        low,
                        high
                    ))

            let on values = Tensor.ofArray place [ int64 points ] values
            let pairs = torch.cartesian_prod [| on (axis aRange a); on (axis bRange b) |]
            let a, b = pairs.narrow (1L, 0L, 1L), pairs.narrow (1L, 1L, 1L)
            let struct (_, order) = (explained f xs ys a b).topk best
            a.index_select (0L, order), b.index_select (0L, order)

        let first (a: Tensor, b: Tensor) = Tensor.item (a.narrow (0L, 0L, 1L)), Tensor.item (b.narrow (0L, 0L, 1L))

        let middle (low: float, high: float) = 0.5 * (low + high)

        // Every other point is enough to begin with.
        let coarse =
            let half = torch.arange (0L, int64 count, 2L, device = x.device)
            look (xs.index_select (0L, half)) (ys.index_select (0L, half)) 101 16 (middle aRange, middle bRange) 1.0

        // Kinks and jumps have no slope that leads to them: there the grid narrows.
        let narrowed =
            ((first coarse, 0.04), [ 1..4 ])
            ||> List.fold (fun (centre, share) _ -> first (look xs ys 21 1 centre share), share * 0.2)
            |> fst

        let a, b =
            let starts (pick: Tensor * Tensor -> Tensor) (narrowed: float) =
                torch.cat ([| pick coarse; Tensor.ofArray place [ 1L; 1L ] [| narrowed |] |], 0L)

            let a, b = polish f aRange bRange xs ys (starts fst (fst narrowed), starts snd (snd narrowed))
            let best = (explained f xs ys a b).argmax(0L, true)
            first (a.index_select (0L, best), b.index_select (0L, best))

        let values = finite (f.Value(x * a + b))
        let r2, slope = regress values y
        let c = Tensor.item slope

        {
            A = a
            B = b
            C = c
            D = Tensor.item (y.mean () - values.mean () * c)
            R2 = Tensor.item r2
            Cancellation = size c values y
        }
