// Directions: along which lines a jet differentiates, and with which weights the second derivatives are summed.
// The choice is the method: all axes give the exact operator, a random few give SDGD (Hu et al., arXiv 2307.12306),
// random signs give Hutchinson's trace estimator (1989; STDE, arXiv 2412.00088, section 4).
namespace MetaKan

open TorchSharp

/// What a jet must supply of a function of coordinates x_0 … x_{d-1}.
type Operator =
    {
        /// a_i in Σ_i a_i ∂²u/∂x_i², one number per coordinate; all ones is the Laplacian.
        Second: float[]
        /// Derivatives beside that sum, each by the coordinates listed in order: [ 0; 0; 1 ] is ∂³u/∂x_0²∂x_1.
        Partials: int list list
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

/// Lines through every point, the weights of their second derivatives in the sum, and how partial derivatives come from
/// the derivatives along them.
type Directions =
    {
        Tangents: Tangents
        Weights: Tensor
        /// The highest order of the derivatives along the lines.
        Order: int
        /// For each derivative by coordinates: Σ c·D_v^n over pairs of a line v and c, n the number of coordinates.
        Partials: Map<int list, (int * float) list>
    }

/// Operators, and the directions by which they are computed.
[<RequireQualifiedAccess>]
module Operator =
    /// The Laplacian in d dimensions.
    let laplacian (d: int) : Operator = { Second = Array.create d 1.0; Partials = [] }

    let private terms (operator: Operator) =
        [
            for i in 0 .. operator.Second.Length - 1 do
                if operator.Second[i] <> 0.0 then
                    i, operator.Second[i]
        ]

    let private vector (place: Placement) (values: float list) =
        Tensor.ofArray place [ int64 values.Length ] (List.toArray values)

    let private order (operator: Operator) = operator.Partials |> List.map _.Length |> List.fold max 1

    // Lines as tensors [1, V, d].
    let private dense (place: Placement) d (lines: Lines.Line list) : Tensor =
        Array.init (lines.Length * d) (fun n -> lines[n / d].TryFind(n % d) |> Option.defaultValue 0 |> float)
        |> Tensor.ofArray place [ 1L; int64 lines.Length; int64 d ]

    /// Axis directions with the given weights, then the lines of the partial derivatives that those do not give.
    let private axes (place: Placement) (operator: Operator) (weighted: (int * float) list) : Directions =
        let lines, partials = Lines.forPartials (weighted |> List.map (fst >> Lines.axis)) operator.Partials

        let tangents =
            if lines |> List.forall (fun line -> line.Count = 1) then
                let indices = [| for line in lines -> int64 (Seq.head line.Keys) |]
                Coordinates(torch.tensor (indices, dtype = torch.int64, device = place.Device))
            else
                Dense(dense place operator.Second.Length lines)

        {
            Tangents = tangents
            Weights =
                vector place [ for n in 0 .. lines.Length - 1 -> if n < weighted.Length then snd weighted[n] else 0.0 ]
            Order = order operator
            Partials = partials
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

        let lines, partials = Lines.forPartials [] operator.Partials
        let before = sets |> List.sumBy (fun (_, w) -> w.Length)

        {
            Tangents =
                [|
                    yield! sets |> List.map fst
                    if not lines.IsEmpty then
                        (dense place (int d) lines).squeeze 0L
                |]
                |> fun vectors -> Dense((torch.cat (vectors, 0L)).unsqueeze 0L)
            Weights = vector place ((sets |> List.collect snd) @ (lines |> List.map (fun _ -> 0.0)))
            Order = order operator
            Partials = partials |> Map.map (fun _ sum -> sum |> List.map (fun (n, c) -> before + n, c))
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

/// Jets along directions: how they start, and how partial derivatives are read off them.
[<RequireQualifiedAccess>]
module Directions =
    /// The identity as a jet: the points x [N, d] themselves, moving along the directions. Raises ArgumentException for
    /// an order other than 1 to 4.
    let seed (directions: Directions) (x: Tensor) : Jet =
        if directions.Order < 1 || directions.Order > 4 then
            invalidArg (nameof directions) $"jets have derivatives of order 1 to 4, not {directions.Order}"

        let tangents =
            match directions.Tangents with
            | Coordinates _ as axes -> axes
            | Dense vectors -> Dense(vectors.expand (x.size 0, -1L, -1L))

        // Points move linearly.
        let higher =
            if directions.Order = 1 then
                []
            else
                torch.zeros (1L, directions.Weights.size 0, x.size 1, dtype = x.dtype, device = x.device)
                |> List.replicate (directions.Order - 1)

        {
            Value = x
            Tangents = tangents
            Second = torch.zeros_like x
            Weights = directions.Weights
            Higher = higher
        }

    /// A derivative by coordinates [N, n], for one that the operator lists; ArgumentException for another.
    let partial (directions: Directions) (by: int list) (jet: Jet) : Tensor =
        match directions.Partials.TryFind by with
        | Some sum ->
            let along = if by.Length = 1 then Jet.tangents jet else jet.Higher[by.Length - 2]

            sum
            |> List.map (fun (line, c) ->
                let part = along.select (1L, int64 line)
                if c = 1.0 then part else part * c)
            |> List.reduce (fun a b -> a + b)
            |> fun t -> t.expand (jet.Value.size 0, -1L)
        | None ->
            invalidArg
                (nameof by)
                $"the operator lists no derivative by {by}: Partials is {List.ofSeq directions.Partials.Keys}"
