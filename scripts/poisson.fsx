// Poisson's equation in the unit ball by a MetaKAN, three times over: with the exact Laplacian, and with estimates of it
// from four directions a step, by SDGD and by Hutchinson's signs.
//   ./metakan script scripts/poisson.fsx [DIM] [EPOCHS]
#load "metakan.fsx"

open MetaKan
open MetaKan.Pdes

let dim = Script.argument 1 "DIM" 20
let epochs = Script.argument 2 "EPOCHS" 500

let problem = Poisson.problem (TwoBody.ofSeed 0 dim)

let model =
    MetaKan.create
        { Size = 5; Order = 3 }
        { EmbeddingDim = 1; HiddenDim = 32; Sharing = GeneratorSharing.PerLayer; Chunk = None }
        [ dim; 64; 64; 1 ]

let solve (name, laplacian) =
    printfn $"\n{problem.Name} in {dim} dimensions, {model.Description}: {name}"

    let settings =
        { SolveSettings.defaults with
            Epochs = epochs
            EmbeddingRate = 1e-2
            GeneratorRate = 1e-3
            Collocation = { SolveSettings.defaults.Collocation with Laplacian = laplacian }
            TestPoints = 4000
        }

    let folder = RunFolder.free $"runs/poisson-{name}"

    let run = Solve.run (RunPlace.fresh folder) settings problem model Solve.print
    Report.write folder
    let error, speed = float run.Result["relative_l2"], float run.Result["steps_per_second"]
    $"{name, -10} {error, 11:``0.00e+00``} {speed, 9:F1}   {folder}"

let lines =
    [
        "exact", LaplacianMethod.Exact
        "sdgd", LaplacianMethod.Sdgd 4
        "hutchinson", LaplacianMethod.Hutchinson 4
    ]
    |> List.map solve

printfn "\nLaplacian  relative L2   steps/s   run"
lines |> List.iter (printfn "%s")
