/// What scores add up to, and what they do not depend on.
module MetaKan.Tests.AttributionTests

open Expecto
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Numeric
open TorchSharp

let private trace (fitted: Fitted) x = Network.trace fitted.Network x fitted.Params
let private scores (fitted: Fitted) x = Attribution.scores fitted.Network (trace fitted x)

/// The standard deviation of numbers, with the divisor N-1.
let private deviation (values: float[]) =
    let mean = Array.average values
    sqrt ((values |> Array.sumBy (fun v -> (v - mean) ** 2.0)) / float (values.Length - 1))

let tests =
    testList
        "Fitting.Attribution"
        [
            property "an edge's score is its end's times its share of the spread there" 30 (fits (1, 3)) (fun case ->
                let fitted, x = fitted case, points case 20
                let trace, scores = trace fitted x, scores fitted x
                let column (t: Tensor) (i: int) = t.select (1L, int64 i)

                for edge in allEdges fitted.Network do
                    let { Layer = l; From = i; To = j } = edge
                    let own = deviation (Tensor.toArray (column (column trace.Edges[l] i) j))
                    let total = deviation (Tensor.toArray (column trace.Ends[l] j))
                    let next = scores.Nodes[l + 1].[Nodes.ofEnd fitted.Network.Nodes[l + 1] j]
                    Check.near (1e-9 * (1.0 + next)) scores.Edges[l].[i, j] (own / (total + 1e-4) * next) "edges")

            property "at a single point, which has no spread, edges have score 0" 10 (fits (1, 3)) (fun case ->
                for scores in (scores (fitted case) (points case 1)).Edges do
                    Expect.all (Seq.cast<float> scores) ((=) 0.0) "edges")

            property
                "outputs share 1, a node has what its edges have, and nothing is negative"
                30
                (fits (1, 3))
                (fun case ->
                    let fitted = fitted case
                    let scores = scores fitted (points case 20)
                    let outputs = List.last scores.Nodes
                    Expect.equal scores.Nodes.Length fitted.Network.Nodes.Length "number of nodes"

                    for score in outputs do
                        Check.near 5e-13 score (1.0 / float outputs.Length) "score"

                    for nodes, edges in List.zip scores.Nodes[.. scores.Edges.Length - 1] scores.Edges do
                        for score in Seq.cast<float> edges do
                            Expect.isTrue (score >= 0.0) "score"

                        Expect.equal (Array2D.length1 edges) nodes.Length "number of inputs"

                        for i in 0 .. nodes.Length - 1 do
                            Check.near (1e-12 * (1.0 + nodes[i])) nodes[i] (Array.sum edges[i, *]) "nodes")

            property "an input that nothing depends on has score 0" 20 (fits (1, 3)) (fun case ->
                let dead = case.Seed % Nodes.count case.Nodes.Head
                let lives (edge: Edge) = edge.Layer > 0 || edge.From <> dead

                let fitted =
                    fitted { case with Masked = 0.0 } |> edited (fun edge m -> if lives edge then m else 0.0) lives

                let inputs = (scores fitted (points case 20)).Nodes.Head

                for i, score in Array.indexed inputs do
                    Expect.equal (score = 0.0) (i = dead) "a score of zero")

            testCase "the last layer's scale changes no score" (fun () ->
                let stored =
                    fits (1, 3) |> FsCheck.FSharp.Gen.map (fun case -> { case with Source = CoefficientSource.Stored })

                forAll 30 stored (fun case ->
                    let before, x = fitted case, points case 20
                    let last = Network.depth before.Network - 1

                    let scaled =
                        before.Params
                        |> Map.map (fun name t ->
                            if name.StartsWith $"layers.{last}.scale" then t * 5.0
                            elif name.StartsWith $"symbols.{last}." then t * tensor [ 4 ] [ 1.0; 1.0; 5.0; 5.0 ]
                            else t)

                    // 1e-4 is added to spreads: beside a smaller one it weighs more.
                    let spreads =
                        Tensor.toArray ((List.last (trace before x).Ends).std 0L) |> Array.filter (fun s -> s > 0.0)

                    let tolerance = 1e-9 + 1e-4 / (Array.append [| 1.0 |] spreads |> Array.min)
                    let a, b = scores before x, scores { before with Params = scaled } x

                    for a, b in Seq.zip (Seq.concat a.Nodes) (Seq.concat b.Nodes) do
                        // The spread of an edge that is constant may be rounding.
                        Check.near (1e-12 + a * tolerance) b a "score"))
        ]
