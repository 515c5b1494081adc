namespace MetaKan

open System
open TorchSharp

/// The self-scaled Broyden method: a quasi-Newton method with the whole inverse Hessian, which it rescales in each step by what
/// the step found out, with a strong Wolfe line search. For networks of some thousands of numbers, in double precision.
/// Al-Baali, Comput. Optim. Appl. 9 (1998), 191-203; for PDEs Urbán, Stefanou, Pons, J. Comput. Phys. 523 (2025) (arXiv
/// 2405.04230), and Kiyani et al., CMAME 446 (2025) (arXiv 2501.16371).
[<RequireQualifiedAccess>]
module Broyden =
    /// How many numbers it takes at most: the inverse Hessian has their square.
    let largest = 10_000L

    // What the update of the inverse Hessian is made of: the scale τ, and φ, which is 1 for BFGS and 0 for DFP. `h` is
    // yᵀHy/sᵀy, `b` sᵀH⁻¹s/sᵀy, n the number of parameters. Urbán et al., section 3.
    let internal factors (first: bool) (n: int64) (h: float) (b: float) : float * float =
        // Above 0 by Cauchy and Schwarz.
        let a = max 1e-300 (h * b - 1.0)
        let lowest = min 1.0 (h * (1.0 - sqrt (a / (1.0 + a))))
        let theta = max ((lowest - 1.0) / a) (min (1.0 / lowest) ((1.0 - b) / b))
        let sigma = 1.0 + theta * a

        let tau =
            if first then
                h / sigma
            else
                let scale = min 1.0 (1.0 / b)
                let root = sigma ** (1.0 / (1.0 - float n))

                if theta <= 0.0 then min (scale * root) sigma else scale * min root (1.0 / theta)

        tau, (1.0 - theta) / sigma

    // The inverse Hessian after a step s that changed the gradient by y; `b` as above.
    let internal updated (first: bool) (inverse: Tensor) (s: Tensor) (y: Tensor) (b: float) : Tensor =
        let curvature = LineSearch.dot s y
        let hy = torch.mv (inverse, y)
        let yhy = LineSearch.dot y hy
        let tau, phi = factors first (s.numel ()) (yhy / curvature) b
        let v = s / curvature - hy / yhy

        // Three terms of rank one in one product.
        let left = torch.stack ([| hy * (-1.0 / (yhy * tau)); v * (phi * yhy / tau); s / curvature |], 1L)
        let right = torch.stack [| hy; v; s |]
        inverse / tau + Tensor.product left right

    /// The method on a loss that may become another function after each `every` steps, as one on points that are drawn anew
    /// does; each step is a line search. Memory "inverse" [n, n], "gradient" [n] and "loss". Raises ArgumentException, once it
    /// sees them, for more than `largest` numbers.
    let create (every: int) : Optimizer =
        if every < 1 then
            invalidArg (nameof every) $"a loss stays the same for a step or more, not {every}"

        let init (p: Params) : Params =
            if Params.count p > largest then
                invalidArg
                    (nameof p)
                    $"the self-scaled Broyden method takes up to {largest} numbers, not {Params.count p}"

            Map.empty

        let update step (gradient: Gradient) (p: Params) (memory: Params) =
            let evaluate (x: Tensor) =
                fun () ->
                    let loss, g = gradient (Params.ofFlat p x)
                    Tensor.item loss, Params.flat g
                |> Tensor.scoped (snd >> Seq.singleton)

            let x = Params.flat p

            let loss, g =
                match Map.tryFind "gradient" memory with
                | Some g when step % every <> 0 -> Tensor.item memory["loss"], g
                | _ -> evaluate x

            let known = Map.tryFind "inverse" memory

            let d =
                match known with
                | Some inverse -> -torch.mv(inverse, g)
                | None -> -g

            let start = { Length = 0.0; X = x; Loss = loss; Slope = LineSearch.dot g d; Gradient = g }
            let length = if known.IsSome then 1.0 else min 1.0 (1.0 / Tensor.item (g.abs().sum()))

            let found =
                if start.Slope < 0.0 then LineSearch.wolfe (LineSearch.along evaluate x d) start length else start

            let inverse =
                // Where the search found no lower point, the next direction is the gradient's.
                if found.Length = 0.0 then
                    None
                else
                    let s, y = d * found.Length, found.Gradient - g
                    let curvature = LineSearch.dot s y

                    // A pair without positive curvature would make it indefinite.
                    if curvature > 1e-10 * abs (found.Length * start.Slope) then
                        let b = -found.Length * found.Length * start.Slope / curvature

                        let before =
                            known
                            |> Option.defaultWith (fun () -> torch.eye (x.numel (), dtype = x.dtype, device = x.device))

                        Some(updated known.IsNone before s y b)
                    else
                        known

            torch.tensor (loss, device = torch.CPU),
            (Params.ofFlat p found.X |> Map.map (fun _ t -> t.clone ())),
            Map.ofList
                [
                    "gradient", found.Gradient.clone ()
                    "loss", torch.tensor (found.Loss, dtype = torch.float64, device = torch.CPU)
                    match inverse with
                    | Some inverse -> "inverse", inverse
                    | None -> ()
                ]

        { Init = init; Update = update }
