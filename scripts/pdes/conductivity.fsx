// A conductivity k(x) that is not known, from temperatures:  u_t = (k u_x)_x + f.  k is a field whose network reads x
// alone, so that it cannot change with time; only u is measured. The exact k = 1 + ½ sin 2πx tells the error.
//   ./metakan script scripts/pdes/conductivity.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u, k = coordinate "x", coordinate "t", field "u", field "k"
let rod = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0
let exactU = exp (-t) * sin (Math.PI * x)
let exactK = 1.0 + 0.5 * sin (2.0 * Math.PI * x)

let problem =
    Problem.manufactured
        "conductivity"
        rod
        [ "x"; "t" ]
        [ ("u", exactU); ("k", exactK) ]
        [ ("heat", d u [ t ] - d (k * d u [ x ]) [ x ]) ]

let measured =
    Condition.measured "measured" 100.0 200 rod [ "x"; "t" ] [ "u" ] (Problem.valuesOf [ "x"; "t" ] [ exactU ]) 0.0

let model =
    Separate.networks [ "u", Mlp.create [ 2; 24; 24; 1 ]; "k", Separate.reading 2 [ 0 ] (Mlp.create [ 1; 16; 16; 1 ]) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve { problem with Conditions = measured } model settings |> ignore
