/// KAN and MetaKAN against numbers of the published implementation.
module MetaKan.Tests.GoldenTests

open Expecto
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private cubic = { Size = 5; Order = 3 }

let private metaKan chunk =
    let meta = { EmbeddingDim = 2; HiddenDim = 8; Sharing = GeneratorSharing.PerLayer; Chunk = chunk }

    MetaKan.create cubic meta [ 3; 5; 2 ]

let private agrees (name: string) (model: Model) =
    use _ = torch.NewDisposeScope()
    let golden = (Golden.read "kan-metakan-3-5-2.json").GetProperty name
    let expected (field: string) = Golden.tensor (golden.GetProperty field)
    let p, x = Golden.tree (golden.GetProperty "params"), expected "x"
    close "value" 1e-6 (expected "y") (model.Apply p x)
    close "nested jacobian" 1e-6 (expected "jacobian") (Nested.jacobian (model.Apply p) x)
    close "nested laplacian" 1e-6 (expected "laplacian") (Nested.laplacian (model.Apply p) x)

    let p = Params.tracked p

    let directions =
        Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) Placement.cpu64 (Operator.laplacian 3)

    let jet = model.Jet p (Directions.seed directions x)
    close "jet's value" 1e-6 (expected "y") jet.Value
    close "jet's tangents" 1e-6 (expected "jacobian") ((Jet.tangents jet).transpose(1L, 2L))
    close "jet's laplacian" 1e-6 (expected "laplacian") jet.Second

    let agree what (laplacian: Tensor) (value: Tensor) =
        let loss = (laplacian * laplacian).mean() + (value * value).mean()
        close $"loss by {what}" 1e-6 (expected "loss_mean_sq_laplacian_plus_value") loss
        closeTrees $"gradient by {what}" 1e-6 (Golden.tree (golden.GetProperty "loss_grads")) (Params.gradient loss p)

    agree "jets" jet.Second jet.Value
    agree "nested differentiation" (Nested.laplacian (model.Apply p) x) (model.Apply p x)

let tests =
    testList
        "Models.Golden"
        [
            testCase "a KAN computes the published numbers" (fun () -> agrees "kan" (Kan.create cubic [ 3; 5; 2 ]))

            testCase "a MetaKAN computes the published numbers" (fun () -> agrees "metakan" (metaKan None))

            testCase "a MetaKAN in chunks computes the published numbers" (fun () ->
                agrees "metakan" (metaKan (Some 2)))
        ]
