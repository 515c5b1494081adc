/// First layers whose weights blocks of coordinates share.
module MetaKan.Tests.SharedBlocksTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open MetaKan.Tests.Promises
open TorchSharp

let private cases =
    gen {
        let! coordinates = Gen.choose (2, 7)
        let! rest = Gen.choose (0, 2)
        let! block = Gen.choose (1, coordinates - 1)
        let! network = networks
        let inputs = coordinates + rest
        let! case = followed inputs
        let widths = SharedBlocks.width inputs coordinates block :: network.Widths.Tail
        return { network with Widths = widths }, (inputs, coordinates, block), case
    }

/// The inner network's inputs, block by block.
let private reference inner coordinates block (p: Params) (x: Tensor) =
    let weight, bias = p["blocks.weight"], p["blocks.bias"]

    [|
        for start in 0..block .. coordinates - 1 do
            let n = min block (coordinates - start)
            let part = x.narrow (1L, int64 start, int64 n) * weight.narrow (0L, 0L, int64 n)
            torch.tanh (part.sum (1L, keepdim = true) + bias)
        x.narrow (1L, int64 coordinates, x.size 1 - int64 coordinates)
    |]
    |> fun parts -> inner p (torch.cat (parts, 1L))

let private withBlocks (network: Network) block : Params =
    Params.union
        [
            parameters network
            Map
                [
                    "blocks.weight", normal (network.Seed + 7) [ block ]
                    "blocks.bias", normal (network.Seed + 8) [ 1 ]
                ]
        ]

let tests =
    testList
        "Models.SharedBlocks"
        [
            property "the network is that of the blocks" 40 cases (fun (network, (inputs, coordinates, block), case) ->
                let model = SharedBlocks.create inputs coordinates block (model network)
                let x = normal network.Seed [ 4; inputs ]

                computes
                    (reference (Networks.reference network) coordinates block)
                    model
                    (withBlocks network block)
                    x
                    case)

            property "axes move their blocks alone" 30 cases (fun (network, (inputs, coordinates, block), _) ->
                let model = SharedBlocks.create inputs coordinates block (model network)
                let p, x = withBlocks network block, normal network.Seed [ 3; inputs ]

                let jet method =
                    let directions =
                        Operator.directions method (Key.ofSeed 1) Placement.cpu64 (Operator.laplacian inputs)

                    Directions.seed directions x |> model.Jet p

                let axes = jet LaplacianMethod.Exact
                let nested = Nested.jacobian (model.Apply p) x
                close "tangents" 1e-9 (1.0 + nested.transpose (1L, 2L)) (1.0 + Jet.tangents axes)
                close "second" 1e-8 (1.0 + Nested.laplacian (model.Apply p) x) (1.0 + axes.Second))

            property "each point has its gradient" 20 cases (fun (network, (inputs, coordinates, block), _) ->
                let model = SharedBlocks.create inputs coordinates block (model network)
                let p, x = withBlocks network block |> Params.tracked, normal network.Seed [ 3; inputs ]

                let directions =
                    Operator.directions
                        LaplacianMethod.Exact
                        (Key.ofSeed 1)
                        Placement.cpu64
                        (Operator.laplacian inputs)

                let second (p: Params) (x: Tensor) = (model.Jet p (Directions.seed directions x)).Second.sum()
                let trace = model.Traced p (Directions.seed directions x)
                let names = set p.Keys
                let nodes, shares = Traced.gradients names [ trace ]

                let cotangents =
                    Autograd.gradientsOfEach [ trace.Output.Second.sum () ] (Array.ofList nodes)
                    |> List.head
                    |> List.ofArray

                let found =
                    shares cotangents
                    |> List.collect Map.toList
                    |> List.groupBy fst
                    |> List.map (fun (name, parts) -> name, parts |> List.map snd |> List.reduce (fun a b -> a + b))
                    |> Map

                for i in 0..2 do
                    let expected = Params.gradient (second p (x.narrow (0L, int64 i, 1L))) p

                    for name in [ "blocks.weight"; "blocks.bias" ] do
                        close name 1e-8 (1.0 + expected[name]) (1.0 + found[name].[int64 i].view expected[name].shape))

            testCase "fresh weights are within bounds, and the inner network's are its own" (fun () ->
                use _ = torch.NewDisposeScope()
                let mlp = Mlp.create [ 101; 4; 1 ]
                let model = SharedBlocks.create 10_001 10_000 100 mlp
                let p = model.Init (Key.ofSeed 3) Placement.cpu64
                Expect.equal (Params.count p) (Params.count (mlp.Init (Key.ofSeed 3) Placement.cpu64) + 101L) "numbers"
                let weights = Tensor.toArray p["blocks.weight"]
                Check.inRange 0.07 0.1 (weights |> Array.map abs |> Array.max) "largest"

                Expect.equal
                    model.Description
                    "MLP 101-4-1, of 100 blocks of 100 coordinates that share weights"
                    "description"

                Expect.equal (model.Group "blocks.bias") ParameterGroup.Weights "group"
                Expect.isGreaterThan (model.NumbersPerPoint 2 2) (mlp.NumbersPerPoint 2 2) "numbers per point")

            testCase "a block that is not shared is refused" (fun () ->
                for inputs, coordinates, block in [ 5, 5, 0; 5, 5, 5; 5, 6, 2 ] do
                    Expect.throwsT<System.ArgumentException>
                        (fun () -> SharedBlocks.create inputs coordinates block identity |> ignore)
                        $"{inputs}, {coordinates}, {block}")
        ]
