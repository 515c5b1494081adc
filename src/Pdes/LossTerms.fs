// The terms of a problem's loss, an equation or a condition each: the points that they share, in chunks that fit the
// memory, and their residuals there.
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
        /// Two estimates of each residual, which are multiplied where one would be squared: the mean of squares of an estimate
        /// has its variance too, that of products is the loss itself, and so is its gradient. SDGD (Hu et al., arXiv
        /// 2307.12306), section 4; STDE (arXiv 2412.00088), section 3.
        Unbiased: bool
        /// What the tensors of one backward pass may take, in MiB; residuals at more points are worked off in chunks.
        MemoryLimit: int
    }

/// Terms of the loss that share their points: the equations, which may be split over threads and chunks, or one condition,
/// which may be a mean over them all.
type internal TermGroup =
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

/// Which points of the equations a step takes, and how much each counts.
type internal EquationPoints =
    {
        /// [N, d]; None for fresh ones.
        Points: Tensor option
        /// Factors of the squares of each equation's residuals [N, equations]; None where all are 1.
        Factors: Tensor option
    }

/// A piece of a group's points, and what goes with each of its rows.
type internal Piece = { Rows: Tensor; Factors: Tensor option; Signs: Tensor option }

/// A group at the points of a step: its pieces, and its terms' shares of the loss there, for a network and its weights.
type internal TermGroupAtPoints =
    { Group: TermGroup; Pieces: Piece list; Shares: Piece -> Model -> Params -> Tensor list }

[<RequireQualifiedAccess>]
module internal LossTerms =
    /// Fresh points, all alike.
    let fresh: EquationPoints = { Points = None; Factors = None }

    // A residual's share of its term: Σ f r²/total, or of an energy Σ r/total. With a second estimate r' of it the square is
    // r r'. With signs s, random ones, it is Σ s √f r/√total, a random combination of the numbers whose squares make the term.
    let private share
        (objective: Objective)
        (total: int64)
        (factors: Tensor option)
        (signs: Tensor option)
        (second: Tensor option)
        (r: Tensor)
        =
        let squared = r * Option.defaultValue r second

        match objective, signs, factors with
        | _, Some s, Some f -> (s * f.sqrt () * r).sum() / sqrt (float total)
        | _, Some s, None -> (s * r).sum() / sqrt (float total)
        | Objective.Square, None, Some f -> (f * squared).sum() / float total
        | Objective.Square, None, None -> squared.sum () / float total
        | Objective.Energy, None, _ -> r.sum () / float total

    /// Rows of one chunk: an even share of the batch for each worker of each rank, less where the chunks in work at a time
    /// would not fit the memory limit; at least one.
    let chunk
        (settings: Collocation)
        (model: Model)
        (place: Placement)
        (directions: (int * Directions) list)
        points
        : int64 =
        let bytes = if place.DType = torch.float64 then 8L else 4L

        let numbers =
            Host.on place.Device (fun () ->
                [
                    for count, directions in directions ->
                        int64 count * model.NumbersPerPoint (int (directions.Weights.numel ())) directions.Order
                ]
                |> List.sum)

        let perPoint = bytes * max 1L numbers

        let workers = int64 (Workers.count place.Device)
        let fitting = int64 settings.MemoryLimit * 1024L * 1024L / (perPoint * workers)
        let shares = workers * int64 (Ranks.count ())
        max 1L (min fitting ((int64 points + shares - 1L) / shares))

    /// The equations, which are the first group, and each condition.
    let groups (settings: Collocation) (problem: Problem) : TermGroup list =
        let numbers = Sampling.numbers settings.Sampling

        // An estimate draws from whole sums.
        let ready = if settings.Laplacian = LaplacianMethod.Exact then id else Term.gathered

        [
            {
                Names = problem.Equations |> List.map (fun equation -> $"equation {equation.Name}")
                Weights = problem.Equations |> List.map _.Weight
                Points = settings.Points
                Sample = problem.Domain.Draw numbers
                Columns = []
                Residuals = problem.Equations |> List.map (_.Residual >> ready)
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
                    Residuals = [ ready condition.Mismatch ]
                    Objectives = [ condition.Objective ]
                    Means = true
                    Splits = not (Term.hasMean condition.Mismatch)
                }
        ]

    /// Refuses a problem, naming the place.
    let refuse (problem: Problem) name fault = invalidArg (nameof problem) $"problem {problem.Name}, {name}: {fault}"

    /// A tensor's shape, as messages have it.
    let shape (t: Tensor) = List.ofArray (Tensor.shape t)

    /// What a group reads of the fields, as `Reading.ofTerms` has it. Raises ArgumentException for a fault.
    let reading (apart: bool) (problem: Problem) (group: TermGroup) : Reading =
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

    /// Fresh points of a group [N, d and columns]. Raises ArgumentException where the sampler gives others.
    let points (problem: Problem) (group: TermGroup) (key: Key) (place: Placement) : Tensor =
        let x = group.Sample key place group.Points
        let wanted = [ int64 group.Points; int64 (problem.Coordinates.Length + group.Columns.Length) ]

        if group.Points < 1 || shape x <> wanted then
            refuse
                problem
                (String.concat ", " group.Names)
                $"the sampler gave points {shape x} where {wanted} are asked for, of one point or more"

        x

    /// Fresh points of the equations, as `points` has them.
    let interior (settings: Collocation) (problem: Problem) (key: Key) (place: Placement) : Tensor =
        points problem (List.head (groups settings problem)) key place

    let private pieces (rows: int64) (x: Tensor) (factors: Tensor option) (signs: Tensor option) : Piece list =
        let split (t: Tensor option) = t |> Option.map _.split(rows)
        let factors, signs = split factors, split signs
        let piece i = Option.map (Array.item i)

        [
            for i, x in Array.indexed (x.split rows) do
                { Rows = x; Factors = piece i factors; Signs = piece i signs }
        ]

    let directions (settings: Collocation) (reading: Reading) (place: Placement) (key: Key) =
        reading.Operators
        |> List.map (fun (count, operator) ->
            count, Operator.directions settings.Laplacian (Key.fold 0 key) place operator)

    /// The terms of a problem at the points of a key, for a model: those of the equations as `chosen`; with a key for signs
    /// each term's share is a random combination of its residuals instead.
    let at (settings: Collocation) (problem: Problem) (model: Model) =
        let along = directions settings

        // With a second estimate where one is wanted, and any is made.
        let groups =
            [
                for group in groups settings problem do
                    let reading = reading false problem group
                    let isEstimated (_, operator) = Operator.isEstimated settings.Laplacian operator
                    group, reading, settings.Unbiased && List.exists isEstimated reading.Operators
            ]

        fun (key: Key) (place: Placement) (chosen: EquationPoints) (signs: Key option) ->
            [
                for index, (group, reading, isTwice) in List.indexed groups do
                    let key = Key.fold index key

                    let chosen = if index = 0 then chosen else fresh

                    let x =
                        match chosen.Points with
                        | Some x -> x
                        | None -> points problem group (Key.fold 1 key) place

                    let count = x.size 0

                    let directions = along reading place key
                    let rows = if group.Splits then chunk settings model place directions (int count) else count

                    let signs =
                        signs
                        |> Option.map (fun signs ->
                            Key.signs (Key.fold index signs) place [ count; int64 group.Residuals.Length ])

                    // By other random directions.
                    let second = if isTwice then Some(along reading place (Key.fold 2 key)) else None

                    let column i (t: Tensor option) = t |> Option.map _.narrow(1L, int64 i, 1L)

                    let shares (piece: Piece) (network: Model) p =
                        let values directions =
                            reading.Values
                                (fun directions -> Problem.jet problem network directions p)
                                (List.map snd directions)
                                p
                                piece.Rows

                        let seconds =
                            match second with
                            | Some directions -> values directions |> List.map Some
                            | None -> group.Residuals |> List.map (fun _ -> None)

                        List.zip3 group.Objectives (values directions) seconds
                        |> List.mapi (fun i (objective, residual: Tensor, second) ->
                            let factors, signs = column i piece.Factors, column i piece.Signs

                            // One that is the same at every point counts at each.
                            if group.Splits then
                                share objective count factors signs second (residual.expand (piece.Rows.size 0, 1L))
                            else
                                let n = residual.numel ()
                                share objective n factors (signs |> Option.map _.narrow(0L, 0L, n)) second residual)

                    { Group = group; Pieces = pieces rows x chosen.Factors signs; Shares = shares }
            ]

    /// The residuals of the equations [N, equations] at points [N, d], along the directions of a step's key, without
    /// gradient.
    let residuals (settings: Collocation) (problem: Problem) (model: Model) =
        let group = groups settings problem |> List.head
        let reading = reading false problem group

        fun (key: Key) (p: Params) (x: Tensor) ->
            let place = Placement.ofTensor x
            let directions = directions settings reading place (Key.fold 0 key)
            use _ = torch.no_grad ()
            let network, weights = Model.generate model p

            x.split (chunk settings model place directions (int (x.size 0)))
            |> Array.toList
            |> Ranks.rows place (fun rows ->
                use _ = torch.no_grad ()

                reading.Values
                    (fun directions -> Problem.jet problem network directions weights)
                    (List.map snd directions)
                    weights
                    rows
                |> List.map (fun (r: Tensor) -> r.expand (rows.size 0, 1L))
                |> fun columns -> [ torch.cat (List.toArray columns, 1L) ])
