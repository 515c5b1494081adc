/// Edges fixed to functions, and the formulas that come of it.
module MetaKan.Tests.SymbolicEdgesTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private fit (a, b, c, d) : AffineFit = { A = a; B = b; C = c; D = d; R2 = 1.0; Cancellation = 0.0 }

/// A network all of whose edges are fixed to random functions or removed.
let private allFixed (case: Case) : Fitted =
    let random = Random case.Seed
    let start = fitted { case with Masked = 0.0; Symbolic = 0.0 }

    (start, allEdges start.Network)
    ||> List.fold (fun fitted edge ->
        if random.NextDouble() < 0.25 then
            Pruning.removeEdge edge fitted
        else
            let f = SymbolicFunction.find (fst known[random.Next known.Length])
            let number () = 1.2 * random.NextDouble() - 0.6
            SymbolicEdges.fix edge f (fit (number (), number (), number (), number ())) fitted)

/// One edge, cubic on fine knots.
let private line () : Fitted =
    fitted
        {
            Grid = { Size = 30; Order = 3 }
            Even = true
            Nodes = [ Nodes.sums 1; Nodes.sums 1 ]
            Source = CoefficientSource.Stored
            Masked = 0.0
            Symbolic = 0.0
            Seed = 5
        }

let private edgeOf (case: Case) (fitted: Fitted) =
    let all = allEdges fitted.Network
    all[case.Seed % all.Length]

let private only = { Layer = 0; From = 0; To = 0 }

let private few = { SymbolicEdges.defaults with Library = [ "0"; "x"; "x^2"; "sin" ] }

let tests =
    testList
        "Fitting.SymbolicEdges"
        [
            property "an edge fixed is its function, and the others are what they were" 30 (fits (1, 2)) (fun case ->
                let before, x = fitted { case with Masked = 0.0; Symbolic = 0.0 }, points case 8
                let edge = edgeOf case before
                let after = before |> SymbolicEdges.fix edge (SymbolicFunction.find "sin") (fit (1.5, 0.2, -2.0, 0.3))
                let trace = Network.trace after.Network x after.Params
                let along (t: Tensor) = t.select(1L, int64 edge.From).select(1L, int64 edge.To)
                let arriving = trace.Nodes[edge.Layer].select(1L, int64 edge.From)
                close "edge" 1e-12 (torch.sin (arriving * 1.5 + 0.2) * -2.0 + 0.3) (along trace.Edges[edge.Layer])
                Expect.equal (List.ofSeq after.Network.Symbols.Values) [ "sin" ] "symbols"
                let others (trace: Trace) = (trace.Edges[edge.Layer].sum(2L).sum 1L) - along trace.Edges[edge.Layer]
                close "others" 1e-9 (others (Network.trace before.Network x before.Params)) (others trace)
                Expect.isTrue ((SymbolicEdges.unfix edge after).Network = before.Network) "the network that it was")

            property
                "an edge that is free again has a spline that is its function, where splines can be"
                40
                (fits (1, 2))
                (fun case ->
                    // A function beside a spline adds to it; lines are splines of any order.
                    let before, x =
                        fitted { case with Source = CoefficientSource.Stored; Symbolic = 0.0 }, points case 30

                    let edge = edgeOf case before

                    let fixed' =
                        if case.Seed % 2 = 0 then
                            SymbolicEdges.fix edge (SymbolicFunction.find "x") (fit (1.5, 0.2, -2.0, 0.3)) before
                        else
                            before

                    let beside =
                        if case.Seed % 3 = 0 then
                            fixed' |> edited (fun e m -> if e = edge then 1.0 else m) (fun _ -> true)
                        else
                            fixed'

                    let after = SymbolicEdges.unfix edge beside
                    Expect.isFalse (after.Network.Symbols.ContainsKey edge) "function"
                    Expect.equal after.Network.Masks[edge.Layer].[edge.From, edge.To] 1.0 "mask"
                    let trace (fitted: Fitted) = Network.trace fitted.Network x fitted.Params

                    let along (fitted: Fitted) =
                        (trace fitted).Edges[edge.Layer].select(1L, int64 edge.From).select(1L, int64 edge.To)

                    let arriving = (trace beside).Nodes[edge.Layer].select(1L, int64 edge.From)
                    let knots = before.Network.Knots[edge.Layer][edge.From]
                    let order = before.Network.Order
                    let low, high = knots[order], knots[knots.Length - 1 - order]

                    let inside =
                        (arriving.ge (low.ToScalar())).logical_and(arriving.lt (high.ToScalar())).to_type torch.float64

                    close "edge" 1e-9 (along beside * inside) (along after * inside))

            testCase "an edge that is free again follows its function, and is 0 where that has no values" (fun () ->
                for name, low, tolerance in [ "sin", -0.75, 1e-5; "log", 0.3, 5e-3 ] do
                    let function' = SymbolicFunction.find name

                    let freed =
                        line ()
                        |> SymbolicEdges.fix only function' (fit (2.0, 0.0, 1.0, 0.5))
                        |> SymbolicEdges.unfix only

                    let x = torch.linspace (low, 0.75, 50L, dtype = torch.float64) |> _.unsqueeze(-1L)
                    close name tolerance (function'.Value(x * 2.0) + 0.5) (values freed x)

                    if name = "log" then
                        Check.near 1e-9 (Tensor.item (values freed (tensor [ 1; 1 ] [ -0.7 ]))) 0.0 "left of 0")

            property "edges are those with a spline or a function" 20 (fits (1, 3)) (fun case ->
                let net = (fitted case).Network
                let isZero (edge: Edge) = net.Masks[edge.Layer].[edge.From, edge.To] = 0.0

                Expect.equal
                    (SymbolicEdges.edges net)
                    (allEdges net |> List.filter (fun edge -> not (isZero edge) || net.Symbols.ContainsKey edge))
                    "edges")

            property "formulas have the network's values" 60 (fits (1, 3)) (fun case ->
                let fitted, x = allFixed case, points case 5
                let names = [ for i in 0 .. Nodes.count case.Nodes.Head - 1 -> $"x{i}" ]
                let formulas = SymbolicEdges.formulas (List.map Variable names) fitted
                let rows = Tensor.toArray x |> Array.chunkBySize names.Length

                let expected =
                    [
                        for row in rows do
                            let value = Map.ofSeq (Seq.zip names row)
                            for formula in formulas -> Expression.value (fun name -> value[name]) formula
                    ]

                close "values" 1e-9 (tensor [ rows.Length; formulas.Length ] expected) (values fitted x))

            property "a spline among the edges has no formula" 15 (fits (1, 2)) (fun case ->
                let fixed' = allFixed case
                let all = allEdges fixed'.Network
                let edge = all[case.Seed % all.Length]

                let message =
                    messageOf<InvalidOperationException>(fun () ->
                        SymbolicEdges.formulas [ for i in 1..3 -> Variable $"x{i}" ] (SymbolicEdges.unfix edge fixed')
                        |> ignore)

                Expect.stringContains message $"({edge.Layer}, {edge.From}, {edge.To})" "message")

            testCase "the function that made a spline is the first suggestion" (fun () ->
                let curves: (string list * (Tensor -> Tensor)) list =
                    [
                        [ "x" ], (fun x -> x * 2.0 - 0.5)
                        [ "x^2" ], (fun x -> (x + 0.2).pow(2.0.ToScalar()))
                        [ "sin"; "cos" ], (fun x -> torch.sin (x * 3.0) * 0.7 + 1.0)
                        [ "exp" ], (fun x -> torch.exp (x * 1.5))
                        [ "tanh" ], (fun x -> torch.tanh (x * 2.5))
                    ]

                for names, curve in curves do
                    use _ = torch.NewDisposeScope()
                    let fitted = withSpline only curve (line ())
                    let trace = Network.trace fitted.Network (uniform 1 (-0.75, 0.75) [ 300; 1 ]) fitted.Params
                    let suggestions = SymbolicEdges.suggest SymbolicEdges.defaults trace only
                    let first = suggestions.Head
                    Expect.isTrue (List.contains first.Function.Name names) $"{first.Function.Name} for {names}"
                    Check.inRange 0.9999 (1.0 + 1e-9) first.Fit.R2 "R²"
                    Expect.equal suggestions.Length SymbolicEdges.defaults.Library.Length "number of suggestions"
                    Expect.equal (suggestions |> List.map _.Cost) (suggestions |> List.map _.Cost |> List.sort) "costs")

            property
                "auto fixes every spline, tells of each, and leaves what was fixed or removed"
                10
                (fits (1, 2))
                (fun case ->
                    let before, x = fitted case, points case 30
                    let told = ResizeArray<Edge * string>()
                    let after = before |> SymbolicEdges.auto few x (fun edge s -> told.Add((edge, s.Function.Name)))
                    Expect.equal (SymbolicEdges.edges after.Network) (SymbolicEdges.edges before.Network) "edges"

                    Expect.equal
                        (after.Network.Symbols.Keys |> List.ofSeq)
                        (SymbolicEdges.edges before.Network)
                        "edges"

                    for KeyValue(edge, name) in after.Network.Symbols do
                        match Map.tryFind edge before.Network.Symbols with
                        | Some already -> Expect.equal name already "function"
                        | None ->
                            Expect.contains told (edge, name) "told"
                            Expect.equal after.Network.Masks[edge.Layer].[edge.From, edge.To] 0.0 "mask"

                    Expect.equal
                        told.Count
                        (after.Network.Symbols.Count - before.Network.Symbols.Count)
                        "number of edges told")

            testCase "auto finds the functions of a network made of them, layer after layer" (fun () ->
                use _ = torch.NewDisposeScope()

                // (0.4 sin(2 x) - 0.6 y²)²
                let start =
                    fitted
                        {
                            Grid = { Size = 20; Order = 3 }
                            Even = true
                            Nodes = List.map Nodes.sums [ 2; 1; 1 ]
                            Source = CoefficientSource.Stored
                            Masked = 0.0
                            Symbolic = 0.0
                            Seed = 7
                        }

                let x = uniform 2 (-0.75, 0.75) [ 300; 2 ]

                let fitted =
                    start
                    |> withSpline only (fun x -> torch.sin (x * 2.0) * 0.4)
                    |> withSpline { only with From = 1 } (fun y -> y * y * -0.6)
                    |> withSpline { only with Layer = 1 } (fun u -> u * u)

                let found = SymbolicEdges.auto few x (fun _ _ -> ()) fitted
                Expect.equal (List.ofSeq found.Network.Symbols.Values) [ "sin"; "x^2"; "x^2" ] "symbols"
                close "values" 1e-3 (values fitted x) (values found x))
        ]
