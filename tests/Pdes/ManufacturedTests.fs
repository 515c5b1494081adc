/// Manufactured problems: the solution that one chooses solves the equation, with the source that jets derive.
module MetaKan.Tests.ManufacturedTests

open System
open Expecto
open MetaKan
open MetaKan.Pdes

let private place = Placement.cpu64
let private x, y, t, u = coordinate "x", coordinate "y", coordinate "t", field "u"
let private domain = Domain.box [ 0.0, 1.0; 0.0, 1.0; 0.0, 1.0 ]
let private formula = exp (-t) * sin (Math.PI * x) * cos (3.0 * y) + x ** 2.0
let private solution (p: Jet) = exp (-p[2]) * sin (Math.PI * p[0]) * cos (3.0 * p[1]) + p[0] * p[0]

let private equation = d u [ t ] - Term.Squares("u", [ "x", 1.0; "y", 2.0 ]) + u * u

let private problem =
    Problem.manufactured "test" domain [ "x"; "y"; "t" ] [ "u", formula ] [ "equation", equation ]

/// A model that is one function, whatever its parameters.
let private fixedTo (f: Jet -> Jet) : Model =
    {
        Name = "fixed"
        Description = "a given function"
        Init = fun _ _ -> Map.empty
        Apply = fun _ -> Jet.valueOf f
        Jet = fun _ -> f
        Traced = fun _ -> f >> Traced.ofJet
        Group = fun _ -> ParameterGroup.Weights
        NumbersPerPoint = fun _ _ -> 1L
        Derived = None
        Edges = []
    }

let private residualAt (points: Tensor) method f =
    let reading =
        Reading.ofTerms false problem.Coordinates [] problem.Fields [ problem.Equations.Head.Residual ]

    let directions =
        reading.Operators
        |> List.map (fun (_, operator) -> Operator.directions method (Key.ofSeed 2) place operator)

    reading.Values (fun directions -> Problem.jet problem (fixedTo f) directions Map.empty) directions Map.empty points
    |> List.head
    |> Tensor.toArray

let private residual method f = residualAt (domain.Sample (Key.ofSeed 1) place 40) method f

let tests =
    testList
        "Pdes.Manufactured"
        [
            testCase "the chosen solution solves the equation, another function does not" (fun () ->
                for r in residual LaplacianMethod.Exact solution do
                    Check.inRange (-1e-12) 1e-12 r "residual"

                for r in residual LaplacianMethod.Exact (fun p -> solution p + p[2]) do
                    Check.inRange 0.1 10.0 (abs r) "residual")

            testCase "the source is exact where the operator is estimated" (fun () ->
                let none (p: Jet) = 0.0 * p[0]

                // Of u = 0 every estimate is exact, so that what is left is the source.
                Expect.equal (residual (LaplacianMethod.Sdgd 1) none) (residual LaplacianMethod.Exact none) "residual"

                Expect.equal
                    (residual (LaplacianMethod.Hutchinson 1) none)
                    (residual LaplacianMethod.Exact none)
                    "residual"

                Expect.exists (residual (LaplacianMethod.Sdgd 1) solution) (fun r -> abs r > 0.1) "residual")

            testCase "the source is that of the formula" (fun () ->
                let p = [| 0.3; 0.7; 0.2 |]
                let wave = exp -p[2] * sin (Math.PI * p[0]) * cos (3.0 * p[1])
                let u = wave + p[0] * p[0]
                let source = -wave - (-Math.PI * Math.PI * wave + 2.0 - 2.0 * 9.0 * wave) + u * u
                let point = Tensor.ofArray place [ 1L; 3L ] p
                let residual = residualAt point LaplacianMethod.Exact (fun p -> 0.0 * p[0]) |> Array.exactlyOne
                Check.near 5e-11 residual (-source) "residual"
                Check.near 5e-13 (Tensor.item (problem.Exact.Value point)) u "exact solution")

            testCase "a jet's components are those of its points" (fun () ->
                let points = domain.Sample (Key.ofSeed 1) place 5

                for i in 0..2 do
                    let expected = Tensor.toArray (points.narrow (1L, int64 i, 1L))
                    Expect.equal (Tensor.toArray (Jet.valueOf (fun p -> p[i]) points)) expected "values")
        ]
