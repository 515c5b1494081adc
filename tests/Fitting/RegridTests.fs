/// New knots: what finer ones keep, and where those fitted to samples lie.
module MetaKan.Tests.RegridTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Fitting
open MetaKan.Tests.Fits
open MetaKan.Tests.Numeric
open TorchSharp

let private inner (net: Network) (t: float[]) = t[net.Order .. t.Length - 1 - net.Order]

/// The nodes' values before every layer, [layer][input] sorted.
let private samples (fitted: Fitted) (x: Tensor) =
    let nodes = (Network.trace fitted.Network x fitted.Params).Nodes

    [
        for l in 0 .. Network.depth fitted.Network - 1 ->
            [| for i in 0L .. nodes[l].shape[1] - 1L -> Tensor.toArray (nodes[l].select(1L, i)) |> Array.sort |]
    ]

/// Networks and points at which every spline is inside its knots.
let private covered layers =
    gen {
        let! case = fits layers
        let! evenness = Gen.elements [ 0.0; 0.4; 1.0 ]
        let x = points case 40
        // A generator's splines are refined on even knots.
        let evenness = if case.Source.IsStored then evenness else 1.0
        return case, evenness, x
    }

/// A layer whose splines are polynomials of its order between its knots.
let private polynomials (case: Case) : Fitted =
    let start = fitted case

    (start, allEdges start.Network)
    ||> List.fold (fun fitted edge ->
        let a = Tensor.toArray (normal (case.Seed + 10 * edge.From + edge.To) [ case.Grid.Order + 1 ])

        fitted
        |> withSpline edge (fun x ->
            a |> Array.mapi (fun n c -> x.pow (n.ToScalar()) * c) |> Array.reduce (fun a b -> a + b)))

/// Points that are inside the knots of every input.
let private inside (net: Network) (seed: int) (n: int) : Tensor =
    net.Knots.Head
    |> Array.mapi (fun i t ->
        let t = inner net t
        uniform (seed + i) (t[0], t[t.Length - 1]) [ n; 1 ])
    |> fun columns -> torch.cat (columns, 1L)

let private storedLayer =
    fits (1, 1) |> Gen.map (fun case -> { case with Source = CoefficientSource.Stored })

let tests =
    testList
        "Fitting.Regrid"
        [
            property
                "a multiple of the intervals keeps the functions"
                30
                (Gen.zip (covered (1, 3)) (Gen.choose (2, 3)))
                (fun ((case, evenness, x), factor) ->
                    let coarse = Regrid.update evenness x (fitted case)
                    let fine = Regrid.extend (factor * case.Grid.Size) coarse
                    Expect.equal (Network.gridSize fine.Network) (factor * case.Grid.Size) "grid size"
                    close "values" 1e-6 (values coarse x) (values fine x)

                    for old, knots in Seq.zip (Seq.concat coarse.Network.Knots) (Seq.concat fine.Network.Knots) do
                        let old, knots = inner coarse.Network old, inner fine.Network knots

                        for i in 0 .. old.Length - 1 do
                            Check.near (1e-12 * (1.0 + abs old[i] + abs old[0])) knots[factor * i] old[i] "knots")

            property
                "extension keeps the parameters that are no coefficients, masks and functions"
                15
                (fits (1, 3))
                (fun case ->
                    let coarse = fitted case
                    let fine = Regrid.extend (2 * case.Grid.Size) coarse

                    let isCoefficient (name: string) =
                        match name.Split '.' with
                        | [| "layers"; _; "coef" |]
                        | [| "hypernet"; _; "2"; _ |] -> true
                        | _ -> false

                    let rest (p: Params) = p |> Map.filter (fun name _ -> not (isCoefficient name))
                    closeTrees "others" 0.0 (rest coarse.Params) (rest fine.Params)

                    Expect.isTrue
                        ({ fine.Network with Knots = coarse.Network.Knots } = coarse.Network)
                        "only knots change")

            property
                "polynomials of the splines' order stay what they are under any new knots"
                30
                (Gen.zip storedLayer (Gen.choose (0, 10)))
                (fun (case, tenths) ->
                    let before = polynomials case
                    let x = inside before.Network case.Seed 60
                    let after = Regrid.update (float tenths / 10.0) x before
                    close "updated" 1e-6 (values before x) (values after x)
                    Expect.isTrue (before.Network.Knots <> after.Network.Knots) "knots move"
                    let finer = Regrid.extend (case.Grid.Size + 1) before
                    close "extended" 1e-6 (values before x) (values finer x))

            property
                "updated knots rise and reach from the smallest sample to the largest, in every layer"
                30
                (covered (1, 3))
                (fun (case, evenness, x) ->
                    let updated = Regrid.update evenness x (fitted case)
                    Expect.equal (Network.gridSize updated.Network) case.Grid.Size "grid size"

                    for knots, samples in List.zip updated.Network.Knots (samples updated x) do
                        for t, samples in Array.zip knots samples do
                            // What masks leave constant has knots beside its one value.
                            if Array.last samples - samples[0] > 1e-6 then
                                let inner = inner updated.Network t
                                Check.near (1e-9 * (1.0 + abs samples[0])) inner[0] samples[0] "first knot within"

                                Check.near
                                    (1e-9 * (1.0 + abs (Array.last samples)))
                                    (Array.last inner)
                                    (Array.last samples)
                                    "last knot within"

                                for a, b in Array.pairwise t do
                                    Expect.isTrue (a < b) $"{a} before {b}")

            property
                "evenness 1 spaces knots evenly, 0 puts as many samples between them, and the rest lies between"
                30
                (fits (1, 1))
                (fun case ->
                    let start, x, size = fitted case, points case 60, case.Grid.Size
                    let update evenness = (Regrid.update evenness x start).Network.Knots.Head

                    for t in update 1.0 do
                        let h = t[1] - t[0]

                        for a, b in Array.pairwise t do
                            Check.near 5e-10 (b - a) h "gap"

                    for t, samples in Array.zip (update 0.0) (samples start x).Head do
                        for a, b in Array.pairwise (inner start.Network t) do
                            let count = samples |> Array.filter (fun s -> a <= s && s < b) |> Array.length
                            Check.inRange (60.0 / float size - 1.0) (60.0 / float size + 1.0) (float count) "count"

                    for even, quantiles, mixed in Array.zip3 (update 1.0) (update 0.0) (update 0.25) do
                        let k = case.Grid.Order

                        for i in k .. k + size do
                            Check.near 5e-10 mixed[i] (0.25 * even[i] + 0.75 * quantiles[i]) "knots")

            testCase "an update keeps generated parameters" (fun () ->
                let cases = fits (1, 3) |> Gen.filter (fun case -> not case.Source.IsStored)

                forAll 10 cases (fun case ->
                    let before = fitted case
                    closeTrees "parameters" 0.0 before.Params (Regrid.update 0.5 (points case 20) before).Params))

            property
                "samples that are all the same leave knots that rise and a network of numbers"
                15
                (Gen.zip (fits (1, 2)) (Gen.elements [ 0.0; 0.3; 1.0 ]))
                (fun (case, evenness) ->
                    let x = torch.full_like (points case 20, 0.3)
                    let updated = Regrid.update evenness x (fitted case)

                    Expect.isTrue
                        (torch.isfinite(values updated (points case 9)).all().item<bool>())
                        "every number is finite"

                    for t in Seq.concat updated.Network.Knots do
                        for a, b in Array.pairwise t do
                            Expect.isTrue (a < b) $"{a} before {b}")
        ]
