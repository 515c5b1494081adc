/// Several networks as one, and networks of some of the inputs.
module MetaKan.Tests.SeparateTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open MetaKan.Tests.Promises
open TorchSharp

let private grid = { Size = 4; Order = 3 }

let private meta chunk = { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.Shared; Chunk = chunk }

/// Two or three random networks of the same inputs, by name.
let private several =
    gen {
        let! count = Gen.choose (2, 3)
        let! networks = Gen.listOfLength count networks
        let d = networks.Head.Widths.Head
        let! case = followed d

        return
            [
                for i, network in List.indexed networks -> $"n{i}", { network with Widths = d :: network.Widths.Tail }
            ],
            case
    }

/// A random network of some of d inputs, in any order.
let private some =
    gen {
        let! network = networks
        let! more = Gen.choose (0, 2)
        let d = network.Widths.Head + more
        let! order = seeds
        let kept = Key.permutation (Key.ofSeed order) d |> List.ofArray |> List.take network.Widths.Head
        let! case = followed d
        return network, d, kept, case
    }

let private columns (kept: int list) (x: Tensor) = torch.cat ([| for i in kept -> x.narrow (1L, int64 i, 1L) |], 1L)

/// u_t = (k(x) u_x)_x with k unknown.
let private diffusion =
    let x, t, u, k = coordinate "x", coordinate "t", field "u", field "k"
    let domain = Domain.box [ (0.0, 2.0); (0.0, 1.0) ]

    { Problem.create "diffusion" domain [ "x"; "t" ] [ "u"; "k" ] [ "u", d u [ t ] - d (k * d u [ x ]) [ x ] ] with
        Parameters = [ "a", 1.0 ]
        Conditions = [ Condition.create "start" 1.0 50 domain.Sample (u - parameter "a" * x) ]
    }

let private split =
    Separate.networks [ "u", Kan.create grid [ 2; 24; 24; 1 ]; "k", Separate.reading 2 [ 0 ] (Mlp.create [ 1; 4; 1 ]) ]

let tests =
    testList
        "Models.Separate"
        [
            property "several networks are each of them, side by side" 30 several (fun (members, case) ->
                let together = Separate.networks [ for name, network in members -> name, model network ]

                let p = [ for name, network in members -> parameters network |> Params.prefixed name ] |> Params.union

                let f (p: Params) x =
                    torch.cat ([| for name, network in members -> reference network (Params.under name p) x |], 1L)

                computes f together p (points (snd members.Head) 4) case)

            property "a network of some inputs is the network on these columns" 30 some (fun (network, d, kept, case) ->
                let x = uniform network.Seed (-1.6, 1.6) [ 4; d ]
                let f p x = reference network p (columns kept x)
                computes f (Separate.reading d kept (model network)) (parameters network) x case)

            testCase "parameters have the networks' names, groups and draws of their own" (fun () ->
                use _ = torch.NewDisposeScope()
                let mlp = Mlp.create [ 2; 3; 1 ]
                let model = Separate.networks [ "b", mlp; "a", MetaKan.create grid (meta None) [ 2; 1 ]; "c", mlp ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64

                let layers name =
                    [
                        for l in 0..1 do
                            for part in [ "bias"; "weight" ] -> $"{name}.layers.{l}.{part}"
                    ]

                Expect.equal
                    (List.ofSeq p.Keys)
                    [
                        "a.embeddings.0"
                        for part in [ "0.bias"; "0.weight"; "2.bias"; "2.weight" ] do
                            $"a.hypernet.0.{part}"
                        yield! layers "b"
                        yield! layers "c"
                    ]
                    "names"

                Expect.equal (model.Group "a.embeddings.0") ParameterGroup.Embeddings "group"
                Expect.equal (model.Group "a.hypernet.0.0.bias") ParameterGroup.Generators "group"
                Expect.equal (model.Group "b.layers.0.bias") ParameterGroup.Weights "group"

                let numbers (name: string) = Tensor.toArray p[$"{name}.layers.0.weight"]
                Expect.notEqual (numbers "b") (numbers "c") "draws of two networks"
                Expect.equal model.Name "mlp-metakan" "name"

                Expect.equal
                    model.Description
                    "b: MLP 2-3-1; a: MetaKAN 2-1, G = 4, k = 3, p = 1, h = 4; c: MLP 2-3-1"
                    "description"

                Expect.equal
                    (Separate.reading 3 [ 2; 0 ] mlp).Description
                    "MLP 2-3-1, of inputs 2, 0 of 3"
                    "description of a network of some inputs")

            testCase "points cost what all networks cost" (fun () ->
                let mlp, kan = Mlp.create [ 2; 5; 1 ], Kan.create grid [ 2; 3; 1 ]
                let numbers (model: Model) = model.NumbersPerPoint 3 2
                let both = Separate.networks [ "u", mlp; "v", Separate.reading 2 [ 1; 0 ] kan ]
                Expect.equal (numbers both) (numbers mlp + numbers kan) "numbers per point")

            testCase "weights are made once, and only where a network makes any" (fun () ->
                use _ = torch.NewDisposeScope()
                let kan = Kan.create grid [ 2; 3; 1 ]
                let made = ref 0

                let counted =
                    { kan with
                        Derived =
                            kan.Derived
                            |> Option.map (fun derived ->
                                { derived with
                                    Weights =
                                        fun p ->
                                            made.Value <- made.Value + 1
                                            derived.Weights p
                                })
                    }

                let mlp = Mlp.create [ 2; 3; 1 ]
                let model = Separate.networks [ "u", mlp; "v", Separate.reading 2 [ 1; 0 ] counted ]
                let p, x = model.Init (Key.ofSeed 1) Placement.cpu64, normal 1 [ 5; 2 ]
                let losses = [ for _ in 1..4 -> fun (network: Model) p -> (network.Apply p x).square().sum() ]
                Model.gradient model p losses |> ignore
                Expect.equal made.Value 1 "weights made"

                let chunked = MetaKan.create grid (meta (Some 1)) [ 2; 1 ]
                Expect.isNone (Separate.networks [ "u", mlp; "v", chunked ]).Derived "nothing to make once")

            testCase "a residual in chunks has the gradient of all points at once" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Problem.modelFor diffusion split
                let p = model.Init (Key.ofSeed 1) Placement.cpu64

                let gradient limit =
                    let settings =
                        {
                            Points = 100
                            Sampling = Sampling.Random
                            Laplacian = LaplacianMethod.Exact
                            Unbiased = false
                            MemoryLimit = limit
                        }

                    Collocation.check settings diffusion Placement.cpu64
                    Collocation.gradient settings diffusion model (Key.ofSeed 2) p

                Check.inRange 2L 40L (1024L * 1024L / 8L / model.NumbersPerPoint 1 2) "points of a chunk"
                let (whole, byWhole), (parts, byParts) = gradient 2048, gradient 1
                close "loss" 1e-12 whole parts
                closeTrees "gradient" 1e-10 byWhole byParts
                Expect.isTrue (byWhole.ContainsKey "parameters.a") "the problem's parameter")

            testCase "an unknown coefficient of x is the same at all times" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Problem.modelFor diffusion split
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let at t = model.Apply p (tensor [ 2; 2 ] [ 0.3; t; 1.7; t ])
                let u, k = (at 0.1 - at 0.9).hsplit 2L |> fun parts -> parts[0], parts[1]
                close "k" 0.0 (torch.zeros_like k) k
                Expect.isTrue (Tensor.item (u.abs().min()) > 0.0) "u changes")

            testCase "what cannot be put together is refused" (fun () ->
                let mlp = Mlp.create [ 2; 3; 1 ]
                let networks names = refusal (fun () -> Separate.networks [ for name in names -> name, mlp ])
                Expect.equal (networks []) "it takes a network or more" "none"
                Expect.equal (networks [ "u"; "v"; "u" ]) "two networks are named 'u'" "two of a name"

                for name in [ ""; "u.v"; "u v" ] do
                    Expect.equal
                        (networks [ "u"; name ])
                        $"the name of a network takes letters and digits, not '{name}'"
                        "name"

                for kept in [ []; [ 0; 0 ]; [ -1 ]; [ 0; 2 ] ] do
                    Expect.equal
                        (refusal (fun () -> Separate.reading 2 kept mlp))
                        $"a network of some of 2 inputs takes numbers from 0 to 1, each once, not {kept}"
                        "inputs"

                use _ = torch.NewDisposeScope()
                let reading = Separate.reading 3 [ 0; 2 ] mlp
                let p = reading.Init (Key.ofSeed 1) Placement.cpu64

                Expect.equal
                    (refusal (fun () -> reading.Apply p (normal 1 [ 4; 2 ])))
                    "MLP 2-3-1, of inputs 0, 2 of 3 takes points [N, 3], not [4; 2]"
                    "points")
        ]
