// Poisson's equation  Δu = f  between walls that let nothing through:  ∂u/∂n = 0.  That leaves a constant open, which
// the integral over the square settles. f is that of cos πx cos πy.
//   ./metakan script scripts/pdes/neumann.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y, u = coordinate "x", coordinate "y", field "u"
let square = Domain.box [ 0.0, 1.0; 0.0, 1.0 ]
let solution = cos (Math.PI * x) * cos (Math.PI * y)
let over v = integral v (number 0.0, number 1.0)

let total = Condition.create "total" 1.0 1 square.Sample (over x (over y u))

let problem =
    Problem.manufactured "neumann" square [ "x"; "y" ] [ ("u", solution) ] [ ("poisson", laplacian u [ x; y ]) ]
    |> Problem.on [] 10.0 200 [ ("walls", normalDerivative u [ x; y ]) ]

let model = Kan.create { Size = 6; Order = 4 } [ 2; 8; 8; 1 ]
let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 200 }

Script.solve { problem with Conditions = total :: problem.Conditions } model settings |> ignore
