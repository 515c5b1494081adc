namespace MetaKan.Symbolic

open System
open System.Globalization
open MetaKan

/// Shorter formulas with the same values: constants folded, like terms and like factors collected. No rule here needs to
/// know the sign or the domain of a variable: where all parts of the given formula are finite, the result has its value.
[<RequireQualifiedAccess>]
module Simplify =
    let rec private size e =
        match e with
        | Number _
        | Variable _ -> 1
        | Sum parts
        | Product parts -> 1 + List.sumBy size parts
        | Power(a, b) -> 1 + size a + size b
        | Call(_, a) -> 1 + size a

    let private terms e =
        match e with
        | Sum terms -> terms
        | other -> [ other ]

    /// A canonical form, equal for formulas that differ only in the order of terms and factors.
    let rec private key e =
        match e with
        | Number _
        | Variable _ -> e
        | Sum terms -> Sum(List.sort (List.map key terms))
        | Product factors -> Product(List.sort (List.map key factors))
        | Power(a, b) -> Power(key a, key b)
        | Call(f, a) -> Call(f, key a)

    /// Whether a number that replaces others may stand for them: folding them neither overflowed nor underflowed.
    let private sound (from: float list) (result: float) =
        Double.IsFinite result && (result <> 0.0 || List.contains 0.0 from)

    // The three functions below take simplified parts, and may need another pass.

    let rec private power a b =
        match a, b with
        | _, Number 0.0 -> Number 1.0
        | _, Number 1.0 -> a
        | Number 1.0, _ -> a
        | Number v, Number n when sound [ v ] (v ** n) -> Number(v ** n)
        // For other exponents this could change a sign, as in (x^2)^0.5, or a domain.
        | Power(c, Number m), Number n when Double.IsInteger n -> power c (Number(m * n))
        | Product factors, Number n when Double.IsInteger n -> product (factors |> List.map (fun f -> power f b))
        | Product(Number c :: rest), Number n when c > 0.0 && c <> 1.0 && sound [ c ] (c ** n) ->
            Product [ Number(c ** n); Power(product rest, b) ]
        | _ -> Power(a, b)

    and private product factors =
        let factors =
            factors
            |> List.collect (function
                | Product inner -> inner
                | factor -> [ factor ])

        let numbers =
            factors
            |> List.choose (function
                | Number v -> Some v
                | _ -> None)

        let others =
            factors
            |> List.choose (function
                | Number _ -> None
                | Power(a, Number n) -> Some(a, n)
                | factor -> Some(factor, 1.0))
            |> List.groupBy (fst >> key)
            |> List.map (fun (_, same) -> power (fst same.Head) (Number(List.sumBy snd same)))

        match List.fold (*) 1.0 numbers with
        | 0.0 when List.contains 0.0 numbers -> Number 0.0
        | 1.0 -> several Product 1.0 others
        | c when sound numbers c -> distribute c others
        | _ -> Product(List.map Number numbers @ others)

    /// The product of a number and simple factors, with the number inside a sum where that is shorter.
    and private distribute c factors =
        let plain = several Product 1.0 (Number c :: factors)

        let within =
            match factors |> List.tryFindIndex _.IsSum with
            | Some i ->
                factors
                |> List.mapi (fun j factor -> if i = j then Sum(spread c factor) else factor)
                |> several Product 1.0
            | None -> plain

        if size within < size plain then within else plain

    /// The terms of a number times a sum.
    and private spread c e = terms e |> List.map (fun term -> product [ Number c; term ])

    /// A sum or a product, or what it comes to with one part or none.
    and private several (make: Expression list -> Expression) (empty: float) (parts: Expression list) =
        match parts with
        | [] -> Number empty
        | [ part ] -> part
        | parts -> make parts

    let private collect parts =
        let groups =
            parts
            |> List.collect terms
            |> List.groupBy (function
                | Number _ -> []
                | Product(Number _ :: rest) -> List.sort (List.map key rest)
                | term -> [ key term ])

        let collected =
            groups
            |> List.collect (fun (_, same) ->
                let parts =
                    same
                    |> List.map (function
                        | Number v -> v, []
                        | Product(Number c :: rest) -> c, rest
                        | term -> 1.0, [ term ])

                match List.sumBy fst parts with
                | 0.0 -> []
                | total when Double.IsFinite total -> [ product (Number total :: snd parts.Head) ]
                | _ -> same)

        // A constant stands last, or first where it was first and that spares a leading minus.
        match collected with
        | Number v :: _ when v > 0.0 -> collected
        | _ ->
            let constants, others = collected |> List.partition _.IsNumber
            others @ constants
        |> several Sum 0.0

    let private sum parts =
        let expanded =
            parts
            |> List.collect (function
                | Product [ Number c; Sum _ as inner ] -> spread c inner
                | term -> [ term ])
            |> collect

        let plain = collect parts
        if size expanded < size plain then expanded else plain

    let rec private pass e =
        match e with
        | Number _
        | Variable _ -> e
        | Sum terms -> sum (List.map pass terms)
        | Product factors -> product (List.map pass factors)
        | Power(a, b) -> power (pass a) (pass b)
        | Call(Function.Sqrt, a) -> power (pass a) (Number 0.5)
        | Call(f, a) ->
            match pass a with
            | Number v when Double.IsFinite(Function.value f v) -> Number(Function.value f v)
            | a -> Call(f, a)

    /// A shorter formula with the same value, up to rounding, wherever all parts of the given one are finite and
    /// nothing over- or underflows; simplifying it again changes nothing. Collects like terms and factors, folds constants, and writes square roots as powers of 1/2.
    let rec expression (e: Expression) : Expression =
        // Each rule shortens, or moves towards a form that none leads back from.
        let simpler = pass e
        // Unlike =, this takes NaN for equal to itself.
        if compare simpler e = 0 then e else expression simpler

    let private mapNumbers (change: float -> float) : Expression -> Expression =
        Expression.mapLeaves (function
            | Number v -> Number(change v)
            | other -> other)

    /// Rounds every number to so many significant digits (1 to 17), but leaves those that are spelled out, as multiples of π/2,
    /// and whole numbers below a million.
    let rounded (digits: int) : Expression -> Expression =
        mapNumbers (fun v ->
            if (KnownNumber.spelled v).IsSome || Double.IsInteger v && abs v < 1e6 then
                v
            else
                Double.Parse(v.ToString($"G{digits}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture))

    /// What a number may stand for that is at most so far away, the nearest: an integer, a small multiple of π/2, or, as there are
    /// many of them, only within a ten-millionth of it one of the others that are spelled out.
    let internal nearby (distance: float) (v: float) : float option =
        let within distance candidate = if abs (candidate - v) <= distance then Some candidate else None

        [
            within distance (Math.Round v + 0.0)
            within distance (KnownNumber.nearestQuarters v)
            within (min distance (1e-7 * abs v)) (KnownNumber.nearest v)
        ]
        |> List.choose id
        |> function
            | [] -> None
            | found -> Some(List.minBy (fun candidate -> abs (candidate - v)) found)

    /// Puts the integer or the small multiple of π/2 in the place of every number that is at most `tolerance` from it, and a small
    /// fraction, also with π or e, or a root that is nearer still; the nearest one where several are. Numbers next to 0 become 0,
    /// which removes terms, so simplify afterwards.
    let recognised (tolerance: float) : Expression -> Expression =
        mapNumbers (fun v -> nearby tolerance v |> Option.defaultValue v)
