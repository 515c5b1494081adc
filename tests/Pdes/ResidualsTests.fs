/// Residuals as a vector with their Jacobian: against the loss, its gradient, and the gradients of single points.
module MetaKan.Tests.ResidualsTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private x, y, t = coordinate "x", coordinate "y", coordinate "t"
let private u, v = field "u", field "v"
let private place = Placement.cpu64

let private settings =
    {
        Points = 7
        Sampling = Sampling.Random
        Laplacian = LaplacianMethod.Exact
        Unbiased = false
        MemoryLimit = 2048
    }

let private grid = { Size = 3; Order = 4 }

let private meta sharing chunk =
    MetaKan.create grid { EmbeddingDim = 1; HiddenDim = 5; Sharing = sharing; Chunk = chunk }

let private models (inputs: int) (outputs: int) : Model list =
    let widths = [ inputs; 4; 3; outputs ]

    [
        Mlp.create widths
        Kan.create grid widths
        meta GeneratorSharing.PerLayer None widths
        meta GeneratorSharing.Shared None widths
        meta GeneratorSharing.Shared (Some 2) widths
        Factorised.create 1.0 0.1 (Mlp.create widths)
        FourierFeatures.create inputs 3 1.0 5 (Kan.create grid [ 6; 3; outputs ])
        Separate.networks
            [
                for i in 1..outputs ->
                    $"n{i}",
                    if i = 1 then
                        Kan.create grid [ inputs; 3; 1 ]
                    else
                        Separate.reading inputs [ 1 ] (Mlp.create [ 1; 4; 1 ])
            ]
    ]

let private walls: Sampler =
    fun key place n ->
        let x = (Domain.box [ -1.0, 1.0; 0.0, 2.0 ]).Sample key place n
        torch.cat ([| torch.full_like (x.narrow (1L, 0L, 1L), 1.0.ToScalar()); x.narrow (1L, 1L, 1L) |], 1L)

/// Systems, high orders, unknown numbers, means, integrals and other points, with a start built in.
let private problem: Problem =
    { Problem.create
          "all"
          (Domain.box [ -1.0, 1.0; 0.0, 2.0 ])
          [ "x"; "t" ]
          [ "u"; "v" ]
          [
              "first", d u [ t ] - parameter "k" * d u [ x; x ] + u * v - 1.0
              "second", d v [ x; x; t ] + u ** 2.0 - integral x (number -1.0, number 1.0) (parameter "k" * u)
              "third",
              v - at [ x, -1.0 * x ] (d u [ x ])
              + integral (variable "s") (number 0.0, t) (at [ t, variable "s" ] v)
          ] with
        Parameters = [ "k", 0.7 ]
        Conditions =
            [
                Condition.create "walls" 3.0 5 walls (u - at [ x, number -1.0 ] u)
                Condition.create "mean" 2.0 6 walls (mean (u * v) - parameter "k")
                Condition.create "spread" 0.5 4 walls (u - mean u * parameter "k")
            ]
    }
    |> Problem.initially [ ("u", [ x ]) ]

let private flat (p: Params) = torch.cat (Params.tensors p |> Array.map _.flatten())
let private started (model: Model) seed = model.Init (Key.ofSeed seed) place |> Map.map (fun _ t -> t + 0.1)

/// The residuals with their Jacobian, whole.
let internal withJacobian (p: Params) (residuals: StepResiduals) : Tensor * Tensor =
    let pieces = residuals.InPieces Residuals.together
    let table = pieces.Rows p (set (Map.keys p)) [ 0 .. pieces.Counts.Length - 1 ]
    table.select (1L, 0L), table.narrow (1L, 1L, table.size 1 - 1L)

let tests =
    testList
        "Pdes.Residuals"
        [
            property
                "their squares are the loss, and the Jacobian gives its gradient, for every model"
                24
                (Gen.zip (Gen.elements (models 2 2)) seeds)
                (fun (model, seed) ->
                    let model = Problem.modelFor problem model
                    let p, key = started model seed, Key.ofSeed (seed + 1)
                    let loss, g = Collocation.gradient settings problem model key p
                    let r, j = Residuals.at settings problem model key place LossTerms.fresh None |> withJacobian p
                    close "loss" 1e-10 (1.0 + loss) (1.0 + (r * r).sum())

                    close
                        "values"
                        1e-10
                        (1.0 + (Residuals.at settings problem model key place LossTerms.fresh None).Values p)
                        (1.0 + r)

                    let byRows = 2.0 * (Tensor.product (j.t ()) (r.unsqueeze -1L)).squeeze -1L
                    let scale = 1.0 + Tensor.item ((flat g).abs().max())
                    close "gradient" 1e-8 (1.0 + flat g / scale) (1.0 + byRows / scale))

            property
                "a row is the gradient of one residual"
                12
                (Gen.zip (Gen.elements (models 2 2)) seeds)
                (fun (model, seed) ->
                    let model = Problem.modelFor problem model
                    let p, key = started model seed, Key.ofSeed (seed + 1)
                    let r, j = Residuals.at settings problem model key place LossTerms.fresh None |> withJacobian p

                    // Differences of all residuals along a direction in the parameters.
                    let direction =
                        p
                        |> Map.map (fun name _ ->
                            normal (seed + name.Length) (Tensor.shape p[name] |> Array.map int |> List.ofArray))

                    let moved sign = p |> Map.map (fun name t -> t + direction[name] * (sign * 1e-6))

                    let at sign =
                        (Residuals.at settings problem model key place LossTerms.fresh None).Values(moved sign)

                    let along = (Tensor.product j ((flat direction).unsqueeze -1L)).squeeze -1L
                    let differences = (at 1.0 - at -1.0) / 2e-6
                    let scale = 1.0 + Tensor.item (along.abs().max())
                    Expect.equal (j.size 0, j.size 1) (r.numel (), Params.count p) "sizes"
                    close "row" 1e-5 (1.0 + differences / scale) (1.0 + along / scale))

            property
                "in pieces of any size, parameters named or not, rows are those of the whole, and their product with numbers too"
                24
                (Gen.zip3 (Gen.elements (models 2 2)) (Gen.choose (1, 4)) seeds)
                (fun (model, points, seed) ->
                    use _ = torch.NewDisposeScope()
                    let model = Problem.modelFor problem model
                    let p = started model seed
                    let residuals = Residuals.at settings problem model (Key.ofSeed seed) place LossTerms.fresh None
                    let pieces = residuals.InPieces(int64 points)
                    let all = [ 0 .. pieces.Counts.Length - 1 ]
                    Expect.isGreaterThan all.Length 5 "pieces"
                    let names = set (Map.keys p)
                    let some = names |> Set.filter (fun name -> (hash name + seed) % 3 <> 0)
                    let table = pieces.Rows p names all
                    let columns = torch.ones_like(flat p).split [| for t in Params.tensors p -> t.numel () |]

                    let kept =
                        torch.cat (
                            [|
                                torch.ones (1L, dtype = place.DType)
                                for name, ones in Seq.zip (Map.keys p) columns do
                                    if some.Contains name then ones else 0.0 * ones
                            |]
                        )

                    let chosen = table.index_select (1L, kept.nonzero().flatten())
                    close "columns" 1e-12 chosen (pieces.Rows p some all)

                    let found = [| for i in all -> pieces.Rows p names [ i ] |]
                    Expect.all (Seq.zip found pieces.Counts) (fun (t, most) -> t.size 0 <= most) "counts"
                    close "pieces" 1e-12 table (torch.cat found)
                    let cotangents = normal seed [ int (table.size 0) ]
                    let expected = (Tensor.product (cotangents.unsqueeze 0L) table).squeeze 0L
                    let found = pieces.Pullback p cotangents
                    let scale = 1.0 + Tensor.item (expected.abs().max())

                    close
                        "product"
                        1e-10
                        (1.0 + expected.narrow (0L, 1L, found.numel ()) / scale)
                        (1.0 + found / scale)

                    // Order and pieces differ from those of the whole, but for what is summed up.
                    let _, whole = withJacobian p residuals
                    let grammar (j: Tensor) = Tensor.product (j.t ()) j
                    let expected = grammar whole
                    let scale = 1.0 + Tensor.item (expected.abs().max())

                    close
                        "sum"
                        1e-10
                        (1.0 + expected / scale)
                        (1.0 + grammar (table.narrow (1L, 1L, table.size 1 - 1L)) / scale))

            testCase "more points than are worked out together give the same" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Problem.modelFor problem (Mlp.create [ 2; 3; 2 ])
                let p = started model 1
                let settings = { settings with Points = 300 }
                let loss, g = Collocation.gradient settings problem model (Key.ofSeed 2) p

                let r, j =
                    Residuals.at settings problem model (Key.ofSeed 2) place LossTerms.fresh None |> withJacobian p

                Expect.equal (j.size 0) (3L * 300L + 5L + 1L + 4L) "rows"
                close "loss" 1e-10 (1.0 + loss) (1.0 + (r * r).sum())

                close
                    "gradient"
                    1e-8
                    (1.0 + flat g)
                    (1.0 + 2.0 * (Tensor.product (j.t ()) (r.unsqueeze -1L)).squeeze -1L))
        ]
