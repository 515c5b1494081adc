/// Writing formulas.
module MetaKan.Tests.PrinterTests

open System.Xml.Linq
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Tests.Expressions
open MetaKan.Tests.Numeric

let tests =
    testList
        "Symbolic.Printer"
        [
            testCase "text has no superfluous parentheses" (fun () ->
                // As it is, and what else is written the same way.
                for text, others in
                    [
                        "exp(sin(3.1416*x) + y^2)", []
                        "2*x - 3", [ "2*x + -3"; "(2*x) - (3)" ]
                        "x/(1 + y)", [ "x*(1 + y)^-1" ]
                        "x + y + z", [ "x + (y + z)"; "(x + y) + z" ]
                        "x - (y + z)", []
                        "x*y*z", [ "x*(y*z)" ]
                        "x/(y*z)", [ "x/y/z"; "x*y^-1*z^-1" ]
                        "x*z/y", [ "x/y*z" ]
                        "x/(y/z)", []
                        "1/x", [ "x^-1" ]
                        "1/x^2", [ "x^-2"; "1*x^-2" ]
                        "(x + y)*z", []
                        "(x + y)^2", []
                        "(-x)^2", []
                        "-x^2", [ "-(x^2)"; "-1*x^2" ]
                        "-2*x", []
                        "-2*x*y", [ "2*x*(-y)"; "-(2*x*y)" ]
                        "6*x", []
                        "-(x + y)", []
                        "(x*y)^2", []
                        "(x/y)^2", []
                        "(x^y)^z", []
                        "x^y^z", [ "x^(y^z)" ]
                        "x^(-y)", [ "x^-y" ]
                        "x^(y*z)", []
                        "2^x", []
                        "(-2)^x", []
                        "sqrt(x)", [ "x^0.5" ]
                        "1/sqrt(x)", [ "x^-0.5" ]
                        "sin(x)^2", [ "(sin(x))^2" ]
                        "pi*x/2", [ "pi/2*x" ]
                        "(2*pi)^x", []
                        "1/(2*pi)", []
                        "pi", []
                        "-pi", []
                        "1e-05*x", [ "0.00001*x" ]
                        "0.30000000000000004", []
                        "inf", []
                        "0", []
                    ] do
                    for other in text :: others do
                        Expect.equal (Printer.text (Parser.expression other)) text "expression"

                Expect.equal (Printer.text (Sum [])) "0" "sum"
                Expect.equal (Printer.text (Product [])) "1" "product"

                Expect.equal
                    (Printer.text (Product [ Number -6.0; Product [ Number -1.0; Variable "x" ] ]))
                    "6*x"
                    "product"

                Expect.equal (Printer.text (Number(1.5 * System.Math.PI))) "3*pi/2" "number")

            testCase "numbers that have names are spelled out, and read back as they were" (fun () ->
                for text in
                    [
                        "pi/2"
                        "-7*pi"
                        "2*pi/3"
                        "pi/6"
                        "1/3"
                        "-5/12"
                        "11/7"
                        "10/9"
                        "4/11"
                        "1/pi"
                        "1/(4*pi)"
                        "3/(8*pi)"
                        "-2/(3*pi)"
                        "e"
                        "-3*e"
                        "1/e"
                        "2/e"
                        "sqrt(2)"
                        "1/sqrt(3)"
                        "-sqrt(10)"
                        "sqrt(pi)"
                        "sqrt(2*pi)"
                        "1/sqrt(2*pi)"
                        "-1/sqrt(3*pi)"
                    ] do
                    match Simplify.expression (Parser.expression text) with
                    | Number v ->
                        Expect.equal (Printer.text (Number v)) text "text"
                        Expect.equal (Simplify.rounded 3 (Number v)) (Number v) "no digit is lost"
                        Expect.equal (Printer.text (Number(v * 1.000001))) $"{v * 1.000001:R}" "no other number"
                    | other -> failtest $"{text}: {other}")

            testCase "text is read back to the same value" (fun () ->
                let mutable compared = 0

                forAll 3000 (Gen.zip formulas points) (fun (e, point) ->
                    if sameValue point e (Parser.expression (Printer.text e)) then
                        compared <- compared + 1)

                Expect.isTrue (compared > 1000) $"only {compared} cases had a value")

            testCase "text that is read back is written the same from then on" (fun () ->
                let again = Parser.expression >> Printer.text

                forAll 2000 formulas (fun e ->
                    let text = again (Printer.text e)
                    Expect.equal (again text) text "text"))

            testCase "latex is that of mathematics" (fun () ->
                for text, expected in
                    [
                        "exp(sin(pi*x_1) + y^2)", @"e^{\sin\left(\pi x_{1}\right) + y^{2}}"
                        "x/(1 + y)", @"\frac{x}{1 + y}"
                        "1/x^2", @"\frac{1}{x^{2}}"
                        "2*x - 3", "2 x - 3"
                        "-(x + y)*z", @"-\left(x + y\right) z"
                        "x*2*3", @"x \cdot 2 \cdot 3"
                        "sqrt(x + 1)", @"\sqrt{x + 1}"
                        "abs(x)^3", @"\left|x\right|^{3}"
                        "exp(x)^2", @"\left(e^{x}\right)^{2}"
                        "gaussian(x)", @"e^{-x^{2}}"
                        "gaussian(2*x)", @"e^{-\left(2 x\right)^{2}}"
                        "(x + y)^(2*z)", @"\left(x + y\right)^{2 z}"
                        "(x/y)^2", @"\left(\frac{x}{y}\right)^{2}"
                        "x^y^z", "x^{y^{z}}"
                        "pi/2", @"\frac{\pi}{2}"
                        "asin(x) + atanh(x)", @"\arcsin\left(x\right) + \operatorname{artanh}\left(x\right)"
                        "1.5e-7*x", @"1.5 \cdot 10^{-7} x"
                        "1.5e-7^2", @"\left(1.5 \cdot 10^{-7}\right)^{2}"
                        "x1 + x_12 + theta_0 + omega", @"x_{1} + x_{12} + \theta_{0} + \omega"
                        "speed + u_xx + a_b_c", @"\mathrm{speed} + u_{\mathrm{xx}} + a_{\mathrm{b\_c}}"
                        "inf + nan", @"\infty + \mathrm{nan}"
                    ] do
                    Expect.equal (Printer.latex (Parser.expression text)) expected "latex")

            testCase "MathML is that of mathematics" (fun () ->
                for text, expected in
                    [
                        "2*x - 3", "<mn>2</mn><mo>\u2062</mo><mi>x</mi><mo>−</mo><mn>3</mn>"
                        "-x + y", "<mo form=\"prefix\">−</mo><mi>x</mi><mo>+</mo><mi>y</mi>"
                        "x*2*3", "<mi>x</mi><mo>·</mo><mn>2</mn><mo>·</mo><mn>3</mn>"
                        "x*2^y", "<mi>x</mi><mo>·</mo><msup><mrow><mn>2</mn></mrow><mrow><mi>y</mi></mrow></msup>"
                        "x/(1 + y)",
                        "<mfrac><mrow><mi>x</mi></mrow><mrow><mn>1</mn><mo>+</mo><mi>y</mi></mrow></mfrac>"
                        "sqrt(x)", "<msqrt><mrow><mi>x</mi></mrow></msqrt>"
                        "abs(x)", "<mrow><mo>|</mo><mi>x</mi><mo>|</mo></mrow>"
                        "exp(x)", "<msup><mrow><mi>e</mi></mrow><mrow><mi>x</mi></mrow></msup>"
                        "gaussian(x)",
                        "<msup><mrow><mi>e</mi></mrow><mrow><mo form=\"prefix\">−</mo>"
                        + "<msup><mrow><mi>x</mi></mrow><mrow><mn>2</mn></mrow></msup></mrow></msup>"
                        "asin(x)", "<mi>arcsin</mi><mo>\u2061</mo><mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow>"
                        "1.5e-7", "<mn>1.5</mn><mo>·</mo><msup><mn>10</mn><mn>−7</mn></msup>"
                        "x1 + theta_0", "<msub><mi>x</mi><mn>1</mn></msub><mo>+</mo><msub><mi>θ</mi><mn>0</mn></msub>"
                        "inf + pi + omega", "<mi>∞</mi><mo>+</mo><mi>π</mi><mo>+</mo><mi>ω</mi>"
                    ] do
                    Expect.equal (Printer.mathml (Parser.expression text)) $"<mrow>{expected}</mrow>" text)

            testCase "MathML is well-formed, and brackets and fractions are where LaTeX has them" (fun () ->
                let count (part: string) (text: string) = text.Split(part).Length - 1

                forAll 2000 formulas (fun e ->
                    let mathml, latex = Printer.mathml e, Printer.latex e
                    XElement.Parse mathml |> ignore
                    Expect.equal (count "<mo>(</mo>" mathml) (count @"\left(" latex) "brackets"
                    Expect.equal (count "<mfrac>" mathml) (count @"\frac" latex) "fractions"
                    Expect.equal (count "<msqrt>" mathml) (count @"\sqrt" latex) "roots"))

            testCase "names in MathML are text" (fun () ->
                Expect.stringContains (Printer.mathml (Variable "<b>&")) "&lt;b&gt;&amp;" "name")

            testCase "latex is balanced" (fun () ->
                let count (part: string) (text: string) = text.Split(part).Length - 1

                forAll 2000 formulas (fun e ->
                    let latex = Printer.latex e

                    let depth =
                        latex
                        |> Seq.scan
                            (fun depth c ->
                                match c with
                                | '{' -> depth + 1
                                | '}' -> depth - 1
                                | _ -> depth)
                            0
                        |> List.ofSeq

                    Expect.isTrue (List.forall ((<=) 0) depth && List.last depth = 0) latex
                    Expect.equal (count @"\right)" latex) (count @"\left(" latex) "brackets"
                    Check.lacks latex "*" "latex"
                    Check.lacks latex "#" "latex"))
        ]
