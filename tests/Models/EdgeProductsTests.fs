/// A layer's products by kernels against tensor operators, in sizes that fill vectors and in sizes that do not.
module MetaKan.Tests.EdgeProductsTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

let private leaf (place: Placement) (t: Tensor) = (Placement.put place (t.detach ())).requires_grad_ true

/// Derivatives of functions of which most are zero, as splines' are.
let private features seed (shape: int list) =
    normal seed shape * (uniform (seed + 1) (0.0, 1.0) shape).gt(0.5.ToScalar()).``to`` torch.float64

let private sizes =
    Gen.zip3
        seeds
        (Gen.zip (Gen.choose (1, 9)) (Gen.choose (1, 40)))
        (Gen.zip3 (Gen.choose (1, 10)) (Gen.choose (1, 40)) (Gen.choose (1, 20)))

/// The same numbers in another order in memory.
let private turned (t: Tensor) = t.transpose(0L, -1L).contiguous().transpose(0L, -1L)

/// Value and gradients of a product, weighed by a cotangent.
let private run (product: Tensor list -> Tensor) (inputs: Tensor list) =
    let y = product inputs
    let cotangent = Placement.put (Placement.ofTensor y) (normal 99 (y.shape |> Seq.map int |> List.ofSeq))
    y.detach () :: List.ofArray (Autograd.gradients false [| y |] [| cotangent |] (List.toArray inputs))

/// A test for each width of vectors that there are kernels of.
let private withKernels (test: EdgeKernels option -> unit) =
    if EdgeProducts.kernels.IsEmpty then
        skiptest "this machine has no vectors of 256 bits, and operators compute the products"

    for kernels in EdgeProducts.kernels do
        test (Some kernels)

let private compare place tolerance product reference (inputs: Tensor list) =
    let leaves = inputs |> List.map (leaf place)

    for expected, actual in List.zip (run reference leaves) (run (List.map turned >> product) leaves) do
        close "of another order in memory" tolerance expected actual

    for expected, actual in List.zip (run reference leaves) (run product leaves) do
        close "product or gradient" tolerance expected actual

let private tangents kernels (t: Tensor list) = EdgeProducts.tangentsBy kernels t[0] t[1] (List.tryItem 2 t)

let private tangentsPlain (t: Tensor list) =
    let slopes = torch.einsum ("nim,imo->nio", t[0], t[1])
    if t.Length > 2 then torch.bmm (t[2], slopes) else slopes

let private precisions = [ Placement.cpu64, 1e-12; Placement.cpu32, 1e-4 ]

let tests =
    testList
        "Models.EdgeProducts"
        [
            property "tangents of any sizes, and their gradients" 60 sizes (fun (seed, (n, inputs), (m, outputs, v)) ->
                withKernels (fun kernels ->
                    for place, tolerance in precisions do
                        let layer = [ features seed [ n; inputs; m ]; normal (seed + 2) [ inputs; m; outputs ] ]
                        let moved = layer @ [ normal (seed + 3) [ n; v; inputs ] ]
                        compare place tolerance (tangents kernels) tangentsPlain layer
                        compare place tolerance (tangents kernels) tangentsPlain moved))

            property "sums of whole vectors, and their gradients" 30 sizes (fun (seed, (n, _), (m, _, _)) ->
                withKernels (fun kernels ->
                    for place, tolerance in precisions do
                        let shape = 16 * (1 + seed % 3), 16 * (1 + seed % 2)

                        compare
                            place
                            tolerance
                            (fun t -> EdgeProducts.sumBy kernels t[0] t[1])
                            (fun t -> torch.einsum ("nim,imo->no", t[0], t[1]))
                            [ features seed [ n; fst shape; m ]; normal (seed + 2) [ fst shape; m; snd shape ] ]))

            property "products of rows with weights, and with weights turned" 30 sizes (fun (seed, (n, _), _) ->
                let features, outputs = 16 * (1 + seed % 5), 16 * (1 + seed % 3)

                withKernels (fun kernels ->
                    for place, tolerance in precisions do
                        for product, name, shape in
                            [
                                EdgeProducts.productBy, "nf,fo->no", [ features; outputs ]
                                EdgeProducts.linearBy, "nf,of->no", [ outputs; features ]
                            ] do
                            compare
                                place
                                tolerance
                                (fun t -> product kernels t[0] t[1])
                                (fun t -> torch.einsum (name, t[0], t[1]))
                                [ normal seed [ n; features ]; normal (seed + 1) shape ]))

            testCase "a dense layer's gradients are those of operators" (fun () ->
                use _ = torch.NewDisposeScope()
                let family = Families.kan { Size = 5; Order = 3 }
                let layer = Dense.layer family 16 32

                let run () =
                    let x = leaf Placement.cpu64 (normal 1 [ 20; 16 ])
                    let c = leaf Placement.cpu64 (normal 2 [ family.Count; 32; 16 ])
                    let y = layer.Apply Map.empty c x
                    y.detach () :: List.ofArray (Autograd.gradients false [| (y * y).sum() |] null [| x; c |])

                for expected, actual in List.zip (Host.elsewhere run) (run ()) do
                    close "value or gradient" 1e-11 expected actual)

            testCase "gradients of gradients are those of operators" (fun () ->
                use _ = torch.NewDisposeScope()

                let second (product: Tensor list -> Tensor) =
                    let t =
                        [ [ 3; 16; 5 ]; [ 16; 5; 16 ]; [ 3; 4; 16 ] ]
                        |> List.mapi (fun i shape -> leaf Placement.cpu64 (normal i shape))

                    let first = gradient ((product t) * (product t)) t[1]
                    [ first; yield! Autograd.gradients false [| (first * first).sum() |] null (List.toArray t) ]

                for kernels in None :: List.map Some EdgeProducts.kernels do
                    for expected, actual in List.zip (second tangentsPlain) (second (tangents kernels)) do
                        close "tangents" 1e-10 expected actual)

            testSequenced (
                testCase "threads share the points" (fun () ->
                    use _ = torch.NewDisposeScope()

                    let layer =
                        [ features 1 [ 50; 20; 6 ]; normal 3 [ 20; 6; 24 ]; normal 4 [ 50; 7; 20 ] ]
                        |> List.map (leaf Placement.cpu64)

                    let rows, weights =
                        leaf Placement.cpu64 (normal 5 [ 50; 48 ]), leaf Placement.cpu64 (normal 6 [ 48; 32 ])

                    let on kernels threads =
                        let product (t: Tensor list) = EdgeProducts.productBy kernels t[0] t[1]

                        withThreads threads (fun () -> run (tangents kernels) layer @ run product [ rows; weights ])

                    withKernels (fun kernels ->
                        for one, three in List.zip (on kernels 1) (on kernels 3) do
                            close "on three threads" 1e-13 one three))
            )

            testCase "sizes that do not agree, and two precisions, are refused" (fun () ->
                use _ = torch.NewDisposeScope()

                let refused name (product: unit -> Tensor) =
                    Expect.throwsT<System.ArgumentException> (fun () -> product () |> ignore) name

                let rows, wide = normal 1 [ 4; 32 ], normal 2 [ 4; 48 ]
                let f, c = normal 3 [ 4; 16; 5 ], normal 4 [ 16; 5; 16 ]
                refused "rows too wide" (fun () -> EdgeProducts.productBy None wide (normal 5 [ 32; 16 ]))
                refused "rows too wide for turned weights" (fun () -> EdgeProducts.linear wide (normal 5 [ 16; 32 ]))

                refused "two precisions" (fun () ->
                    EdgeProducts.productBy None (rows.``to`` torch.float32) (normal 5 [ 32; 16 ]))

                refused "too few inputs" (fun () -> EdgeProducts.tangents (normal 3 [ 4; 8; 5 ]) c None)
                refused "too many functions" (fun () -> EdgeProducts.tangents (normal 3 [ 4; 16; 6 ]) c None)
                refused "tangents of one point" (fun () -> EdgeProducts.tangents f c (Some(normal 6 [ 1; 3; 16 ])))
                refused "tangents of other inputs" (fun () -> EdgeProducts.tangents f c (Some(normal 6 [ 4; 3; 8 ]))))

            testCase "a number that is none stays one" (fun () ->
                use _ = torch.NewDisposeScope()
                let f = torch.zeros (2L, 3L, 4L, dtype = torch.float64)
                f[1, 2, 3] <- torch.tensor nan

                withKernels (fun kernels ->
                    let y = EdgeProducts.tangentsBy kernels f (normal 1 [ 3; 4; 5 ]) None
                    Expect.isTrue ((torch.isnan y[1, 2]).all().item<bool>()) "where it enters"
                    Expect.isFalse ((torch.isnan y[0]).any().item<bool>()) "elsewhere"))
        ]
