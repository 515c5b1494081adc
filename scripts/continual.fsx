// Learning without forgetting: five peaks on [-1, 1], shown one after another. Splines are local, so a KAN changes only
// where there are points, and keeps the earlier peaks; an MLP forgets them.
// Liu et al., "KAN" (arXiv 2404.19756), section 3.5.
//   ./metakan script scripts/continual.fsx [STEPS] [POINTS]
#load "metakan.fsx"

open MetaKan
open MetaKan.Fitting
open TorchSharp

let steps = Script.argument 1 "STEPS" 20
let points = Script.argument 2 "POINTS" 100

let place, key = Placement.cpu64, Key.ofSeed 0
let peaks = 5
let width = 2.0 / float peaks
let centres = [ for i in 0 .. peaks - 1 -> -1.0 + width * (float i + 0.5) ]
let column (values: float list) = Tensor.ofArray place [ int64 values.Length; 1L ] (List.toArray values)
let truth (x: Tensor) = centres |> List.map (fun c -> torch.exp ((x - c).square() * -300.0)) |> List.reduce (+)

/// One peak's points.
let samples c = column [ for n in 0 .. points - 1 -> c + width * ((float n + 0.5) / float points - 0.5) ]

// The KAN is one spline of 200 intervals. Its base function is switched off, and rests: silu reaches everywhere.
let kan =
    Network.create { Size = 200; Order = 3 } CoefficientSource.Stored [ Nodes.sums 1; Nodes.sums 1 ]

let fresh = Network.init 0.0 kan key place
let spline, others = fresh |> Map.partition (fun name _ -> name.EndsWith ".coef")

let resting =
    others |> Map.map (fun name t -> if name.EndsWith "scale_base" then torch.zeros_like t else t)

let withResting p = Params.union [ resting; p ]
let mlp = Mlp.create [ 1; 32; 32; 1 ]

// The MLP gets Adam, which suits it here, and as many gradients as L-BFGS takes.
let adam =
    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 1e-2; WeightDecay = 0.0 })

let learners =
    [
        "KAN", spline, (fun x -> Network.values kan x << withResting), (Lbfgs.create 10 20, steps)
        "MLP", mlp.Init key place, (fun x p -> mlp.Apply p x), (adam, 20 * steps)
    ]

let everywhere = column [ for n in 0..999 -> -1.0 + 2.0 * (float n + 0.5) / 1000.0 ]
let curve (values: Tensor) = Array.zip (Tensor.toArray everywhere) (Tensor.toArray values)

/// What a learner predicts everywhere after each phase.
let phases (_, start: Params, predict: Tensor -> Params -> Tensor, (optimizer, steps)) =
    (start, centres)
    ||> List.scan (fun p c ->
        let x = samples c
        Descent.run optimizer (Descent.gradient FitLoss.Square (predict x) (truth x)) steps (fun _ _ _ -> true) p)
    |> List.tail
    |> List.map (fun p -> (predict everywhere p).detach())

let predictions = learners |> List.map phases |> List.transpose
let rmse (values: Tensor) = Tensor.item ((values - truth everywhere).square().mean().sqrt())
let folder = (System.IO.Directory.CreateDirectory(RunFolder.free "runs/continual")).ToString()

printfn "RMSE over [-1, 1]   KAN       MLP"

for phase, values in List.indexed predictions do
    let errors = values |> List.map (fun v -> (rmse v).ToString "0.0e+00") |> String.concat "   "
    printfn $"after peak {phase + 1}        {errors}"

    let line name values = { Name = name; Mark = Mark.Line; Points = curve values }

    Plot.chart
        {
            Title = $"After peak {phase + 1} of {peaks}"
            Description = $"the five peaks, and what the KAN and the MLP predict after {phase + 1} of them"
            X = { Label = "x"; Scale = Scale.Linear }
            Y = { Label = "f"; Scale = Scale.Linear }
            Series = line "peaks" (truth everywhere) :: List.map2 (fun (name, _, _, _) v -> line name v) learners values
        }
    |> Plot.save (System.IO.Path.Combine(folder, $"phase-{phase + 1}.svg"))

printfn $"The figures are in {folder}"
