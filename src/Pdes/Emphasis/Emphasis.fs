// What a loss dwells on beside its plain mean squares: weights of terms and points, points where residuals are large, early
// times first. Each method has a file of its own; here they are put together, with what they remember.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// What training dwells on. Which of the methods go together is in docs/hard-problems.md.
type Emphasis =
    {
        /// Weights of the loss's terms.
        Balance: Balance
        /// Whether points are fixed and weighed by their residuals so far.
        Attention: bool
        /// Where the points of the equations come from.
        Points: PointChoice
        /// Weights by time, for problems whose last coordinate is "t".
        Causal: Causal option
        /// The fraction of the epochs over which the equations' window of time grows, for such problems.
        Curriculum: float option
        /// Steps between changes of the terms' weights and of chosen points.
        Every: int
    }

/// A stretch of training on a problem: everything but what takes its steps.
type internal Course =
    {
        Problem: Problem
        /// By `Problem.modelFor`.
        Model: Model
        Collocation: Collocation
        Emphasis: Emphasis
        Steps: int
        /// The number of the first step, over all stages.
        First: int
        /// The epochs of which a curriculum has its fraction: the numbers of steps below this, over all stages.
        Span: int
        /// What the points of a step are drawn from, by its number over all stages.
        Step: int -> Key
        /// What all other draws come from.
        Draws: Key
    }

/// An emphasis at work: numbers that it remembers, as `Adaptation` has them, and what they make of a step.
type internal Dwelling =
    {
        Init: Params -> Params
        Update: int -> int -> Params -> Params -> Params
        /// Step, numbers, parameters → the points of the equations and what they count.
        Chosen: int -> Params -> Params -> EquationPoints
        /// Further weights of the terms [terms]; None where they are not balanced.
        Weights: Params -> Tensor option
    }

/// What a loss dwells on beside its plain mean squares.
[<RequireQualifiedAccess>]
module Emphasis =
    /// None: fresh points in each step, all alike.
    let none: Emphasis =
        {
            Balance = Balance.Fixed
            Attention = false
            Points = PointChoice.Fresh
            Causal = None
            Curriculum = None
            Every = 100
        }

    // The bounds of a problem's time.
    let private tryTime (problem: Problem) : (float * float) option =
        match List.tryLast problem.Coordinates with
        | Some "t" -> List.tryLast problem.Domain.Bounds
        | _ -> None

    /// The first setting that a problem cannot have, by its name, and why.
    let internal fault (problem: Problem) (emphasis: Emphasis) : (string * string) option =
        let hasEnergy = problem.Equations |> List.exists (fun equation -> equation.Objective = Objective.Energy)

        let anyEnergy =
            hasEnergy
            || problem.Conditions |> List.exists (fun condition -> condition.Objective = Objective.Energy)

        let inTime name =
            match tryTime problem with
            | Some(start, finish) when start < finish -> None
            | _ ->
                let names = String.concat ", " problem.Coordinates

                Some(
                    name,
                    $"a problem in time is one whose last coordinate is named 't', and those of {problem.Name} are {names}"
                )

        let windowLeaves () =
            use _ = torch.NewDisposeScope()
            let x = problem.Domain.Sample (Key.ofSeed 0) Placement.cpu64 256
            let start = tryTime problem |> Option.map fst |> Option.defaultValue 0.0

            not ((problem.Domain.Contains(Curriculum.confine start 0.3 x)).all().item<bool>())

        let chooses = emphasis.Points <> PointChoice.Fresh

        let noResidual name =
            if hasEnergy then Some(name, $"{problem.Name} has an energy, which has no residual") else None

        let given condition fault = if condition then fault () else None

        [
            given (emphasis.Balance <> Balance.Fixed) (fun () ->
                if problem.Equations.Length + problem.Conditions.Length < 2 then
                    Some(
                        nameof emphasis.Balance,
                        $"the loss of {problem.Name} is a single term: there is nothing to balance"
                    )
                elif emphasis.Balance = Balance.Ntk && anyEnergy then
                    Some(nameof emphasis.Balance, $"{problem.Name} has an energy, which has no neural tangent kernel")
                else
                    None)

            given emphasis.Attention (fun () ->
                if chooses then
                    Some(nameof emphasis.Attention, "points that are weighed stay: they are not chosen anew as well")
                elif emphasis.Curriculum.IsSome then
                    Some(nameof emphasis.Attention, "points that are weighed stay: a curriculum would move them")
                else
                    noResidual (nameof emphasis.Attention))

            given chooses (fun () ->
                if emphasis.Points = PointChoice.RarD && emphasis.Curriculum.IsSome then
                    Some(
                        nameof emphasis.Points,
                        "points that are only added to would stay in a curriculum's first window"
                    )
                else
                    noResidual (nameof emphasis.Points))

            match emphasis.Causal with
            | Some causal when not (causal.Epsilon > 0.0 && System.Double.IsFinite causal.Epsilon) ->
                Some(nameof emphasis.Causal, $"causal weights take an epsilon above zero, not {causal.Epsilon}")
            | Some causal when causal.Slices < 2 ->
                Some(nameof emphasis.Causal, $"causal weights take 2 slices of time or more, not {causal.Slices}")
            | Some _ ->
                inTime (nameof emphasis.Causal) |> Option.orElseWith (fun () -> noResidual (nameof emphasis.Causal))
            | None -> None

            match emphasis.Curriculum with
            | Some fraction when not (fraction > 0.0 && fraction <= 1.0) ->
                Some(
                    nameof emphasis.Curriculum,
                    $"a curriculum takes a fraction of the epochs above 0 and up to 1, not {fraction}"
                )
            | Some _ ->
                inTime (nameof emphasis.Curriculum)
                |> Option.orElseWith (fun () ->
                    if windowLeaves () then
                        Some(
                            nameof emphasis.Curriculum,
                            $"the domain of {problem.Name} changes with time: its points leave it when they move to an earlier one"
                        )
                    else
                        None)
            | None -> None

            if emphasis.Every < 1 then
                Some(
                    nameof emphasis.Every,
                    $"weights and points change every so many steps from 1 up, not {emphasis.Every}"
                )
        ]
        |> List.tryPick id

    /// Raises ArgumentException, naming the setting, for what a problem cannot have.
    let internal check (problem: Problem) (emphasis: Emphasis) : unit =
        fault problem emphasis
        |> Option.iter (fun (name, reason) -> invalidArg (nameof emphasis) $"{name}: {reason}")

    let private weights, private points, private attention = "weights", "points", "attention"

    /// The weights of the loss's terms among a stage's memory, by the names of `Collocation.weightNames`; none where they are
    /// not balanced.
    let internal termWeights (problem: Problem) (memory: Params) : (string * float) list =
        match Map.tryFind weights (Stage.numbers memory) with
        | Some t -> Tensor.toArray t |> List.ofArray |> List.zip (Collocation.weightNames problem)
        | None -> []

    /// What a loss on fresh points, or on chosen ones, remembers and takes in each step; None where there is no emphasis.
    /// Raises ArgumentException as `check` does.
    let internal tryDwelling (course: Course) : Dwelling option =
        let {
                Problem = problem
                Model = model
                Emphasis = emphasis
                Collocation = settings
                Step = step
                Draws = draws
            } =
            course

        check problem emphasis

        if { emphasis with Every = none.Every } = none then
            None
        else
            let squares = Collocation.gradientSquares settings problem model
            let residuals = LossTerms.residuals settings problem model
            let start, finish = tryTime problem |> Option.defaultValue (0.0, 0.0)
            let dimensions = problem.Coordinates.Length

            let share n =
                match emphasis.Curriculum with
                | Some fraction -> Curriculum.share fraction course.Span n
                | None -> 1.0

            let sample n (key: Key) place count =
                LossTerms.interior { settings with Points = count } problem key place
                |> Curriculum.confine start (share n)

            // Of each equation [equations], as the problem has them.
            let equationWeights (like: Tensor) =
                problem.Equations
                |> List.map _.Weight
                |> Array.ofList
                |> Tensor.ofArray (Placement.ofTensor like) [ int64 problem.Equations.Length ]

            // The squares of residuals [N, equations], all equations together, as they are weighed [N].
            let total (r: Tensor) = (r * r * equationWeights r).sum 1L

            // The points of a step and what they count, for the numbers at hand and the present parameters.
            let chosen (n: int) (numbers: Params) (p: Params) : EquationPoints =
                let place = Placement.ofTensor (Seq.head p.Values)

                let x =
                    match Map.tryFind points numbers with
                    | Some x -> x
                    // As the loss would draw them.
                    | None -> sample n (Key.fold 1 (Key.fold 0 (step n))) place settings.Points

                let factors =
                    [
                        match Map.tryFind attention numbers with
                        | Some found -> found * found
                        | None -> ()

                        match emphasis.Causal with
                        | Some causal ->
                            let times = x.select (1L, int64 (dimensions - 1))

                            (residuals (step n) p x |> total |> Causality.weights causal (start, finish) times)
                                .expand(x.size 0, int64 problem.Equations.Length)
                        | None -> ()
                    ]
                    |> function
                        | [] -> None
                        | found -> Some(List.reduce (fun (a: Tensor) b -> a * b) found)

                { Points = Some x; Factors = factors }

            // Points are weighed by attention on top of that: the terms are balanced as they would be without, since its weights
            // begin at zero.
            let balanced n (numbers: Params) (p: Params) =
                let numbers = Map.remove attention numbers

                Balancing.fromSquares emphasis.Balance (Key.fold n (Key.fold 2 draws)) (fun signs ->
                    squares (step n) (chosen n numbers p) signs p)

            let init (p: Params) =
                let place = Placement.ofTensor (Seq.head p.Values)

                let numbers: Params =
                    Map.ofList
                        [
                            if emphasis.Attention || emphasis.Points <> PointChoice.Fresh then
                                points, sample 0 (Key.fold 0 draws) place settings.Points

                            if emphasis.Attention then
                                attention, Attention.start place settings.Points problem.Equations.Length
                        ]

                match balanced 0 numbers p with
                | Some found -> Map.add weights found numbers
                | None -> numbers

            let update within n (p: Params) (numbers: Params) =
                let due = within > 0 && within % emphasis.Every = 0

                let redraw (numbers: Params) =
                    if due && emphasis.Points <> PointChoice.Fresh then
                        let key = Key.fold n (Key.fold 1 draws)
                        let x = numbers[points]

                        let candidates =
                            AdaptivePoints.candidates settings.Points
                            |> sample n (Key.fold 0 key) (Placement.ofTensor x)

                        let sizes = (residuals (step n) p candidates |> total).sqrt()

                        let x =
                            AdaptivePoints.redrawn emphasis.Points settings.Points (Key.fold 1 key) x candidates sizes

                        Map.add points x numbers
                    else
                        numbers

                let attend (numbers: Params) =
                    if emphasis.Attention then
                        let r = residuals (step n) p numbers[points]
                        Map.add attention (Attention.update numbers[attention] r) numbers
                    else
                        numbers

                let balance (numbers: Params) =
                    match (if due then balanced n numbers p else None) with
                    | Some found -> Map.add weights (Balancing.average numbers[weights] found) numbers
                    | None -> numbers

                numbers |> redraw |> attend |> balance

            Some { Init = init; Update = update; Chosen = chosen; Weights = Map.tryFind weights }

    /// The stage of training by an optimizer: with memory for what the emphasis remembers, and without where there is none.
    let internal stage (course: Course) (optimizer: Optimizer) : Stage =
        let { Collocation = settings; Problem = problem; Model = model; Step = step } = course

        match tryDwelling course with
        | None ->
            let gradient = Collocation.gradient settings problem model
            Stage.create course.Steps optimizer (step >> gradient)
        | Some dwelling ->
            let gradient = Collocation.emphasized settings problem model

            Stage.adaptive
                course.Steps
                optimizer
                {
                    Init = dwelling.Init
                    Update = dwelling.Update
                    Gradient =
                        fun n numbers p -> gradient (step n) (dwelling.Chosen n numbers p) (dwelling.Weights numbers) p
                }

    /// The stage of a polish, on the points of one key: the terms' weights are those at its start, and stay; the rest of an
    /// emphasis does not apply.
    let internal polish (course: Course) (points: Key) (optimizer: Optimizer) : Stage =
        // Every step is the first: weights never come due.
        let emphasis = { none with Balance = course.Emphasis.Balance; Every = max 1 course.Steps }
        stage { course with Emphasis = emphasis; Step = fun _ -> points } optimizer
