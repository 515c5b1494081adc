// Helmholtz' equation  Δu + k²u = f  on the unit square, u = 0 on its walls, for waves k = 2π long: by a MetaKAN, whose
// splines a small network makes. As in DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
//   ./metakan script scripts/pdes/helmholtz.fsx [STEPS]
#load "../metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y, u = coordinate "x", coordinate "y", field "u"
let square = Domain.box [ 0.0, 1.0; 0.0, 1.0 ]
let k = 2.0 * Math.PI
let solution = sin (k * x) * sin (k * y)
let equation = laplacian u [ x; y ] + k * k * u

let problem =
    Problem.manufactured "helmholtz" square [ "x"; "y" ] [ ("u", solution) ] [ ("helmholtz", equation) ]
    |> Problem.hard [] [ ("u", number 0.0) ]

let model =
    MetaKan.create
        { Size = 6; Order = 4 }
        { EmbeddingDim = 1; HiddenDim = 16; Sharing = GeneratorSharing.PerLayer; Chunk = None }
        [ 2; 10; 10; 1 ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem model settings |> ignore
