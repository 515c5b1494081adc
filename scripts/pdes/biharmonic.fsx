// A plate on the unit square, simply supported:  Δ²u = f,  u = Δu = 0 on its edges. u = 0 is built in; the splines have
// order 6 since the equation reads fourth derivatives. Timoshenko, Woinowsky-Krieger, Theory of Plates and Shells
// (1959), section 27.
//   ./metakan script scripts/pdes/biharmonic.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y, u = coordinate "x", coordinate "y", field "u"
let square = Domain.box [ 0.0, 1.0; 0.0, 1.0 ]
let solution = sin (Math.PI * x) * sin (Math.PI * y)
let equation = laplacian (laplacian u [ x; y ]) [ x; y ]

let problem =
    Problem.manufactured "biharmonic" square [ "x"; "y" ] [ ("u", solution) ] [ ("plate", equation) ]
    |> Problem.hard [] [ ("u", number 0.0) ]
    |> Problem.on [] 10.0 100 [ ("edges", laplacian u [ x; y ]) ]

let model = Kan.create { Size = 6; Order = 6 } [ 2; 8; 8; 1 ]
let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem model settings |> ignore
