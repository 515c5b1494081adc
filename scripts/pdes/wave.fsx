// The wave equation  u_tt = 4 u_xx  of two modes at rest at the start, with fixed ends, all built in; Fourier features
// let the network see the fast one. Wang, Yu, Perdikaris, J. Comput. Phys. 449 (2022), arXiv 2007.14527, section 7.3.
//   ./metakan script scripts/pdes/wave.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let string = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0
let slow, fast = sin (Math.PI * x), 0.5 * sin (4.0 * Math.PI * x)
let solution = slow * cos (2.0 * Math.PI * t) + fast * cos (8.0 * Math.PI * t)

let problem =
    Problem.manufactured "wave" string [ "x"; "t" ] [ ("u", solution) ] [ ("wave", d u [ t; t ] - 4.0 * d u [ x; x ]) ]
    |> Problem.hard [] [ ("u", number 0.0) ]
    |> Problem.initially [ ("u", [ slow + fast; number 0.0 ]) ]

// 24 random frequencies with a standard deviation of 3 in coordinates from -1 to 1; rows of weights have scales of their own.
let model =
    Mlp.create [ 48; 24; 24; 24; 1 ] |> Factorised.create 1.0 0.1 |> FourierFeatures.create 2 24 3.0 0

let settings =
    { SolveSettings.natural with
        Epochs = Script.argument 1 "STEPS" 400
        Emphasis = { Emphasis.none with Points = PointChoice.Rad; Every = 5 }
    }

Script.solve problem model settings |> ignore
