// Reading formulas off a network: edges are fixed to functions of the library, and what they compose to is written out.
// Liu et al., "KAN" (arXiv 2404.19756), section 2.5.1.
namespace MetaKan.Fitting

open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// A function that might stand for an edge.
type Suggestion =
    {
        /// f of c·f(a x + b) + d.
        Function: SymbolicFunction
        /// The a, b, c and d that fit the edge's curve best, and how well.
        Fit: AffineFit
        /// Complexity, misfit and cancellation weighed against each other: less is better.
        Cost: float
    }

/// How edges are given functions.
type SymbolicChoice =
    {
        /// Names of the functions to choose from, of `SymbolicFunction.library`.
        Library: string list
        /// The share of complexity in a suggestion's cost, against that of misfit and cancellation, both in bits.
        SimplicityWeight: float
        /// The lowest and the highest a of c·f(a x + b) + d.
        ARange: float * float
        /// The lowest and the highest b.
        BRange: float * float
    }

/// Fixes edges to functions of the library and reads the formulas off.
[<RequireQualifiedAccess>]
module SymbolicEdges =
    /// All functions but 0, which pruning is for; complexity and bits of misfit weigh 0.8 to 0.2; a and b within ±10.
    let defaults =
        {
            Library =
                [
                    for f in SymbolicFunction.library do
                        if f.Complexity > 0 then
                            f.Name
                ]
            SimplicityWeight = 0.8
            ARange = -10.0, 10.0
            BRange = -10.0, 10.0
        }

    /// Whether a parameter, by its name, is an affine one of a symbolic edge.
    let isAffine (name: string) : bool = name.StartsWith "symbols."

    /// The edges that carry something: a spline or a function.
    let edges (net: Network) : Edge list =
        [
            for l, (inputs, ends) in List.indexed (Network.shapes net) do
                for i in 0 .. inputs - 1 do
                    for j in 0 .. ends - 1 do
                        let edge = { Layer = l; From = i; To = j }

                        if net.Masks[l].[i, j] <> 0.0 || net.Symbols.ContainsKey edge then
                            edge
        ]

    /// The edges that still have a spline.
    let splines (net: Network) : Edge list = edges net |> List.filter (net.Symbols.ContainsKey >> not)

    /// Fixes an edge to c·f(a x + b) + d in the place of its spline: with the numbers that `candidate` or `suggest` fitted, or any
    /// others, as `AffineFit.measured` has them.
    let fix (edge: Edge) (f: SymbolicFunction) (fit: AffineFit) (fitted: Fitted) : Fitted =
        let place = Placement.ofTensor (Seq.head fitted.Params.Values)
        let net = Network.withMask edge 0.0 fitted.Network

        {
            Network = { net with Symbols = Map.add edge f.Name net.Symbols }
            Params =
                Map.add
                    (Network.symbolName edge)
                    (Tensor.ofArray place [ 4L ] [| fit.A; fit.B; fit.C; fit.D |])
                    fitted.Params
        }

    // Coefficients under which an edge's spline is, as closely as its knots allow, what the edge was: its function, added to a spline
    // that it may have beside.
    let private splined (edge: Edge) (fitted: Fitted) : Params =
        let { Layer = l; From = i; To = j } = edge
        let net, p = fitted.Network, fitted.Params
        let mask = net.Masks[l].[i, j]
        let at (t: Tensor) = t.select(0L, int64 i).select(-1L, int64 j)
        let coefficients, scale = at p[$"layers.{l}.coef"], at p[$"layers.{l}.scale_sp"]
        let knots = net.Knots[l][i]

        let function' =
            match Map.tryFind edge net.Symbols with
            | Some name ->
                Network.symbolic (SymbolicFunction.find name) p[Network.symbolName edge]
                |> Regrid.closest (Placement.ofTensor coefficients) net.Order knots
            | None -> torch.zeros_like coefficients

        let put kind (value: Tensor) p =
            let name = $"layers.{l}.{kind}"
            let changed = (Map.find name p: Tensor).clone()
            (at changed).copy_ value |> ignore
            Map.add name changed p

        p
        |> put "coef" (coefficients * scale * mask + function')
        |> put "scale_sp" (torch.ones_like scale)
        |> put "scale_base" (at p[$"layers.{l}.scale_base"] * mask)

    /// Gives an edge a spline in the place of its function, the closest to it by least squares over the knots; to an edge that was
    /// removed, one that is 0. The spline of a network with generated coefficients is the generator's, which other edges share.
    let unfix (edge: Edge) (fitted: Fitted) : Fitted =
        use _ = torch.no_grad ()
        let net = Network.withMask edge 1.0 fitted.Network

        let p =
            match net.Source with
            | CoefficientSource.Stored -> splined edge fitted
            | CoefficientSource.Generated _ -> fitted.Params

        {
            Network = { net with Symbols = Map.remove edge net.Symbols }
            Params = Map.remove (Network.symbolName edge) p
        }

    /// What goes into an edge and what comes out, [N] each.
    let internal curve (trace: Trace) (edge: Edge) =
        trace.Nodes[edge.Layer].select(1L, int64 edge.From),
        trace.Edges[edge.Layer].select(1L, int64 edge.From).select(1L, int64 edge.To)

    /// The function of this name for an edge at the points of a trace, with the a, b, c and d that fit best; of the choice, its
    /// weight and its ranges.
    let candidate (choice: SymbolicChoice) (trace: Trace) (edge: Edge) (name: string) : Suggestion =
        let f = SymbolicFunction.find name
        let fit = curve trace edge ||> AffineFit.find f choice.ARange choice.BRange

        {
            Function = f
            Fit = fit
            Cost =
                choice.SimplicityWeight * float f.Complexity
                + (1.0 - choice.SimplicityWeight)
                  * (System.Math.Log2(1.0 + 1e-5 - min 1.0 fit.R2) + System.Math.Log2(1.0 + fit.Cancellation))
        }

    /// Candidate functions for an edge at the points of a trace, the best first.
    let suggest (choice: SymbolicChoice) (trace: Trace) (edge: Edge) : Suggestion list =
        choice.Library |> List.map (candidate choice trace edge) |> List.sortBy _.Cost

    /// Fixes every edge that still has a spline to the best function for it at the points x, layer by layer; tells
    /// `listen` each choice.
    let auto (choice: SymbolicChoice) (x: Tensor) (listen: Edge -> Suggestion -> unit) (fitted: Fitted) : Fitted =
        use _ = torch.no_grad ()

        (fitted, [ 0 .. Network.depth fitted.Network - 1 ])
        ||> List.fold (fun fitted l ->
            let trace = Network.trace fitted.Network x fitted.Params

            splines fitted.Network
            |> List.filter (fun edge -> edge.Layer = l)
            |> List.fold
                (fun fitted edge ->
                    let best = suggest choice trace edge |> List.head
                    listen edge best
                    fix edge best.Function best.Fit fitted)
                fitted)

    /// What an edge with a function makes of a formula: c·f(a x + b) + d; none of an edge with a spline.
    let internal formula (fitted: Fitted) (edge: Edge) (x: Expression) : Expression option =
        Map.tryFind edge fitted.Network.Symbols
        |> Option.map (fun name ->
            let affine = Tensor.toArray fitted.Params[Network.symbolName edge]

            Number affine[2] * (SymbolicFunction.find name).Formula(Number affine[0] * x + Number affine[1])
            + Number affine[3])

    /// The formulas of the outputs, for formulas of the inputs; not simplified. Every edge must be symbolic or removed:
    /// InvalidOperationException names one that is not.
    let formulas (inputs: Expression list) (fitted: Fitted) : Expression list =
        let net = fitted.Network

        match List.tryHead (splines net) with
        | Some edge -> invalidOp $"edge ({edge.Layer}, {edge.From}, {edge.To}) has no symbolic function yet"
        | None -> ()

        (inputs, List.indexed net.Nodes.Tail)
        ||> List.fold (fun nodes (l, next) ->
            let arriving =
                [
                    for j in 0 .. Nodes.ends next - 1 ->
                        [
                            for i, node in List.indexed nodes do
                                match formula fitted { Layer = l; From = i; To = j } node with
                                | Some formula -> formula
                                | None -> ()
                        ]
                        |> Sum
                ]

            let sums, factors = List.splitAt next.Sums arriving

            let products =
                (([], factors), next.Products)
                ||> List.fold (fun (products, left) count ->
                    let these, left = List.splitAt count left
                    Product these :: products, left)
                |> fst
                |> List.rev

            sums @ products)
