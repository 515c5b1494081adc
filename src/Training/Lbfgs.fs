// L-BFGS with a strong Wolfe line search, on the whole parameter tree as one vector.
// Nocedal & Wright, "Numerical Optimization" (2006): algorithm 7.4 (two loops), 3.5 and 3.6 (line search).
namespace MetaKan

open TorchSharp

[<RequireQualifiedAccess>]
module Lbfgs =
    let private flatten (p: Params) : Tensor = torch.cat (Params.tensors p |> Array.map (fun t -> t.reshape -1L))

    let private unflatten (like: Params) (vector: Tensor) : Params =
        let leaves = Params.tensors like

        vector.split (leaves |> Array.map _.numel())
        |> Seq.map2 (fun (t: Tensor) (v: Tensor) -> v.view t.shape) leaves
        |> fun values -> Params.withTensors values like

    let private dot (a: Tensor) (b: Tensor) = Tensor.item (torch.dot (a, b))

    /// A point on the search line: step length, loss, slope, and the gradient there.
    type private Trial = { Length: float; Loss: float; Slope: float; Gradient: Tensor }

    /// The minimiser of the cubic through two trials' losses and slopes, kept inside the interval between them.
    let private cubic (a: Trial) (b: Trial) =
        let low, high = min a.Length b.Length, max a.Length b.Length
        let d1 = a.Slope + b.Slope - 3.0 * (a.Loss - b.Loss) / (a.Length - b.Length)
        let square = d1 * d1 - a.Slope * b.Slope

        let minimiser =
            if square >= 0.0 then
                let d2 = sqrt square * float (sign (b.Length - a.Length))

                b.Length - (b.Length - a.Length) * (b.Slope + d2 - d1) / (b.Slope - a.Slope + 2.0 * d2)
            else
                nan

        let margin = 0.1 * (high - low)

        if System.Double.IsFinite minimiser then
            max (low + margin) (min (high - margin) minimiser)
        else
            (low + high) / 2.0

    // Algorithm 3.5 brackets a step that satisfies the strong Wolfe conditions, 3.6 closes in on it.
    let private lineSearch (trial: float -> Trial) (start: Trial) (first: float) : Trial =
        let c1, c2, attempts = 1e-4, 0.9, 20

        let tooHigh t = not (System.Double.IsFinite t.Loss) || t.Loss > start.Loss + c1 * t.Length * start.Slope

        let flat t = abs t.Slope <= c2 * abs start.Slope

        let rec zoom (low: Trial) (high: Trial) left =
            if left = 0 || abs (high.Length - low.Length) * abs start.Slope < 1e-16 then
                low
            else
                let t =
                    trial (
                        if System.Double.IsFinite high.Loss then cubic low high else (low.Length + high.Length) / 2.0
                    )

                if tooHigh t || t.Loss >= low.Loss then zoom low t (left - 1)
                elif flat t then t
                elif t.Slope * (high.Length - low.Length) >= 0.0 then zoom t low (left - 1)
                else zoom t high (left - 1)

        let rec bracket (previous: Trial) length left =
            let t = trial length

            if tooHigh t || (t.Loss >= previous.Loss && previous.Length > 0.0) then zoom previous t left
            elif flat t || left = 0 then t
            elif t.Slope >= 0.0 then zoom t previous left
            else bracket t (2.0 * length) (left - 1)

        bracket start first attempts

    /// The descent direction -H g from pairs (s, y) with the newest first (algorithm 7.4).
    let private direction (pairs: (Tensor * Tensor) list) (g: Tensor) : Tensor =
        match pairs with
        | [] -> -g
        | (s, y) :: _ ->
            let q, alphas =
                ((g, []), pairs)
                ||> List.fold (fun (q, alphas) (s, y) ->
                    let alpha = dot s q / dot s y
                    q - y * alpha, alpha :: alphas)

            (q * (dot s y / dot y y), List.rev pairs, alphas)
            |||> List.fold2 (fun r (s, y) alpha -> r + s * (alpha - dot y r / dot s y))
            |> fun r -> -r

    /// L-BFGS that remembers `history` pairs. One update is one search along one direction.
    let create (history: int) : Optimizer =
        let pairsOf (memory: Params) =
            [
                for i in 0 .. history - 1 do
                    match Map.tryFind $"s.{i}" memory with
                    | Some s -> s, memory[$"y.{i}"]
                    | None -> ()
            ]

        let update _ (gradient: Gradient) (p: Params) (memory: Params) =
            let x = flatten p

            let evaluate (direction: Tensor) (at: Tensor) length =
                let loss, g = gradient (unflatten p at)
                let g = flatten g

                { Length = length; Loss = Tensor.item loss; Slope = dot g direction; Gradient = g }

            let here = evaluate (torch.zeros_like x) x 0.0
            let pairs = pairsOf memory
            let d = direction pairs here.Gradient
            let start = { here with Slope = dot here.Gradient d }

            if not (start.Slope < 0.0) then
                // Nothing left to descend (or not a number, which the loss reports): stay.
                torch.tensor here.Loss, p, memory
            else
                let first = if pairs.IsEmpty then min 1.0 (1.0 / Tensor.item (here.Gradient.abs().sum())) else 1.0

                let found = lineSearch (fun length -> evaluate d (x + d * length) length) start first
                let s, y = d * found.Length, found.Gradient - here.Gradient

                // A pair without positive curvature would make H indefinite. Where the search found no lower point, the
                // remembered curvature misleads: the next direction starts anew from the gradient.
                let pairs =
                    if found.Length = 0.0 then []
                    elif dot s y > 1e-10 * dot y y then List.truncate history ((s, y) :: pairs)
                    else pairs

                torch.tensor here.Loss,
                (unflatten p (x + s) |> Map.map (fun _ t -> t.clone ())),
                Map.ofList
                    [
                        for i, (s, y) in List.indexed pairs do
                            $"s.{i}", s
                            $"y.{i}", y
                    ]

        {
            Init = fun _ -> Map.empty
            Update = update
        }
