// The heat equation  u_t = 0.4 u_xx  on the unit interval, from sin πx, 0 at the ends, all built in: by a KAN. As in
// DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
//   ./metakan script scripts/pdes/heat.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let rod = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0
let solution = exp (-0.4 * Math.PI ** 2.0 * t) * sin (Math.PI * x)

let problem =
    Problem.manufactured "heat" rod [ "x"; "t" ] [ ("u", solution) ] [ ("heat", d u [ t ] - 0.4 * d u [ x; x ]) ]
    |> Problem.hard [ "start"; "left"; "right" ] [ ("u", sin (Math.PI * x)) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem (Kan.create { Size = 6; Order = 4 } [ 2; 8; 8; 1 ]) settings |> ignore
