// Burgers' equation  u_t + u u_x = ν u_xx,  ν = 0.01/π, from -sin πx: a front steepens at x = 0. Start and ends are
// built in. Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), appendix A.1.
//   ./metakan script scripts/pdes/burgers.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, t, u = coordinate "x", coordinate "t", field "u"
let domain = Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0
let equation = d u [ t ] + u * d u [ x ] - 0.01 / Math.PI * d u [ x; x ]

let problem =
    Problem.create "burgers" domain [ "x"; "t" ] [ "u" ] [ ("burgers", equation) ]
    |> Problem.hard [ "start"; "left"; "right" ] [ ("u", -sin(Math.PI * x)) ]

let model = Mlp.create [ 2; 24; 24; 24; 1 ]

let settings =
    { SolveSettings.natural with
        Epochs = Script.argument 1 "STEPS" 300
        Collocation = { SolveSettings.natural.Collocation with Points = 2000 }
        Emphasis = { Emphasis.none with Points = PointChoice.Rad; Every = 5 }
    }

let solution = Script.solve problem model settings

// Basdevant et al., Computers & Fluids 14 (1986): the steepest slope, and when it is reached.
let steepest = Tensor.ofArray Placement.cpu64 [ 1L; 2L ] [| 0.0; 1.6037 / Math.PI |]
let slope = Evaluation.columns problem model solution.Params [ d u [ x ] ] steepest
printfn $"The front's slope at t = 1.6037/π is %.2f{Tensor.item slope}, exactly -152.005"
