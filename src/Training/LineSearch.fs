// A search along a line for a step length that satisfies the strong Wolfe conditions.
// Nocedal & Wright, "Numerical Optimization" (2006), algorithms 3.5 and 3.6.
namespace MetaKan

open TorchSharp

/// A point on the search line: step length, the point itself, and loss, slope and gradient there.
type internal Trial = { Length: float; X: Tensor; Loss: float; Slope: float; Gradient: Tensor }

[<RequireQualifiedAccess>]
module internal LineSearch =
    // `torch.dot` takes three times as long for a vector of hundreds.
    let dot (a: Tensor) (b: Tensor) = Tensor.item ((a * b).sum())

    /// The minimiser of the cubic with given values and slopes at a and b, kept a tenth of the interval between them away
    /// from its ends; the middle where the cubic has none. Nocedal, Wright, equation 3.59.
    let cubicMinimiser (a: float, lossA: float, slopeA: float) (b: float, lossB: float, slopeB: float) : float =
        let low, high = min a b, max a b
        let d1 = slopeA + slopeB - 3.0 * (lossA - lossB) / (a - b)
        let square = d1 * d1 - slopeA * slopeB

        let minimiser =
            if square >= 0.0 then
                let d2 = sqrt square * float (sign (b - a))
                b - (b - a) * (slopeB + d2 - d1) / (slopeB - slopeA + 2.0 * d2)
            else
                nan

        let margin = 0.1 * (high - low)

        if System.Double.IsFinite minimiser then
            max (low + margin) (min (high - margin) minimiser)
        else
            (low + high) / 2.0

    let private cubic (a: Trial) (b: Trial) = cubicMinimiser (a.Length, a.Loss, a.Slope) (b.Length, b.Loss, b.Slope)

    /// The trials from x along d, for a function to its value and gradient.
    let along (evaluate: Tensor -> float * Tensor) (x: Tensor) (d: Tensor) (length: float) : Trial =
        let x = torch.add (x, d, length.ToScalar())
        let loss, g = evaluate x
        { Length = length; X = x; Loss = loss; Slope = dot g d; Gradient = g }

    /// A step that satisfies the conditions, tried from a length on, or the lowest found; `start` itself where none is lower.
    /// Algorithm 3.5 brackets it, 3.6 closes in on it.
    let wolfe (trial: float -> Trial) (start: Trial) (first: float) : Trial =
        let c1, c2, attempts = 1e-4, 0.9, 20

        let tooHigh t = not (System.Double.IsFinite t.Loss) || t.Loss > start.Loss + c1 * t.Length * start.Slope

        // Where the loss is small already, what rounding makes of it.
        let negligible = 1e-16 * min 1.0 (abs start.Loss)

        let flat t = abs t.Slope <= c2 * abs start.Slope

        let rec zoom (low: Trial) (high: Trial) left =
            if left = 0 || abs (high.Length - low.Length) * abs start.Slope <= negligible then
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
