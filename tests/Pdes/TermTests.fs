/// The language of residuals: derivatives of formulas, and what is read of fields to have their values.
module MetaKan.Tests.TermTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Symbolic
open MetaKan.Tests.Numeric
open TorchSharp

let private x, y, t = coordinate "x", coordinate "y", coordinate "t"
let private u, v = field "u", field "v"
let private names = [ "x"; "y"; "t" ]
let private place = Placement.cpu64

/// A function of any term, where it is smooth.
let private called (f: Function) (inner: Term) : Term =
    let within = 0.5 * sin inner

    match f with
    | Function.Log
    | Function.Sqrt -> Term.call f (1.5 + within)
    | Function.Tan
    | Function.Asin
    | Function.Acos
    | Function.Atanh -> Term.call f within
    | Function.Abs
    | Function.Sign -> Term.call f (0.7 + within)
    | _ -> Term.call f within

/// Formulas of the leaves given, of every kind of term but means.
let private formulas (leaves: Term list) : Gen<Term> =
    let rec ofDepth depth =
        gen {
            if depth = 0 then
                return! Gen.elements (Term.Number 0.5 :: Term.Number -2.0 :: leaves)
            else
                let inner = ofDepth (depth - 1)
                let! a = inner
                let! b = inner

                return!
                    Gen.oneof
                        [
                            Gen.constant (a + b)
                            Gen.constant (a - 0.3 * b)
                            Gen.constant (a * b)
                            Gen.constant (a / (2.0 + b * b))
                            Gen.elements [ 2.0; 3.0; 2.5 ] |> Gen.map (fun p -> (1.0 + 0.1 * a * a) ** p)
                            Gen.elements Function.all |> Gen.map (fun f -> called f a)
                        ]
        }

    Gen.choose (1, 3) |> Gen.bind ofDepth

let private onPoints (term: Term) (points: Tensor) =
    (Term.evaluate points (Term.atPoints names points) term).expand(points.size 0, 1L)

/// ∂^n/∂x_i∂x_j… of a function of points by nested differentiation.
let private nested (f: Tensor -> Tensor) (by: int list) (points: Tensor) =
    let points = points.detach().requires_grad_ true

    (f points, by)
    ||> List.fold (fun value i ->
        let gradients =
            if value.requires_grad then
                Autograd.tryGradients true [| value |] [| torch.ones_like value |] [| points |]
            else
                [| None |]

        match gradients[0] with
        | Some g -> g.narrow (1L, int64 i, 1L)
        | None -> torch.zeros_like value)
    |> _.detach()

let private models =
    [
        Mlp.create [ 3; 4; 2 ]
        Kan.create { Size = 3; Order = 5 } [ 3; 3; 2 ]
        MetaKan.create
            { Size = 3; Order = 5 }
            { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.Shared; Chunk = None }
            [ 3; 3; 2 ]
    ]

/// The values of a term of the fields u and v by nested differentiation of the model; an integral of x or s by Simpson's
/// rule.
let rec private direct (model: Model) (p: Params) (points: Tensor) (term: Term) : Tensor =
    let index name = List.findIndex ((=) name) names

    let column name (x: Tensor) =
        (model.Apply p (x.narrow (1L, 0L, 3L))).narrow(1L, (if name = "u" then 0L else 1L), 1L)

    let moved (there: (string * Tensor) list) (x: Tensor) =
        torch.cat (
            [|
                for i, name in List.indexed (names @ [ "variable s" ]) do
                    match List.tryFind (fst >> (=) name) there with
                    | Some(_, value) -> value.expand (x.size 0, 1L)
                    | None when int64 i < x.size 1 -> x.narrow (1L, int64 i, 1L)
                    | None -> ()
            |],
            1L
        )

    let place (value: Term) =
        (Term.evaluate points (Term.atPoints (names @ [ "variable s" ]) points) value).expand(points.size 0, 1L)

    let leaf (term: Term) =
        match term with
        | Term.Field(name, by) -> nested (column name) (List.map index by) points
        | Term.Squares(name, parts) ->
            parts
            |> List.map (fun (i, a) -> a * nested (column name) [ index i; index i ] points)
            |> List.reduce (fun a b -> a + b)
        | Term.At(there, x) -> direct model p (moved [ for name, value in there -> name, place value ] points) x
        | Term.Integral(v, low, high, _, x) ->
            let low, high = place low, place high
            let steps = 40

            [
                for n in 0..steps ->
                    let weight =
                        if n = 0 || n = steps then 1.0
                        elif n % 2 = 1 then 4.0
                        else 2.0

                    let at = low + (high - low) * (float n / float steps)
                    (direct model p (moved [ v, at ] points) x).expand(points.size 0, 1L) * weight
            ]
            |> List.reduce (fun a b -> a + b)
            |> fun sum -> sum * (high - low) / (3.0 * float steps)
        | other -> Term.atPoints (names @ [ "variable s" ]) points other

    Term.evaluate points leaf term

/// The values of terms of the fields u and v at points by their jet.
let private values (model: Model) (p: Params) (points: Tensor) (terms: Term list) : Tensor list =
    let reading = Reading.ofTerms false names [] [ "u"; "v" ] terms

    let directions =
        reading.Operators
        |> List.map (fun (_, operator) -> Operator.directions LaplacianMethod.Exact (Key.ofSeed 1) place operator)

    reading.Values (fun directions x -> model.Jet p (Directions.seed directions x)) directions p points
    |> List.map _.expand(points.size 0, 1L)

let private started (model: Model) seed =
    model.Init (Key.ofSeed seed) place |> Map.map (fun _ t -> t + 0.1), normal (seed + 1) [ 5; 3 ] * 0.3

/// Terms by their jet, and by nested differentiation of the model.
let private both (model: Model) seed (terms: Term list) =
    let p, points = started model seed
    List.zip (values model p points terms) (terms |> List.map (direct model p points))

let private derivatives =
    gen {
        let! order = Gen.choose (1, 4)
        let! by = Gen.listOfLength order (Gen.elements [ x; y; t ])
        let! what = Gen.elements [ u; v ]
        return d what by
    }

let private s = variable "s"

/// Terms that read the fields elsewhere: at a wall, at a moved point, under integrals.
let private elsewhere: Gen<Term> =
    let inner = Gen.elements [ u; v; d u [ x ]; u * d v [ x; y ]; laplacian u [ x; y ]; x * u ]

    Gen.oneof
        [
            inner |> Gen.map (at [ x, number -0.4 ])
            inner |> Gen.map (at [ x, 0.5 * y; t, x * t ])
            inner |> Gen.map (integral x (number -0.3, number 0.4))
            inner |> Gen.map (fun f -> integral s (number 0.0, x) (exp (s - x) * at [ x, s ] f))
            inner |> Gen.map (fun f -> at [ y, x + t ] (integral s (y, number 0.2) (at [ t, s * x ] f)))
            inner |> Gen.map (fun f -> integral s (number 0.0, number 0.5) (s * at [ x, s; y, s; t, s * s ] f))
        ]

let private lines operator =
    (Operator.directions LaplacianMethod.Exact (Key.ofSeed 1) place operator).Weights.numel() |> int

let tests =
    testList
        "Pdes.Term"
        [
            property
                "derivatives of formulas are those of autograd"
                150
                (Gen.zip3 (formulas [ x; y; x * y ]) (Gen.listOfLength 2 (Gen.elements [ x; y ])) seeds)
                (fun (term, by, seed) ->
                    let points = normal seed [ 4; 3 ] * 0.5
                    let index = by |> List.map (fun c -> if c = x then 0 else 1)

                    for order in 1..2 do
                        let expected = nested (onPoints term) (List.truncate order index) points

                        close
                            "derivative"
                            1e-8
                            (1.0 + expected)
                            (1.0 + onPoints (d term (List.truncate order by)) points))

            property
                "any derivatives up to order 4, mixed ones too, come from one jet"
                40
                (Gen.zip3 (Gen.elements models) seeds (Gen.nonEmptyListOf derivatives |> Gen.map (List.truncate 4)))
                (fun (model, seed, terms) ->
                    for found, expected in both model seed terms do
                        close "value" 1e-7 (1.0 + expected) (1.0 + found))

            property
                "formulas of fields have the values that nested differentiation gives"
                40
                (Gen.zip3
                    (Gen.elements models)
                    seeds
                    (formulas [ u; v; x; d u [ t ]; d v [ x; y ]; laplacian u [ x; y ] ]))
                (fun (model, seed, term) ->
                    let equations =
                        [
                            u + d (term * d u [ x ]) [ x ]
                            v + div (grad term [ x; y ]) [ x; y ]
                            laplacian v [ x; y; t ] - term
                        ]

                    for found, expected in both model seed equations do
                        close "value" 1e-7 (1.0 + expected) (1.0 + found))

            property
                "fields are read at other points and under integrals, with all their derivatives"
                60
                (Gen.zip3 seeds elsewhere (Gen.elements [ []; [ x ]; [ t ]; [ x; x ]; [ y; x ] ]))
                (fun (seed, term, by) ->
                    // A smooth network: the integrals to compare with are Simpson's.
                    let model = models.Head

                    for found, expected in both model seed [ term * u + v; d (term * u) by ] do
                        close "value" 1e-6 (1.0 + expected) (1.0 + found)

                    // Of the chain rule and Leibniz': against differences of the values.
                    match by with
                    | [] -> ()
                    | first :: others ->
                        let p, points = started model seed
                        let one = List.findIndex ((=) first) [ x; y; t ]
                        let step = Array2D.init 1 3 (fun _ i -> if i = one then 1e-4 else 0.0)
                        let step = torch.tensor (step, dtype = torch.float64, device = torch.CPU)
                        let side sign = values model p (points + sign * step) [ d term others ] |> List.head
                        let found = values model p points [ d term by ] |> List.head
                        close "derivative" 1e-5 (1.0 + (side 1.0 - side -1.0) / 2e-4) (1.0 + found))

            property
                "the jet of a formula is that of nested differentiation"
                60
                (Gen.zip (formulas [ x; y; x * y; t ]) seeds)
                (fun (term, seed) ->
                    let points = normal seed [ 4; 3 ] * 0.5
                    let operator = { Second = [| 1.0; 2.0; 0.0 |]; Sums = []; Partials = [ [ 0; 1; 1 ]; [ 2 ] ] }
                    let directions = Operator.directions LaplacianMethod.Exact (Key.ofSeed 1) place operator
                    let found = Term.jet names (Directions.seed directions points) term
                    let f = onPoints term
                    close "value" 1e-10 (1.0 + f points) (1.0 + found.Value)
                    let second = nested f [ 0; 0 ] points + 2.0 * nested f [ 1; 1 ] points
                    close "second" 1e-8 (1.0 + second) (1.0 + found.Second)

                    for by in operator.Partials do
                        close "partial" 1e-7 (1.0 + nested f by points) (1.0 + Directions.partial directions by found))

            testCase "the same points are read in one pass, and what is the same everywhere at one point" (fun () ->
                let operators terms = (Reading.ofTerms false names [] [ "u"; "v" ] terms).Operators |> List.map fst
                let wall = [ x, number -1.0 ]
                Expect.equal (operators [ u - at wall u; d u [ x ] - at wall (d u [ x ] + v) ]) [ 1; 1 ] "periodic"
                Expect.equal (operators [ u - integral s (number 0.0, x) (at [ x, s ] u) ]) [ 1; 0; 20 ] "Volterra"
                let whole = integral x (number 0.0, number 1.0) (at [ y, x; t, x ] u)
                Expect.equal (operators [ u - whole; v + whole * whole ]) [ 1; 0; 0 ] "the same everywhere"
                // A formula is no reading.
                Expect.equal (at wall (x * x + t)) (1.0 + t) "formula")

            testCase "no more lines are followed than the derivatives need" (fun () ->
                use _ = torch.NewDisposeScope()
                let partials list = { Second = [| 0.0; 0.0; 0.0 |]; Sums = []; Partials = list }

                for list, count in
                    [
                        [ [ 0 ]; [ 1 ]; [ 2 ] ], 3
                        [ [ 0; 1 ] ], 2
                        [ [ 0; 0 ]; [ 1; 1 ]; [ 0; 1 ] ], 3
                        [ [ 0; 1 ]; [ 0 ]; [ 1 ] ], 2
                        [ [ 0; 0; 0; 0 ]; [ 0; 0; 1; 1 ]; [ 1; 1; 1; 1 ] ], 4
                        [ [ 0; 0; 1; 1 ]; [ 0; 0 ]; [ 0 ] ], 4
                        [ [ 0; 0; 2 ] ], 3
                        [ [ 0; 0; 0 ]; [ 0 ]; [ 0; 0 ] ], 1
                        [ [ 0; 1; 2 ] ], 4
                    ] do
                    Expect.equal (lines (partials list)) count $"lines of {list}"

                // A single second derivative is summed along, a Laplacian too.
                let read (term: Term) = (Reading.ofTerms false names [] [ "u" ] [ term ]).Operators |> List.head |> snd
                let burgers = read (d u [ t ] + u * d u [ x ] - 0.01 * d u [ x; x ])

                Expect.equal
                    burgers
                    { Second = [| 1.0; 0.0; 0.0 |]; Sums = []; Partials = [ [ 2 ]; [ 0 ] ] }
                    "operator"

                let heat = read (d u [ t ] - laplacian u [ x; y ])
                Expect.equal heat { Second = [| 1.0; 1.0; 0.0 |]; Sums = []; Partials = [ [ 2 ] ] } "operator")

            testCase "sums and products are kept short" (fun () ->
                Expect.equal (x + 0.0) x "sum"
                Expect.equal (0.0 * x + 2.0) (Term.Number 2.0) "product"
                Expect.equal (2.0 * (3.0 * x)) (Term.Product [ Term.Number 6.0; x ]) "product"
                Expect.equal (d (x ** 3.0) [ x; x; x ]) (Term.Number 6.0) "derivative"
                Expect.equal (d u [ t; x ]) (d u [ x; t ]) "mixed derivative"
                Expect.equal (d (mean u) [ x ]) (Term.Number 0.0) "derivative of a mean")

            testCase "functions of the point have derivatives, too" (fun () ->
                use _ = torch.NewDisposeScope()
                let points = normal 3 [ 4; 3 ]
                let f = given "f" (fun p -> torch.sin (p.narrow (1L, 0L, 1L)) * p.narrow (1L, 1L, 1L))
                close "value" 1e-12 (onPoints (sin x * y) points) (onPoints f points)
                close "by x, y" 1e-12 (onPoints (cos x) points) (onPoints (d f [ y; x ]) points)
                close "by t" 0.0 (torch.zeros (4L, 1L, dtype = torch.float64)) (onPoints (d f [ t ]) points))

            testCase "derivatives are by coordinates, and divergences of as many parts" (fun () ->
                let refused action part =
                    Expect.stringContains (Folder.messageOf<ArgumentException>(action >> ignore)) part "message"

                refused (fun () -> d u [ u ]) "a coordinate is wanted here"
                refused (fun () -> laplacian u [ x + y ]) "a coordinate is wanted here"
                refused (fun () -> div [ u ] [ x; y ]) "takes as many parts")
        ]
