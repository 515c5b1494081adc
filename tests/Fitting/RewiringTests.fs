/// Networks of other structures with the same values.
module MetaKan.Tests.RewiringTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

/// A hidden layer of a network.
let private layerOf (case: Case) = 1 + case.Seed % (case.Nodes.Length - 2)

let tests =
    testList
        "Fitting.Rewiring"
        [
            property "nodes swapped exchange their values, and the network's stay" 30 (fits (2, 3)) (fun case ->
                let before, x = fitted case, points case 6
                let layer = layerOf case
                let nodes = case.Nodes[layer]

                // Two of a kind, where there are two.
                let one, other =
                    if nodes.Products.Length > 1 && (case.Seed % 2 = 0 || nodes.Sums < 2) then
                        nodes.Sums, nodes.Sums + 1
                    else
                        0, max 0 (nodes.Sums - 1)

                let after = Rewiring.swap layer one other before
                let trace (fitted: Fitted) = Network.trace fitted.Network x fitted.Params
                let column (fitted: Fitted) (node: int) = (trace fitted).Nodes[layer].select(1L, int64 node)
                close "values" 1e-10 (values before x) (values after x)
                close "one" 1e-10 (column before one) (column after other)
                close "other" 1e-10 (column before other) (column after one)
                let again = Rewiring.swap layer one other after
                Expect.isTrue (again.Network = before.Network) "the network that it was"
                closeTrees "parameters" 0.0 before.Params again.Params)

            property
                "nodes added leave the values, and learn"
                30
                (Gen.zip (fits (2, 3)) (Gen.choose (1, 3)))
                (fun (case, count) ->
                    let case = { case with Source = CoefficientSource.Stored }
                    let before, x = fitted case, points case 20
                    let layer = layerOf case
                    let after = Rewiring.widen layer count 0.3 (Key.ofSeed case.Seed) before
                    close "values" 1e-10 (values before x) (values after x)

                    Expect.equal
                        after.Network.Nodes[layer]
                        { before.Network.Nodes[layer] with Sums = before.Network.Nodes[layer].Sums + count }
                        "nodes"

                    // Each new node by itself comes to reach the outputs.
                    let _, ends = (Network.shapes after.Network)[layer]
                    let first = case.Nodes[layer].Sums

                    for node in first .. first + count - 1 do
                        let edges = [ for j in 0 .. ends - 1 -> { Layer = layer; From = node; To = j } ]
                        Expect.all edges (fun e -> after.Network.Masks[layer].[e.From, e.To] = 1.0) "edges that go out"

                    let nodes = (Network.trace after.Network x after.Params).Nodes
                    let spreads layer = Tensor.toArray (Trace.spread nodes[layer])

                    let above = spreads layer

                    // Where masks cut all inputs off, nodes have one value, and so have nodes above them.
                    if spreads (layer - 1) |> Array.exists (fun s -> s > 0.0) then
                        Expect.all above[first .. first + count - 1] (fun s -> s > 0.0) "new nodes have values")

            testCase "what cannot be swapped or added is refused" (fun () ->
                let nodes = [ Nodes.sums 2; { Sums = 2; Products = [ 2 ] }; Nodes.sums 1 ]

                let of' source =
                    let net = Network.create { Size = 2; Order = 2 } source nodes
                    { Network = net; Params = Network.init 0.1 net (Key.ofSeed 1) Placement.cpu64 }

                let stored = of' CoefficientSource.Stored
                let meta = { EmbeddingDim = 1; HiddenDim = 2; Sharing = GeneratorSharing.Shared; Chunk = None }
                let widen layer count fitted = Rewiring.widen layer count 0.1 (Key.ofSeed 1) fitted

                for change, said in
                    [
                        (fun () -> Rewiring.swap 0 0 1 stored), "hidden layers are those from 1 to 1, not 0"
                        (fun () -> Rewiring.swap 2 0 0 stored), "not 2"
                        (fun () -> Rewiring.swap 1 0 3 stored), "from 0 to 2, not 3"
                        (fun () -> Rewiring.swap 1 1 2 stored), "one adds and one multiplies"
                        (fun () -> widen 0 1 stored), "hidden layers"
                        (fun () -> widen 1 0 stored), "not 0"
                        (fun () -> widen 1 1 (of' (CoefficientSource.Generated meta))), "stored coefficients"
                    ] do
                    let message = messageOf<ArgumentException>(fun () -> change () |> ignore)
                    Expect.stringContains message said "message")
        ]
