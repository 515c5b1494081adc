/// Jets against nested automatic differentiation, on random compositions and random directions.
module MetaKan.Tests.JetTests

open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

/// A composition of the operations on jets. Arguments of log, roots, powers and denominators are kept off zero.
type Expression =
    | X
    | Constant of seed: int * perPoint: bool
    | Function of string * Expression
    | Power of float * Expression
    | WithNumber of string * float * Expression
    | Operator of string * Expression * Expression
    | Affine of seed: int * Expression
    | Slice of start: int * count: int * Expression
    | Concat of Expression * Expression

/// The points of a case [N, d].
let private rows, private d = 4, 3

let rec private width expression =
    match expression with
    | X -> d
    | Constant _ -> 2
    | Function(("sum" | "normSquared" | "norm"), _) -> 1
    | Function(_, e)
    | Power(_, e)
    | WithNumber(_, _, e) -> width e
    | Operator(_, a, b) -> max (width a) (width b)
    | Affine _ -> 2
    | Slice(_, count, _) -> count
    | Concat(a, b) -> width a + width b

let rec private expressions depth : Gen<Expression> =
    if depth = 0 then
        Gen.frequency [ 4, Gen.constant X; 1, Gen.zip seeds (Gen.elements [ true; false ]) |> Gen.map Constant ]
    else
        let smaller = Gen.choose (0, depth - 1) |> Gen.bind expressions

        let pairs =
            Gen.zip smaller smaller
            |> Gen.map (fun (a, b) ->
                // Elementwise operators take equal widths, or one component on either side.
                if width a = width b then a, b
                elif width a = 1 || width b = 1 then a, b
                else a, Function("sum", b))

        Gen.oneof
            [
                Gen.zip
                    (Gen.elements
                        [
                            "sin"
                            "cos"
                            "exp"
                            "log"
                            "tanh"
                            "sqrt"
                            "reciprocal"
                            "negate"
                            "sum"
                            "normSquared"
                            "norm"
                        ])
                    smaller
                |> Gen.map Function
                Gen.zip (Gen.elements [ 0.0; 1.0; 2.0; 3.0; -1.5; 0.5 ]) smaller |> Gen.map Power
                Gen.zip3
                    (Gen.elements [ "x+c"; "c+x"; "x-c"; "c-x"; "x*c"; "c*x"; "x/c"; "c/x" ])
                    (Gen.constant 1.7)
                    smaller
                |> Gen.map WithNumber
                Gen.zip (Gen.elements [ "+"; "-"; "*"; "/" ]) pairs
                |> Gen.map (fun (name, (a, b)) -> Operator(name, a, b))
                Gen.zip seeds smaller |> Gen.map Affine
                smaller
                |> Gen.bind (fun e ->
                    Gen.choose (0, width e - 1)
                    |> Gen.bind (fun start ->
                        Gen.choose (1, width e - start) |> Gen.map (fun count -> Slice(start, count, e))))
                Gen.zip smaller smaller |> Gen.map Concat
            ]

let private constant seed perPoint = normal seed [ (if perPoint then rows else 1); 2 ]

let private weight seed inputs = normal seed [ inputs; 2 ] * 0.7, normal (seed + 1) [ 2 ]

/// The expression on tensors.
let rec private onTensor (x: Tensor) expression : Tensor =
    let value = onTensor x
    let total (t: Tensor) = t.sum (1L, keepdim = true)

    match expression with
    | X -> x
    | Constant(seed, perPoint) -> (constant seed perPoint).expand(x.shape[0], -1L)
    | Function(name, e) ->
        let t = value e

        match name with
        | "sin" -> torch.sin t
        | "cos" -> torch.cos t
        | "exp" -> torch.exp (torch.sin t)
        | "log" -> torch.log (1.5 + t * t)
        | "tanh" -> torch.tanh t
        | "sqrt" -> torch.sqrt (1.5 + t * t)
        | "reciprocal" -> 1.0 / (1.5 + t * t)
        | "negate" -> -t
        | "sum" -> total t
        | "normSquared" -> total (t * t)
        | _ -> torch.sqrt (total ((1.5 + t * t) * (1.5 + t * t)))
    | Power(p, e) ->
        let t = value e
        (1.5 + t * t).pow(p.ToScalar())
    | WithNumber(name, c, e) ->
        let t = value e

        match name with
        | "x+c"
        | "c+x" -> t + c
        | "x-c" -> t - c
        | "c-x" -> c - t
        | "x*c"
        | "c*x" -> t * c
        | "x/c" -> t / c
        | _ -> c / (1.5 + t * t)
    | Operator(name, a, b) ->
        let a, b = value a, value b

        match name with
        | "+" -> a + b
        | "-" -> a - b
        | "*" -> a * b
        | _ -> a / (1.5 + b * b)
    | Affine(seed, e) ->
        let t = value e
        let w, b = weight seed (int t.shape[1])
        torch.matmul (t, w) + b
    | Slice(start, count, e) -> (value e).narrow(1L, int64 start, int64 count)
    | Concat(a, b) -> torch.cat ([| value a; value b |], 1L)

/// The expression on jets.
let rec private onJet (x: Jet) expression : Jet =
    let value = onJet x

    match expression with
    | X -> x
    | Constant(seed, perPoint) -> Jet.constant (constant seed perPoint) x
    | Function(name, e) ->
        let j = value e

        match name with
        | "sin" -> sin j
        | "cos" -> cos j
        | "exp" -> exp (sin j)
        | "log" -> log (1.5 + j * j)
        | "tanh" -> tanh j
        | "sqrt" -> sqrt (1.5 + j * j)
        | "reciprocal" -> Jet.reciprocal (1.5 + j * j)
        | "negate" -> -j
        | "sum" -> Jet.sum j
        | "normSquared" -> Jet.normSquared j
        | _ -> Jet.norm (1.5 + j * j)
    | Power(p, e) ->
        let j = value e
        (1.5 + j * j) ** p
    | WithNumber(name, c, e) ->
        let j = value e

        match name with
        | "x+c" -> j + c
        | "c+x" -> c + j
        | "x-c" -> j - c
        | "c-x" -> c - j
        | "x*c" -> j * c
        | "c*x" -> c * j
        | "x/c" -> j / c
        | _ -> c / (1.5 + j * j)
    | Operator(name, a, b) ->
        let a, b = value a, value b

        match name with
        | "+" -> a + b
        | "-" -> a - b
        | "*" -> a * b
        | _ -> a / (1.5 + b * b)
    | Affine(seed, e) ->
        let j = value e
        let w, b = weight seed (int j.Value.shape[1])
        Jet.affine w b j
    | Slice(start, count, e) -> if count = 1 then Jet.part start (value e) else Jet.slice start count (value e)
    | Concat(a, b) -> Jet.concat [ value a; value b ]

/// Where jets may move: some of the axes, lines that all points share, or lines of each point's own.
type Lines =
    | Axes of int list
    | SharedLines of count: int
    | OwnLines of count: int

let private lines =
    Gen.oneof
        [
            Gen.subListOf [ 0 .. d - 1 ] |> Gen.filter (List.isEmpty >> not) |> Gen.map Axes
            Gen.choose (1, 4) |> Gen.map SharedLines
            Gen.choose (1, 4) |> Gen.map OwnLines
        ]

/// The jet of the points, and its lines as vectors [N or 1, V, d].
let private start seed lines (x: Tensor) =
    let tangents, vectors =
        match lines with
        | Axes axes ->
            let indices = axes |> List.map int64 |> Array.ofList |> torch.tensor
            Coordinates indices, torch.nn.functional.one_hot(indices, int64 d).``to``(torch.float64).unsqueeze 0L
        | SharedLines count ->
            let vectors = normal (seed + 7) [ 1; count; d ]
            Dense vectors, vectors
        | OwnLines count ->
            let vectors = normal (seed + 7) [ rows; count; d ]
            Dense vectors, vectors

    let weights = normal (seed + 8) [ int vectors.shape[1] ]
    Directions.seed { Tangents = tangents; Weights = weights; First = Map.empty } x, vectors

/// First and second derivatives along lines: of s ↦ f(x + s v), by nested differentiation.
let private along (f: Tensor -> Tensor) (x: Tensor) (vectors: Tensor) (weights: Tensor) =
    let line v (s: Tensor) = f (x + s * vectors.select (1L, v))
    let still = torch.zeros ([| x.shape[0]; 1L |], torch.float64)
    let each (part: int64 -> Tensor) = [| for v in 0L .. vectors.shape[1] - 1L -> part v |]

    torch.stack (each (fun v -> (Nested.jacobian (line v) still).squeeze -1L), 1L),
    each (fun v -> weights[v] * Nested.second [| 1.0 |] (line v) still) |> Array.reduce (+)

let tests =
    testList
        "Calculus.Jet"
        [
            property
                "value, tangents and second derivatives of any composition are those of nested differentiation"
                150
                (Gen.zip3 (expressions 4) lines seeds)
                (fun (expression, lines, seed) ->
                    let x = normal seed [ rows; d ]
                    let start, vectors = start seed lines x
                    let jet = onJet start expression
                    let f x = onTensor x expression
                    let first, second = along f x vectors start.Weights
                    let whole (t: Tensor) (like: Tensor) = t.expand_as like
                    close "value" 1e-10 (f x) (whole jet.Value (f x))
                    // One is added so that derivatives that cancel to nothing are compared with it.
                    close "tangents" 1e-8 (1.0 + first) (1.0 + whole (Jet.tangents jet) first)
                    close "second" 1e-8 (1.0 + second) (1.0 + whole jet.Second second))

            testCase "an elementwise function takes its two derivatives as given" (fun () ->
                use _ = torch.NewDisposeScope()
                let x = normal 1 [ rows; d ]
                let start, vectors = start 1 (OwnLines 2) x
                let cube = Jet.elementwise (x * x * x) (3.0 * x * x) (6.0 * x) start
                let first, second = along (fun x -> x * x * x) x vectors start.Weights
                close "tangents" 1e-12 first (Jet.tangents cube)
                close "second" 1e-12 second cube.Second)

            testCase "small powers have derivatives at zero" (fun () ->
                use _ = torch.NewDisposeScope()
                let start, _ = start 1 (Axes [ 0; 1; 2 ]) (torch.zeros ([| 2L; 3L |], torch.float64))
                let square = start ** 2.0
                close "square" 0.0 (2.0 * start.Weights.unsqueeze(0L).expand(2L, 3L)) square.Second
                close "itself" 0.0 (Jet.tangents(start).expand(2L, 3L, 3L)) (Jet.tangents (start ** 1.0))
                close "one" 0.0 (torch.ones ([| 2L; 3L |], torch.float64)) (start ** 0.0).Value
                close "flat" 0.0 (torch.zeros ([| 2L; 3L |], torch.float64)) (start ** 1.0).Second)

            property "squares are differentiable by tangents" 10 seeds (fun seed ->
                let t = (normal seed [ 2; 3; 4 ]).requires_grad_ true
                let weights, cotangent = normal (seed + 1) [ 3 ], normal (seed + 2) [ 2; 4 ]

                let jet =
                    { Value = normal 1 [ 2; 4 ]; Tangents = Dense t; Second = normal 1 [ 2; 4 ]; Weights = weights }

                let squares = Jet.squares jet
                let plain = (t * t * weights.view (1L, 3L, 1L)).sum 1L
                close "value" 1e-12 plain squares
                let by (y: Tensor) = torch.autograd.grad([| (y * cotangent).sum() |], [| t |])[0]
                close "gradient" 1e-12 (by plain) (by squares))
        ]
