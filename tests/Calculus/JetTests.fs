/// Jets against nested automatic differentiation, on random compositions and random directions.
module MetaKan.Tests.JetTests

open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Lines
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

let private functions =
    [ "sin"; "cos"; "exp"; "log"; "tanh"; "sqrt"; "reciprocal"; "negate"; "sum"; "normSquared"; "norm" ]

let private exponents = [ 0.0; 1.0; 2.0; 3.0; -1.5; 0.5 ]

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
                Gen.zip (Gen.elements functions) smaller |> Gen.map Function
                Gen.zip (Gen.elements exponents) smaller |> Gen.map Power
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
    | Constant(seed, perPoint) ->
        let value = constant seed perPoint
        value.repeat (x.size 0 / value.size 0, 1L)
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

/// A composition, and the jet of random points that it is taken of.
let private cases =
    gen {
        let! expression = expressions 4
        let! lines = lines d
        let! order = orders
        let! seed = seeds
        return expression, lines, order, seed
    }

/// Of random points: themselves, their jet, and its lines as vectors.
let private start seed lines order =
    let x = normal seed [ rows; d ]
    let directions, vectors = directions seed lines order x
    x, Directions.seed directions x, vectors

let private whole (t: Tensor) (like: Tensor) = t.expand_as like

/// That the jet of a composition is that of nested differentiation.
let private agrees (expression, lines, order, seed) =
    let x, start, vectors = start seed lines order
    let jet = onJet start expression
    let f x = onTensor x expression
    let found = derivatives (max 2 order) f x vectors
    let second = weighted start.Weights found[1]
    close "value" 1e-10 (f x) (whole jet.Value (f x))
    // One is added so that derivatives that cancel to nothing are compared with it.
    close "tangents" 1e-8 (1.0 + found[0]) (1.0 + whole (Jet.tangents jet) found[0])
    close "second" 1e-8 (1.0 + second) (1.0 + whole jet.Second second)
    Expect.equal jet.Higher.Length (order - 1) "orders from 2"

    for m, t in List.indexed jet.Higher do
        close $"order {m + 2}" 1e-8 (1.0 + found[m + 1]) (1.0 + whole t found[m + 1])

let tests =
    testList
        "Calculus.Jet"
        [
            property "value and derivatives of any composition are those of nested differentiation" 200 cases agrees

            // A random composition of order 4 rarely has a given one.
            Check.theory
                "every operation has its derivatives up to order 4"
                [
                    for name in functions do
                        Function(name, X)
                    for exponent in exponents do
                        Power(exponent, X)
                    for name in [ "+"; "-"; "*"; "/" ] do
                        Operator(name, X, Function("sin", X))
                    Affine(1, Function("sin", X))
                    Slice(1, 2, Function("sin", X))
                    Concat(Function("sin", X), Constant(1, true))
                ]
                (fun expression ->
                    use _ = torch.NewDisposeScope()
                    agrees (expression, OwnLines 3, 4, 1))

            property
                "derivatives of higher orders change none of the others"
                60
                cases
                (fun (expression, lines, order, seed) ->
                    let jet order =
                        let _, start, _ = start seed lines order
                        onJet start expression

                    let plain, higher = jet 1, jet order
                    Expect.isEmpty plain.Higher "orders from 2"
                    close "value" 0.0 plain.Value higher.Value
                    close "tangents" 0.0 (Jet.tangents plain) (Jet.tangents higher)
                    close "second" 0.0 plain.Second higher.Second)

            property
                "polynomials are exact"
                30
                (Gen.zip3 (Gen.listOfLength 5 (Gen.choose (-3, 3))) (lines 1) orders)
                (fun (coefficients, lines, order) ->
                    let coefficients = List.map float coefficients
                    let x = tensor [ 4; 1 ] [ -2.0; 0.0; 1.0; 3.0 ]
                    let directions, _ = directions 0 lines order x
                    let lines = directions.Weights.size 0
                    let v = tensor [ 1; int lines; 1 ] [ for n in 1L .. lines -> float (2L - n) ]
                    let start = Directions.seed { directions with Tangents = Dense v } x
                    // By Horner's rule, and as a sum of powers.
                    let horner = coefficients |> List.fold (fun y c -> y * start + c) (0.0 * start)

                    let powers = coefficients |> List.mapi (fun n c -> c * start ** float (4 - n)) |> List.reduce (+)
                    let power (t: Tensor) (p: int) = t.pow (p.ToScalar())

                    let derivative m : Tensor =
                        coefficients
                        |> List.mapi (fun n c ->
                            let p = 4 - n
                            let factor = Seq.fold (fun c j -> c * float (p - j)) c [ 0 .. m - 1 ]
                            if p < m then torch.zeros_like x else factor * power x (p - m))
                        |> List.reduce (fun a b -> a + b)
                        |> fun t -> t.unsqueeze 1 * power v m

                    for jet in [ horner; powers ] do
                        close "value" 0.0 (derivative(0).select(1L, 0L)) jet.Value
                        close "tangents" 0.0 (derivative 1) (Jet.tangents jet)

                        for m, t in List.indexed jet.Higher do
                            close $"order {m + 2}" 0.0 (derivative (m + 2)) t)

            property "an elementwise function takes its derivatives as given" 10 orders (fun order ->
                let x, start, vectors = start 1 (OwnLines 2) order
                let asked = ResizeArray()

                let cube =
                    start
                    |> Jet.elementwise (fun order ->
                        asked.Add order

                        match order with
                        | 0 -> x * x * x
                        | 1 -> 3.0 * x * x
                        | 2 -> 6.0 * x
                        | 3 -> 6.0 * torch.ones_like x
                        | _ -> torch.zeros_like x)

                Expect.equal (List.ofSeq asked) [ 0 .. max 2 order ] "orders asked for"
                let found = derivatives (max 2 order) (fun x -> x * x * x) x vectors
                close "tangents" 1e-12 found[0] (Jet.tangents cube)
                close "second" 1e-12 (weighted start.Weights found[1]) cube.Second

                for m, t in List.indexed cube.Higher do
                    close $"order {m + 2}" 1e-12 found[m + 1] t)

            testCase "jets of other orders are refused" (fun () ->
                use _ = torch.NewDisposeScope()
                let jet order = let _, start, _ = start 1 (Axes [ 0; 2 ]) order in start

                for order in [ -1; 0; 5 ] do
                    let said = Folder.messageOf<System.ArgumentException>(fun () -> jet order |> ignore)
                    Expect.stringContains said $"not {order}" "an order out of range"

                for together in [ Jet.add; Jet.multiply; (fun a b -> Jet.concat [ a; b ]) ] do
                    let said = Folder.messageOf<System.ArgumentException>(fun () -> together (jet 3) (jet 1) |> ignore)

                    Expect.stringContains said "not of orders [3; 1]" "different orders")

            testCase "small powers have derivatives at zero" (fun () ->
                use _ = torch.NewDisposeScope()
                let zero = torch.zeros ([| 2L; 3L |], torch.float64)
                let directions, _ = directions 1 (Axes [ 0; 1; 2 ]) 4 zero
                let start = Directions.seed directions zero
                let square = start ** 2.0
                close "square" 0.0 (2.0 * start.Weights.unsqueeze(0L).expand(2L, 3L)) square.Second
                close "itself" 0.0 (Jet.tangents(start).expand(2L, 3L, 3L)) (Jet.tangents (start ** 1.0))
                close "one" 0.0 (torch.ones ([| 2L; 3L |], torch.float64)) (start ** 0.0).Value
                close "flat" 0.0 zero (start ** 1.0).Second

                for p in 0..4 do
                    for m, t in List.indexed (start ** float p).Higher do
                        let order = m + 2
                        let expected = if p = order then Seq.fold (*) 1.0 [ 1.0 .. float p ] else 0.0
                        close $"order {order} of power {p}" 0.0 (expected * (Jet.tangents start).expand_as t) t)

            property "squares are differentiable by tangents" 10 seeds (fun seed ->
                let t = (normal seed [ 2; 3; 4 ]).requires_grad_ true
                let weights, cotangent = normal (seed + 1) [ 3 ], normal (seed + 2) [ 2; 4 ]

                let jet =
                    {
                        Value = normal 1 [ 2; 4 ]
                        Tangents = Dense t
                        Second = normal 1 [ 2; 4 ]
                        Weights = weights
                        Higher = []
                    }

                let squares = Jet.squares jet
                let plain = (t * t * weights.view (1L, 3L, 1L)).sum 1L
                close "value" 1e-12 plain squares
                let by (y: Tensor) = torch.autograd.grad([| (y * cotangent).sum() |], [| t |])[0]
                close "gradient" 1e-12 (by plain) (by squares))
        ]
