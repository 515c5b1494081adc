/// What training dwells on, put together: nothing by default, and what is refused.
module MetaKan.Tests.EmphasisTests

open Expecto
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open MetaKan.Tests.Timed

let private it = Emphasis.none
let private causal = Some { Epsilon = 1.0; Slices = 4 }

let private ball = Poisson.problem (TwoBody.ofSeed 1 2)

/// A domain that is a triangle in space and time.
let private growing =
    let box = Domain.box [ 0.0, 1.0; 0.0, 1.0 ]

    let triangle =
        { box with
            Contains = fun x -> (x.select (1L, 0L)).le(x.select (1L, 1L))
            Draw =
                fun _ key place n ->
                    let x = box.Sample key place n
                    let t = x.narrow (1L, 1L, 1L)
                    TorchSharp.torch.cat ([| x.narrow (1L, 0L, 1L) * t; t |], 1L)
        }

    { heat with Name = "growing"; Domain = triangle }

let private withEnergy =
    { heat with Name = "energetic"; Equations = [ Equation.energy "energy" (field "u") ] }

let tests =
    testList
        "Pdes.Emphasis"
        [
            testCase "by default steps are the plain loss's, to the bit" (fun () ->
                let model = Problem.modelFor heat (Mlp.create [ 2; 4; 1 ])
                let p = model.Init (Key.ofSeed 3) Placement.cpu64
                let gradient = Collocation.gradient (collocation 8) heat model

                let adam =
                    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.01; WeightDecay = 0.0 })

                let plain = Stage.create 9 adam (fun step -> gradient (Key.fold step (Key.ofSeed 1)))
                let expected = run plain 4 p |> List.last

                // A curriculum that is over before it begins has the same points, too.
                for emphasis in [ it; { it with Every = 1 }; { it with Curriculum = Some 0.01 } ] do
                    let found = run (stageOf emphasis 8 heat model 9) 4 p |> List.last
                    closeTrees "parameters" 0.0 (fst expected) (fst found)

                    if emphasis.Curriculum.IsNone then
                        closeTrees "memory" 0.0 (snd expected) (snd found))

            testCase "in chunks and on threads an emphasis is the same but for rounding" (fun () ->
                let model = Problem.modelFor system (Mlp.create [ 2; 4; 2 ])
                let p = model.Init (Key.ofSeed 3) Placement.cpu64

                let adam =
                    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 0.01; WeightDecay = 0.0 })

                for emphasis in
                    [
                        { it with Balance = Balance.Ntk; Causal = causal; Points = PointChoice.RarD; Every = 2 }
                        { it with Balance = Balance.Gradients; Causal = causal; Attention = true; Every = 2 }
                    ] do
                    let path limit =
                        let course = courseOf emphasis 9 system model 9
                        let collocation = { course.Collocation with MemoryLimit = limit }
                        let stage = Emphasis.stage { course with Collocation = collocation } adam
                        run stage 5 p |> List.last

                    let (expected, memory), (found, chunked) = path 2048, path 0
                    closeTrees "parameters" 1e-8 expected found
                    closeTrees "memory" 1e-6 memory chunked)

            testCase "a polish keeps the weights of its start" (fun () ->
                let model = Problem.modelFor heat (Mlp.create [ 2; 4; 1 ])
                let p = model.Init (Key.ofSeed 3) Placement.cpu64

                let emphasis =
                    { it with Balance = Balance.Gradients; Causal = causal; Points = PointChoice.Rad; Every = 1 }

                let stage = Emphasis.polish (courseOf emphasis 20 heat model 5) (Key.ofSeed 6) (Lbfgs.create 5 1)

                let path = run stage 4 p
                let weights = path |> List.map (snd >> Stage.numbers)

                for found in weights do
                    Expect.equal (List.ofSeq found.Keys) [ "weights" ] "weights alone"
                    close "weights" 0.0 weights.Head["weights"] found["weights"])

            for name, problem, emphasis, said in
                [
                    "one term",
                    ball,
                    { it with Balance = Balance.Gradients },
                    "Balance: the loss of poisson is a single term"
                    "an energy's kernel",
                    withEnergy,
                    { it with Balance = Balance.Ntk },
                    "Balance: energetic has an energy"
                    "an energy weighed", withEnergy, { it with Attention = true }, "Attention: energetic has an energy"
                    "an energy's points",
                    withEnergy,
                    { it with Points = PointChoice.Rad },
                    "Points: energetic has an energy"
                    "an energy in time", withEnergy, { it with Causal = causal }, "Causal: energetic has an energy"
                    "no time",
                    ball,
                    { it with Causal = causal },
                    "Causal: a problem in time is one whose last coordinate is named 't', and those of poisson are x1, x2"
                    "no window", ball, { it with Curriculum = Some 0.5 }, "Curriculum: a problem in time is one"
                    "epsilon",
                    heat,
                    { it with Causal = Some { Epsilon = 0.0; Slices = 4 } },
                    "Causal: causal weights take an epsilon above zero"
                    "slices",
                    heat,
                    { it with Causal = Some { Epsilon = 1.0; Slices = 1 } },
                    "Causal: causal weights take 2 slices"
                    "no fraction", heat, { it with Curriculum = Some 0.0 }, "Curriculum: a curriculum takes a fraction"
                    "more than all",
                    heat,
                    { it with Curriculum = Some 1.5 },
                    "Curriculum: a curriculum takes a fraction"
                    "a growing domain",
                    growing,
                    { it with Curriculum = Some 0.5 },
                    "Curriculum: the domain of growing changes with time"
                    "attention, points",
                    heat,
                    { it with Attention = true; Points = PointChoice.Rad },
                    "Attention: points that are weighed stay"
                    "attention, window",
                    heat,
                    { it with Attention = true; Curriculum = Some 0.5 },
                    "Attention: points that are weighed stay"
                    "added points, window",
                    heat,
                    { it with Points = PointChoice.RarD; Curriculum = Some 0.5 },
                    "Points: points that are only added to"
                    "steps", heat, { it with Every = 0 }, "Every: weights and points change every so many steps"
                ] do
                testCase $"what cannot be is refused by its setting: {name}" (fun () ->
                    let message = Folder.messageOf<System.ArgumentException>(fun () -> Emphasis.check problem emphasis)
                    Expect.stringStarts message said "message")

            testCase "what can be is not refused" (fun () ->
                for problem, emphasis in
                    [
                        ball, { it with Attention = true }
                        ball, { it with Points = PointChoice.RarD }
                        withEnergy, { it with Balance = Balance.Gradients; Curriculum = Some 1.0 }
                        growing, { it with Causal = causal }
                        heat,
                        { it with
                            Balance = Balance.Ntk
                            Causal = causal
                            Curriculum = Some 0.5
                            Points = PointChoice.Rad
                        }
                        heat, { it with Balance = Balance.Gradients; Causal = causal; Attention = true }
                    ] do
                    Expect.isNone (Emphasis.fault problem emphasis) "fault")
        ]
