// A first KAN: a formula found from data. The network learns f(x, y) = exp(sin(πx) + y²) from 1000 points, sparsely; what
// it does not need is pruned; each edge left becomes a function of the library; the formula is what they compose to.
//   ./metakan script scripts/hello-kan.fsx [STEPS] [SEED]
#load "metakan.fsx"

open MetaKan
open MetaKan.Symbolic
open MetaKan.Fitting
open TorchSharp

let steps = Script.argument 1 "STEPS" 50
let seed = Script.argument 2 "SEED" 1

let place, key = Placement.cpu64, Key.ofSeed seed
let truth = Parser.expression "exp(sin(pi*x) + y^2)"

let data =
    Dataset.ofFormula truth [ "x", (-1.0, 1.0); "y", (-1.0, 1.0) ] 1000 1000 0.0 (Key.fold 0 key) place

let x, y = data.Train.X, data.Train.Y

/// The root mean square error at the held-out points.
let rmse (fitted: Fitted) =
    use _ = torch.no_grad ()
    Tensor.item ((Network.values fitted.Network data.Test.X fitted.Params - data.Test.Y).square().mean().sqrt())

let look (fitted: Fitted) =
    let trace = Network.trace fitted.Network x fitted.Params
    trace, Attribution.scores fitted.Network trace

let folder = (System.IO.Directory.CreateDirectory(RunFolder.free "runs/hello-kan")).ToString()

/// Says how good a network is and draws it.
let show name (fitted: Fitted) =
    let trace, scores = look fitted
    let path = System.IO.Path.Combine(folder, name + ".svg")
    Plot.save path (Diagram.svg data.Inputs data.Targets fitted trace scores)
    printfn $"{name, -12} test RMSE {rmse fitted:``0.0e+00``}   {path}"
    fitted

let train sparsity (fitted: Fitted) =
    let gradient = Descent.sparse FitLoss.Square sparsity fitted.Network x y
    let p = Descent.run (Lbfgs.create 10 20) gradient steps (fun _ _ _ -> true) fitted.Params
    { fitted with Params = p }

let prune (fitted: Fitted) =
    let fitted = Pruning.nodes 0.01 (snd (look fitted)) fitted
    Pruning.edges 0.03 (snd (look fitted)) fitted

/// Trains the numbers a, b, c, d of every edge's c·f(a x + b) + d.
let refit (fitted: Fitted) =
    let affine, others = fitted.Params |> Map.partition (fun name _ -> name.StartsWith "symbols.")

    let gradient =
        Descent.gradient FitLoss.Square (Network.values fitted.Network x) y |> Descent.resting others

    let p = Descent.run (Lbfgs.create 10 20) gradient steps (fun _ _ _ -> true) affine
    { fitted with Params = Params.union [ others; p ] }

let network =
    Network.create { Size = 5; Order = 3 } CoefficientSource.Stored [ Nodes.sums 2; Nodes.sums 5; Nodes.sums 1 ]

let symbolic =
    { Network = network; Params = Network.init 0.3 network (Key.fold 1 key) place }
    |> show "1-start"
    |> train { Weight = 1e-2; EntropyWeight = 2.0 }
    |> show "2-sparse"
    |> prune
    |> show "3-pruned"
    |> train Sparsity.none
    |> show "4-trained"
    |> SymbolicEdges.auto SymbolicEdges.defaults x (fun edge found ->
        printfn $"  layer {edge.Layer}, {edge.From} to {edge.To}: {found.Function.Name}, R² = {found.Fit.R2:F6}")
    |> show "5-symbolic"
    |> refit
    |> show "6-refitted"

/// The held-out points as values by name.
let points =
    Tensor.toArray data.Test.X
    |> Array.chunkBySize 2
    |> Array.map (fun row name -> if name = "x" then row[0] else row[1])
    |> List.ofArray

let formula =
    SymbolicEdges.formulas (List.map Variable data.Inputs) symbolic
    |> List.head
    |> Tidy.formula (List.truncate 100 points) 1e-3
    |> Simplify.rounded 4

let error =
    points
    |> List.averageBy (fun at -> pown (Expression.value at formula - Expression.value at truth) 2)
    |> sqrt

printfn $"f(x, y) = {Printer.text formula}, test RMSE {error:``0.0e+00``}"
