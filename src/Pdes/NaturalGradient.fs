// Energy natural gradient descent: Gauss and Newton's step for the residuals at a sample of points, in the space of points
// where these are fewer than parameters, damped after Levenberg and Marquardt, with a line search on the sample.
// Müller, Zeinhofer, ICML 2023 (arXiv 2302.13163); by Woodbury's identity Guzmán-Cordero et al. (arXiv 2505.12149).
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module NaturalGradient =
    // The damping, relative to the mean diagonal: at the start, at least and at most. From 1e-2 and less on, first steps took
    // some MetaKANs to where none lowered the loss any more.
    let private start, private least, private most = 0.1, 1e-14, 1e4

    // Halvings of a step that does not lower the loss.
    let private halvings = 12

    // A Aᵀ, of which only the blocks up to the diagonal are worked out, on several threads; zeros above them.
    let private gram (a: Tensor) : Tensor =
        let n = a.size 0
        let rows = max 1L ((n + 15L) / 16L)
        let turned = a.t ()

        a.split rows
        |> List.ofArray
        |> List.mapi (fun i part -> part, min n (int64 (i + 1) * rows))
        |> Workers.map a.device Seq.singleton (fun (part, width) ->
            torch.nn.functional.pad (Tensor.product part (turned.narrow (1L, 0L, width)), [| 0L; n - width |]))
        |> List.toArray
        |> fun parts -> torch.cat (parts, 0L)

    /// What each parameter is counted in [P]: the fourth root of the mean square of its derivatives, relative to all. A step is
    /// damped half way between Levenberg's way, all parameters alike, and Marquardt's, each by its own; in 10 dimensions
    /// MetaKANs, whose embeddings and generators differ most, come to a tenth of the error. Moré, "The Levenberg-Marquardt
    /// algorithm" (1978), section 4, on scaling.
    let internal scales (j: Tensor) : Tensor =
        let squares = (j * j).sum 0L
        // Parameters that nothing depends on here are not let loose.
        (squares / squares.mean () + 1e-3).pow(-0.25.ToScalar())

    // d of least |r - J d|² + λ|d|², with λ relative to the mean diagonal of J Jᵀ or, of fewer parameters than points, Jᵀ J.
    let internal solver (j: Tensor) (r: Tensor) : float -> Tensor option =
        let overPoints = j.size 0 <= j.size 1
        let turned = j.t ()
        let gram = if overPoints then gram j else gram (turned.contiguous ())
        let gram = gram.``to`` torch.float64
        let mean = gram.diagonal().mean()
        let size = gram.size 0
        let right = if overPoints then r else Tensor.product turned (r.unsqueeze -1L) |> _.squeeze(-1L)
        let right = right.``to``(torch.float64).unsqueeze -1L

        fun damping ->
            let damped = gram + torch.diag_embed ((mean * damping).expand size)

            let struct (factor, info) = torch.linalg.cholesky_ex damped

            if info.item<int>() <> 0 then
                None
            else
                let solved = torch.cholesky_solve(right, factor).``to`` r.dtype
                Some((if overPoints then Tensor.product turned solved else solved).squeeze -1L)

    let private scalar (device: torch.Device) (value: float) =
        torch.full ([||], value.ToScalar(), dtype = torch.float64, device = device)

    /// The stage of such steps on a course's residuals. Memory "natural.damping", a scalar, and below "loss" what the emphasis
    /// remembers. Raises ArgumentException for a problem with an energy, and for an emphasis that it cannot have.
    let internal stage (course: Course) : Stage =
        Residuals.check course.Problem
        let residuals = Residuals.at course.Collocation course.Problem course.Model
        let dwelling = Emphasis.tryDwelling course

        let update _ n (numbers: Params) (p: Params) (memory: Params) =
            let chosen, weights =
                match dwelling with
                | Some dwelling -> dwelling.Chosen n numbers p, dwelling.Weights numbers
                | None -> LossTerms.fresh, None

            let residuals = residuals (course.Step n) (Collocation.placeOf p) chosen weights
            let r, j = residuals.WithJacobian p
            use _ = torch.no_grad ()
            let loss = (r * r).sum()
            let scales = scales j
            let j = j.mul_ scales
            let solve = solver j r
            let x = Params.flat p

            let rec direction damping =
                match solve damping with
                | Some d -> damping, d
                | None when damping < most -> direction (damping * 10.0)
                | None -> damping, torch.zeros_like x

            let damping, d = direction (Tensor.item memory["damping"])

            // What the linear model promises of a whole step.
            let left = r - (Tensor.product j (d.unsqueeze -1L)).squeeze -1L
            let d = d * scales
            let whole = Tensor.item loss
            let promised = whole - Tensor.item ((left * left).sum())

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

            let x, damping =
                match search 1.0 halvings with
                | Some(length, found) ->
                    let kept = (whole - found) / promised

                    x - length * d,
                    (if length < 0.3 || kept < 0.1 then min most (damping * 4.0)
                     elif length = 1.0 && kept > 0.5 then max least (damping / 3.0)
                     else damping)
                // d may hold what is no number.
                | None -> x, min most (damping * 10.0)

            loss, Params.ofFlat p x |> Map.map (fun _ t -> t.clone ()), Map [ "damping", scalar x.device damping ]

        let numbers =
            match dwelling with
            | Some dwelling -> dwelling.Init, dwelling.Update
            | None -> (fun _ -> Map.empty), (fun _ _ _ numbers -> numbers)

        Stage.besideNumbers
            course.Steps
            numbers
            "natural"
            (fun p -> Map [ "damping", scalar (Seq.head p.Values).device start ])
            update
