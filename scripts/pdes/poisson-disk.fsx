// Laplace's equation on a disk with a hole out of its centre: u given on the wall, its flux through the hole's edge. A
// uniform flow and one from a source in the hole: x + ½ log r², r the distance from the source.
//   ./metakan script scripts/pdes/poisson-disk.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, y, u = coordinate "x", coordinate "y", field "u"
let disk = Domain.ball [ 0.0; 0.0 ] 1.0 |> Domain.named "wall"
let hole = Domain.ball [ 0.3; 0.0 ] 0.25 |> Domain.named "hole"
let solution = x + 0.5 * log ((x - 0.3) ** 2.0 + (y - 0.1) ** 2.0)

let problem =
    Problem.manufactured
        "poisson-disk"
        (Domain.difference disk hole)
        [ "x"; "y" ]
        [ ("u", solution) ]
        [ ("laplace", laplacian u [ x; y ]) ]
    |> Problem.on [ "wall" ] 10.0 100 [ ("wall", u - solution) ]
    |> Problem.on [ "hole" ] 1.0 50 [ ("flux", normalDerivative (u - solution) [ x; y ]) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem (Mlp.create [ 2; 24; 24; 24; 1 ]) settings |> ignore
