// The viscosity ν of a flow from 400 measured velocities, with errors of 1 % of the largest, by its vorticity:
//   ω_t + u ω_x + v ω_y = ν Δω,  ω = v_x - u_y,  u_x + v_y = 0,
// for vortices that decay; ν is 0.05, and the search starts at 1. Taylor, Phil. Mag. 46 (1923).
//   ./metakan script scripts/pdes/navier-stokes.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y, t = coordinate "x", coordinate "y", coordinate "t"
let u, v, viscosity = field "u", field "v", parameter "nu"
let names = [ "x"; "y"; "t" ]
let side = 0.0, 2.0 * Math.PI
let domain = Domain.box [ side; side ] |> Domain.during 0.0 2.0

let vorticity = d v [ x ] - d u [ y ]
let carried = d vorticity [ t ] + u * d vorticity [ x ] + v * d vorticity [ y ]
let equation = carried - viscosity * laplacian vorticity [ x; y ]

let decay = exp (-0.1 * t)
let exact = Problem.valuesOf names [ -cos x * sin y * decay; sin x * cos y * decay ]

let problem =
    { Problem.create
          "navier-stokes"
          domain
          names
          [ "u"; "v" ]
          [ ("vorticity", equation); ("mass", div [ u; v ] [ x; y ]) ] with
        Parameters = [ ("nu", 1.0) ]
        Conditions = Condition.measured "measured" 10.0 400 domain names [ "u"; "v" ] exact 0.01
        Exact = Some exact
    }

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem (Mlp.create [ 3; 24; 24; 24; 2 ]) settings |> ignore
