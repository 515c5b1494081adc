// Poisson's equation  Δu = -1  on an L, a polygon, with u = 0 on its walls built in; in the corner ∇u is infinite. Lu,
// Meng, Mao, Karniadakis, SIAM Review 63 (2021), section 4.1.
//   ./metakan script scripts/pdes/poisson-l.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, y, u = coordinate "x", coordinate "y", field "u"
let corners = [ -1.0, -1.0; 1.0, -1.0; 1.0, 0.0; 0.0, 0.0; 0.0, 1.0; -1.0, 1.0 ]

let problem =
    Problem.create
        "poisson-l"
        (Domain.polygon corners [])
        [ "x"; "y" ]
        [ "u" ]
        [ ("poisson", laplacian u [ x; y ] + 1.0) ]
    |> Problem.hard [] [ ("u", number 0.0) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

let solution = Script.solve problem (Mlp.create [ 2; 24; 24; 24; 1 ]) settings

let inside = problem.Domain.Draw Numbers.sobol (Key.ofSeed 1) Placement.cpu64 10000
printfn $"∫u is %.5f{3.0 * Tensor.item ((solution.U inside).mean())}; finite elements have 0.21408"
