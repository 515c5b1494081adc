// The Kuramoto–Sivashinsky equation  u_t + 5 u u_x + ½ u_xx + 0.005 u_xxxx = 0  from -sin πx, in a time when it is not
// chaotic. Wang, Sankaran, Perdikaris, CMAME 421 (2024), arXiv 2203.07404, section 4.3.
//   ./metakan script scripts/pdes/kuramoto-sivashinsky.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let circle = Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0
let equation = d u [ t ] + 5.0 * u * d u [ x ] + 0.5 * d u [ x; x ] + 0.005 * d u [ x; x; x; x ]

let problem =
    Problem.create "kuramoto-sivashinsky" circle [ "x"; "t" ] [ "u" ] [ ("flames", equation) ]
    |> Problem.periodic [ "x" ] 2
    |> Problem.initially [ ("u", [ -sin(Math.PI * x) ]) ]

let model = Mlp.create [ Problem.inputs problem; 24; 24; 24; 1 ]
let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

let solution = Script.solve problem model settings

let finish = [| for i in 0..999 -> [| -1.0 + float i / 500.0; 1.0 |] |] |> Array.concat
let u1 = solution.U(Tensor.ofArray Placement.cpu64 [ 1000L; 2L ] finish)
printfn $"The mean of u at the end is %.1e{Tensor.item (u1.mean ())}; it is 0 for good"
