/// Weight matrices as products of two factors.
module MetaKan.Tests.FactorisedTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open MetaKan.Tests.Promises
open TorchSharp

let private mlps =
    gen {
        let! network = networks
        let network = { network with Family = OfMlp }
        let! mean = Gen.elements [ 0.0; 0.5; 1.0 ]
        let! case = followed network.Widths.Head
        return network, Factorised.create mean 0.1 (model network), case
    }

let private init (model: Model) seed = model.Init (Key.ofSeed seed) Placement.cpu64

/// The weights of the plain network that factors stand for.
let private weights (depth: int) (p: Params) : Params =
    Map.ofList
        [
            for l in 0 .. depth - 1 do
                $"layers.{l}.bias", p[$"layers.{l}.bias"]

                $"layers.{l}.weight",
                torch.matmul (torch.diag (torch.exp p[$"layers.{l}.weight.s"]), p[$"layers.{l}.weight.v"])
        ]

let tests =
    testList
        "Models.Factorised"
        [
            property "at the start it is the plain network" 20 mlps (fun (network, factorised, _) ->
                let p, x = init factorised network.Seed, points network 5
                let plain = init (model network) network.Seed
                closeTrees "weights" 1e-14 plain (snd (Model.generate factorised p))
                close "value" 1e-13 ((model network).Apply plain x) (factorised.Apply p x))

            property
                "value, jets and gradients by both factors are those of the product"
                25
                mlps
                (fun (network, factorised, case) ->
                    let f p x = reference network (weights (network.Widths.Length - 1) p) x
                    computes f factorised (init factorised network.Seed) (points network 4) case)

            property "factors have the gradients of the chain rule" 15 mlps (fun (network, factorised, _) ->
                let p, x = init factorised network.Seed, points network 5
                let loss (network: Model) p = (network.Apply p x).square().sum()
                let _, found = Model.gradient factorised p [ loss ]
                let _, byWeights = Model.gradient (model network) (snd (Model.generate factorised p)) [ loss ]

                for l in 0 .. network.Widths.Length - 2 do
                    let name = $"layers.{l}.weight"
                    let byWeight, s, v = byWeights[name], p[$"{name}.s"], p[$"{name}.v"]
                    let rows = (torch.exp s).unsqueeze -1L
                    close "by V" 1e-10 (rows * byWeight) found[$"{name}.v"]
                    close "by s" 1e-10 ((byWeight * rows * v).sum 1L) found[$"{name}.s"]
                    close "by the bias" 1e-10 byWeights[$"layers.{l}.bias"] found[$"layers.{l}.bias"])

            testCase "the logarithms are normal of the mean and deviation" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Factorised.create 1.5 0.3 (Mlp.create [ 2; 3000; 3000; 1 ])
                let p = init model 3
                let s l = p[$"layers.{l}.weight.s"]

                for l in 0..1 do
                    Check.near 0.03 (Tensor.item ((s l).mean())) 1.5 "mean"
                    Check.near 0.02 (Tensor.item ((s l).std())) 0.3 "deviation"

                Expect.isTrue (Tensor.item ((s 0 - s 1).std()) > 0.3) "draws of two layers")

            testCase "factors have names, groups and a description" (fun () ->
                use _ = torch.NewDisposeScope()
                let plain = Mlp.create [ 3; 4; 1 ]
                let group name = if name = "layers.1.weight" then ParameterGroup.Generators else plain.Group name
                let model = Factorised.create 1.0 0.1 { plain with Group = group }
                let p = init model 1

                // What the model's own group says is no plain weight stays whole.
                Expect.equal
                    [ for KeyValue(name, t) in p -> name, List.ofArray (Tensor.shape t) ]
                    [
                        "layers.0.bias", [ 4L ]
                        "layers.0.weight.s", [ 4L ]
                        "layers.0.weight.v", [ 4L; 3L ]
                        "layers.1.bias", [ 1L ]
                        "layers.1.weight", [ 1L; 4L ]
                    ]
                    "parameters"

                let named =
                    { plain with
                        Group =
                            fun name ->
                                if name = "layers.0.weight" then ParameterGroup.Weights else ParameterGroup.Embeddings
                    }
                    |> Factorised.create 1.0 0.1

                Expect.equal (named.Group "layers.0.weight.s") ParameterGroup.Weights "group of s"
                Expect.equal (named.Group "layers.0.weight.v") ParameterGroup.Weights "group of V"
                Expect.equal (named.Group "layers.0.bias") ParameterGroup.Embeddings "group of another"

                Expect.equal
                    model.Description
                    "MLP 3-4-1, factorised weights of mean 1 and deviation 0.1"
                    "description"

                Expect.equal (model.NumbersPerPoint 2 3) (plain.NumbersPerPoint 2 3) "numbers per point")

            testCase "networks behind embeddings, and several, are factorised too" (fun () ->
                use _ = torch.NewDisposeScope()
                let plain = FourierFeatures.create 2 3 1.0 0 (Mlp.create [ 6; 4; 1 ])
                let factorised = Factorised.create 0.5 0.1
                let both = Separate.networks [ "u", plain; "v", plain ]

                for model in [ factorised both; Separate.networks [ "u", factorised plain; "v", plain ] ] do
                    let p, x = init model 1, normal 2 [ 5; 2 ]
                    Expect.isTrue (p.ContainsKey "u.layers.0.weight.s") "factors"
                    close "value" 1e-13 (both.Apply (init both 1) x) (model.Apply p x))

            testCase "what has no plain weights is refused" (fun () ->
                let grid = { Size = 3; Order = 3 }
                let kan = Kan.create grid [ 2; 1 ]

                Expect.equal
                    (refusal (fun () -> Factorised.create 1.0 0.1 kan))
                    "KAN 2-1, G = 3, k = 3 computes its weights already: only plain weight matrices are factorised"
                    "KAN"

                Expect.stringContains
                    (refusal (fun () -> Factorised.create 1.0 0.1 (Factorised.create 1.0 0.1 (Mlp.create [ 2; 1 ]))))
                    "computes its weights already"
                    "twice"

                let chunked =
                    MetaKan.create
                        grid
                        { EmbeddingDim = 1; HiddenDim = 2; Sharing = GeneratorSharing.Shared; Chunk = Some 1 }
                        [ 2; 1 ]

                use _ = torch.NewDisposeScope()

                Expect.stringEnds
                    (refusal (fun () -> init (Factorised.create 1.0 0.1 chunked) 1))
                    "has no weight matrices to factorise"
                    "MetaKAN in chunks"

                for mean, deviation in [ 1.0, -0.1; nan, 0.1; 1.0, nan ] do
                    Expect.stringStarts
                        (refusal (fun () -> Factorised.create mean deviation (Mlp.create [ 2; 1 ])))
                        "factors take a mean and a deviation of 0 or more, not"
                        "numbers")
        ]
