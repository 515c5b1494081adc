// Advection  u_t + 30 u_x = 0  of sin x round a circle: periodic whatever the network is, in a window of time that
// grows from the start.
// Krishnapriyan, Gholami, Zhe, Kirby, Mahoney, NeurIPS 2021 (arXiv 2109.01050), where plain networks fail.
//   ./metakan script scripts/pdes/advection.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let circle = Domain.interval 0.0 (2.0 * Math.PI) |> Domain.during 0.0 1.0
let solution = sin (x - 30.0 * t)
let equation = d u [ t ] / 30.0 + d u [ x ]

let problem =
    Problem.manufactured "advection" circle [ "x"; "t" ] [ ("u", solution) ] [ ("advection", equation) ]
    |> Problem.periodic [ "x" ] 1
    |> Problem.initially [ ("u", [ sin x ]) ]

let model = Mlp.create [ Problem.inputs problem; 24; 24; 24; 1 ]

let settings =
    { SolveSettings.natural with
        Epochs = Script.argument 1 "STEPS" 500
        Emphasis = { Emphasis.none with Curriculum = Some 0.8 }
    }

Script.solve problem model settings |> ignore
