// The words in which equations and conditions are written.
namespace MetaKan.Pdes

open MetaKan

/// Coordinates, fields, derivatives and what else equations are made of.
[<AutoOpen>]
module Language =
    /// A coordinate, by its name.
    let coordinate (name: string) : Term = Term.Coordinate name

    /// The coordinates name1, name2, … name`count`.
    let coordinates (name: string) (count: int) : Term list = [ for i in 1..count -> Term.Coordinate $"{name}{i}" ]

    /// An unknown field, by its name.
    let field (name: string) : Term = Term.Field(name, [])

    /// A number that is found with the solution, by its name.
    let parameter (name: string) : Term = Term.Parameter name

    /// A function of the point by tensors: values [N, 1] at points [N, d], each row by its own point alone. Its
    /// derivatives come from autograd.
    let given (name: string) (value: Tensor -> Tensor) : Term = Term.Given({ Name = name; Value = value }, [])

    /// A constant, where a term is wanted.
    let number (value: float) : Term = Term.Number value

    /// The variable of an integral, by its name.
    let variable (name: string) : Term = Term.Coordinate(Term.variableName name)

    let private name (by: Term) =
        match by with
        | Term.Coordinate name -> name
        | other -> invalidArg (nameof by) $"a coordinate is wanted here, by its name, not {other}"

    /// The derivative by each of the listed coordinates in turn: `d u [ x; x; t ]` is ∂³u/∂x²∂t.
    let d (term: Term) (by: Term list) : Term = (term, by) ||> List.fold (fun term by -> Term.derivative (name by) term)

    /// Σ ∂²/∂x_i² over the listed coordinates; of a field it is summed as it is computed.
    let laplacian (term: Term) (by: Term list) : Term =
        match term with
        | Term.Field(field, []) when not by.IsEmpty -> Term.Squares(field, by |> List.map (fun x -> name x, 1.0))
        | _ -> Term.sum [ for x in by -> d term [ x; x ] ]

    /// |∇u|² by the listed coordinates, Σ (∂/∂x_i)²; of a field it is summed as it is computed.
    let gradSquared (term: Term) (by: Term list) : Term =
        match term with
        | Term.Field(field, []) when not by.IsEmpty -> Term.Slopes(field, by |> List.map (fun x -> name x, 1.0))
        | _ -> Term.sum [ for x in by -> Term.power (d term [ x ]) 2.0 ]

    /// The derivatives by each of the listed coordinates.
    let grad (term: Term) (by: Term list) : Term list = by |> List.map (fun x -> d term [ x ])

    /// Σ ∂v_i/∂x_i of a vector v.
    let div (vector: Term list) (by: Term list) : Term =
        if vector.Length <> by.Length then
            invalidArg
                (nameof vector)
                $"a divergence by {by.Length} coordinates takes as many parts, not {vector.Length}"

        List.map2 (fun part x -> d part [ x ]) vector by |> Term.sum

    /// The mean over the points of a condition's sample.
    let mean (term: Term) : Term = Term.Mean term

    /// The term at another point, where coordinates have the values given: `u - at [ x, number -1.0 ] u` compares u with
    /// what it is at x = -1, all other coordinates the same. Values are formulas of the point.
    let at (moved: (Term * Term) list) (term: Term) : Term =
        Term.at (moved |> List.map (fun (x, value) -> name x, value)) term

    /// ∫ f dv over v from low to high, by Gauss–Legendre quadrature with 20 nodes. v is a variable, as s in
    /// `integral s (number 0.0, x) (exp (s - x) * at [ x, s ] u)`, or a coordinate, which then has v's values within:
    /// `integral x (number 0.0, number 1.0) u` is ∫ u(x, t) dx. Limits are formulas of the point.
    let integral (v: Term) (low: Term, high: Term) (term: Term) : Term = Term.Integral(name v, low, high, 20, term)

    /// A component of the outward unit normal, by its coordinate's; in conditions on a part of the boundary.
    let normal (by: Term) : Term = Term.Coordinate(Term.normalName (name by))

    /// The derivative along the outward normal, Σ n_i ∂/∂x_i over the listed coordinates; in conditions on a part of the
    /// boundary.
    let normalDerivative (term: Term) (by: Term list) : Term = Term.sum [ for x in by -> normal x * d term [ x ] ]

    /// The matrix of second derivatives by the listed coordinates, row by row.
    let hessian (term: Term) (by: Term list) : Term list list = [ for x in by -> [ for y in by -> d term [ x; y ] ] ]
