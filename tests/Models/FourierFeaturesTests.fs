/// Random Fourier features: what they are, and how they are drawn.
module MetaKan.Tests.FourierFeaturesTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open MetaKan.Tests.Promises
open TorchSharp

let private features inputs count scale seed (x: Tensor) =
    (FourierFeatures.create inputs count scale seed identity).Apply Map.empty x

/// B [count, inputs]: sin(Bx) has it as its derivative at 0.
let private matrix inputs count scale seed : Tensor =
    let axes =
        Operator.directions LaplacianMethod.Exact (Key.ofSeed 0) Placement.cpu64 (Operator.laplacian inputs)

    torch.zeros (1L, int64 inputs, dtype = torch.float64)
    |> Directions.seed axes
    |> (FourierFeatures.create inputs count scale seed identity).Jet Map.empty
    |> Jet.tangents
    |> fun t -> t[0].narrow(1L, int64 count, int64 count).t()

let private networks =
    gen {
        let! inputs = Gen.choose (1, 3)
        let! count = Gen.choose (1, 4)
        let! scale = Gen.elements [ 0.5; 1.0; 3.0 ]
        let! network = networks
        let! case = followed inputs
        return { network with Widths = 2 * count :: network.Widths.Tail }, inputs, count, scale, case
    }

let tests =
    testList
        "Models.FourierFeatures"
        [
            property
                "the network is that of cos Bx and sin Bx"
                40
                networks
                (fun (network, inputs, count, scale, case) ->
                    let b = matrix inputs count scale network.Seed

                    let f p (x: Tensor) =
                        let phases = torch.matmul (x, b.t ())
                        reference network p (torch.cat ([| torch.cos phases; torch.sin phases |], 1L))

                    let model = FourierFeatures.create inputs count scale network.Seed (model network)
                    computes f model (parameters network) (normal network.Seed [ 4; inputs ]) case)

            testCase "the matrix is normal of the scale" (fun () ->
                use _ = torch.NewDisposeScope()
                let b = matrix 3 40000 2.5 7
                let moment (k: float) = Tensor.item (b.pow(k.ToScalar()).mean())
                Check.near 0.03 (moment 1.0) 0.0 "mean"
                Check.near 0.1 (moment 2.0) (2.5 ** 2.0) "variance"
                Check.near 4.0 (moment 4.0) (3.0 * 2.5 ** 4.0) "fourth moment")

            property "a seed has its features, in both precisions, another seed others" 10 seeds (fun seed ->
                let x = normal seed [ 5; 2 ]
                let single = features 2 6 1.5 seed (x.``to`` torch.float32)
                Expect.equal single.dtype torch.float32 "precision"
                close "in single precision" 1e-5 (features 2 6 1.5 seed x) (single.``to`` torch.float64)
                close "again" 0.0 (features 2 6 1.5 seed x) (features 2 6 1.5 seed x)
                let other = features 2 6 1.5 (seed + 1) x - features 2 6 1.5 seed x
                Expect.isTrue (Tensor.item (other.abs().mean()) > 0.05) "another seed's")

            testCase "parameters, groups and costs are the network's, and the description says more" (fun () ->
                use _ = torch.NewDisposeScope()
                let inner = Mlp.create [ 128; 4; 1 ]
                let model = FourierFeatures.create 3 64 2.0 5 inner
                let init (model: Model) = model.Init (Key.ofSeed 1) Placement.cpu64
                closeTrees "parameters" 0.0 (init inner) (init model)
                Expect.equal model.Description "MLP 128-4-1, 64 Fourier features of scale 2, seed 5" "description"
                let more directions = model.NumbersPerPoint directions 2 - inner.NumbersPerPoint directions 2
                Expect.isTrue (more 3 > more 1 && more 1 > 128L) "numbers per point")

            testCase "what are no features is refused" (fun () ->
                let create inputs count scale =
                    refusal (fun () -> FourierFeatures.create inputs count scale 0 identity)

                let counts a b = $"Fourier features take an input and a feature or more, not {a} and {b}"
                Expect.equal (create 0 4 1.0) (counts 0 4) "inputs"
                Expect.equal (create 2 0 1.0) (counts 2 0) "count"

                for scale, told in [ 0.0, "0"; -2.0, "-2"; nan, "NaN"; infinity, "Infinity" ] do
                    Expect.equal
                        (create 2 4 scale)
                        $"the scale of Fourier features is a number above 0, not {told}"
                        "scale"

                use _ = torch.NewDisposeScope()
                let model = FourierFeatures.create 2 4 1.0 0 (Mlp.create [ 4; 1 ])
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let apply columns = refusal (fun () -> model.Apply p (normal 1 [ 3; columns ]))
                Expect.equal (apply 2) "MLP 4-1 takes points [N, 4], not [3; 8]" "width of the network"
                Expect.stringEnds (apply 3) "takes points [N, 2], not [3; 3]" "width of the points")
        ]
