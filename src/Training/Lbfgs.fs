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

    /// Where the search stands: parameters as a vector [n], loss and gradient there, and the remembered pairs of steps
    /// and changes of the gradient, [m, n] with the newest first.
    type private Place = { X: Tensor; Loss: float; Gradient: Tensor; Steps: Tensor; Changes: Tensor }

    // The descent direction -H g (algorithm 7.4) and the loss's slope along it. All products of vectors that the two loops need are one matrix product,
    // and the loops run over its numbers. Chen et al., "Large-scale L-BFGS using MapReduce" (NeurIPS 2014).
    let private direction (at: Place) : Tensor * float =
        let pairs = int at.Steps.shape[0]
        let vectors = torch.cat [| at.Steps; at.Changes; at.Gradient.unsqueeze 0L |]
        let size = 2 * pairs + 1
        let products = Tensor.toArray (torch.matmul (vectors, vectors.t ()))
        let product i j = products[i * size + j]
        // The direction as a combination of the vectors.
        let share = Array.init size (fun i -> if i = 2 * pairs then 1.0 else 0.0)

        let along j =
            let mutable sum = 0.0

            for i in 0 .. size - 1 do
                sum <- sum + share[i] * product i j

            sum

        let curvature i = product i (pairs + i)

        let alphas =
            [|
                for i in 0 .. pairs - 1 do
                    let alpha = along i / curvature i
                    share[pairs + i] <- share[pairs + i] - alpha
                    alpha
            |]

        if pairs > 0 then
            let scale = curvature 0 / product pairs pairs

            for i in 0 .. size - 1 do
                share[i] <- scale * share[i]

        for i in pairs - 1 .. -1 .. 0 do
            share[i] <- share[i] + alphas[i] - along (pairs + i) / curvature i

        let combination = share |> Array.map (~-) |> Tensor.ofArray (Placement.ofTensor vectors) [ int64 size ]
        torch.matmul (combination, vectors), -(along (2 * pairs))

    /// One search along one direction; None where there is nothing left to descend, or the loss is no number.
    let private iterate (history: int) (evaluate: Tensor -> float * Tensor) (at: Place) : Place option =
        let d, slope = direction at

        let trial (x: Tensor) length =
            let loss, g = evaluate x
            { Length = length; Loss = loss; Slope = dot g d; Gradient = g }

        let start = { Length = 0.0; Loss = at.Loss; Slope = slope; Gradient = at.Gradient }

        if not (start.Slope < 0.0) then
            None
        else
            let pairs = at.Steps.shape[0]
            let first = if pairs = 0L then min 1.0 (1.0 / Tensor.item (at.Gradient.abs().sum())) else 1.0
            let found = lineSearch (fun length -> trial (at.X + d * length) length) start first
            let s, y = d * found.Length, found.Gradient - at.Gradient

            let remember (newest: Tensor) (older: Tensor) =
                torch.cat [| newest.unsqueeze 0L; older.narrow (0L, 0L, min pairs (int64 history - 1L)) |]

            let steps, changes =
                // Where the search found no lower point, the remembered curvature misleads: the next direction starts
                // anew from the gradient.
                if found.Length = 0.0 then at.Steps.narrow (0L, 0L, 0L), at.Changes.narrow (0L, 0L, 0L)
                // A pair without positive curvature would make H indefinite.
                elif found.Slope - slope > 1e-10 * abs slope then remember s at.Steps, remember y at.Changes
                else at.Steps, at.Changes

            Some { X = at.X + s; Loss = found.Loss; Gradient = found.Gradient; Steps = steps; Changes = changes }

    let private tensors (place: Place) = [ place.X; place.Gradient; place.Steps; place.Changes ]

    /// L-BFGS that remembers `history` pairs. One update is up to `iterations` searches along one direction each, and
    /// ends early once it has taken a quarter more gradients than that. The loss must be the same function throughout:
    /// what an update found out about it is the next one's start.
    let create (history: int) (iterations: int) : Optimizer =
        let update _ (gradient: Gradient) (p: Params) (memory: Params) =
            let mutable evaluations = 0

            let evaluate (x: Tensor) =
                evaluations <- evaluations + 1
                let loss, g = gradient (unflatten p x)
                Tensor.item loss, flatten g

            let start =
                match Map.tryFind "gradient" memory with
                | Some g ->
                    {
                        X = flatten p
                        Loss = Tensor.item memory["loss"]
                        Gradient = g
                        Steps = memory["steps"]
                        Changes = memory["changes"]
                    }
                | None ->
                    let x = flatten p
                    let loss, g = evaluate x
                    let none = x.unsqueeze(0L).narrow(0L, 0L, 0L)

                    { X = x; Loss = loss; Gradient = g; Steps = none; Changes = none }

            let rec search left (at: Place) =
                if left = 0 || 4 * evaluations >= 5 * iterations && left < iterations then
                    at
                else
                    let next =
                        (fun () -> iterate history evaluate at)
                        |> Tensor.scoped (Option.map tensors >> Option.defaultValue [] >> Seq.ofList)

                    match next with
                    | Some next -> search (left - 1) next
                    | None -> at

            let last = search iterations start

            torch.tensor start.Loss,
            (unflatten p last.X |> Map.map (fun _ t -> t.clone ())),
            Map.ofList
                [
                    "loss", torch.tensor last.Loss
                    "gradient", last.Gradient
                    "steps", last.Steps
                    "changes", last.Changes
                ]

        {
            Init = fun _ -> Map.empty
            Update = update
        }
