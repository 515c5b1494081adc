// The loss of a physics-informed network: the mean squares of the equations' residuals at random points, plus those of
// conditions; or an energy's mean density.
// Raissi, Perdikaris, Karniadakis (2019), equation 2.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// How a problem is sampled and differentiated.
type Collocation =
    {
        /// Interior points a step.
        Points: int
        /// The numbers that points are made of.
        Sampling: Sampling
        /// How second derivatives are summed.
        Laplacian: LaplacianMethod
        /// What the tensors of one backward pass may take, in MiB; residuals at more points are worked off in chunks.
        MemoryLimit: int
    }

[<RequireQualifiedAccess>]
module Collocation =
    let private share (objective: Objective) (total: int64) (residual: Tensor) =
        match objective with
        | Objective.Square -> (residual * residual).sum() / float total
        | Objective.Energy -> residual.sum () / float total

    /// Rows of one chunk: an even share of the batch for each worker, less where the chunks in work at a time would
    /// not fit the memory limit; at least one.
    let internal chunk
        (settings: Collocation)
        (model: Model)
        (place: Placement)
        (directions: (int * Directions) list)
        points
        : int64 =
        let bytes = if place.DType = torch.float64 then 8L else 4L

        let numbers =
            [
                for count, directions in directions ->
                    int64 count * model.NumbersPerPoint (int (directions.Weights.numel ())) directions.Order
            ]
            |> List.sum

        let perPoint = bytes * max 1L numbers

        let workers = int64 (Workers.count place.Device)
        let fitting = int64 settings.MemoryLimit * 1024L * 1024L / (perPoint * workers)
        max 1L (min fitting ((int64 points + workers - 1L) / workers))

    // Terms of the loss that share their points: the equations, which may be split over threads and chunks, or one condition,
    // which may be a mean over them all.
    type internal Group =
        {
            Names: string list
            Weights: float list
            Points: int
            Sample: Sampler
            Columns: string list
            Residuals: Term list
            Objectives: Objective list
            /// Whether a residual may be a mean over the points.
            Means: bool
            /// Whether none is one, so that points may be split.
            Splits: bool
        }

    let internal groups (settings: Collocation) (problem: Problem) : Group list =
        let numbers = Sampling.numbers settings.Sampling

        [
            {
                Names = problem.Equations |> List.map (fun equation -> $"equation {equation.Name}")
                Weights = problem.Equations |> List.map _.Weight
                Points = settings.Points
                Sample = problem.Domain.Draw numbers
                Columns = []
                Residuals = problem.Equations |> List.map _.Residual
                Objectives = problem.Equations |> List.map _.Objective
                Means = false
                Splits = true
            }

            for condition in problem.Conditions do
                {
                    Names = [ $"condition {condition.Name}" ]
                    Weights = [ condition.Weight ]
                    Points = condition.Points
                    Sample = condition.Draw numbers
                    Columns =
                        [
                            yield! condition.Columns
                            if condition.Normals then
                                yield! List.map Term.normalName problem.Coordinates
                        ]
                    Residuals = [ condition.Mismatch ]
                    Objectives = [ condition.Objective ]
                    Means = true
                    Splits = not (Term.hasMean condition.Mismatch)
                }
        ]

    let private refuse (problem: Problem) name fault =
        invalidArg (nameof problem) $"problem {problem.Name}, {name}: {fault}"

    let private shape (t: Tensor) = List.ofArray (Tensor.shape t)

    let internal reading (apart: bool) (problem: Problem) (group: Group) : Reading =
        for name, residual in List.zip group.Names group.Residuals do
            Reading.fault
                problem.Coordinates
                group.Columns
                problem.Fields
                (List.map fst problem.Parameters)
                group.Means
                residual
            |> Option.iter (refuse problem name)

        Reading.ofTerms apart problem.Coordinates group.Columns problem.Fields group.Residuals

    let internal points (problem: Problem) (group: Group) (key: Key) (place: Placement) : Tensor =
        let x = group.Sample key place group.Points
        let wanted = [ int64 group.Points; int64 (problem.Coordinates.Length + group.Columns.Length) ]

        if group.Points < 1 || shape x <> wanted then
            refuse
                problem
                (String.concat ", " group.Names)
                $"the sampler gave points {shape x} where {wanted} are asked for, of one point or more"

        x

    // What a measure of an equation or a condition is called, from its name.
    let private column (name: string) =
        "loss_" + String.map (fun c -> if System.Char.IsLetterOrDigit c then c else '_') name

    /// The names of the losses of a problem's equations and conditions, each by itself; none where there is only one.
    let lossNames (problem: Problem) : string list =
        match (problem.Equations |> List.map _.Name) @ (problem.Conditions |> List.map _.Name) with
        | [ _ ] -> []
        | several -> several |> List.map column

    let private largest (t: Tensor) = Tensor.item (t.nan_to_num(0.0, 0.0, 0.0).abs().max())

    // A function of the point is one of each row alone: points are split over threads and chunks.
    let private checkGiven (problem: Problem) (x: Tensor) (name: string) (f: PointFunction) =
        let value = PointFunction.at x f
        let half = x.size 0 / 2L

        if half > 0L then
            let part start count = PointFunction.at (x.narrow (0L, start, count)) f
            let halves = torch.cat [| part 0L half; part half (x.size 0 - half) |]

            if largest (value - halves) > 1e-3 * largest value then
                refuse problem name $"the function '{f.Name}' reads several points at once"

    /// Raises ArgumentException, naming the place, for a problem that has a wrong loss: coordinates or fields that there
    /// are not, samplers, functions of the point or an exact solution of wrong shapes, a residual that reads no field. For
    /// once, before training.
    let check (settings: Collocation) (problem: Problem) (place: Placement) : unit =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()
        let key = Key.ofSeed 0
        let d, fields = problem.Coordinates.Length, problem.Fields.Length

        if problem.Domain.Bounds.Length <> d then
            invalidArg
                (nameof problem)
                $"problem {problem.Name}: its domain has {problem.Domain.Bounds.Length} coordinates, and it names {d}"

        for what, names in
            [
                "coordinate", problem.Coordinates
                "field", problem.Fields
                "parameter", List.map fst problem.Parameters
            ] do
            match names |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) with
            | Some(name, _) -> invalidArg (nameof problem) $"problem {problem.Name}: two {what}s are named '{name}'"
            | None -> ()

            match
                names
                |> List.tryFind (fun name -> name = "" || name |> Seq.exists (System.Char.IsLetterOrDigit >> not))
            with
            | Some name ->
                invalidArg
                    (nameof problem)
                    $"problem {problem.Name}: the name of a {what} takes letters and digits, not '{name}'"
            | None -> ()

        match lossNames problem |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) with
        | Some(name, _) ->
            invalidArg
                (nameof problem)
                $"problem {problem.Name}: two equations or conditions are named '{name.Substring 5}'"
        | None -> ()

        if problem.Equations.IsEmpty || fields = 0 then
            invalidArg (nameof problem) $"problem {problem.Name}: it takes a field or more and an equation or more"

        for group in groups settings problem do
            let x = points problem group key place
            let reading = reading false problem group

            for _, operator in reading.Operators do
                Operator.directions settings.Laplacian key place operator |> ignore

            for name, residual in List.zip group.Names group.Residuals do
                for leaf in Term.allLeaves residual do
                    match leaf with
                    | Term.Given(f, _) -> checkGiven problem (x.narrow (1L, 0L, int64 d)) name f
                    | _ -> ()

        problem.Exact
        |> Option.iter (fun exact ->
            let x = problem.Domain.Sample key place settings.Points
            let truth = exact x
            let wanted = [ x.size 0; int64 fields ]

            if shape truth <> wanted then
                invalidArg
                    (nameof problem)
                    $"problem {problem.Name}: Exact gives {shape truth} where {wanted} is wanted")

    // A group with its points in chunks, and its terms' values at points of one, for a model and its parameters.
    let private chunks (settings: Collocation) (problem: Problem) (model: Model) =
        let groups = groups settings problem |> List.map (fun group -> group, reading false problem group)

        fun (key: Key) (place: Placement) ->
            [
                for index, (group, reading) in List.indexed groups do
                    let key = Key.fold index key
                    let x = points problem group (Key.fold 1 key) place

                    let directions =
                        reading.Operators
                        |> List.map (fun (count, operator) ->
                            count, Operator.directions settings.Laplacian (Key.fold 0 key) place operator)

                    let rows = if group.Splits then chunk settings model place directions group.Points else x.size 0

                    let shares (x: Tensor) network p =
                        reading.Values
                            (fun directions -> Problem.jet problem network directions p)
                            (List.map snd directions)
                            p
                            x
                        |> List.map2
                            (fun objective residual ->
                                // One that is the same at every point counts at each.
                                if group.Splits then
                                    share objective (int64 group.Points) (residual.expand (x.size 0, 1L))
                                else
                                    share objective (residual.numel ()) residual)
                            group.Objectives

                    group, x.split rows, shares
            ]

    let internal placeOf (p: Params) = Placement.ofTensor (Seq.head p.Values)

    /// The loss and its gradient on the points of a key. However it is chunked, the result is the same up to rounding.
    let gradient (settings: Collocation) (problem: Problem) (model: Model) : Key -> Gradient =
        let chunks = chunks settings problem model

        fun key p ->
            [
                for group, rows, shares in chunks key (placeOf p) do
                    for x in rows do
                        fun network p ->
                            shares x network p
                            |> List.map2 (fun weight (loss: Tensor) -> loss * weight) group.Weights
                            |> List.reduce (fun a b -> a + b)
            ]
            |> Model.gradient model p

    /// The mean square, or the energy, of each equation and condition without its weight, on the points of a key, by the names of
    /// `lossNames`.
    let losses
        (settings: Collocation)
        (problem: Problem)
        (model: Model)
        (key: Key)
        (p: Params)
        : (string * float) list =
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()

        match lossNames problem with
        | [] -> []
        | names ->
            let network, weights = Model.generate model p

            [
                for _, rows, shares in chunks settings problem model key (placeOf p) do
                    yield!
                        rows
                        |> List.ofArray
                        |> List.map (fun x -> shares x network weights |> List.map Tensor.item)
                        |> List.reduce (List.map2 (+))
            ]
            |> List.zip names

    /// The names of the errors of fields: of all together, and of each where there are several.
    let errorNames (fields: string list) : string list =
        [
            "relative_l2"
            "relative_l1"
            if fields.Length > 1 then
                for field in fields do
                    yield! [ $"relative_l2_{field}"; $"relative_l1_{field}" ]
        ]

    /// The relative L2 and L1 distances of fields u [N, fields] from the exact ones on points x [N, d], by the names of
    /// `errorNames`.
    let errors
        (fields: string list)
        (exact: Tensor -> Tensor)
        (u: Tensor -> Tensor)
        (x: Tensor)
        : (string * float) list =
        use _ = torch.NewDisposeScope()

        // A few hundred points at a time: the features of all at once would outweigh the training itself.
        let sums =
            x.split 500L
            |> Array.toList
            |> Workers.map x.device (fun _ -> Seq.empty) (fun rows ->
                use _ = torch.no_grad ()
                let truth, found = exact rows, u rows

                if shape truth <> shape found then
                    invalidArg (nameof exact) $"the exact solution is {shape truth} where u is {shape found}"

                let difference = truth - found
                let sum (t: Tensor) = Tensor.toArray (t.``to``(torch.float64).sum(0L))
                [ sum (difference * difference); sum (truth * truth); sum (difference.abs ()); sum (truth.abs ()) ])
            |> List.transpose
            |> List.map (List.reduce (Array.map2 (+)))

        let ratio (part: float[] -> float) above below = part sums[above] / part sums[below]
        let both part = [ sqrt (ratio part 0 1); ratio part 2 3 ]

        [
            yield! both Array.sum
            if fields.Length > 1 then
                for i in 0 .. fields.Length - 1 do
                    yield! both (Array.item i)
        ]
        |> List.zip (errorNames fields)
