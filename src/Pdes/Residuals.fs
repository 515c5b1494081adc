// The residuals of a problem as one vector, a number for each point and equation, and its Jacobian by what is trained: what
// methods of Gauss and Newton work with. Its squared length is the loss.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The residuals [M] at the points of a step, from the parameters; also with their Jacobian [M, P] by the parameters in the
/// order of their names, each flattened. The order of the residuals is that of their points in pieces, and may differ.
type internal StepResiduals = { Values: Params -> Tensor; WithJacobian: Params -> Tensor * Tensor }

[<RequireQualifiedAccess>]
module internal Residuals =
    // Points whose gradients are worked out together: their rows pass through every layer at once.
    let private together = 128L

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

    // The residuals of a piece [m] and their gradients [m, P], by the parameters in the order of their names.
    let private rows (problem: Problem) (model: Model) (p: Params) (piece: Part) : Tensor list =
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
        let traces = List.ofSeq found

        let nodes =
            [|
                yield! Params.tensors own
                for trace in traces do
                    yield! trace.Nodes
            |]

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
                let byNetworks =
                    Traced.gradientsOfEach traces others |> List.map (Map.map (fun _ g -> byPoint g)) |> Params.total

                let all = Params.union [ byNetworks; Params.withTensors (List.map byPoint byOwn) own ]

                let columns =
                    p
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

            let ofPieces rows (work: Part -> Tensor list) : Tensor =
                parts
                |> List.collect (pieces rows)
                |> Workers.map place.Device Seq.ofList work
                |> List.concat
                |> fun found -> torch.cat (List.toArray found, 0L)

            let values (p: Params) =
                fun () ->
                    use _ = torch.no_grad ()
                    let network, generated = Model.generate model p

                    ofPieces (4L * together) (fun piece ->
                        use _ = torch.no_grad ()

                        evaluate (fun directions -> Problem.jet problem network directions generated) generated piece)
                    |> _.flatten()
                |> Tensor.scoped Seq.singleton

            let withJacobian (p: Params) =
                fun () ->
                    let table = ofPieces together (rows problem model p)
                    table.select(1L, 0L).clone(), table.narrow (1L, 1L, table.size 1 - 1L)
                |> Tensor.scoped (fun (r, j) -> [ r; j ])

            { Values = values; WithJacobian = withJacobian }
