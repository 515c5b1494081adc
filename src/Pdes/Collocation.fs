namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The loss of a physics-informed network: the mean squares of the equations' residuals at random points, plus those of
/// conditions; or an energy's mean density.
/// Raissi, Perdikaris, Karniadakis (2019), equation 2.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Collocation =
    // What a measure of an equation or a condition is called, from its name.
    let private column (name: string) =
        "loss_" + String.map (fun c -> if System.Char.IsLetterOrDigit c then c else '_') name

    /// The names of the losses of a problem's equations and conditions, each by itself; none where there is only one.
    let lossNames (problem: Problem) : string list =
        match (problem.Equations |> List.map _.Name) @ (problem.Conditions |> List.map _.Name) with
        | [ _ ] -> []
        | several -> several |> List.map column

    /// The names of the weights of a problem's terms, in the order of `lossNames`.
    let internal weightNames (problem: Problem) : string list =
        lossNames problem |> List.map (fun name -> "weight_" + name.Substring "loss_".Length)

    let private largest (t: Tensor) = Tensor.item (t.nan_to_num(0.0, 0.0, 0.0).abs().max())

    // A function of the point is one of each row alone: points are split over threads and chunks.
    let private checkGiven (problem: Problem) (x: Tensor) (name: string) (f: PointFunction) =
        let value = PointFunction.at x f
        let half = x.size 0 / 2L

        if half > 0L then
            let part start count = PointFunction.at (x.narrow (0L, start, count)) f
            let halves = torch.cat [| part 0L half; part half (x.size 0 - half) |]

            if largest (value - halves) > 1e-3 * largest value then
                LossTerms.refuse problem name $"the function '{f.Name}' reads several points at once"

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

        for group in LossTerms.groups settings problem do
            let x = LossTerms.points problem group key place
            let reading = LossTerms.reading false problem group

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

            if LossTerms.shape truth <> wanted then
                invalidArg
                    (nameof problem)
                    $"problem {problem.Name}: Exact gives {LossTerms.shape truth} where {wanted} is wanted")

    let internal placeOf (p: Params) = Placement.ofTensor (Seq.head p.Values)

    /// The loss and its gradient at the equations' points as chosen, the terms weighed by further weights [terms] too.
    let internal emphasized (settings: Collocation) (problem: Problem) (model: Model) =
        let terms = LossTerms.at settings problem model

        fun (key: Key) (chosen: EquationPoints) (weights: Tensor option) (p: Params) ->
            let groups = terms key (placeOf p) chosen None
            let starts = groups |> List.scan (fun start found -> start + found.Group.Weights.Length) 0

            [
                for start, found in Seq.zip starts groups do
                    let weigh =
                        match weights with
                        | None -> fun _ weight (loss: Tensor) -> loss * weight
                        | Some w -> fun i (weight: float) loss -> loss * weight * w.select (0L, int64 (start + i))

                    for piece in found.Pieces do
                        fun network p ->
                            found.Shares piece network p
                            |> List.zip found.Group.Weights
                            |> List.mapi (fun i (weight, loss) -> weigh i weight loss)
                            |> List.reduce (fun a b -> a + b)
            ]
            |> Model.gradient model p

    /// The loss and its gradient on the points of a key. However it is chunked, the result is the same up to rounding.
    let gradient (settings: Collocation) (problem: Problem) (model: Model) : Key -> Gradient =
        let gradient = emphasized settings problem model
        fun key -> gradient key LossTerms.fresh None

    /// The squares of the norm of each term's gradient [terms], without weights, at the equations' points as chosen; with a
    /// key for signs, those of random combinations of each term's residuals.
    let internal gradientSquares (settings: Collocation) (problem: Problem) (model: Model) =
        let terms = LossTerms.at settings problem model

        fun (key: Key) (chosen: EquationPoints) (signs: Key option) (p: Params) ->
            [|
                for found in terms key (placeOf p) chosen signs do
                    for i in 0 .. found.Group.Names.Length - 1 do
                        fun () ->
                            [
                                for piece in found.Pieces ->
                                    fun network p -> found.Shares piece network p |> List.item i
                            ]
                            |> Model.gradient model p
                            |> fun (_, g) -> torch.stack([| for t in g.Values -> t.square().sum() |]).sum()
                        |> Tensor.scoped Seq.singleton
            |]
            |> torch.stack

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
                for found in LossTerms.at settings problem model key (placeOf p) LossTerms.fresh None do
                    yield!
                        Ranks.share found.Pieces
                        |> List.map (fun piece ->
                            [| for share in found.Shares piece network weights -> Tensor.item share |])
                        |> List.fold (Array.map2 (+)) (Array.zeroCreate found.Group.Names.Length)
                        |> Ranks.numbers
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

    // Numbers that points and what is worked out beside them may have at a time.
    let private atOnce = 1L <<< 24

    /// How many points of so many coordinates are worked on at a time where nothing is differentiated: the features of all at
    /// once would outweigh the training itself.
    let internal rowsAtOnce (coordinates: int64) : int64 = max 1L (min 500L (atOnce / max 1L coordinates))

    /// The relative L2 and L1 distances of fields u [N, fields] from the exact ones on points [N, d], which come in batches, by
    /// the names of `errorNames`.
    let errors
        (fields: string list)
        (exact: Tensor -> Tensor)
        (u: Tensor -> Tensor)
        (batches: (unit -> Tensor) list)
        : (string * float) list =
        let ofBatch (x: Tensor) =
            x.split (rowsAtOnce (x.size 1))
            |> Array.toList
            |> Ranks.share
            |> Workers.map x.device (fun _ -> Seq.empty) (fun rows ->
                use _ = torch.no_grad ()
                let truth, found = exact rows, u rows

                if LossTerms.shape truth <> LossTerms.shape found then
                    invalidArg
                        (nameof exact)
                        $"the exact solution is {LossTerms.shape truth} where u is {LossTerms.shape found}"

                let difference = truth - found
                let sum (t: Tensor) = Tensor.toArray (t.``to``(torch.float64).sum(0L))

                Array.concat
                    [ sum (difference * difference); sum (truth * truth); sum (difference.abs ()); sum (truth.abs ()) ])
            |> List.fold (Array.map2 (+)) (Array.zeroCreate (4 * fields.Length))

        let sums =
            batches
            |> List.map (fun batch -> (batch >> ofBatch) |> Tensor.scoped (fun _ -> Seq.empty))
            |> List.reduce (Array.map2 (+))
            |> Ranks.numbers
            |> Array.chunkBySize fields.Length

        let ratio (part: float[] -> float) above below = part sums[above] / part sums[below]
        let both part = [ sqrt (ratio part 0 1); ratio part 2 3 ]

        [
            yield! both Array.sum
            if fields.Length > 1 then
                for i in 0 .. fields.Length - 1 do
                    yield! both (Array.item i)
        ]
        |> List.zip (errorNames fields)
