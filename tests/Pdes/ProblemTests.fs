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
let private mixing (operator: Operator) : Problem =
    { Problem.create "mixing" (Domain.ball operator.Second.Length 1.0) operator _.Laplacian with
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
                    let operator = { Second = [| for i in 0 .. d - 1 -> float (i - 1) |]; First = [ 1; 0 ] }
                    let problem, model = mixing operator, Kan.create { Size = 3; Order = 3 } [ d; 3; 1 ]
                    let p, x = model.Init (Key.ofSeed seed) place, normal seed [ 5; d ] * 0.5
                    let u = onTensors (model.Apply p)
                    let directions = Operator.directions LaplacianMethod.Exact key place operator
                    let found = Problem.derivatives problem model directions p x
                    close "u" 1e-11 (u x) found.U
                    close "u alone" 1e-11 (u x) (Problem.solution problem model p x)
                    close "second" 1e-9 (1.0 + Nested.second operator.Second u x) (1.0 + found.Laplacian)
                    let jacobian = Nested.jacobian u x

                    for i in operator.First do
                        close $"by x_{i}" 1e-10 (jacobian.select (2L, int64 i)) (found.Partial i))

            testCase "data without derivatives needs none" (fun () ->
                use _ = torch.NewDisposeScope()
                let operator = { Second = [| 0.0; 0.0 |]; First = [] }
                let problem, model = mixing operator, Mlp.create [ 2; 3; 1 ]
                let p, x = model.Init key place, normal 1 [ 4; 2 ]

                for method' in [ LaplacianMethod.Exact; LaplacianMethod.Sdgd 2; LaplacianMethod.Hutchinson 3 ] do
                    let directions = Operator.directions method' key place operator
                    let found = Problem.derivatives problem model directions p x
                    close "u" 1e-12 (onTensors (model.Apply p) x) found.U
                    Expect.equal (Tensor.item (found.Laplacian.abs().max())) 0.0 "largest Laplacian"

                    Expect.throwsT<ArgumentException>
                        (fun () -> found.Partial 0 |> ignore)
                        "a derivative not asked for")
        ]
