/// What formulas evaluate to.
module MetaKan.Tests.ExpressionTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Tests.Expressions
open MetaKan.Tests.Numeric
open TorchSharp

let private x, y = Variable "x", Variable "y"
let private at (values: (string * float) list) = Expression.value (fun name -> Map(values)[name])

let tests =
    testList
        "Symbolic.Expression"
        [
            testCase "functions are those of the name, on numbers and on tensors" (fun () ->
                use _ = torch.NewDisposeScope()

                let expected: (string * (float -> float)) list =
                    [
                        "exp", Math.Exp
                        "log", Math.Log
                        "ln", Math.Log
                        "sqrt", Math.Sqrt
                        "sin", Math.Sin
                        "cos", Math.Cos
                        "tan", Math.Tan
                        "tanh", Math.Tanh
                        "sinh", Math.Sinh
                        "cosh", Math.Cosh
                        "asin", Math.Asin
                        "arcsin", Math.Asin
                        "acos", Math.Acos
                        "arccos", Math.Acos
                        "atan", Math.Atan
                        "arctan", Math.Atan
                        "atanh", Math.Atanh
                        "arctanh", Math.Atanh
                        "abs", Math.Abs
                        "sign", Math.Sign >> float
                        "sgn", Math.Sign >> float
                        "gaussian", fun x -> Math.Exp(-x * x)
                    ]

                let points = [ -0.7; 0.0; 0.4; 0.9 ]

                for name, f in expected do
                    let found = (Function.named name).Value
                    let numbers = List.map (Function.value found) points
                    // Equal as objects, so that nan is nan.
                    Expect.isTrue (numbers.Equals(List.map f points)) $"{name} at {points}: {numbers}"
                    let values = Function.tensor found (tensor [ 4 ] points) |> Tensor.toArray

                    for p, v in Seq.zip points values do
                        Expect.isTrue
                            (v = f p || abs (v - f p) < 1e-12 || (Double.IsNaN v && Double.IsNaN(f p)))
                            $"{name} at {p}: {v}"

                Expect.equal
                    (expected |> List.choose (fst >> Function.named) |> List.distinct)
                    Function.all
                    "functions"

                Expect.equal (Function.named "foo") None "no such function"
                Expect.isTrue (Double.IsNaN(Function.value Function.Sign nan)) "sign of nan")

            testCase "operators build what they say" (fun () ->
                let two = Number 2.0
                let values = [ "x", 3.0; "y", 5.0 ]

                for e, expected in
                    [
                        x + y, 8.0
                        x - y, -2.0
                        x * y, 15.0
                        x / y, 0.6
                        x ** two, 9.0
                        -x, -3.0
                        -(two * x), -6.0
                        -(x * y), -15.0
                        -two, -2.0
                        Sum [], 0.0
                        Product [], 1.0
                    ] do
                    Check.near 5e-13 (at values e) expected "value"

                Expect.equal (-(two * x)) (Product [ Number -2.0; x ]) "product")

            testCase "variables come in the order of their first appearance" (fun () ->
                let e = Sum [ Call(Function.Sin, Variable "t"); Power(y, x); Product [ Variable "t"; Variable "a" ] ]
                Expect.equal (Expression.variables e) [ "t"; "y"; "x"; "a" ] "variables"
                Expect.equal (Expression.variables (Number 3.0 + Number 1.0)) [] "variables")

            testCase "substitution is for all at once" (fun () ->
                let swap name = Map.tryFind name (Map [ "x", y; "y", x + Number 1.0 ])
                let e = Sum [ Power(x, y); Call(Function.Exp, Variable "z") ]
                let expected = Sum [ Power(y, x + Number 1.0); Call(Function.Exp, Variable "z") ]
                Expect.equal (Expression.substitute swap e) expected "expression")

            testCase "values on tensors are those on numbers" (fun () ->
                let cases = Gen.zip formulas (Gen.listOfLength 6 points)

                forAll 300 cases (fun (e, points) ->
                    let column name = tensor [ 6; 1 ] (points |> List.map (fun point -> point[name]))
                    let found = Expression.evaluate (column "x") column e
                    Expect.equal found.shape [| 6L; 1L |] "shape"

                    for point, v in Seq.zip points (Tensor.toArray found) do
                        let expected = Expression.value (fun name -> point[name]) e

                        if Double.IsFinite expected then
                            sameValue point e (Number v) |> ignore))

            testCase "tensors broadcast, and numbers take placement and shape of another" (fun () ->
                use _ = torch.NewDisposeScope()
                let column, row = tensor [ 2; 1 ] [ 1.0; 2.0 ], tensor [ 1; 3 ] [ 10.0; 20.0; 30.0 ]
                let single (t: Tensor) = t.``to`` torch.float32
                let pick name = if name = "x" then column else row
                let table = Expression.evaluate column pick (x * y + Number 0.5)
                close "broadcast" 1e-12 (tensor [ 2; 3 ] [ 10.5; 20.5; 30.5; 20.5; 40.5; 60.5 ]) table

                let constant = Expression.evaluate (single column) pick (Number 2.0 + Number 0.5)
                Expect.isTrue (constant.dtype = torch.float32) "precision of a constant"
                close "constant" 1e-6 (single (tensor [ 2; 1 ] [ 2.5; 2.5 ])) constant

                // Of a single number each, or the other's element type would win.
                let one = torch.tensor 1.0f
                let mixed = Expression.evaluate one (fun _ -> one) (Number 0.1 ** x + y / Number 3.0)
                Expect.isTrue (mixed.dtype = torch.float32) "precision of a mixture")

            testCase "values on tensors can be differentiated" (fun () ->
                use _ = torch.NewDisposeScope()
                let points = (tensor [ 3 ] [ -0.5; 0.2; 1.5 ]).requires_grad_ true
                let e = Call(Function.Sin, x ** Number 2.0) + Number 3.0 * x
                let values = Expression.evaluate points (fun _ -> points) e
                let expected = 2.0 * points * torch.cos (points * points) + 3.0
                close "derivative" 1e-12 (expected.detach ()) (gradient values points))
        ]
