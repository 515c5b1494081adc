namespace MetaKan.Symbolic

open MetaKan

/// Rewrites fitted formulas to be readable: constants moved out of exponents and logarithms, signs out of odd functions,
/// numbers close to integers or multiples of π/2 replaced by these.
[<RequireQualifiedAccess>]
module Tidy =
    let private isOdd f =
        List.contains
            f
            [
                Function.Sin
                Function.Tan
                Function.Tanh
                Function.Sinh
                Function.Asin
                Function.Atan
                Function.Atanh
                Function.Sign
            ]

    let private isEven f = List.contains f [ Function.Cos; Function.Cosh; Function.Abs; Function.Gaussian ]

    let private negated e =
        match e with
        | Product(Number c :: rest) when c < 0.0 -> Some(Product(Number -c :: rest))
        | Number c when c < 0.0 -> Some(Number -c)
        | Sum terms when
            terms
            |> List.forall (function
                | Number c
                | Product(Number c :: _) -> c < 0.0
                | _ -> false)
            ->
            Some(Sum(terms |> List.map (fun t -> Product [ Number -1.0; t ])))
        | _ -> None

    // Whole quarters of a turn, taken out of a sine's or cosine's argument: what is left, and how many.
    let private quarters argument =
        match argument with
        | Sum terms ->
            terms
            |> List.tryPick (function
                | Number v -> KnownNumber.quarters v
                | _ -> None)
            |> Option.map (fun k -> Sum(terms |> List.filter (_.IsNumber >> not)), ((k % 4) + 4) % 4)
        | _ -> None

    let private turned f rest k =
        let quarter = if f = Function.Sin then k else (k + 1) % 4
        let f = if quarter % 2 = 0 then Function.Sin else Function.Cos
        if quarter < 2 then Call(f, rest) else Product [ Number -1.0; Call(f, rest) ]

    // The terms of an exponent that are better outside: e^d, and e^(n log u) = u^n.
    let private isPower term =
        match term with
        | Number _
        | Call(Function.Log, _)
        | Product [ Number _; Call(Function.Log, _) ] -> true
        | _ -> false

    let private asPower term =
        match term with
        | Call(Function.Log, u) -> u
        | Product [ Number n; Call(Function.Log, u) ] -> Power(u, Number n)
        | other -> Call(Function.Exp, other)

    // The exponents of a product's factors e^u, of which e^(-u²) is one.
    let private exponent e =
        match e with
        | Call(Function.Exp, u) -> Some u
        | Power(Call(Function.Exp, u), Number n) -> Some(Product [ Number n; u ])
        | _ -> None

    // One e^(u + v) for e^u e^v.
    let private merged factors =
        match List.choose exponent factors with
        | []
        | [ _ ] -> Product factors
        | exponents -> Product((factors |> List.filter (exponent >> _.IsNone)) @ [ Call(Function.Exp, Sum exponents) ])

    // One log(u v) for log(u) + log(v).
    let private logged terms =
        let arguments, others =
            terms
            |> List.partition (function
                | Call(Function.Log, _) -> true
                | _ -> false)

        match arguments with
        | _ :: _ :: _ ->
            let factors =
                arguments
                |> List.map (function
                    | Call(_, u) -> u
                    | other -> other)

            Sum(others @ [ Call(Function.Log, Product factors) ])
        | _ -> Sum terms

    let private unload f argument =
        match f, argument, negated argument with
        | Function.Gaussian, u, _ -> Call(Function.Exp, Product [ Number -1.0; Power(u, Number 2.0) ])
        | (Function.Sin | Function.Cos), _, _ when (quarters argument).IsSome ->
            let rest, k = (quarters argument).Value
            turned f rest k
        | Function.Exp, Sum terms, _ when terms |> List.exists isPower ->
            let powers, others = terms |> List.partition isPower
            Product(Call(Function.Exp, Sum others) :: List.map asPower powers)
        | Function.Log, Product(Number c :: rest), _ when c > 0.0 ->
            Sum [ Call(Function.Log, Product rest); Number(log c) ]
        | f, _, Some positive when isOdd f -> Product [ Number -1.0; Call(f, positive) ]
        | f, _, Some positive when isEven f -> Call(f, positive)
        | _ -> Call(f, argument)

    let rec private outward e =
        match e with
        | Number _
        | Variable _ -> e
        | Sum terms -> logged (List.map outward terms)
        | Product factors -> merged (List.map outward factors)
        | Power(a, (Number _ as n)) ->
            match outward a with
            | Call(Function.Exp, u) -> Call(Function.Exp, Product [ n; u ])
            | a -> Power(a, n)
        | Power(a, b) -> Power(outward a, outward b)
        | Call(f, a) -> unload f (outward a)

    // Factors with their exponents.
    let private parts e =
        match e with
        | Product factors -> factors
        | factor -> [ factor ]
        |> List.map (function
            | Power(a, Number n) -> a, n
            | factor -> factor, 1.0)

    // A sum's factor that all its terms have, in front of it: the power that is nearest to 0.
    let private commonOf terms =
        let all = terms |> List.map parts

        all.Head
        |> List.tryPick (fun (a, n) ->
            let powers =
                all
                |> List.map (List.tryPick (fun (b, m) -> if compare b a = 0 && m * n > 0.0 then Some m else None))

            if a.IsNumber || List.contains None powers then
                None
            else
                Some(a, powers |> List.map Option.get |> List.minBy abs))

    /// The formula with factors that all terms of a sum have in front of it: q*a + q*b becomes q*(a + b). Where all that has a
    /// power is positive (`positive`), they leave powers of the sum, too: sqrt(q^2*a + q^2*b) becomes q*sqrt(a + b). What it is
    /// simplified to may differ: then factors went back.
    let rec factored (positive: bool) (e: Expression) : Expression =
        match e with
        | Number _
        | Variable _ -> e
        | Sum terms ->
            let terms = List.map (factored positive) terms

            match terms with
            | _ :: _ :: _ ->
                match commonOf terms with
                | Some(a, n) ->
                    let without = [ for term in terms -> Product [ term; Power(a, Number -n) ] |> Simplify.expression ]
                    Product [ Power(a, Number n); factored positive (Sum without) ]
                | None -> Sum terms
            | _ -> Sum terms
        | Product factors -> Product(List.map (factored positive) factors)
        | Power(a, (Number n as power)) ->
            match factored positive a with
            | a when positive ->
                match [ for b, m in parts a -> Power(b, Number(m * n)) ] with
                | [ one ] -> one
                | several -> Product several
            | a -> Power(a, power)
        | Power(a, b) -> Power(factored positive a, factored positive b)
        | Call(Function.Sqrt, a) -> factored positive (Power(a, Number 0.5))
        | Call(f, a) -> Call(f, factored positive a)

    let private largest (points: (string -> float) list) e =
        points |> List.map (fun point -> abs (Expression.value point e)) |> List.max

    // Near is what makes no difference at the points: a term next to its sum, a factor next to itself.
    let rec private recognise (points: (string -> float) list) (tolerance: float) e =
        let inner = recognise points tolerance

        match e with
        | Number _
        | Variable _ -> e
        | Sum terms ->
            let size = largest points e

            terms
            |> List.filter (fun term -> not (largest points term <= 0.1 * tolerance * size))
            |> List.map (function
                | Number v -> Number(Simplify.nearby (tolerance * size) v |> Option.defaultValue v)
                | term -> inner term)
            |> Sum
        | Product factors ->
            factors
            |> List.map (function
                | Number v ->
                    Number(
                        Simplify.nearby (tolerance * abs v) v
                        |> Option.filter (fun c -> c <> 0.0)
                        |> Option.defaultValue v
                    )
                | factor -> inner factor)
            |> Product
        | Power(a, Number n) -> Power(inner a, Number(Simplify.nearby tolerance n |> Option.defaultValue n))
        | Power(a, b) -> Power(inner a, inner b)
        | Call(f, a) -> Call(f, inner a)

    let rec private settle points tolerance left e =
        let next =
            e
            |> Simplify.expression
            |> outward
            |> Simplify.expression
            |> recognise points tolerance
            |> Simplify.expression

        if left = 0 || compare next e = 0 then next else settle points tolerance (left - 1) next

    /// The tidied formula. Numbers are replaced by an integer, a small multiple of π/2, 0 or what else is spelled out where that
    /// changes the values at the given points by no more than the relative tolerance.
    let formula (points: (string -> float) list) (tolerance: float) (e: Expression) : Expression =
        e |> settle points (min 1e-7 tolerance) 10 |> settle points tolerance 10
