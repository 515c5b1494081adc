/// The KAN's parameters: how many, how large.
module MetaKan.Tests.KanTests

open Expecto
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private cubic = { Size = 5; Order = 3 }
let private kan d = Kan.create cubic [ d; 128; 128; 128; 1 ]
let private fresh (model: Model) = model.Init (Key.ofSeed 1) Placement.cpu32

let tests =
    testList
        "Models.Kan"
        [
            Check.theory "parameters are counted as published" [ 20, 354560; 10, 341760 ] (fun (d, expected) ->
                use _ = torch.NewDisposeScope()
                Expect.equal (Params.count (fresh (kan d))) (int64 expected) "number of parameters")

            testCase "initial parameters have the published spread" (fun () ->
                use _ = torch.NewDisposeScope()
                let p = fresh (kan 10)
                let inputs = 128.0
                let spread (t: Tensor) = Tensor.item (t.square().mean()) |> sqrt
                let weights = p["layers.1.base_weight"] * sqrt inputs
                Check.inRange (-1.0) (-0.99) (Tensor.item (weights.min ())) "least"
                Check.inRange 0.99 1.0 (Tensor.item (weights.max ())) "largest"
                Check.inRange 0.98 1.02 (spread weights * sqrt 3.0) "spread of weights"

                Check.inRange
                    0.0098
                    0.0102
                    (spread p["layers.1.spline_weight"] * sqrt inputs * sqrt 8.0)
                    "spread of layers.1.spline weight"

                Check.inRange
                    0.995
                    1.005
                    (Tensor.item (p["layers.1.spline_scaler"].mean()))
                    "mean of layers.1.spline scaler"

                Check.inRange
                    0.098
                    0.102
                    (spread (p["layers.1.spline_scaler"] - 1.0))
                    "spread of layers.1.spline scaler")

            testCase "beyond its grid an edge is silu alone" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Kan.create cubic [ 2; 1 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let x = tensor [ 2; 2 ] [ -2.3; 2.3; 40.0; -9.0 ]
                let silu = x * torch.sigmoid x
                close "value" 1e-12 (torch.matmul (silu, p["layers.0.base_weight"].t())) (model.Apply p x))

            testCase "a KAN says what it is" (fun () ->
                Expect.equal (kan 10).Name "kan" "name"
                Expect.equal (kan 10).Description "KAN 10-128-128-128-1, G = 5, k = 3" "description"
                Expect.equal ((kan 10).Group "layers.0.base_weight") ParameterGroup.Weights "group of a weight")
        ]
