// The heat equation  u_t = k u_xx  with an unknown k, 0.3 in truth and 1 at the start of the search, from 100 values of
// u with errors of 1 % of the largest. Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), section 4.
//   ./metakan script scripts/pdes/heat-diffusivity.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u, k = coordinate "x", coordinate "t", field "u", parameter "k"
let rod = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0
let exact = Problem.valuesOf [ "x"; "t" ] [ exp (-0.3 * Math.PI ** 2.0 * t) * sin (Math.PI * x) ]

let problem =
    { Problem.create "heat-diffusivity" rod [ "x"; "t" ] [ "u" ] [ ("heat", d u [ t ] - k * d u [ x; x ]) ] with
        Parameters = [ ("k", 1.0) ]
        Conditions = Condition.measured "measured" 10.0 100 rod [ "x"; "t" ] [ "u" ] exact 0.01
        Exact = Some exact
    }

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 200 }

Script.solve problem (Mlp.create [ 2; 16; 16; 1 ]) settings |> ignore
