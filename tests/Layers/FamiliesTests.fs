/// The function families: their formulas, gradients, initial coefficients, and the KAN's against the KAN itself.
module MetaKan.Tests.FamiliesTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

let private cubic = { Size = 5; Order = 3 }
let private place = Placement.cpu64
let private silu (x: Tensor) = x * x.sigmoid ()

let private families =
    gen {
        let! degree = Gen.choose (1, 5)
        let! size = Gen.choose (1, 5)

        return!
            Gen.elements
                [
                    Families.kan { Size = size; Order = degree }
                    Families.fastKan true
                    Families.fastKan false
                    Families.kaln degree
                    Families.kacn degree
                    Families.kagn degree
                ]
    }

/// Parameters that are not at their start, where some have no effect.
let private moved seed (family: Family) inputs =
    family.Init inputs (Key.ofSeed seed) place
    |> Map.map (fun name t -> t + normal (seed + name.Length) (t.shape |> Seq.map int |> List.ofSeq) * 0.02)

let private hasFeatures (family: Family) (p: Params) (x: Tensor) (expected: Tensor list) =
    close family.Name 1e-12 (torch.stack (expected, -1L)) (family.Features p x)

let private spread (t: Tensor) = sqrt (Tensor.item (t.square().mean()))

let private near (expected: float) (actual: float) = Check.inRange (0.97 * expected) (1.03 * expected) actual "spread"

let tests =
    testList
        "Layers.Families"
        [
            property
                "features have one place per function and differentiate by x and by the family's parameters"
                40
                (Gen.zip families seeds)
                (fun (family, seed) ->
                    let p = moved seed family 4
                    let x = normal seed [ 5; 4 ]
                    let f (t: Tensor[]) = family.Features (Params.withTensors t[1..] p) t[0]
                    Expect.equal (List.ofArray (family.Features p x).shape) [ 5L; 4L; int64 family.Count ] "shape"
                    differentiates family.Name 1e-4 f (x :: List.ofArray (Params.tensors p)))

            property "families are the functions that they are named after" 20 seeds (fun seed ->
                let x = normal seed [ 6; 3 ]
                let t = x.tanh ()
                let gaussians (x: Tensor) = [ for m in 0..7 -> (-((x + 2.0) * 1.75 - float m).square()).exp() ]
                hasFeatures (Families.fastKan false) Map.empty x (gaussians x @ [ silu x ])
                let p = moved seed (Families.fastKan true) 3
                let centred = x - x.mean ([| 1L |], keepdim = true)
                let deviation = (centred.square().mean([| 1L |], keepdim = true) + 1e-5).sqrt()
                let normalised = centred / deviation * p["weight"] + p["bias"]
                hasFeatures (Families.fastKan true) p x (gaussians normalised @ [ silu x ])
                let one = torch.ones_like x
                hasFeatures (Families.kaln 2) Map.empty x [ one; t; (t * t * 3.0 - 1.0) / 2.0; silu x ]
                hasFeatures (Families.kacn 3) Map.empty x [ one; t; t * t * 2.0 - 1.0; t * t * t * 4.0 - t * 3.0 ]
                let p = moved seed (Families.kagn 2) 3
                hasFeatures (Families.kagn 2) p x [ silu one; silu t; silu (t * t - p["beta"][1L] * 2.25); silu x ])

            property
                "a dense layer of the KAN's family is the KAN's layer"
                20
                (Gen.zip3 (Gen.choose (1, 6)) (Gen.choose (1, 4)) seeds)
                (fun (size, order, seed) ->
                    let grid = { Size = size; Order = order }
                    let family, kan = Families.kan grid, Kan.create grid [ 3; 4 ]
                    let key = Key.ofSeed seed
                    let stored = family.Stored [ 4; 3 ] key place
                    let p = kan.Init key place
                    closeTrees "parameters" 0.0 (Params.under "layers.0" p) stored
                    let x = uniform seed (-1.5, 1.5) [ 7; 3 ]
                    let coefficients = family.Coefficients stored
                    Expect.equal (List.ofArray coefficients.shape) [ int64 family.Count; 4L; 3L ] "shape"
                    let features = family.Features Map.empty x
                    close "output" 1e-12 (kan.Apply p x) (torch.einsum ("nim,moi->no", features, coefficients)))

            property
                "coefficients come in their order from plain parameters, with taps or without"
                30
                (Gen.zip3 families (Gen.elements [ []; [ 3 ]; [ 3; 3 ]; [ 2; 2; 2 ] ]) seeds)
                (fun (family, taps, seed) ->
                    let edges = [ 4; 3 ] @ taps
                    let p = family.Stored edges (Key.ofSeed seed) place
                    let expected = int64 family.Count :: List.map int64 edges
                    let coefficients = family.Coefficients p
                    Expect.equal (List.ofArray coefficients.shape) expected "shape"
                    let last = coefficients[int64 family.Count - 1L]

                    match Map.tryFind "base_weight" p with
                    | Some weight -> close "base" 0.0 weight last
                    | None -> Expect.equal family.Name "kacn" "name"

                    if family.Name = "kan" then
                        close "second" 1e-14 (p["spline_weight"].select(-1L, 1L) * p["spline_scaler"]) coefficients[1L])

            testCase "initial coefficients have the reference's spreads" (fun () ->
                use _ = torch.NewDisposeScope()
                let stored (family: Family) edges = family.Stored edges (Key.ofSeed 3) place
                let dense, convolution = [ 50; 90 ], [ 20; 30; 3; 3 ]
                let fanIn = 270.0
                let p = stored (Families.kan cubic) convolution
                near (1.0 / sqrt (3.0 * fanIn)) (spread p["base_weight"])
                near (0.01 / sqrt (8.0 * fanIn)) (spread p["spline_weight"])
                near 0.1 (spread (p["spline_scaler"] - 1.0))
                let p = stored (Families.fastKan true) dense
                near 0.1 (spread p["weight"])
                near (1.0 / sqrt (3.0 * 90.0)) (spread p["base_weight"])
                let p = stored (Families.fastKan false) convolution
                near (1.0 / sqrt (8.0 * fanIn)) (spread p["weight"])
                near (1.0 / sqrt fanIn) (spread p["base_weight"])

                for family in [ Families.kaln 3; Families.kagn 3 ] do
                    let p = stored family convolution
                    near (1.0 / sqrt (4.0 * fanIn)) (spread p["weight"])
                    near (1.0 / sqrt fanIn) (spread p["base_weight"])

                let p = stored (Families.kacn 3) convolution
                near (1.0 / (4.0 * fanIn)) (spread p["weight"])

                let beta seed = ((Families.kagn 3).Init 20 (Key.ofSeed seed) place)["beta"]
                near (1.0 / 80.0) (spread (torch.cat ([| for seed in 1..1000 -> beta seed |]))))
        ]
