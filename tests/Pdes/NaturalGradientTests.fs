/// Natural gradients: least squares where residuals are linear, and steps that never make things worse where they are not.
module MetaKan.Tests.NaturalGradientTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open MetaKan.Tests.Runs
open TorchSharp

let private x, y, u = coordinate "x", coordinate "y", field "u"
let private place = Placement.cpu64
let private grid = { Size = 3; Order = 4 }

let private settings points : Collocation =
    {
        Points = points
        Sampling = Sampling.Random
        Laplacian = LaplacianMethod.Exact
        Unbiased = false
        MemoryLimit = 2048
    }

let private square = Domain.box [ -1.0, 1.0; -1.0, 1.0 ]

let private posed name residual : Problem =
    { Problem.create name square [ "x"; "y" ] [ "u" ] [ name, residual ] with
        Conditions = [ Condition.create "walls" 3.0 2 (Domain.walls [] square) (u - sin (x + y)) ]
    }

let private linear = posed "linear" (d u [ x ] + 2.0 * u - x * d u [ y ] + d u [ x; x ] - exp x)

let private nonlinear = posed "nonlinear" (laplacian u [ x; y ] + u * d u [ x ] - exp u + cos (3.0 * x))

let private widths = [ 2; 4; 1 ]

let private models =
    [
        Mlp.create widths
        Kan.create grid widths
        MetaKan.create grid { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.Shared; Chunk = None } widths
    ]

let private flat (p: Params) = torch.cat (Params.tensors p |> Array.map _.flatten())
let private keyOf (step: int) = Key.fold step (Key.ofSeed 11)
let private damped (value: float) : Params = Map [ "natural.damping", Tensor.ofArray place [] [| value |] ]
let private damping (memory: Params) = Tensor.item memory["natural.damping"]
let private started (model: Model) seed = model.Init (Key.ofSeed seed) place |> Map.map (fun _ t -> t + 0.1)
let private sumOfSquares (r: Tensor) = Tensor.item ((r * r).sum())
let private times (j: Tensor) (d: Tensor) = (Tensor.product j (d.unsqueeze -1L)).squeeze -1L

let private stageWith momentum points problem (model: Model) =
    NaturalGradient.stage
        momentum
        {
            Problem = problem
            Model = model
            Collocation = settings points
            Emphasis = Emphasis.none
            Steps = 100
            First = 0
            Span = 100
            Step = keyOf
            Draws = Key.ofSeed 12
        }

let private stage points problem model = stageWith 0.0 points problem model

/// One step from a damping: the loss before it, the parameters, and the damping after it.
let private step points problem (model: Model) p start =
    let loss, p, memory = (stage points problem model).Update 0 0 p (damped start)
    Tensor.item loss, p, damping memory

/// The loss of step 0.
let private lossAt points problem model p =
    sumOfSquares ((Residuals.at (settings points) problem model (keyOf 0) place LossTerms.fresh None).Values p)

/// Runs steps from the start: losses before each, and where they end.
let private steps count (stage: Stage) (p: Params) =
    (([], p, stage.Init p), [ 0 .. count - 1 ])
    ||> List.fold (fun (losses, p, memory) n ->
        let loss, p, memory = stage.Update n n p memory
        Tensor.item loss :: losses, p, memory)
    |> fun (losses, p, memory) -> List.rev losses, p, memory

let private poisson =
    Problem.manufactured
        "poisson"
        (Domain.box [ 0.0, 1.0; 0.0, 1.0 ])
        [ "x"; "y" ]
        [ ("u", sin (Math.PI * x) * sin (Math.PI * y)) ]
        [ ("poisson", laplacian u [ x; y ]) ]
    |> Problem.hard [] [ ("u", number 0.0) ]

let private solving =
    { SolveSettings.defaults with
        Optimizer = SolveOptimizer.NaturalGradient
        Epochs = 9
        Collocation = settings 12
        Polish = 4
        PolishPoints = 20
        TestPoints = 50
        Placement = place
        EvaluateEvery = 3
        SaveEvery = 4
    }

let private withThreads (threads: int) (action: unit -> 'a) : 'a =
    let before = torch.get_num_threads ()
    torch.set_num_threads threads

    try
        Workers.hire action
    finally
        torch.set_num_threads before

/// One after another: the number of threads is the process's, and live tensors are counted.
let tests =
    testSequenced
    <| testList
        "Pdes.NaturalGradient"
        [
            property
                "where residuals are linear one step from anywhere is least squares, of more and of fewer points than numbers"
                30
                (Gen.zip3
                    (Gen.elements [ Mlp.create [ 2; 1 ]; FourierFeatures.create 2 3 1.0 5 (Mlp.create [ 6; 1 ]) ])
                    (Gen.elements [ 1; 3; 60 ])
                    seeds)
                (fun (model, points, seed) ->
                    let model = Problem.modelFor linear model
                    let p = started model seed

                    let r, j =
                        Residuals.at (settings points) linear model (keyOf 0) place LossTerms.fresh None
                        |> ResidualsTests.withJacobian p

                    let scales = NormalEquations.scales ((j * j).sum 0L)
                    let best = scales * times (torch.linalg.pinv (j * scales, 1e-7)) r
                    let loss, moved, after = step points linear model p 1e-12
                    let scale = sqrt (sumOfSquares r)
                    Check.near (1e-9 * loss) loss (sumOfSquares r) "loss"

                    let left =
                        (Residuals.at (settings points) linear model (keyOf 0) place LossTerms.fresh None).Values moved

                    close "residuals" 1e-5 (1.0 + (r - times j best) / scale) (1.0 + left / scale)

                    close "numbers" 1e-4 (flat p - best) (flat moved)

                    // A step that kept its promise is followed by bolder ones.
                    Check.near 1e-15 after (1e-12 / 3.0) "damping")

            property
                "damped, it is least squares of the residuals and of the step, each number in its scale"
                30
                (Gen.zip3 (Gen.elements [ 2; 40 ]) (Gen.choose (-6, 1)) seeds)
                (fun (points, exponent, seed) ->
                    let model = Problem.modelFor linear (FourierFeatures.create 2 3 1.0 5 (Mlp.create [ 6; 1 ]))
                    let p, damping = started model seed, 10.0 ** float exponent

                    let r, j =
                        Residuals.at (settings points) linear model (keyOf 0) place LossTerms.fresh None
                        |> ResidualsTests.withJacobian p

                    let squares = (j * j).sum 0L
                    let weights = (squares / squares.mean () + 1e-3).sqrt()
                    let trace = Tensor.item ((squares / weights).sum())
                    let smaller = min (int (j.size 0)) (int (j.size 1))
                    let lambda = damping * trace / float smaller
                    let matrix = torch.mm (j.t (), j) + lambda * torch.diag weights
                    let expected = times (torch.linalg.inv matrix) (times (j.t ()) r)
                    let _, moved, _ = step points linear model p damping
                    close "numbers" 1e-6 (flat p - expected) (flat moved))

            property
                "a step never raises the loss on its own points"
                30
                (Gen.zip3 (Gen.elements models) (Gen.choose (-14, 3)) seeds)
                (fun (model, exponent, seed) ->
                    let model = Problem.modelFor nonlinear model
                    let p = started model seed
                    let before, moved, _ = step 15 nonlinear model p (10.0 ** float exponent)
                    Check.near (1e-9 * before) before (lossAt 15 nonlinear model p) "the loss told"
                    Check.inRange 0.0 (before * (1.0 + 1e-12)) (lossAt 15 nonlinear model moved) "loss")

            property
                "with momentum a step is damped about a share of the last one, as that was taken"
                30
                (Gen.zip3 (Gen.zip (Gen.elements models) (Gen.elements [ 15; 200 ])) (Gen.choose (-6, 1)) seeds)
                (fun ((model, points), exponent, seed) ->
                    let model = Problem.modelFor nonlinear model
                    let p, damping = started model seed, 10.0 ** float exponent
                    let last = 0.01 * normal seed [ int (Params.count p) ]
                    let before = Params.union [ damped damping; Params.prefixed "natural.step" (Params.ofFlat p last) ]
                    let _, moved, memory = (stageWith 0.6 points nonlinear model).Update 0 0 p before
                    let taken = flat p - flat moved
                    close "what is remembered" 1e-9 (1.0 + taken) (1.0 + flat (Params.under "natural.step" memory))

                    let r, j =
                        Residuals.at (settings points) nonlinear model (keyOf 0) place LossTerms.fresh None
                        |> ResidualsTests.withJacobian p

                    let squares = (j * j).sum 0L
                    let weights = (squares / squares.mean () + 1e-3).sqrt()
                    let trace = Tensor.item ((squares / weights).sum())
                    let lambda = damping * trace / float (min (j.size 0) (j.size 1))
                    let matrix = torch.mm (j.t (), j) + lambda * torch.diag weights
                    let right = times (j.t ()) (r - times j (0.6 * last))
                    let d = 0.6 * last + times (torch.linalg.inv matrix) right
                    let length = Tensor.item ((taken * d).sum()) / sumOfSquares d
                    let halvings = -Math.Log2 length

                    if length <> 0.0 then
                        Check.near 1e-4 (Math.Round halvings) halvings "a whole step, or halved"

                    let size = Tensor.item (d.abs().max())
                    close "step" 1e-5 (1.0 + length * d / size) (1.0 + taken / size))

            Check.theory
                "where no step helps the numbers stay, and the damping rises"
                [
                    "no number is read", d u [ x; x ] - 1.0, 1.0
                    "too little to square", 1e-165 * u - 1.0, 1.0
                    "a step beyond all numbers", 1e-161 * u - 1e153, 1.0
                    "too much to square", sin (1e200 * u) + 2.0, 1.0
                    // At u = 0.
                    "an infinite slope", sqrt u + 2.0, 0.0
                ]
                (fun (_, residual, scale) ->
                    let problem = Problem.create "stuck" square [ "x"; "y" ] [ "u" ] [ "stuck", residual ]
                    let model = Problem.modelFor problem (Mlp.create [ 2; 1 ])
                    let p = started model 3 |> Map.map (fun _ t -> scale * t)
                    let loss, moved, after = step 9 problem model p 1e-6
                    Expect.isTrue (Double.IsFinite loss) "loss"
                    closeTrees "numbers" 0.0 p moved
                    Check.inRange 9e-6 1e4 after "damping"
                    // It has an end.
                    let _, _, after = step 9 problem model p 1e4
                    Expect.equal after 1e4 "the most")

            testCase "a Jacobian of low rank is no obstacle" (fun () ->
                // Two networks that add up: each number has a double.
                let problem = Problem.create "twice" square [ "x"; "y" ] [ "u" ] [ "twice", u - sin (2.0 * x) * y ]
                let one = Mlp.create [ 2; 6; 1 ]
                let both = Separate.networks [ "a", one; "b", one ]
                let sum = { problem with Constraint = fun _ net -> Jet.part 0 net + Jet.part 1 net }
                let model = Problem.modelFor sum both
                let p = started model 1
                let doubled (p: Params) = p |> Map.map (fun name _ -> p["a" + name.Substring 1])
                let losses, _, _ = steps 30 (stage 100 sum model) (doubled p)
                Check.inRange 0.0 (0.1 * losses.Head) (List.last losses) "loss")

            testCase "a loss that is no number ends the run, and numbers are not touched" (fun () ->
                let problem = posed "undefined" (sqrt (u - 100.0))
                let model = Problem.modelFor problem models.Head
                let p = started model 3
                let loss, moved, _ = step 9 problem model p 1e-6
                Expect.isTrue (Double.IsNaN loss) "loss"
                closeTrees "numbers" 0.0 p moved

                withFolder (fun folder ->
                    match (Solve.run (freshIn folder) solving problem models.Head ignore).Outcome with
                    | Diverged loss -> Expect.isTrue (Double.IsNaN loss) "loss"
                    | other -> failtest $"{other}"))

            testCase "in little memory a run is the same but for rounding, and in too little none begins" (fun () ->
                let network =
                    MetaKan.create
                        grid
                        { EmbeddingDim = 2; HiddenDim = 16; Sharing = GeneratorSharing.Shared; Chunk = None }
                        [ 2; 20; 20; 1 ]

                let run limit =
                    withFolder (fun folder ->
                        let settings =
                            { solving with
                                Epochs = 3
                                Polish = 0
                                Collocation = { settings 100 with MemoryLimit = limit }
                            }

                        Solve.run (freshIn folder) settings nonlinear network ignore |> _.Params)

                closeTrees "numbers" 1e-5 (run 2048) (run 1)

                let settings = { solving with Collocation = { settings 200 with MemoryLimit = 1 } }

                withFolder (fun folder ->
                    Expect.stringStarts
                        (messageOf<ArgumentException>(fun () ->
                            Solve.run (freshIn folder) settings nonlinear network ignore |> ignore))
                        "MemoryLimit: natural gradients of 202 residuals and 1104 numbers take 2 MiB or more, not 1"
                        "message"

                    Expect.isEmpty (System.IO.Directory.GetFileSystemEntries folder) "files"))

            testCase "energies are refused by their name" (fun () ->
                let energetic = { linear with Equations = linear.Equations @ [ Equation.energy "tension" (u ** 2.0) ] }

                Expect.stringStarts
                    (messageOf<ArgumentException>(fun () -> stage 5 energetic models.Head |> ignore))
                    "problem linear: 'tension' is an energy"
                    "message")

            testCase "a run that was interrupted and resumed is the uninterrupted one, to the bit" (fun () ->
                let it = { Emphasis.none with Every = 2 }
                let causal = Some { Epsilon = 1.0; Slices = 4 }

                for problem, emphasis, momentum in
                    [
                        nonlinear, Emphasis.none, 0.0
                        nonlinear, Emphasis.none, 0.7
                        Timed.heat,
                        { it with Balance = Balance.Gradients; Causal = causal; Points = PointChoice.Rad },
                        0.3
                        Timed.heat, { it with Attention = true }, 0.0
                        Timed.heat, { it with Points = PointChoice.RarD }, 0.0
                    ] do
                    withFolder (fun whole ->
                        let settings = { solving with Emphasis = emphasis; Momentum = momentum }
                        let solve place = Solve.run place settings problem models.Head ignore
                        let expected = solve (freshIn whole)
                        Expect.equal expected.Outcome Completed "outcome"

                        for cut' in [ 0; 1; 5; 8; 9; 11 ] do
                            withFolder (fun folder ->
                                Expect.equal (solve (freshIn folder |> cut cut')).Outcome Stopped "outcome"
                                let found = solve (resumedIn folder)
                                closeTrees "numbers" 0.0 expected.Params found.Params
                                Expect.equal (metrics folder) (metrics whole) "metrics")))

            testCase "fifteen steps do what Adam does not, in single precision too" (fun () ->
                let network = Mlp.create [ 2; 10; 10; 1 ]
                let model = Problem.modelFor poisson network

                let error optimizer place =
                    let settings =
                        { SolveSettings.defaults with
                            Optimizer = optimizer
                            Epochs = 15
                            Rate = 1e-2
                            Schedule = Annealing.Constant
                            Collocation = settings 100
                            Placement = place
                        }

                    let stage = (Solve.plan settings poisson network).Stages.Head
                    let _, p, _ = steps 15 stage (Solve.initial settings poisson network)
                    Expect.all (Params.tensors p) (fun t -> t.dtype = place.DType) "element type"
                    let test = poisson.Domain.Sample (Key.ofSeed 1) place 500

                    let found =
                        Collocation.errors
                            [ "u" ]
                            poisson.Exact.Value
                            (Problem.solution poisson model p)
                            [ fun () -> test ]

                    Map(found)["relative_l2"]

                let adam = error SolveOptimizer.Adam place
                Check.inRange 0.0 (min 1e-2 (adam / 30.0)) (error SolveOptimizer.NaturalGradient place) "error"

                Check.inRange
                    0.0
                    (min 1e-1 (adam / 5.0))
                    (error SolveOptimizer.NaturalGradient Placement.cpu32)
                    "error in single precision")

            testCase "on two threads a step is the same but for rounding" (fun () ->
                let model = Problem.modelFor nonlinear models.Head
                let p = started model 5

                let on threads =
                    withThreads threads (fun () ->
                        let _, p, _ = step 300 nonlinear model p 1e-3
                        p)

                closeTrees "numbers" 1e-7 (on 1) (on 2))

            testCase "steps leave no tensors behind" (fun () ->
                for problem, emphasis in
                    [
                        nonlinear, Emphasis.none
                        Timed.heat,
                        { Emphasis.none with
                            Balance = Balance.Ntk
                            Points = PointChoice.Rad
                            Causal = Some { Epsilon = 1.0; Slices = 4 }
                            Every = 3
                        }
                    ] do
                    withFolder (fun folder ->
                        let settings =
                            { solving with
                                Epochs = 30
                                Polish = 0
                                SaveEvery = 6
                                EvaluateEvery = 6
                                Emphasis = emphasis
                            }

                        let counts = ResizeArray<int64>()
                        Solve.run (freshIn folder) settings problem models.Head (counting counts) |> ignore
                        Expect.equal (List.ofSeq counts) (List.replicate 5 counts[0]) "live tensors at each save"))
        ]
