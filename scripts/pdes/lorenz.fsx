// Lorenz' system  x' = 10 (y - x), y' = x (15 - z) - y, z' = xy - 8/3 z,  ordinary equations with time their only
// coordinate, with the start built in. Lorenz, J. Atmos. Sci. 20 (1963); ρ = 15 as in DeepXDE's example.
//   ./metakan script scripts/pdes/lorenz.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let t = coordinate "t"
let x, y, z = field "x", field "y", field "z"

let equations =
    [
        "x", d x [ t ] - 10.0 * (y - x)
        "y", d y [ t ] - x * (15.0 - z) + y
        "z", d z [ t ] - x * y + 8.0 / 3.0 * z
    ]

let problem =
    Problem.create "lorenz" (Domain.interval 0.0 3.0) [ "t" ] [ "x"; "y"; "z" ] equations
    |> Problem.initially [ "x", [ number -8.0 ]; "y", [ number 7.0 ]; "z", [ number 27.0 ] ]

let settings =
    { SolveSettings.natural with
        Epochs = Script.argument 1 "STEPS" 300
        Collocation = { SolveSettings.natural.Collocation with Points = 300 }
    }

let solution = Script.solve problem (Mlp.create [ 1; 24; 24; 24; 3 ]) settings

let finish = solution.U(Tensor.ofArray Placement.cpu64 [ 1L; 1L ] [| 3.0 |]) |> Tensor.toArray
printfn $"At the end x = %.4f{finish[0]}, y = %.4f{finish[1]}, z = %.4f{finish[2]}"
