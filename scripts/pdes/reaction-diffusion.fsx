// Diffusion and a source,  u_t = u_xx + f,  with modes 1 to 8 that all decay alike: several scales at once. As in
// DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
//   ./metakan script scripts/pdes/reaction-diffusion.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let domain = Domain.interval -Math.PI Math.PI |> Domain.during 0.0 1.0
let start = [ 1.0; 2.0; 3.0; 4.0; 8.0 ] |> List.map (fun k -> sin (k * x) / k) |> List.reduce (+)
let solution = exp (-t) * start
let equation = d u [ t ] - d u [ x; x ]

let problem =
    Problem.manufactured "reaction-diffusion" domain [ "x"; "t" ] [ ("u", solution) ] [ ("diffusion", equation) ]
    |> Problem.hard [ "start"; "left"; "right" ] [ ("u", start) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem (Mlp.create [ 2; 24; 24; 24; 1 ]) settings |> ignore
