namespace MetaKan.Symbolic

open System

/// Numbers that formulas spell out: small multiples of π/2; thirds, sixths, sevenths, ninths, elevenths and twelfths; small
/// fractions over π and with e; and square roots of small whole numbers, and of these times π, and one over them.
[<RequireQualifiedAccess>]
module internal KnownNumber =
    let private whole (n: int) = Number(float n)
    let private over e = Power(e, Number -1.0)
    let private timesPi n = if n = 1 then Variable "pi" else Product [ whole n; Variable "pi" ]
    let private halfPis = [ for k in 1..16 -> k, float k * (Math.PI / 2.0) ]

    let private signedHalfPis =
        [
            for _, value in halfPis do
                value
                -value
        ]

    let rec private divisor a b = if b = 0 then a else divisor b (a % b)
    let private isReduced p q = divisor p q = 1

    // Values are folded as `Simplify` folds what is spelled, so that the text is read back as the same number.
    let private table: (float * Expression list) array =
        [|
            for k, value in halfPis do
                if k % 2 = 0 then
                    value, [ whole (k / 2); Variable "pi" ]
                else
                    value, [ whole k; Variable "pi"; over (whole 2) ]

            for q in [ 3; 6; 7; 9; 11; 12 ] do
                for p in 1..12 do
                    if isReduced p q then
                        float p * (1.0 / float q), [ whole p; over (whole q) ]

            for q in [ 3; 4; 6 ] do
                for p in 1..5 do
                    if isReduced p q then
                        float p * Math.PI * (1.0 / float q), [ whole p; Variable "pi"; over (whole q) ]

            for q in 1..8 do
                for p in 1..4 do
                    if isReduced p q then
                        float p * (1.0 / (float q * Math.PI)),
                        [ whole p; yield! (if q = 1 then [] else [ over (whole q) ]); over (Variable "pi") ]

            for p in 1..3 do
                float p * Math.E, [ whole p; Variable "e" ]
                float p * (1.0 / Math.E), [ whole p; over (Variable "e") ]

            for n in [ 2; 3; 5; 6; 7; 10 ] do
                sqrt (float n), [ Power(whole n, Number 0.5) ]
                1.0 / sqrt (float n), [ Power(whole n, Number -0.5) ]

            for n in 1..4 do
                sqrt (float n * Math.PI), [ Power(timesPi n, Number 0.5) ]
                1.0 / sqrt (float n * Math.PI), [ Power(timesPi n, Number -0.5) ]
        |]
        |> Array.sortBy fst

    let private values = Array.map fst table

    let private nearestAbove0 (v: float) : int =
        let found = Array.BinarySearch(values, v)

        if found >= 0 then
            found
        else
            let next = min ~~~found (values.Length - 1)
            if next > 0 && v - values[next - 1] < values[next] - v then next - 1 else next

    /// The one that is nearest to a number, of its sign.
    let nearest (v: float) : float =
        if Double.IsNaN v then
            values[0]
        else
            float (if v < 0.0 then -1 else 1) * values[nearestAbove0 (abs v)]

    /// The factors of the number as it is spelled out, without 1, its sign with the first; by names `pi` and `e`, which no
    /// variable has. None of other numbers.
    let spelled (v: float) : Expression list option =
        if not (Double.IsFinite v) || nearest v <> v then
            None
        else
            let factors = snd table[nearestAbove0 (abs v)]

            match factors |> List.filter ((<>) (Number 1.0)) with
            | factors when v > 0.0 -> factors
            | Number n :: rest -> Number -n :: rest
            | factors -> Number -1.0 :: factors
            |> Some

    /// k where the number is exactly k·π/2, k from -16 to 16 but not 0.
    let quarters (v: float) : int option =
        halfPis
        |> List.tryPick (fun (k, value) -> if abs v = value then Some(if v < 0.0 then -k else k) else None)

    /// The multiple of π/2, k from -16 to 16 but not 0, that is nearest to a number.
    let nearestQuarters (v: float) : float = signedHalfPis |> List.minBy (fun value -> abs (value - v))
