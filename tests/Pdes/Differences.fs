/// Terms of fields that are known as functions, with derivatives by differences: what a solution without a formula leaves of
/// an equation.
module MetaKan.Tests.Differences

open MetaKan
open MetaKan.Pdes
open TorchSharp

/// What the values at -4, …, 4 steps count in derivatives of orders 1 to 4; Fornberg, Math. Comp. 51 (1988).
let private weights =
    let odd (half: float list) = half @ [ 0.0 ] @ (List.rev half |> List.map (~-))
    let even (half: float list) middle = half @ [ middle ] @ List.rev half

    [|
        odd [ 1.0 / 280.0; -4.0 / 105.0; 1.0 / 5.0; -4.0 / 5.0 ]
        even [ -1.0 / 560.0; 8.0 / 315.0; -1.0 / 5.0; 8.0 / 5.0 ] (-205.0 / 72.0)
        odd [ -7.0 / 240.0; 3.0 / 10.0; -169.0 / 120.0; 61.0 / 30.0 ]
        even [ 7.0 / 240.0; -2.0 / 5.0; 169.0 / 60.0; -122.0 / 15.0 ] (91.0 / 8.0)
    |]

/// A derivative [N, 1] of a function of points by the numbered coordinates, mixed or not. `lengths` are those over which the
/// function changes along each coordinate: steps are a fraction of them, at which rounding is no more than what is cut off.
let partial (lengths: float list) (f: Tensor -> Tensor) (by: int list) (x: Tensor) : Tensor =
    let fraction = 2.2e-16 ** (1.0 / float (by.Length + 8))

    let along (f: Tensor -> Tensor) (i: int, order: int) =
        let h = lengths[i] * fraction

        fun (x: Tensor) ->
            let step = torch.zeros_like x
            step.select(1L, int64 i).fill_(h.ToScalar()) |> ignore

            [
                for n, weight in List.zip [ -4 .. 4 ] weights[order - 1] do
                    if weight <> 0.0 then
                        f (x + float n * step) * (weight / h ** float order)
            ]
            |> List.reduce (fun a b -> a + b)

    ((f, List.countBy id by) ||> List.fold along) x

/// The values [N, 1] of a term where a problem's fields are a function of points and its parameters have values, at points
/// [N, d] with what else is drawn with them in columns of these names.
let valueOf
    (lengths: float list)
    (problem: Problem)
    (fields: Tensor -> Tensor)
    (parameters: (string * float) list)
    (columns: string list)
    (points: Tensor)
    (term: Term)
    : Tensor =
    let x = points.narrow (1L, 0L, int64 problem.Coordinates.Length)
    let number name = List.findIndex ((=) name)

    let field name by =
        let column (x: Tensor) = (fields x).narrow(1L, int64 (number name problem.Fields), 1L)
        partial lengths column (by |> List.map (fun by -> number by problem.Coordinates)) x

    let rec leaf (term: Term) =
        match term with
        | Term.Field(name, by) -> field name by
        | Term.Squares(name, parts) ->
            parts |> List.map (fun (i, a) -> a * field name [ i; i ]) |> List.reduce (fun a b -> a + b)
        | Term.Slopes _
        | Term.Derivatives _ -> Term.evaluate points leaf (Term.writtenOut term)
        | Term.Parameter name -> torch.full_like (x.narrow (1L, 0L, 1L), (Map.find name (Map parameters)).ToScalar())
        | Term.Given _ -> Term.atPoints problem.Coordinates x term
        | other -> Term.atPoints (problem.Coordinates @ columns) points other

    (Term.evaluate points leaf term).expand(points.size 0, 1L)
