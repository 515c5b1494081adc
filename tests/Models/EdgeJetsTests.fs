/// A layer's jet by the kernels against tensor operators.
module MetaKan.Tests.EdgeJetsTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private leaf (place: Placement) (t: Tensor) = (Placement.put place (t.detach ())).requires_grad_ true

let private grids =
    [
        { Size = 5; Order = 3 }
        { Size = 3; Order = 2 }
        { Size = 4; Order = 5 }
        { Size = 1; Order = 1 }
    ]

type private Tangents =
    | Own
    | Shared
    | Axes

let private cases =
    Gen.zip3
        seeds
        (Gen.zip3 (Gen.choose (1, 40)) (Gen.choose (1, 12)) (Gen.choose (1, 40)))
        (Gen.zip3 (Gen.choose (1, 9)) (Gen.elements grids) (Gen.elements [ Own; Shared; Axes ]))

/// A layer's input, some of it beyond the grid, and its coefficients: what is differentiated by, and the jet of it.
let private layer (place: Placement) (seed, (n, inputs, outputs), (v, grid: Grid, tangents)) =
    let put t = Placement.put place t
    let x = leaf place (uniform seed (-1.3, 1.3) [ n; inputs ])
    let second = leaf place (normal (seed + 1) [ n; inputs ])
    let weights = put (normal (seed + 2) [ v ])
    let coefficients = leaf place (normal (seed + 3) [ inputs; Grid.coefficients grid + 1; outputs ])

    let along =
        match tangents with
        | Own -> Dense(leaf place (normal (seed + 4) [ n; v; inputs ]))
        | Shared -> Dense(leaf place (normal (seed + 4) [ 1; v; inputs ]))
        | Axes -> Coordinates(torch.tensor ([| for j in 0 .. v - 1 -> int64 ((seed + 3 * j) % inputs) |]))

    let jet = { Value = x; Second = second; Tangents = along; Weights = weights; Higher = [] }

    let leaves =
        match along with
        | Dense t -> [ x; second; coefficients; t ]
        | Coordinates _ -> [ x; second; coefficients ]

    leaves, jet, coefficients

/// The jet, and its gradients by all that it depends on.
let private run (leaves: Tensor list) (y: Jet) =
    let parts = [| y.Value; y.Second; Jet.tangents y |]

    let cotangents =
        parts
        |> Array.mapi (fun i t ->
            Placement.put (Placement.ofTensor t) (normal (90 + i) (Tensor.shape t |> Seq.map int |> List.ofSeq)))

    [
        for t in parts do
            t.detach ()
        yield! Autograd.gradients false parts cotangents (List.toArray leaves)
    ]

let private kernels grid =
    match Edges.jetKernels grid with
    | [] -> skiptest "this machine has no vectors of 256 bits, and operators compute the jets"
    | kernels -> kernels

let private precisions = [ Placement.cpu64, 1e-10; Placement.cpu32, 2e-3 ]

let private byOperators grid weights x = Host.elsewhere (fun () -> Edges.jet grid (At weights) x)

/// Numbers of a layer's edges, some of them beyond all breaks, and the lines that they look up.
let private lookup (place: Placement) (seed, (_, inputs, outputs), (_, grid: Grid, _)) =
    let functions = Grid.coefficients grid + 1
    let segments = 1 + seed % 7
    let numbers = leaf place (uniform (seed + 7) (-2.0, 2.0) [ outputs; inputs ])
    let struct (ends, _) = torch.sort (uniform (seed + 8) (-1.0, 1.0) [ segments; 1 ], 0L)
    let lines = torch.cat ([| ends; normal (seed + 9) [ segments; 2 * functions ] |], 1L) |> leaf place
    numbers, lines

let tests =
    testList
        "Models.EdgeJets"
        [
            property "jets of any sizes, and their gradients" 120 cases (fun case ->
                let _, _, (_, grid, _) = case

                for place, tolerance in precisions do
                    let leaves, x, coefficients = layer place case
                    let expected = run leaves (byOperators grid (Whole coefficients) x)

                    for kernel in kernels grid do
                        for expected, actual in List.zip expected (run leaves (kernel (Whole coefficients) x)) do
                            let size = max 1.0 (Tensor.item (expected.abs().max()))
                            close "jet or gradient" tolerance (expected / size) (actual / size))

            property "jets by lines that edges look up, and their gradients" 120 cases (fun case ->
                let _, _, (_, grid, _) = case

                for place, tolerance in precisions do
                    let leaves, x, c = layer place case
                    let numbers, lines = lookup place case
                    let leaves = numbers :: lines :: (leaves |> List.filter (fun t -> not (obj.ReferenceEquals(t, c))))
                    let expected = run leaves (byOperators grid (Lines(numbers, lines)) x)

                    for kernel in kernels grid do
                        for expected, actual in List.zip expected (run leaves (kernel (Lines(numbers, lines)) x)) do
                            let size = max 1.0 (Tensor.item (expected.abs().max()))
                            close "jet or gradient" tolerance (expected / size) (actual / size))

            testCase "lines are coefficients" (fun () ->
                use _ = torch.NewDisposeScope()

                for case in [ 1, (20, 3, 40), (3, grids.Head, Own); 4, (3, 5, 7), (1, grids[1], Own) ] do
                    let numbers, lines = lookup Placement.cpu64 case
                    let c = Lookup.whole (Lines(numbers, lines))
                    let segments, m = int (lines.size 0), (int (lines.size 1) - 1) / 2

                    let at (t: Tensor) (i: int list) =
                        Tensor.item (t[[| for i in i -> torch.TensorIndex.Single(int64 i) |]])

                    for i in 0 .. int (numbers.size 1) - 1 do
                        for o in 0 .. int (numbers.size 0) - 1 do
                            let e = at numbers [ o; i ]
                            let s = Seq.filter (fun s -> at lines [ s; 0 ] < e) [ 0 .. segments - 2 ] |> Seq.length

                            for f in 0 .. m - 1 do
                                Expect.floatClose
                                    Accuracy.high
                                    (at c [ i; f; o ])
                                    (at lines [ s; 1 + f ] * e + at lines [ s; 1 + m + f ])
                                    $"edge {i}, {o}")

            testSequenced (
                testCase "gradients by lines are the same to the bit, whichever thread is done first" (fun () ->
                    use _ = torch.NewDisposeScope()
                    let numbers, lines = lookup Placement.cpu32 (6, (1, 64, 50), (1, grids.Head, Own))

                    let gradients () =
                        let c = Lookup.whole (Lines(numbers, lines))
                        let byLines = Autograd.gradients false [| c |] [| torch.sin c |] [| lines |]
                        Tensor.toArray byLines[0]

                    hired 5 (fun () ->
                        let first = gradients ()

                        for n in 1..60 do
                            Expect.equal (gradients ()) first $"time {n}"))
            )

            testCase "a MetaKAN's kernels read lines" (fun () ->
                use _ = torch.NewDisposeScope()
                let meta = { EmbeddingDim = 1; HiddenDim = 64; Sharing = GeneratorSharing.PerLayer; Chunk = None }
                let model = MetaKan.create grids.Head meta [ 3; 40; 40; 1 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let network, weights = Model.generate model p

                Expect.equal
                    (weights |> Map.toList |> List.map fst)
                    [ "layers.0"; "layers.1.lines"; "layers.1.numbers"; "layers.2" ]
                    "what is small is whole"

                Expect.equal (Edges.lookedUp weights) 1600L "numbers of the edges themselves"

                Expect.isLessThan
                    (Params.count weights - Edges.lookedUp weights)
                    (160L * 9L + 66L * 19L)
                    "and no coefficients of what is not"

                let x = uniform 5 (-1.0, 1.0) [ 6; 3 ]
                let axes = Coordinates(torch.arange 3L)
                let seed = { Jet.still x with Tangents = axes; Weights = torch.ones (3L, dtype = x.dtype) }
                let jet f : Jet = f seed
                let elsewhere = Host.elsewhere (fun () -> jet (network.Jet weights))
                close "jet" 1e-12 elsewhere.Second (jet (model.Jet p)).Second
                close "value" 1e-12 elsewhere.Value (model.Apply p x))

            testCase "a layer takes the kernel" (fun () ->
                use _ = torch.NewDisposeScope()
                let grid = grids.Head
                let _, x, c = layer Placement.cpu64 (1, (20, 6, 18), (3, grid, Own))
                let same (a: Jet) (b: Jet) = Tensor.toArray a.Value = Tensor.toArray b.Value
                let kernel = (kernels grid).Head (Whole c) x
                Expect.isTrue (same kernel (Edges.jet grid (At(Whole c)) x)) "to the bit"
                Expect.isFalse (same kernel (byOperators grid (Whole c) x)) "operators round otherwise")

            testCase "gradients of gradients are those of operators" (fun () ->
                use _ = torch.NewDisposeScope()
                let grid = grids.Head

                for tangents in [ Own; Shared; Axes ] do
                    let leaves, x, c = layer Placement.cpu64 (2, (5, 4, 6), (3, grid, tangents))

                    let second (y: Jet) =
                        let loss = (y.Second * y.Value).sum() + (Jet.tangents y).square().sum()
                        let first = Autograd.gradients true [| loss |] null [| leaves[0]; leaves[2] |]
                        let total = (first[0] * first[0]).sum() + (first[1] * first[1]).sum()
                        Autograd.gradients false [| total |] null (List.toArray leaves) |> List.ofArray

                    let expected = second (byOperators grid (Whole c) x)

                    for kernel in kernels grid do
                        for expected, actual in List.zip expected (second (kernel (Whole c) x)) do
                            let size = max 1.0 (Tensor.item (expected.abs().max()))
                            close "second" 1e-9 (expected / size) (actual / size))

            testSequenced (
                testCase "threads share the points" (fun () ->
                    use _ = torch.NewDisposeScope()
                    let grid = grids.Head
                    let leaves, x, c = layer Placement.cpu64 (3, (50, 7, 20), (4, grid, Own))

                    let on threads =
                        withThreads threads (fun () ->
                            [ for kernel in kernels grid -> run leaves (kernel (Whole c) x) ])

                    for one, three in List.zip (List.concat (on 1)) (List.concat (on 3)) do
                        close "on three threads" 1e-11 one three)
            )

            testCase "sizes that do not fit, and two precisions, are refused" (fun () ->
                use _ = torch.NewDisposeScope()
                let grid = grids.Head
                let _, x, c = layer Placement.cpu64 (4, (5, 4, 6), (3, grid, Own))

                for kernel in kernels grid do
                    let refused (name: string) (c: Tensor) (x: Jet) =
                        Expect.throwsT<System.ArgumentException> (fun () -> kernel (Whole c) x |> ignore) name

                    refused "coefficients of other inputs" (normal 1 [ 3; c.size 1 |> int; 6 ]) x
                    refused "coefficients of other functions" (normal 1 [ 4; 1 + int (c.size 1); 6 ]) x

                    Expect.throwsT<System.ArgumentException>
                        (fun () -> kernel (Lines(normal 1 [ 6; 4 ], normal 2 [ 3; 2 * int (c.size 1) ])) x |> ignore)
                        "lines of other functions"

                    refused "single precision" (c.``to`` torch.float32) x
                    refused "tangents of other points" c { x with Tangents = Dense(normal 1 [ 2; 3; 4 ]) }
                    refused "weights of other directions" c { x with Weights = normal 1 [ 2 ] })

            testCase "a number that is none stays one" (fun () ->
                use _ = torch.NewDisposeScope()
                let grid = grids.Head
                let _, x, c = layer Placement.cpu64 (5, (4, 3, 5), (2, grid, Own))
                let value = x.Value.detach().clone()
                value[1, 2] <- torch.tensor (nan, dtype = torch.float64)

                for kernel in kernels grid do
                    let y = kernel (Whole c) { x with Value = value }
                    Expect.isTrue ((torch.isnan y.Value[1]).all().item<bool>()) "where it enters"
                    Expect.isTrue ((torch.isnan y.Second[1]).all().item<bool>()) "in second derivatives"
                    Expect.isFalse ((torch.isnan y.Value[0]).any().item<bool>()) "elsewhere")
        ]
