/// The self-scaled Broyden method: what its update keeps, and that it finds minima.
module MetaKan.Tests.BroydenTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Folder
open MetaKan.Tests.Losses
open MetaKan.Tests.Numeric
open TorchSharp

let private at (values: float list) : Params = Map [ "x", tensor [ values.Length ] values ]

let private column (t: Tensor) = t.unsqueeze -1L
let private times (m: Tensor) (v: Tensor) = torch.mv (m, v)
let private inner (a: Tensor) (b: Tensor) = Tensor.item ((a * b).sum())

/// A positive definite matrix.
let private definite seed n =
    let a = normal seed [ n; n ]
    torch.mm (a, a.t ()) + 0.1 * torch.eye (int64 n, dtype = torch.float64)

/// An inverse Hessian, a step, and a change of the gradient along it: (H, s, y, sᵀH⁻¹s/sᵀy).
let private pairs =
    Gen.zip (Gen.choose (2, 6)) seeds
    |> Gen.map (fun (n, seed) ->
        let h, s = definite seed n, normal (seed + 1) [ n ]
        // Of a Hessian that is not far from it, or of any.
        let hessian =
            if seed % 2 = 0 then definite (seed + 2) n else torch.linalg.inv h + 0.1 * definite (seed + 2) n

        let y = times hessian s
        h, s, y, inner s (times (torch.linalg.inv h) s) / inner s y)

/// Steps from the start: parameters and memory after each, the start first, and the losses that were told.
let private run every gradient count (start: Params) =
    let optimizer = Broyden.create every

    ((start, optimizer.Init start, []), [ 0 .. count - 1 ])
    ||> List.fold (fun (p, memory, losses) step ->
        let loss, p, memory = optimizer.Update step gradient p memory
        p, memory, Tensor.item loss :: losses)
    |> fun (p, memory, losses) -> p, memory, List.rev losses

let private quadratic (hessian: Tensor) (best: Tensor) : Gradient =
    gradientOf (fun p ->
        let d = p["x"] - best
        0.5 * (d * times hessian d).sum())

let tests =
    testList
        "Training.Broyden"
        [
            property
                "an updated matrix takes the gradient's change to the step, and stays positive definite"
                100
                pairs
                (fun (h, s, y, b) ->
                    for first in [ true; false ] do
                        let found = Broyden.updated first h s y b
                        close "secant" 1e-7 s (times found y)
                        close "symmetry" 1e-9 found (found.t ())
                        let least = Tensor.item ((torch.linalg.eigvalsh found).min())
                        Expect.isGreaterThan least 0.0 "eigenvalue")

            property
                "the inverse of an updated matrix is Broyden's update of the Hessian, scaled"
                100
                pairs
                (fun (h, s, y, b) ->
                    let hessian, curvature = torch.linalg.inv h, inner s y
                    let ratio = inner y (times h y) / curvature

                    for first in [ true; false ] do
                        let tau, phi = Broyden.factors first (s.numel ()) ratio b
                        let theta = (1.0 - phi) / (1.0 + (ratio * b - 1.0) * phi)
                        let bs = times hessian s
                        let sbs = inner s bs
                        let w = y / curvature - bs / sbs
                        let outer (a: Tensor) = torch.mm (column a, (column a).t())

                        let expected = tau * (hessian - outer bs / sbs + theta * sbs * outer w) + outer y / curvature

                        close "Hessian" 1e-5 expected (torch.linalg.inv (Broyden.updated first h s y b)))

            property "an exact model is left as it is" 50 pairs (fun (h, s, _, _) ->
                // y = H⁻¹s: nothing was found out.
                let y = times (torch.linalg.inv h) s
                close "inverse" 1e-5 h (Broyden.updated false h s y 1.0))

            property "a quadratic's minimum is found" 20 (Gen.zip (Gen.choose (1, 6)) seeds) (fun (n, seed) ->
                let best = normal seed [ n ]
                let p, _, losses = run 1000 (quadratic (definite (seed + 1) n) best) 60 (at [ for _ in 1..n -> 3.0 ])
                close "minimum" 1e-5 (1.0 + best) (1.0 + p["x"])

                for before, after in List.pairwise losses do
                    Expect.isLessThanOrEqual after before "a step that raises the loss")

            property "the narrow valley's minimum is found" 20 seeds (fun seed ->
                let p, _, _ = run 1000 rosenbrock 150 (Map [ "x", normal seed [ 3 ] ])
                close "minimum" 1e-5 (tensor [ 3 ] [ 1.0; 1.0; 1.0 ]) p["x"])

            property
                "a loss that changes when it may is seen anew, and one that stays is not looked at twice"
                20
                seeds
                (fun seed ->
                    // Another quadratic from the 4th step on; evaluations at the present parameters tell who looks.
                    let hessian = definite seed 3
                    let target = ref 0.0
                    let start = at [ 2.0; -1.0; 0.5 ]
                    let optimizer = Broyden.create 4
                    let looked = ref 0

                    let gradient p =
                        looked.Value <- looked.Value + 1

                        quadratic
                            (hessian + target.Value * torch.eye (3L, dtype = torch.float64))
                            (tensor [ 3 ] [ target.Value; 0.0; 0.0 ])
                            p

                    let after steps p memory =
                        ((p, memory), steps)
                        ||> List.fold (fun (p, memory) step ->
                            let loss, next, memory = optimizer.Update step gradient p memory
                            let before = looked.Value
                            close "loss" 1e-9 (fst (gradient p)) loss
                            looked.Value <- before
                            next, memory)

                    let p, memory = after [ 0..3 ] start (optimizer.Init start)
                    target.Value <- 1.0
                    let p, _ = after [ 4..7 ] p memory
                    Expect.isTrue (p.ContainsKey "x") "parameters"

                    // One evaluation a step where whole steps are good: the gradient of the last one serves again.
                    let plain = at [ 1.0 ]
                    looked.Value <- 0
                    let one = quadratic (torch.eye (1L, dtype = torch.float64)) (tensor [ 1 ] [ 0.0 ])

                    let counting p =
                        looked.Value <- looked.Value + 1
                        one p

                    let optimizer = Broyden.create 100
                    let _, p, memory = optimizer.Update 0 counting plain (optimizer.Init plain)
                    let first = looked.Value
                    optimizer.Update 1 counting p memory |> ignore
                    Expect.isLessThanOrEqual (looked.Value - first) first "evaluations of a later step")

            testCase "where there is nothing lower the parameters stay, and the matrix is given up" (fun () ->
                use _ = torch.NewDisposeScope()
                let gradient = gradientOf (fun p -> p["x"].abs().sum())
                let start = at [ 0.0 ]
                let p, memory, _ = run 10 gradient 3 start
                closeTrees "parameters" 0.0 start p
                Expect.isFalse (memory.ContainsKey "inverse") "a matrix")

            testCase "a loss that is no number is handed back, with the parameters untouched" (fun () ->
                use _ = torch.NewDisposeScope()
                let start = at [ -1.0 ]
                let p, _, losses = run 10 (gradientOf (fun p -> torch.log(p["x"]).sum())) 1 start
                Expect.isTrue (Double.IsNaN losses.Head) "loss"
                closeTrees "parameters" 0.0 start p)

            testCase "what it cannot take is refused" (fun () ->
                use _ = torch.NewDisposeScope()

                Expect.stringStarts
                    (messageOf<ArgumentException>(fun () -> Broyden.create 0 |> ignore))
                    "a loss stays the same for a step or more, not 0"
                    "every"

                let many: Params = Map [ "x", torch.zeros (Broyden.largest + 1L, dtype = torch.float64) ]

                Expect.stringStarts
                    (messageOf<ArgumentException>(fun () -> (Broyden.create 1).Init many |> ignore))
                    "the self-scaled Broyden method takes up to 10000 numbers, not 10001"
                    "numbers")
        ]
