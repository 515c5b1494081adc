// The Korteweg–de Vries equation  u_t + u u_x + 0.022² u_xxx = 0  from cos πx: a train of solitons, at points
// that are drawn anew where residuals are large. Zabusky, Kruskal, Phys. Rev. Lett. 15 (1965).
//   ./metakan script scripts/pdes/kdv.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let circle = Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0
let equation = d u [ t ] + u * d u [ x ] + 0.022 ** 2.0 * d u [ x; x; x ]

let problem =
    Problem.create "kdv" circle [ "x"; "t" ] [ "u" ] [ ("kdv", equation) ]
    |> Problem.periodic [ "x" ] 2
    |> Problem.initially [ ("u", [ cos (Math.PI * x) ]) ]

let model = Mlp.create [ Problem.inputs problem; 24; 24; 24; 1 ]

let settings =
    { SolveSettings.natural with
        Epochs = Script.argument 1 "STEPS" 250
        Collocation = { SolveSettings.natural.Collocation with Points = 2500 }
        Emphasis = { Emphasis.none with Points = PointChoice.Rad; Every = 5 }
    }

let solution = Script.solve problem model settings

let finish = [| for i in 0..999 -> [| -1.0 + float i / 500.0; 1.0 |] |] |> Array.concat
let u1 = solution.U(Tensor.ofArray Placement.cpu64 [ 1000L; 2L ] finish)
printfn $"∫u² at the end is %.4f{2.0 * Tensor.item (u1.square().mean())}; at the start, and for good, it is 1"
