/// Networks whose coefficients are stored or generated: the same functions of the same coefficients.
module MetaKan.Tests.EdgeNetworkTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.EdgeLayers
open MetaKan.Tests.Numeric
open TorchSharp

let private meta p sharing = { EmbeddingDim = p; HiddenDim = 5; Sharing = sharing; Chunk = None }

/// Two convolutions, an activation between them, and a dense layer, on images of 2 channels.
let private blocks =
    [
        "layers.0", Block.Edges(Convolution.layer (Window.square 3 1) family 2 3)
        "between", Block.Layer(Layer.ofFunction (fun _ x -> torch.tanh x))
        "layers.1", Block.Edges(Convolution.layer { Window.square 3 2 with Groups = 3 } family 3 6)
        "mean", Block.Layer(Layer.ofFunction (fun _ x -> x.flatten(2L).mean([| -1L |])))
        "layers.2", Block.Edges(Dense.layer family 6 4)
        "head", Block.Layer(Ordinary.linear 4 3)
    ]

let private edges =
    blocks
    |> List.choose (fun (name, b) ->
        match b with
        | Block.Edges e -> Some(name, e)
        | _ -> None)

/// Fresh parameters; biases are not left at zero.
let private fresh (layer: Layer) seed =
    layer.Init (Key.ofSeed seed) Placement.cpu64
    |> Map.map (fun name t -> if name.EndsWith "bias" then normal (seed + name.Length) [ int t.shape[0] ] else t)

let private run (layer: Layer) (p: Params) x = layer.Apply (Learning(Key.ofSeed 0)) p Map.empty x |> fst

/// The parameters of the network without meta-learner that has this one's coefficients.
let private plain (assignment: int list) (p: Params) : Params =
    [
        for KeyValue(name, t) in p do
            if not (name.StartsWith "embeddings." || name.StartsWith "hypernet.") then
                name, t

        for l, (name, layer) in List.indexed edges do
            let linear part (t: Tensor) =
                let weights = $"hypernet.{assignment[l]}.{part}"
                torch.matmul (t, p[$"{weights}.weight"].t()) + p[$"{weights}.bias"]

            let numbers = p[$"embeddings.{l}"] |> linear "0" |> torch.nn.functional.relu |> linear "2"
            $"{name}.weight", numbers.view [| for n in layer.Edges @ [ layer.Numbers ] -> int64 n |]
    ]
    |> Map.ofList

let private cases =
    gen {
        let! p = Gen.elements [ 1; 1; 2; 3 ]

        let! sharing, assignment =
            Gen.elements
                [
                    GeneratorSharing.PerLayer, [ 0; 1; 2 ]
                    GeneratorSharing.Shared, [ 0; 0; 0 ]
                    GeneratorSharing.Clusters [ 1; 0; 1 ], [ 1; 0; 1 ]
                ]

        let! seed = seeds
        return meta p sharing, assignment, seed
    }

let tests =
    testList
        "Layers.EdgeNetwork"
        [
            property
                "generated and stored coefficients that are equal give equal networks"
                15
                cases
                (fun (meta, assignment, seed) ->
                    let generated, _ = EdgeNetwork.create false (Some meta) blocks
                    let stored, _ = EdgeNetwork.create false None blocks
                    let p = fresh generated seed
                    let x = uniform seed (-1.2, 1.2) [ 2; 2; 5; 4 ]
                    let loss apply p = let y: Tensor = apply p in (y * y).sum()
                    close "value" 1e-10 (run stored (plain assignment p) x) (run generated p x)
                    // The network that the parameters stand for, differentiated through what makes them.
                    let _, expected = Params.withGradient (loss (fun p -> run stored (plain assignment p) x)) p
                    let _, found = Params.withGradient (loss (fun p -> run generated p x)) p
                    closeTrees "gradient" 1e-9 expected found)

            property "a network that computes again has the same values and gradients" 10 cases (fun (meta, _, seed) ->
                let mutable passes = 0

                let counted =
                    blocks
                    |> List.map (fun (name, block) ->
                        name,
                        match block with
                        | Block.Edges edges ->
                            let apply own coefficients x =
                                passes <- passes + 1
                                edges.Apply own coefficients x

                            Block.Edges { edges with Apply = apply }
                        | Block.Layer _ -> block)

                let x = uniform seed (-1.2, 1.2) [ 2; 2; 5; 4 ]

                for meta in [ None; Some meta ] do
                    let found recompute =
                        let network, _ = EdgeNetwork.create recompute meta counted
                        passes <- 0

                        let value, gradient =
                            fresh network seed
                            |> Params.withGradient (fun p -> let y: Tensor = run network p x in (y * y).sum())

                        value, gradient, passes

                    let value, gradient, once = found false
                    let again, gradientAgain, twice = found true
                    close "value" 0.0 value again
                    closeTrees "gradient" 1e-12 gradient gradientAgain
                    Expect.equal (once, twice) (edges.Length, 2 * edges.Length) "passes")

            testCase "a network without meta-learner stores its coefficients under its layers' names" (fun () ->
                use _ = torch.NewDisposeScope()
                let layer, group = EdgeNetwork.create false None blocks
                let p = layer.Init (Key.ofSeed 1) Placement.cpu64

                Expect.equal
                    (List.ofSeq p.Keys)
                    [
                        "head.bias"
                        "head.weight"
                        for l in 0..2 do
                            $"layers.{l}.functions.weight"
                            $"layers.{l}.weight"
                    ]
                    "keys"

                Expect.equal (List.ofArray p["layers.1.weight"].shape) [ 6L; 1L; 3L; 3L; int64 family.Count ] "shape"

                for name in p.Keys do
                    Expect.equal (group name) ParameterGroup.Weights "group"
                // Layers of one shape, and a layer's coefficients and its own numbers, are drawn apart.
                let twice, _ =
                    EdgeNetwork.create
                        false
                        None
                        [ for l in 0..1 -> $"layers.{l}", Block.Edges(Dense.layer family 6 6) ]

                let p = twice.Init (Key.ofSeed 1) Placement.cpu64

                Expect.isTrue
                    (Tensor.item ((p["layers.0.weight"] - p["layers.1.weight"]).abs().min()) > 0.0)
                    "layers differ")

            testCase "embeddings, generators and other weights are told apart" (fun () ->
                use _ = torch.NewDisposeScope()

                let layer, group =
                    EdgeNetwork.create false (Some(meta 2 (GeneratorSharing.Clusters [ 0; 1; 0 ]))) blocks

                let p = layer.Init (Key.ofSeed 1) Placement.cpu64

                let expected =
                    [
                        for l, (_, layer) in List.indexed edges do
                            $"embeddings.{l}", ParameterGroup.Embeddings, [ List.reduce (*) layer.Edges; 2 ]
                            $"layers.{l}.functions.weight", ParameterGroup.Weights, [ [ 2; 3; 6 ][l] ]
                        for g in 0..1 do
                            $"hypernet.{g}.0.bias", ParameterGroup.Generators, [ 5 ]
                            $"hypernet.{g}.0.weight", ParameterGroup.Generators, [ 5; 2 ]
                            $"hypernet.{g}.2.bias", ParameterGroup.Generators, [ family.Count ]
                            $"hypernet.{g}.2.weight", ParameterGroup.Generators, [ family.Count; 5 ]
                        "head.bias", ParameterGroup.Weights, [ 3 ]
                        "head.weight", ParameterGroup.Weights, [ 3; 4 ]
                    ]
                    |> List.sort

                Expect.equal
                    (List.sort [ for KeyValue(name, t) in p -> name, group name, [ for n in t.shape -> int n ] ])
                    expected
                    "names, groups and shapes")

            testCase
                "a generator of layers with unequal numbers an edge, and chunks, are a mistake of the caller"
                (fun () ->
                    let fewer = { family with Count = family.Count - 1 }
                    let mixed = blocks @ [ "last", Block.Edges(Dense.layer fewer 3 3) ]
                    let create meta = fun () -> EdgeNetwork.create false (Some meta) mixed |> ignore
                    create (meta 1 GeneratorSharing.PerLayer) ()
                    create (meta 1 (GeneratorSharing.Clusters [ 0; 0; 0; 1 ])) ()

                    for meta in
                        [
                            meta 1 GeneratorSharing.Shared
                            meta 1 (GeneratorSharing.Clusters [ 0; 0; 1; 1 ])
                            meta 1 (GeneratorSharing.Clusters [ 0; 0; 0 ])
                            { meta 1 GeneratorSharing.PerLayer with Chunk = Some 2 }
                        ] do
                        Expect.throwsT<ArgumentException> (create meta) "settings that do not fit")
        ]
