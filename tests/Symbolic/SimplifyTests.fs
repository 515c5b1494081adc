/// Shorter formulas with the same values.
module MetaKan.Tests.SimplifyTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Tests.Expressions
open MetaKan.Tests.Numeric

let private simplified = Parser.expression >> Simplify.expression >> Printer.text

let tests =
    testList
        "Symbolic.Simplify"
        [
            testCase "formulas come out as one would write them" (fun () ->
                for text, expected in
                    [
                        "1 + 2*3", "7"
                        "2^10 - 24", "1000"
                        "x + x", "2*x"
                        "x - x", "0"
                        "3*x*y + 2*y*x", "5*x*y"
                        "2*x + 3 + x - 1", "3*x + 2"
                        "-3 + 2*x", "2*x - 3"
                        "1 + x", "1 + x"
                        "x + 1 + y + 2", "x + y + 3"
                        "x*x*x", "x^3"
                        "x^2*x^-1", "x"
                        "x/x", "1"
                        "x*y/x^3", "y/x^2"
                        "0*sin(x) + y", "y"
                        "1*x^1", "x"
                        "(x + y)^0", "1"
                        "1^x", "1"
                        "(x^2)^3", "x^6"
                        "(x^2)^0.5", "sqrt(x^2)"
                        "sqrt(x)^2", "x"
                        "sqrt(4*x)", "2*sqrt(x)"
                        "(2*x)^2", "4*x^2"
                        "(x*y)^-1*y", "1/x"
                        "2*(0.5*x + 1)", "x + 2"
                        "2*(x + 1)", "2*(x + 1)"
                        "2*(x + 1) - 2", "2*x"
                        "x - (y + 1)", "x - y - 1"
                        "(x + y) + (z + (x + 1))", "2*x + y + z + 1"
                        "2*(x + y) + 3*(y + x)", "5*(x + y)"
                        "(1 + x)*(x + 1)", "(1 + x)^2"
                        "sin(x + x)", "sin(2*x)"
                        "sin(0) + cos(pi)", "-1"
                        "log(0)", "log(0)"
                        "1/0", "1/0"
                        "(-8)^0.5", "sqrt(-8)"
                        "sin(pi*x*1)", "sin(pi*x)"
                        "x*0.5*pi", "pi*x/2"
                        "exp(1*x + 0)*exp(x)", "exp(x)^2"
                        "nan*x + nan*x", "nan*x + nan*x"
                        "1e200*1e200*x", "1e+200*1e+200*x"
                    ] do
                    Expect.equal (simplified text) expected "text")

            testCase "simplifying keeps the value" (fun () ->
                let mutable compared = 0

                forAll 3000 (Gen.zip formulas points) (fun (e, point) ->
                    if sameValue point e (Simplify.expression e) then
                        compared <- compared + 1)

                Expect.isTrue (compared > 1000) $"only {compared} cases had a value")

            property "simplifying again changes nothing" 3000 formulas (fun e ->
                let once = Simplify.expression e
                // NaN is not = itself.
                Expect.isTrue (compare once (Simplify.expression once) = 0) (Printer.text once))

            testCase "rounding changes numbers only, and leaves multiples of pi" (fun () ->
                let e = Parser.expression "0.12345*sin(3.14159*x + 2*pi)^1.99999 - 0.00001*x"
                Expect.equal (Printer.text (Simplify.rounded 3 e)) "0.123*sin(3.14*x + 2*pi)^2 - 1e-05*x" "rounded"

                Expect.equal
                    (Printer.text (Simplify.rounded 15 e))
                    "0.12345*sin(3.14159*x + 2*pi)^1.99999 - 1e-05*x"
                    "rounded"

                Expect.equal (Printer.text (Simplify.rounded 1 (Number -3.4))) "-3" "rounded"
                Expect.equal (Printer.text (Simplify.rounded 2 (Number 12345.0))) "12345" "whole numbers stay")

            testCase "numbers next to an integer or a multiple of pi are recognised" (fun () ->
                for v, tolerance, expected in
                    [
                        3.1416, 1e-3, "pi"
                        -3.1416, 1e-3, "-pi"
                        1.5708, 1e-3, "pi/2"
                        4.7124, 1e-3, "3*pi/2"
                        6.2832, 1e-3, "2*pi"
                        3.1416, 1e-6, "3.1416"
                        1.9996, 1e-3, "2"
                        -0.0004, 1e-3, "0"
                        0.5, 1e-3, "0.5"
                        // Of fractions and roots there are many.
                        0.3333, 1e-3, "0.3333"
                        0.33333333, 1e-3, "1/3"
                        -0.079577472, 1e-3, "-1/(4*pi)"
                        0.3989422804, 1e-3, "1/sqrt(2*pi)"
                        0.3989422804, 1e-12, "0.3989422804"
                        // 7π is 21.991
                        21.992, 0.01, "7*pi"
                        21.999, 0.01, "22"
                        100.5310, 1e-3, "100.531"
                        nan, 1e-3, "nan"
                    ] do
                    Expect.equal (Printer.text (Simplify.recognised tolerance (Number v))) expected "recognised"

                let e = Parser.expression "1.0002*exp(sin(3.1413*x) + 0.9999*y^1.9998) - 0.0003"
                let found = e |> Simplify.recognised 5e-4 |> Simplify.expression |> Simplify.rounded 4
                Expect.equal (Printer.text found) "exp(sin(pi*x) + y^2)" "text")

            property
                "rounding and recognising move numbers by half a unit of the last digit and by the tolerance at most"
                500
                (Gen.choose (-60_000, 60_000))
                (fun n ->
                    let v = float n / 997.0

                    let moved change =
                        match change (Number v) with
                        | Number w -> abs (w - v)
                        | other -> failwith $"{other}"

                    Expect.isTrue
                        (moved (Simplify.rounded 3) <= 0.0050001 * abs v || (KnownNumber.spelled v).IsSome)
                        "the move of rounding"

                    Expect.isTrue (moved (Simplify.recognised 0.03) <= 0.03) "the move of recognition"
                    let near = Math.Abs(v - Math.Round v) <= 0.03

                    if near then
                        Expect.isTrue
                            (moved (Simplify.recognised 0.03) <= abs (v - Math.Round v) + 1e-15)
                            "no number moves further than to a whole one")
        ]
