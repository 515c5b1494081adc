/// Muon: orthogonal steps for matrices, whatever the gradient's size, and Adam's for vectors.
module MetaKan.Tests.MuonTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open TorchSharp

let private rated transform = Optimizer.chain [ transform; Transform.scale (fun _ -> Schedule.constant 0.05) ]

/// Parameters and memory after so many steps.
let private run (optimizer: Optimizer) gradient count (start: Params) =
    ((start, optimizer.Init start), [ 0 .. count - 1 ])
    ||> List.fold (fun (p, memory) step ->
        let _, p, memory = optimizer.Update step gradient p memory
        p, memory)

let private singular (t: Tensor) : float list = List.ofArray (Tensor.toArray (torch.linalg.svdvals t))

let tests =
    testList
        "Training.Muon"
        [
            property
                "a matrix made orthogonal keeps its directions, and has singular values near 1"
                40
                (Gen.zip3 (Gen.choose (2, 9)) (Gen.choose (2, 9)) seeds)
                (fun (rows, columns, seed) ->
                    let few = min rows columns
                    let struct (u, _) = torch.linalg.qr (normal seed [ rows; few ])
                    let struct (v, _) = torch.linalg.qr (normal (seed + 1) [ columns; few ])
                    let values = uniform (seed + 2) (0.02, 1.0) [ few ]
                    let found = Muon.orthogonal (1e3 * torch.mm (u * values, v.t ()))
                    let inside = torch.mm (torch.mm (u.t (), found), v)
                    close "directions" 1e-9 (torch.diag (inside.diagonal ())) inside
                    Check.inRange 0.6 1.3 (List.min (singular found)) "least"
                    Check.inRange 0.6 1.3 (List.max (singular found)) "most")

            property
                "vectors are trained by Adam, and matrices alike whatever the loss is multiplied by"
                20
                seeds
                (fun seed ->
                    let start: Params =
                        Map
                            [
                                "v", normal seed [ 5 ]
                                "row", normal (seed + 4) [ 1; 5 ]
                                "column", normal (seed + 5) [ 5; 1 ]
                                "w", normal (seed + 1) [ 3; 4 ]
                                "several", normal (seed + 2) [ 4; 2; 3 ]
                            ]

                    let target =
                        start |> Map.map (fun name t -> normal (seed + 7 + name.Length) [ for n in t.shape -> int n ])

                    let gradient factor =
                        gradientOf (fun p ->
                            p
                            |> Map.toSeq
                            |> Seq.map (fun (name, t) -> (t - target[name]).square().square().sum())
                            |> Seq.reduce (+)
                            |> fun loss -> factor * loss)

                    let muon, memory = run (rated (Muon.transform 0.9)) (gradient 1.0) 7 start

                    let adam, _ =
                        run (rated (Transform.adam MomentStorage.Full Transform.moments)) (gradient 1.0) 7 start

                    let vectors (p: Params) =
                        p |> Map.filter (fun name _ -> List.contains name [ "v"; "row"; "column" ])

                    closeTrees "vectors" 1e-12 (vectors adam) (vectors muon)
                    let other, _ = run (rated (Muon.transform 0.9)) (gradient 1e3) 7 start
                    let matrices (p: Params) = p |> Map.filter (fun name _ -> name = "w" || name = "several")
                    closeTrees "matrices" 1e-9 (matrices muon) (matrices other)

                    Expect.equal
                        [ for name in memory.Keys -> name.Substring 2 ]
                        [
                            "first.column"
                            "first.row"
                            "first.v"
                            "mean.several"
                            "mean.w"
                            "second.column"
                            "second.row"
                            "second.v"
                        ]
                        "memory")

            property
                "a step is the orthogonal mean of the gradients, longer where there are more rows"
                20
                seeds
                (fun seed ->
                    let g1, g2 = normal seed [ 6; 2 ], normal (seed + 1) [ 6; 2 ]
                    let p: Params = Map [ "w", normal (seed + 2) [ 6; 2 ] ]
                    let muon = Muon.transform 0.7
                    let apply step g memory = muon.Apply step p (Map [ "w", Transform.plain g ]) memory
                    let _, memory = apply 0 g1 (muon.Init p)
                    let updates, _ = apply 1 g2 memory
                    let expected = sqrt 3.0 * Muon.orthogonal (g2 + 0.7 * (0.7 * g1 + g2))
                    close "step" 1e-9 expected (Transform.value p["w"] updates["w"]))

            testCase "a gradient of zeros is no step" (fun () ->
                use _ = torch.NewDisposeScope()
                let start: Params = Map [ "w", normal 1 [ 3; 4 ] ]
                let moved, _ = run (rated (Muon.transform 0.9)) (gradientOf (fun p -> (0.0 * p["w"]).sum())) 3 start
                closeTrees "numbers" 0.0 start moved)

            Check.theory "a momentum that is none is refused" [ -0.1; 1.0; nan ] (fun momentum ->
                Expect.stringStarts
                    (messageOf<ArgumentException>(fun () -> Muon.transform momentum |> ignore))
                    "Muon takes 0 ≤ momentum < 1"
                    "message")
        ]
