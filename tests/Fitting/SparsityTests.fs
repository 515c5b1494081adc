/// The penalty against its formulas in plain numbers.
module MetaKan.Tests.SparsityTests

open System
open Expecto
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Numeric
open TorchSharp

let private sparsity = { Weight = 0.7; EntropyWeight = 3.0 }

let tests =
    testList
        "Fitting.Sparsity"
        [
            testCase "the penalty is that of the formulas written out" (fun () ->
                // Two inputs, two ends, three points; the spreads (N-1) are 1 and 2 of the inputs and 2, 4, 6, 0 of the splines.
                let trace =
                    {
                        Nodes =
                            [
                                tensor [ 3; 2 ] [ 0.0; 5.0; 1.0; 3.0; 2.0; 1.0 ]
                                tensor [ 3; 2 ] (List.replicate 6 0.0)
                            ]
                        Splines =
                            [ tensor [ 3; 2; 2 ] [ 0.0; 0.0; 1.0; 9.0; 2.0; 4.0; 7.0; 9.0; 4.0; 8.0; 13.0; 9.0 ] ]
                        Edges = []
                        Ends = []
                    }

                let a, b, c, d = 2.0 / 1.1, 4.0 / 1.1, 6.0 / 2.1, 0.0

                let entropy sizes =
                    let shares = sizes |> List.map (fun s -> s / (List.sum sizes + 1.0))
                    -(shares |> List.sumBy (fun s -> s * Math.Log2(s + 1e-4)))

                let rows = (entropy [ a; b ] + entropy [ c; d ]) / 2.0
                let columns = (entropy [ a; c ] + entropy [ b; d ]) / 2.0
                let expected = 0.7 * (a + b + c + d + 3.0 * (rows + columns))
                Check.near 5e-11 (Tensor.item (Sparsity.penalty sparsity trace)) expected "penalty"

                // Layers add up.
                let twice =
                    { trace with
                        Nodes = [ trace.Nodes[0]; trace.Nodes[0]; trace.Nodes[1] ]
                        Splines = trace.Splines @ trace.Splines
                    }

                Check.near 5e-11 (Tensor.item (Sparsity.penalty sparsity twice)) (2.0 * expected) "penalty")

            property
                "of a single point, which has no spread, the penalty and its gradient are 0"
                10
                (fits (1, 3))
                (fun case ->
                    let fitted = fitted case

                    let penalty, gradient =
                        Params.withGradient
                            (fun p -> Sparsity.penalty sparsity (Network.trace fitted.Network (points case 1) p))
                            fitted.Params

                    Expect.equal (Tensor.item penalty) 0.0 "penalty"

                    for g in gradient.Values do
                        close "gradient" 0.0 (torch.zeros_like g) g)

            property "no weight is no penalty, and the penalty grows as its weight" 15 (fits (1, 3)) (fun case ->
                let fitted = fitted case
                let trace = Network.trace fitted.Network (points case 10) fitted.Params
                let penalty weight = Tensor.item (Sparsity.penalty { sparsity with Weight = weight } trace)
                Expect.equal (penalty 0.0) 0.0 "penalty"
                Expect.equal (Tensor.item (Sparsity.penalty Sparsity.none trace)) 0.0 "penalty"
                Check.near (1e-9 * (1.0 + abs (penalty 0.6))) (penalty 0.6) (3.0 * penalty 0.2) "penalty")

            property "the order of nodes does not matter" 20 (fits (1, 3)) (fun case ->
                let fitted = fitted { case with Symbolic = 0.0 }
                let trace = Network.trace fitted.Network (points case 10) fitted.Params

                let shuffled (dimension: int64) (key: int) (t: Tensor) =
                    let order = Key.permutation (Key.ofSeed (case.Seed + key)) (int t.shape[int dimension])
                    t.index_select (dimension, torch.tensor (Array.map int64 order))

                let moved =
                    { trace with
                        Nodes = trace.Nodes |> List.mapi (fun l nodes -> shuffled 1L l nodes)
                        Splines =
                            trace.Splines
                            |> List.mapi (fun l splines -> splines |> shuffled 1L l |> shuffled 2L (100 + l))
                    }

                close "penalty" 1e-12 (Sparsity.penalty sparsity trace) (Sparsity.penalty sparsity moved))
        ]
