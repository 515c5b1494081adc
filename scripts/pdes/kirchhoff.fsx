// An equation that is not local: diffusion that is the faster the steeper the solution is as a whole,
//   u_t = (1 + ∫ u_x² dx) u_xx + f,  u = 0 at the ends.
// The factor is the tension of Kirchhoff's string, Vorlesungen über Mechanik (1876); f is that of e⁻ᵗ sin πx.
//   ./metakan script scripts/pdes/kirchhoff.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let domain = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0
let stretched f = integral x (number 0.0, number 1.0) (d f [ x ] ** 2.0)
let equation = d u [ t ] - (1.0 + stretched u) * d u [ x; x ]

// Of the solution the integral is π²/2 e⁻²ᵗ.
let solution = exp (-t) * sin (Math.PI * x)
let tension = 1.0 + Math.PI ** 2.0 / 2.0 * exp (-2.0 * t)
let force = d solution [ t ] - tension * d solution [ x; x ]

let problem =
    { Problem.create "kirchhoff" domain [ "x"; "t" ] [ "u" ] [ ("kirchhoff", equation - force) ] with
        Exact = Some(Problem.valuesOf [ "x"; "t" ] [ solution ])
    }
    |> Problem.hard [ "start"; "left"; "right" ] [ ("u", sin (Math.PI * x)) ]

let settings =
    { SolveSettings.natural with
        Epochs = Script.argument 1 "STEPS" 100
        Collocation = { SolveSettings.natural.Collocation with Points = 200 }
    }

Script.solve problem (Mlp.create [ 2; 16; 16; 1 ]) settings |> ignore
