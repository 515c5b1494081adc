// Optimal control in a hundred dimensions, the Hamilton–Jacobi–Bellman equation
//   u_t + Δu = |∇u|²,  u = log((1 + |x|²)/2) at the end,
// by a MetaKAN and Adam, with the end built in. Han, Jentzen, E, PNAS 115 (2018), arXiv 1707.02568, section 4.2.
//   ./metakan script scripts/pdes/hjb.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let dim = 100
let x, t, u = coordinates "x" dim, coordinate "t", field "u"
let sum (terms: Term list) = List.reduce (+) terms
let equation = d u [ t ] + laplacian u x - sum [ for slope in grad u x -> slope ** 2.0 ]
let finish = log (0.5 + 0.5 * sum [ for xi in x -> xi ** 2.0 ])

let names = [ for i in 1..dim -> $"x{i}" ] @ [ "t" ]
let domain = Domain.brownian dim 0.0 1.0 0.0 1.0 // from the origin, where noise takes it in time

let problem =
    Problem.create "hjb" domain names [ "u" ] [ ("hjb", equation) ]
    |> Problem.hard [ "end" ] [ ("u", finish) ]

let model =
    MetaKan.create
        { Size = 5; Order = 3 }
        { EmbeddingDim = 1; HiddenDim = 32; Sharing = GeneratorSharing.PerLayer; Chunk = None }
        [ dim + 1; 64; 64; 1 ]

let settings = { SolveSettings.defaults with Epochs = Script.argument 1 "STEPS" 2000 }
let solution = Script.solve problem model settings

let origin = Tensor.ofArray Placement.cpu32 [ 1L; int64 names.Length ] (Array.zeroCreate names.Length)
printfn $"u(0, 0) is %.4f{Tensor.item (solution.U origin)}; Han, Jentzen and E have 4.5901"
