// The Allen–Cahn equation in the unit ball by an MLP, a KAN and a MetaKAN of the same widths, on the same points.
//   ./metakan script scripts/allen-cahn.fsx [DIM] [EPOCHS]
#load "metakan.fsx"

open MetaKan
open MetaKan.Pdes

let dim = Script.argument 1 "DIM" 10
let epochs = Script.argument 2 "EPOCHS" 1000

let problem = AllenCahn.problem (TwoBody.ofSeed 0 dim)
let widths = [ dim; 64; 64; 64; 1 ]
let grid = { Size = 5; Order = 3 }

let meta = { EmbeddingDim = 1; HiddenDim = 32; Sharing = GeneratorSharing.PerLayer; Chunk = None }

let solve (model: Model) =
    printfn $"\n{problem.Name} in {dim} dimensions: {model.Description}"

    let settings =
        { SolveSettings.defaults with
            Epochs = epochs
            EmbeddingRate = 1e-2
            GeneratorRate = 1e-3
            TestPoints = 4000
        }

    let folder = RunFolder.free $"runs/allen-cahn-{model.Name}"

    let run = Solve.run (RunPlace.fresh folder) settings problem model Solve.print
    Report.write folder
    let error, speed = float run.Result["relative_l2"], float run.Result["steps_per_second"]
    $"{model.Name, -8} {Params.count run.Params, 10} {error, 11:``0.00e+00``} {speed, 9:F1}   {folder}"

let lines =
    [ Mlp.create widths; Kan.create grid widths; MetaKan.create grid meta widths ] |> List.map solve

printfn "\nmodel    parameters relative L2   steps/s   run"
lines |> List.iter (printfn "%s")
