// Partial derivatives from derivatives along lines: ∂^n/∂x_a…∂x_b = Σ_v c_v D_v^n, along few lines v.
// By the polarisation identity; Griewank, Utke, Walther, Math. Comp. 69 (2000).
namespace MetaKan

open System.Collections.Concurrent
open TorchSharp

[<RequireQualifiedAccess>]
module internal Lines =
    /// A line by the coordinates that move along it and their integer rates.
    type Line = Map<int, int>

    let axis (i: int) : Line = Map [ i, 1 ]

    let rec private common a b = if b = 0 then abs a else common b (a % b)

    // Parallel lines are one: the shortest, whose first rate is positive.
    let private shortest (line: Line) : Line =
        let rates = line |> Map.filter (fun _ rate -> rate <> 0)

        if rates.IsEmpty then
            rates
        else
            let factor = sign (Seq.head rates.Values) * (rates.Values |> Seq.reduce common |> abs)
            rates |> Map.map (fun _ rate -> rate / factor)

    // The lines of the polarisation identity, x_a x_b … x_n = Σ_ε (Π ε) (x_a + ε_b x_b + … + ε_n x_n)^n / (2^(n-1) n!).
    let private polarised (by: int list) : Line list =
        [
            for signs in 0 .. (1 <<< (by.Length - 1)) - 1 ->
                (Map [ by.Head, 1 ], List.indexed by.Tail)
                ||> List.fold (fun line (bit, i) ->
                    let sign = if signs >>> bit &&& 1 = 1 then -1 else 1
                    line |> Map.change i (fun rate -> Some(sign + Option.defaultValue 0 rate)))
                |> shortest
        ]
        |> List.filter (fun line -> not line.IsEmpty)
        |> List.distinct

    // Products of n coordinates, as those in order.
    let rec private monomials n (coordinates: int list) : int list list =
        match n, coordinates with
        | 0, _ -> [ [] ]
        | _, [] -> []
        | _, first :: rest ->
            [
                for power in 0..n do
                    for others in monomials (n - power) rest -> List.replicate power first @ others
            ]

    // The coefficient of a product of coordinates in (Σ v_i x_i)^n.
    let private coefficient (line: Line) (monomial: int list) =
        let factorial n = List.fold (*) 1 [ 1..n ] |> float

        (factorial monomial.Length, List.countBy id monomial)
        ||> List.fold (fun c (i, power) ->
            c * float (Option.defaultValue 0 (line.TryFind i)) ** float power / factorial power)

    // Σ c·D_v^n over some of the lines that is the derivative, if there is one.
    let private combined (lines: Line list) (by: int list) : (int * float) list option =
        // A line serves together with those that share a coordinate with it.
        let rec reached coordinates =
            let more =
                lines
                |> List.map (fun line -> List.ofSeq line.Keys)
                |> List.filter (List.exists (fun i -> List.contains i coordinates))
                |> List.fold List.append coordinates
                |> List.distinct

            if more.Length = coordinates.Length then more else reached more

        let coordinates = reached (List.distinct by) |> List.sort

        let within =
            lines
            |> List.indexed
            |> List.filter (fun (_, line) -> line.Keys |> Seq.exists (fun i -> List.contains i coordinates))

        if within.IsEmpty then
            None
        else
            let rows = monomials by.Length coordinates

            let table =
                Array2D.init rows.Length within.Length (fun r c -> coefficient (snd within[c]) rows[r])
                |> fun t -> torch.tensor (t, dtype = torch.float64, device = torch.CPU)

            let wanted =
                torch.tensor (
                    [| for row in rows -> if row = by then 1.0 else 0.0 |],
                    dtype = torch.float64,
                    device = torch.CPU
                )

            let solution = (torch.linalg.pinv table).mv wanted
            let exact = (table.mv solution - wanted).abs().max().item<float>() < 1e-9

            if not exact then
                None
            else
                [
                    for (line, _), c in List.zip within (List.ofArray (Tensor.toArray solution)) do
                        if abs c > 1e-9 then
                            line, System.Math.Round(c, 12)
                ]
                |> Some

    // A derivative takes what lines there are where they suffice, one more where that does, and those of the polarisation
    // identity otherwise.
    let private find (partials: int list list) : Line list * Map<int list, (int * float) list> =
        use _ = Tensor.firstScope ()

        // High orders first, and among them those of one coordinate: their lines serve the others.
        let inOrder =
            partials |> List.distinct |> List.sortBy (fun by -> -by.Length, (List.distinct by).Length, by)

        let lines =
            ([], inOrder)
            ||> List.fold (fun lines by ->
                let own = polarised by
                let enough more = (combined (lines @ more) by).IsSome

                if enough [] then
                    lines
                else
                    match own |> List.tryFind (fun line -> enough [ line ]) with
                    | Some line -> lines @ [ line ]
                    | None -> lines @ List.except lines own)

        lines, Map [ for by in inOrder -> by, (combined lines by).Value ]

    // Asked for in every step, for the few operators of a problem; lines given are not in the key, since some are drawn.
    let private found =
        ConcurrentDictionary<int list list, Line list * Map<int list, (int * float) list>>(HashIdentity.Structural)

    /// The lines to differentiate along, those given first, and each derivative as a sum over them.
    let forPartials (given: Line list) (partials: int list list) : Line list * Map<int list, (int * float) list> =
        if partials.IsEmpty then
            given, Map.empty
        else
            let own, sums = found.GetOrAdd(partials, find)
            let lines = given @ List.except given own
            let places = own |> List.map (fun line -> List.findIndex ((=) line) lines) |> List.toArray
            lines, sums |> Map.map (fun _ sum -> sum |> List.map (fun (n, c) -> places[n], c))
