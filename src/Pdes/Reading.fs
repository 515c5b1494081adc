// What residuals read of the fields: found by looking at them, so that derivatives of nothing else are computed.
namespace MetaKan.Pdes

open System.Collections.Generic
open MetaKan
open TorchSharp

/// Terms made ready for points: the derivatives that they take, and their values from the fields' jet.
type internal Reading =
    {
        Operator: Operator
        /// The values of each term [N, 1], or [1, 1] of one that is a mean, from directions, the trained numbers, points
        /// [N, d] and the fields' jet there.
        Values: Directions -> Params -> Tensor -> Jet -> Tensor list
    }

[<RequireQualifiedAccess>]
module internal Reading =
    /// What is wrong with a term at points that have further columns: a coordinate, field or parameter that is not among
    /// those given, no field at all, a derivative of an order beyond 4, a mean where there is to be none.
    let fault
        (coordinates: string list)
        (columns: string list)
        (fields: string list)
        (parameters: string list)
        (means: bool)
        (term: Term)
        : string option =
        let listed (names: string list) = String.concat ", " names

        let unknown what names (name: string) =
            if List.contains name names then
                None
            else
                Some $"it reads the {what} '{name}', and the {what}s are {listed names}"

        let coordinate = unknown "coordinate" coordinates
        let leaves = Term.leaves term

        let faults =
            [
                for leaf in leaves do
                    match leaf with
                    | Term.Coordinate name -> unknown "coordinate" (coordinates @ columns) name
                    | Term.Field(name, by) ->
                        unknown "field" fields name
                        yield! List.map coordinate by

                        if by.Length > 4 then
                            Some $"it reads a derivative of order {by.Length}, and the highest is 4"
                    | Term.Squares(name, terms) ->
                        unknown "field" fields name
                        yield! terms |> List.map (fst >> coordinate)
                    | Term.Given(_, by) -> yield! List.map coordinate by
                    | Term.Parameter name -> unknown "parameter" parameters name
                    | _ -> ()

                if not (leaves |> List.exists (fun leaf -> leaf.IsField || leaf.IsSquares)) then
                    Some $"it reads none of the fields {listed fields}"

                if not means && Term.hasMean term then
                    Some "it has a mean, which only a condition may have: an equation's points are split"
            ]

        List.tryPick id faults

    /// Makes terms without a fault ready. Points have further columns after the coordinates.
    let ofTerms (coordinates: string list) (columns: string list) (fields: string list) (terms: Term list) : Reading =
        let index names name = List.findIndex ((=) name) names
        let numbers by = by |> List.map (index coordinates) |> List.sort
        let leaves = terms |> List.collect Term.leaves |> List.distinct

        let weights (terms: (string * float) list) =
            let weights = Array.zeroCreate coordinates.Length

            for name, a in terms do
                let i = index coordinates name
                weights[i] <- weights[i] + a

            weights

        let alone i = Array.init coordinates.Length (fun n -> if n = i then 1.0 else 0.0)

        let fieldwise =
            [
                for leaf in leaves do
                    match leaf with
                    | Term.Field(_, by) when not by.IsEmpty -> numbers by
                    | _ -> ()
            ]
            |> List.distinct

        // One sum of second derivatives is summed as it is computed, along with the jet; so is a single second derivative.
        let summed =
            let sums =
                leaves
                |> List.choose (fun leaf ->
                    match leaf with
                    | Term.Squares(_, terms) -> Some(weights terms)
                    | _ -> None)

            match sums, fieldwise |> List.filter (fun by -> by.Length > 1) with
            | first :: _, _ -> first
            | [], [ [ i; j ] ] when i = j -> alone i
            | _ -> Array.zeroCreate coordinates.Length

        let isSummed by =
            match by with
            | [ i; j ] -> i = j && summed = alone i
            | _ -> false

        let partials =
            [
                yield! fieldwise |> List.filter (isSummed >> not)

                for leaf in leaves do
                    match leaf with
                    | Term.Squares(_, terms) when weights terms <> summed ->
                        yield! [ for i, _ in terms -> numbers [ i; i ] ]
                    | _ -> ()
            ]
            |> List.distinct

        // How a leaf is read, found once and not in every step.
        let reader (leaf: Term) : Directions -> Params -> Tensor -> Jet -> Tensor =
            let column name : Tensor -> Tensor =
                let i = int64 (index fields name)
                fun t -> if fields.Length = 1 then t else t.narrow (1L, i, 1L)

            match leaf with
            | Term.Field(name, []) ->
                let column = column name
                fun _ _ _ u -> column u.Value
            | Term.Field(name, by) ->
                let column, by = column name, numbers by

                if isSummed by then
                    fun _ _ _ u -> column u.Second
                else
                    fun directions _ _ u -> Directions.partial directions by u |> column
            | Term.Squares(name, terms) ->
                let column = column name

                if weights terms = summed then
                    fun _ _ _ u -> column u.Second
                else
                    let terms = terms |> List.map (fun (i, a) -> numbers [ i; i ], a)

                    fun directions _ _ u ->
                        terms
                        |> List.map (fun (by, a) -> a * column (Directions.partial directions by u))
                        |> List.reduce (fun a b -> a + b)
            | Term.Parameter name -> fun _ p _ _ -> p[Problem.parameterName name]
            | Term.Given _ ->
                fun _ _ x _ -> Term.atPoints coordinates (x.narrow (1L, 0L, int64 coordinates.Length)) leaf
            | other -> fun _ _ x _ -> Term.atPoints (coordinates @ columns) x other

        let readers = dict [ for leaf in leaves -> leaf, reader leaf ]

        let values (directions: Directions) (p: Params) (x: Tensor) (u: Jet) : Tensor list =
            // A leaf that stands in several places is worked out once.
            let seen = Dictionary<Term, Tensor>(HashIdentity.Structural)

            let once (term: Term) =
                match seen.TryGetValue term with
                | true, value -> value
                | _ ->
                    let value = readers[term] directions p x u
                    seen[term] <- value
                    value

            terms |> List.map (Term.evaluate x once)

        { Operator = { Second = summed; Partials = partials }; Values = values }
