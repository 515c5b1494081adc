// B-splines of any order on any knots, with derivatives of every order.
// C. de Boor, "A Practical Guide to Splines" (1978), chapters IX–X.
//
// Between two knots a spline is a polynomial. The polynomials of all intervals are computed once, in double precision;
// a point looks up the row of its interval, with the k+1 nonzero functions among zeros, and is evaluated by Horner's
// rule. A derivative of order p is the same table with its coefficients differentiated p times.
namespace MetaKan

open TorchSharp

/// Knots of B-splines.
[<RequireQualifiedAccess>]
module Knots =
    /// G intervals on [low, high], extended by k steps on both sides: G+2k+1 knots (MetaKAN's and pykan's grid).
    let uniform (gridSize: int) (order: int) (low: float, high: float) : float[] =
        let h = (high - low) / float gridSize
        Array.init (gridSize + 2 * order + 1) (fun i -> low + h * float (i - order))

/// B-splines of any order on any knots. C. de Boor, "A Practical Guide to Splines" (1978), chapters IX–X.
[<RequireQualifiedAccess>]
module BSpline =
    // a(s)·(c0 + c1 s) for a polynomial with coefficients a, ascending.
    let private timesLinear (c0: float) (c1: float) (a: float[]) =
        Array.init (a.Length + 1) (fun p ->
            (if p < a.Length then c0 * a[p] else 0.0) + (if p > 0 then c1 * a[p - 1] else 0.0))

    /// The polynomials of basis functions on the knot interval l, by the Cox–de Boor recursion: coefficients ascending in
    /// s = x - t_l, zero of all functions but k+1. An empty interval (repeated knots) has none: all zero.
    let internal piece (order: int) (knots: float[]) (l: int) : int -> float[] =
        let intervals = knots.Length - 1
        let ratio numerator denominator = if denominator = 0.0 then 0.0 else numerator / denominator

        // Of degree k the functions l-k to l.
        let from (k: int) (polynomials: float[][]) (m: int) =
            if m < l - k || m > l then Array.zeroCreate (k + 1) else polynomials[m - l + k]

        ([| [| (if knots[l + 1] > knots[l] then 1.0 else 0.0) |] |], [ 1..order ])
        ||> List.fold (fun lower k ->
            Array.init (k + 1) (fun place ->
                let m = l - k + place

                if m < 0 || m >= intervals - k then
                    Array.zeroCreate (k + 1)
                else
                    let rise = knots[m + k] - knots[m]
                    let fall = knots[m + k + 1] - knots[m + 1]

                    Array.map2
                        (+)
                        (timesLinear (ratio (knots[l] - knots[m]) rise) (ratio 1.0 rise) (from (k - 1) lower m))
                        (timesLinear
                            (ratio (knots[m + k + 1] - knots[l]) fall)
                            (ratio -1.0 fall)
                            (from (k - 1) lower (m + 1)))))
        |> from order

    /// The polynomial of each basis function on each knot interval, [interval][function], as `piece` has them.
    let pieces (order: int) (knots: float[]) : float[][][] =
        Array.init (knots.Length - 1) (fun l -> Array.init (knots.Length - 1 - order) (piece order knots l))

    /// p!
    let private factorial p = Seq.fold (*) 1.0 (seq { for i in 1..p -> float i })

    /// The number of basis functions on knots, one sequence for all inputs or one for each.
    let internal count (order: int) (knots: float[][]) : int =
        let length = knots[0].Length

        if length < order + 2 || knots |> Array.exists (fun t -> t.Length <> length) then
            invalidArg (nameof knots) $"each input needs the same number of knots, at least {order + 2}"

        length - 1 - order

    /// The basis of the given order (3 is cubic) on one sequence of knots for every input, or on one sequence per
    /// input. Zero outside the outermost knots; intervals are closed on the left.
    let basis (place: Placement) (order: int) (knots: float[][]) : Basis =
        let inputs, length = knots.Length, knots[0].Length
        let count = count order knots

        // Row l+1 of an input is interval l; rows 0 and `length` stand for the outside and stay zero.
        let rows = int64 (length + 1)
        let pieces = knots |> Array.map (pieces order)

        let coefficients =
            [|
                for power in 0..order ->
                    [|
                        for input in 0 .. inputs - 1 do
                            yield Array.zeroCreate count

                            for l in 0 .. length - 2 do
                                yield pieces[input][l] |> Array.map (fun polynomial -> polynomial[power])

                            yield Array.zeroCreate count
                    |]
                    |> Array.concat
                    |> Tensor.ofArray place [ int64 inputs * rows; int64 count ]
            |]

        let sorted = knots |> Array.concat |> Tensor.ofArray place [ int64 inputs; int64 length ]

        let origins =
            knots
            |> Array.collect (fun t -> Array.append [| t[0] |] t)
            |> Tensor.ofArray place [ int64 inputs * rows ]

        let offsets = torch.arange (int64 inputs, dtype = torch.int64, device = place.Device) * rows

        let derivatives (orders: int list) (x: Tensor) =
            let piece =
                if inputs = 1 then
                    torch.bucketize (x.contiguous (), sorted.view -1L, right = true)
                else
                    torch.searchsorted(sorted, x.t().contiguous(), right = true).t() + offsets

            let index = piece.reshape -1L
            let size = [| index.numel (); int64 count |]
            // Expanded once: products of equal shapes run several times faster than broadcast ones.
            let s = (x.reshape -1L - origins.index_select (0L, index)).unsqueeze(-1L).expand(size).contiguous()

            let table = coefficients |> Array.map (fun c -> lazy c.index_select (0L, index))

            orders
            |> List.map (fun p ->
                if p > order then
                    torch.zeros (size, dtype = x.dtype, device = x.device)
                else
                    // Horner's rule for Σ c_n n!/(n-p)! s^(n-p), one operator a power: what p derivatives put before
                    // the power n is p! at first and grows by (n+1)/(n+1-p) with the next.
                    [ order - 1 .. -1 .. p ]
                    |> List.fold
                        (fun total power ->
                            let growth = float (power + 1) / float (power + 1 - p)
                            table[power].Value.addcmul(total, s, growth.ToScalar()))
                        table[order].Value
                    |> fun sum -> if p > 1 then sum * factorial p else sum
                |> _.view(x.size 0, x.size 1, int64 count))

        { Count = count; Derivatives = derivatives }
