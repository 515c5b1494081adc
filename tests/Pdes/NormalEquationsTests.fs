/// Damped least squares in blocks: against singular values, whatever the blocks, and in little memory as in much.
module MetaKan.Tests.NormalEquationsTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private place = Placement.cpu64
let private times (j: Tensor) (d: Tensor) = (Tensor.product j (d.unsqueeze -1L)).squeeze -1L
let private squares (t: Tensor) = Tensor.item ((t * t).sum())

let private closeTo (what: string) tolerance (expected: Tensor) (found: Tensor) =
    let scale = 1.0 + Tensor.item (expected.abs().max())
    close what tolerance (1.0 + expected / scale) (1.0 + found / scale)

/// Parameters of such sizes.
let private parameters (sizes: int list) : Params =
    Map [ for i, n in List.indexed sizes -> $"p%02d{i}", torch.zeros (int64 n, dtype = place.DType) ]

/// Pieces with such numbers of rows of a matrix and residuals; counts the blocks that are made.
let private piecesOf (rows: int list) (j: Tensor) (r: Tensor) (made: int ref) : ResidualPieces =
    let table = (torch.cat ([| r.unsqueeze -1L; j |], 1L)).split [| for n in rows -> int64 n |]

    {
        Counts = [ for n in rows -> int64 n ]
        Rows =
            fun p names chosen ->
                made.Value <- made.Value + 1
                let rows = torch.cat [| for i in chosen -> table[i] |]

                let columns =
                    (rows.narrow (1L, 1L, rows.size 1 - 1L)).split([| for t in Params.tensors p -> t.numel () |], 1L)

                torch.cat (
                    [|
                        rows.narrow (1L, 0L, 1L)
                        for name, t in Seq.zip (Map.keys p) columns do
                            if names.Contains name then
                                t
                    |],
                    1L
                )
        Pullback = fun _ a -> times (j.t ()) a
    }

/// Cuts a list in two or more where a bit says so.
let private cut (bits: bool list) (items: 'a list) : 'a list list =
    (items, List.truncate items.Length (bits @ List.replicate items.Length false))
    ||> List.zip
    |> List.fold
        (fun groups (item, starts) ->
            match groups with
            | group :: others when not starts -> (group @ [ item ]) :: others
            | _ -> [ item ] :: groups)
        []
    |> List.rev

let private bits = Gen.listOfLength 12 (Gen.elements [ true; false ])

/// The step from singular values of the Jacobian in the parameters' scales, and what it promises.
let private expected (j: Tensor) (r: Tensor) (m: Tensor) (damping: float) =
    let scales = NormalEquations.scales ((j * j).sum 0L)
    let scaled = j * scales
    let left = r - times j m
    let lambda = damping * squares scaled / float (min (j.size 0) (j.size 1))
    let struct (u, values, v) = torch.linalg.svd (scaled, fullMatrices = false)
    let d = m + scales * times (v.t ()) (values / (values * values + lambda) * times (u.t ()) left)
    d, squares r - squares (r - times j d)

let private models =
    let widths, grid = [ 2; 5; 4; 1 ], { Size = 3; Order = 4 }

    let meta sharing chunk =
        MetaKan.create grid { EmbeddingDim = 2; HiddenDim = 4; Sharing = sharing; Chunk = chunk } widths

    [
        Mlp.create widths
        Kan.create grid widths
        meta GeneratorSharing.Shared None
        meta GeneratorSharing.PerLayer None
        meta GeneratorSharing.Shared (Some 2)
        Factorised.create 1.0 0.1 (Mlp.create widths)
        Separate.networks [ "a", Kan.create grid [ 2; 6; 1 ] ]
    ]

let private problem (points: int) : Problem * Collocation =
    let x, y, u = coordinate "x", coordinate "y", field "u"
    let square = Domain.box [ -1.0, 1.0; -1.0, 1.0 ]

    { Problem.create
          "posed"
          square
          [ "x"; "y" ]
          [ "u" ]
          [ "posed", laplacian u [ x; y ] + u * d u [ x ] - parameter "k" ] with
        Parameters = [ "k", 0.7 ]
        Conditions =
            [
                Condition.create "walls" 3.0 4 (Domain.walls [] square) (u - sin (x + y))
                Condition.create "mean" 2.0 6 (Domain.walls [] square) (mean u - parameter "k")
            ]
    },
    {
        Points = points
        Sampling = Sampling.Random
        Laplacian = LaplacianMethod.Exact
        Unbiased = false
        MemoryLimit = 2048
    }

/// The residuals of a model's step, with its parameters.
let private stepOf points (model: Model) seed : StepResiduals * Params =
    let problem, settings = problem points
    let model = Problem.modelFor problem model

    Residuals.at settings problem model (Key.ofSeed seed) place LossTerms.fresh None,
    model.Init (Key.ofSeed seed) place |> Map.map (fun _ t -> t + 0.1)

let private rows (residuals: StepResiduals) = residuals.Groups |> List.sumBy (fun group -> group.Points * group.Terms)
let private sizes (p: Params) = [ for t in Params.tensors p -> t.numel () ]

/// The least bytes that a step takes.
let private least (residuals: StepResiduals) (p: Params) = NormalEquations.least 8L (rows residuals) 6L (sizes p)

/// The bytes from which on a step has the whole Jacobian at once: beside its products, it and the points in work.
let private whole (residuals: StepResiduals) (p: Params) =
    NormalEquations.least 8L (rows residuals) 0L (sizes p)
    + 16L * rows residuals * (List.sum (sizes p) + 1L)

let tests =
    testSequenced
    <| testList
        "Pdes.NormalEquations"
        [
            testCase "of a Jacobian's blocks two are there at a time" (fun () ->
                use _ = torch.NewDisposeScope()
                let rows = [ 3; 2; 4; 1; 2; 3 ]
                let j, r = normal 1 [ 15; 20 ], normal 2 [ 15 ]
                let p = parameters [ 7; 13 ]
                let pieces = piecesOf rows j r (ref 0)
                let made = System.Collections.Generic.List<Tensor>()
                let mutable most = 0

                let watched =
                    { pieces with
                        Rows =
                            fun p names chosen ->
                                let block = pieces.Rows p names chosen
                                made.Add block
                                most <- max most (made |> Seq.filter (fun t -> not t.IsInvalid) |> Seq.length)
                                block
                    }

                let columns =
                    [
                        { Names = set [ "p00" ]; Runs = [ for i in 0..5 -> [ i ] ] }
                        { Names = set [ "p01" ]; Runs = [ [ 0; 1 ]; [ 2; 3 ]; [ 4; 5 ] ] }
                    ]

                let found = NormalEquations.gather { Together = 1L; Columns = columns; ByPoints = true } watched p None
                let d, _ = Option.get (found.Solve 0.1)
                closeTo "step" 1e-9 (fst (expected j r (torch.zeros_like d) 0.1)) d
                Expect.equal most 2 "blocks that live")

            property
                "any blocks give the step of damped least squares and what it promises, from any start"
                60
                (Gen.zip3
                    (Gen.zip (Gen.listOf (Gen.choose (1, 4))) (Gen.listOf (Gen.choose (1, 4))))
                    (Gen.zip3 bits bits (Gen.zip (Gen.choose (-8, 1)) (Gen.elements [ true; false ])))
                    seeds)
                (fun ((rows, sizes), (rowBits, columnBits, (exponent, moving)), seed) ->
                    let rows, sizes = 1 :: List.truncate 9 rows, 2 :: List.truncate 9 sizes
                    let p = parameters sizes
                    let j, r = normal seed [ List.sum rows; List.sum sizes ], normal (seed + 1) [ List.sum rows ]
                    let j = j * torch.exp (2.0 * normal (seed + 2) [ List.sum sizes ])
                    let m = if moving then Some(0.1 * normal (seed + 3) [ List.sum sizes ]) else None
                    let damping = 10.0 ** float exponent
                    let byPoints = j.size 0 <= j.size 1
                    let made = ref 0

                    let columns =
                        [
                            for i, names in
                                List.indexed (cut (if byPoints then columnBits else []) (List.ofSeq (Map.keys p))) ->
                                {
                                    Names = set names
                                    Runs =
                                        cut
                                            (rowBits |> List.permute (fun n -> (n + i) % rowBits.Length))
                                            [ 0 .. rows.Length - 1 ]
                                }
                        ]

                    let plan = { Together = 1L; Columns = columns; ByPoints = byPoints }
                    let found = NormalEquations.gather plan (piecesOf rows j r made) p m
                    let d, promised = (found.Solve damping).Value
                    let d', promised' = expected j r (m |> Option.defaultValue (torch.zeros_like d)) damping
                    closeTo "residuals" 1e-14 r found.Residuals
                    closeTo "step" 1e-5 d' d
                    Check.near (1e-6 * (1.0 + squares r)) promised' promised "promise"

                    let expectedBlocks =
                        match columns with
                        | _ when not byPoints -> columns.Head.Runs.Length
                        | [ { Runs = [ _ ] } ] -> 1
                        | _ ->
                            columns
                            |> List.sumBy (fun it -> it.Runs.Length + it.Runs.Length * (it.Runs.Length + 1) / 2)

                    Expect.equal made.Value expectedBlocks "blocks")

            property
                "a plan has every number once, in blocks that fit"
                60
                (Gen.zip3 (Gen.elements models) (Gen.zip (Gen.choose (1, 300)) (Gen.choose (100, 5000))) seeds)
                (fun (model, (points, percent), seed) ->
                    use _ = torch.NewDisposeScope()
                    let residuals, p = stepOf points model seed
                    let limit = least residuals p * int64 percent / 100L
                    let plan, pieces = NormalEquations.plan limit residuals p
                    let names = plan.Columns |> List.collect (fun it -> List.ofSeq it.Names)
                    Expect.equal names (List.ofSeq (Map.keys p)) "parameters, in their order"

                    for { Names = names; Runs = runs } in plan.Columns do
                        Expect.equal (List.concat runs) [ 0 .. pieces.Counts.Length - 1 ] "pieces"
                        let size = names |> Seq.sumBy (fun name -> p[name].numel())

                        for run in runs do
                            let rows = run |> List.sumBy (fun i -> pieces.Counts[i])
                            let together = if runs.Length > 1 && plan.ByPoints then 2L else 1L
                            let products = 32L * pown (min (List.sum pieces.Counts) (Params.count p)) 2

                            Check.inRange
                                0.0
                                (float limit)
                                (float (products + 16L * together * rows * (size + 1L)))
                                "bytes"

                    if limit > 40L * least residuals p then
                        Expect.equal (plan.Columns |> List.map _.Runs.Length) [ 1 ] "one block")

            property
                "in little memory a model's step is the one in much"
                40
                (Gen.zip3
                    (Gen.elements models)
                    (Gen.zip (Gen.elements [ 8; 40; 150; 400 ]) (Gen.choose (101, 400)))
                    seeds)
                (fun (model, (points, percent), seed) ->
                    use _ = torch.NewDisposeScope()
                    let residuals, p = stepOf points model seed

                    let solve limit =
                        let plan, pieces = NormalEquations.plan limit residuals p
                        let found = NormalEquations.gather plan pieces p None
                        plan, (found.Solve 1e-3).Value

                    let much, (d, promised) = solve (1L <<< 30)
                    let limit = least residuals p * int64 percent / 100L
                    let little, (d', promised') = solve limit
                    let blocks (plan: JacobianPlan) = plan.Columns |> List.sumBy _.Runs.Length
                    Expect.equal (blocks much) 1 "whole"

                    Expect.equal (blocks little > 1) (limit < whole residuals p) "blocks"

                    closeTo "step" 1e-8 d d'
                    Check.near (1e-9 * (1.0 + promised)) promised promised' "promise")
        ]
