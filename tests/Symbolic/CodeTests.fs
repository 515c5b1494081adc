/// Formulas as code.
module MetaKan.Tests.CodeTests

open Expecto
open FsCheck.FSharp
open MetaKan.Symbolic
open MetaKan.Tests.Expressions
open MetaKan.Tests.Numeric

/// Python's expressions are formulas, too, once NumPy's prefix is gone and the names of absolute values agree.
let private python (text: string) =
    Parser.expression (text.Replace("np.", "").Replace("Abs(", "abs(").Replace("oo", "inf"))

let tests =
    testList
        "Symbolic.Code"
        [
            testCase "SymPy's and NumPy's expressions have the formula's values" (fun () ->
                let mutable compared = 0

                forAll 1500 (Gen.zip formulas points) (fun (e, point) ->
                    for language in [ Language.SymPy; Language.NumPy ] do
                        if sameValue point e (python (Code.text language e)) then
                            compared <- compared + 1)

                Expect.isTrue (compared > 500) $"only {compared} cases had a value")

            testCase "each language has its own words" (fun () ->
                let e = Parser.expression "2*x^3/y - sqrt(atanh(x)) + gaussian(y)^1.5 + sign(x)*pi/2 + asin(x)"

                for language, expected in
                    [
                        Language.SymPy,
                        "(2*(x**3)*(1/y)) + ((-1)*sqrt(atanh(x))) + (exp(-(y)**2)**1.5) + (sign(x)*pi*(1/2)) + asin(x)"
                        Language.NumPy,
                        "(2.0*(x**3.0)*(1.0/y)) + ((-1.0)*np.sqrt(np.arctanh(x))) + (np.exp(-(y)**2)**1.5) + (np.sign(x)*np.pi*(1.0/2.0)) + np.arcsin(x)"
                        Language.FSharp,
                        "(2.0*(x ** 3.0)*(1.0/y)) + ((-1.0)*sqrt(System.Math.Atanh(x))) + (exp(-((y) ** 2.0)) ** 1.5) + (float (sign (x))*System.Math.PI*(1.0/2.0)) + asin(x)"
                        Language.CSharp,
                        "(2.0*Math.Pow(x, 3.0)*(1.0/y)) + ((-1.0)*Math.Sqrt(Math.Atanh(x))) + Math.Pow(Math.Exp(-Math.Pow(y, 2.0)), 1.5) + (Math.Sign(x)*Math.PI*(1.0/2.0)) + Math.Asin(x)"
                    ] do
                    Expect.equal (Code.text language e) expected "text"

                for language, expected in
                    [
                        Language.SymPy, "(x*(1/3)) + E"
                        Language.NumPy, "(x*(1.0/3.0)) + np.e"
                        Language.FSharp, "(x*(1.0/3.0)) + System.Math.E"
                        Language.CSharp, "(x*(1.0/3.0)) + Math.E"
                    ] do
                    Expect.equal (Code.text language (Parser.expression "x/3 + e")) expected "text")
        ]
