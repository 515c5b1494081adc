/// A problem in time, and its loss by parts.
module MetaKan.Tests.Timed

open System
open MetaKan
open MetaKan.Pdes
open TorchSharp

let private sides = [ -1.0, 1.0; 0.0, 1.0 ]

/// u_t = 0.2 u_xx on x in [-1, 1], t in [0, 1]: its start and its walls are penalties.
let heat: Problem =
    let diffusivity = 0.2

    let x, t, u = coordinate "x", coordinate "t", field "u"
    let exact = exp (-diffusivity * Math.PI * Math.PI * t) * sin (Math.PI * x)
    let equation = d u [ t ] - diffusivity * d u [ x; x ]

    { Problem.manufactured "heat" (Domain.box sides) [ "x"; "t" ] [ "u", exact ] [ "heat", equation ] with
        Conditions =
            [
                Condition.create "walls" 10.0 16 (Domain.walls [ "left"; "right" ] (Domain.box sides)) (u - exact)
                Condition.create "start" 10.0 32 (Domain.box [ -1.0, 1.0; 0.0, 0.0 ]).Sample (u - exact)
            ]
    }

/// Two equations of two fields, of different weight.
let system: Problem =
    let x, t, u, v = coordinate "x", coordinate "t", field "u", field "v"

    let problem =
        Problem.create
            "system"
            (Domain.box sides)
            [ "x"; "t" ]
            [ "u"; "v" ]
            [ "first", d u [ t ] - v * x; "second", d v [ x ] + u * t - 1.0 ]

    { problem with
        Equations =
            problem.Equations
            |> List.map2 (fun weight equation -> { equation with Weight = weight }) [ 0.5; 3.0 ]
        Conditions = [ Condition.create "start" 2.0 5 (Domain.box [ -1.0, 1.0; 0.0, 0.0 ]).Sample (u - x) ]
    }

let collocation points : Collocation =
    {
        Points = points
        Sampling = Sampling.Random
        Laplacian = LaplacianMethod.Exact
        Unbiased = false
        MemoryLimit = 2048
    }

let private keyOf (step: int) = Key.fold step (Key.ofSeed 1)
let draws = Key.ofSeed 2

/// A stretch of so many steps with an emphasis.
let internal courseOf emphasis points problem model steps : Course =
    {
        Problem = problem
        Model = model
        Collocation = collocation points
        Emphasis = emphasis
        Steps = steps
        First = 0
        Span = steps
        Step = keyOf
        Draws = draws
    }

/// A stage of Adam's with an emphasis.
let stageOf emphasis points problem model steps : Stage =
    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.01; WeightDecay = 0.0 })
    |> Emphasis.stage (courseOf emphasis points problem model steps)

/// What the equations' residuals are in a step [N, equations].
let residuals points problem model step p x = LossTerms.residuals (collocation points) problem model (keyOf step) p x

/// The loss and its gradient, and the parameters after it, by the stage's update.
let stepOf (stage: Stage) step p memory : Tensor * Params * Params = stage.Update step step p memory

/// Σ over terms of what they are in a step at the given points of the equations, whose squares count by factors.
let lossOf points problem model step (weights: float list) (x: Tensor) (factors: Tensor) (p: Params) : Tensor * Params =
    Params.withGradient
        (fun p ->
            LossTerms.at
                (collocation points)
                problem
                model
                (keyOf step)
                Placement.cpu64
                { Points = Some x; Factors = Some factors }
                None
            |> List.collect (fun found -> found.Shares found.Pieces.Head model p |> List.zip found.Group.Weights)
            |> List.map2 (fun weight (own, share) -> share * (own * weight)) weights
            |> List.reduce (fun a b -> a + b))
        p

/// The points that a step draws.
let pointsOf points problem step : Tensor =
    LossTerms.interior (collocation points) problem (Key.fold 1 (Key.fold 0 (keyOf step))) Placement.cpu64

/// Runs steps from a stage's start; the parameters and the memory before each, and after all.
let run (stage: Stage) (steps: int) (p: Params) : (Params * Params) list =
    ((p, stage.Init p), [ 0 .. steps - 1 ])
    ||> List.scan (fun (p, memory) step ->
        let _, p, memory = stepOf stage step p memory
        p, memory)
