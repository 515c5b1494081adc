// A formula as a network of symbolic edges, whose numbers can be trained and whose edges can be given splines.
// Liu et al., "KAN 2.0" (arXiv 2408.10205), section 3.3, "Compiling symbolic formulas to KANs".
namespace MetaKan.Fitting

open System.Collections.Generic
open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// Formulas compiled to networks.
[<RequireQualifiedAccess>]
module Kanpiler =
    /// What arrives along an edge: c·f(a s + b), with f by its name.
    type private Term =
        {
            Function: string
            A: float
            B: float
            C: float
            Source: Expression
            /// What f(a s + b) is of the formula.
            Core: Expression
        }

    /// A place where edges end: their sum and a constant.
    type private End = { Terms: Term list; Constant: float }

    let private isConstant (e: Expression) = (Expression.variables e).IsEmpty
    let private constant (e: Expression) = Expression.value (fun _ -> nan) e

    let rec private factors (e: Expression) : Expression list =
        match e with
        | Product parts -> List.collect factors parts
        | other -> [ other ]

    /// e = c·core + d, as c, core and d, where e is not constant: no more numbers can be taken out of the core.
    let rec private affine (e: Expression) : float * Expression * float =
        match e with
        | Sum parts ->
            let constants, rest = List.partition isConstant parts
            let d = List.sumBy constant constants

            match rest with
            | [ one ] ->
                let c, core, d' = affine one
                c, core, d' + d
            | _ -> 1.0, Sum rest, d
        | Product _ ->
            let constants, rest = factors e |> List.partition isConstant
            let c = constant (Product constants)

            match rest with
            | [ one ] ->
                let c', core, d = affine one
                c * c', core, c * d
            | _ -> c, Product rest, 0.0
        | other -> 1.0, other, 0.0

    /// e = Σ c·core + d, as the pairs c, core and d: no core is a sum.
    let rec private summands (e: Expression) : (float * Expression) list * float =
        if isConstant e then
            [], constant e
        else
            match affine e with
            | c, Sum parts, d ->
                let parts = List.map summands parts

                let terms =
                    [
                        for terms, _ in parts do
                            for c', core in terms -> c * c', core
                    ]

                terms, d + c * List.sumBy snd parts
            | c, core, d -> [ c, core ], d

    let private nameOf (shape: Expression) : string =
        SymbolicFunction.library
        |> List.tryFind (fun f -> f.Formula(Variable "x") = shape)
        |> Option.map _.Name
        |> Option.defaultWith (fun () -> Printer.text shape)

    let private along (c: float) (core: Expression) : Term =
        { Function = "x"; A = 1.0; B = 0.0; C = c; Source = core; Core = core }

    /// c·core, which is no sum, as what arrives along an edge.
    let rec private term (c: float) (core: Expression) : Term =
        let ofOne (shape: Expression -> Expression) (argument: Expression) =
            let a, source, b = affine argument
            { Function = nameOf (shape (Variable "x")); A = a; B = b; C = c; Source = source; Core = core }

        match core with
        | Call(f, argument) -> ofOne (fun x -> Call(f, x)) argument
        | Power(a, b) when isConstant b -> ofOne (fun x -> Power(x, Number(constant b))) a
        | Power(a, b) when isConstant a -> ofOne (fun x -> Power(Number(constant a), x)) b
        // Two variables meet in a sum or a product alone.
        | Power(a, b) -> { term c (Call(Function.Exp, Product [ b; Call(Function.Log, a) ])) with Core = core }
        | other -> along c other

    /// Terms with no two from the same node: only one edge leads from a node to an end. What else comes of a node gets a node of its
    /// own, which it goes on from unchanged.
    let rec private apart (terms: Term list) : Term list =
        let merged =
            terms
            |> List.groupBy (fun t -> t.Function, t.A, t.B, t.Source)
            |> List.map (fun (_, same) -> { same.Head with C = List.sumBy _.C same })

        let groups = merged |> List.groupBy _.Source |> List.map snd

        if groups |> List.forall (fun group -> group.Length = 1) then
            merged
        else
            groups
            |> List.collect (fun group ->
                // What goes on unchanged already has its node.
                let ordered = group |> List.sortBy (fun t -> t.Source <> t.Core)
                ordered.Head :: [ for t in ordered.Tail -> along t.C t.Core ])
            |> apart

    let private endOf (e: Expression) : End =
        let terms, d = summands e
        { Terms = apart [ for c, core in terms -> term c core ]; Constant = d }

    /// The ends of the node that a formula's part is the value of.
    let private endsOf (core: Expression) : End list =
        match core with
        | Product factors -> List.map endOf factors
        | other -> [ endOf other ]

    /// A node: its ends, of which a node that adds has one.
    type private Node = { Core: Expression; Ends: End list }

    let private isSum (node: Node) = node.Ends.Length = 1

    // The nodes of every layer behind the inputs.
    let private layers (formulas: Expression list) : Node list list =
        let ends = Dictionary<Expression, End list>()
        let depths = Dictionary<Expression, int>()

        let rec depth (core: Expression) : int =
            match core, depths.TryGetValue core with
            | Variable _, _ -> 0
            | _, (true, known) -> known
            | _ ->
                ends[core] <- endsOf core
                let found = 1 + below ends[core]
                depths[core] <- found
                found

        // The deepest node that leads to some ends.
        and below (ends: End list) =
            [
                for e in ends do
                    for t in e.Terms -> depth t.Source
            ]
            |> List.fold max 0

        // Outputs keep their order, which nodes that multiply would come last of.
        let outputs = [ for e in formulas -> { Core = e; Ends = [ endOf e ] } ]

        let sources (nodes: Node list) =
            [
                for n in nodes do
                    for e in n.Ends do
                        for t in e.Terms -> t.Source
            ]
            |> List.distinct

        let node layer core =
            if depth core = layer then
                { Core = core; Ends = ends[core] }
            else
                { Core = core; Ends = [ { Terms = [ along 1.0 core ]; Constant = 0.0 } ] }

        ([ outputs ], [ below (List.collect _.Ends outputs) .. -1 .. 1 ])
        ||> List.fold (fun layers layer ->
            let adding, multiplying = sources layers.Head |> List.map (node layer) |> List.partition isSum
            (adding @ multiplying) :: layers)

    /// The edges to the nodes of a layer, with the names of their functions and a, b, c, d, from the parts of the formula that the
    /// nodes before are the values of.
    let private edges (layer: int) (before: Expression list) (nodes: Node list) =
        [
            for place, e in nodes |> List.collect _.Ends |> List.indexed do
                let edge from = { Layer = layer; From = from; To = place }

                match e.Terms with
                | [] -> edge 0, "0", [| 1.0; 0.0; 1.0; e.Constant |]
                | terms ->
                    for i, t in List.indexed terms do
                        edge (List.findIndex ((=) t.Source) before),
                        t.Function,
                        [| t.A; t.B; t.C; (if i = 0 then e.Constant else 0.0) |]
        ]

    /// A network with an output for each formula, whose values are the formulas' but for rounding; `inputs` names its inputs. Parts
    /// that occur several times are one node. A power whose base and exponent both vary is exp(b log a), which has values where a
    /// is positive. All edges are symbolic or removed; the grid, over [-1, 1], is that of the splines that `SymbolicEdges.unfix`
    /// gives them: `Regrid.update` lays it over the values that nodes take. Raises BadInput for a variable that is no input.
    let compile (grid: Grid) (inputs: string list) (formulas: Expression list) (place: Placement) : Fitted =
        match formulas |> List.collect Expression.variables |> List.except inputs with
        | [] when inputs.IsEmpty -> raise (BadInput "a network takes one input or more")
        | [] -> ()
        | others ->
            let others, inputs = String.concat ", " others, String.concat ", " inputs
            raise (BadInput $"the formula has variables that are no inputs: {others}; inputs are {inputs}")

        let layers = layers formulas

        let nodes =
            [
                Nodes.sums inputs.Length

                for layer in layers do
                    let adding, multiplying = List.partition isSum layer
                    { Sums = adding.Length; Products = [ for node in multiplying -> node.Ends.Length ] }
            ]

        let net = Network.create grid CoefficientSource.Stored nodes

        let edges =
            (List.map Variable inputs :: [ for nodes in layers -> nodes |> List.map _.Core ], layers)
            ||> Seq.zip
            |> Seq.indexed
            |> Seq.collect (fun (layer, (before, nodes)) -> edges layer before nodes)
            |> List.ofSeq

        {
            Network =
                { net with
                    Masks = net.Masks |> List.map (Array2D.map (fun _ -> 0.0))
                    Symbols = Map [ for edge, name, _ in edges -> edge, name ]
                }
            Params =
                Params.union
                    [
                        Network.init 0.0 net (Key.ofSeed 0) place
                        Map
                            [
                                for edge, _, affine in edges ->
                                    Network.symbolName edge, Tensor.ofArray place [ 4L ] affine
                            ]
                    ]
        }
