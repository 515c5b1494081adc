/// Taking away nodes, edges and inputs, against masking them.
module MetaKan.Tests.PruningTests

open System
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Fits
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private all (net: Network) = net.Nodes |> List.map (fun nodes -> [ 0 .. Nodes.count nodes - 1 ])

/// Some of the nodes before the outputs, in every layer at least one.
let private some (seed: int) (net: Network) =
    let random = Random seed

    all net
    |> List.mapi (fun l nodes ->
        let one = nodes[random.Next nodes.Length]

        if l = Network.depth net then
            nodes
        else
            nodes |> List.filter (fun n -> n = one || random.NextDouble() < 0.5))

/// The network without the edges that leave nodes that are not kept.
let private silenced (kept: int list list) (fitted: Fitted) : Fitted =
    let stays (edge: Edge) = List.contains edge.From kept[edge.Layer]
    fitted |> edited (fun edge m -> if stays edge then m else 0.0) stays

let private columns (indices: int list) (x: Tensor) =
    x.index_select (1L, torch.tensor (indices |> List.map int64 |> List.toArray))

let private scores (fitted: Fitted) (x: Tensor) =
    Attribution.scores fitted.Network (Network.trace fitted.Network x fitted.Params)

[<Fact>]
let ``all nodes kept are the network itself`` () =
    forAll 20 (fits (1, 3)) (fun case ->
        let before = fitted case
        let after = Pruning.keep (all before.Network) before
        Assert.True((before.Network = after.Network))
        closeTrees "parameters" 0.0 before.Params after.Params)

[<Fact>]
let ``nodes removed are nodes silenced: functions, knots and products find their places`` () =
    forAll 60 (fits (1, 3)) (fun case ->
        let before, x = fitted case, points case 6
        let kept = some case.Seed before.Network
        let after = Pruning.keep kept before
        Assert.Equal<int list>(List.map List.length kept, List.map Nodes.count after.Network.Nodes)
        let name (edge: Edge) = $"symbols.{edge.Layer}.{edge.From}.{edge.To}"

        Assert.Equal<string list>(
            [ for KeyValue(edge, _) in after.Network.Symbols -> name edge ] |> List.sort,
            List.ofSeq after.Params.Keys |> List.filter _.StartsWith("symbols") |> List.sort
        )

        close "values" 1e-10 (values (silenced kept before) x) (values after (columns kept.Head x)))

[<Fact>]
let ``an edge removed is zero, and the others are what they were`` () =
    forAll 30 (fits (1, 1)) (fun case ->
        let before, x = fitted case, points case 6
        let edges = allEdges before.Network
        let gone = edges[case.Seed % edges.Length]
        let after = Pruning.removeEdge gone before
        let along (fitted: Fitted) = (Network.trace fitted.Network x fitted.Params).Edges.Head
        let expected = (along before).clone()
        expected.select(1L, int64 gone.From).select(1L, int64 gone.To).zero_() |> ignore
        close "edges" 1e-14 expected (along after)
        Assert.False(after.Network.Symbols.ContainsKey gone)
        Assert.False(after.Params.ContainsKey $"symbols.{gone.Layer}.{gone.From}.{gone.To}"))

[<Fact>]
let ``edges up to the threshold go and no others`` () =
    forAll 30 (fits (1, 3)) (fun case ->
        let before = fitted case
        let scores = scores before (points case 20)
        let score (edge: Edge) = scores.Edges[edge.Layer].[edge.From, edge.To]
        let carrying = Symbolic.edges before.Network
        // The score of one of the edges, which goes with it.
        let threshold = carrying |> List.map score |> List.sort |> List.tryItem (carrying.Length / 2)
        let threshold = defaultArg threshold 0.0
        let after = Pruning.edges threshold scores before

        Assert.Equal<Edge list>(
            carrying |> List.filter (fun edge -> score edge > threshold),
            Symbolic.edges after.Network
        ))

[<Fact>]
let ``hidden nodes up to the threshold go, but for the best; inputs and outputs stay`` () =
    forAll 30 (Gen.zip (fits (2, 3)) (Gen.elements [ -1.0; 0.05; 0.3; infinity ])) (fun (case, threshold) ->
        let before = fitted case
        let scores = scores before (points case 20)
        let after = (Pruning.nodes threshold scores before).Network
        let counts (net: Network) = net.Nodes |> List.map Nodes.count
        let last = Network.depth before.Network

        for l, (before, after) in List.indexed (List.zip (counts before.Network) (counts after)) do
            let above = scores.Nodes[l] |> Array.filter (fun score -> score > threshold) |> Array.length
            let equal = scores.Nodes[l] |> Array.countBy id |> Array.maxBy fst |> snd
            Assert.Equal((if l = 0 || l = last then before else max above equal), after))

[<Fact>]
let ``the hidden node that stays is the best`` () =
    forAll 20 (fits (2, 2)) (fun case ->
        let before, x = fitted { case with Masked = 0.0; Symbolic = 0.0 }, points case 20
        let scores = scores before x
        let best = Array.findIndex ((=) (Array.max scores.Nodes[1])) scores.Nodes[1]
        let kept = all before.Network |> List.mapi (fun l nodes -> if l = 1 then [ best ] else nodes)
        close "values" 1e-10 (values (silenced kept before) x) (values (Pruning.nodes infinity scores before) x))

[<Fact>]
let ``inputs up to the threshold go, and those that stay are told`` () =
    forAll 30 (fits (1, 3)) (fun case ->
        let before, x = fitted case, points case 20
        let scores = scores before x
        let threshold = Array.average scores.Nodes.Head
        let after, stay = Pruning.inputs threshold scores before
        let best = Array.max scores.Nodes.Head

        let expected =
            [
                for n, score in Array.indexed scores.Nodes.Head do
                    if score > threshold || score = best then
                        n
            ]

        Assert.Equal<int list>(expected, stay)
        let kept = stay :: (all before.Network).Tail
        close "values" 1e-10 (values (silenced kept before) x) (values after (columns stay x)))
