/// What every model promises: its value, its jet, and the gradients of both.
module MetaKan.Tests.ModelTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Lines
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open TorchSharp

let private laplacianJet network (p: Params) (x: Tensor) =
    Operator.laplacian network.Widths.Head
    |> Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) Placement.cpu64
    |> fun directions -> (model network).Jet p (Directions.seed directions x)

/// A network, and lines through its points that are followed to an order.
let private followed =
    gen {
        let! network = networks
        let! lines = lines network.Widths.Head
        let! order = orders
        let! seed = seeds
        return network, lines, order, seed
    }

let private meanSquare (t: Tensor) = (t * t).mean()

let tests =
    testList
        "Models.Model"
        [
            property "value and derivatives are those of the network written out" 60 networks (fun network ->
                let p, x = parameters network, points network 5
                let f = reference network p
                let jet = laplacianJet network p x
                close "value" 1e-10 (f x) ((model network).Apply p x)
                close "jet's value" 1e-10 (f x) jet.Value
                close "tangents" 1e-9 (Nested.jacobian f x) ((Jet.tangents jet).transpose(1L, 2L))
                close "laplacian" 1e-8 (Nested.laplacian f x) jet.Second)

            property "nested differentiation of the network gives the same derivatives" 20 networks (fun network ->
                let p, x = parameters network, points network 4
                let f = reference network p
                close "jacobian" 1e-9 (Nested.jacobian f x) (Nested.jacobian ((model network).Apply p) x)
                close "laplacian" 1e-8 (Nested.laplacian f x) (Nested.laplacian ((model network).Apply p) x))

            property
                "a loss of value, tangents and Laplacian has the gradients of the network written out"
                40
                networks
                (fun network ->
                    let x = points network 5
                    let tracked () = parameters network |> Params.tracked
                    let p, q = tracked (), tracked ()
                    let f = reference network p

                    let nested =
                        meanSquare (Nested.laplacian f x) + meanSquare (f x) + meanSquare (Nested.jacobian f x)

                    let jet = laplacianJet network q x
                    let loss = meanSquare jet.Second + meanSquare jet.Value + meanSquare (Jet.tangents jet)
                    close "loss" 1e-9 nested loss
                    closeTrees "gradient" 1e-8 (Params.gradient nested p) (Params.gradient loss q))

            property
                "a loss of the Laplacian by nested differentiation has the same gradients"
                15
                networks
                (fun network ->
                    let x = points network 3
                    let tracked () = parameters network |> Params.tracked
                    let p, q = tracked (), tracked ()
                    let loss f = meanSquare (Nested.laplacian f x) + meanSquare (f x)

                    closeTrees
                        "gradient"
                        1e-8
                        (Params.gradient (loss (reference network p)) p)
                        (Params.gradient (loss ((model network).Apply q)) q))

            property
                "any lines may be followed, also those of each point's own, to any order"
                40
                followed
                (fun (network, lines, order, seed) ->
                    let p, x = parameters network, points network 4
                    let directions, vectors = directions seed lines order x
                    let jet = Directions.seed directions x |> (model network).Jet p
                    let found = derivatives (max 2 order) (reference network p) x vectors
                    close "tangents" 1e-9 found[0] (Jet.tangents jet)
                    close "second" 1e-8 (1.0 + weighted directions.Weights found[1]) (1.0 + jet.Second)
                    Expect.equal jet.Higher.Length (order - 1) "orders from 2"

                    for m, t in List.indexed jet.Higher do
                        close $"order {m + 2}" 1e-8 (1.0 + found[m + 1]) (1.0 + t)

                    // Higher orders change none of the others.
                    let plain = Directions.seed { directions with Order = 1 } x |> (model network).Jet p
                    Expect.isEmpty plain.Higher "orders from 2"
                    close "value" 1e-14 (1.0 + plain.Value) (1.0 + jet.Value)
                    close "tangents" 1e-13 (1.0 + Jet.tangents plain) (1.0 + Jet.tangents jet)
                    close "second" 1e-12 (1.0 + plain.Second) (1.0 + jet.Second))

            property
                "a loss of derivatives of higher orders has the gradients of the network written out"
                40
                followed
                (fun (network, lines, order, seed) ->
                    let x = points network 3
                    let directions, vectors = directions seed lines order x
                    let tracked () = parameters network |> Params.tracked
                    let p, q = tracked (), tracked ()
                    let squares (parts: Tensor list) = parts |> Seq.map meanSquare |> Seq.reduce (fun a b -> a + b)
                    let jet = Directions.seed directions x |> (model network).Jet q
                    let nested = squares (derivatives order (reference network p) x vectors)
                    let loss = squares (Jet.tangents jet :: jet.Higher)
                    // Squares of derivatives that agree to 1e-8.
                    close "loss" 1e-7 (1.0 + nested) (1.0 + loss)
                    // Fifth derivatives by nested differentiation have lost this many of their digits.
                    closeTrees "gradient" 1e-6 (Params.gradient nested p) (Params.gradient loss q))

            property "lines may be shared by all points" 25 (Gen.zip networks seeds) (fun (network, seed) ->
                let p, x = parameters network |> Params.tracked, points network 4
                let d = network.Widths.Head

                let axes =
                    Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) Placement.cpu64 (Operator.laplacian d)

                let lines = (normal seed [ 1; 3; d ]).requires_grad_ true
                let own = Directions.seed { axes with Tangents = Dense lines; Weights = normal 7 [ 3 ] } x

                for shared in [ 0.2 * Directions.seed axes x; { own with Tangents = Dense lines } ] do
                    let expanded = { shared with Tangents = Dense((Jet.tangents shared).expand(4L, -1L, -1L)) }

                    let outputs jet =
                        let jet = (model network).Jet p jet
                        let tangents = (Jet.tangents jet).expand(4L, -1L, -1L)
                        jet.Value, tangents, jet.Second, gradient (tangents.square () + jet.Second.sum ()) lines

                    let value, tangents, second, byLines = outputs expanded
                    let value', tangents', second', byLines' = outputs shared
                    close "value" 1e-12 value value'
                    close "tangents" 1e-11 tangents tangents'
                    close "second" 1e-11 (1.0 + second) (1.0 + second')
                    close "gradient by the lines" 1e-10 (1.0 + byLines) (1.0 + byLines'))

            property "inputs of another width are refused" 20 networks (fun network ->
                let p, d = parameters network, network.Widths.Head
                let model = model network

                let axes =
                    Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) Placement.cpu64 (Operator.laplacian d)

                let right = Directions.seed { axes with Order = 3 } (points network 3)
                let narrow, wide = normal 1 [ 3; d + 1 ], normal 1 [ 3; 2; d ]

                let message (action: unit -> unit) = Folder.messageOf<System.ArgumentException> action

                for network, p in [ model, p; Model.generate model p ] do
                    for x in [ narrow; wide; normal 1 [ d ] ] do
                        let said = message (fun () -> network.Apply p x |> ignore)
                        Expect.stringContains said $"[N, {d}], not {List.ofArray (Tensor.shape x)}" "Apply"

                    for jet in
                        [
                            Directions.seed axes narrow
                            { right with Second = narrow }
                            { right with Second = normal 1 [ 2; d ] }
                            { right with Second = wide }
                            { right with Tangents = Dense(normal 1 [ 2; d; d ]) }
                            { right with Tangents = Dense(normal 1 [ 3; d; d + 1 ]) }
                            { right with Weights = normal 1 [ d + 1 ] }
                            { right with Higher = [ narrow ] }
                            { right with Higher = right.Higher @ [ normal 1 [ 2; d; d ] ] }
                            { right with Higher = [ normal 1 [ 3; d + 1; d ] ] }
                            { right with Higher = [ normal 1 [ 3; d; d + 1 ] ] }
                        ] do
                        let said = message (fun () -> network.Jet p jet |> ignore)
                        Expect.stringContains said model.Description "Jet")

            testCase "a network has inputs and outputs" (fun () ->
                let grid = { Size = 3; Order = 3 }

                for widths in [ []; [ 2 ]; [ 2; 0; 1 ]; [ -1; 1 ] ] do
                    for create in [ Mlp.create; Kan.create grid ] do
                        Expect.throwsT<System.ArgumentException> (fun () -> create widths |> ignore) $"{widths}")

            property "the functions on the edges make the network" 30 networks (fun network ->
                let p, x = parameters network, points network 1
                let layers = (model network).Edges

                if network.Family.IsOfMlp then
                    Expect.isEmpty layers "edges"
                else
                    // Each input through its own edges: [in, in, out] has them on its diagonal.
                    let through (x: Tensor) (layer: Params -> Tensor -> Tensor) =
                        (layer p (x.view -1L)).diagonal(0L, 0L, 1L).sum(1L)

                    close
                        "value"
                        1e-10
                        ((model network).Apply p x)
                        ((x, layers) ||> List.fold through |> _.view(1L, -1L)))

            testCase "several networks have the edges of all" (fun () ->
                use _ = torch.NewDisposeScope()
                let grid = { Size = 3; Order = 3 }
                let u, v = Kan.create grid [ 2; 3; 1 ], Kan.create grid [ 2; 1 ]
                let both = Separate.networks [ "u", u; "m", Mlp.create [ 2; 1 ]; "v", v ]
                let p, t = both.Init (Key.ofSeed 1) Placement.cpu64, normal 2 [ 5 ]

                let expected =
                    [
                        for name, model in [ "u", u; "v", v ] do
                            for edges in model.Edges -> edges (Params.under name p) t
                    ]

                Expect.hasLength both.Edges 3 "layers"
                List.iter2 (close "edges" 0.0) expected [ for edges in both.Edges -> edges p t ])

            property "rows do not depend on each other" 20 networks (fun network ->
                let p, x = parameters network, points network 6
                let f = (model network).Apply p
                close "rows" 1e-12 (f x) (torch.cat [| for row in x.split 1L -> f row |])
                let jet = (laplacianJet network p x).Second
                close "jets" 1e-12 jet (torch.cat [| for rows in x.split 4L -> (laplacianJet network p rows).Second |]))

            property "inputs may be reordered together with their edges" 20 networks (fun network ->
                let p, x = parameters network, points network 5
                let inputs, outputs = network.Widths.Head, network.Widths[1]
                let order = Key.permutation (Key.ofSeed network.Seed) inputs |> Array.map int64 |> torch.tensor

                let reordered =
                    p
                    |> Map.map (fun name t ->
                        if name.StartsWith "layers.0." && t.dim () > 1L then
                            t.index_select (1L, order)
                        elif name = "embeddings.0" then
                            t.view(int64 outputs, int64 inputs, -1L).index_select(1L, order).reshape t.shape
                        else
                            t)

                let f = (model network).Apply
                close "reordered" 1e-11 (f p x) (f reordered (x.index_select (1L, order))))

            property "the same key makes the same parameters, another key others" 10 networks (fun network ->
                let init seed = (model network).Init (Key.ofSeed seed) Placement.cpu64
                closeTrees "again" 0.0 (init network.Seed) (init network.Seed)
                let other = init (network.Seed + 1)

                for KeyValue(name, t) in init network.Seed do
                    Expect.isTrue (torch.isfinite(t).all().item<bool>()) "every number is finite"

                    if not (name.Contains "hypernet" && name.EndsWith "bias") then
                        Expect.notEqual (Tensor.toArray other[name]) (Tensor.toArray t) "parameters of another key")

            property "parameters are made where they are asked for" 10 networks (fun network ->
                for KeyValue(_, t) in (model network).Init (Key.ofSeed 1) Placement.cpu32 do
                    Expect.equal t.dtype torch.float32 "precision")

            property "more directions and higher orders take more memory" 10 networks (fun network ->
                let numbers = (model network).NumbersPerPoint

                Expect.isTrue
                    (numbers 0 1 > 0L && numbers 10 1 > numbers 1 1 && numbers 10 3 > numbers 10 2)
                    "numbers grow with the grid")

            testCase "slopes of edges count for a point where no kernel makes them" (fun () ->
                let grid = { Size = 5; Order = 3 }
                let numbers (model: Model) = model.NumbersPerPoint 4 1
                let meta = { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.PerLayer; Chunk = None }
                let isByKernel = not (Edges.jetKernels grid).IsEmpty

                for model in [ Kan.create grid [ 3; 50; 7 ]; MetaKan.create grid meta [ 3; 50; 7 ] ] do
                    let elsewhere = Host.on torch.META (fun () -> numbers model)
                    Expect.equal (Host.on torch.CPU (fun () -> numbers model)) (numbers model) "on a CPU"
                    let slopes = if isByKernel then 2L * int64 (3 * 50 + 50 * 7) else 0L
                    Expect.equal (elsewhere - numbers model) slopes "numbers"
                    let higher () = model.NumbersPerPoint 4 2
                    Expect.equal (Host.elsewhere higher) (higher ()) "of higher orders")
        ]
