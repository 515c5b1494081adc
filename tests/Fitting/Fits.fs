/// Random KANs with everything that they may have, and what they compute, written out a second time edge by edge.
module MetaKan.Tests.Fits

open System
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Numeric
open TorchSharp

/// What a random network is made from.
type Case =
    {
        Grid: Grid
        /// Even knots, of another range for every input; of random gaps otherwise.
        Even: bool
        Nodes: Nodes list
        Source: CoefficientSource
        /// The share of edges without a spline, and of those with a symbolic function.
        Masked: float
        Symbolic: float
        Seed: int
    }

/// Functions for symbolic edges, as written out here.
let known: (string * (float -> float)) list =
    [
        "x", id
        "x^2", (fun x -> x * x)
        "sin", sin
        "cos", cos
        "tanh", tanh
        "gaussian", (fun x -> exp (-x * x))
        "arctan", atan
    ]

let private nodes =
    gen {
        let! sums = Gen.choose (0, 3)
        let! products = Gen.choose (0, 2) |> Gen.bind (fun n -> Gen.listOfLength n (Gen.choose (2, 3)))
        return { Sums = (if products.IsEmpty then max 1 sums else sums); Products = products }
    }

let private sources layers =
    gen {
        let! embedding = Gen.choose (1, 3)
        let! hidden = Gen.choose (1, 5)

        let! sharing =
            Gen.elements
                [
                    GeneratorSharing.PerLayer
                    GeneratorSharing.Shared
                    GeneratorSharing.Clusters(List.init layers (fun l -> l % 2))
                ]

        let meta = { EmbeddingDim = embedding; HiddenDim = hidden; Sharing = sharing; Chunk = None }
        return! Gen.elements [ CoefficientSource.Stored; CoefficientSource.Stored; CoefficientSource.Generated meta ]
    }

/// Networks with layers in the given number.
let fits (layers: int * int) =
    gen {
        let! inputs = Gen.choose (1, 3)
        let! later = Gen.choose layers |> Gen.bind (fun n -> Gen.listOfLength n nodes)
        let! size = Gen.choose (1, 4)
        let! order = Gen.choose (1, 4)
        let! even = Gen.elements [ true; false ]
        let! source = sources later.Length
        let! masked = Gen.elements [ 0.0; 0.3 ]
        let! symbolic = Gen.elements [ 0.0; 0.3 ]
        let! seed = seeds

        return
            {
                Grid = { Size = size; Order = order }
                Even = even
                Nodes = Nodes.sums inputs :: later
                Source = source
                Masked = masked
                Symbolic = symbolic
                Seed = seed
            }
    }

let allEdges (net: Network) : Edge list =
    [
        for l, (inputs, ends) in List.indexed (Network.shapes net) do
            for i in 0 .. inputs - 1 do
                for j in 0 .. ends - 1 -> { Layer = l; From = i; To = j }
    ]

/// The same network with the masks of some edges set and the functions of some taken.
let edited (mask: Edge -> float -> float) (symbolic: Edge -> bool) (fitted: Fitted) : Fitted =
    let net = fitted.Network

    { fitted with
        Network =
            { net with
                Masks =
                    net.Masks
                    |> List.mapi (fun l m -> m |> Array2D.mapi (fun i j -> mask { Layer = l; From = i; To = j }))
                Symbols = net.Symbols |> Map.filter (fun edge _ -> symbolic edge)
            }
    }

let private knots (case: Case) (random: Random) (_: float[]) =
    let { Size = size; Order = order } = case.Grid

    if case.Even then
        Knots.uniform size order (-0.8 - 0.4 * random.NextDouble(), 0.8 + 0.4 * random.NextDouble())
    else
        let h = 2.0 / float size

        Array.init (size + 2 * order) (fun _ -> h * (0.4 + 1.2 * random.NextDouble()))
        |> Array.scan (+) (-1.0 - h * float order)

/// The network with random parameters.
let fitted (case: Case) : Fitted =
    let random = Random case.Seed
    let net = Network.create case.Grid case.Source case.Nodes

    let symbols =
        allEdges net
        |> List.filter (fun _ -> random.NextDouble() < case.Symbolic)
        |> List.map (fun edge -> edge, fst known[random.Next known.Length])

    let parameters =
        [
            yield! Network.init 0.3 net (Key.ofSeed case.Seed) Placement.cpu64 |> Map.toSeq

            for edge, _ in symbols do
                $"symbols.{edge.Layer}.{edge.From}.{edge.To}", torch.zeros (4L, dtype = torch.float64)
        ]
        |> List.mapi (fun n (name, t) -> name, normal (case.Seed + n) (t.shape |> Seq.map int |> List.ofSeq) * 0.6)

    {
        Network =
            { net with
                Knots = net.Knots |> List.map (Array.map (knots case random))
                Symbols = Map.ofList symbols
            }
        Params = Map.ofList parameters
    }
    // A function may stand in the place of a spline, or beside one.
    |> edited (fun _ _ -> if random.NextDouble() < case.Masked then 0.0 else 1.0) (fun _ -> true)

/// Points around the knots, some beyond them.
let points (case: Case) (n: int) : Tensor = uniform (case.Seed + 1) (-1.6, 1.6) [ n; Nodes.count case.Nodes.Head ]

let rec private bSpline (t: float[]) k m x =
    if k = 0 then
        if t[m] <= x && x < t[m + 1] then 1.0 else 0.0
    else
        (x - t[m]) / (t[m + k] - t[m]) * bSpline t (k - 1) m x
        + (t[m + k + 1] - x) / (t[m + k + 1] - t[m + 1]) * bSpline t (k - 1) (m + 1) x

/// The numbers of an edge's functions, silu's last.
let private coefficients (net: Network) (p: string -> int list -> float) (edge: Edge) : float list =
    let functions = [ 0 .. net.Knots.Head[0].Length - 2 - net.Order ]
    let { Layer = l; From = i; To = j } = edge

    match net.Source with
    | CoefficientSource.Stored ->
        let scale = p $"layers.{l}.scale_sp" [ i; j ]
        let splines = functions |> List.map (fun m -> p $"layers.{l}.coef" [ i; m; j ] * scale)
        splines @ [ p $"layers.{l}.scale_base" [ i; j ] ]
    | CoefficientSource.Generated meta ->
        let g =
            match meta.Sharing with
            | GeneratorSharing.PerLayer -> l
            | GeneratorSharing.Shared -> 0
            | GeneratorSharing.Clusters assignment -> assignment[l]

        let row = i * snd (Network.shapes net).[l] + j

        let hidden =
            [
                for h in 0 .. meta.HiddenDim - 1 ->
                    Seq.init meta.EmbeddingDim (fun e ->
                        p $"hypernet.{g}.0.weight" [ h; e ] * p $"embeddings.{l}" [ row; e ])
                    |> Seq.sum
                    |> (+) (p $"hypernet.{g}.0.bias" [ h ])
                    |> max 0.0
            ]

        [
            for m in 0 .. functions.Length ->
                p $"hypernet.{g}.2.bias" [ m ]
                + (hidden |> Seq.mapi (fun h v -> p $"hypernet.{g}.2.weight" [ m; h ] * v) |> Seq.sum)
        ]

/// What the network computes at the points: splines, edges, ends and nodes as in a trace.
let reference (fitted: Fitted) (x: Tensor) : Trace =
    let net = fitted.Network

    let numbers =
        fitted.Params |> Map.map (fun _ t -> Tensor.toArray t, t.shape |> Seq.map int |> List.ofSeq)

    let p name index =
        let values, shape = numbers[name]
        values[List.fold2 (fun at size i -> at * size + i) 0 shape index]

    let coefficients = allEdges net |> List.map (fun edge -> edge, coefficients net p edge) |> Map.ofList

    let spline edge x =
        let t = net.Knots[edge.Layer][edge.From]

        let functions =
            List.init (t.Length - 1 - net.Order) (fun m -> bSpline t net.Order m x) @ [ x / (1.0 + exp -x) ]

        net.Masks[edge.Layer].[edge.From, edge.To] * List.sum (List.map2 (*) coefficients[edge] functions)

    let symbolic edge x =
        match Map.tryFind edge net.Symbols with
        | None -> 0.0
        | Some name ->
            let affine i = p $"symbols.{edge.Layer}.{edge.From}.{edge.To}" [ i ]
            affine 2 * (snd (List.find (fst >> (=) name) known)) (affine 0 * x + affine 1) + affine 3

    let layer (x: float list) l =
        let inputs, ends = (Network.shapes net)[l]

        let along f =
            [ for i in 0 .. inputs - 1 -> [ for j in 0 .. ends - 1 -> f { Layer = l; From = i; To = j } x[i] ] ]

        let splines = along spline
        let edges = List.map2 (List.map2 (+)) splines (along symbolic)
        let arriving = List.reduce (List.map2 (+)) edges

        let rec products left counts =
            match counts with
            | [] -> []
            | n :: rest -> List.reduce (*) (List.take n left) :: products (List.skip n left) rest

        let next = net.Nodes[l + 1]
        splines, edges, arriving, List.take next.Sums arriving @ products (List.skip next.Sums arriving) next.Products

    let count = int x.shape[0]

    let start =
        Tensor.toArray x |> Array.chunkBySize (int x.shape[1]) |> Array.map List.ofArray |> List.ofArray

    // By layer, of every point.
    let layers =
        (start, [ 0 .. Network.depth net - 1 ])
        ||> List.mapFold (fun points l ->
            let results = points |> List.map (fun x -> layer x l)
            results, results |> List.map (fun (_, _, _, nodes) -> nodes))
        |> fst

    let matrices (part: _ -> float list list) =
        layers
        |> List.map (fun results ->
            let rows = List.map part results
            tensor [ count; rows.Head.Length; rows.Head.Head.Length ] (List.concat (List.concat rows)))

    let columns part = matrices (part >> List.singleton) |> List.map _.squeeze(1L)

    {
        Splines = matrices (fun (splines, _, _, _) -> splines)
        Edges = matrices (fun (_, edges, _, _) -> edges)
        Ends = columns (fun (_, _, ends, _) -> ends)
        Nodes = x :: columns (fun (_, _, _, nodes) -> nodes)
    }

let values (fitted: Fitted) (x: Tensor) : Tensor = Network.values fitted.Network x fitted.Params

/// A stored network's parameters with one edge's spline the closest to a function between its knots, without silu.
let withSpline (edge: Edge) (f: Tensor -> Tensor) (fitted: Fitted) : Fitted =
    let net = fitted.Network
    let t = net.Knots[edge.Layer][edge.From]
    let low, high = t[net.Order], t[t.Length - 1 - net.Order]
    let x = torch.linspace (low, high - 1e-9, 400L, dtype = torch.float64)

    let basis =
        ((BSpline.basis Placement.cpu64 net.Order [| t |]).Derivatives [ 0 ] (x.unsqueeze -1L)).Head.squeeze 1L

    let struct (solution, _, _, _) = torch.linalg.lstsq (basis, (f x).unsqueeze -1L)
    let name kind = $"layers.{edge.Layer}.{kind}"
    let mutable p = fitted.Params

    let put kind (value: Tensor -> Tensor) =
        let t = p[name kind].clone()
        let at = t.select(0L, int64 edge.From).select(-1L, int64 edge.To)
        at.copy_ (value at) |> ignore
        p <- Map.add (name kind) t p

    put "scale_base" torch.zeros_like
    put "scale_sp" torch.ones_like
    put "coef" (fun _ -> solution.squeeze -1L)
    { fitted with Params = p }
