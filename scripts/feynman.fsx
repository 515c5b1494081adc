// Equations of physics by a KAN and a MetaKAN of the same widths: a few of the Feynman set, fitted from 1000 points each.
//   ./metakan script scripts/feynman.fsx [STEPS]
#load "metakan.fsx"

open MetaKan
open MetaKan.Fitting

let steps = Script.argument 1 "STEPS" 40

let equations = [ "I.6.20a"; "I.12.11"; "I.26.2"; "II.6.15a" ] |> List.map Feynman.find
let meta = { EmbeddingDim = 1; HiddenDim = 16; Sharing = GeneratorSharing.Shared; Chunk = None }

let fit (equation: FeynmanEquation) (name, source) =
    let data = Dataset.ofFeynman equation 1000 1000 0.0 (Key.ofSeed 1) Placement.cpu64
    let layers = [ data.Inputs.Length; 5; 5; 1 ] |> List.map Nodes.sums

    let settings = { FitSettings.defaults with Steps = [ steps ] }
    let place = RunPlace.fresh (RunFolder.free $"runs/feynman-{equation.Name}-{name}")
    let learner = Learner.Network(Network.create { Size = 5; Order = 3 } source layers)
    let result = (Fit.run place settings { Data = data; Scaling = None } learner ignore).Result
    let number (name: string) = float result[name]
    $"""{result["parameters"], 6} {number "test_rmse_relative", 9:``0.0e+00``} {number "seconds", 5:F1} s"""

printfn "parameters, test RMSE over the values' spread, and time:"
printfn "%-55s %-25s %s" "" "KAN" "MetaKAN"

for equation in equations do
    let found =
        [ "kan", CoefficientSource.Stored; "metakan", CoefficientSource.Generated meta ]
        |> List.map (fit equation)

    printfn "%-9s %-44s %s" equation.Name equation.Formula (String.concat "   " found)
