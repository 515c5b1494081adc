/// The candidate solution with its derivatives.
module MetaKan.Tests.ProblemTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private key = Key.ofSeed 1
let private place = Placement.cpu64

/// u = x_0 · sin(net) + net², a constraint that mixes point and network.
let private mixing d : Problem =
    let x = coordinates "x" d

    { Problem.create
          "mixing"
          (Domain.ball d 1.0)
          [ for i in 1..d -> $"x{i}" ]
          [ "u" ]
          [ "laplace", laplacian (field "u") x ] with
        Constraint = fun x net -> Jet.part 0 x * sin net + net * net
    }

let private onTensors (f: Tensor -> Tensor) (x: Tensor) =
    let net = f x
    x.narrow (1L, 0L, 1L) * torch.sin net + net * net

let tests =
    testList
        "Pdes.Problem"
        [
            property
                "u and its derivatives are those of the constraint around the network"
                15
                (Gen.zip seeds (Gen.choose (2, 4)))
                (fun (seed, d) ->
                    let operator = { Second = [| for i in 0 .. d - 1 -> float (i - 1) |]; Partials = [ [ 1 ]; [ 0 ] ] }

                    let problem, model = mixing d, Kan.create { Size = 3; Order = 3 } [ d; 3; 1 ]
                    let p, x = model.Init (Key.ofSeed seed) place, normal seed [ 5; d ] * 0.5
                    let u = onTensors (model.Apply p)
                    let directions = Operator.directions LaplacianMethod.Exact key place operator
                    let found = Problem.jet problem model directions p x
                    close "u" 1e-11 (u x) found.Value
                    close "u alone" 1e-11 (u x) (Problem.solution problem model p x)
                    close "second" 1e-9 (1.0 + Nested.second operator.Second u x) (1.0 + found.Second)
                    let jacobian = Nested.jacobian u x

                    for i in 0..1 do
                        let partial = Directions.partial directions [ i ] found
                        close $"by x_{i}" 1e-10 (jacobian.select (2L, int64 i)) partial)

            testCase "data without derivatives needs none" (fun () ->
                use _ = torch.NewDisposeScope()
                let operator = { Second = [| 0.0; 0.0 |]; Partials = [] }
                let problem, model = mixing 2, Mlp.create [ 2; 3; 1 ]
                let p, x = model.Init key place, normal 1 [ 4; 2 ]

                for method' in [ LaplacianMethod.Exact; LaplacianMethod.Sdgd 2; LaplacianMethod.Hutchinson 3 ] do
                    let directions = Operator.directions method' key place operator
                    let found = Problem.jet problem model directions p x
                    close "u" 1e-12 (onTensors (model.Apply p) x) found.Value
                    Expect.equal (Tensor.item (found.Second.abs().max())) 0.0 "largest Laplacian")

            testCase "a network has an output for each field" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Mlp.create [ 2; 3; 2 ]
                let p = model.Init key place

                Expect.stringContains
                    (Folder.messageOf<ArgumentException>(fun () ->
                        Problem.solution { mixing 2 with Constraint = fun _ net -> net } model p (normal 1 [ 4; 2 ])
                        |> ignore))
                    "its network gives 2 values a point, and its fields are u"
                    "message")
        ]
