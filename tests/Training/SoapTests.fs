/// SOAP: Adam for vectors, and for matrices Adam that knows no axes.
module MetaKan.Tests.SoapTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open TorchSharp

let private constants = Soap.constants
let private rated transform = Optimizer.chain [ transform; Transform.scale (fun _ -> Schedule.constant 0.05) ]

/// Parameters and memory after so many steps.
let private run (optimizer: Optimizer) gradient count (start: Params) =
    ((start, optimizer.Init start), [ 0 .. count - 1 ])
    ||> List.fold (fun (p, memory) step ->
        let _, p, memory = optimizer.Update step gradient p memory
        p, memory)

/// An orthogonal matrix.
let private orthogonal seed (n: int) : Tensor =
    let struct (q, _) = torch.linalg.qr (normal seed [ n; n ])
    q

let private product (a: Tensor) (b: Tensor) = torch.matmul (a, b)

/// A loss of a matrix [3, 4] whose gradients have no preferred axes.
let private loss seed (w: Tensor) : Tensor =
    let left, right, target = normal seed [ 5; 3 ], normal (seed + 1) [ 4; 6 ], normal (seed + 2) [ 5; 6 ]
    let r = product (product left w) right - target
    (r * r).mean() + 0.1 * (r.square().square()).mean()

let tests =
    testList
        "Training.Soap"
        [
            property "of vectors, and of modes that are too long, it is Adam" 20 seeds (fun seed ->
                let start: Params = Map [ "v", normal seed [ 5 ]; "w", normal (seed + 1) [ 3; 4 ] ]

                let gradient = gradientOf (fun p -> loss (seed + 2) p["w"] + (p["v"] - 1.0).square().square().mean())

                let adam, _ = run (rated (Transform.adam MomentStorage.Full constants.Moments)) gradient 7 start
                // Its first step is none.
                let soap, memory = run (rated (Soap.transform { constants with Largest = 2 })) gradient 8 start
                closeTrees "parameters" 1e-10 adam soap
                Expect.equal (List.ofSeq memory.Keys) [ "0.first.v"; "0.first.w"; "0.second.v"; "0.second.w" ] "memory")

            property "a matrix turned by orthogonal ones is trained as it is, turned" 20 seeds (fun seed ->
                let left, right = orthogonal seed 3, orthogonal (seed + 1) 4
                let turned (w: Tensor) = product (product left w) right
                let back (w: Tensor) = product (product (left.t ()) w) (right.t ())
                let start = normal (seed + 2) [ 3; 4 ]

                let trained f start =
                    fst (run (rated (Soap.transform constants)) (gradientOf f) 6 (Map [ "w", start ]))

                let plain = trained (fun p -> loss (seed + 3) p["w"]) start
                let other = trained (fun p -> loss (seed + 3) (back p["w"])) (turned start)

                // Where two eigenvalues nearly agree their vectors turn on the last digits: how far, a shaken start tells.
                let shaken = trained (fun p -> loss (seed + 3) p["w"]) (start + 1e-10 * normal (seed + 4) [ 3; 4 ])
                let far = Tensor.item ((shaken["w"] - plain["w"]).abs().max())
                close "turned" (1e-6 + 100.0 * far) (turned plain["w"]) other["w"])

            property "bases are orthogonal, and change every so many steps" 10 seeds (fun seed ->
                let optimizer = rated (Soap.transform { constants with Every = 3 })
                let gradient = gradientOf (fun p -> loss seed p["w"])
                let start: Params = Map [ "w", normal (seed + 2) [ 3; 4 ] ]

                let path =
                    ((start, optimizer.Init start, []), [ 0..7 ])
                    ||> List.fold (fun (p, memory, path) step ->
                        let _, p, memory = optimizer.Update step gradient p memory
                        p, memory, memory["0.basis.0.w"] :: path)
                    |> fun (_, _, path) -> List.rev path

                for basis in path do
                    close "orthogonal" 1e-9 (torch.eye (3L, dtype = torch.float64)) (product (basis.t ()) basis)

                for step, (before, after) in List.indexed (List.pairwise path) do
                    let same = Tensor.toArray before = Tensor.toArray after
                    Expect.equal same ((step + 1) % 3 <> 0) $"the basis after step {step + 1}")

            testCase "a valley that lies across the axes is no obstacle" (fun () ->
                use _ = torch.NewDisposeScope()
                let left, right = orthogonal 1 6, orthogonal 2 6
                let scales = torch.logspace (-3.0, 0.0, 6L, dtype = torch.float64)
                let weight = product (scales.unsqueeze -1L) (scales.unsqueeze 0L)

                let gradient =
                    gradientOf (fun p ->
                        let r = product (product left p["w"]) right - 1.0
                        (weight * r * r).sum())

                let start: Params = Map [ "w", torch.zeros (6L, 6L, dtype = torch.float64) ]

                let falling transform =
                    Optimizer.chain [ transform; Transform.scale (fun _ step -> 0.1 * (1.0 - float step / 300.0)) ]

                let after transform =
                    run (falling transform) gradient 300 start |> fst |> gradient |> fst |> Tensor.item

                let moments = Transform.moments

                let adam, soap =
                    after (Transform.adam MomentStorage.Full moments),
                    after (Soap.transform { constants with Moments = moments })

                Check.inRange 0.0 (adam / 5.0) soap "loss")

            testCase "constants that are none are refused" (fun () ->
                for constants, said in
                    [
                        { constants with Statistics = 1.0 }, "SOAP takes rates from 0 to below 1"
                        { constants with Every = 0 }, "SOAP takes epsilon ≥ 0, and steps and entries from 1 up"
                        { constants with Largest = 0 }, "SOAP takes epsilon ≥ 0, and steps and entries from 1 up"
                    ] do
                    Expect.stringStarts
                        (messageOf<ArgumentException>(fun () -> Soap.transform constants |> ignore))
                        said
                        "message")
        ]
