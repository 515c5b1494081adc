// The stiffness of a square bar against torsion, by the energy that Prandtl's stress function s makes least (Deep Ritz),
//   ∫ ½|∇s|² - 2s,  s = 0 on the edge;  2 ∫ s is 0.1406 for a side of 1. Energies are for Adam.
// E, Yu, Commun. Math. Stat. 6 (2018), arXiv 1710.00211; Timoshenko, Goodier, Theory of Elasticity (1951).
//   ./metakan script scripts/pdes/torsion.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, y, s = coordinate "x", coordinate "y", field "s"
let bar = Domain.box [ 0.0, 1.0; 0.0, 1.0 ]
let density = 0.5 * (d s [ x ] ** 2.0 + d s [ y ] ** 2.0) - 2.0 * s

let problem =
    { Problem.create "torsion" bar [ "x"; "y" ] [ "s" ] [] with
        Equations = [ Equation.energy "energy" density ]
    }
    |> Problem.hard [] [ ("s", number 0.0) ]

let model = Mlp.create [ 2; 32; 32; 1 ]

let settings =
    { SolveSettings.defaults with Epochs = Script.argument 1 "STEPS" 3000; Placement = Placement.cpu64 }

let solution = Script.solve problem model settings

// The integral is the same at every point, so that one will do.
let over v = integral v (number 0.0, number 1.0)
let point = Tensor.ofArray Placement.cpu64 [ 1L; 2L ] [| 0.5; 0.5 |]
let stiffness = Evaluation.columns problem model solution.Params [ 2.0 * over x (over y s) ] point
printfn $"The stiffness is %.5f{Tensor.item stiffness}, exactly 0.14058"
