/// Ordinary linear layers and convolutions: their values, and how they start.
module MetaKan.Tests.OrdinaryTests

open Expecto
open MetaKan
open MetaKan.Images
open MetaKan.Tests.Numeric
open TorchSharp

let private run (layer: Layer) (p: Params) x = layer.Apply Predicting p Map.empty x |> fst

let tests =
    testList
        "Layers.Ordinary"
        [
            testCase "a linear layer is x Wᵀ + b" (fun () ->
                use _ = torch.NewDisposeScope()
                let layer = Ordinary.linear 3 2
                let p = layer.Init (Key.ofSeed 1) Placement.cpu64
                let x = normal 2 [ 4; 3 ]
                close "value" 1e-14 (torch.matmul (x, p["weight"].t()) + p["bias"]) (run layer p x))

            testCase "an ordinary convolution is the one whose edges weigh the identity, plus a bias" (fun () ->
                let identity: Family =
                    {
                        Name = "identity"
                        Count = 1
                        Init = fun _ _ _ -> Map.empty
                        Features = fun _ x -> x.unsqueeze -1L
                        Stored = fun _ _ _ -> Map.empty
                        Coefficients = fun p -> p["weight"].unsqueeze 0L
                        Activation = None
                    }

                for size in [ [ 3 ]; [ 3; 2 ]; [ 2; 1; 3 ] ] do
                    use _ = torch.NewDisposeScope()
                    let window = { Size = size; Stride = 2; Padding = 1; Dilation = 1; Groups = 2 }
                    let layer = Ordinary.convolution window 4 6
                    let p = layer.Init (Key.ofSeed 1) Placement.cpu64
                    let x = normal 2 (2 :: 4 :: List.map ((+) 3) size)
                    let edges = Convolution.layer window identity 4 6
                    let bias = p["bias"].view [| yield -1L; for _ in size -> 1L |]
                    close "value" 1e-13 (edges.Apply Map.empty (edges.Coefficients p) x + bias) (run layer p x))

            testCase "weights and biases start uniform on one over the root of what an output sums" (fun () ->
                use _ = torch.NewDisposeScope()

                let spread (layer: Layer) summed =
                    for KeyValue(name, t) in layer.Init (Key.ofSeed 1) Placement.cpu64 do
                        let t = t * sqrt (float summed)
                        Check.inRange 0.95 1.0 (Tensor.item (t.abs().max())) "largest of a weight"
                        Check.inRange 0.85 1.15 (Tensor.item (t.square().mean()) * 3.0) "mean square of a weight"

                        Expect.isTrue
                            ((name = "weight" && t.numel () = int64 (200 * summed)) || t.numel () = 200L)
                            "size"

                spread (Ordinary.linear 50 200) 50
                spread (Ordinary.convolution { Window.square 3 1 with Groups = 2 } 10 200) 45)
        ]
