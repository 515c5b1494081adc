/// Function fitting as PyTorch users of KANs run it today, written plainly with the same operators: every layer computes
/// what goes into each edge and what comes out of it, and keeps both; scales and masks are multiplied out over all edges.
/// L-BFGS takes its two loops one vector at a time. Liu et al., "KAN" (arXiv 2404.19756).
module MetaKan.Bench.PlainFit

open MetaKan
open MetaKan.Fitting
open TorchSharp

/// Coefficients [in, functions, out], and the scales [in, out] of base function and spline.
let private coefficients (source: CoefficientSource) (p: Params) l (inputs: int) (outputs: int) =
    match source with
    | CoefficientSource.Stored -> p[$"layers.{l}.coef"], p[$"layers.{l}.scale_base"], p[$"layers.{l}.scale_sp"]
    | CoefficientSource.Generated _ ->
        let all =
            Plain.generated (Params.under "hypernet.0" p) p[$"embeddings.{l}"]
            |> _.view(int64 inputs, int64 outputs, -1L)

        let functions = all.size 2 - 1L
        let scaleBase = all.select (2L, functions)
        all.narrow(2L, 0L, functions).transpose(1L, 2L), scaleBase, torch.ones_like scaleBase

/// The network's values, with the activations of all edges before and after their functions [N, out, in] by layer.
let private network (grid: Grid) (source: CoefficientSource) (widths: int list) (x: Tensor) (p: Params) =
    let n = x.size 0

    let knots = Plain.knots grid x

    ((x, []), List.indexed (List.pairwise widths))
    ||> List.fold (fun (x, kept) (l, (inputs, outputs)) ->
        let coefficients, scaleBase, scaleSpline = coefficients source p l inputs outputs
        let before = x.unsqueeze(1L).clone().expand(n, int64 outputs, int64 inputs)
        let mask = torch.ones_like scaleBase
        let spline = torch.einsum ("nim,imo->nio", Plain.splines knots grid.Order x, coefficients)

        let edges =
            (torch.nn.functional.silu x).unsqueeze 2L * scaleBase.unsqueeze 0L
            + scaleSpline.unsqueeze 0L * spline
            |> fun edges -> mask.unsqueeze 0L * edges

        let after = edges.clone().permute(0L, 2L, 1L)
        edges.sum 1L, (before, spline.clone().permute(0L, 2L, 1L), after) :: kept)

/// The mean square of prediction - y, with its gradient.
let gradient (grid: Grid) (source: CoefficientSource) (widths: int list) (x: Tensor) (y: Tensor) : Gradient =
    Params.withGradient (fun p ->
        let values, _ = network grid source widths x p
        let residual = values - y
        (residual * residual).mean())

/// Steps of L-BFGS from p, each of `evaluations` gradients: iterations along -H g by the two loops over the last
/// `history` pairs, the step length halved until the loss falls enough.
let lbfgs (history: int) (evaluations: int) (steps: int) (gradient: Gradient) (p: Params) : unit =
    let leaves = Params.tensors p
    let dot (a: Tensor) (b: Tensor) = Tensor.item (a.dot b)

    let evaluate (x: Tensor) =
        let parts = x.split (leaves |> Array.map _.numel())

        let loss, g =
            gradient (
                p
                |> Params.withTensors (Seq.map2 (fun (t: Tensor) (v: Tensor) -> v.view (Tensor.shape t)) leaves parts)
            )

        Tensor.item loss, torch.cat (Params.tensors g |> Array.map _.reshape(-1L))

    let direction (pairs: (Tensor * Tensor) list) (g: Tensor) =
        // Newest first on the way down, oldest first on the way back.
        let q, alphas =
            ((g, []), pairs)
            ||> List.fold (fun (q, alphas) (s, y) ->
                let alpha = dot s q / dot y s
                q - y * alpha, alpha :: alphas)

        let scale =
            match pairs with
            | (s, y) :: _ -> dot s y / dot y y
            | [] -> min 1.0 (1.0 / Tensor.item (g.abs().sum()))

        (q * scale, List.zip (List.rev pairs) alphas)
        ||> List.fold (fun r ((s, y), alpha) -> r + s * (alpha - dot y r / dot y s))
        |> fun r -> -r

    let rec iterate left (x, loss, g, pairs) =
        if left <= 0 then
            x, loss, g, pairs
        else
            let d = direction pairs g
            let slope = dot g d

            let rec search length left =
                let next = x + d * length
                let loss', g' = evaluate next

                if left = 1 || loss' <= loss + 1e-4 * length * slope then
                    (next, loss', g'), left - 1
                else
                    search (length / 2.0) (left - 1)

            let (x', loss', g'), left = search 1.0 left
            let s, y = x' - x, g' - g

            let pairs = if dot s y > 1e-10 then List.truncate history ((s, y) :: pairs) else pairs
            iterate left (x', loss', g', pairs)

    let x = torch.cat (leaves |> Array.map _.reshape(-1L))
    let loss, g = evaluate x

    ((x, loss, g, []), [ 1..steps ])
    ||> List.fold (fun at _ ->
        (fun () -> iterate evaluations at)
        |> Tensor.scoped (fun (x, _, g, pairs) -> Seq.append [ x; g ] (pairs |> Seq.collect (fun (s, y) -> [ s; y ]))))
    |> ignore
