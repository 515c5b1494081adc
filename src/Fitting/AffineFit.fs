// The closest c·f(a x + b) + d to a curve: a and b by a search that narrows a grid, c and d by linear regression.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// The parameters of c·f(a x + b) + d.
type AffineFit =
    {
        A: float
        B: float
        C: float
        D: float
        /// The share of the curve's variance that it explains.
        R2: float
        /// How much larger c·f is than the curve is high: what then cancels against d. A cosine's crest that stands for a
        /// parabola has a large one.
        Cancellation: float
    }

[<RequireQualifiedAccess>]
module AffineFit =
    /// Points that the search looks at; regression uses them all.
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

    /// The fit to points (x_n, y_n), tensors [N], with a and b within ±`range`.
    let find (f: SymbolicFunction) (range: float) (x: Tensor) (y: Tensor) : AffineFit =
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

        // One look at a grid of a and b around a centre; the best is the next centre.
        let look (points: int) (a, b) (width: float) =
            use _ = torch.NewDisposeScope()

            let axis centre =
                Array.init points (fun i ->
                    System.Math.Clamp(
                        System.Math.Round(centre - width + 2.0 * width * float i / float (points - 1), 9),
                        -range,
                        range
                    ))

            let on shape values = Tensor.ofArray place shape values
            let n = int64 points

            let values = f.Value(on [ n; 1L; 1L ] (axis a) * xs + on [ 1L; n; 1L ] (axis b))

            // An infinite or missing value anywhere rules a pair out: the fitted edge must be defined on its data.
            let defined = torch.isfinite(values).all(-1L).``to`` place.DType
            let r2, _ = regress (finite values) ys
            let best = int (((r2 + 1.0) * defined).argmax().item<int64>())
            (axis a)[best / points], (axis b)[best % points]

        let a, b =
            (((0.0, 0.0), range), [ 101; 21; 21; 21; 21 ])
            ||> List.fold (fun (centre, width) points ->
                look points centre width, width * (if points = 101 then 0.04 else 0.2))
            |> fst

        let values = finite (f.Value(x * a + b))
        let r2, slope = regress values y
        let c = Tensor.item slope
        let largest = abs c * Tensor.item (values.abs().max())
        let height = Tensor.item (y.max () - y.min ())

        {
            A = a
            B = b
            C = c
            D = Tensor.item (y.mean () - values.mean () * c)
            R2 = Tensor.item r2
            Cancellation = if height > 0.0 then largest / height else 0.0
        }
