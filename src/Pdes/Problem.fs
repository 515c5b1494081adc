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
type Equation =
    {
        /// What messages call it, and metrics its loss: "loss_" and the name, where a problem has several terms. Each has its own.
        Name: string
        /// The factor of what it adds to the loss, 1 by default.
        Weight: float
        /// What should vanish in the domain, or an energy's density.
        Residual: Term
        /// What the residual adds to the loss, as a rule its mean square.
        Objective: Objective
    }

/// Equations by their residuals, and energies by their densities.
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
        /// What messages call it, and metrics its loss: "loss_" and the name, where a problem has several terms. Each has its own.
        Name: string
        /// The factor of the condition's mean square in the loss.
        Weight: float
        /// Points a step.
        Points: int
        /// Its points, made of the given numbers: rows of coordinates, `Columns` and normals.
        Draw: Numbers -> Sampler
        /// Names of what is drawn with each point, in columns after the coordinates: measured values. The mismatch reads
        /// them as it reads coordinates.
        Columns: string list
        /// Whether the outward unit normal is drawn with each point, in the last columns.
        Normals: bool
        /// What should vanish at these points. Where it has a mean, it sees all of them together.
        Mismatch: Term
        /// What the mismatch adds to the loss, as a rule its mean square.
        Objective: Objective
    }

/// Partial differential equations with their domain and data: all that a solver needs to know.
type Problem =
    {
        /// What the run's files and messages call it.
        Name: string
        /// The names of the coordinates in the order of the domain's, time included.
        Coordinates: string list
        /// The names of the unknown fields in the order of the network's outputs.
        Fields: string list
        /// The numbers that are found with the fields, each with the value that the search starts from.
        Parameters: (string * float) list
        /// Where the equations hold, in space or in space and time.
        Domain: Domain
        /// The coordinates in which the fields are periodic, with the domain's sides for periods, and the harmonics by which
        /// a network sees each; none where None.
        Periodic: (string list * int) option
        /// What holds inside the domain, one or more.
        Equations: Equation list
        /// The fields from the point and the network's outputs; builds boundary values in ("hard constraint").
        /// `fun _ net -> net` where there is nothing to build in.
        Constraint: Jet -> Jet -> Jet
        /// Boundary and initial data that the constraint does not build in.
        Conditions: Condition list
        /// The exact fields [N, fields] at points [N, d], if they are known.
        Exact: (Tensor -> Tensor) option
    }

/// Conditions on drawn points, on parts of a boundary, and on measured values.
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

    // Conditions u = measured for each field, from a table of so many rows, read when points are first drawn.
    let private ofRows name weight points coordinates fields columns count (rows: Lazy<float[][]>) : Condition list =
        let column wanted =
            match List.tryFindIndex ((=) wanted) columns with
            | Some i -> i
            | None ->
                let listed = String.concat ", " columns
                invalidArg (nameof columns) $"{name}: the table has no column '{wanted}', its columns are {listed}"

        if points < 1 || points > count then
            invalidArg (nameof points) $"{name}: a table of {count} rows has 1 to {count} points a step, not {points}"

        [
            for field in fields do
                let taken = (coordinates |> List.map column) @ [ column field ]
                let table = lazy (rows.Value |> Array.map (fun row -> [| for i in taken -> row[i] |]))

                let sample (key: Key) (place: Placement) n =
                    let drawn =
                        if n = count then
                            table.Value
                        else
                            Key.permutation key count |> Array.truncate n |> Array.map (Array.get table.Value)

                    Tensor.ofArray place [ int64 drawn.Length; int64 taken.Length ] (Array.concat drawn)

                let measured = $"{field} measured"

                { create
                      (if List.length fields = 1 then name else $"{name} {field}")
                      weight
                      points
                      sample
                      (Term.Field(field, []) - Term.Coordinate measured) with
                    Columns = [ measured ]
                }
        ]

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
        ofRows name weight points coordinates fields columns rows.Length (lazy rows)

    /// Measurements made up: exact fields [N, fields] at so many random points of a domain, always the same, with normal
    /// errors of `noise` times each field's largest value.
    let measured
        (name: string)
        (weight: float)
        (count: int)
        (domain: Domain)
        (coordinates: string list)
        (fields: string list)
        (exact: Tensor -> Tensor)
        (noise: float)
        : Condition list =
        let rows =
            lazy
                (use _ = torch.NewDisposeScope()
                 use _ = torch.no_grad ()
                 let key, place = Key.ofSeed 0, Placement.cpu64
                 let x = domain.Sample (Key.fold 0 key) place count
                 let values = exact x
                 let largest = values.abs().amax([| 0L |], keepdim = true)
                 let errors = Key.normal (Key.fold 1 key) place [ int64 count; int64 fields.Length ]

                 torch.cat ([| x; values + noise * largest * errors |], 1L)
                 |> Tensor.toArray
                 |> Array.chunkBySize (coordinates.Length + fields.Length))

        ofRows name weight count coordinates fields (coordinates @ fields) count rows

/// Problems built step by step: equations on a domain, then what binds the fields; and their solutions by a model.
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
            Periodic = None
            Equations = [ for name, residual in residuals -> Equation.create name residual ]
            Constraint = fun _ net -> net
            Conditions = []
            Exact = None
        }

    /// A term with fields replaced by formulas of the coordinates, their derivatives included.
    let internal solved (solution: (string * Term) list) (term: Term) : Term =
        let known = Map.ofList solution
        let by (term: Term) names = (term, names) ||> List.fold (fun term name -> Term.derivative name term)

        let rec replacement (leaf: Term) =
            match leaf with
            | Term.Field(name, order) when known.ContainsKey name -> by known[name] order
            | Term.Squares(name, _)
            | Term.Slopes(name, _)
            | Term.Derivatives(name, _) when known.ContainsKey name ->
                Term.writtenOut leaf |> Term.substitute replacement
            | other -> other

        Term.substitute replacement term

    /// Formulas of the coordinates as a function of points [N, d], a column for each: an exact solution.
    let valuesOf (coordinates: string list) (formulas: Term list) (x: Tensor) : Tensor =
        torch.cat (
            [| for u in formulas -> (Term.evaluate x (Term.atPoints coordinates x) u).expand(x.size 0, 1L) |],
            1L
        )

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

        { create name domain coordinates (List.map fst solution) residuals with
            Exact = Some(valuesOf coordinates (List.map snd solution))
        }

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
            [
                for name, mismatch in mismatches -> Condition.on problem.Domain parts name weight points mismatch
            ]

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

    /// The fields periodic in the listed coordinates, whatever the network is: it sees such a coordinate as the cosines and
    /// sines of so many harmonics, the domain's side the period. Raises ArgumentException for a coordinate that there is
    /// not. Dong & Ni (arXiv 2007.07442).
    let periodic (coordinates: string list) (harmonics: int) (problem: Problem) : Problem =
        for name in coordinates do
            if not (List.contains name problem.Coordinates) then
                let listed = String.concat ", " problem.Coordinates

                invalidArg
                    (nameof coordinates)
                    $"problem {problem.Name}: it has no coordinate '{name}' to be periodic in, they are {listed}"

        { problem with Periodic = Some(coordinates, harmonics) }

    // Of coordinates on [-1, 1].
    let private periods (problem: Problem) coordinates =
        problem.Coordinates
        |> List.map (fun name -> if List.contains name coordinates then Some 2.0 else None)

    /// How many numbers a network takes for a point: its coordinates, more where they are periodic.
    let inputs (problem: Problem) : int =
        match problem.Periodic with
        | Some(coordinates, harmonics) -> PeriodicEmbedding.width (periods problem coordinates) harmonics
        | None -> problem.Coordinates.Length

    // A network has one output for each field.
    let private fieldsOf (problem: Problem) (u: Jet) : Jet =
        if u.Value.size 1 <> int64 problem.Fields.Length then
            let fields = String.concat ", " problem.Fields

            invalidArg
                "model"
                $"problem {problem.Name}: its network gives {u.Value.size 1} values a point, and its fields are {fields}"

        u

    // Coordinates run over the model's own box, [-1, 1]: beyond it a KAN has no splines. Factors and offsets, if any.
    let private scaled (problem: Problem) : (Placement -> Tensor * Tensor) option =
        if problem.Domain.Bounds |> List.forall (fun (low, high) -> low = -1.0 && high = 1.0) then
            None
        else
            let row (f: float * float -> float) =
                let numbers = problem.Domain.Bounds |> List.map f |> Array.ofList
                fun place -> Tensor.ofArray place [ 1L; numbers.LongLength ] numbers

            let factor (low, high) = if high > low then 2.0 / (high - low) else 1.0
            let factors, offsets = row factor, row (fun (low, high) -> -(low + high) / 2.0 * factor (low, high))
            Some(fun place -> factors place, offsets place)

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

        let scaled = scaled problem

        let points (x: Tensor) =
            match scaled with
            | Some scaled ->
                let factors, offsets = scaled (Placement.ofTensor x)
                x * factors + offsets
            | None -> x

        let jets (x: Jet) =
            match scaled with
            | Some scaled ->
                scaled (Placement.ofTensor x.Value) ||> fun factors offsets -> Jet.rescale factors offsets x
            | None -> x

        let embedded =
            match problem.Periodic with
            | Some(coordinates, harmonics) -> PeriodicEmbedding.create (periods problem coordinates) harmonics model
            | None -> model

        let network = Model.before points jets embedded

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
        let point = if directions.Weights.numel () = 0L then Jet.still x else Directions.seed directions x

        model.Traced p point |> Traced.map (problem.Constraint point >> fieldsOf problem)

    /// The fields' jet at points x along given directions.
    let internal jet (problem: Problem) (model: Model) (directions: Directions) (p: Params) (x: Tensor) : Jet =
        if directions.Weights.numel () = 0L then
            Jet.still (solution problem model p x)
        else
            let point = Directions.seed directions x
            problem.Constraint point (model.Jet p point) |> fieldsOf problem
