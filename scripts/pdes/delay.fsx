// An equation with a delay,  y' = -π/2 y(t - 1),  from the history cos πt/2 before t = 0; it goes on so. Hutchinson,
// Ann. N.Y. Acad. Sci. 50 (1948): with a larger factor the oscillation grows, with a smaller one it decays.
//   ./metakan script scripts/pdes/delay.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let t, y = coordinate "t", field "y"
let solution = cos (Math.PI / 2.0 * t)

// 0 in the history and 1 after it, where the equation holds.
let after = 0.5 * (1.0 + t / abs t)
let equation = after * (d y [ t ] + Math.PI / 2.0 * at [ (t, t - 1.0) ] y)
let history = (Domain.interval -1.0 0.0).Sample

let problem =
    { Problem.create "delay" (Domain.interval -1.0 4.0) [ "t" ] [ "y" ] [ ("delay", equation) ] with
        Conditions = [ Condition.create "history" 10.0 50 history (y - solution) ]
        Exact = Some(Problem.valuesOf [ "t" ] [ solution ])
    }

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem (Mlp.create [ 1; 16; 16; 1 ]) settings |> ignore
