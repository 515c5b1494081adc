// Points of the equations, drawn where residuals are large: RAD and RAR-D.
// Wu, Zhu, Tan, Kartha, Lu, CMAME 403 (2023) (arXiv 2207.10289), equation 2, algorithms 2 and 3.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

/// Where the points of the equations come from.
[<RequireQualifiedAccess>]
type PointChoice =
    /// Fresh ones in each step.
    | Fresh
    /// All drawn anew every so many steps, by the residuals: "residual-based adaptive distribution".
    | Rad
    /// A tenth more every so many steps, drawn by the residuals' squares: "residual-based adaptive refinement with
    /// distribution".
    | RarD

[<RequireQualifiedAccess>]
module internal AdaptivePoints =
    /// Probabilities of candidates, from the sizes |r| of their residuals: in proportion to |r|^k/mean(|r|^k) + c.
    let density (k: float) (c: float) (sizes: float[]) : float[] =
        let powers = sizes |> Array.map (fun r -> r ** k)
        let mean = Array.average powers

        // Where all residuals vanish no candidate is before another.
        let densities =
            if mean = 0.0 then Array.create sizes.Length 1.0 else powers |> Array.map (fun r -> r / mean + c)

        let total = Array.sum densities
        densities |> Array.map (fun d -> d / total)

    /// n independent draws of candidates, by their number, with these probabilities.
    let draw (key: Key) (n: int) (probabilities: float[]) : int[] =
        let reached = Array.scan (+) 0.0 probabilities |> Array.tail

        Key.uniforms key n
        |> Array.map (fun u ->
            let found = Array.BinarySearch(reached, u * Array.last reached)
            // The first sum above the number; one that is equal to it ends a candidate's share.
            min (reached.Length - 1) (if found < 0 then ~~~found else found + 1))

    /// How many candidates there are for each of so many points.
    let candidates (points: int) : int = 10 * points

    /// The points [N, d] after a redraw, from candidates [M, d] with sizes of their residuals [M]; `count` is that of the
    /// points at the start.
    let redrawn
        (choice: PointChoice)
        (count: int)
        (key: Key)
        (x: Tensor)
        (candidates: Tensor)
        (sizes: Tensor)
        : Tensor =
        let drawn n probabilities =
            let numbers = draw key n probabilities |> Array.map int64
            candidates.index_select (0L, torch.tensor(numbers, device = torch.CPU).``to``(x.device))

        let sizes = Tensor.toArray sizes

        match choice with
        | PointChoice.Fresh -> x
        | PointChoice.Rad -> density 1.0 1.0 sizes |> drawn count
        | PointChoice.RarD -> torch.cat [| x; density 2.0 0.0 sizes |> drawn (max 1 (count / 10)) |]
