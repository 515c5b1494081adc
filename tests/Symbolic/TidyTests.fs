/// Fitted formulas, written as a person would.
module MetaKan.Tests.TidyTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Tests.Numeric

let private points =
    [
        for i in 0..30 ->
            fun name ->
                let phase = if name = "x" then 0.37 else 0.71
                1.5 + sin (phase * float (7 * i + 1))
    ]

let private tidied (text: string) = Printer.text (Tidy.formula points 1e-3 (Parser.expression text))

/// c·f(a x + b) + d, the form that fitted edges have.
let private edge variable =
    gen {
        let! f =
            Gen.elements [ Function.Sin; Function.Cos; Function.Tanh; Function.Abs; Function.Gaussian; Function.Atan ]

        let number = Gen.choose (-400, 400) |> Gen.map (fun n -> Number(float n / 128.0))
        let! a, b, c, d = Gen.four number
        return c * Call(f, a * Variable variable + b) + d
    }

let tests =
    testList
        "Symbolic.Tidy"
        [
            Check.theory
                "constants, signs and quarter turns find their place"
                [
                    "39.3471037736765*exp(sin(3.14159*x) + 0.0182615*(7.4*y + 1e-10)^2 - 3.672422375949755)",
                    "exp(sin(pi*x) + y^2)"
                    "2*exp(3*log(x) - log(y)) + 0.00000001*x", "2*x^3/y"
                    "sin(-3.1416*x + 9.42478) + 0.00001", "sin(pi*x)"
                    "cos(x + 1.5707963)", "-sin(x)"
                    "abs(-2*x)", "abs(2*x)"
                    "cos(-x) + sin(-y)", "cos(x) - sin(y)"
                    "log(2.718281828*x)", "log(x) + 1"
                    "exp(x)^2", "exp(2*x)"
                    "gaussian(x)", "exp(-x^2)"
                    "exp(x)*y*gaussian(y)^0.5", "y*exp(x - 0.5*y^2)"
                    "log(x) + 2 + log(y) - 1", "1 + log(x*y)"
                ]
                (fun (given, expected) -> Expect.equal (tidied given) expected "text")

            Check.theory
                "what all terms of a sum have goes in front of it, and leaves roots where it is positive"
                [
                    (false, "q*a + q*b"), "q*(a + b)"
                    (false, "x^2*y + 3*x^3"), "x^2*(y + 3*x)"
                    (false, "g/r - g/s"), "g*(1/r - 1/s)"
                    (false, "sqrt(q^2*a + q^2)"), "sqrt(q^2*(a + 1))"
                    (true, "sqrt(q^2*a + q^2)"), "q*sqrt(a + 1)"
                    (false, "x + y"), "x + y"
                ]
                (fun ((positive, given), expected) ->
                    let found = Parser.expression given |> Tidy.factored positive |> Simplify.expression
                    Expect.equal (Printer.text found) expected "text")

            testCase "a small factor of a large value is not nothing" (fun () ->
                match Tidy.formula points 1e-3 (Parser.expression "0.0000001234*exp(16.1181*x)") with
                | Product [ Number c; _ ] -> Check.near 5e-10 (c / 1.234e-7) 1.0 "coefficient"
                | other -> failtest (Printer.text other))

            property
                "where nothing is near anything the value stays"
                300
                (Gen.zip (edge "x") (edge "y"))
                (fun (inner, other) ->
                    for e in [ Call(Function.Sin, inner + other); inner * other; inner / Number 3.0 - other ] do
                        let tidy = Tidy.formula points 1e-9 e

                        for point in points do
                            let before, after = Expression.value point e, Expression.value point tidy

                            Expect.isTrue
                                (abs (before - after) <= 1e-4)
                                $"{Printer.text e} is {before}, {Printer.text tidy} is {after}")
        ]
