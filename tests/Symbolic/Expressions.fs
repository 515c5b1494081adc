/// Random formulas, and how far rounding may move their values.
module MetaKan.Tests.Expressions

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic

let private numbers =
    Gen.oneof
        [
            Gen.elements [ 0.0; 1.0; -1.0; 2.0; -2.0; 3.0; 0.5; -0.5; 10.0 ]
            Gen.choose (-16, 16) |> Gen.map (fun k -> float k * (Math.PI / 2.0))
            Gen.choose (-500, 500) |> Gen.map (fun n -> float n / 100.0)
            Gen.elements [ 1e-5; -2.5e-7; 1e20; 3.0e7; 0.1 + 0.2 ]
        ]

/// Formulas in x, y and z, up to the given depth.
let rec private ofDepth depth =
    let leaf = Gen.oneof [ Gen.map Number numbers; Gen.map Variable (Gen.elements [ "x"; "y"; "z" ]) ]

    if depth = 0 then
        leaf
    else
        let part = ofDepth (depth - 1)
        let parts = Gen.choose (0, 3) |> Gen.bind (fun n -> Gen.listOfLength n part)
        let exponent = Gen.elements [ -2.0; -1.0; -0.5; 0.0; 0.5; 1.0; 2.0; 3.0 ] |> Gen.map Number

        Gen.frequency
            [
                2, leaf
                3, Gen.map Sum parts
                3, Gen.map Product parts
                2, Gen.map2 (fun a b -> Power(a, b)) part exponent
                1, Gen.map2 (fun a b -> Power(a, b)) part part
                2, Gen.map2 (fun f a -> Call(f, a)) (Gen.elements Function.all) part
            ]

let formulas: Gen<Expression> = Gen.choose (0, 5) |> Gen.bind ofDepth

/// Values of x, y and z.
let points: Gen<Map<string, float>> =
    Gen.listOfLength 3 (Gen.choose (-2000, 2000))
    |> Gen.map (fun ns -> Map(List.zip [ "x"; "y"; "z" ] (ns |> List.map (fun n -> float n / 1000.0))))

/// The formula with every intermediate result off by a random 1e-13 of itself: what rounding, a thousand times over,
/// may make of its value.
let rec private shaken (random: Random) (e: Expression) =
    let inside =
        match e with
        | Number _
        | Variable _ -> e
        | Sum terms -> Sum(List.map (shaken random) terms)
        | Product factors -> Product(List.map (shaken random) factors)
        // A whole exponent is as exact as the rules on it.
        | Power(a, Number n) -> Power(shaken random a, Number n)
        | Power(a, b) -> Power(shaken random a, shaken random b)
        | Call(f, a) -> Call(f, shaken random a)

    Product [ Number(1.0 + 1e-13 * (random.NextDouble() - 0.5)); inside ]

/// Whether the formula and all its parts have values far from where numbers overflow and underflow.
let rec private tame variable e =
    let value = Expression.value variable
    let size = abs (value e)

    (size = 0.0 || (size > 1e-50 && size < 1e50))
    && match e with
       | Number _
       | Variable _ -> true
       | Sum parts
       | Product parts -> List.forall (tame variable) parts
       | Power(a, b) -> tame variable a && tame variable b && (size > 0.0 || value a = 0.0)
       | Call(_, a) -> tame variable a

/// Where the first formula is tame at the point, the second has the same value, to 1e-9 of it or what rounding
/// accounts for. Returns whether it compared.
let sameValue (point: Map<string, float>) (expected: Expression) (actual: Expression) : bool =
    let value = Expression.value (fun name -> point[name])
    let wanted, found = value expected, value actual
    let random = Random 1

    let spread = Seq.init 5 (fun _ -> abs (value (shaken random expected) - wanted)) |> Seq.max

    let clear = tame (fun name -> point[name]) expected && spread <= 1e-6 * max 1e-300 (abs wanted)

    if clear && not (abs (found - wanted) <= 1e-9 * abs wanted + 100.0 * spread) then
        failtest $"{found}, not {wanted}, at {point}: {Printer.text actual} for {Printer.text expected}"

    clear
