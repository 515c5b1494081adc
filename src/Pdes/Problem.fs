// A problem is a record: where its points come from, which fields are unknown, what they satisfy there, and how they are
// bound at the boundary.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// What a formula over points adds to the loss.
[<RequireQualifiedAccess>]
type Objective =
    /// Its mean square: it should vanish.
    | Square
    /// Its mean: the density of an energy that the solution makes least. E & Yu, "The Deep Ritz Method" (arXiv 1710.00211).
    | Energy

/// What holds inside the domain.
type Equation = { Name: string; Weight: float; Residual: Term; Objective: Objective }

[<RequireQualifiedAccess>]
module Equation =
    /// residual = 0.
    let create (name: string) (residual: Term) : Equation =
        { Name = name; Weight = 1.0; Residual = residual; Objective = Objective.Square }

    /// The mean of a density, to be made least.
    let energy (name: string) (density: Term) : Equation = { create name density with Objective = Objective.Energy }

/// Data that the fields match softly, on a boundary or at the start of time.
type Condition =
    {
        Name: string
        /// The factor of the condition's mean square in the loss.
        Weight: float
        /// Points a step.
        Points: int
        Draw: Numbers -> Sampler
        /// Names of what is drawn with each point, in columns after the coordinates: measured values. The mismatch reads
        /// them as it reads coordinates.
        Columns: string list
        /// Whether the outward unit normal is drawn with each point, in the last columns.
        Normals: bool
        /// What should vanish at these points. Where it has a mean, it sees all of them together.
        Mismatch: Term
        Objective: Objective
    }

/// Partial differential equations with their domain and data: all that a solver needs to know.
type Problem =
    {
        Name: string
        /// The names of the coordinates in the order of the domain's, time included.
        Coordinates: string list
        /// The names of the unknown fields in the order of the network's outputs.
        Fields: string list
        /// The numbers that are found with the fields, each with the value that the search starts from.
        Parameters: (string * float) list
        Domain: Domain
        Equations: Equation list
        /// The fields from the point and the network's outputs; builds boundary values in ("hard constraint").
        /// `fun _ net -> net` where there is nothing to build in.
        Constraint: Jet -> Jet -> Jet
        /// Boundary and initial data that the constraint does not build in.
        Conditions: Condition list
        /// The exact fields [N, fields] at points [N, d], if they are known.
        Exact: (Tensor -> Tensor) option
    }

[<RequireQualifiedAccess>]
module Condition =
    /// mismatch = 0 on the points that `sample` draws: `u - data` is a Dirichlet or initial condition.
    let create (name: string) (weight: float) (points: int) (sample: Sampler) (mismatch: Term) : Condition =
        {
            Name = name
            Weight = weight
            Points = points
            Draw = fun _ -> sample
            Columns = []
            Normals = false
            Mismatch = mismatch
            Objective = Objective.Square
        }

    /// mismatch = 0 on the named parts of a domain's boundary, its walls where none is named: it may read the normal there.
    /// Raises ArgumentException for a part that there is not.
    let on
        (domain: Domain)
        (parts: string list)
        (name: string)
        (weight: float)
        (points: int)
        (mismatch: Term)
        : Condition =
        { create name weight points domain.Sample mismatch with
            Draw = Domain.boundary parts domain
            Normals = true
        }

    /// Measured values of fields, rows of a table whose columns are named after coordinates and fields: u = u at these
    /// points, for each of the listed fields. A step draws `points` of the rows, each once; all of them where there are
    /// as many. Raises ArgumentException for a column that the table has not, and for more points than rows.
    let ofTable
        (name: string)
        (weight: float)
        (points: int)
        (coordinates: string list)
        (fields: string list)
        (columns: string list)
        (rows: float[][])
        : Condition list =
        let column wanted =
            match List.tryFindIndex ((=) wanted) columns with
            | Some i -> i
            | None ->
                let listed = String.concat ", " columns
                invalidArg (nameof columns) $"{name}: the table has no column '{wanted}', its columns are {listed}"

        if points < 1 || points > rows.Length then
            invalidArg
                (nameof points)
                $"{name}: a table of {rows.Length} rows has 1 to {rows.Length} points a step, not {points}"

        [
            for field in fields do
                let taken = (coordinates |> List.map column) @ [ column field ]
                let table = rows |> Array.map (fun row -> [| for i in taken -> row[i] |])

                let sample (key: Key) (place: Placement) n =
                    let drawn =
                        if n = rows.Length then
                            table
                        else
                            Key.permutation key rows.Length |> Array.truncate n |> Array.map (Array.get table)

                    Tensor.ofArray place [ int64 drawn.Length; int64 taken.Length ] (Array.concat drawn)

                let measured = $"{field} measured"

                { create
                      (if fields.Length = 1 then name else $"{name} {field}")
                      weight
                      points
                      sample
                      (Term.Field(field, []) - Term.Coordinate measured) with
                    Columns = [ measured ]
                }
        ]

[<RequireQualifiedAccess>]
module Problem =
    /// Equations residual = 0 on a domain, with nothing built in, no data and no known solution: those are added by
    /// `{ Problem.create … with Conditions = … }`.
    let create
        (name: string)
        (domain: Domain)
        (coordinates: string list)
        (fields: string list)
        (residuals: (string * Term) list)
        : Problem =
        {
            Name = name
            Coordinates = coordinates
            Fields = fields
            Parameters = []
            Domain = domain
            Equations = [ for name, residual in residuals -> Equation.create name residual ]
            Constraint = fun _ net -> net
            Conditions = []
            Exact = None
        }

    /// A term with fields replaced by formulas of the coordinates, their derivatives included.
    let internal solved (solution: (string * Term) list) (term: Term) : Term =
        let known = Map.ofList solution
        let by (term: Term) names = (term, names) ||> List.fold (fun term name -> Term.derivative name term)

        term
        |> Term.substitute (fun leaf ->
            match leaf with
            | Term.Field(name, order) when known.ContainsKey name -> by known[name] order
            | Term.Squares(name, terms) when known.ContainsKey name ->
                Term.sum [ for i, a in terms -> Term.product [ Term.Number a; by known[name] [ i; i ] ] ]
            | other -> other)

    /// The problem N(u) = N(u*) for fields u* of one's choice, formulas of the coordinates by the fields' names: the source
    /// N(u*) comes from their exact derivatives. The method of manufactured solutions; Roache, J. Fluids Eng. 124 (2002).
    let manufactured
        (name: string)
        (domain: Domain)
        (coordinates: string list)
        (solution: (string * Term) list)
        (equations: (string * Term) list)
        : Problem =
        let residuals = [ for name, equation in equations -> name, equation - solved solution equation ]

        let exact (x: Tensor) =
            torch.cat (
                [| for _, u in solution -> (Term.evaluate x (Term.atPoints coordinates x) u).expand(x.size 0, 1L) |],
                1L
            )

        { create name domain coordinates (List.map fst solution) residuals with Exact = Some exact }

    /// The problem with conditions, by name, on the named parts of its domain's boundary, its walls where none is named: each
    /// with this weight, at so many points a step. Raises ArgumentException for a part that there is not.
    let on
        (parts: string list)
        (weight: float)
        (points: int)
        (mismatches: (string * Term) list)
        (problem: Problem)
        : Problem =
        let more =
            [ for name, mismatch in mismatches -> Condition.on problem.Domain parts name weight points mismatch ]

        { problem with Conditions = problem.Conditions @ more }

    // Fields given by formulas of the coordinates, of what the constraint so far gives: each named field anew.
    let private built (problem: Problem) (values: (string * (Jet -> Jet -> Jet)) list) : Problem =
        for name, _ in values do
            if not (List.contains name problem.Fields) then
                let fields = String.concat ", " problem.Fields

                invalidArg
                    (nameof values)
                    $"problem {problem.Name}: it has no field '{name}' to build values into, its fields are {fields}"

        let given = Map.ofList values

        let around (x: Jet) (net: Jet) =
            let fields = problem.Constraint x net

            problem.Fields
            |> List.mapi (fun i name ->
                let field = Jet.part i fields

                match given.TryFind name with
                | Some build -> build x field
                | None -> field)
            |> Jet.concat

        { problem with Constraint = around }

    let private formula (problem: Problem) (term: Term) : Jet -> Jet = fun x -> Term.jet problem.Coordinates x term

    /// Builds values into fields on parts of the boundary, its walls where none is listed: u = g + D·u_net, where D vanishes
    /// on these parts alone. g is a formula of the coordinates that has the values there. Raises ArgumentException for a
    /// field or a part that there is not, and for a part of no known distance. Lagaris, Likas, Fotiadis, IEEE Trans. Neural
    /// Netw. 9 (1998); Sukumar & Srivastava (arXiv 2104.08426).
    let hard (parts: string list) (values: (string * Term) list) (problem: Problem) : Problem =
        let distance = Domain.distance parts problem.Domain

        built
            problem
            [
                for name, value in values ->
                    let value = formula problem value
                    name, fun x net -> value x + distance x * net
            ]

    /// Builds the start into fields of a domain in time, the last coordinate: u = u_0 + τ u_1 + … + τ^k u_net for the time
    /// τ since the start; u_0 is the value there, u_1 the velocity, formulas of the coordinates. Raises ArgumentException
    /// for a field that there is not, and for none or more than two formulas.
    let initially (values: (string * Term list) list) (problem: Problem) : Problem =
        let last = problem.Coordinates.Length - 1
        let start = fst problem.Domain.Bounds[last]

        built
            problem
            [
                for name, orders in values ->
                    if orders.IsEmpty || orders.Length > 2 then
                        invalidArg
                            (nameof values)
                            $"problem {problem.Name}: '{name}' starts from a value, or a value and a velocity, not from {orders.Length} formulas"

                    let orders = orders |> List.map (formula problem)

                    name,
                    fun x net ->
                        let time = Jet.part last x - start
                        // Horner's scheme.
                        (orders, net) ||> List.foldBack (fun value rest -> value x + time * rest)
            ]

    // A network has one output for each field.
    let private fieldsOf (problem: Problem) (u: Jet) : Jet =
        if u.Value.size 1 <> int64 problem.Fields.Length then
            let fields = String.concat ", " problem.Fields

            invalidArg
                "model"
                $"problem {problem.Name}: its network gives {u.Value.size 1} values a point, and its fields are {fields}"

        u

    // Coordinates run over the model's own box, [-1, 1]: beyond it a KAN has no splines.
    let private scaled (problem: Problem) (place: Placement) : (Tensor * Tensor) option =
        if problem.Domain.Bounds |> List.forall ((=) (-1.0, 1.0)) then
            None
        else
            let row (f: float * float -> float) =
                problem.Domain.Bounds
                |> List.map f
                |> Array.ofList
                |> Tensor.ofArray place [ 1L; int64 problem.Domain.Bounds.Length ]

            let factor (low, high) = if high > low then 2.0 / (high - low) else 1.0
            Some(row factor, row (fun (low, high) -> -(low + high) / 2.0 * factor (low, high)))

    let private prefix = "parameters"

    /// The name of a parameter among the numbers that are trained.
    let internal parameterName (name: string) = $"{prefix}.{name}"

    /// A model for the problem: it takes the problem's coordinates, and its parameters are among those trained, each
    /// "parameters.NAME" [1, 1].
    let modelFor (problem: Problem) (model: Model) : Model =
        let isOwn (name: string) = name.StartsWith(prefix + ".")

        let init key (place: Placement) =
            Params.union
                [
                    model.Init key place
                    Map.ofList
                        [
                            for name, value in problem.Parameters ->
                                parameterName name, Tensor.ofArray place [ 1L; 1L ] [| value |]
                        ]
                ]

        let points (x: Tensor) =
            match scaled problem (Placement.ofTensor x) with
            | Some(factors, offsets) -> x * factors + offsets
            | None -> x

        let jets (x: Jet) =
            match scaled problem (Placement.ofTensor x.Value) with
            | Some(factors, offsets) -> Jet.rescale factors offsets x
            | None -> x

        let network = Model.before points jets model

        { network with
            Init = init
            Traced = fun p -> p |> Map.filter (fun name _ -> not (isOwn name)) |> network.Traced
            Group = fun name -> if isOwn name then ParameterGroup.Weights else model.Group name
            Derived =
                network.Derived
                |> Option.map (fun derived ->
                    { derived with
                        Weights =
                            fun p -> Params.union [ derived.Weights p; p |> Map.filter (fun name _ -> isOwn name) ]
                    })
        }

    /// The fields [N, fields] of a model at points x [N, d], with what the problem builds in.
    let solution (problem: Problem) (model: Model) (p: Params) (x: Tensor) : Tensor =
        (problem.Constraint (Jet.still x) (Jet.still (model.Apply p x)) |> fieldsOf problem).Value

    /// The fields' jet at points x along given directions, with what gives each point's gradient by the parameters.
    let internal traced (problem: Problem) (model: Model) (directions: Directions) (p: Params) (x: Tensor) : Traced =
        let point =
            if directions.Weights.numel () = 0L then Jet.still x else Directions.seed directions x

        model.Traced p point |> Traced.map (problem.Constraint point >> fieldsOf problem)

    /// The fields' jet at points x along given directions.
    let internal jet (problem: Problem) (model: Model) (directions: Directions) (p: Params) (x: Tensor) : Jet =
        if directions.Weights.numel () = 0L then
            Jet.still (solution problem model p x)
        else
            let point = Directions.seed directions x
            problem.Constraint point (model.Jet p point) |> fieldsOf problem
