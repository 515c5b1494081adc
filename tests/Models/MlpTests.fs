/// The multilayer perceptron's parameters.
module MetaKan.Tests.MlpTests

open MetaKan
open TorchSharp
open Xunit

[<Fact>]
let ``weights and biases are counted, and lie within one over the root of the inputs`` () =
    use _ = torch.NewDisposeScope()
    let model = Mlp.create [ 3; 100; 2 ]
    let p = model.Init (Key.ofSeed 1) Placement.cpu64
    Assert.Equal(int64 (3 * 100 + 100 + 100 * 2 + 2), Params.count p)
    Assert.InRange(Tensor.item (p["layers.0.weight"].abs().max()) * sqrt 3.0, 0.95, 1.0)
    Assert.InRange(Tensor.item (p["layers.1.weight"].abs().max()) * 10.0, 0.95, 1.0)
    Assert.Equal("mlp", model.Name)
    Assert.Equal("MLP 3-100-2", model.Description)
    Assert.Equal(Weights, model.Group "layers.0.bias")
