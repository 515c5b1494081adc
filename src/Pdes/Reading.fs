// What terms read of the fields: found by looking at them, so that derivatives of nothing else are computed. A term may
// read the fields at other points than its own, at the nodes of a quadrature too: each such set of points has a jet.
namespace MetaKan.Pdes

open System.Collections.Generic
open MathNet.Numerics.Integration
open MetaKan
open TorchSharp

/// Terms made ready for points.
type internal Reading =
    {
        /// The derivatives that are taken at the points themselves, first, and at those that terms move to; each with the
        /// number of such points for one point.
        Operators: (int * Operator) list
        /// The values of each term [N, 1], or [1, 1] of one that is the same everywhere: from the fields' jet along
        /// directions, the directions of each operator, the trained numbers, and points [N, d] with further columns.
        Values: (Directions -> Tensor -> Jet) -> Directions list -> Params -> Tensor -> Tensor list
    }

[<RequireQualifiedAccess>]
module internal Reading =
    let private listed (names: string list) = String.concat ", " names

    let private unknown what (names: string list) : string -> string option =
        let known = HashSet names

        fun name ->
            if known.Contains name then
                None
            else
                Some $"it reads the {what} '{name}', and the {what}s are {listed names}"

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
        let coordinate = unknown "coordinate" coordinates

        let column columns name =
            match Term.tryNormal name, Term.tryVariable name with
            | _ when List.contains name columns -> None
            | Some _, _ -> Some "it reads the normal, which only conditions on parts of a boundary have"
            | _, Some v -> Some $"it reads the variable '{v}' outside an integral over it"
            | _ -> unknown "coordinate" coordinates name

        // A place is a formula of the point alone, so that points are there before the fields are.
        let place columns (value: Term) =
            Term.allLeaves value
            |> List.tryPick (fun leaf ->
                match leaf with
                | Term.Coordinate name -> column columns name
                | Term.Given _ -> None
                | _ -> Some "the points of an 'at' and the limits of an integral are formulas of the point alone")

        let tooHigh (by: string list) =
            if by.Length > 4 then
                Some $"it reads a derivative of order {by.Length}, and the highest is 4"
            else
                None

        let rec within (columns: string list) (means: bool) (term: Term) : string option list =
            [
                for leaf in Term.leaves term do
                    match leaf with
                    | Term.Coordinate name -> column columns name
                    | Term.Field(name, by) ->
                        unknown "field" fields name
                        yield! List.map coordinate by

                        tooHigh by
                    | Term.Squares(name, terms)
                    | Term.Slopes(name, terms) ->
                        unknown "field" fields name
                        yield! terms |> List.map (fst >> coordinate)
                    | Term.Derivatives(name, terms) ->
                        unknown "field" fields name

                        for by, _ in terms do
                            yield! List.map coordinate by
                            tooHigh by
                    | Term.Given(_, by) -> yield! List.map coordinate by
                    | Term.Parameter name -> unknown "parameter" parameters name
                    | Term.At(moved, x) ->
                        yield! [ for _, value in moved -> place columns value ]
                        yield! within (columns @ List.map fst moved) means x
                    | Term.Integral(v, low, high, nodes, x) ->
                        place columns low
                        place columns high

                        if (Term.tryVariable v).IsNone then
                            coordinate v

                        if nodes < 1 then
                            Some $"a quadrature takes a node or more, not {nodes}"

                        yield! within (v :: columns) false x
                    | _ -> ()

                if not means && Term.hasMean term then
                    Some "it has a mean, which only a condition may have: an equation's points are split"
            ]

        let readsField = Term.allLeaves term |> List.exists Term.readsField

        within columns means term
        @ [
            if not readsField then
                Some $"it reads none of the fields {listed fields}"
        ]
        |> List.tryPick id

    // The names of what a term depends on; fields depend on every coordinate.
    let rec private free (coordinates: string list) (term: Term) : Set<string> =
        let free = free coordinates

        match term with
        | Term.Number _
        | Term.Parameter _ -> Set.empty
        | Term.Coordinate name -> Set.singleton name
        | Term.Field _
        | Term.Squares _
        | Term.Slopes _
        | Term.Derivatives _
        | Term.Given _
        | Term.Mean _ -> Set.ofList coordinates
        | Term.Sum terms
        | Term.Product terms -> terms |> List.map free |> Set.unionMany
        | Term.Power(x, _)
        | Term.Call(_, x) -> free x
        | Term.At(moved, x) ->
            Set.unionMany (free x - set (List.map fst moved) :: [ for _, value in moved -> free value ])
        | Term.Integral(v, low, high, _, x) -> Set.unionMany [ Set.remove v (free x); free low; free high ]

    // The places of coordinates by their names.
    let private places (coordinates: string list) : IReadOnlyDictionary<string, int> =
        dict [ for i, name in List.indexed coordinates -> name, i ] |> Dictionary :> _

    let private numbers (places: IReadOnlyDictionary<string, int>) (by: string list) : int list =
        by |> List.map (fun name -> places[name]) |> List.sort

    // Weights of all coordinates from those of some.
    let private weights (places: IReadOnlyDictionary<string, int>) (terms: (string * float) list) : float[] =
        let weights = Array.zeroCreate places.Count

        for name, a in terms do
            weights[places[name]] <- weights[places[name]] + a

        weights

    let private termsOf places (terms: (string list * float) list) = [ for by, a in terms -> numbers places by, a ]

    // The second derivatives that are summed as they are computed, sums of others, and the derivatives beside them, of leaves.
    let private operator (places: IReadOnlyDictionary<string, int>) (leaves: Term list) : Operator =
        let numbers, weights = numbers places, weights places
        let alone i = Array.init places.Count (fun n -> if n = i then 1.0 else 0.0)

        let fieldwise =
            [
                for leaf in leaves do
                    match leaf with
                    | Term.Field(_, by) when not by.IsEmpty -> numbers by
                    | _ -> ()
            ]
            |> List.distinct

        // One sum of second derivatives is summed as it is computed, along with the jet; so is a single second derivative.
        // The squares of slopes with the same weights come from the same lines.
        let summed =
            let sums ofLeaf = leaves |> List.choose ofLeaf

            let squares =
                sums (fun leaf ->
                    match leaf with
                    | Term.Squares(_, terms) -> Some terms
                    | _ -> None)

            let slopes =
                sums (fun leaf ->
                    match leaf with
                    | Term.Slopes(_, terms) -> Some terms
                    | _ -> None)

            match squares @ slopes, fieldwise |> List.filter (fun by -> by.Length > 1) with
            | first :: _, _ -> weights first
            | [], [ [ i; j ] ] when i = j -> alone i
            | _ -> Array.zeroCreate places.Count

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
                    | Term.Slopes(_, terms) when weights terms <> summed ->
                        yield! [ for i, _ in terms -> numbers [ i ] ]
                    | _ -> ()
            ]
            |> List.distinct

        let sums =
            [
                for leaf in leaves do
                    match leaf with
                    | Term.Derivatives(_, terms) -> termsOf places terms
                    | _ -> ()
            ]
            |> List.distinct

        { Second = summed; Sums = sums; Partials = partials }

    // How a leaf is read at the points of a jet for an operator, found once and not in every step.
    let private reader
        (places: IReadOnlyDictionary<string, int>)
        (coordinates: string list)
        (columns: string list)
        (fields: string list)
        (operator: Operator)
        (leaf: Term)
        : Directions -> Params -> Tensor -> Lazy<Jet> -> Tensor =
        let numbers = numbers places

        let column name : Tensor -> Tensor =
            let i = List.findIndex ((=) name) fields |> int64
            fun t -> if fields.Length = 1 then t else t.narrow (1L, i, 1L)

        // Σ a f(∂u) over single derivatives.
        let total (column: Tensor -> Tensor) (f: Tensor -> Tensor) (terms: (int list * float) list) =
            fun directions (u: Jet) ->
                terms
                |> List.map (fun (by, a) -> a * f (column (Directions.partial directions by u)))
                |> List.reduce (fun a b -> a + b)

        match leaf with
        | Term.Field(name, []) ->
            let column = column name
            fun _ _ _ u -> column u.Value.Value
        | Term.Field(name, by) ->
            let column, by = column name, numbers by

            if List.contains by operator.Partials then
                fun directions _ _ u -> Directions.partial directions by u.Value |> column
            else
                fun _ _ _ u -> column u.Value.Second
        | Term.Squares(name, terms) ->
            let column = column name

            if weights places terms <> operator.Second then
                let total = total column id [ for i, a in terms -> numbers [ i; i ], a ]
                fun directions _ _ u -> total directions u.Value
            else
                fun _ _ _ u -> column u.Value.Second
        | Term.Slopes(name, terms) ->
            let column = column name

            if weights places terms <> operator.Second then
                let total = total column (fun t -> t * t) [ for i, a in terms -> numbers [ i ], a ]
                fun directions _ _ u -> total directions u.Value
            else
                fun _ _ _ u -> column (Jet.squares u.Value)
        | Term.Derivatives(name, terms) ->
            let column = column name
            let index = List.findIndex ((=) (termsOf places terms)) operator.Sums
            fun directions _ _ u -> Directions.sum directions index u.Value |> column
        | Term.Parameter name ->
            fun _ p x _ ->
                let value = p[Problem.parameterName name]

                // A value for each point, at points that each has several of.
                if value.size 0 = 1L || value.size 0 = x.size 0 then
                    value
                else
                    value.repeat_interleave (x.size 0 / value.size 0, 0L)
        | Term.Given _ -> fun _ _ x _ -> Term.atPoints coordinates (x.narrow (1L, 0L, int64 coordinates.Length)) leaf
        | other -> fun _ _ x _ -> Term.atPoints (coordinates @ columns) x other

    // Points with the named values in the place of their own, or after their columns.
    let private replaced (names: string list) (values: (string * Tensor) list) (x: Tensor) : Tensor =
        let found = Map.ofList values
        let fresh = values |> List.map fst |> List.filter (fun name -> not (List.contains name names))

        torch.cat (
            [|
                for i, name in List.indexed names do
                    match found.TryFind name with
                    | Some value -> value.expand (x.size 0, 1L)
                    | None -> x.narrow (1L, int64 i, 1L)

                for name in fresh do
                    found[name].expand(x.size 0, 1L)
            |],
            1L
        )

    // A formula of the point [N, 1].
    let private placed (names: string list) (x: Tensor) (value: Term) : Tensor =
        (Term.evaluate x (Term.atPoints names x) value).expand(x.size 0, 1L)

    // Gauss–Legendre nodes and weights on [0, 1], each [1, Q].
    let private rule (like: Tensor) (nodes: int) : Tensor * Tensor =
        let rule = GaussLegendreRule(0.0, 1.0, nodes)
        let row (values: float[]) = Tensor.ofArray (Placement.ofTensor like) [ 1L; int64 values.Length ] values
        row rule.Abscissas, row rule.Weights

    // The points of a quadrature for every point [N·Q, columns], and how values there come to one for every point.
    let private quadrature names (v, low, high, nodes) (x: Tensor) : Tensor * (Tensor -> Tensor) =
        let at, weights = rule x nodes
        let low, high = placed names x low, placed names x high
        let repeated = x.repeat_interleave (int64 nodes, 0L)
        let values = (low + (high - low) * at).reshape(-1L, 1L)

        let gather (f: Tensor) =
            let f = f.expand(repeated.size 0, 1L).reshape(x.size 0, int64 nodes)
            (f * weights).sum(1L, keepdim = true) * (high - low)

        replaced names [ v, values ] repeated, gather

    // What is the same in every step of an evaluation.
    type private Context = { Jet: Directions -> Tensor -> Jet; Directions: Directions[]; Params: Params }

    let private union (first: string list) (more: string list) = first @ List.except first more

    /// Makes terms without a fault ready. Points have further columns after the coordinates. Where `apart`, each point's
    /// values come from jets of its own; integrals that are the same everywhere are taken once otherwise.
    let ofTerms
        (apart: bool)
        (coordinates: string list)
        (columns: string list)
        (fields: string list)
        (terms: Term list)
        : Reading =
        let places = places coordinates

        // In the order in which they are found: directions are taken by their place.
        let operators = List<int * Operator>()

        // How leaves are read at points with these columns, of which there are so many for each of the sample's.
        let rec scope (count: int) (columns: string list) (terms: Term list) : Context -> Tensor -> Term -> Tensor =
            let names = coordinates @ columns
            let further moved = union names moved |> List.skip coordinates.Length
            let index = operators.Count
            let leaves = terms |> List.collect Term.leaves |> List.distinct
            let operator = operator places leaves
            let readsField = leaves |> List.exists Term.readsField
            operators.Add((if readsField then count else 0), operator)

            // Leaves at other points, those of one set of points together: their values from these.
            let elsewhere =
                [
                    for moved, there in
                        leaves
                        |> List.choose (fun leaf ->
                            match leaf with
                            | Term.At(moved, x) -> Some(moved, (leaf, x))
                            | _ -> None)
                        |> List.groupBy fst do
                        let there = List.map snd there
                        let inner = scope count (further (List.map fst moved)) (List.map snd there)

                        let read context (x: Tensor) =
                            let points = replaced names [ for name, value in moved -> name, placed names x value ] x

                            let read = inner context points
                            fun term -> Term.evaluate points read term

                        there, read

                    for (v, low, high, nodes, same), there in
                        leaves
                        |> List.choose (fun leaf ->
                            match leaf with
                            | Term.Integral(v, low, high, nodes, x) ->
                                let depends = free coordinates leaf
                                Some((v, low, high, nodes, depends.IsEmpty && not apart), (leaf, x))
                            | _ -> None)
                        |> List.groupBy fst do
                        let there = List.map snd there

                        // One that is the same at every point is taken at one of them.
                        let inner = scope (if same then 0 else count * nodes) (further [ v ]) (List.map snd there)

                        let read context (x: Tensor) =
                            let x = if same then x.narrow (0L, 0L, 1L) else x
                            let points, gather = quadrature names (v, low, high, nodes) x
                            let read = inner context points
                            fun term -> gather (Term.evaluate points read term)

                        there, read
                ]

            let readers =
                dict
                    [
                        for leaf in leaves do
                            if not (leaf.IsAt || leaf.IsIntegral) then
                                leaf, reader places coordinates columns fields operator leaf
                    ]

            fun context x ->
                let jet = lazy context.Jet context.Directions[index] (x.narrow (1L, 0L, int64 coordinates.Length))

                // A leaf that stands in several places is worked out once, and so are points elsewhere.
                let seen = Dictionary<Term, Tensor>(HashIdentity.Structural)

                let there =
                    dict
                        [
                            for leaves, read in elsewhere do
                                let read = lazy read context x

                                for leaf, inner in leaves do
                                    leaf, fun () -> read.Value inner
                        ]

                fun leaf ->
                    match seen.TryGetValue leaf with
                    | true, value -> value
                    | _ ->
                        let value =
                            match there.TryGetValue leaf with
                            | true, read -> read ()
                            | _ -> readers[leaf] context.Directions[index] context.Params x jet

                        seen[leaf] <- value
                        value

        let read = scope 1 columns terms

        {
            Operators = List.ofSeq operators
            Values =
                fun jet directions p x ->
                    let leaf = read { Jet = jet; Directions = List.toArray directions; Params = p } x
                    terms |> List.map (Term.evaluate x leaf)
        }
