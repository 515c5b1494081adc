// The flow in a square cavity under a moving lid, Reynolds number 100, by its stream function s, velocities s_y and -s_x:
//   s_y Δs_x - s_x Δs_y = Δ²s/100,
// with s = 0 on the walls built in and its slopes conditions. Velocities go into a file for ParaView.
// Ghia, Ghia, Shin, J. Comput. Phys. 48 (1982).
//   ./metakan script scripts/pdes/cavity.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, y, s = coordinate "x", coordinate "y", field "s"
let cavity = Domain.box [ 0.0, 1.0; 0.0, 1.0 ]
let velocity = d s [ y ], -(d s [ x ])
let whirl = laplacian s [ x; y ]

let motion =
    0.01 * laplacian whirl [ x; y ] - fst velocity * d whirl [ x ] - snd velocity * d whirl [ y ]

let problem =
    Problem.create "cavity" cavity [ "x"; "y" ] [ "s" ] [ ("motion", motion) ]
    |> Problem.hard [] [ ("s", number 0.0) ]
    |> Problem.on [ "top" ] 10.0 100 [ ("lid", normalDerivative s [ x; y ] - 1.0) ]
    |> Problem.on [ "left"; "right"; "bottom" ] 10.0 150 [ ("walls", normalDerivative s [ x; y ]) ]

let model = Mlp.create [ 2; 24; 24; 24; 1 ]
let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

let solution = Script.solve problem model settings

let grid = EvaluationPoints.Grid([ 65; 65 ], [])
let columns = [ "u", fst velocity; "v", snd velocity ]
Evaluation.toFile "runs/cavity.vti" problem model solution.Params grid columns |> ignore

let eye = solution.U(Tensor.ofArray Placement.cpu64 [ 1L; 2L ] [| 0.6172; 0.7344 |])
printfn $"The stream function in the vortex is %.4f{Tensor.item eye}; Ghia et al. have -0.1034"
