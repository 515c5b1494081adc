/// Taking away nodes, edges and inputs, against masking them.
module MetaKan.Tests.PruningTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Numeric
open TorchSharp

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

let tests =
    testList
        "Fitting.Pruning"
        [
            property "all nodes kept are the network itself" 20 (fits (1, 3)) (fun case ->
                let before = fitted case
                let after = Pruning.keep (all before.Network) before
                Expect.isTrue (before.Network = after.Network) "the network stays"
                closeTrees "parameters" 0.0 before.Params after.Params)

            property
                "nodes removed are nodes silenced: functions, knots and products find their places"
                60
                (fits (1, 3))
                (fun case ->
                    let before, x = fitted case, points case 6
                    let kept = some case.Seed before.Network
                    let after = Pruning.keep kept before
                    Expect.equal (List.map Nodes.count after.Network.Nodes) (List.map List.length kept) "nodes"
                    let name (edge: Edge) = $"symbols.{edge.Layer}.{edge.From}.{edge.To}"

                    Expect.equal
                        (List.ofSeq after.Params.Keys |> List.filter _.StartsWith("symbols") |> List.sort)
                        ([ for KeyValue(edge, _) in after.Network.Symbols -> name edge ] |> List.sort)
                        "names of symbolic parameters"

                    close "values" 1e-10 (values (silenced kept before) x) (values after (columns kept.Head x)))

            property "an edge removed is zero, and the others are what they were" 30 (fits (1, 1)) (fun case ->
                let before, x = fitted case, points case 6
                let edges = allEdges before.Network
                let gone = edges[case.Seed % edges.Length]
                let after = Pruning.removeEdge gone before
                let along (fitted: Fitted) = (Network.trace fitted.Network x fitted.Params).Edges.Head
                let expected = (along before).clone()
                expected.select(1L, int64 gone.From).select(1L, int64 gone.To).zero_() |> ignore
                close "edges" 1e-14 expected (along after)
                Expect.isFalse (after.Network.Symbols.ContainsKey gone) "the function is gone"

                Expect.isFalse
                    (after.Params.ContainsKey $"symbols.{gone.Layer}.{gone.From}.{gone.To}")
                    "its parameters are gone")

            property "edges up to the threshold go and no others" 30 (fits (1, 3)) (fun case ->
                let before = fitted case
                let scores = scores before (points case 20)
                let score (edge: Edge) = scores.Edges[edge.Layer].[edge.From, edge.To]
                let carrying = SymbolicEdges.edges before.Network
                // The score of one of the edges, which goes with it.
                let threshold = carrying |> List.map score |> List.sort |> List.tryItem (carrying.Length / 2)
                let threshold = defaultArg threshold 0.0
                let after = Pruning.edges threshold scores before

                let above = carrying |> List.filter (fun edge -> score edge > threshold)
                let left = SymbolicEdges.edges after.Network

                // More stay only where no path would be left.
                Expect.isTrue (List.forall (fun edge -> List.contains edge left) above) "edges above it stay"

                if above |> List.exists (fun edge -> edge.Layer = 0) && Network.depth before.Network = 1 then
                    Expect.equal left above "edges")

            testCase "of a network whose edges all are below the threshold, a path stays" (fun () ->
                forAll 30 (fits (1, 3)) (fun case ->
                    let before = fitted { case with Masked = 0.0; Symbolic = 0.0 }
                    let x = points case 20
                    let after = Pruning.edges infinity (scores before x) before
                    let left = SymbolicEdges.edges after.Network
                    let layers = [ 0 .. Network.depth before.Network - 1 ]
                    Expect.isTrue (left.Length <= (allEdges before.Network).Length) "edges"

                    for l in layers do
                        Expect.isTrue (left |> List.exists (fun edge -> edge.Layer = l)) $"an edge of layer {l}"))

            property
                "hidden nodes up to the threshold go, but for the best; inputs and outputs stay"
                30
                (Gen.zip (fits (2, 3)) (Gen.elements [ -1.0; 0.05; 0.3; infinity ]))
                (fun (case, threshold) ->
                    let before = fitted case
                    let scores = scores before (points case 20)
                    let after = (Pruning.nodes threshold scores before).Network
                    let counts (net: Network) = net.Nodes |> List.map Nodes.count
                    let last = Network.depth before.Network

                    for l, (before, after) in List.indexed (List.zip (counts before.Network) (counts after)) do
                        let above = scores.Nodes[l] |> Array.filter (fun score -> score > threshold) |> Array.length
                        let equal = scores.Nodes[l] |> Array.countBy id |> Array.maxBy fst |> snd
                        Expect.equal after (if l = 0 || l = last then before else max above equal) "number of nodes")

            property "the hidden node that stays is the best" 20 (fits (2, 2)) (fun case ->
                let before, x = fitted { case with Masked = 0.0; Symbolic = 0.0 }, points case 20
                let scores = scores before x
                let best = Array.findIndex ((=) (Array.max scores.Nodes[1])) scores.Nodes[1]
                let kept = all before.Network |> List.mapi (fun l nodes -> if l = 1 then [ best ] else nodes)

                close
                    "values"
                    1e-10
                    (values (silenced kept before) x)
                    (values (Pruning.nodes infinity scores before) x))

            property "inputs up to the threshold go, and those that stay are told" 30 (fits (1, 3)) (fun case ->
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

                Expect.equal stay expected "edges"
                let kept = stay :: (all before.Network).Tail
                close "values" 1e-10 (values (silenced kept before) x) (values after (columns stay x)))
        ]
