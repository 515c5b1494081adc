/// The problems of docs/problems.md: solutions in closed form solve them, other functions do not.
module MetaKan.Tests.LanguageTests

open System
open Expecto
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private x, y, t = coordinate "x", coordinate "y", coordinate "t"
let private u, v, w, p = field "u", field "v", field "w", field "p"
let private names = [ "x"; "y"; "t" ]
let private pi = Math.PI

/// 1/cosh.
let private sech (a: Term) = 1.0 / cosh a

let private mass = div [ u; v ] [ x; y ]

/// Kovasznay's solution, Proc. Camb. Phil. Soc. 44 (1948).
let private kovasznay =
    let rate = 20.0 - sqrt (400.0 + 4.0 * pi * pi)

    [
        "u", 1.0 - exp (rate * x) * cos (2.0 * pi * y)
        "v", rate / (2.0 * pi) * exp (rate * x) * sin (2.0 * pi * y)
        "p", 0.5 * (1.0 - exp (2.0 * rate * x))
    ]

/// Each problem with its equations and a solution of them.
let private problems: (string * Term list * (string * Term) list) list =
    [
        "heat", [ d u [ t ] - 0.2 * d u [ x; x ] ], [ "u", exp (-0.2 * pi * pi * t) * sin (pi * x) ]

        "wave", [ d u [ t; t ] - 4.0 * d u [ x; x ] ], [ "u", sin (pi * x) * cos (2.0 * pi * t) ]

        "Helmholtz", [ laplacian u [ x; y ] + 4.0 * u ], [ "u", sin (sqrt 2.0 * x) * sin (sqrt 2.0 * y) ]

        "Burgers", [ d u [ t ] + u * d u [ x ] - 0.1 * d u [ x; x ] ], [ "u", 1.0 - tanh ((x - t) / 0.2) ]

        "Korteweg–de Vries",
        [ d u [ t ] + 6.0 * u * d u [ x ] + d u [ x; x; x ] ],
        [ "u", 0.5 * sech (0.5 * (x - t)) ** 2.0 ]

        "Kuramoto–Sivashinsky",
        [ d u [ t ] + u * d u [ x ] + d u [ x; x ] + d u [ x; x; x; x ] ],
        // Kuramoto and Tsuzuki, Prog. Theor. Phys. 55 (1976): a front that moves.
        [
            let k = 0.5 * sqrt (11.0 / 19.0)
            let s = tanh (k * (x - 2.0 * t))
            "u", 2.0 + 15.0 / 19.0 * sqrt (11.0 / 19.0) * (11.0 * s ** 3.0 - 9.0 * s)
        ]

        "biharmonic",
        [ laplacian (laplacian u [ x; y ]) [ x; y ] ],
        [ "u", (x * x + y * y) * x * y + x ** 3.0 - 3.0 * x * y * y ]

        "flow",
        [
            u * d u [ x ] + v * d u [ y ] + d p [ x ] - laplacian u [ x; y ] / 40.0
            u * d v [ x ] + v * d v [ y ] + d p [ y ] - laplacian v [ x; y ] / 40.0
            mass
        ],
        kovasznay

        "Schrödinger",
        [
            d v [ t ] - 0.5 * d u [ x; x ] - (u * u + v * v) * u
            d u [ t ] + 0.5 * d v [ x; x ] + (u * u + v * v) * v
        ],
        [ "u", sech x * cos (0.5 * t); "v", sech x * sin (0.5 * t) ]

        "Lorenz",
        [
            d u [ t ] - 10.0 * (v - u)
            d v [ t ] - (u * (28.0 - w) - v)
            d w [ t ] - (u * v - 8.0 / 3.0 * w)
        ],
        // Along its axis the system is linear.
        [ "u", Term.Number 0.0; "v", Term.Number 0.0; "w", exp (-8.0 / 3.0 * t) ]

        "Poisson",
        [ laplacian u [ x; y ] - 2.0 * pi ** 2.0 * cos (pi * x) * cos (pi * y) ],
        [ "u", -cos(pi * x) * cos (pi * y) ]
    ]

/// The largest of the residuals of fields that are given as formulas.
let private largest (solution: (string * Term) list) (equations: Term list) =
    use _ = torch.NewDisposeScope()
    let points = uniform 3 (-0.9, 0.9) [ 40; 3 ]

    equations
    |> List.map (fun equation ->
        let value = Problem.solved solution equation |> Term.evaluate points (Term.atPoints names points)

        Tensor.item (value.abs().max()))
    |> List.max

let tests =
    testList
        "Pdes.Language"
        [
            Check.theory "a known solution solves" (problems |> List.map (fun (name, _, _) -> name)) (fun name ->
                let _, equations, solution = problems |> List.find (fun (other, _, _) -> other = name)
                Check.inRange 0.0 1e-8 (largest solution equations) "residual"

                let moved = solution |> List.map (fun (name, term) -> name, term + 0.1 * x * x * y * y * t)
                Check.inRange 1e-3 1e9 (largest moved equations) "residual of other fields")

            testCase "a coefficient of place and solution is differentiated with the rest" (fun () ->
                let k = 1.0 + x * x + u * u
                let conserved = div [ for g in grad u [ x; y ] -> k * g ] [ x; y ]

                let expanded =
                    k * (d u [ x; x ] + d u [ y; y ])
                    + (2.0 * x + 2.0 * u * d u [ x ]) * d u [ x ]
                    + 2.0 * u * d u [ y ] ** 2.0

                for solution in [ sin (x + 2.0 * y); exp (x * y) ] do
                    Check.inRange 0.0 1e-12 (largest [ "u", solution ] [ conserved - expanded ]) "difference")

            testCase "complex fields are pairs of real ones" (fun () ->
                let h = Complex.create u v

                let schrodinger =
                    Complex.i * Complex.map (fun f -> d f [ t ]) h
                    + 0.5 * Complex.map (fun f -> d f [ x; x ]) h
                    + Complex.squared h * h

                let soliton = [ "u", sech x * cos (0.5 * t); "v", sech x * sin (0.5 * t) ]
                Check.inRange 0.0 1e-12 (largest soliton (Complex.parts "h" schrodinger |> List.map snd)) "residual"

                // Arithmetic is that of complex numbers.
                let a, b = System.Numerics.Complex(0.3, -1.2), System.Numerics.Complex(-0.7, 0.4)
                let term (z: System.Numerics.Complex) = Complex.create (number z.Real) (number z.Imaginary)

                for name, found, expected in
                    [
                        "sum", term a + term b, a + b
                        "difference", term a - term b, a - b
                        "product", term a * term b, a * b
                        "quotient", term a / term b, a / b
                        "negative", -term a, -a
                        "conjugate", Complex.conjugate (term a), System.Numerics.Complex.Conjugate a
                        "exponential", Complex.exp (term a), System.Numerics.Complex.Exp a
                        "with numbers", 2.0 - (1.0 + term a * 3.0) / 2.0, 2.0 - (1.0 + a * 3.0) / 2.0
                        "with terms", number 2.0 - (term a - number 1.0) * number 3.0, 2.0 - (a - 1.0) * 3.0
                    ] do
                    match found.Real, found.Imaginary with
                    | Term.Number re, Term.Number im ->
                        Check.near 1e-14 re expected.Real name
                        Check.near 1e-14 im expected.Imaginary name
                    | other -> failtest $"{name} gives {other}"

                Expect.equal (Complex.squared (term a)) (number (0.3 * 0.3 + 1.2 * 1.2)) "square")
        ]
