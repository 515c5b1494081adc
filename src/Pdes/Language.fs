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

    let private name (by: Term) =
        match by with
        | Term.Coordinate name -> name
        | other -> invalidArg (nameof by) $"derivatives are by coordinates, not by {other}"

    /// The derivative by each of the listed coordinates in turn: `d u [ x; x; t ]` is ∂³u/∂x²∂t.
    let d (term: Term) (by: Term list) : Term = (term, by) ||> List.fold (fun term by -> Term.derivative (name by) term)

    /// Σ ∂²/∂x_i² over the listed coordinates; of a field it is summed as it is computed.
    let laplacian (term: Term) (by: Term list) : Term =
        match term with
        | Term.Field(field, []) when not by.IsEmpty -> Term.Squares(field, by |> List.map (fun x -> name x, 1.0))
        | _ -> Term.sum [ for x in by -> d term [ x; x ] ]

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
