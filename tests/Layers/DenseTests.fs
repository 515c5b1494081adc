/// The dense layer of a KAN against the sum that defines it.
module MetaKan.Tests.DenseTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.EdgeLayers
open MetaKan.Tests.Numeric

let private layers =
    gen {
        let! inputs = Gen.choose (1, 5)
        let! outputs = Gen.choose (1, 5)
        let! rows = Gen.choose (1, 4)
        let! seed = seeds
        return Dense.layer family inputs outputs, inputs, rows, seed
    }

let tests =
    testList
        "Layers.Dense"
        [
            property "a dense layer is the sum of its edges' functions" 30 layers (fun (layer, inputs, rows, seed) ->
                let case = case layer seed [ rows; inputs ]
                let f = family.Features case.Own case.X
                // [N, 1, in, M] times [out, in, M], summed over inputs and functions.
                let c = case.Coefficients.permute (1L, 2L, 0L)
                close "value" 1e-12 ((f.unsqueeze 1L * c).sum(-1L).sum -1L) (apply layer case))

            property
                "a dense layer differentiates by input, coefficients and its own parameters"
                15
                layers
                (fun (layer, inputs, rows, seed) -> case layer seed [ rows; inputs ] |> gradientsOf layer seed)
        ]
