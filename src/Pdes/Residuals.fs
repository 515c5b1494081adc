// The residuals of a problem as one vector, a number for each point and equation, and its Jacobian by what is trained: what
// methods of Gauss and Newton work with. Its squared length is the loss.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// Points of a step that share their residuals: how many, the residuals at each, and whether points may be taken apart.
type internal ResidualGroup = { Points: int64; Terms: int64; Splits: bool }

/// The residuals of a step with their points in pieces, which give their order.
type internal ResidualPieces =
    {
        /// The most residuals that each piece has.
        Counts: int64 list
        /// From the parameters, names of some and the numbers of some pieces, the residuals there [m, 1] and beside them
        /// their Jacobian [m, …] by the parameters named, in the order of their names, each flattened.
        Rows: Params -> Set<string> -> int list -> Tensor
        /// The product of the transposed Jacobian with a number for each residual [M], in the parameters' order [P].
        Pullback: Params -> Tensor -> Tensor
    }

/// The residuals at the points of a step.
type internal StepResiduals =
    {
        Groups: ResidualGroup list
        /// Numbers that a point keeps alive at most while its residuals' gradients are worked out, from the parameters.
        NumbersPerPoint: Params -> int64
        /// The residuals [M], in an order of their own.
        Values: Params -> Tensor
        /// In pieces of so many points, where points may be taken apart.
        InPieces: int64 -> ResidualPieces
    }

[<RequireQualifiedAccess>]
module internal Residuals =
    /// Points whose gradients are worked out together, at most: their rows pass through every layer at once.
    let together = 128L

    // Points of one group, all or a piece of them, with what they need to be evaluated.
    type private Part =
        {
            Group: TermGroup
            Reading: Reading
            Directions: Directions list
            X: Tensor
            /// How many points the group has in all.
            Count: int64
            /// Factors of the residuals' squares: of each term, and of each point and term [m, terms].
            Weights: Tensor option
            Factors: Tensor option
        }

    // So many points at a time, where they are apart.
    let private pieces (rows: int64) (part: Part) : Part list =
        let rows = if part.Group.Splits then rows else part.Count
        let factors = part.Factors |> Option.map _.split(rows)

        [
            for i, x in Array.indexed (part.X.split rows) ->
                { part with X = x; Factors = factors |> Option.map (Array.item i) }
        ]

    // √(f·w/N)·r, so that the squares add up to the loss; [n, 1], or [1, 1] for a mean.
    let private scaled (piece: Part) (residuals: Tensor list) : Tensor list =
        [
            for i, (weight, residual: Tensor) in List.indexed (List.zip piece.Group.Weights residuals) ->
                let r =
                    if piece.Group.Splits then
                        residual.expand (piece.X.size 0, 1L) * sqrt (weight / float piece.Count)
                    else
                        residual * sqrt (weight / float (residual.numel ()))

                let r =
                    match piece.Factors with
                    | Some f -> r * f.narrow(1L, int64 i, 1L).sqrt()
                    | None -> r

                match piece.Weights with
                | Some w -> r * w.select(0L, int64 i).sqrt()
                | None -> r
        ]

    let private evaluate jet (p: Params) (piece: Part) : Tensor list =
        piece.Reading.Values jet piece.Directions p piece.X |> scaled piece

    /// Raises ArgumentException for a problem that has an energy: it has no residuals.
    let check (problem: Problem) : unit =
        let energies =
            [
                for equation in problem.Equations -> equation.Name, equation.Objective
                for condition in problem.Conditions -> condition.Name, condition.Objective
            ]
            |> List.filter (fun (_, objective) -> objective = Objective.Energy)

        match energies with
        | (name, _) :: _ ->
            invalidArg
                (nameof problem)
                $"problem {problem.Name}: '{name}' is an energy, and methods of Gauss and Newton take residuals alone"
        | [] -> ()

    // The residuals of a piece [m] and their gradients [m, …], by the parameters named in the order of their names.
    let private rows (problem: Problem) (model: Model) (p: Params) (names: Set<string>) (piece: Part) : Tensor list =
        // Whatever the caller has switched off: pieces run on its thread where no others are hired.
        use _ = torch.enable_grad ()
        let n = piece.X.size 0
        let tracked = Params.tracked p
        let found = System.Collections.Generic.List<Traced>()

        // Numbers of the problem's own stand in the residuals directly: each point gets its own, where points are apart.
        let copies = if piece.Group.Splits then n else 1L

        let own =
            Map
                [
                    for name, _ in problem.Parameters ->
                        let name = Problem.parameterName name
                        name, p[name].expand(copies, 1L).clone().requires_grad_ true
                ]

        let jet directions x =
            let traced = Problem.traced problem model directions tracked x
            found.Add traced
            traced.Output

        let residuals = evaluate jet (Params.union [ tracked; own ]) piece
        let traced, gradients = Traced.gradients names (List.ofSeq found)
        let nodes = [| yield! Params.tensors own; yield! traced |]

        // Residuals of points apart take one pass for all; of those that a mean ties together each takes its own.
        let outputs =
            residuals |> List.collect (fun r -> if piece.Group.Splits then [ r ] else List.ofArray (r.split 1L))

        Autograd.gradientsOfEach (outputs |> List.map _.sum()) nodes
        |> List.map2
            (fun (residual: Tensor) cotangents ->
                use _ = torch.no_grad ()
                let byOwn, others = List.splitAt own.Count (List.ofArray cotangents)

                // Several rows of a point add up; so do all rows of a mean.
                let byPoint (g: Tensor) =
                    let g = g.reshape (residual.size 0, -1L, g.numel () / g.size 0)
                    g.sum 1L

                // Each set of points that is read has its part.
                let byNetworks = gradients others |> List.map (Map.map (fun _ g -> byPoint g)) |> Params.total

                let all = Params.union [ byNetworks; Params.withTensors (List.map byPoint byOwn) own ]

                let columns =
                    p
                    |> Map.filter (fun name _ -> names.Contains name)
                    |> Map.toArray
                    |> Array.map (fun (name, t) ->
                        match all.TryFind name with
                        | Some g -> g
                        | None -> torch.zeros (residual.size 0, t.numel (), dtype = t.dtype, device = t.device))

                torch.cat ([| residual.detach (); yield! columns |], 1L))
            outputs

    /// The residuals of a problem for a model of it: at the points of a key, those of the equations as chosen, the terms
    /// weighed by further weights too. What they read is found once, and the points of a step are drawn once.
    let at (settings: Collocation) (problem: Problem) (model: Model) =
        let groups = LossTerms.groups settings problem
        let readings = groups |> List.map (LossTerms.reading true problem)
        let starts = groups |> List.scan (fun start group -> start + group.Names.Length) 0

        fun (key: Key) (place: Placement) (chosen: EquationPoints) (weights: Tensor option) ->
            let parts =
                [
                    for index, (group, reading) in List.indexed (List.zip groups readings) do
                        let key = Key.fold index key
                        let chosen = if index = 0 then chosen else LossTerms.fresh

                        let x =
                            chosen.Points
                            |> Option.defaultWith (fun () -> LossTerms.points problem group (Key.fold 1 key) place)

                        {
                            Group = group
                            Reading = reading
                            Directions = LossTerms.directions settings reading place key |> List.map snd
                            X = x
                            Count = x.size 0
                            Weights = weights |> Option.map _.narrow(0L, int64 starts[index], int64 group.Names.Length)
                            Factors = chosen.Factors
                        }
                ]

            let joined (work: Part -> Tensor list) (pieces: Part list) : Tensor = Ranks.rows place work pieces

            // The most residuals that a piece has.
            let mostOf (piece: Part) = piece.X.size 0 * int64 piece.Group.Names.Length

            let residualsOf network weights piece =
                evaluate (fun directions -> Problem.jet problem network directions weights) weights piece

            let values (p: Params) =
                fun () ->
                    use _ = torch.no_grad ()
                    let network, generated = Model.generate model p

                    parts
                    |> List.collect (pieces (4L * together))
                    |> joined (fun piece ->
                        use _ = torch.no_grad ()
                        residualsOf network generated piece)
                    |> _.flatten()
                |> Tensor.scoped Seq.singleton

            let inPieces (points: int64) : ResidualPieces =
                let pieces = parts |> List.collect (pieces points)
                let all = List.toArray pieces

                // A mean is one number, whatever its points.
                let count network weights (piece: Part) =
                    if piece.Group.Splits then
                        mostOf piece
                    else
                        (fun () ->
                            use _ = torch.no_grad ()
                            residualsOf network weights piece |> List.sumBy _.numel())
                        |> Tensor.scoped (fun _ -> Seq.empty)

                let pullback (p: Params) (cotangents: Tensor) =
                    fun () ->
                        use _ = torch.enable_grad ()
                        let network, weights = Model.generate model p
                        let cotangents = cotangents.split [| for piece in pieces -> count network weights piece |]

                        [
                            for piece, a in Seq.zip pieces cotangents ->
                                fun network weights ->
                                    let r = residualsOf network weights piece
                                    (torch.cat ([| for t in r -> t.flatten () |]) * a).sum()
                        ]
                        |> Model.gradient model p
                        |> snd
                        |> Params.flat
                    |> Tensor.scoped Seq.singleton

                {
                    Counts = pieces |> List.map mostOf
                    Rows =
                        fun p names chosen ->
                            (fun () -> chosen |> List.map (Array.get all) |> joined (rows problem model p names))
                            |> Tensor.scoped Seq.singleton
                    Pullback = pullback
                }

            // Jets between layers with their cotangents, and the gradients by all weights on their way to the parameters.
            let numbersPerPoint (p: Params) =
                fun () ->
                    let jets =
                        Host.on (Collocation.placeOf p).Device (fun () ->
                            [
                                for part in parts do
                                    for it in part.Directions do
                                        model.NumbersPerPoint (int (it.Weights.numel ())) it.Order
                            ])

                    2L * List.max jets + 3L * Params.count (snd (Model.generate model p)) + Params.count p
                |> Tensor.scoped (fun _ -> Seq.empty)

            {
                Groups =
                    [
                        for part in parts ->
                            { Points = part.Count; Terms = int64 part.Group.Names.Length; Splits = part.Group.Splits }
                    ]
                NumbersPerPoint = numbersPerPoint
                Values = values
                InPieces = inPieces
            }
