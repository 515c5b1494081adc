/// Reading formulas.
module MetaKan.Tests.ParserTests

open System
open MetaKan
open Xunit

let private at (x: float) (text: string) = Expression.value (fun _ -> x) (Parser.expression text)

[<Fact>]
let ``formulas mean what they do in mathematics`` () =
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
        Assert.True(found = expected || abs (found - expected) < 1e-12, $"{text}: {found}, not {expected}")

    Assert.True(Double.IsNaN(at 1.0 "nan"))

[<Fact>]
let ``names are variables unless they are constants`` () =
    let names text = Expression.variables (Parser.expression text)

    Assert.Equal<string list>(
        [ "x_1"; "theta"; "E"; "x2"; "_a"; "sinx"; "ν" ],
        names "x_1*theta + E - x2/_a + sinx + ν"
    )

    Assert.Equal<string list>([], names "pi + e + inf + nan")

[<Fact>]
let ``sums and products are flat, numbers carry their sign`` () =
    let x, y = Variable "x", Variable "y"

    for text, expected in
        [
            "x - 3 + y", Sum [ x; Number -3.0; y ]
            "-2*x*y", Product [ Number -2.0; x; y ]
            "x - 2*y", Sum [ x; Product [ Number -2.0; y ] ]
            "-x*y", Product [ Product [ Number -1.0; x ]; y ]
            "x/y", Product [ x; Power(y, Number -1.0) ]
        ] do
        Assert.Equal(expected, Parser.expression text)

let private refusal (text: string) =
    let message = Assert.Throws<BadInput>(fun () -> Parser.expression text |> ignore).Message
    Assert.False(message.Contains '\n' || message.Contains '\r', message)
    message

[<Fact>]
let ``malformed formulas are refused with what was expected where`` () =
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
        Assert.Equal("expression: " + expected, refusal text)

[<Fact>]
let ``nesting is bounded, length is not`` () =
    let nested n = String('(', n) + "x" + String(')', n)
    Assert.Equal(2.0, at 2.0 (nested 150))

    for text in [ nested 100_000; String('-', 100_000) + "x"; String.replicate 100_000 "x^" + "x" ] do
        Assert.Contains("more than 200 levels deep at position", refusal text)

    Assert.Equal(20_000.0, at 1.0 (String.concat "+" (Seq.replicate 20_000 "x")))
    Assert.Equal(1.0, at 1.0 (String.concat "*" (Seq.replicate 20_000 "x")))
