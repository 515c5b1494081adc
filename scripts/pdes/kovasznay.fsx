// The steady flow behind a grid at Reynolds number 40: velocities u and v and a pressure p in the plane,
//   u u_x + v u_y + p_x = Δu/40,  u v_x + v v_y + p_y = Δv/40,  u_x + v_y = 0,
// by one network of three outputs, all given on the boundary. Kovasznay, Proc. Camb. Phil. Soc. 44 (1948).
//   ./metakan script scripts/pdes/kovasznay.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y = coordinate "x", coordinate "y"
let u, v, p = field "u", field "v", field "p"
let domain = Domain.box [ -0.5, 1.0; -0.5, 1.5 ]

let rate = 20.0 - sqrt (400.0 + 4.0 * Math.PI ** 2.0)
let wave = exp (rate * x)

let exact =
    [
        "u", 1.0 - wave * cos (2.0 * Math.PI * y)
        "v", rate / (2.0 * Math.PI) * wave * sin (2.0 * Math.PI * y)
        "p", 0.5 * (1.0 - wave ** 2.0)
    ]

let motion w = u * d w [ x ] + v * d w [ y ] - laplacian w [ x; y ] / 40.0
let alongX, alongY, mass = motion u + d p [ x ], motion v + d p [ y ], div [ u; v ] [ x; y ]

let problem =
    Problem.manufactured "kovasznay" domain [ "x"; "y" ] exact [ "along x", alongX; "along y", alongY; "mass", mass ]
    |> Problem.on [] 10.0 100 [ for name, value in exact -> name, field name - value ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 200 }

Script.solve problem (Mlp.create [ 2; 24; 24; 24; 3 ]) settings |> ignore
