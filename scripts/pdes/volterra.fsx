// Volterra's integro-differential equation  u' + u = ∫ e^(s - x) u(s) ds  for s from 0 to x,  u(0) = 1, with the
// solution e⁻ˣ cosh x. As in DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
//   ./metakan script scripts/pdes/volterra.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, u, s = coordinate "x", field "u", variable "s"
let memory = integral s (number 0.0, x) (exp (s - x) * at [ (x, s) ] u)

let problem =
    { Problem.create "volterra" (Domain.interval 0.0 5.0) [ "x" ] [ "u" ] [ ("volterra", d u [ x ] + u - memory) ] with
        Exact = Some(Problem.valuesOf [ "x" ] [ exp (-x) * cosh x ])
    }
    |> Problem.hard [ "left" ] [ ("u", number 1.0) ]

let settings =
    { SolveSettings.natural with
        Epochs = Script.argument 1 "STEPS" 100
        Collocation = { SolveSettings.natural.Collocation with Points = 100 }
    }

Script.solve problem (Kan.create { Size = 6; Order = 4 } [ 1; 6; 1 ]) settings |> ignore
