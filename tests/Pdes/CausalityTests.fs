/// Causal weights: their formula, no gradient through them, early times first.
module MetaKan.Tests.CausalityTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open MetaKan.Tests.Timed
open TorchSharp

let tests =
    testList
        "Pdes.Causality"
        [
            property
                "weights are those of the formula"
                40
                (Gen.zip3 seeds (Gen.choose (2, 6)) (Gen.elements [ 0.1; 1.0; 5.0 ]))
                (fun (seed, slices, epsilon) ->
                    let times = [ 2.0; 5.0; yield! Tensor.toArray (uniform seed (2.0, 5.0) [ 9 ]) ]
                    let squares = [ yield! Tensor.toArray (uniform (seed + 1) (0.0, 1.0) [ 11 ]) ]
                    let slice t = min (slices - 1) (int ((t - 2.0) / 3.0 * float slices))

                    let loss k =
                        match List.zip times squares |> List.filter (fun (t, _) -> slice t = k) with
                        | [] -> 0.0
                        | there -> there |> List.averageBy snd

                    let expected =
                        [ for t in times -> exp (-epsilon * List.sum [ for k in 0 .. slice t - 1 -> loss k ]) ]

                    let recorded = (tensor [ 11 ] squares).requires_grad_ true

                    let found =
                        Causality.weights
                            { Epsilon = epsilon; Slices = slices }
                            (2.0, 5.0)
                            (tensor [ 11 ] times)
                            recorded

                    close "weights" 1e-12 (tensor [ 11; 1 ] expected) found
                    Expect.isFalse found.requires_grad "gradients")

            property "the loss's gradient takes the weights for numbers" 5 seeds (fun seed ->
                let model = Problem.modelFor system (Mlp.create [ 2; 4; 2 ])
                let p = model.Init (Key.ofSeed seed) Placement.cpu64
                let causal = { Epsilon = 2.0; Slices = 3 }
                let emphasis = { Emphasis.none with Causal = Some causal }
                let x = pointsOf 7 system 0
                let r = residuals 7 system model 0 p x
                let squares = (r * r * tensor [ 1; 2 ] [ 0.5; 3.0 ]).sum 1L
                let factors = (Causality.weights causal (0.0, 1.0) (x.select (1L, 1L)) squares).expand(7L, 2L)
                Expect.isLessThan (Tensor.item (factors.min ())) 0.9 "weights that matter"
                let expected, g = lossOf 7 system model 0 [ 1.0; 1.0; 1.0 ] x factors p

                // A step of plain descent shows the gradient.
                let descent = Optimizer.chain [ Transform.scale (fun _ -> Schedule.constant 1.0) ]

                let stage = Emphasis.stage (courseOf emphasis 7 system model 9) descent

                let loss, after, _ = stepOf stage 0 p (stage.Init p)
                close "loss" 1e-12 expected loss
                closeTrees "gradient" 1e-9 g (p |> Map.map (fun name t -> t - after[name])))

            testCase "early times are learned first" (fun () ->
                let t, u = coordinate "t", field "u"

                let problem =
                    Problem.create
                        "wave"
                        (Domain.box [ 0.0, 1.0 ])
                        [ "t" ]
                        [ "u" ]
                        [ "wave", u - 2.0 * cos (12.0 * t) ]
                // Splines are local, and plain descent leaves gradients as small as they are.
                let model = Problem.modelFor problem (Kan.create { Size = 12; Order = 3 } [ 1; 1 ])
                let descent = Optimizer.chain [ Transform.scale (fun _ -> Schedule.constant 0.5) ]
                let start = model.Init (Key.ofSeed 3) Placement.cpu64
                let x = tensor [ 40; 1 ] [ for i in 0..39 -> (float i + 0.5) / 40.0 ]

                // The losses of the first and the last fifth of time.
                let ends p =
                    let r = residuals 64 problem model 0 p x
                    let part first = Tensor.item ((r.narrow (0L, first, 8L)).square().mean())
                    part 0L, part 32L

                let after emphasis =
                    Emphasis.stage (courseOf emphasis 64 problem model 200) descent
                    |> fun stage -> run stage 200 start |> List.last |> fst |> ends

                let early, late = ends start
                let plainEarly, plainLate = after Emphasis.none
                Expect.isLessThan plainEarly (0.5 * early) "early, of points that count alike"
                Expect.isLessThan plainLate (0.5 * late) "late, of points that count alike"

                let causalEarly, causalLate =
                    after { Emphasis.none with Causal = Some { Epsilon = 1000.0; Slices = 5 } }

                Expect.isLessThan causalEarly (0.5 * early) "early"
                Expect.isGreaterThan causalLate (0.8 * late) "late")
        ]
