// A PDE of one's own: reaction and diffusion on the unit square, in the time from 0 to 1,
//   u_t = ∂xx u + ∂yy u + u - u³ + f(x, y, t),
// with u given at the start and on the walls. The exact solution makes f, the data, and the error that is printed.
//   ./metakan script scripts/custom-pde.fsx [EPOCHS]
#load "metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y, t, u = coordinate "x", coordinate "y", coordinate "t", field "u"
let square = Domain.box [ 0.0, 1.0; 0.0, 1.0 ] |> Domain.during 0.0 1.0

let solution = exp (-t) * sin (Math.PI * x) * cos (Math.PI * y)
let equation = d u [ t ] - laplacian u [ x; y ] - u + u ** 3.0

let problem =
    Problem.manufactured "custom-pde" square [ "x"; "y"; "t" ] [ ("u", solution) ] [ ("reaction", equation) ]
    |> Problem.on [ "start" ] 100.0 100 [ ("start", u - solution) ]
    |> Problem.on [] 100.0 100 [ ("walls", u - solution) ]

let model = Kan.create { Size = 5; Order = 3 } [ 3; 32; 32; 1 ]

let settings = { SolveSettings.defaults with Epochs = Script.argument 1 "EPOCHS" 2000; Rate = 1e-2 }

Script.solve problem model settings |> ignore
