// The Monge–Ampère equation  u_xx u_yy - u_xy² = f  for a convex u, as  Δu = √(|D²u|² + 2f),  which concave ones do not
// solve. Benamou, Froese, Oberman, ESAIM: M2AN 44 (2010); u = exp((x² + y²)/2) is their example.
//   ./metakan script scripts/pdes/monge-ampere.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, y, u = coordinate "x", coordinate "y", field "u"
let square = Domain.box [ 0.0, 1.0; 0.0, 1.0 ]
let radius = x ** 2.0 + y ** 2.0
let solution = exp (0.5 * radius)
let f = (1.0 + radius) * exp radius

let squares = hessian u [ x; y ] |> List.concat |> List.map (fun part -> part ** 2.0) |> List.reduce (+)
let equation = laplacian u [ x; y ] - sqrt (squares + 2.0 * f)

let problem =
    { Problem.create "monge-ampere" square [ "x"; "y" ] [ "u" ] [ ("monge-ampere", equation) ] with
        Exact = Some(Problem.valuesOf [ "x"; "y" ] [ solution ])
    }
    |> Problem.on [] 100.0 100 [ ("walls", u - solution) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 200 }

Script.solve problem (Mlp.create [ 2; 24; 24; 1 ]) settings |> ignore
