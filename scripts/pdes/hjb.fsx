// Optimal control in a hundred dimensions, the Hamilton–Jacobi–Bellman equation
//   u_t + Δu = |∇u|²,  u = log((1 + |x|²)/2) at the end,
// where noise leads from normal points. Han, Jentzen, E, PNAS 115 (2018), arXiv 1707.02568, section 4.2.
//   ./metakan script scripts/pdes/hjb.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let dim = 100
let x, t, u = coordinates "x" dim, coordinate "t", field "u"
let squares (terms: Term list) = [ for term in terms -> term ** 2.0 ] |> List.reduce (+)
let equation = d u [ t ] + laplacian u x - squares (grad u x)
let finish = log (0.5 + 0.5 * squares x)

let names = [ for i in 1..dim -> $"x{i}" ] @ [ "t" ]
let domain = Domain.brownian dim 1.0 1.0 0.0 1.0

let problem =
    Problem.create "hjb" domain names [ "u" ] [ ("hjb", equation) ]
    |> Problem.hard [ "end" ] [ ("u", finish) ]

let model =
    MetaKan.create
        { Size = 5; Order = 3 }
        { EmbeddingDim = 1; HiddenDim = 32; Sharing = GeneratorSharing.PerLayer; Chunk = None }
        [ dim + 1; 32; 1 ]

let solution =
    Script.solve problem model { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 60 }

// Cole and Hopf: u = -log E exp(-u at the end) over the noise of the time that is left.
let start = Domain.walls [ "start" ] domain (Key.ofSeed 1) Placement.cpu64 1
let noise = Key.normal (Key.ofSeed 2) Placement.cpu64 [ 200000L; int64 dim ]
let ends = start.narrow (1L, 0L, int64 dim) + sqrt 2.0 * noise
let expected = -System.Math.Log(Tensor.item ((2.0 / (1.0 + ends.square().sum 1L)).mean()))
printfn $"u at the start is %.4f{Tensor.item (solution.U start)}; by 200,000 samples %.4f{expected}"
