/// The matrix products that one exact step of a network of edges takes if features are dense, and nothing else: what a step by
/// operators cannot be faster than.
module MetaKan.Bench.Floor

open MetaKan
open TorchSharp

// The products of one layer with N points, I inputs, M functions, O outputs, tangents along V directions (none yet where
// these move one input each), and whether its input depends on parameters.
let private layer
    (placement: Placement)
    (n, inputs, functions, outputs, directions: int option, inner: bool)
    : unit -> unit =
    let random (shape: int list) = Key.normal (Key.ofSeed (List.sum shape)) placement (List.map int64 shape)

    let features = inputs * functions
    let weights, turned = random [ features; outputs ], random [ outputs; features ]
    let rows, cotangents = random [ n; features ], random [ n; outputs ]
    let slopes, byFunctions = random [ inputs; n; functions ], random [ inputs; functions; outputs ]
    let tiles = random [ inputs; n; outputs ]
    let moving = directions |> Option.map (fun v -> random [ n; v; inputs ], random [ n; v; outputs ])

    let product (a: Tensor) (b: Tensor) = (torch.matmul (a, b)).Dispose()

    fun () ->
        // The value and the second derivatives, and their gradients.
        for _ in 1..2 do
            product rows weights
            product (rows.t ()) cotangents

            if inner then
                product cotangents turned

        product slopes byFunctions
        product (slopes.transpose (1L, 2L)) tiles

        if inner then
            product tiles (byFunctions.transpose (1L, 2L))

        match moving with
        | Some(tangents, moved) ->
            let edges = tiles.transpose (0L, 1L)
            product tangents edges
            product (tangents.transpose (1L, 2L)) moved
            product moved (edges.transpose (1L, 2L))
        | None -> ()

/// All products of one step over so many points, for layers of so many functions an edge.
let step (placement: Placement) (points: int) (functions: int) (widths: int list) : unit -> unit =
    let layers =
        [
            for l, (inputs, outputs) in List.indexed (List.pairwise widths) ->
                let directions = if l = 0 then None else Some widths.Head
                layer placement (points, inputs, functions, outputs, directions, l > 0)
        ]

    fun () ->
        use _ = torch.NewDisposeScope()
        use _ = torch.no_grad ()

        for run in layers do
            run ()
