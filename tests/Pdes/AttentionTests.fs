/// Residual-based attention: the recursion of its weights, and the loss that they make.
module MetaKan.Tests.AttentionTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open MetaKan.Tests.Timed

let tests =
    testList
        "Pdes.Attention"
        [
            property "weights follow their recursion, each equation's by itself" 20 seeds (fun seed ->
                let steps = [ for n in 0..4 -> normal (seed + n) [ 3; 2 ] ]
                let found = (Attention.start Placement.cpu64 3 2, steps) ||> List.fold Attention.update

                let expected =
                    [
                        for i in 0..2 do
                            for e in 0..1 do
                                (0.0, steps)
                                ||> List.fold (fun weight r ->
                                    let size i = abs (Tensor.item r[int64 i, int64 e])
                                    0.999 * weight + 0.01 * size i / List.max [ for i in 0..2 -> size i ])
                    ]

                close "weights" 1e-12 (tensor [ 3; 2 ] expected) found)

            testCase "weights stay below ten, and residuals that vanish change nothing but that they fall" (fun () ->
                let one = tensor [ 2; 1 ] [ 1.0; 0.5 ]

                let found =
                    (Attention.start Placement.cpu64 2 1, [ 1..20000 ])
                    ||> List.fold (fun w _ -> Attention.update w one)

                close "limit" 1e-6 (tensor [ 2; 1 ] [ 10.0; 5.0 ]) found
                close "fall" 1e-12 (found * 0.999) (Attention.update found (one * 0.0)))

            testCase "fixed points are weighed by what their residuals were" (fun () ->
                let model = Problem.modelFor system (Mlp.create [ 2; 4; 2 ])
                let p = model.Init (Key.ofSeed 3) Placement.cpu64
                let stage = stageOf { Emphasis.none with Attention = true } 6 system model 9
                let path = run stage 4 p
                let number name n = (Stage.numbers (snd path[n])).[name]

                for n in 0..3 do
                    let p = fst path[n]
                    let x = number "points" n
                    close "points" 0.0 (number "points" 0) x
                    let weights = Attention.update (number "attention" n) (residuals 6 system model n p x)
                    close "weights" 1e-12 weights (number "attention" (n + 1))
                    let loss, _, _ = stepOf stage n p (snd path[n])
                    let expected, _ = lossOf 6 system model n [ 1.0; 1.0; 1.0 ] x (weights * weights) p
                    close "loss" 1e-12 expected loss)
        ]
