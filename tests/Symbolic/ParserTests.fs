/// Reading formulas.
module MetaKan.Tests.ParserTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric

let private at (x: float) (text: string) = Expression.value (fun _ -> x) (Parser.expression text)

let private refusal (text: string) =
    let message = messageOf<BadInput>(fun () -> Parser.expression text |> ignore)
    Expect.isFalse (message.Contains '\n' || message.Contains '\r') message
    message

let tests =
    testList
        "Symbolic.Parser"
        [
            property
                "any texts have names of variables, each its own, and names keep themselves"
                500
                (Gen.listOf (
                    Gen.elements
                        [ "x-1"; "2*y"; "a_b%"; "e"; "pi"; "sin"; "e_"; ""; " x"; "x"; "x_1"; "temp (°C)"; "gaussian" ]
                ))
                (fun texts ->
                    let names = Parser.variables texts
                    Expect.equal names.Length texts.Length "one for each"
                    Expect.equal (List.distinct names) names "each its own"

                    for name in names do
                        Expect.equal (Parser.expression name) (Variable name) "a name"

                    if
                        texts = List.distinct texts
                        && texts |> List.forall (fun t -> List.contains t [ "x"; "x_1"; "e_" ])
                    then
                        Expect.equal names texts "names stay")

            testCase "formulas mean what they do in mathematics" (fun () ->
                let x = 0.7

                for text, expected in
                    [
                        "x", x
                        "3", 3.0
                        "2.5e-3", 0.0025
                        ".5", 0.5
                        "5.", 5.0
                        "1E+2", 100.0
                        "1 - 2 - 3", -4.0
                        "1 - (2 - 3)", 2.0
                        "12/3/2", 2.0
                        "12/(3/2)", 8.0
                        "2 + 3*x", 2.0 + 3.0 * x
                        "(2 + 3)*x", 5.0 * x
                        "2^3^2", 512.0
                        "(2^3)^2", 64.0
                        "2**3**2", 512.0
                        "-x^2", -(x ** 2.0)
                        "(-x)^2", x ** 2.0
                        "-2^2", -4.0
                        "2^-1", 0.5
                        "2^-x^2", 2.0 ** -(x ** 2.0)
                        "2*-x", -2.0 * x
                        "--x", x
                        "+x - +3", x - 3.0
                        "6/2*3", 9.0
                        "sin(x)^2", sin x ** 2.0
                        "exp(sin(pi*x) + x^2)", exp (sin (Math.PI * x) + x * x)
                        "e^x", Math.E ** x
                        "ln(e)", 1.0
                        "arcsin(x)", asin x
                        "gaussian(2*x)", exp (-4.0 * x * x)
                        "\t x\n +  1 ", x + 1.0
                        "-inf", -infinity
                    ] do
                    let found = at x text

                    Expect.isTrue
                        (found = expected || abs (found - expected) < 1e-12)
                        $"{text}: {found}, not {expected}"

                Expect.isTrue (Double.IsNaN(at 1.0 "nan")) "nan is no number")

            testCase "names are variables unless they are constants" (fun () ->
                let names text = Expression.variables (Parser.expression text)

                Expect.equal
                    (names "x_1*theta + E - x2/_a + sinx + ν")
                    [ "x_1"; "theta"; "E"; "x2"; "_a"; "sinx"; "ν" ]
                    "names"

                Expect.equal (names "pi + e + inf + nan") [] "names")

            testCase "sums and products are flat, numbers carry their sign" (fun () ->
                let x, y = Variable "x", Variable "y"

                for text, expected in
                    [
                        "x - 3 + y", Sum [ x; Number -3.0; y ]
                        "-2*x*y", Product [ Number -2.0; x; y ]
                        "x - 2*y", Sum [ x; Product [ Number -2.0; y ] ]
                        "-x*y", Product [ Product [ Number -1.0; x ]; y ]
                        "x/y", Product [ x; Power(y, Number -1.0) ]
                    ] do
                    Expect.equal (Parser.expression text) expected "expression")

            testCase "malformed formulas are refused with what was expected where" (fun () ->
                for text, expected in
                    [
                        "exp(sin(pi*x", "')' expected after position 12 of 'exp(sin(pi*x'"
                        "(x + 1", "')' expected after position 6 of '(x + 1'"
                        "(x 1)", "')' expected at position 4 of '(x 1)'"
                        "sin(x, y)", "',' is not understood at position 6 of 'sin(x, y)'"
                        "x +", "a number, a name or '(' expected after position 3 of 'x +'"
                        "x + * 2", "a number, a name or '(' expected at position 5 of 'x + * 2'"
                        "()", "a number, a name or '(' expected at position 2 of '()'"
                        "sin()", "a number, a name or '(' expected at position 5 of 'sin()'"
                        "x)", "an operator expected at position 2 of 'x)'"
                        "2 x", "an operator expected at position 3 of '2 x'"
                        "2e", "an operator expected at position 2 of '2e'"
                        "1.2.3", "an operator expected at position 4 of '1.2.3'"
                        "x(2)",
                        "no function 'x' (there are exp, log, sqrt, sin, cos, tan, tanh, sinh, cosh, asin, acos, atan, "
                        + "atanh, abs, sign, gaussian) at position 1 of 'x(2)'"
                        "1 + sin x", "'(' expected at position 9 of '1 + sin x'"
                        "sin", "'(' expected after position 3 of 'sin'"
                        "x $ 2", "'$' is not understood at position 3 of 'x $ 2'"
                        "1e999", "number 1e999 is too large at position 1 of '1e999'"
                        "x +\n  y z", "an operator expected at position 9 of 'x +   y z'"
                        "x +  \n", "a number, a name or '(' expected after position 3 of 'x +'"
                        "", "the text is empty; it takes a formula such as sin(pi*x) + y^2"
                        " \n", "the text is empty; it takes a formula such as sin(pi*x) + y^2"
                    ] do
                    Expect.equal (refusal text) ("expression: " + expected) "refusal")

            testCase "nesting is bounded, length is not" (fun () ->
                let nested n = String('(', n) + "x" + String(')', n)
                Expect.equal (at 2.0 (nested 150)) 2.0 "value"

                for text in [ nested 100_000; String('-', 100_000) + "x"; String.replicate 100_000 "x^" + "x" ] do
                    Expect.stringContains (refusal text) "more than 200 levels deep at position" "refusal"

                Expect.equal (at 1.0 (String.concat "+" (Seq.replicate 20_000 "x"))) 20_000.0 "value"
                Expect.equal (at 1.0 (String.concat "*" (Seq.replicate 20_000 "x"))) 1.0 "value")
        ]
