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
        Operator.laplacian network.Widths.Head
        |> Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) Placement.cpu64

    let jet = (model network).Jet p (Directions.seed directions x)
    jet.Value, jet.Second

let private byReference (network: Network) p x = reference network p x, Nested.laplacian (reference network p) x

let private same (network: Network) (p: Params) =
    let values, gradients = results network p (byReference network)
    let found, foundGradients = results network p (byJet network)
    closeTrees "result" 1e-8 values found
    closeTrees "gradient" 1e-8 gradients foundGradients

/// One number per edge, which the piecewise path is for: edges, hidden numbers, numbers an edge, and a seed.
let private generators =
    Gen.zip (Gen.zip3 (Gen.choose (1, 40)) (Gen.choose (1, 12)) (Gen.choose (1, 6))) seeds

/// A generator of random numbers, biases included, and embeddings [out, in, 1].
let private generator ((edges, hidden, m), seed) : Params * Tensor =
    Map
        [
            "0.weight", normal seed [ hidden; 1 ]
            "0.bias", normal (seed + 1) [ hidden ]
            "2.weight", normal (seed + 2) [ m; hidden ]
            "2.bias", normal (seed + 3) [ m ]
        ],
    normal (seed + 4) [ edges; 1 + seed % 3; 1 ]

/// That segments give the values and gradients of the two products.
let private sameBySegments (generator: Params, embeddings: Tensor) =
    let result linesFrom =
        let p = Params.tracked (Map.add "embeddings" embeddings generator)
        let y = Generator.weightsFrom linesFrom (Map.remove "embeddings" p) p["embeddings"] |> Lookup.whole
        let weighed = y * normal 9 (Tensor.shape y |> Seq.map int |> List.ofSeq)
        Map.add "value" (y.detach ()) (Params.gradient (weighed.sum () + (y * y).sum()) p)

    let products = result Int64.MaxValue
    closeTrees "by segments" 1e-9 products (result 0L)
    closeTrees "by segments and operators" 1e-9 products (Host.elsewhere (fun () -> result 0L))

/// Gradients of a function of gradients.
let private second linesFrom (generator: Params, embeddings: Tensor) =
    let p = Params.tracked (Map.add "embeddings" embeddings generator)
    let y = Generator.weightsFrom linesFrom (Map.remove "embeddings" p) p["embeddings"] |> Lookup.whole
    let leaves = Params.tensors p
    let first = Autograd.gradients true [| (y * y * y).sum() |] null leaves
    let total = first |> Array.map (fun g -> (g * g).sum()) |> Array.reduce (fun a b -> a + b)
    Params.withTensors (Autograd.gradients false [| total |] null leaves) p

/// Puts numbers in place of some elements of a generator's first layer.
let private withSome (seed: int) (part: string) (number: float) (generator: Params) : Params =
    let t = generator[part]

    let chosen =
        (normal (seed + part.Length) (Tensor.shape t |> Seq.map int |> List.ofSeq)).gt(0.0.ToScalar())

    Map.add part (torch.where (chosen, torch.full_like (t, number.ToScalar()), t)) generator

let tests =
    testList
        "Models.MetaKan"
        [
            testCase "parameters are counted as published" (fun () ->
                use _ = torch.NewDisposeScope()
                Expect.equal (count (pde 20 GeneratorSharing.PerLayer)) 38308L "number of parameters"
                Expect.equal (count (pde 10 GeneratorSharing.PerLayer)) 37028L "number of parameters"
                // 34,176 edges of ten inputs, 713 numbers a generator.
                Expect.equal (count (pde 10 GeneratorSharing.Shared)) (34176L + 713L) "number of parameters"

                Expect.equal
                    (count (pde 10 (GeneratorSharing.Clusters [ 0; 0; 1; 1 ])))
                    (34176L + 2L * 713L)
                    "number of parameters"
                // The published classifier.
                let classifier sharing = count (MetaKan.create cubic (meta sharing 32) [ 784; 32; 10 ])
                Expect.equal (classifier GeneratorSharing.Shared) 25769L "number of parameters"
                Expect.equal (classifier GeneratorSharing.PerLayer) 26130L "number of parameters")

            testCase "clusters that miss a layer or skip a number are a mistake of the caller" (fun () ->
                for assignment in [ [ 0; 1 ]; [ 0; 0; 2; 2 ]; [ 1; 1; 1; 1 ]; [] ] do
                    Expect.throwsT<ArgumentException>
                        (fun () -> pde 10 (GeneratorSharing.Clusters assignment) |> ignore)
                        "an assignment that does not fit")

            property "generators compute what their formula says" 20 metaKans (fun network ->
                same network (parameters network))

            property "one number per edge: segments give what the two products do" 60 generators (fun case ->
                sameBySegments (generator case))

            property "segments have the products' second derivatives" 20 generators (fun case ->
                let case = generator case
                let products = second Int64.MaxValue case
                let size = products |> Map.map (fun _ t -> max 1.0 (Tensor.item (t.abs().max())))
                let reduced = Map.map (fun name (t: Tensor) -> t / size[name])
                closeTrees "by segments" 1e-9 (reduced products) (reduced (second 0L case)))

            property "segments of units that have no slope, no bias, or neither" 40 generators (fun case ->
                let p, e = generator case
                let seed = snd case
                sameBySegments (p |> withSome seed "0.weight" 0.0, e)
                sameBySegments (p |> withSome seed "0.bias" 0.0, e)
                sameBySegments (p |> withSome seed "0.weight" 0.0 |> withSome (seed + 1) "0.bias" 0.0, e))

            property "segments of units that break at the same place" 40 generators (fun case ->
                let p, e = generator case
                sameBySegments (p |> withSome (snd case) "0.weight" 0.5 |> withSome (snd case) "0.bias" -0.25, e))

            property
                "segments as generators have them at the start"
                40
                generators
                (fun ((_, hidden, m) as sizes, seed) ->
                    let keys = Key.ofSeed seed, Key.ofSeed (seed + 1)

                    sameBySegments (Generator.init keys Placement.cpu64 (1, hidden, m), snd (generator (sizes, seed))))

            testCase "a layer so large that its edges look segments up computes what its formula says" (fun () ->
                use _ = torch.NewDisposeScope()
                // 16·64 edges of 32 hidden numbers in the layer between: as many as segments are for.
                let network =
                    {
                        Family = OfMetaKan(cubic, meta GeneratorSharing.PerLayer 32)
                        Widths = [ 2; 16; 64; 1 ]
                        Seed = 3
                    }

                same network (parameters network))

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
                let model = pde 10 GeneratorSharing.PerLayer
                Expect.equal model.Name "metakan" "name"
                Expect.equal model.Description "MetaKAN 10-128-128-128-1, G = 5, k = 3, p = 1, h = 64" "description"
                Expect.equal (model.Group "embeddings.2") ParameterGroup.Embeddings "group of a weight"
                Expect.equal (model.Group "hypernet.0.2.bias") ParameterGroup.Generators "group of a weight")

            testCase "initial weights have Xavier's spread, biases are zero" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = (pde 10 GeneratorSharing.PerLayer).Init (Key.ofSeed 1) Placement.cpu64
                let spread name = Tensor.item (p[name].square().mean()) |> sqrt
                Check.inRange 0.97 1.03 (spread "embeddings.1" * sqrt ((16384.0 + 1.0) / 2.0)) "spread"
                Check.inRange 0.9 1.1 (spread "hypernet.1.2.weight" * sqrt ((64.0 + 9.0) / 2.0)) "spread"
                Check.inRange 0.7 1.3 (spread "hypernet.1.0.weight" * sqrt ((64.0 + 1.0) / 2.0)) "spread"
                Expect.equal (spread "hypernet.2.0.bias") 0.0 "spread"
                Expect.equal (spread "hypernet.2.2.bias") 0.0 "spread")
        ]
