// Directions: along which lines a jet differentiates, and with which weights the second derivatives are summed.
// The choice is the method: all axes give the exact operator, a random few give SDGD (Hu et al., arXiv 2307.12306),
// random signs give Hutchinson's trace estimator (1989; for PDEs Hu et al., arXiv 2312.14499, and STDE, arXiv 2412.00088).
namespace MetaKan

open TorchSharp

/// What a jet must supply of a function of coordinates x_0 … x_{d-1}.
type Operator =
    {
        /// a_i in Σ_i a_i ∂²u/∂x_i², one number per coordinate; all ones is the Laplacian.
        Second: float[]
        /// Sums of other derivatives, Σ a ∂u each, by the coordinates listed in order.
        Sums: (int list * float) list list
        /// Derivatives beside that sum, each by the coordinates listed in order: [ 0; 0; 1 ] is ∂³u/∂x_0²∂x_1.
        Partials: int list list
    }

/// How sums of derivatives are taken: whole, or estimated from a few of their terms or from random directions. Estimates are
/// unbiased; of sums of other derivatives than ∂²u/∂x_i² they are by terms, as many as directions.
[<RequireQualifiedAccess>]
type LaplacianMethod =
    /// Every term, no estimate.
    | Exact
    /// A random `count` of the terms, all different, scaled up.
    | Sdgd of count: int
    /// `count` terms, each drawn by itself, scaled up.
    | SdgdReplacing of count: int
    /// `count` random sign vectors.
    | Hutchinson of count: int
    /// Twice as many sign vectors, two and two alike but for the signs of a random half of the coordinates.
    | HutchinsonPairs of pairs: int
    /// `count` normal vectors.
    | Gaussian of count: int
    /// Twice as many normal vectors, two and two alike but for the signs of a random half of the coordinates.
    | GaussianPairs of pairs: int

/// The ways of taking sums of derivatives by name.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module LaplacianMethod =
    /// The directions or terms of an estimate; None where there is none.
    let count (method: LaplacianMethod) : int option =
        match method with
        | LaplacianMethod.Exact -> None
        | LaplacianMethod.Sdgd count
        | LaplacianMethod.SdgdReplacing count
        | LaplacianMethod.Hutchinson count
        | LaplacianMethod.Gaussian count -> Some count
        | LaplacianMethod.HutchinsonPairs pairs
        | LaplacianMethod.GaussianPairs pairs -> Some(2 * pairs)

    /// The estimates by the names that options take, each of so many directions; pairs take an even number.
    let estimates: (string * (int -> LaplacianMethod)) list =
        [
            "sdgd", LaplacianMethod.Sdgd
            "sdgd-replacing", LaplacianMethod.SdgdReplacing
            "hutchinson", LaplacianMethod.Hutchinson
            "hutchinson-pairs", (fun count -> LaplacianMethod.HutchinsonPairs(count / 2))
            "gaussian", LaplacianMethod.Gaussian
            "gaussian-pairs", (fun count -> LaplacianMethod.GaussianPairs(count / 2))
        ]

    /// The name of a method.
    let name (method: LaplacianMethod) : string =
        match method with
        | LaplacianMethod.Exact -> "exact"
        | LaplacianMethod.Sdgd _ -> "sdgd"
        | LaplacianMethod.SdgdReplacing _ -> "sdgd-replacing"
        | LaplacianMethod.Hutchinson _ -> "hutchinson"
        | LaplacianMethod.HutchinsonPairs _ -> "hutchinson-pairs"
        | LaplacianMethod.Gaussian _ -> "gaussian"
        | LaplacianMethod.GaussianPairs _ -> "gaussian-pairs"

/// Lines through every point, the weights of their second derivatives in the sum, and how partial derivatives come from
/// the derivatives along them.
type Directions =
    {
        /// The V lines' vectors v, the same for all points.
        Tangents: Tangents
        /// w_v in Σ w_v D_v² [V]; 0 for a line that partial derivatives alone are read off.
        Weights: Tensor
        /// The highest order of the derivatives along the lines.
        Order: int
        /// For each sum of derivatives: Σ c·D_v^n over an order n, a line v and c.
        Sums: (int * int * float) list list
        /// For each derivative by coordinates: Σ c·D_v^n over pairs of a line v and c, n the number of coordinates.
        Partials: Map<int list, (int * float) list>
    }

/// Operators, and the directions by which they are computed.
[<RequireQualifiedAccess>]
module Operator =
    /// The Laplacian in d dimensions.
    let laplacian (d: int) : Operator = { Second = Array.create d 1.0; Sums = []; Partials = [] }

    let private terms (operator: Operator) =
        [|
            for i in 0 .. operator.Second.Length - 1 do
                if operator.Second[i] <> 0.0 then
                    i, operator.Second[i]
        |]

    let private vector (place: Placement) (values: float list) =
        Tensor.ofArray place [ int64 values.Length ] (List.toArray values)

    // Lines as tensors [1, V, d].
    let private dense (place: Placement) d (lines: Lines.Line list) : Tensor =
        let values = Array.zeroCreate (lines.Length * d)

        for n, line in List.indexed lines do
            for KeyValue(i, rate) in line do
                values[n * d + i] <- float rate

        Tensor.ofArray place [ 1L; int64 lines.Length; int64 d ] values

    // Whether some of so many terms may not be drawn.
    let private leavesOut (method: LaplacianMethod) (terms: int) : bool =
        match method with
        | LaplacianMethod.SdgdReplacing _ -> terms > 1
        | _ -> LaplacianMethod.count method |> Option.exists (fun count -> count < terms)

    // So many of the terms, or all, with what makes up for the others.
    let private drawn (method: LaplacianMethod) (key: Key) (terms: 'a[]) : ('a * float) list =
        let count = LaplacianMethod.count method |> Option.defaultValue terms.Length
        let factor = float terms.Length / float count

        if not (leavesOut method terms.Length) then
            [ for term in terms -> term, 1.0 ]
        elif method.IsSdgdReplacing then
            Key.uniforms key count
            |> Array.countBy (fun u -> int (u * float terms.Length))
            |> Array.map (fun (i, times) -> terms[i], factor * float times)
            |> List.ofArray
        else
            let order = Key.permutation key terms.Length
            [ for n in 0 .. count - 1 -> terms[order[n]], factor ]

    // The lines of a derivative and what it is along them, found once for all coordinates of a pattern.
    let private along (by: int list) : (Lines.Line * float) list =
        let coordinates = List.distinct by |> List.toArray
        let pattern = by |> List.map (fun i -> System.Array.IndexOf(coordinates, i))
        let lines, partials = Lines.forPartials [] [ pattern ]

        [
            for n, c in partials[pattern] ->
                Map [ for KeyValue(i, rate) in List.item n lines -> coordinates[i], rate ], c
        ]

    // Lines to those given, for an operator's sums and partial derivatives: all lines, and what the sums and derivatives are.
    let private completed (method: LaplacianMethod) (key: Key) (given: Lines.Line list) (operator: Operator) =
        let lines, partials = Lines.forPartials given operator.Partials
        let places = System.Collections.Generic.Dictionary<Lines.Line, int>(HashIdentity.Structural)
        let all = ResizeArray lines

        for n, line in List.indexed lines do
            places.TryAdd(line, n) |> ignore

        let place line =
            match places.TryGetValue line with
            | true, n -> n
            | _ ->
                places[line] <- all.Count
                all.Add line
                all.Count - 1

        let sums =
            [
                for index, sum in List.indexed operator.Sums ->
                    [
                        for (by, a), factor in drawn method (Key.fold (index + 2) key) (List.toArray sum) do
                            for line, c in along by -> by.Length, place line, a * factor * c
                    ]
            ]

        let order =
            [ for by in operator.Partials -> by.Length ]
            @ [
                for sum in sums do
                    for order, _, _ in sum -> order
            ]

        List.ofSeq all, sums, partials, List.fold max 1 order

    /// Axis directions with the given weights, then the lines of the sums and derivatives that those do not give.
    let private axes method key (place: Placement) (operator: Operator) (weighted: (int * float) list) : Directions =
        let lines, sums, partials, order =
            completed method key (weighted |> List.map (fst >> Lines.axis)) operator

        let tangents =
            if lines |> List.forall (fun line -> line.Count = 1 && Seq.head line.Values = 1) then
                let indices = [| for line in lines -> int64 (Seq.head line.Keys) |]
                Coordinates(torch.tensor (indices, dtype = torch.int64, device = place.Device))
            else
                Dense(dense place operator.Second.Length lines)

        let weights = Array.zeroCreate lines.Length
        weighted |> List.iteri (fun n (_, a) -> weights[n] <- a)

        {
            Tangents = tangents
            Weights = Tensor.ofArray place [ weights.LongLength ] weights
            Order = order
            Sums = sums
            Partials = partials
        }

    // Random vectors v with E[v vᵀ] the identity [V, d].
    let private random (method: LaplacianMethod) (key: Key) (place: Placement) (d: int) : Tensor =
        let vectors (draw: Key -> Placement -> int64 list -> Tensor) count = draw key place [ int64 count; int64 d ]

        let pairs (vectors: Tensor) =
            let halves =
                [|
                    for n in 0 .. int (vectors.size 0) - 1 do
                        let order = Key.permutation (Key.fold (n + 1) key) d
                        yield! Array.init d (fun i -> if order[i] < d / 2 then -1.0 else 1.0)
                |]

            torch.cat ([| vectors; vectors * Tensor.ofArray place [ vectors.size 0; int64 d ] halves |], 0L)

        match method with
        | LaplacianMethod.HutchinsonPairs count -> pairs (vectors Key.signs count)
        | LaplacianMethod.GaussianPairs count -> pairs (vectors Key.normal count)
        | LaplacianMethod.Gaussian count -> vectors Key.normal count
        | LaplacianMethod.Hutchinson count -> vectors Key.signs count
        | other -> invalidArg (nameof method) $"{other} has no random vectors"

    // Vectors scaled by √|a| have E[v vᵀ] = diag |a|; positive and negative coefficients need a set each.
    let private vectors method (key: Key) (place: Placement) (operator: Operator) : Directions =
        let d = operator.Second.Length

        let sets =
            [
                for sign in [ 1.0; -1.0 ] do
                    let roots = operator.Second |> Array.map (fun a -> sqrt (max 0.0 (sign * a)))

                    if Array.exists (fun r -> r > 0.0) roots then
                        let vectors = random method (Key.fold (int sign + 1) key) place d
                        let count = int (vectors.size 0)
                        vectors * Tensor.ofArray place [ 1L; int64 d ] roots, List.replicate count (sign / float count)
            ]

        let lines, sums, partials, order = completed method key [] operator
        let before = sets |> List.sumBy (fun (_, w) -> w.Length)

        {
            Tangents =
                [|
                    yield! sets |> List.map fst
                    if not lines.IsEmpty then
                        (dense place d lines).squeeze 0L
                |]
                |> fun vectors -> Dense((torch.cat (vectors, 0L)).unsqueeze 0L)
            Weights = vector place ((sets |> List.collect snd) @ (lines |> List.map (fun _ -> 0.0)))
            Order = order
            Sums = [ for sum in sums -> [ for order, n, c in sum -> order, before + n, c ] ]
            Partials = partials |> Map.map (fun _ sum -> sum |> List.map (fun (n, c) -> before + n, c))
        }

    /// Whether a method takes an operator by chance.
    let internal isEstimated (method: LaplacianMethod) (operator: Operator) : bool =
        let squares =
            match method with
            | LaplacianMethod.Exact -> false
            | LaplacianMethod.Sdgd _
            | LaplacianMethod.SdgdReplacing _ -> leavesOut method (terms operator).Length
            | _ -> (terms operator).Length > 0

        squares || operator.Sums |> List.exists (fun sum -> leavesOut method sum.Length)

    /// The directions by which `method` computes or estimates an operator; `key` decides the random ones. Raises
    /// ArgumentException for an estimate by no direction, and for more different terms than there are coordinates.
    let directions (method: LaplacianMethod) (key: Key) (place: Placement) (operator: Operator) : Directions =
        let terms = terms operator
        let d = operator.Second.Length

        match method with
        | LaplacianMethod.Sdgd count
        | LaplacianMethod.SdgdReplacing count
        | LaplacianMethod.Hutchinson count
        | LaplacianMethod.HutchinsonPairs count
        | LaplacianMethod.Gaussian count
        | LaplacianMethod.GaussianPairs count when count < 1 ->
            invalidArg (nameof method) $"{method}: an estimate takes a direction or more"
        | LaplacianMethod.Sdgd count when terms.Length > 0 && count > d ->
            invalidArg (nameof method) $"{method}: there are no more directions than the {d} coordinates"
        | LaplacianMethod.Exact
        | LaplacianMethod.Sdgd _
        | LaplacianMethod.SdgdReplacing _ ->
            [ for (i, a), factor in drawn method key terms -> i, a * factor ] |> axes method key place operator
        | _ when terms.Length = 0 -> axes method key place operator []
        | _ -> vectors method key place operator

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
            | Dense _ as vectors -> vectors

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

    // Σ c·D_v^n.
    let private total (jet: Jet) (sum: (int * int * float) list) : Tensor =
        sum
        |> List.map (fun (order, line, c) ->
            let along = if order = 1 then Jet.tangents jet else jet.Higher[order - 2]
            let part = along.select (1L, int64 line)
            if c = 1.0 then part else part * c)
        |> List.reduce (fun a b -> a + b)
        |> fun t -> t.expand (jet.Value.size 0, -1L)

    /// The sum of derivatives [N, n] that the operator lists as the `index`-th.
    let sum (directions: Directions) (index: int) (jet: Jet) : Tensor = total jet directions.Sums[index]

    /// A derivative by coordinates [N, n], for one that the operator lists; ArgumentException for another.
    let partial (directions: Directions) (by: int list) (jet: Jet) : Tensor =
        match directions.Partials.TryFind by with
        | Some sum -> total jet [ for line, c in sum -> by.Length, line, c ]
        | None ->
            invalidArg
                (nameof by)
                $"the operator lists no derivative by {by}: Partials is {List.ofSeq directions.Partials.Keys}"
