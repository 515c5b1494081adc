// The Allen–Cahn equation  u_t = u_xx/10⁴ + 5 u - 5 u³  from x² cos πx: layers that sharpen in time.
// Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), section 4.1.
//   ./metakan script scripts/pdes/allen-cahn-1d.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let circle = Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0
let equation = d u [ t ] - 1e-4 * d u [ x; x ] - 5.0 * u + 5.0 * u ** 3.0

let problem =
    Problem.create "allen-cahn-1d" circle [ "x"; "t" ] [ "u" ] [ ("reaction", equation) ]
    |> Problem.periodic [ "x" ] 4
    |> Problem.initially [ ("u", [ x ** 2.0 * cos (Math.PI * x) ]) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 500 }
let solution = Script.solve problem (Mlp.create [ Problem.inputs problem; 24; 24; 24; 1 ]) settings

let values = problem.Domain.Sample (Key.ofSeed 1) Placement.cpu64 10000 |> solution.U
printfn $"The largest |u| is %.3f{Tensor.item (values.abs().max())}; the maximum principle allows 1"
