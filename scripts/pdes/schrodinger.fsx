// The nonlinear Schrödinger equation  i h_t + h_xx/2 + |h|² h = 0  for a complex h, from 2/cosh x: a soliton that
// breathes. Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), section 3.1.1.
//   ./metakan script scripts/pdes/schrodinger.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t = coordinate "x", coordinate "t"
let h = Complex.create (field "u") (field "v")
let by coordinates = Complex.map (fun part -> d part coordinates)
let equation = Complex.i * by [ t ] h + 0.5 * by [ x; x ] h + Complex.squared h * h
let circle = Domain.interval -5.0 5.0 |> Domain.during 0.0 (Math.PI / 2.0)

let problem =
    Problem.create "schrodinger" circle [ "x"; "t" ] [ "u"; "v" ] (Complex.parts "schrodinger" equation)
    |> Problem.periodic [ "x" ] 3
    |> Problem.initially [ "u", [ 2.0 / cosh x ]; "v", [ number 0.0 ] ]

let model = Mlp.create [ Problem.inputs problem; 24; 24; 24; 2 ]
let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

let solution = Script.solve problem model settings

let finish = [| for i in 0..999 -> [| -5.0 + float i / 100.0; Math.PI / 2.0 |] |] |> Array.concat
let h1 = solution.U(Tensor.ofArray Placement.cpu64 [ 1000L; 2L ] finish)

printfn
    $"∫|h|² at the end is %.4f{10.0 * Tensor.item (h1.square().sum(1L).mean())}; for good it is %.4f{8.0 * tanh 5.0}"
