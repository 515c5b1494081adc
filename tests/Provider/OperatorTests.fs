/// Every operator against numbers computed by hand.
module MetaKan.Tests.Provider.OperatorTests

open System
open TorchSharp
open Xunit
open MetaKan.Tests.Provider.Expect

type F = torch.nn.functional

let private nan = Double.NaN
let private inf = Double.PositiveInfinity
let private truth (xs: bool list) = xs |> List.map (fun b -> if b then 1.0 else 0.0)

[<Fact>]
let ``functions of one variable and their derivatives`` () =
    use _ = torch.NewDisposeScope()
    let sigmoid x = 1.0 / (1.0 + exp -x)

    let rows: (string * (Tensor -> Tensor) * (float -> float) * (float -> float)) list =
        [
            "exp", torch.exp, exp, exp
            "log", torch.log, log, (fun x -> 1.0 / x)
            "log1p", torch.log1p, (fun x -> log (1.0 + x)), (fun x -> 1.0 / (1.0 + x))
            "expm1", torch.expm1, (fun x -> exp x - 1.0), exp
            "sqrt", torch.sqrt, sqrt, (fun x -> 0.5 / sqrt x)
            "rsqrt", torch.rsqrt, (fun x -> 1.0 / sqrt x), (fun x -> -0.5 * x ** -1.5)
            "reciprocal", torch.reciprocal, (fun x -> 1.0 / x), (fun x -> -1.0 / (x * x))
            "square", torch.square, (fun x -> x * x), (fun x -> 2.0 * x)
            "neg", torch.neg, (fun x -> -x), (fun _ -> -1.0)
            "abs", torch.abs, abs, float << sign
            "sin", torch.sin, sin, cos
            "cos", torch.cos, cos, (fun x -> -sin x)
            "tan", torch.tan, tan, (fun x -> 1.0 / cos x ** 2.0)
            "asin", torch.asin, asin, (fun x -> 1.0 / sqrt (1.0 - x * x))
            "acos", torch.acos, acos, (fun x -> -1.0 / sqrt (1.0 - x * x))
            "atan", torch.atan, atan, (fun x -> 1.0 / (1.0 + x * x))
            "atanh", torch.atanh, Math.Atanh, (fun x -> 1.0 / (1.0 - x * x))
            "sinh", torch.sinh, sinh, cosh
            "cosh", torch.cosh, cosh, sinh
            "tanh", torch.tanh, tanh, (fun x -> 1.0 - tanh x ** 2.0)
            "sigmoid", torch.sigmoid, sigmoid, (fun x -> sigmoid x * (1.0 - sigmoid x))
            "relu", (fun t -> F.relu t), max 0.0, (fun _ -> 1.0)
            "silu", (fun t -> F.silu t), (fun x -> x * sigmoid x), (fun x -> sigmoid x * (1.0 + x * (1.0 - sigmoid x)))
            "softplus", (fun t -> F.softplus t), (fun x -> log (1.0 + exp x)), sigmoid
            "leaky_relu", (fun t -> F.leaky_relu (-t, 0.1)), (fun x -> -0.1 * x), (fun _ -> -0.1)
            "elu", (fun t -> F.elu (-t, 2.0)), (fun x -> 2.0 * (exp -x - 1.0)), (fun x -> -2.0 * exp -x)
            "floor", torch.floor, floor, (fun _ -> 0.0)
            "pow", (fun t -> t.pow ((3.0).ToScalar())), (fun x -> x ** 3.0), (fun x -> 3.0 * x * x)
        ]

    let points = [ 0.1; 0.5; 0.9 ]

    for name, f, value, derivative in rows do
        equal name [ 3L ] (List.map value points) (f (vector points))
        equal $"derivative of {name}" [ 3L ] (List.map derivative points) (gradient f (vector points))

    table
        [
            "erf", [ 2L ], [ 0.0; 0.8427007929 ], torch.erf (vector [ 0.0; 1.0 ])
            "gelu", [ 2L ], [ 0.0; 0.8413447461 ], F.gelu (vector [ 0.0; 1.0 ])
            "sign", [ 3L ], [ -1.0; 0.0; 1.0 ], torch.sign (vector [ -2.0; 0.0; 3.0 ])
            "ceil", [ 2L ], [ -1.0; 2.0 ], torch.ceil (vector [ -1.5; 1.5 ])
            "trunc", [ 2L ], [ -1.0; 1.0 ], torch.trunc (vector [ -1.5; 1.5 ])
            "frac", [ 2L ], [ -0.5; 0.25 ], torch.frac (vector [ -1.5; 1.25 ])
            "round", [ 2L ], [ 1.25; 2.0 ], torch.round (vector [ 1.254; 1.999 ], 2L)
            "log2", [ 2L ], [ 1.0; 3.0 ], torch.log2 (vector [ 2.0; 8.0 ])
            "log10", [ 2L ], [ 1.0; 3.0 ], torch.log10 (vector [ 10.0; 1000.0 ])
            "lgamma", [ 2L ], [ 0.0; log 24.0 ], torch.lgamma (vector [ 1.0; 5.0 ])
            "nan_to_num", [ 3L ], [ 7.0; 8.0; 1.0 ], torch.nan_to_num (vector [ nan; inf; 1.0 ], 7.0, 8.0)
            "prelu", [ 2L ], [ -0.5; 3.0 ], F.prelu (vector [ -2.0; 3.0 ], vector [ 0.25 ])
        ]

[<Fact>]
let ``arithmetic of tensors and numbers`` () =
    use _ = torch.NewDisposeScope()
    let a, b = vector [ 1.0; 2.0; -3.0 ], vector [ 4.0; -5.0; 2.0 ]

    table
        [
            "a + b", [ 3L ], [ 5.0; -3.0; -1.0 ], a + b
            "a + 1", [ 3L ], [ 2.0; 3.0; -2.0 ], a + 1
            "1.5 + a", [ 3L ], [ 2.5; 3.5; -1.5 ], 1.5 + a
            "a - b", [ 3L ], [ -3.0; 7.0; -5.0 ], a - b
            "a - 1", [ 3L ], [ 0.0; 1.0; -4.0 ], a - 1L
            "1 - a", [ 3L ], [ 0.0; -1.0; 4.0 ], 1.0 - a
            "a * b", [ 3L ], [ 4.0; -10.0; -6.0 ], a * b
            "2 * a", [ 3L ], [ 2.0; 4.0; -6.0 ], 2.0f * a
            "a / b", [ 3L ], [ 0.25; -0.4; -1.5 ], a / b
            "a / 2", [ 3L ], [ 0.5; 1.0; -1.5 ], a / 2.0
            "6 / a", [ 3L ], [ 6.0; 3.0; -2.0 ], 6.0 / a
            "-a", [ 3L ], [ -1.0; -2.0; 3.0 ], -a
            "a % 2", [ 3L ], [ 1.0; 0.0; 1.0 ], a % 2
            "add alpha", [ 3L ], [ 9.0; -8.0; 1.0 ], a.add (b, 2)
            "div floor", [ 3L ], [ 0.0; -1.0; -2.0 ], torch.div (a, b, torch.RoundingMode.floor)
            "div trunc", [ 3L ], [ 0.0; 0.0; -1.0 ], torch.div (a, b, torch.RoundingMode.trunc)
            "fmod", [ 3L ], [ 1.0; 0.0; -1.0 ], torch.fmod (a, (2.0).ToScalar())
            "pow tensor", [ 2L ], [ 8.0; 9.0 ], torch.pow (vector [ 2.0; 3.0 ], vector [ 3.0; 2.0 ])
            "maximum", [ 3L ], [ 4.0; 2.0; 2.0 ], torch.maximum (a, b)
            "minimum", [ 3L ], [ 1.0; -5.0; -3.0 ], torch.minimum (a, b)
            "clamp", [ 3L ], [ 1.0; 1.5; -1.0 ], torch.clamp (a, (-1.0).ToScalar(), (1.5).ToScalar())
            "clamp_min", [ 3L ], [ 1.0; 2.0; 0.0 ], torch.clamp_min (a, 0.0)
            "clamp_max", [ 3L ], [ 0.0; 0.0; -3.0 ], torch.clamp_max (a, 0.0)
            "addcmul", [ 3L ], [ 3.0; -3.0; -6.0 ], torch.addcmul (a, a, b, 0.5)
            "addcdiv", [ 3L ], [ 1.5; 1.2; -6.0 ], torch.addcdiv (a, a, b, 2.0)
            "lerp", [ 3L ], [ 2.5; -1.5; -0.5 ], torch.lerp (a, b, torch.tensor 0.5)
            "atan2", [ 1L ], [ Math.PI / 4.0 ], torch.atan2 (vector [ 2.0 ], vector [ 2.0 ])
            "xlogy", [ 2L ], [ 0.0; 2.0 * log 3.0 ], torch.xlogy (vector [ 0.0; 2.0 ], vector [ 0.0; 3.0 ])
            "broadcast", [ 2L; 3L ], [ 2.0; 3.0; -2.0; 3.0; 4.0; -1.0 ], matrix [ [ 1.0 ]; [ 2.0 ] ] + a
        ]

    equal "gradient of a quotient" [ 3L ] [ 0.25; -0.2; 0.5 ] (gradient (fun x -> x / b) a)
    equal "gradient of a divisor" [ 3L ] [ -1.0 / 16.0; -2.0 / 25.0; 0.75 ] (gradient (fun x -> a / x) b)

[<Fact>]
let ``operators that change their argument`` () =
    use _ = torch.NewDisposeScope()
    let start () = vector [ 4.0; 9.0 ]
    let other = vector [ 2.0; 3.0 ]

    let rows: (string * float list * (Tensor -> Tensor)) list =
        [
            "add_", [ 6.0; 12.0 ], (fun t -> t.add_ other)
            "add_ alpha", [ 8.0; 15.0 ], (fun t -> t.add_ (other, 2.0))
            "add_ number", [ 5.0; 10.0 ], (fun t -> t.add_ ((1.0).ToScalar()))
            "sub_", [ 2.0; 6.0 ], (fun t -> t.sub_ other)
            "mul_", [ 8.0; 27.0 ], (fun t -> t.mul_ other)
            "mul_ number", [ 2.0; 4.5 ], (fun t -> t.mul_ ((0.5).ToScalar()))
            "div_", [ 2.0; 3.0 ], (fun t -> t.div_ other)
            "div_ number", [ 2.0; 4.5 ], (fun t -> t.div_ ((2.0).ToScalar()))
            "addcmul_", [ 6.0; 13.5 ], (fun t -> t.addcmul_ (other, other, 0.5))
            "addcdiv_", [ 4.5; 9.5 ], (fun t -> t.addcdiv_ (other, other, 0.5))
            "lerp_", [ 3.0; 6.0 ], (fun t -> t.lerp_ (other, torch.tensor 0.5))
            "copy_", [ 2.0; 3.0 ], (fun t -> t.copy_ other)
            "zero_", [ 0.0; 0.0 ], (fun t -> t.zero_ ())
            "fill_", [ 7.0; 7.0 ], (fun t -> t.fill_ 7.0)
            "sqrt_", [ 2.0; 3.0 ], (fun t -> t.sqrt_ ())
            "neg_", [ -4.0; -9.0 ], (fun t -> t.neg_ ())
            "clamp_", [ 5.0; 8.0 ], (fun t -> t.clamp_ ((5.0).ToScalar(), (8.0).ToScalar()))
            "pow_", [ 16.0; 81.0 ], (fun t -> t.pow_ ((2.0).ToScalar()))
            "masked_fill_", [ 4.0; -1.0 ], (fun t -> t.masked_fill_ (t.gt ((5.0).ToScalar()), -1.0))
            "index_copy_", [ 4.0; 5.0 ], (fun t -> t.index_copy_ (0L, indices [ 1L ], vector [ 5.0 ]))
            "index_add_", [ 4.0; 19.0 ], (fun t -> t.index_add_ (0L, indices [ 1L ], vector [ 5.0 ], 2.0))
            "index_fill_", [ 1.0; 9.0 ], (fun t -> t.index_fill_ (0L, indices [ 0L ], 1.0))
            "scatter_", [ 5.0; 9.0 ], (fun t -> t.scatter_ (0L, indices [ 0L ], vector [ 5.0 ]))
            "scatter_add_", [ 9.0; 9.0 ], (fun t -> t.scatter_add_ (0L, indices [ 0L ], vector [ 5.0 ]))
        ]

    for name, expected, change in rows do
        let t = start ()
        Assert.Same(t, change t)
        equal name [ 2L ] expected t

[<Fact>]
let ``comparison and logic`` () =
    use _ = torch.NewDisposeScope()
    let a, b = vector [ 1.0; 2.0; 3.0 ], vector [ 2.0; 2.0; 2.0 ]
    let p, q = torch.tensor [| true; true; false |], torch.tensor [| true; false; false |]
    let odd = vector [ nan; inf; 1.0 ]

    table
        [
            "eq", [ 3L ], truth [ false; true; false ], a.eq b
            "ne", [ 3L ], truth [ true; false; true ], a.ne ((2.0).ToScalar())
            "lt", [ 3L ], truth [ true; false; false ], torch.lt (a, b)
            "le", [ 3L ], truth [ true; true; false ], a.le ((2.0).ToScalar())
            "gt", [ 3L ], truth [ false; false; true ], a.gt b
            "ge", [ 3L ], truth [ false; true; true ], torch.ge (a, b)
            "logical_and", [ 3L ], truth [ true; false; false ], torch.logical_and (p, q)
            "logical_or", [ 3L ], truth [ true; true; false ], torch.logical_or (p, q)
            "logical_xor", [ 3L ], truth [ false; true; false ], torch.logical_xor (p, q)
            "logical_not", [ 3L ], truth [ false; false; true ], torch.logical_not p
            "isnan", [ 3L ], truth [ true; false; false ], torch.isnan odd
            "isinf", [ 3L ], truth [ false; true; false ], torch.isinf odd
            "isfinite", [ 3L ], truth [ false; false; true ], torch.isfinite odd
            "any", [], [ 1.0 ], torch.any p
            "all", [], [ 0.0 ], torch.all p
            "all dim", [ 1L ], [ 0.0 ], torch.all (p, 0L, keepdim = true)
            "where", [ 3L ], [ 1.0; 2.0; 2.0 ], torch.where (p, a, b)
            "where indices", [ 2L ], [ 0.0; 1.0 ], torch.where(p)[0]
            "isclose", [ 3L ], truth [ false; true; false ], a.isclose b
        ]

    Assert.Equal(torch.bool, (a.eq b).dtype)
    Assert.True(torch.allclose (a, a + 1e-9))
    Assert.False(torch.allclose (a, a + 1e-3))
    Assert.True(a.Equals(a.clone ()))
    Assert.False(a.Equals b)

[<Fact>]
let ``reductions, scans and sorting`` () =
    use _ = torch.NewDisposeScope()
    let m = matrix [ [ 1.0; 5.0; 3.0 ]; [ 4.0; 2.0; 6.0 ] ]
    let largest = torch.max (m, 1L)
    let smallest = torch.min (m, 0L)
    let sorted = torch.sort (m, 1L, descending = true)
    let top = torch.topk (m, 2, 1)

    table
        [
            "sum", [], [ 21.0 ], m.sum ()
            "sum dim", [ 3L ], [ 5.0; 7.0; 9.0 ], m.sum 0L
            "sum dims", [ 1L; 1L ], [ 21.0 ], m.sum ([| 0L; 1L |], keepdim = true)
            "mean", [], [ 3.5 ], m.mean ()
            "mean dims", [ 2L ], [ 3.0; 4.0 ], m.mean [| 1L |]
            "prod", [], [ 720.0 ], m.prod ()
            "prod dim", [ 2L ], [ 15.0; 48.0 ], m.prod 1L
            "var", [], [ 3.5 ], m.var ()
            "var biased", [ 2L ], [ 8.0 / 3.0; 8.0 / 3.0 ], m.var (1L, unbiased = false)
            "std", [], [ sqrt 3.5 ], torch.std m
            "std dim", [ 2L ], [ 2.0; 2.0 ], torch.std (m, 1L)
            "max", [], [ 6.0 ], m.max ()
            "max dim", [ 2L ], [ 5.0; 6.0 ], largest.ToTuple() |> fst
            "max indices", [ 2L ], [ 1.0; 2.0 ], largest.ToTuple() |> snd
            "min", [], [ 1.0 ], m.min ()
            "min dim", [ 3L ], [ 1.0; 2.0; 3.0 ], smallest.ToTuple() |> fst
            "max other", [ 2L; 3L ], [ 3.0; 5.0; 3.0; 4.0; 3.0; 6.0 ], torch.max (m, torch.tensor 3.0)
            "amax", [ 2L ], [ 5.0; 6.0 ], torch.amax (m, [| 1L |])
            "amin", [ 3L ], [ 1.0; 2.0; 3.0 ], torch.amin (m, [| 0L |])
            "argmax", [], [ 5.0 ], torch.argmax m
            "argmax dim", [ 2L ], [ 1.0; 2.0 ], torch.argmax (m, 1L)
            "argmin dim", [ 3L ], [ 0.0; 1.0; 0.0 ], torch.argmin (m, 0L)
            "norm", [], [ sqrt 91.0 ], m.norm ()
            "norm p", [], [ 21.0 ], m.norm 1.0f
            "norm dim", [ 2L ], [ sqrt 35.0; sqrt 56.0 ], m.norm 1
            "logsumexp", [ 1L ], [ log (exp 1.0 + exp 2.0) ], torch.logsumexp (matrix [ [ 1.0; 2.0 ] ], 1L)
            "cumsum", [ 2L; 3L ], [ 1.0; 6.0; 9.0; 4.0; 6.0; 12.0 ], m.cumsum 1L
            "cumprod", [ 2L; 3L ], [ 1.0; 5.0; 3.0; 4.0; 10.0; 18.0 ], m.cumprod 0L
            "count_nonzero", [], [ 2.0 ], torch.count_nonzero (vector [ 0.0; 1.0; 2.0 ])
            "sort", [ 2L; 3L ], [ 5.0; 3.0; 1.0; 6.0; 4.0; 2.0 ], sorted.ToTuple() |> fst
            "sort indices", [ 2L; 3L ], [ 1.0; 2.0; 0.0; 2.0; 0.0; 1.0 ], sorted.ToTuple() |> snd
            "argsort", [ 2L; 3L ], [ 0.0; 2.0; 1.0; 1.0; 0.0; 2.0 ], torch.argsort m
            "topk", [ 2L; 2L ], [ 5.0; 3.0; 6.0; 4.0 ], top.ToTuple() |> fst
            "median", [], [ 3.0 ], torch.median m
            "quantile", [ 1L; 2L ], [ 3.0; 4.0 ], torch.quantile (m, vector [ 0.5 ], 1L)
            "bincount", [ 4L ], [ 1.0; 2.0; 0.0; 1.0 ], torch.bincount (indices [ 1L; 0L; 1L; 3L ])
        ]

    equal "gradient of a product" [ 3L ] [ 6.0; 3.0; 2.0 ] (gradient _.prod() (vector [ 1.0; 2.0; 3.0 ]))
    equal "gradient of a norm" [ 2L ] [ 0.6; 0.8 ] (gradient _.norm() (vector [ 3.0; 4.0 ]))

[<Fact>]
let ``views, joins and copies`` () =
    use _ = torch.NewDisposeScope()
    let m = torch.arange(6L, dtype = torch.float64).reshape(2L, 3L)
    let plain = [ 0.0; 1.0; 2.0; 3.0; 4.0; 5.0 ]
    let turned = [ 0.0; 3.0; 1.0; 4.0; 2.0; 5.0 ]

    table
        [
            "view", [ 3L; 2L ], plain, m.view (3L, 2L)
            "view -1", [ 6L ], plain, m.view -1L
            "flatten", [ 6L ], plain, m.flatten ()
            "unflatten", [ 2L; 3L; 1L ], plain, m.unflatten (1L, 3L, 1L)
            "permute", [ 3L; 2L ], turned, m.permute (1L, 0L)
            "transpose", [ 3L; 2L ], turned, m.transpose (0L, 1L)
            "t", [ 3L; 2L ], turned, m.t ()
            "T", [ 3L; 2L ], turned, m.T
            "mT", [ 3L; 2L ], turned, m.mT
            "movedim", [ 3L; 2L ], turned, m.movedim ([| 0L |], [| 1L |])
            "squeeze", [ 2L; 3L ], plain, m.reshape(2L, 1L, 3L).squeeze()
            "squeeze dim", [ 2L; 3L ], plain, m.reshape(2L, 1L, 3L).squeeze 1L
            "unsqueeze", [ 2L; 3L; 1L ], plain, m.unsqueeze -1L
            "expand", [ 2L; 2L ], [ 1.0; 1.0; 2.0; 2.0 ], (matrix [ [ 1.0 ]; [ 2.0 ] ]).expand(2L, 2L)
            "expand_as", [ 2L; 3L ], [ 7.0; 7.0; 7.0; 7.0; 7.0; 7.0 ], (torch.tensor 7.0).expand_as m
            "narrow", [ 2L; 2L ], [ 1.0; 2.0; 4.0; 5.0 ], m.narrow (1L, 1L, 2L)
            "slice", [ 2L; 2L ], [ 0.0; 2.0; 3.0; 5.0 ], m.slice (1L, 0L, 3L, 2L)
            "select", [ 2L ], [ 2.0; 5.0 ], m.select (1L, 2L)
            "diagonal", [ 2L ], [ 0.0; 4.0 ], m.diagonal ()
            "unfold", [ 2L; 2L ], [ 0.0; 1.0; 2.0; 3.0 ], (torch.arange 4L).unfold(0L, 2L, 2L)
            "split", [ 2L; 1L ], [ 2.0; 5.0 ], (m.split (2L, 1))[1]
            "split sizes", [ 2L; 2L ], [ 1.0; 2.0; 4.0; 5.0 ], (m.split ([| 1L; 2L |], 1L))[1]
            "chunk", [ 1L; 3L ], [ 3.0; 4.0; 5.0 ], (m.chunk 2L)[1]
            "unbind", [ 3L ], [ 3.0; 4.0; 5.0 ], (torch.unbind (m, dim = 0L))[1]
            "contiguous", [ 3L; 2L ], turned, m.t().contiguous()
            "clone", [ 2L; 3L ], plain, m.clone ()
            "alias", [ 2L; 3L ], plain, m.alias ()
            "repeat", [ 4L ], [ 1.0; 2.0; 1.0; 2.0 ], (vector [ 1.0; 2.0 ]).repeat 2L
            "tile", [ 4L ], [ 1.0; 2.0; 1.0; 2.0 ], (vector [ 1.0; 2.0 ]).tile [| 2L |]
            "repeat_interleave", [ 4L ], [ 1.0; 1.0; 2.0; 2.0 ], (vector [ 1.0; 2.0 ]).repeat_interleave 2L
            "flip", [ 2L; 3L ], [ 2.0; 1.0; 0.0; 5.0; 4.0; 3.0 ], m.flip 1L
            "roll", [ 2L; 3L ], [ 2.0; 0.0; 1.0; 5.0; 3.0; 4.0 ], m.roll (1L, 1L)
            "tril", [ 2L; 3L ], [ 0.0; 0.0; 0.0; 3.0; 4.0; 0.0 ], m.tril ()
            "triu", [ 2L; 3L ], [ 0.0; 1.0; 2.0; 0.0; 4.0; 5.0 ], torch.triu m
            "diag", [ 2L; 2L ], [ 1.0; 0.0; 0.0; 2.0 ], torch.diag (vector [ 1.0; 2.0 ])
            "diag_embed", [ 1L; 2L; 2L ], [ 1.0; 0.0; 0.0; 2.0 ], torch.diag_embed (matrix [ [ 1.0; 2.0 ] ])
            "cat", [ 4L; 3L ], plain @ plain, torch.cat ([| m; m |], 0L)
            "stack", [ 2L; 2L; 3L ], plain @ plain, torch.stack [| m; m |]
            "hstack", [ 3L ], [ 1.0; 2.0; 3.0 ], torch.hstack (vector [ 1.0 ], vector [ 2.0; 3.0 ])
            "vstack", [ 4L; 3L ], plain @ plain, torch.vstack [| m; m |]
            "meshgrid", [ 1L; 2L ], [ 2.0; 3.0 ], (torch.meshgrid [| vector [ 1.0 ]; vector [ 2.0; 3.0 ] |])[1]
        ]

    Assert.False(m.t().is_contiguous())
    Assert.Equal<int64>([| 1L; 3L |], m.t().stride())

    equal
        "gradient through a slice"
        [ 3L ]
        [ 0.0; 1.0; 1.0 ]
        (gradient (fun x -> x.narrow (0L, 1L, 2L)) (vector [ 1.0; 2.0; 3.0 ]))
    // A view shares its memory.
    m.select(0L, 0L).zero_() |> ignore
    equal "view" [ 2L; 3L ] [ 0.0; 0.0; 0.0; 3.0; 4.0; 5.0 ] m

[<Fact>]
let ``indexing, gathering and scattering`` () =
    use _ = torch.NewDisposeScope()
    let m = torch.arange(12L, dtype = torch.float64).reshape(3L, 4L)
    let all = torch.TensorIndex.Colon
    let at i = torch.TensorIndex.Single(Nullable i)
    let from i = torch.TensorIndex.Slice(Nullable i)
    let by t = torch.TensorIndex.Tensor t

    table
        [
            "row", [ 4L ], [ 4.0; 5.0; 6.0; 7.0 ], m[1L]
            "element", [], [ 6.0 ], m[1L, 2L]
            "column", [ 3L ], [ 1.0; 5.0; 9.0 ], m[all, at 1L]
            "slice", [ 1L; 2L ], [ 10.0; 11.0 ], m[from 2L, from 2L]
            "step",
            [ 2L; 4L ],
            [ 0.0; 1.0; 2.0; 3.0; 8.0; 9.0; 10.0; 11.0 ],
            m[torch.TensorIndex.Slice(step = Nullable 2L)]
            "negative", [ 3L ], [ 3.0; 7.0; 11.0 ], m[torch.TensorIndex.Ellipsis, at -1L]
            "new axis", [ 1L; 4L ], [ 0.0; 1.0; 2.0; 3.0 ], m[torch.TensorIndex.Null, at 0L]
            "indices", [ 2L; 4L ], [ 8.0; 9.0; 10.0; 11.0; 0.0; 1.0; 2.0; 3.0 ], m[by (indices [ 2L; 0L ])]
            "indices of columns", [ 3L; 2L ], [ 3.0; 0.0; 7.0; 4.0; 11.0; 8.0 ], m[all, by (indices [ 3L; 0L ])]
            "pairs", [ 2L ], [ 1.0; 11.0 ], m[by (indices [ 0L; 2L ]), by (indices [ 1L; 3L ])]
            "mask", [ 3L ], [ 9.0; 10.0; 11.0 ], m[by (m.gt ((8.0).ToScalar()))]
            "index_select", [ 3L; 2L ], [ 1.0; 0.0; 5.0; 4.0; 9.0; 8.0 ], torch.index_select (m, 1L, indices [ 1L; 0L ])
            "gather", [ 1L; 2L ], [ 3.0; 0.0 ], torch.gather (m, 1L, torch.tensor (array2D [ [ 3L; 0L ] ]))
            "take", [ 2L ], [ 11.0; 5.0 ], m.take (indices [ 11L; 5L ])
            "masked_select", [ 2L ], [ 0.0; 1.0 ], torch.masked_select (m, m.lt ((2.0).ToScalar()))
            "masked_fill", [ 2L ], [ 1.0; 9.0 ], (vector [ 1.0; 2.0 ]).masked_fill(torch.tensor [| false; true |], 9.0)
            "nonzero", [ 1L; 1L ], [ 1.0 ], torch.nonzero (vector [ 0.0; 3.0 ])
            "scatter",
            [ 3L ],
            [ 0.0; 5.0; 0.0 ],
            torch.zeros(3L, dtype = torch.float64).scatter(0L, indices [ 1L ], vector [ 5.0 ])
            "scatter_add",
            [ 3L ],
            [ 0.0; 3.0; 0.0 ],
            torch.zeros(3L, dtype = torch.float64).scatter_add(0L, indices [ 1L; 1L ], vector [ 1.0; 2.0 ])
            "index_add",
            [ 3L ],
            [ 1.0; 9.0; 1.0 ],
            torch.ones(3L, dtype = torch.float64).index_add(0L, indices [ 1L ], vector [ 4.0 ], 2.0)
            "searchsorted",
            [ 3L ],
            [ 0.0; 2.0; 3.0 ],
            torch.searchsorted (vector [ 1.0; 2.0; 3.0 ], vector [ 0.5; 2.5; 9.0 ])
            "bucketize right",
            [ 2L ],
            [ 1.0; 3.0 ],
            torch.bucketize (vector [ 1.0; 3.0 ], vector [ 1.0; 2.0; 3.0 ], right = true)
        ]

    let changed = m.clone ()
    changed[from 1L, at 0L] <- torch.tensor -1.0
    changed[by (changed.gt ((9.0).ToScalar()))] <- torch.tensor 0.0
    equal "assigned" [ 3L; 4L ] [ 0.0; 1.0; 2.0; 3.0; -1.0; 5.0; 6.0; 7.0; -1.0; 9.0; 0.0; 0.0 ] changed

    equal
        "gradient of repeated indices"
        [ 3L ]
        [ 2.0; 0.0; 1.0 ]
        (gradient (fun x -> x.index_select (0L, indices [ 0L; 2L; 0L ])) (vector [ 1.0; 2.0; 3.0 ]))

    Assert.Contains(
        "4 dimensions",
        Assert
            .Throws<ArgumentException>(fun () -> torch.zeros(1L, 1L, 1L, 1L)[all, all, all, all, all] |> ignore)
            .Message
    )

[<Fact>]
let ``products and linear algebra`` () =
    use _ = torch.NewDisposeScope()
    let a = matrix [ [ 2.0; 1.0 ]; [ 1.0; 3.0 ] ]
    let b = matrix [ [ 1.0; 2.0 ]; [ 3.0; 4.0 ] ]
    let v, w = vector [ 1.0; 2.0 ], vector [ 3.0; -1.0 ]
    let batch (m: Tensor) = m.unsqueeze 0L
    let struct (q, r) = torch.linalg.qr b
    let struct (u, s, vh) = torch.linalg.svd b

    let struct (fitted, _, _, _) =
        torch.linalg.lstsq (matrix [ [ 1.0; 0.0 ]; [ 1.0; 1.0 ]; [ 1.0; 2.0 ] ], matrix [ [ 1.0 ]; [ 3.0 ]; [ 5.0 ] ])

    let struct (eigenvalues, _) = torch.linalg.eigh a
    let ab = [ 5.0; 8.0; 10.0; 14.0 ]

    table
        [
            "matmul", [ 2L; 2L ], ab, torch.matmul (a, b)
            "mm", [ 2L; 2L ], ab, a.mm b
            "mv", [ 2L ], [ 4.0; 7.0 ], torch.mv (a, v)
            "bmm", [ 1L; 2L; 2L ], ab, torch.bmm (batch a, batch b)
            "dot", [], [ 1.0 ], torch.dot (v, w)
            "outer", [ 2L; 2L ], [ 3.0; -1.0; 6.0; -2.0 ], torch.outer (v, w)
            "addmm", [ 2L; 2L ], [ 12.0; 17.0; 21.0; 31.0 ], torch.addmm (a, a, b, 1.0f, 2.0f)
            "baddbmm", [ 1L; 2L; 2L ], [ 9.0; 10.0; 12.0; 20.0 ], torch.baddbmm (batch a, batch a, batch b, beta = 2.0f)
            "einsum", [ 2L ], [ 4.0; 7.0 ], torch.einsum ("ij,j->i", a, v)
            "trace", [], [ 5.0 ], torch.trace a
            "det", [], [ 5.0 ], torch.linalg.det a
            "solve", [ 2L ], [ 2.0; -1.0 ], torch.linalg.solve (a, vector [ 3.0; -1.0 ])
            "inv", [ 2L; 2L ], [ 0.6; -0.2; -0.2; 0.4 ], torch.linalg.inv a
            "cholesky", [ 2L; 2L ], [ sqrt 2.0; 0.0; sqrt 0.5; sqrt 2.5 ], torch.linalg.cholesky a
            "qr", [ 2L; 2L ], [ 1.0; 2.0; 3.0; 4.0 ], q.matmul r
            "svd", [ 2L; 2L ], [ 1.0; 2.0; 3.0; 4.0 ], (u * s).matmul vh
            "lstsq", [ 2L; 1L ], [ 1.0; 2.0 ], fitted
            "eigh", [ 2L ], [ (5.0 - sqrt 5.0) / 2.0; (5.0 + sqrt 5.0) / 2.0 ], eigenvalues
            "vector_norm", [], [ 3.0 ], torch.linalg.vector_norm (v, 1.0)
            "matrix_norm", [], [ sqrt 30.0 ], torch.linalg.matrix_norm b
            "matrix_norm ord", [], [ 6.0 ], torch.linalg.matrix_norm (b, 1.0)
            "norm", [], [ sqrt 5.0 ], torch.linalg.norm v
            "linear", [ 1L; 2L ], [ 7.0; 6.0 ], F.linear (v.unsqueeze 0L, a, w)
        ]

    equal "gradient of a product" [ 2L; 2L ] [ 3.0; 7.0; 3.0; 7.0 ] (gradient (fun x -> x.matmul b) a)

    let wrong =
        Assert.ThrowsAny<Exception>(fun () -> torch.matmul (torch.ones (2L, 3L), torch.ones (4L, 5L)) |> ignore)

    Assert.IsType<Runtime.InteropServices.ExternalException> wrong |> ignore
    Assert.Equal("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", wrong.Message)

[<Fact>]
let ``layers and losses`` () =
    use _ = torch.NewDisposeScope()
    let row = vector [ 0.0; log 3.0 ]
    let x = torch.arange(8L, dtype = torch.float64).reshape(1L, 2L, 2L, 2L)
    let line = torch.arange(4L, dtype = torch.float64).reshape(1L, 1L, 4L)
    let ones (shape: int64 list) = torch.ones (Array.ofList shape, dtype = torch.float64)
    let unit = 1.0 / sqrt 1.00001
    let labels = indices [ 1L ]
    let logits = row.unsqueeze 0L

    table
        [
            "softmax", [ 2L ], [ 0.25; 0.75 ], F.softmax (row, 0L)
            "log_softmax", [ 2L ], [ log 0.25; log 0.75 ], F.log_softmax (row, 0L)
            "dropout off", [ 2L ], [ 0.0; log 3.0 ], F.dropout (row, 0.5, training = false)
            "conv1d", [ 1L; 1L; 3L ], [ 1.0; 3.0; 5.0 ], F.conv1d (line, ones [ 1L; 1L; 2L ])
            "conv1d padded",
            [ 1L; 1L; 3L ],
            [ 0.0; 3.0; 3.0 ],
            F.conv1d (line, ones [ 1L; 1L; 2L ], stride = Nullable 2L, padding = Nullable 1L)
            "conv2d", [ 1L; 1L; 1L; 1L ], [ 29.0 ], F.conv2d (x, ones [ 1L; 2L; 2L; 2L ], vector [ 1.0 ])
            "conv3d", [ 1L; 1L; 1L; 1L; 1L ], [ 28.0 ], F.conv3d (x.unsqueeze 0L, ones [ 1L; 1L; 2L; 2L; 2L ])
            "unfold", [ 1L; 8L; 1L ], [ 0.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0 ], F.unfold (x, 2L)
            "layer_norm", [ 1L; 2L ], [ -unit; unit ], F.layer_norm (matrix [ [ 1.0; 3.0 ] ], [| 2L |])
            "batch_norm",
            [ 2L; 1L ],
            [ -unit; unit ],
            F.batch_norm (matrix [ [ 1.0 ]; [ 3.0 ] ], null, null, training = true)
            "instance_norm",
            [ 1L; 1L; 2L ],
            [ -unit; unit ],
            F.instance_norm (torch.tensor([| 1.0; 3.0 |]).reshape(1L, 1L, 2L))
            "group_norm", [ 1L; 2L ], [ -unit; unit ], F.group_norm (matrix [ [ 1.0; 3.0 ] ], 1L)
            "adaptive_avg_pool1d", [ 1L; 1L; 2L ], [ 0.5; 2.5 ], F.adaptive_avg_pool1d (line, 2L)
            "adaptive_avg_pool2d", [ 1L; 2L; 1L; 1L ], [ 1.5; 5.5 ], F.adaptive_avg_pool2d (x, 1L)
            "adaptive_avg_pool3d", [ 1L; 1L; 1L; 1L; 1L ], [ 3.5 ], F.adaptive_avg_pool3d (x.unsqueeze 0L, 1L)
            "avg_pool2d", [ 1L; 2L; 1L; 1L ], [ 1.5; 5.5 ], F.avg_pool2d (x, 2L)
            "max_pool2d", [ 1L; 2L; 1L; 1L ], [ 3.0; 7.0 ], F.max_pool2d (x, 2L)
            "pad", [ 1L; 1L; 6L ], [ 9.0; 0.0; 1.0; 2.0; 3.0; 9.0 ], F.pad (line, [| 1L; 1L |], value = 9.0)
            "mse_loss", [], [ 2.5 ], F.mse_loss (vector [ 1.0; 2.0 ], vector [ 0.0; 0.0 ])
            "mse_loss sum", [], [ 5.0 ], F.mse_loss (vector [ 1.0; 2.0 ], vector [ 0.0; 0.0 ], torch.nn.Reduction.Sum)
            "l1_loss", [], [ 1.5 ], F.l1_loss (vector [ 1.0; 2.0 ], vector [ 0.0; 0.0 ])
            "nll_loss", [], [ -log 3.0 ], F.nll_loss (logits, labels)
            "cross_entropy", [], [ -log 0.75 ], F.cross_entropy (logits, labels)
            "one_hot", [ 1L; 3L ], [ 0.0; 1.0; 0.0 ], F.one_hot (labels, 3L)
        ]

    equal
        "gradient of cross entropy"
        [ 1L; 2L ]
        [ 0.25; -0.25 ]
        (gradient (fun t -> F.cross_entropy (t, labels)) logits)

    let dropped = F.dropout (ones [ 1000L ], 0.25)
    Assert.All(values dropped, (fun v -> Assert.True(v = 0.0 || abs (v - 4.0 / 3.0) < 1e-9)))
    Assert.InRange(values dropped |> Seq.filter ((=) 0.0) |> Seq.length, 150, 350)
    let channels = values (F.dropout2d(ones [ 50L; 2L; 2L; 2L ], 0.5).sum [| 2L; 3L |])
    Assert.All(channels, (fun v -> Assert.True(v = 0.0 || v = 8.0)))

[<Fact>]
let ``tensors from sizes, ranges and arrays, and back`` () =
    use _ = torch.NewDisposeScope()

    table
        [
            "zeros", [ 2L; 2L ], [ 0.0; 0.0; 0.0; 0.0 ], torch.zeros (2L, 2L)
            "ones", [ 2L ], [ 1.0; 1.0 ], torch.ones 2L
            "full", [ 2L ], [ 3.5; 3.5 ], torch.full (2L, 3.5)
            "zeros_like", [ 2L ], [ 0.0; 0.0 ], torch.zeros_like (torch.ones 2L)
            "ones_like", [ 2L ], [ 1.0; 1.0 ], torch.ones_like (torch.zeros 2L)
            "full_like", [ 2L ], [ 4.0; 4.0 ], torch.full_like (torch.zeros 2L, 4.0)
            "arange", [ 3L ], [ 0.0; 1.0; 2.0 ], torch.arange 3L
            "arange from", [ 2L ], [ 1.0; 2.0 ], torch.arange (1L, 3L)
            "arange step", [ 3L ], [ 1.0; 1.5; 2.0 ], torch.arange (1.0, 2.5, 0.5)
            "linspace", [ 3L ], [ 0.0; 0.5; 1.0 ], torch.linspace (0.0, 1.0, 3L)
            "logspace", [ 2L ], [ 1.0; 100.0 ], torch.logspace (0.0, 2.0, 2L)
            "eye", [ 2L; 2L ], [ 1.0; 0.0; 0.0; 1.0 ], torch.eye 2L
            "eye of another width", [ 1L; 2L ], [ 1.0; 0.0 ], torch.eye (1L, 2L)
            "shaped",
            [ 2L; 2L ],
            [ 1.0; 2.0; 3.0; 4.0 ],
            torch.tensor ([| 1.0; 2.0; 3.0; 4.0 |], ReadOnlySpan [| 2L; 2L |])
            "array2D", [ 2L; 1L ], [ 1.0; 2.0 ], torch.tensor (array2D [ [ 1.0f ]; [ 2.0f ] ])
            "of a list", [ 2L ], [ 1.0; 2.0 ], torch.tensor (ResizeArray [ 1L; 2L ])
        ]

    let types =
        [
            torch.tensor 1.0, torch.float64
            torch.tensor 1.0f, torch.float32
            torch.tensor 1L, torch.int64
            torch.tensor true, torch.bool
            torch.tensor [| 1.0f |], torch.float32
            torch.tensor ([| 1.0 |], dtype = torch.float32), torch.float32
            torch.tensor [| 1L |], torch.int64
            torch.zeros 1L, torch.float32
            torch.zeros (1L, dtype = torch.int32), torch.int32
            torch.arange 3L, torch.int64
            torch.arange 3.0, torch.float32
            (torch.zeros 1L).``to`` torch.float64, torch.float64
            (torch.zeros (1L, dtype = torch.float64)).``type`` torch.int64, torch.int64
        ]

    for i, (t, expected) in List.indexed types do
        Assert.True((t.dtype = expected), $"{i}: {t.dtype}, not {expected}")

    let m = torch.tensor (array2D [ [ 1.0f; 2.0f ]; [ 3.0f; 4.0f ] ], requires_grad = true)
    Assert.True(m.requires_grad && m.is_leaf)
    Assert.Equal((2L, 4L, 4L), (m.ndim, m.numel (), m.ElementSize))
    Assert.Equal((2L, 2L), (m.size 0, m.size -1))
    Assert.Equal<float32>([| 1.0f; 3.0f; 2.0f; 4.0f |], m.detach().t().data<float32>().ToArray())
    Assert.Equal(3.0f, m.detach().t().data<float32>()[0L, 1L])
    Assert.Equal(2.0f, m.detach().data<float32>()[1L])
    Assert.Equal<float32>([| 1.0f; 2.0f; 3.0f; 4.0f |], Seq.toArray (m.detach().data<float32>()))
    Assert.Throws<ArgumentException>(fun () -> m.data<float>() |> ignore) |> ignore
    Assert.Equal(10.0f, m.sum().item<float32>())

    Assert.Equal(
        (2.5, 2L, true),
        ((torch.tensor 2.5).ToDouble(), (torch.tensor 2L).ToInt64(), (torch.tensor true).ToBoolean())
    )

    let bytes = torch.zeros (2L, dtype = torch.int64)
    bytes.bytes <- Span(Array.concat [ BitConverter.GetBytes 5L; BitConverter.GetBytes -1L ])
    equal "bytes" [ 2L ] [ 5.0; -1.0 ] bytes
    Assert.Equal(16, bytes.bytes.Length)
    Assert.Equal("[2x2], type = Float32, device = cpu", string m)
    Assert.Equal("[], type = Float64, device = cpu, value = 2.5", string (torch.tensor 2.5))
