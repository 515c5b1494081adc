namespace MetaKan

open System

/// Exact periodicity: a coordinate enters the network as the cosines and sines of its first harmonics alone, so that the
/// network and all its derivatives are periodic whatever its weights are.
/// Dong, Ni, J. Comput. Phys. 435 (2021), arXiv 2007.07442.
[<RequireQualifiedAccess>]
module PeriodicEmbedding =
    /// How many inputs a network gets of coordinates with these periods: a pair for each harmonic of a periodic coordinate,
    /// and each other coordinate itself. Raises ArgumentException for no period, for one that is not above 0, and for
    /// fewer harmonics than one.
    let width (periods: float option list) (harmonics: int) : int =
        if harmonics < 1 then
            invalidArg (nameof harmonics) $"a periodic coordinate takes a harmonic or more, not {harmonics}"

        if periods |> List.forall Option.isNone then
            invalidArg (nameof periods) "a periodic embedding takes a coordinate with a period or more"

        for period in List.choose id periods do
            if not (period > 0.0 && Double.IsFinite period) then
                invalidArg (nameof periods) $"a period is a number above 0, not {period}"

        periods |> List.sumBy (fun period -> if period.IsSome then 2 * harmonics else 1)

    /// The model of coordinates of which those with a period P are replaced by cos(2πmx/P) and sin(2πmx/P) for
    /// m = 1 … harmonics; the inner model takes `width` inputs: all cosines, coordinate by coordinate, all sines, and the
    /// other coordinates. Of a problem, coordinates come scaled to [-1, 1] by the domain's bounds: the period of a whole
    /// side of the domain is 2. Raises ArgumentException as `width` does.
    let create (periods: float option list) (harmonics: int) (model: Model) : Model =
        width periods harmonics |> ignore

        let periodic =
            [
                for i, period in List.indexed periods do
                    match period with
                    | Some period -> i, period
                    | None -> ()
            ]

        let columns =
            [|
                for i, period in periodic do
                    for m in 1..harmonics -> i, 2.0 * Math.PI * float m / period
            |]

        let frequencies =
            [|
                for i in 0 .. periods.Length - 1 do
                    for j, frequency in columns -> if i = j then frequency else 0.0
            |]

        let passing = [ 0 .. periods.Length - 1 ] |> List.filter (fun i -> periods[i].IsNone)
        let listed = [ for i, period in periodic -> $"period {period} in input {i}" ] |> String.concat ", "
        let harmonics = if harmonics = 1 then "1 harmonic" else $"{harmonics} harmonics"
        Waves.before periods.Length frequencies passing $"{harmonics} of {listed}" model
