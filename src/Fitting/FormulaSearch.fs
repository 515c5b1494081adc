// Formulas of data without a shape given: small KANs of several shapes and seeds, each made symbolic, and sparse regressions
// on products; of all that they find, those that nothing is both simpler and closer than.
namespace MetaKan.Fitting

open System
open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// A formula that was found.
type FoundFormula =
    {
        /// The formula, tidied.
        Formula: Expression
        /// How much there is to read, by `FormulaFit.complexity`.
        Complexity: int
        /// The root of its mean square error at the points that it was found from.
        Rmse: float
    }

/// Formulas of data without a shape given.
[<RequireQualifiedAccess>]
module FormulaSearch =
    /// Points that constants are fitted to; formulas whose constants are, and of these those that are tidied.
    let private points, private fitted, private tidied = 400, 12, 5

    /// Points whose neighbours are looked for.
    let private neighbours = 1000

    /// Below this share of the values' spread an error is rounding.
    let private rounding = 1e-10

    let private firstOf (count: int) (t: Tensor) = t.narrow (0L, 0L, min (int64 count) (t.size 0))

    // What orders formulas of different length by one number, Schwarz's criterion with a formula's complexity in the place
    // of its parameters.
    let private score (n: int64) (variance: float) (complexity: int) (error: float) =
        float n * log (error / variance + rounding * rounding) + log (float n) * float complexity

    /// Whether what a formula leaves of y [N, 1] at points x [N, n] looks like noise: at each point as far from what is left at the
    /// nearest other one as if both were drawn by themselves. Von Neumann, "Distribution of the ratio of the mean square
    /// successive difference to the variance", Ann. Math. Statist. 12 (1941), for neighbours in space.
    let isNoise (names: string list) (x: Tensor) (y: Tensor) (formula: Expression) : bool =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        let x, y = firstOf neighbours x, firstOf neighbours y
        let count = x.size 0
        let scaled = x / x.std(0L, true, true).clamp_min(1e-300.ToScalar())
        // None is its own neighbour.
        let apart = torch.cdist (scaled, scaled)
        apart.diagonal().fill_(infinity.ToScalar()) |> ignore
        let nearest = apart.argmin 1L
        let left = FormulaFit.values names x formula - y.select (1L, 0L)
        let left = left - left.mean ()

        let ratio =
            Tensor.item ((left - left.index_select (0L, nearest)).square().mean() / (2.0 * left.square().mean()))

        ratio >= 1.0 - 2.0 / sqrt (float count)

    /// A formula tidied as far as that costs nothing that the data could tell, with its constants where they fit best.
    let private settled
        (names: string list)
        (x: Tensor)
        (y: Tensor)
        (variance: float)
        (start: Expression)
        : Expression =
        let x, y = firstOf points x, firstOf points y
        let error = FormulaFit.error names x y

        let places = FormulaFit.places names x

        // What rounding left goes first, and alone: beside it there may be small terms that count.
        (start, [ 1e-12; 1e-5; 1e-4; 1e-3; 1e-2; 3e-2 ])
        ||> List.fold (fun best tolerance ->
            let next = Tidy.formula places tolerance best |> FormulaFit.polish names x y
            let allowed = 1.01 * error best + pown rounding 2 * variance

            if error next <= allowed && FormulaFit.complexity next <= FormulaFit.complexity best then
                next
            else
                best)
        |> fun tidy ->
            // Whether roots of squares may be taken, the points tell.
            [
                tidy
                Tidy.factored false tidy
                Tidy.factored true tidy |> Simplify.expression |> Tidy.factored true
            ]
            |> List.map (fun e -> if Object.ReferenceEquals(e, tidy) then e else Simplify.expression e)
            |> List.filter (fun e -> error e <= 1.01 * error tidy + pown rounding 2 * variance)
            |> List.minBy FormulaFit.complexity

    /// Shapes of small KANs for n inputs, of so many intervals a spline, the simplest first: a sum of functions, a function of
    /// such a sum, a function of a product of functions, and two nodes.
    let private shapes (intervals: int) (n: int) : Network list =
        let create nodes = Network.create { Size = intervals; Order = 3 } CoefficientSource.Stored nodes

        [
            create [ Nodes.sums n; Nodes.sums 1 ]
            create [ Nodes.sums n; Nodes.sums 1; Nodes.sums 1 ]

            if n > 1 then
                // A factor for each input.
                let net = create [ Nodes.sums n; { Sums = 0; Products = [ n ] }; Nodes.sums 1 ]

                { net with Masks = Array2D.init n n (fun i j -> if i = j then 1.0 else 0.0) :: net.Masks.Tail }
                create [ Nodes.sums n; Nodes.sums 2; Nodes.sums 1 ]
        ]

    // Training of a network on values of mean 0 and spread 1.
    let private trained (interrupted: unit -> bool) (seed: int) (x: Tensor) (y: Tensor) (net: Network) : Fitted =
        let place = Placement.ofTensor x

        let train steps (fitted: Fitted) =
            let gradient = Descent.sparse FitLoss.Square Sparsity.none fitted.Network x y

            { fitted with
                Params =
                    Descent.run (Lbfgs.create 50 20) gradient steps (fun _ _ _ -> not (interrupted ())) fitted.Params
            }

        { Network = net; Params = Network.init 0.3 net (Key.ofSeed seed) place }
        |> Regrid.update 1.0 x
        |> train 5
        |> Regrid.update 0.5 x
        |> train 10
        |> Regrid.update 0.5 x
        |> train 25

    let private networkFormulas (interrupted: unit -> bool) choice seed names (x: Tensor) (y: Tensor) (net: Network) =
        use _ = torch.NewDisposeScope()
        let mean, spread = Tensor.item (y.mean ()), Tensor.item (y.std (unbiased = false))
        let fitted = trained interrupted seed x ((y - mean) / spread) net
        use _ = torch.no_grad ()

        let off =
            (Network.values fitted.Network x fitted.Params - (y - mean) / spread).square().mean() |> Tensor.item

        // What the network itself misses no formula of its edges would have.
        if not (off < 0.01) then
            []
        else
            let trace = Network.trace fitted.Network x fitted.Params
            let fitted = Pruning.edges 1e-4 (Attribution.scores fitted.Network trace) fitted

            let symbolic = SymbolicEdges.auto choice x (fun _ _ -> ()) fitted

            [
                for formula in SymbolicEdges.formulas (List.map Variable names) symbolic ->
                    formula * Number spread + Number mean
            ]

    /// Those that nothing is both as simple and closer than, or as close and simpler, the simplest first.
    let front (found: FoundFormula list) : FoundFormula list =
        (([], infinity), found |> List.sortBy (fun f -> f.Complexity, f.Rmse))
        ||> List.fold (fun (kept, least) f -> if f.Rmse < least then f :: kept, f.Rmse else kept, least)
        |> fst
        |> List.rev

    /// The formula of a front that is the best answer for y [N, 1]: close, and not longer than the closeness is worth.
    let best (y: Tensor) (front: FoundFormula list) : FoundFormula =
        let variance = max 1e-300 (Tensor.item (y.var (unbiased = false)))
        front |> List.minBy (fun f -> score (y.size 0) variance f.Complexity (f.Rmse * f.Rmse))

    /// A formula with its error for y [N, 1] at points x [N, n], whose columns have names.
    let judged (names: string list) (x: Tensor) (y: Tensor) (formula: Expression) : FoundFormula =
        {
            Formula = formula
            Complexity = FormulaFit.complexity formula
            Rmse = sqrt (FormulaFit.error names x y formula)
        }

    /// Formulas for y [N, 1] at points x [N, n], whose columns have names: those that nothing is both simpler and closer
    /// than, the simplest first. `given` are formulas found before, which take part. Edges are given functions by `choice`.
    /// The same seed finds the same formulas.
    let run
        (interrupted: unit -> bool)
        (choice: SymbolicChoice)
        (seed: int)
        (names: string list)
        (x: Tensor)
        (y: Tensor)
        (given: Expression list)
        : FoundFormula list =
        use _ = torch.NewDisposeScope()
        let x, y = x.``to`` torch.float64, y.``to`` torch.float64
        let variance = Tensor.item (y.var (unbiased = false))

        let polish = FormulaFit.polish names (firstOf points x) (firstOf points y)

        let scored (f: FoundFormula) = score (y.size 0) (max 1e-300 variance) f.Complexity (f.Rmse * f.Rmse)

        let foremost count formulas =
            formulas
            |> List.map (judged names x y)
            |> List.sortBy scored
            |> List.truncate count
            |> List.map _.Formula

        let found (candidates: Expression list) =
            candidates
            |> List.map Simplify.expression
            |> List.distinct
            |> foremost fitted
            |> List.map polish
            |> foremost tidied
            |> List.map (settled names x y variance >> judged names x y)
            |> List.filter (fun f -> Double.IsFinite f.Rmse)

        // Where the best formula is short, and leaves nothing or, as far as can be told, noise, none is sought any more.
        let isSure (orNoise: bool) (found: FoundFormula list) =
            not found.IsEmpty
            && (let best = best y (front found)

                best.Complexity <= 8 + 6 * names.Length
                && (best.Rmse <= 1e-9 * sqrt variance || orNoise && isNoise names x y best.Formula))

        let seek all (orNoise, search) =
            if isSure orNoise all || interrupted () && not all.IsEmpty then all else all @ found (search ())

        // Products have functions of their own: who names functions wants these and no others.
        let products =
            if choice.Library <> SymbolicEdges.defaults.Library then
                [ false, (fun () -> given) ]
            else
                match ProductSearch.kinds interrupted names x y with
                | [] -> [ false, (fun () -> given) ]
                | (orNoise, first) :: others -> (orNoise, (fun () -> given @ first ())) :: others

        // The last shape has most edges, and is tried once; the second time knots are closer, and closeness counts for more.
        let networks =
            let shapes intervals = shapes intervals names.Length
            let closer = { choice with SimplicityWeight = 0.3 }

            [
                // Without spread there is nothing to learn.
                if variance > 0.0 then
                    for net in shapes 6 do
                        true, (fun () -> networkFormulas interrupted choice seed names x y net)

                    for net in List.truncate 3 (shapes 12) do
                        true, (fun () -> networkFormulas interrupted closer (seed + 1) names x y net)
            ]

        ([], products @ networks) ||> List.fold seek |> front
