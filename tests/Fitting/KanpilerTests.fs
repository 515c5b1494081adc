/// Formulas as networks.
module MetaKan.Tests.KanpilerTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Expressions
open MetaKan.Tests.Fits
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private names = [ "x"; "y"; "z" ]
let private grid = { Size = 3; Order = 3 }
let private compile formulas = Kanpiler.compile grid names formulas Placement.cpu64
let private shape (fitted: Fitted) = fitted.Network.Nodes |> List.map (fun n -> n.Sums, n.Products)

/// Whether a power with a variable exponent has a base that is not positive at the point.
let rec private hasNoLogarithm (value: Expression -> float) (e: Expression) : bool =
    match e with
    | Number _
    | Variable _ -> false
    | Sum parts
    | Product parts -> List.exists (hasNoLogarithm value) parts
    | Power(a, b) ->
        let varies = not (Expression.variables a).IsEmpty && not (Expression.variables b).IsEmpty
        varies && not (value a > 0.0) || hasNoLogarithm value a || hasNoLogarithm value b
    | Call(_, a) -> hasNoLogarithm value a

let tests =
    testList
        "Fitting.Kanpiler"
        [
            testCase "a network has its formula's values, and its formula again" (fun () ->
                let mutable compared = 0

                forAll 300 (Gen.zip formulas Expressions.points) (fun (e, point) ->
                    if not (hasNoLogarithm (Expression.value (fun name -> point[name])) e) then
                        let fitted = compile [ e ]
                        let x = tensor [ 1; 3 ] [ for name in names -> point[name] ]

                        if sameValue point e (Number(Tensor.item (values fitted x))) then
                            compared <- compared + 1
                            let again = SymbolicEdges.formulas (List.map Variable names) fitted |> List.exactlyOne
                            sameValue point e again |> ignore)

                Check.inRange 100 300 compared "formulas compared")

            testCase "several formulas are as many outputs, in their order" (fun () ->
                let texts = [ "x*y"; "3"; "sin(x) + cos(x) + exp(cos(x))"; "x*y"; "z" ]
                let formulas = List.map Parser.expression texts
                let point = Map [ "x", 0.7; "y", -1.3; "z", 0.4 ]
                let expected = formulas |> List.map (Expression.value (fun name -> point[name]))
                let found = values (compile formulas) (tensor [ 1; 3 ] [ 0.7; -1.3; 0.4 ])
                close "values" 1e-14 (tensor [ 1; 5 ] expected) found)

            testCase "networks are as small as the formulas" (fun () ->
                for text, nodes in
                    [
                        "exp(sin(pi*x) + y^2)", [ 3, []; 1, []; 1, [] ]
                        "2*x - 3*(y + 1)", [ 3, []; 1, [] ]
                        "x*y*z", [ 3, []; 0, [ 3 ]; 1, [] ]
                        // The product occurs twice, as one node, from which one edge goes straight on.
                        "sin(x*y) + cos(2*x*y + 1)", [ 3, []; 0, [ 2 ]; 2, []; 1, [] ]
                        "7", [ 3, []; 1, [] ]
                    ] do
                    Expect.equal (shape (compile [ Parser.expression text ])) nodes text)

            testCase "edges are given splines that follow their functions" (fun () ->
                let x = uniform 4 (-1.0, 1.0) [ 200; 3 ]
                let grid = { Size = 20; Order = 3 }
                let start = Kanpiler.compile grid names [ Parser.expression "exp(sin(pi*x) + y^2)*z" ] Placement.cpu64
                let fitted = Regrid.update 1.0 x start

                let freed =
                    (fitted, SymbolicEdges.edges fitted.Network) ||> List.fold (fun f e -> SymbolicEdges.unfix e f)

                Expect.isEmpty freed.Network.Symbols "functions left"
                close "values" 1e-3 (values start x) (values freed x))

            testCase "a variable that is no input is named" (fun () ->
                let message = messageOf<BadInput>(fun () -> compile [ Parser.expression "x + w*v" ] |> ignore)
                Expect.stringContains message "w, v" "message"
                Expect.stringContains message "inputs are x, y, z" "message")
        ]
