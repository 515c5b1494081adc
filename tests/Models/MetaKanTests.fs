/// MetaKAN's generators: counts, sharing, chunks, and the piecewise-linear path for one number per edge.
module MetaKan.Tests.MetaKanTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open TorchSharp

let private cubic = { Size = 5; Order = 3 }

let private meta sharing hidden = { EmbeddingDim = 1; HiddenDim = hidden; Sharing = sharing; Chunk = None }

let private pde d sharing = MetaKan.create cubic (meta sharing 64) [ d; 128; 128; 128; 1 ]
let private count (model: Model) = Params.count (model.Init (Key.ofSeed 1) Placement.cpu32)

/// Value and Laplacian at points, and the gradients of a loss of both.
let private results (network: Network) (p: Params) (value: Params -> Tensor -> Tensor * Tensor) =
    let p = Params.tracked p
    let y, laplacian = value p (points network 4)
    let loss = (y * y).mean() + (laplacian * laplacian).mean()
    Map.ofList [ "value", y; "laplacian", laplacian ], Params.gradient loss p

let private byJet (network: Network) p x =
    let directions =
        Operator.laplacian network.Widths.Head |> Operator.directions Exact (Key.ofSeed 0) Placement.cpu64

    let jet = (model network).Jet p (Directions.seed directions x)
    jet.Value, jet.Second

let private byReference (network: Network) p x = reference network p x, Nested.laplacian (reference network p) x

let private same (network: Network) (p: Params) =
    let values, gradients = results network p (byReference network)
    let found, foundGradients = results network p (byJet network)
    closeTrees "result" 1e-8 values found
    closeTrees "gradient" 1e-8 gradients foundGradients

let private oneNumber =
    metaKans
    |> Gen.map (fun network ->
        match network.Family with
        | OfMetaKan(grid, meta) -> { network with Family = OfMetaKan(grid, { meta with EmbeddingDim = 1 }) }
        | _ -> network)

/// Puts numbers in place of some elements of the generators' first layers.
let private withSome (seed: int) (part: string) (number: float) (p: Params) : Params =
    p
    |> Map.map (fun name t ->
        if name.StartsWith "hypernet." && name.EndsWith part then
            let chosen = (normal (seed + name.Length) (t.shape |> Seq.map int |> List.ofSeq)).gt(0.0.ToScalar())
            torch.where (chosen, torch.full_like (t, number.ToScalar()), t)
        else
            t)

let tests =
    testList
        "Models.MetaKan"
        [
            testCase "parameters are counted as published" (fun () ->
                use _ = torch.NewDisposeScope()
                Expect.equal (count (pde 20 PerLayer)) 38308L "number of parameters"
                Expect.equal (count (pde 10 PerLayer)) 37028L "number of parameters"
                // 34,176 edges of ten inputs, 713 numbers a generator.
                Expect.equal (count (pde 10 Shared)) (34176L + 713L) "number of parameters"
                Expect.equal (count (pde 10 (Clusters [ 0; 0; 1; 1 ]))) (34176L + 2L * 713L) "number of parameters"
                // The published classifier.
                let classifier sharing = count (MetaKan.create cubic (meta sharing 32) [ 784; 32; 10 ])
                Expect.equal (classifier Shared) 25769L "number of parameters"
                Expect.equal (classifier PerLayer) 26130L "number of parameters")

            testCase "clusters that miss a layer or skip a number are a mistake of the caller" (fun () ->
                for assignment in [ [ 0; 1 ]; [ 0; 0; 2; 2 ]; [ 1; 1; 1; 1 ]; [] ] do
                    Expect.throwsT<ArgumentException>
                        (fun () -> pde 10 (Clusters assignment) |> ignore)
                        "an assignment that does not fit")

            property "one number per edge takes the piecewise path to the same results" 20 oneNumber (fun network ->
                same network (parameters network))

            property
                "generators with units that have no slope, no bias, or neither"
                8
                (Gen.zip oneNumber seeds)
                (fun (network, seed) ->
                    let p = parameters network
                    same network (p |> withSome seed "0.weight" 0.0)
                    same network (p |> withSome seed "0.bias" 0.0)
                    same network (p |> withSome seed "0.weight" 0.0 |> withSome (seed + 1) "0.bias" 0.0))

            property
                "generators whose units break at the same place"
                15
                (Gen.zip oneNumber seeds)
                (fun (network, seed) ->
                    same network (parameters network |> withSome seed "0.weight" 0.5 |> withSome seed "0.bias" -0.25))

            property "generators as they are at the start" 15 oneNumber (fun network ->
                same network ((model network).Init (Key.ofSeed network.Seed) Placement.cpu64))

            property "chunks change nothing" 25 metaKans (fun network ->
                let p = parameters network

                let chunked chunk =
                    match network.Family with
                    | OfMetaKan(grid, meta) -> { network with Family = OfMetaKan(grid, { meta with Chunk = chunk }) }
                    | _ -> network

                let whole, wholeGradients = results network p (byJet (chunked None))

                for chunk in [ Some 1; Some 3 ] do
                    let values, gradients = results network p (byJet (chunked chunk))
                    closeTrees "result" 1e-11 whole values
                    closeTrees "gradient" 1e-10 wholeGradients gradients
                    let apply network p = (model network).Apply p (points network 3)
                    close "value" 1e-11 (apply (chunked None) p) (apply (chunked chunk) p))

            testCase "a MetaKAN says what it is and which group a parameter is of" (fun () ->
                let model = pde 10 PerLayer
                Expect.equal model.Name "metakan" "name"
                Expect.equal model.Description "MetaKAN 10-128-128-128-1, G = 5, k = 3, p = 1, h = 64" "description"
                Expect.equal (model.Group "embeddings.2") Embeddings "group of a weight"
                Expect.equal (model.Group "hypernet.0.2.bias") Generators "group of a weight")

            testCase "initial weights have Xavier's spread, biases are zero" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = (pde 10 PerLayer).Init (Key.ofSeed 1) Placement.cpu64
                let spread name = Tensor.item (p[name].square().mean()) |> sqrt
                Check.inRange 0.97 1.03 (spread "embeddings.1" * sqrt ((16384.0 + 1.0) / 2.0)) "spread"
                Check.inRange 0.9 1.1 (spread "hypernet.1.2.weight" * sqrt ((64.0 + 9.0) / 2.0)) "spread"
                Check.inRange 0.7 1.3 (spread "hypernet.1.0.weight" * sqrt ((64.0 + 1.0) / 2.0)) "spread"
                Expect.equal (spread "hypernet.2.0.bias") 0.0 "spread"
                Expect.equal (spread "hypernet.2.2.bias") 0.0 "spread")
        ]
