// The Klein–Gordon equation  u_tt - u_xx + u² = f,  a nonlinear wave over a long time: the ends are conditions, the
// start and its velocity built in. As in DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
//   ./metakan script scripts/pdes/klein-gordon.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let domain = Domain.interval -1.0 1.0 |> Domain.during 0.0 10.0
let solution = x * cos t
let equation = d u [ t; t ] - d u [ x; x ] + u ** 2.0

let problem =
    Problem.manufactured "klein-gordon" domain [ "x"; "t" ] [ ("u", solution) ] [ ("klein-gordon", equation) ]
    |> Problem.on [] 10.0 100 [ ("ends", u - solution) ]
    |> Problem.initially [ ("u", [ x; number 0.0 ]) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem (Mlp.create [ 2; 24; 24; 24; 1 ]) settings |> ignore
