// What a function's values say of its form: which inputs act together, whether their effects add or multiply, and which may be
// exchanged. Differences of two inputs' changes are those of Friedman and Popescu, "Predictive learning via rule ensembles",
// Ann. Appl. Stat. 2 (2008), at pairs of points in the place of means.
namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// What a function's values say of its form.
[<RequireQualifiedAccess>]
module Structure =
    // A number for each two of n inputs, the same both ways; those of one with itself are 0.
    let private pairs (n: int) (number: int -> int -> float) : float[,] =
        let half = Array2D.init n n (fun i j -> if i < j then number i j else 0.0)
        Array2D.init n n (fun i j -> half[min i j, max i j])

    // Points with some of their columns from other ones.
    let private mixed (x: Tensor) (other: Tensor) (columns: int list) =
        torch.stack (
            [|
                for i in 0 .. int (x.size 1) - 1 -> (if List.contains i columns then other else x).select(1L, int64 i)
            |],
            1L
        )

    let private rms (t: Tensor) = Tensor.item (t.square().mean().sqrt())

    let private interacting (f: Tensor -> Tensor) (x: Tensor) : float[,] =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        // Each point with the one that is half of all points away.
        let other = x.roll (x.size 0 / 2L, 0L)
        let values columns = f (mixed x other columns)
        let spread = rms (values [] - (values []).mean())

        pairs (int (x.size 1)) (fun i j ->
            let difference = values [] - values [ i ] - values [ j ] + values [ i; j ]
            if spread = 0.0 then 0.0 else rms difference / (2.0 * spread))

    /// How much of a function's spread at points x [N, n] two inputs cause together, [n, n]: the root mean square of
    /// f(a, b) - f(a', b) - f(a, b') + f(a', b') over twice the spread; 0 where f is a function without the one plus a function
    /// without the other. f gives [N, 1].
    let interactions (f: Tensor -> Tensor) (x: Tensor) : float[,] = interacting f x

    /// The same of log |f|: 0 where f is a function without the one times a function without the other. Values that are 0 make it
    /// NaN.
    let factors (f: Tensor -> Tensor) (x: Tensor) : float[,] = interacting (fun x -> (f x).abs().log()) x

    /// How far a function at points x [N, n] is from being the same with two inputs exchanged, [n, n]: the root mean square of the
    /// difference over the spread. The two must range over the same.
    let asymmetries (f: Tensor -> Tensor) (x: Tensor) : float[,] =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        let values = f x
        let spread = rms (values - values.mean ())

        pairs (int (x.size 1)) (fun i j ->
            let order =
                [|
                    for k in 0 .. int (x.size 1) - 1 ->
                        int64 (
                            if k = i then j
                            elif k = j then i
                            else k
                        )
                |]

            let exchanged = f (x.index_select (1L, torch.tensor (order, device = x.device)))
            if spread = 0.0 then 0.0 else rms (values - exchanged) / spread)
