// Lorenz' system  x' = σ (y - x), y' = x (ρ - z) - y, z' = xy - βz  with σ, ρ and β unknown, from a table of measured
// states. The table is made here, by Heun's method with σ = 10, ρ = 15, β = 8/3. Lorenz, J. Atmos. Sci. 20 (1963).
//   ./metakan script scripts/pdes/lorenz-parameters.fsx [STEPS]
#load "../metakan.fsx"

open System.IO
open MetaKan
open MetaKan.Pdes

let slope (x, y, z) = 10.0 * (y - x), x * (15.0 - z) - y, x * y - 8.0 / 3.0 * z
let plus h (x, y, z) (dx, dy, dz) = x + h * dx, y + h * dy, z + h * dz

let step p _ = plus 0.5e-3 (plus 0.5e-3 p (slope p)) (slope (plus 1e-3 p (slope p)))

let states = Array.scan step (-8.0, 7.0, 27.0) [| 1..3000 |]
let row i (x, y, z) = $"{1e-3 * float i},{x},{y},{z}"
let rows = [ for i in 0..50..3000 -> row i states[i] ]
Directory.CreateDirectory "runs" |> ignore
File.WriteAllLines("runs/lorenz.csv", "t,x,y,z" :: rows)
let table = MetaKan.Fitting.Csv.read 1e6 "runs/lorenz.csv"

let t, x, y, z = coordinate "t", field "x", field "y", field "z"
let sigma, rho, beta = parameter "sigma", parameter "rho", parameter "beta"

let names = [ "x"; "y"; "z" ]

let turning =
    [ d x [ t ] - sigma * (y - x); d y [ t ] - x * (rho - z) + y; d z [ t ] - x * y + beta * z ]

let problem =
    { Problem.create "lorenz-parameters" (Domain.interval 0.0 3.0) [ "t" ] names (List.zip names turning) with
        Parameters = [ "sigma", 1.0; "rho", 1.0; "beta", 1.0 ]
        Conditions = Condition.ofTable "measured" 10.0 rows.Length [ "t" ] names table.Columns table.Rows
    }

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }
Script.solve problem (Mlp.create [ 1; 24; 24; 24; 3 ]) settings |> ignore
