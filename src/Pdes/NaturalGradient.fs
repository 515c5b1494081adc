// Energy natural gradient descent: Gauss and Newton's step for the residuals at a sample of points, in the space of points
// where these are fewer than parameters, damped after Levenberg and Marquardt, with a line search on the sample.
// Müller, Zeinhofer, ICML 2023 (arXiv 2302.13163); by Woodbury's identity Guzmán-Cordero et al. (arXiv 2505.12149).
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module NaturalGradient =
    // The damping, relative to the mean diagonal: at the start, at least and at most.
    let private start, private least, private most = 1e-6, 1e-14, 1e4

    // Halvings of a step that does not lower the loss.
    let private halvings = 12

    let private flat (p: Params) : Tensor = torch.cat (Params.tensors p |> Array.map _.flatten())

    // A vector of all numbers in the order of their names, as a tree like p.
    let private tree (p: Params) (v: Tensor) : Params =
        let counts = Params.tensors p |> Array.map _.numel()

        Params.withTensors
            (Array.map2 (fun (part: Tensor) (t: Tensor) -> part.view (Tensor.shape t)) (v.split counts) (Params.tensors p))
            p

    // A·Bᵀ, its rows on several threads.
    let private product (a: Tensor) (b: Tensor) : Tensor =
        let rows = max 1L ((a.size 0 + 7L) / 8L)
        let turned = b.t ()

        a.split rows
        |> List.ofArray
        |> Workers.map a.device Seq.singleton (fun part -> Tensor.product part turned)
        |> List.toArray
        |> fun parts -> torch.cat (parts, 0L)

    // d of least |r - J d|² + λ|d|², with λ relative to the mean diagonal of J Jᵀ or, of fewer parameters than points, Jᵀ J.
    let private solver (j: Tensor) (r: Tensor) : float -> Tensor option =
        let overPoints = j.size 0 <= j.size 1
        let turned = j.t ()
        let gram = if overPoints then product j j else product (turned.contiguous ()) (turned.contiguous ())
        let gram = gram.``to`` torch.float64
        let mean = gram.diagonal().mean ()
        let size = gram.size 0
        let right = if overPoints then r else Tensor.product turned (r.unsqueeze -1L) |> _.squeeze(-1L)
        let right = right.``to``(torch.float64).unsqueeze -1L

        fun damping ->
            let damped =
                gram + torch.diag_embed ((mean * damping).expand size)

            let struct (factor, info) = torch.linalg.cholesky_ex damped

            if info.item<int> () <> 0 then
                None
            else
                let solved = torch.cholesky_solve(right, factor).``to`` r.dtype
                Some((if overPoints then Tensor.product turned solved else solved).squeeze -1L)

    let private scalar (device: torch.Device) (value: float) =
        torch.full ([||], value.ToScalar(), dtype = torch.float64, device = device)

    /// So many steps on the residuals of a problem for a model of it, by `Problem.modelFor`, each at the points that `points`
    /// gives the step a key for. Memory "damping", a scalar. Raises ArgumentException for a problem with an energy.
    let stage (steps: int) (settings: Collocation) (problem: Problem) (model: Model) (points: int -> Key) : Stage =
        Residuals.check problem

        let update step (p: Params) (memory: Params) =
            use _ = torch.no_grad ()
            let key = points step
            let r, j = Residuals.withJacobian settings problem model key p
            let loss = (r * r).sum ()
            let solve = solver j r
            let x = flat p

            let rec direction damping =
                match solve damping with
                | Some d -> damping, d
                | None when damping < most -> direction (damping * 10.0)
                | None -> damping, torch.zeros_like x

            let damping, d = direction (Tensor.item memory["damping"])

            // What the linear model promises of a whole step.
            let left = r - (Tensor.product j (d.unsqueeze -1L)).squeeze -1L
            let before = Tensor.item loss
            let promised = before - Tensor.item ((left * left).sum ())

            let lossAt length =
                fun () ->
                    let r = Residuals.values settings problem model key (tree p (x - length * d))
                    (r * r).sum ()
                |> Tensor.scoped Seq.singleton
                |> Tensor.item

            let rec search length tries =
                let found = lossAt length

                if found < before then Some(length, found)
                elif tries = 0 then None
                else search (length / 2.0) (tries - 1)

            let length, damping =
                match search 1.0 halvings with
                | Some(length, found) ->
                    let kept = (before - found) / promised

                    length,
                    (if length < 0.3 || kept < 0.1 then min most (damping * 4.0)
                     elif length = 1.0 && kept > 0.5 then max least (damping / 3.0)
                     else damping)
                | None -> 0.0, min most (damping * 10.0)

            loss,
            tree p (x - length * d) |> Map.map (fun _ t -> t.clone ()),
            Map [ "damping", scalar x.device damping ]

        {
            Steps = steps
            Init = fun p -> Map [ "damping", scalar (Seq.head p.Values).device start ]
            Update = fun _ step -> update step
        }
