/// What networks compute, against the same written out edge by edge, and their gradients.
module MetaKan.Tests.NetworkTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

/// Sums alone, with all their splines, on even knots over [-1, 1].
let private plain =
    gen {
        let! case = fits (1, 3)

        return
            { case with
                Nodes = case.Nodes |> List.map (Nodes.count >> Nodes.sums)
                Masked = 0.0
                Symbolic = 0.0
            }
    }

let tests =
    testList
        "Fitting.Network"
        [
            testCase "ends belong to the nodes that add, then in turn to those that multiply" (fun () ->
                let nodes = { Sums = 2; Products = [ 2; 3 ] }
                Expect.equal (Nodes.count nodes) 4 "count"
                Expect.equal (Nodes.ends nodes) 7 "ends"
                Expect.equal (List.init 7 (Nodes.ofEnd nodes)) [ 0; 1; 2; 2; 3; 3; 3 ] "nodes of ends")

            property "values are those of the edges written out" 60 (fits (1, 3)) (fun case ->
                let fitted, x = fitted case, points case 7
                close "values" 1e-9 (List.last (reference fitted x).Nodes) (values fitted x))

            property "a trace holds what is computed on the way" 40 (fits (1, 3)) (fun case ->
                let fitted, x = fitted case, points case 5
                let expected, trace = reference fitted x, Network.trace fitted.Network x fitted.Params

                let same what (part: Trace -> Tensor list) =
                    Expect.equal (part trace).Length (part expected).Length "number of layers"
                    List.iter2 (close what 1e-9) (part expected) (part trace)

                same "nodes" _.Nodes
                same "splines" _.Splines
                same "edges" _.Edges
                same "ends" _.Ends
                close "values" 1e-12 (List.last trace.Nodes) (values fitted x)
                // A second time: nothing that is kept between calls may have changed.
                let again = Network.trace fitted.Network x
                again fitted.Params |> ignore
                List.iter2 (close "again" 1e-15) trace.Ends (again fitted.Params).Ends)

            property "edges add up to ends, and masked splines are zero" 30 (fits (1, 3)) (fun case ->
                let fitted = fitted { case with Masked = 0.5 }
                let trace = Network.trace fitted.Network (points case 6) fitted.Params

                for edges, ends in Seq.zip trace.Edges trace.Ends do
                    close "sums" 1e-12 (edges.sum 1L) ends

                for edge in allEdges fitted.Network do
                    let along (tensors: Tensor list) =
                        tensors[edge.Layer].select(1L, int64 edge.From).select(1L, int64 edge.To)

                    let spline = along trace.Splines
                    let isZero = Tensor.item (spline.abs().max()) = 0.0
                    Expect.equal isZero (fitted.Network.Masks[edge.Layer].[edge.From, edge.To] = 0.0) "zero edge"

                    if not (fitted.Network.Symbols.ContainsKey edge) then
                        close "edge" 1e-14 spline (along trace.Edges))

            property "gradients by parameters are those of central differences" 25 (fits (1, 3)) (fun case ->
                let case = { case with Grid = { case.Grid with Order = max 2 case.Grid.Order } }
                let fitted, x = fitted case, points case 5
                let weights = normal (case.Seed + 3) [ 5; Nodes.count (List.last case.Nodes) ]
                let loss p = (Network.values fitted.Network x p * weights).sum()
                let tracked = Params.tracked fitted.Params
                let g = Params.gradient (loss tracked) tracked
                let size = 1.0 + abs (Tensor.item (loss fitted.Params))

                for KeyValue(name, t) in fitted.Params do
                    let direction = normal (case.Seed + name.Length) (t.shape |> Seq.map int |> List.ofSeq)
                    let at h = Tensor.item (loss (Map.add name (t + direction * h) fitted.Params))
                    let central h = (at h - at -h) / (2.0 * h)
                    // Of two steps, so that values in the hundred thousands, which deep networks have, are no matter.
                    let expected = (4.0 * central 1e-5 - central 2e-5) / 3.0
                    let actual = Tensor.item ((g[name] * direction).sum())
                    let off = abs (expected - actual) / (size + abs expected)
                    Expect.isTrue (off <= 1e-5) $"{name}: {actual}, not {expected}")

            property "a network of splines alone is the KAN or MetaKAN of the same numbers" 40 plain (fun case ->
                let p, x = (fitted case).Params, points case 6
                let widths = List.map Nodes.count case.Nodes

                let model, p' =
                    match case.Source with
                    | CoefficientSource.Stored ->
                        Kan.create case.Grid widths,
                        Map.ofList
                            [
                                for l in 0 .. widths.Length - 2 do
                                    $"layers.{l}.spline_weight", p[$"layers.{l}.coef"].permute(2L, 0L, 1L)
                                    $"layers.{l}.spline_scaler", p[$"layers.{l}.scale_sp"].t()
                                    $"layers.{l}.base_weight", p[$"layers.{l}.scale_base"].t()
                            ]
                    | CoefficientSource.Generated meta ->
                        MetaKan.create case.Grid meta widths,
                        p
                        |> Map.map (fun name t ->
                            match name.Split '.' with
                            | [| "embeddings"; l |] ->
                                t.view(int64 widths[int l], -1L, t.shape[1]).transpose(0L, 1L).reshape(t.shape)
                            | _ -> t)

                let net = Network.create case.Grid case.Source case.Nodes
                close "values" 1e-11 (model.Apply p' x) (Network.values net x p))

            property
                "initial parameters have the heights they say, and depend on the key alone"
                20
                (fits (1, 3))
                (fun case ->
                    let net = Network.create case.Grid CoefficientSource.Stored case.Nodes
                    let init seed = Network.init 0.3 net (Key.ofSeed seed) Placement.cpu64
                    let p = init case.Seed
                    closeTrees "same key" 0.0 p (init case.Seed)
                    Expect.equal (Network.gridSize net) case.Grid.Size "grid size"

                    for l, (inputs, ends) in List.indexed (Network.shapes net) do
                        let i, o = int64 inputs, int64 ends
                        let largest (t: Tensor) = Tensor.item (t.abs().max())
                        let coef, scale = p[$"layers.{l}.coef"], p[$"layers.{l}.scale_base"]
                        Expect.equal coef.shape [| i; int64 (Grid.coefficients case.Grid); o |] "shape"
                        Expect.equal scale.shape [| i; o |] "shape"
                        Check.inRange 1e-6 (0.15 / float case.Grid.Size) (largest coef) "largest coefficient"
                        Check.inRange 1e-6 (1.0 / sqrt (float inputs)) (largest scale) "largest of scale"
                        close "scale" 1e-14 (torch.ones_like scale / sqrt (float inputs)) p[$"layers.{l}.scale_sp"]

                        Expect.notEqual
                            (largest (Map.find $"layers.{l}.coef" (init (case.Seed + 1))))
                            (largest coef)
                            "another key gives other numbers")

            property "second derivatives of the values are those of the trace" 20 (fits (1, 2)) (fun case ->
                let fitted, x = fitted case, points case 6
                let traced x = List.last (Network.trace fitted.Network x fitted.Params).Nodes
                let laplacian f = Nested.laplacian f x
                let found = laplacian (fun x -> Network.values fitted.Network x fitted.Params)
                close "Laplacian" 1e-8 (laplacian traced) found)

            testCase "clusters that are not one per layer, or leave numbers out, are refused" (fun () ->
                for clusters in [ [ 0 ]; [ 0; 2 ]; [ 1; 1 ] ] do
                    let meta =
                        { EmbeddingDim = 1; HiddenDim = 2; Sharing = GeneratorSharing.Clusters clusters; Chunk = None }

                    let net =
                        Network.create
                            { Size = 2; Order = 2 }
                            (CoefficientSource.Generated meta)
                            (List.map Nodes.sums [ 1; 2; 1 ])

                    let message =
                        messageOf<ArgumentException>(fun () ->
                            Network.init 0.3 net (Key.ofSeed 1) Placement.cpu64 |> ignore)

                    Expect.stringContains message "one number per layer" "message")

            property
                "of a sparse network every node and every end keeps an edge, and few are left"
                30
                (fits (1, 3))
                (fun case ->
                    let net = Network.create case.Grid case.Source case.Nodes |> Network.sparse

                    for mask in net.Masks do
                        let rows, columns = Array2D.length1 mask, Array2D.length2 mask
                        let count = Seq.cast<float> mask |> Seq.sum
                        Check.inRange (float (max rows columns)) (float (rows + columns - 1)) count "edges"

                        for i in 0 .. rows - 1 do
                            Expect.contains mask[i, *] 1.0 "from a node"

                        for j in 0 .. columns - 1 do
                            Expect.contains mask[*, j] 1.0 "to an end"

                        if rows = columns then
                            for i in 0 .. rows - 1 do
                                Expect.equal mask[i, i] 1.0 "straight on")
        ]
