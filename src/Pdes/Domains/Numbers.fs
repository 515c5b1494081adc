// Numbers on the unit cube that points are made of: random ones, and such as fill it more evenly.
// Latin hypercubes: McKay, Beckman, Conover, Technometrics 21 (1979). Halton, Numer. Math. 2 (1960), with the random shift of
// Cranley and Patterson, SIAM J. Numer. Anal. 13 (1976). Sobol with a random digital shift: Owen's survey (1998).
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

/// n rows of k numbers uniform on [0, 1), [n, k], the same for the same key: `numbers key place n k`. A column is of the
/// same sequence however many columns follow it.
type Numbers = Key -> Placement -> int -> int -> Tensor

/// Numbers on the unit cube [n, k], random or spread more evenly.
[<RequireQualifiedAccess>]
module Numbers =
    let private check n k =
        if n < 0 || k < 1 then
            invalidArg (nameof k) $"numbers come in 0 rows or more of a column or more, not in {n} rows of {k}"

    // Rounded down: rounding to the nearest would make 1 of what is below it.
    let private ofDoubles (place: Placement) (n: int) (k: int) (values: float[]) : Tensor =
        let down (value: float) =
            let near = float32 value
            float (if float near > value then MathF.BitDecrement near else near)

        (if place.DType = torch.float64 then values else Array.map down values)
        |> Tensor.ofArray place [ int64 n; int64 k ]

    /// Independent numbers.
    let random: Numbers =
        fun key place n k ->
            check n k
            Key.uniform key place [ int64 n; int64 k ]

    /// A Latin hypercube: each column has one number in each of the n intervals [i/n, (i+1)/n), in random order.
    let latinHypercube: Numbers =
        fun key place n k ->
            check n k

            let columns =
                Array.init k (fun j ->
                    let order = Key.permutation (Key.fold (2 * j) key) n
                    let inside = Key.uniforms (Key.fold (2 * j + 1) key) n
                    Array.map2 (fun i u -> min ((float i + u) / float n) (Double.BitDecrement 1.0)) order inside)

            Array.init (n * k) (fun i -> columns[i % k][i / k]) |> ofDoubles place n k

    let private primes =
        let isPrime p = Seq.forall (fun d -> p % d <> 0) (seq { 2 .. int (sqrt (float p)) })
        Seq.initInfinite ((+) 2) |> Seq.filter isPrime |> Seq.cache

    let private radicalInverse (b: int) (i: int) : float =
        let rec digits (rest: int) (weight: float) total =
            if rest = 0 then total else digits (rest / b) (weight / float b) (total + float (rest % b) * weight)

        digits i (1.0 / float b) 0.0

    /// Halton's sequence: the digits of the row's index in the column's prime base, mirrored at the point; each column is
    /// shifted round the unit interval by a random number. Best in few dimensions: later columns are alike for small n.
    let halton: Numbers =
        fun key place n k ->
            check n k
            let bases, shifts = primes |> Seq.take k |> Array.ofSeq, Key.uniforms key k

            Array.init (n * k) (fun i ->
                let shifted = radicalInverse bases[i % k] (i / k) + shifts[i % k]
                shifted - floor shifted)
            |> ofDoubles place n k

    /// Sobol's sequence with a random digital shift: each of the 2^m intervals [i/2^m, (i+1)/2^m) of a column has one of
    /// the first 2^m numbers, and in the first two columns so has every rectangle of that area whose sides are such
    /// intervals. Raises ArgumentException beyond the 53 columns that it has direction numbers for.
    let sobol: Numbers =
        fun key place n k ->
            check n k

            if k > Sobol.dimensions then
                invalidArg
                    (nameof k)
                    $"Sobol's sequence has {Sobol.dimensions} columns here, not {k}: take lhs or random"

            let scale = 2.0 ** float Sobol.bits
            let shifts = Key.uniforms key k |> Array.map (fun u -> uint64 (u * scale))
            Sobol.points shifts n |> Array.map (fun x -> float x / scale) |> ofDoubles place n k

    /// The most even ones that there are for k columns, to measure regions by.
    let internal even: Numbers =
        fun key place n k -> (if k > Sobol.dimensions then random else sobol) key place n k

/// Which numbers points are made of.
[<RequireQualifiedAccess>]
type Sampling =
    /// Independent ones: `Numbers.random`.
    | Random
    /// Each column evenly spread by itself: `Numbers.latinHypercube`.
    | LatinHypercube
    /// Halton's sequence, shifted at random: `Numbers.halton`.
    | Halton
    /// Sobol's sequence, shifted at random: `Numbers.sobol`.
    | Sobol

/// Ways of sampling by name, and their numbers.
[<RequireQualifiedAccess>]
module Sampling =
    /// The numbers themselves.
    let numbers (sampling: Sampling) : Numbers =
        match sampling with
        | Sampling.Random -> Numbers.random
        | Sampling.LatinHypercube -> Numbers.latinHypercube
        | Sampling.Halton -> Numbers.halton
        | Sampling.Sobol -> Numbers.sobol

    /// All of them, by the names that options take.
    let named: (string * Sampling) list =
        [
            "random", Sampling.Random
            "lhs", Sampling.LatinHypercube
            "halton", Sampling.Halton
            "sobol", Sampling.Sobol
        ]
