// The steady flow behind a grid at Reynolds number 40: velocities u and v and a pressure p in the plane,
//   u u_x + v u_y + p_x = Δu/40,  u v_x + v v_y + p_y = Δv/40,  u_x + v_y = 0,
// by one network of three outputs, with the velocity given on the boundary. Kovasznay, Proc. Camb. Phil. Soc. 44 (1948).
//   ./metakan script scripts/pdes/kovasznay.fsx [EPOCHS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y = coordinate "x", coordinate "y"
let u, v, p = field "u", field "v", field "p"
let domain = Domain.box [ -0.5, 1.0; -0.5, 1.5 ]

let rate = 20.0 - sqrt (400.0 + 4.0 * Math.PI ** 2.0)
let wave = exp (rate * x)
let exactU = 1.0 - wave * cos (2.0 * Math.PI * y)
let exactV = rate / (2.0 * Math.PI) * wave * sin (2.0 * Math.PI * y)
let exactP = 0.5 * (1.0 - wave ** 2.0)

let motion w = u * d w [ x ] + v * d w [ y ] - laplacian w [ x; y ] / 40.0
let walls name mismatch = Condition.create name 10.0 100 (Domain.walls [] domain) mismatch

let problem =
    { Problem.manufactured
          "kovasznay"
          domain
          [ "x"; "y" ]
          [ "u", exactU; "v", exactV; "p", exactP ]
          [ "along x", motion u + d p [ x ]; "along y", motion v + d p [ y ]; "mass", div [ u; v ] [ x; y ] ] with
        Conditions = [ walls "u" (u - exactU); walls "v" (v - exactV); walls "p" (p - exactP) ]
    }

let settings =
    { SolveSettings.defaults with
        Epochs = Script.argument 1 "EPOCHS" 500
        Polish = 5 * Script.argument 1 "EPOCHS" 500
        PolishPoints = 1000
        Rate = 2e-3
        Placement = Placement.cpu64
        TestPoints = 2000
    }

let folder = RunFolder.free "runs/kovasznay"

let run =
    Solve.run (RunPlace.fresh folder) settings problem (Mlp.create [ 2; 32; 32; 32; 3 ]) Solve.print

Report.write folder
printfn $"{run.Result}\nThe report is {RunFolder.reportPath folder}"
