/// The multilayer perceptron's parameters.
module MetaKan.Tests.MlpTests

open Expecto
open MetaKan
open TorchSharp

let tests =
    testList
        "Models.Mlp"
        [
            testCase "weights and biases are counted, and lie within one over the root of the inputs" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Mlp.create [ 3; 100; 2 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                Expect.equal (Params.count p) (int64 (3 * 100 + 100 + 100 * 2 + 2)) "number of parameters"

                Check.inRange
                    0.95
                    1.0
                    (Tensor.item (p["layers.0.weight"].abs().max()) * sqrt 3.0)
                    "largest of layers.0.weight"

                Check.inRange
                    0.95
                    1.0
                    (Tensor.item (p["layers.1.weight"].abs().max()) * 10.0)
                    "largest of layers.1.weight"

                Expect.equal model.Name "mlp" "name"
                Expect.equal model.Description "MLP 3-100-2" "description"
                Expect.equal (model.Group "layers.0.bias") ParameterGroup.Weights "group")
        ]
