// Directions: along which lines a jet differentiates, and with which weights the second derivatives are summed.
// The choice is the method: all axes give the exact operator, a random few give SDGD (Hu et al., arXiv 2307.12306),
// random signs give Hutchinson's trace estimator (1989; STDE, arXiv 2412.00088, section 4).
namespace MetaKan

open TorchSharp

/// The part of a PDE's operator that the jet must supply for coordinates x_0 … x_{d-1}.
type Operator =
    {
        /// a_i in Σ_i a_i ∂²u/∂x_i², one number per coordinate; all ones is the Laplacian.
        Second: float[]
        /// The coordinates whose first derivative the residual reads, e.g. time.
        First: int list
    }

/// How second derivatives are summed.
[<RequireQualifiedAccess>]
type LaplacianMethod =
    /// Every term, no estimate.
    | Exact
    /// A random `count` of the terms, scaled up: unbiased.
    | Sdgd of count: int
    /// `count` random sign vectors: unbiased.
    | Hutchinson of count: int

/// Lines through every point, their weights, and where the requested first derivatives are found among them.
type Directions = { Tangents: Tangents; Weights: Tensor; First: Map<int, int64> }

[<RequireQualifiedAccess>]
module Operator =
    /// The Laplacian in d dimensions.
    let laplacian (d: int) : Operator = { Second = Array.create d 1.0; First = [] }

    let private terms (operator: Operator) =
        [
            for i in 0 .. operator.Second.Length - 1 do
                if operator.Second[i] <> 0.0 then
                    i, operator.Second[i]
        ]

    let private vector (place: Placement) (values: float list) =
        Tensor.ofArray place [ int64 values.Length ] (List.toArray values)

    /// Axis directions with the given weights, then the axes of the first derivatives that are not among them.
    let private axes (place: Placement) (operator: Operator) (weighted: (int * float) list) : Directions =
        let chosen = weighted |> List.map fst
        let silent = operator.First |> List.except chosen
        let indices = chosen @ silent

        {
            Tangents =
                Coordinates(
                    torch.tensor (indices |> List.map int64 |> List.toArray, dtype = torch.int64, device = place.Device)
                )
            Weights = vector place ((weighted |> List.map snd) @ (silent |> List.map (fun _ -> 0.0)))
            First = operator.First |> List.map (fun i -> i, int64 (List.findIndex ((=) i) indices)) |> Map.ofList
        }

    // A sign vector ε scaled by √|a| has E[v vᵀ] = diag |a|; positive and negative coefficients need a set each.
    let private signVectors (key: Key) (place: Placement) (count: int) (operator: Operator) : Directions =
        let d = int64 operator.Second.Length

        let sets =
            [
                for sign in [ 1.0; -1.0 ] do
                    let roots = operator.Second |> Array.map (fun a -> sqrt (max 0.0 (sign * a)))

                    if Array.exists (fun r -> r > 0.0) roots then
                        let vectors = Key.signs (Key.fold (int sign + 1) key) place [ int64 count; d ]
                        vectors * Tensor.ofArray place [ 1L; d ] roots, List.replicate count (sign / float count)
            ]

        let units =
            torch.nn.functional
                .one_hot(
                    torch.tensor (
                        operator.First |> List.map int64 |> List.toArray,
                        dtype = torch.int64,
                        device = place.Device
                    ),
                    d
                )
                .``to``
                place.DType

        let before = sets |> List.sumBy (fun (_, w) -> w.Length)
        let firsts = operator.First

        {
            Tangents =
                Dense(
                    torch
                        .cat(
                            [|
                                yield! sets |> List.map fst
                                if not firsts.IsEmpty then
                                    units
                            |],
                            0L
                        )
                        .unsqueeze(0L)
                )
            Weights = vector place ((sets |> List.collect snd) @ (firsts |> List.map (fun _ -> 0.0)))
            First = firsts |> List.mapi (fun n i -> i, int64 (before + n)) |> Map.ofList
        }

    /// The directions by which `method` computes or estimates an operator; `key` decides the random ones. Raises
    /// ArgumentException for an estimate by no direction, and for more terms than there are coordinates.
    let directions (method: LaplacianMethod) (key: Key) (place: Placement) (operator: Operator) : Directions =
        let terms = terms operator
        let d = operator.Second.Length

        match method with
        | LaplacianMethod.Sdgd count
        | LaplacianMethod.Hutchinson count when count < 1 ->
            invalidArg (nameof method) $"{method}: an estimate takes a direction or more"
        | LaplacianMethod.Sdgd count when not terms.IsEmpty && count > d ->
            invalidArg (nameof method) $"{method}: there are no more directions than the {d} coordinates"
        | LaplacianMethod.Exact -> axes place operator terms
        | LaplacianMethod.Sdgd count when count >= terms.Length -> axes place operator terms
        | LaplacianMethod.Sdgd count ->
            let factor = float terms.Length / float count
            let order = Key.permutation key terms.Length

            [
                for n in 0 .. count - 1 do
                    let i, a = terms[order[n]]
                    i, a * factor
            ]
            |> axes place operator
        | LaplacianMethod.Hutchinson _ when terms.IsEmpty -> axes place operator []
        | LaplacianMethod.Hutchinson count -> signVectors key place count operator

[<RequireQualifiedAccess>]
module Directions =
    /// The identity as a jet: the points x [N, d] themselves, moving along the directions.
    let seed (directions: Directions) (x: Tensor) : Jet =
        let tangents =
            match directions.Tangents with
            | Coordinates _ as axes -> axes
            | Dense vectors -> Dense(vectors.expand (x.size 0, -1L, -1L))

        { Value = x; Tangents = tangents; Second = torch.zeros_like x; Weights = directions.Weights }

    /// ∂/∂x_i [N, n], for a coordinate that the operator lists under `First`; ArgumentException for another.
    let partial (directions: Directions) (i: int) (jet: Jet) : Tensor =
        match directions.First.TryFind i with
        | Some line -> (Jet.tangents jet).select(1L, line).expand(jet.Value.size 0, -1L)
        | None ->
            invalidArg
                (nameof i)
                $"the operator lists no first derivative by x_{i}: First is {List.ofSeq directions.First.Keys}"
