namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// Energy natural gradient descent: Gauss and Newton's step for the residuals at a sample of points, in the space of points
/// where these are fewer than parameters, damped after Levenberg and Marquardt, with a line search on the sample.
/// Müller, Zeinhofer, ICML 2023 (arXiv 2302.13163); by Woodbury's identity Guzmán-Cordero et al. (arXiv 2505.12149).
[<RequireQualifiedAccess>]
module NaturalGradient =
    // The damping, relative to the mean diagonal: at the start, at least and at most. From 1e-2 and less on, first steps took
    // some MetaKANs to where none lowered the loss any more.
    let private start, private least, private most = 0.1, 1e-14, 1e4

    // Halvings of a step that does not lower the loss.
    let private halvings = 12

    let private scalar (device: torch.Device) (value: float) =
        torch.full ([||], value.ToScalar(), dtype = torch.float64, device = device)

    /// The stage of such steps on a course's residuals, the Jacobian in blocks of the collocation's memory limit. With a momentum
    /// µ above 0 a step is damped about µ times the one before it, as it was taken: SPRING, Goldshlager, Abrahamsen, Lin (arXiv
    /// 2401.10190), algorithm 1. Memory "natural.damping", a scalar, with a momentum the step before, "natural.step.…", and
    /// below "loss" what the emphasis remembers. Raises ArgumentException for a problem with an energy, and for an emphasis that
    /// it cannot have.
    let internal stage (momentum: float) (course: Course) : Stage =
        Residuals.check course.Problem
        let residuals = Residuals.at course.Collocation course.Problem course.Model
        let limit = int64 course.Collocation.MemoryLimit <<< 20
        let dwelling = Emphasis.tryDwelling course

        let update _ n (numbers: Params) (p: Params) (memory: Params) =
            let chosen, weights =
                match dwelling with
                | Some dwelling -> dwelling.Chosen n numbers p, dwelling.Weights numbers
                | None -> LossTerms.fresh, None

            use _ = torch.no_grad ()
            let residuals = residuals (course.Step n) (Collocation.placeOf p) chosen weights
            let plan, pieces = NormalEquations.plan limit residuals p
            let kept = if momentum > 0.0 then Some(momentum * Params.flat (Params.under "step" memory)) else None
            let squares = NormalEquations.gather plan pieces p kept
            let loss = (squares.Residuals * squares.Residuals).sum()
            let x = Params.flat p

            let rec direction damping =
                match squares.Solve damping with
                | Some(d, promised) -> damping, d, promised
                | None when damping < most -> direction (damping * 10.0)
                | None -> damping, torch.zeros_like x, 0.0

            let damping, d, promised = direction (Tensor.item memory["damping"])
            let whole = Tensor.item loss

            let lossAt length =
                fun () ->
                    let r = residuals.Values(Params.ofFlat p (x - length * d))
                    (r * r).sum()
                |> Tensor.scoped Seq.singleton
                |> Tensor.item

            let rec search (length: float) tries =
                let found = lossAt length

                if found < whole then Some(length, found)
                elif tries = 0 then None
                else search (length / 2.0) (tries - 1)

            let step, damping =
                match search 1.0 halvings with
                | Some(length, found) ->
                    let kept = (whole - found) / promised

                    length * d,
                    (if length < 0.3 || kept < 0.1 then min most (damping * 4.0)
                     elif length = 1.0 && kept > 0.5 then max least (damping / 3.0)
                     else damping)
                // d may hold what is no number.
                | None -> torch.zeros_like x, min most (damping * 10.0)

            let tree (flat: Tensor) = Params.ofFlat p flat |> Map.map (fun _ t -> t.clone ())

            loss,
            tree (x - step),
            Params.union
                [
                    Map [ "damping", scalar x.device damping ]
                    if momentum > 0.0 then
                        Params.prefixed "step" (tree step)
                ]

        let numbers =
            match dwelling with
            | Some dwelling -> dwelling.Init, dwelling.Update
            | None -> (fun _ -> Map.empty), (fun _ _ _ numbers -> numbers)

        let remembered (p: Params) : Params =
            Params.union
                [
                    Map [ "damping", scalar (Seq.head p.Values).device start ]
                    if momentum > 0.0 then
                        p |> Map.map (fun _ t -> torch.zeros_like t) |> Params.prefixed "step"
                ]

        Stage.besideNumbers course.Steps numbers "natural" remembered update
