/// The KAN's parameters: how many, how large.
module MetaKan.Tests.KanTests

open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp
open Xunit

let private cubic = { Size = 5; Order = 3 }
let private kan d = Kan.create cubic [ d; 128; 128; 128; 1 ]
let private fresh (model: Model) = model.Init (Key.ofSeed 1) Placement.cpu32

[<Theory>]
[<InlineData(20, 354560)>]
[<InlineData(10, 341760)>]
let ``parameters are counted as published`` (d: int, expected: int) =
    use _ = torch.NewDisposeScope()
    Assert.Equal(int64 expected, Params.count (fresh (kan d)))

[<Fact>]
let ``initial parameters have the published spread`` () =
    use _ = torch.NewDisposeScope()
    let p = fresh (kan 10)
    let inputs = 128.0
    let spread (t: Tensor) = Tensor.item (t.square().mean()) |> sqrt
    let weights = p["layers.1.base_weight"] * sqrt inputs
    Assert.InRange(Tensor.item (weights.min ()), -1.0, -0.99)
    Assert.InRange(Tensor.item (weights.max ()), 0.99, 1.0)
    Assert.InRange(spread weights * sqrt 3.0, 0.98, 1.02)
    Assert.InRange(spread p["layers.1.spline_weight"] * sqrt inputs * sqrt 8.0, 0.0098, 0.0102)
    Assert.InRange(Tensor.item (p["layers.1.spline_scaler"].mean()), 0.995, 1.005)
    Assert.InRange(spread (p["layers.1.spline_scaler"] - 1.0), 0.098, 0.102)

[<Fact>]
let ``beyond its grid an edge is silu alone`` () =
    use _ = torch.NewDisposeScope()
    let model = Kan.create cubic [ 2; 1 ]
    let p = model.Init (Key.ofSeed 1) Placement.cpu64
    let x = tensor [ 2; 2 ] [ -2.3; 2.3; 40.0; -9.0 ]
    let silu = x * torch.sigmoid x
    close "value" 1e-12 (torch.matmul (silu, p["layers.0.base_weight"].t())) (model.Apply p x)

[<Fact>]
let ``a KAN says what it is`` () =
    Assert.Equal("kan", (kan 10).Name)
    Assert.Equal("KAN 10-128-128-128-1, G = 5, k = 3", (kan 10).Description)
    Assert.Equal(Weights, (kan 10).Group "layers.0.base_weight")
