/// The collocation loss and its gradient, however it is chunked, and the errors from the exact solution.
module MetaKan.Tests.CollocationTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Networks
open MetaKan.Tests.Numeric
open TorchSharp

let private settings =
    {
        Points = 7
        Sampling = Sampling.Random
        Laplacian = LaplacianMethod.Exact
        Unbiased = false
        MemoryLimit = 2048
    }

/// Points that no key changes, so that a test knows them.
let private fixedPoints seed dim : Key -> Placement -> int -> Tensor = fun _ _ n -> normal seed [ n; dim ] * 0.5

let private coefficients dim = [ for i in 0 .. dim - 1 -> [| 1.0; -0.5; 2.0 |][i % 3] ]

let private u = field "u"

/// a·u_xx + u ∂u/∂x_1 = 0 with some coefficients a, and two conditions.
let private problem dim : Problem =
    let x = coordinates "x" dim
    let names = [ for i in 1..dim -> $"x{i}" ]
    let equation = Term.Squares("u", List.zip names (coefficients dim)) + u * d u [ x[0] ]
    let domain = { Domain.centredBall dim 1.0 with Draw = fun _ -> fixedPoints 10 dim }

    { Problem.create "test" domain names [ "u" ] [ "flow", equation ] with
        Conditions =
            [
                Condition.create "data" 3.0 4 (fixedPoints 11 dim) (u - x[0])
                Condition.create "slope" 0.25 5 (fixedPoints 12 dim) (d u [ x[0] ] - 1.0)
            ]
    }

let private toOne =
    networks
    |> Gen.map (fun network -> { network with Widths = network.Widths[.. network.Widths.Length - 2] @ [ 1 ] })

/// The problem's loss by nested differentiation.
let private nestedLoss (problem: Problem) network (p: Params) =
    let d = problem.Coordinates.Length
    let u = reference network p
    let meanSquare (t: Tensor) = (t * t).mean()
    let points seed n = normal seed [ n; d ] * 0.5
    let slope x = (Nested.jacobian u x).select(2L, 0L)
    let inside = points 10 settings.Points
    let data = points 11 4

    meanSquare (Nested.second (Array.ofList (coefficients d)) u inside + u inside * slope inside)
    + 3.0 * meanSquare (u data - data.narrow (1L, 0L, 1L))
    + 0.25 * meanSquare (slope (points 12 5) - 1.0)

/// A memory limit of zero works off a point at a time; this many bytes a point make chunks of three.
let private threeAtATime (model: Model) = { model with NumbersPerPoint = fun _ _ -> 1024L * 1024L / 8L / 3L }

let tests =
    testList
        "Pdes.Collocation"
        [
            property
                "loss and gradient are those of equation and conditions, in chunks of any size"
                25
                toOne
                (fun network ->
                    let problem, model, p = problem network.Widths.Head, model network, parameters network
                    let tracked = Params.tracked p
                    let expected = nestedLoss problem network tracked
                    let expectedGradient = Params.gradient expected tracked

                    for settings, model in
                        [
                            settings, model
                            { settings with MemoryLimit = 0 }, model
                            { settings with MemoryLimit = 1 }, threeAtATime model
                        ] do
                        let loss, g = Collocation.gradient settings problem model (Key.ofSeed 1) p
                        close "loss" 1e-9 expected loss
                        closeTrees "gradient" 1e-8 expectedGradient g
                        Expect.isFalse loss.requires_grad "nothing is recorded")

            property "the losses of equations and conditions are the parts of the loss" 10 toOne (fun network ->
                let problem, model, p = problem network.Widths.Head, model network, parameters network

                for settings in [ settings; { settings with MemoryLimit = 0 } ] do
                    let losses = Collocation.losses settings problem model (Key.ofSeed 1) p
                    Expect.equal (List.map fst losses) [ "loss_flow"; "loss_data"; "loss_slope" ] "names"
                    Expect.equal (List.map fst losses) (Collocation.lossNames problem) "names"
                    let whole = fst (Collocation.gradient settings problem model (Key.ofSeed 1) p)
                    let sum = List.map2 (fun weight (_, loss) -> weight * loss) [ 1.0; 3.0; 0.25 ] losses |> List.sum
                    Check.near (1e-9 * (1.0 + sum)) (Tensor.item whole) sum "loss"

                let alone = { problem with Conditions = [] }
                Expect.isEmpty (Collocation.losses settings alone model (Key.ofSeed 1) p) "losses of a single equation")

            property "an energy adds its mean, not its square" 10 toOne (fun network ->
                let whole, model, p = problem network.Widths.Head, model network, parameters network
                let density = u ** 3.0 - u * d u [ coordinate "x1" ]

                let problem =
                    { whole with
                        Equations = [ Equation.energy "energy" density ]
                        Conditions =
                            [ { whole.Conditions.Head with Objective = Objective.Energy; Mismatch = density } ]
                    }

                let mean (x: Tensor) =
                    let u = reference network p
                    let density = (u x).pow(3.0.ToScalar()) - u x * (Nested.jacobian u x).select(2L, 0L)
                    Tensor.item (density.mean ())

                let points seed n = normal seed [ n; problem.Coordinates.Length ] * 0.5
                let inside, data = mean (points 10 settings.Points), mean (points 11 4)

                // Beside the cubes that they are made of.
                let largest = Tensor.item ((reference network p (points 10 settings.Points)).abs().max())
                let tolerance = 1e-8 * (1.0 + abs inside + abs data + largest ** 3.0)

                for limit in [ 2048; 0 ] do
                    let settings = { settings with MemoryLimit = limit }
                    let found = Collocation.losses settings problem model (Key.ofSeed 1) p |> List.map snd

                    List.iter2
                        (fun found expected -> Check.near tolerance found expected "energy")
                        found
                        [ inside; data ]

                    let loss = fst (Collocation.gradient settings problem model (Key.ofSeed 1) p)
                    Check.near (4.0 * tolerance) (Tensor.item loss) (inside + 3.0 * data) "loss")

            property
                "integrals and other points are read the same in chunks"
                10
                (Gen.zip toOne seeds)
                (fun (network, seed) ->
                    let whole, model, p = problem network.Widths.Head, model network, parameters network
                    let x1, s = coordinate "x1", variable "s"

                    let total =
                        integral
                            x1
                            (number -0.5, number 0.5)
                            (at [ for i in 2 .. network.Widths.Head -> coordinate $"x{i}", x1 ] u)

                    let problem =
                        { whole with
                            Equations =
                                [
                                    Equation.create "volterra" (u - integral s (number 0.0, x1) (s * at [ x1, s ] u))
                                    Equation.create "jump" (d u [ x1 ] - at [ x1, number -0.5 ] (d u [ x1; x1 ]))
                                    Equation.create "total" (total - 1.0)
                                ]
                        }

                    let at limit model =
                        let settings = { settings with MemoryLimit = limit }
                        let loss, g = Collocation.gradient settings problem model (Key.ofSeed seed) p
                        loss, g, Collocation.losses settings problem model (Key.ofSeed seed) p

                    let loss, g, parts = at 2048 model

                    for limit, model in [ 0, model; 1, threeAtATime model ] do
                        let chunked, chunkedG, chunkedParts = at limit model
                        close "loss" 1e-9 (1.0 + loss) (1.0 + chunked)
                        closeTrees "gradient" 1e-8 g chunkedG

                        for (_, a), (_, b) in List.zip parts chunkedParts do
                            Check.near (1e-9 * (1.0 + a)) b a "part")

            testCase "conditions on parts of a boundary have its points and normals" (fun () ->
                use _ = torch.NewDisposeScope()
                let x, y = coordinate "x", coordinate "y"
                let disk = Domain.ball [ 0.5; -1.0 ] 2.0

                let loss (domain: Domain) parts mismatch =
                    let problem =
                        Problem.create "disk" domain [ "x"; "y" ] [ "u" ] [ ("laplace", laplacian u [ x; y ]) ]
                        |> Problem.on parts 3.0 20 [ "wall", mismatch ]

                    Collocation.check settings problem Placement.cpu64

                    // u = x y + x, whatever the parameters are.
                    let model =
                        { Mlp.create [ 2; 1 ] with
                            Apply =
                                fun _ p -> (p.narrow (1L, 0L, 1L)) * (p.narrow (1L, 1L, 1L)) + p.narrow (1L, 0L, 1L)
                            Jet = fun _ p -> p[0] * p[1] + p[0]
                        }

                    let p = model.Init (Key.ofSeed 1) Placement.cpu64
                    Collocation.losses settings problem model (Key.ofSeed 5) p |> List.last |> snd

                // On a circle the normal is (x - centre)/radius.
                let slope = ((x - 0.5) * (y + 1.0) + (y + 1.0) * x) / 2.0
                Check.inRange 0.0 1e-20 (loss disk [] (normalDerivative u [ x; y ] - slope)) "Neumann"

                Check.inRange
                    0.0
                    1e-20
                    (loss disk [ "sphere" ] (u + normalDerivative u [ x; y ] - x * y - x - slope))
                    "Robin"

                Check.inRange 0.1 100.0 (loss disk [] (normalDerivative u [ x; y ] + slope)) "the normal's sign"
                let box = Domain.box [ 0.0, 1.0; 0.0, 2.0 ]
                Check.inRange 0.0 1e-20 (loss box [ "left" ] (u + Language.normal x + Language.normal y + 1.0)) "left"

                Check.inRange
                    0.0
                    1e-20
                    (loss box [ "top" ] (u - 3.0 * x + Language.normal x + Language.normal y - 1.0))
                    "top"

                Expect.stringContains
                    (Folder.messageOf<System.ArgumentException>(fun () -> loss box [ "wings" ] u |> ignore))
                    "the domain has no boundary 'wings'; its parts are: left, right, bottom, top"
                    "message")

            testCase "the numbers that points are made of are those of the settings" (fun () ->
                use _ = torch.NewDisposeScope()
                let x, y = coordinate "x1", coordinate "x2"

                // Means of the coordinates: of even numbers they are close to those of the square.
                let problem =
                    Problem.create
                        "even"
                        (Domain.box [ 0.0, 1.0; 0.0, 1.0 ])
                        [ "x1"; "x2" ]
                        [ "u" ]
                        [ "u", 0.0 * u + u - u + (x - 0.5) ]
                    |> fun problem ->
                        { problem with
                            Equations = [ Equation.energy "x" (u - u + x); Equation.energy "y" (u - u + y) ]
                        }

                let model = Mlp.create [ 2; 1 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64

                let off sampling =
                    let settings = { settings with Points = 256; Sampling = sampling }

                    Collocation.losses settings problem model (Key.ofSeed 3) p
                    |> List.map (fun (_, m) -> abs (m - 0.5))
                    |> List.max

                for sampling in [ Sampling.LatinHypercube; Sampling.Halton; Sampling.Sobol ] do
                    Check.inRange 0.0 5e-3 (off sampling) $"{sampling}"

                Check.inRange 6e-3 0.1 (off Sampling.Random) "random")

            testCase "measured values stay with their points, in chunks and in parts of the table" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Mlp.create [ 2; 3; 1 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let x = normal 4 [ 6; 2 ]
                let values = model.Apply p x |> Tensor.toArray
                let at = Tensor.toArray x |> Array.chunkBySize 2
                // The network's own values, each a row's number away: columns in an order of the table's own.
                let rows = [| for n in 0..5 -> [| at[n][1]; values[n] + float n; at[n][0] |] |]
                let table points = Condition.ofTable "table" 2.0 points [ "x1"; "x2" ] [ "u" ] [ "x2"; "u"; "x1" ] rows

                let loss points limit =
                    let problem = { problem 2 with Conditions = table points }
                    Collocation.check settings problem Placement.cpu64
                    let settings = { settings with MemoryLimit = limit }
                    Collocation.losses settings problem model (Key.ofSeed 3) p |> List.last |> snd

                for limit in [ 2048; 0 ] do
                    Check.near 1e-12 (loss 6 limit) (55.0 / 6.0) "mean square of all rows"
                    let sum = 4.0 * loss 4 limit

                    let left =
                        [
                            for a in 0..5 do
                                for b in a + 1 .. 5 -> 55.0 - float (a * a + b * b)
                        ]

                    Expect.exists left (fun s -> abs (s - sum) < 1e-9) "four rows, each once"

                for action, part in
                    [
                        (fun () -> table 7), "6 rows"
                        (fun () -> table 0), "6 rows"
                        (fun () -> Condition.ofTable "table" 1.0 1 [ "x1" ] [ "v" ] [ "x1"; "u" ] [| [| 0.0; 1.0 |] |]),
                        "no column 'v', its columns are x1, u"
                    ] do
                    Expect.stringContains (Folder.messageOf<System.ArgumentException>(action >> ignore)) part "message")

            testCase "products of two estimates have no bias, squares of one do" (fun () ->
                use _ = torch.NewDisposeScope()
                let dim = 3
                let problem, model = problem dim, Mlp.create [ dim; 4; 1 ]
                let p = model.Init (Key.ofSeed 2) Placement.cpu64
                let flat (g: Params) = torch.cat [| for t in g.Values -> t.flatten () |]

                let gradient unbiased method (key: Key) =
                    let collocation = { settings with Laplacian = method; Unbiased = unbiased }
                    flat (snd (Collocation.gradient collocation problem model key p))

                let exact = gradient false LaplacianMethod.Exact (Key.ofSeed 0)
                let draws = 800

                // The largest error of the mean, in standard errors.
                let bias unbiased =
                    let samples =
                        torch.stack
                            [| for n in 1..draws -> gradient unbiased (LaplacianMethod.Sdgd 1) (Key.ofSeed n) |]

                    let errors = (samples.mean [| 0L |] - exact).abs() / (samples.std 0L / sqrt (float draws) + 1e-12)
                    Tensor.item (errors.max ())

                Check.inRange 0.0 4.5 (bias true) "of products"
                Check.inRange 8.0 infinity (bias false) "of squares")

            testCase "two estimates are of residuals that have any" (fun () ->
                use _ = torch.NewDisposeScope()
                let problem, model = problem 2, Mlp.create [ 2; 4; 1 ]
                let p = model.Init (Key.ofSeed 2) Placement.cpu64

                // Two terms of two leave nothing to chance.
                for method in [ LaplacianMethod.Exact; LaplacianMethod.Sdgd 2 ] do
                    let loss unbiased =
                        Collocation.gradient
                            { settings with Laplacian = method; Unbiased = unbiased }
                            problem
                            model
                            (Key.ofSeed 1)
                            p
                        |> fst

                    close "loss" 0.0 (loss false) (loss true))

            property "sums written out are drawn from like those in a word" 10 seeds (fun seed ->
                let names, x = [ "x1"; "x2"; "x3" ], coordinates "x" 3
                let model = Kan.create { Size = 3; Order = 5 } [ 3; 3; 1 ]
                let p = model.Init (Key.ofSeed seed) Placement.cpu64

                let loss equation method =
                    let domain = { Domain.centredBall 3 1.0 with Draw = fun _ -> fixedPoints 10 3 }
                    let problem = Problem.create "test" domain names [ "u" ] [ "flow", equation ]
                    Collocation.check { settings with Laplacian = method } problem Placement.cpu64
                    Collocation.gradient { settings with Laplacian = method } problem model (Key.ofSeed seed) p |> fst

                let slopes = [ for xi in x -> d u [ xi ] ** 2.0 ] |> List.reduce (+)
                let third = [ for xi in x -> 2.0 * d u [ xi; xi; xi ] ] |> List.reduce (+)
                let cubes = Term.Derivatives("u", [ for name in names -> [ name; name; name ], 2.0 ])

                for written, word in
                    [
                        laplacian u x + u * slopes, laplacian u x + u * gradSquared u x
                        u + third, u + cubes
                        d (gradSquared u x) [ x[1] ], d slopes [ x[1] ]
                        d cubes [ x[0] ], d third [ x[0] ]
                    ] do
                    close "exact" 1e-10 (loss written LaplacianMethod.Exact) (loss word LaplacianMethod.Exact)
                    close "drawn" 1e-10 (loss written (LaplacianMethod.Sdgd 2)) (loss word (LaplacianMethod.Sdgd 2))

                let apart =
                    Tensor.item (
                        (loss (u + third) (LaplacianMethod.Sdgd 1) - loss (u + third) LaplacianMethod.Exact).abs()
                    )

                Expect.isGreaterThan apart 1e-9 "an estimate")

            property "chunks share the directions that a key draws" 10 (Gen.zip toOne seeds) (fun (network, seed) ->
                let problem, model, p = problem network.Widths.Head, model network, parameters network

                for method' in [ LaplacianMethod.Sdgd 1; LaplacianMethod.Hutchinson 2 ] do
                    let at limit model =
                        Collocation.gradient
                            { settings with Laplacian = method'; MemoryLimit = limit }
                            problem
                            model
                            (Key.ofSeed seed)
                            p

                    let loss, g = at 2048 model
                    let chunked, chunkedGradient = at 1 (threeAtATime model)
                    close "loss" 1e-11 loss chunked
                    closeTrees "gradient" 1e-9 g chunkedGradient)

            property
                "a backward pass takes no more than the memory limit, and no less than fits"
                40
                (Gen.zip3
                    (Gen.choose (1, 40))
                    (Gen.choose (1, 20))
                    (Gen.elements [ Placement.cpu32, 4L; Placement.cpu64, 8L ]))
                (fun (points, fitting, (place, bytes)) ->
                    let chunks = ResizeArray<int>()

                    let seen =
                        given "seen" (fun x ->
                            chunks.Add(int (x.size 0))
                            x.narrow (1L, 0L, 1L))

                    let problem =
                        { problem 2 with
                            Domain = Domain.centredBall 2 1.0
                            Conditions = []
                            Equations = [ Equation.create "seen" (laplacian u (coordinates "x" 2) + seen) ]
                        }

                    let model =
                        { Mlp.create [ 2; 3; 1 ] with
                            NumbersPerPoint = fun _ _ -> 3L * 1024L * 1024L / bytes / int64 fitting
                        }

                    let settings = { settings with Points = points; MemoryLimit = 3 }
                    let p = model.Init (Key.ofSeed 1) place
                    Collocation.gradient settings problem model (Key.ofSeed 1) p |> ignore

                    Expect.equal
                        (List.ofSeq chunks)
                        [ for rows in [ 0 .. points - 1 ] |> List.chunkBySize fitting -> rows.Length ]
                        "rows of each chunk")

            testCase "a condition's mean sees all its points, on any threads and in any chunks" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Mlp.create [ 2; 3; 1 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let x = fixedPoints 11 2 (Key.ofSeed 0) Placement.cpu64 40
                let expected = 3.0 * ((model.Apply p x).mean() - 1.0).square()

                for mismatch in [ mean u - 1.0; mean (u - 1.0) ] do
                    let condition = Condition.create "mean" 3.0 40 (fixedPoints 11 2) mismatch
                    let problem = { problem 2 with Conditions = [ condition ] }
                    Collocation.check settings problem Placement.cpu64

                    let loss settings problem = fst (Collocation.gradient settings problem model (Key.ofSeed 1) p)

                    let alone = loss settings { problem with Conditions = [] }
                    close "one thread" 1e-12 (alone + expected) (loss settings problem)
                    close "chunks" 1e-12 (alone + expected) (loss { settings with MemoryLimit = 0 } problem)
                    let threads = torch.get_num_threads ()
                    torch.set_num_threads 2

                    try
                        close "two threads" 1e-12 (alone + expected) (Workers.hire (fun () -> loss settings problem))
                    finally
                        torch.set_num_threads threads)

            testCase "a problem with a wrong loss is refused by the place" (fun () ->
                use _ = torch.NewDisposeScope()
                let whole = problem 2
                let data = whole.Conditions.Head
                let sampled (sample: Sampler) = { whole with Domain = { whole.Domain with Draw = fun _ -> sample } }

                let residual residual =
                    { whole with Equations = [ { whole.Equations.Head with Residual = residual } ] }

                let flat (x: Tensor) = x.select (1L, 0L)
                let condition change = { whole with Conditions = [ change data ] }
                let first (x: Tensor) = x.narrow (1L, 0L, 1L)
                let model = Mlp.create [ 2; 3; 1 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64
                let gradient problem = Collocation.gradient settings problem model (Key.ofSeed 1) p |> ignore
                let check problem = Collocation.check settings problem Placement.cpu64
                check whole

                // Shapes are seen in every step, the rest once.
                for action, problem, part in
                    [
                        for action in [ check; gradient ] do
                            action, residual (u - coordinate "z"), "equation flow: it reads the coordinate 'z'"

                            action,
                            residual (u - field "v"),
                            "equation flow: it reads the field 'v', and the fields are u"

                            action,
                            residual (d u [ coordinate "y" ]),
                            "the coordinate 'y', and the coordinates are x1, x2"

                            action, residual (u - parameter "k"), "equation flow: it reads the parameter 'k'"
                            action, residual (coordinate "x1"), "equation flow: it reads none of the fields u"
                            action, residual (u - mean u), "only a condition may have"

                            action,
                            residual (d u (List.replicate 5 (coordinate "x1"))),
                            "a derivative of order 5, and the highest is 4"

                            action,
                            condition (fun c -> { c with Mismatch = coordinate "x1" }),
                            "condition data: it reads none of the fields"

                            action, sampled (fun k place n -> fixedPoints 1 2 k place (n - 1)), "gave points [6; 2]"
                            action, sampled (fixedPoints 1 3), "gave points [7; 3]"

                            action,
                            condition (fun c -> { c with Draw = fun _ -> fixedPoints 1 1 }),
                            "condition data: the sampler gave points [4; 1]"

                            action,
                            residual (u - at [ coordinate "y", number 0.0 ] (coordinate "z" * u)),
                            "it reads the coordinate 'z'"

                            action,
                            residual (u - at [ coordinate "x1", u ] u),
                            "the points of an 'at' and the limits of an integral are formulas of the point alone"

                            action,
                            residual (integral (variable "s") (number 0.0, parameter "k") u),
                            "the limits of an integral are formulas of the point alone"

                            action,
                            residual (integral (variable "s") (number 0.0, coordinate "q") u),
                            "it reads the coordinate 'q'"

                            action,
                            residual (integral (coordinate "s") (number 0.0, number 1.0) u),
                            "it reads the coordinate 's'"

                            action,
                            residual (u - variable "s"),
                            "it reads the variable 's' outside an integral over it"

                            action,
                            residual (Term.Integral("x1", number 0.0, number 1.0, 0, u)),
                            "a quadrature takes a node or more, not 0"

                            action,
                            condition (fun c ->
                                { c with Mismatch = integral (coordinate "x1") (number 0.0, number 1.0) (u - mean u) }),
                            "condition data: it has a mean"

                            action,
                            residual (normalDerivative u [ coordinate "x1" ]),
                            "it reads the normal, which only conditions on parts of a boundary have"

                            action,
                            residual (u - given "flat" flat),
                            "the function 'flat' gives [7] where [7; 1] is wanted"

                        check, residual (u - given "mean" (fun x -> first x - x.mean ())), "several points at once"

                        check,
                        residual (u - given "shifted" (fun x -> (first x).roll([| 1L |], [| 0L |]))),
                        "'shifted' reads several points at once"

                        check, { whole with Coordinates = [ "x1" ] }, "its domain has 2 coordinates, and it names 1"
                        check, { whole with Coordinates = [ "x1"; "x1" ] }, "two coordinates are named 'x1'"
                        check, { whole with Parameters = [ "k", 1.0; "k", 2.0 ] }, "two parameters are named 'k'"
                        check,
                        { whole with Fields = [ "u,v" ] },
                        "the name of a field takes letters and digits, not 'u,v'"
                        check,
                        { whole with Conditions = [ data; data ] },
                        "two equations or conditions are named 'data'"
                        check, { whole with Fields = [] }, "it takes a field or more"
                        check, { whole with Equations = [] }, "an equation or more"
                        check, { whole with Exact = Some flat }, "Exact gives [7] where [7; 1] is wanted"
                    ] do
                    Expect.stringContains
                        (Folder.messageOf<System.ArgumentException>(fun () -> action problem))
                        part
                        "message"

                Expect.stringContains
                    (Folder.messageOf<System.ArgumentException>(fun () ->
                        Collocation.errors
                            [ "u" ]
                            flat
                            (fun x -> x.narrow (1L, 0L, 1L))
                            [ fun () -> normal 1 [ 5; 2 ] ]
                        |> ignore))
                    "[5] where u is [5; 1]"
                    "message")

            testCase "a key decides the points of equations and conditions, each by itself" (fun () ->
                use _ = torch.NewDisposeScope()
                let seen = ResizeArray<float[]>()

                let recording key place n =
                    let x = (Domain.centredBall 2 1.0).Sample key place n
                    seen.Add(Tensor.toArray x)
                    x

                let whole = problem 2

                let problem =
                    { whole with
                        Domain = { whole.Domain with Draw = fun _ -> recording }
                        Conditions =
                            whole.Conditions
                            |> List.map (fun condition -> { condition with Draw = (fun _ -> recording); Points = 7 })
                    }

                let model = Mlp.create [ 2; 3; 1 ]
                let p = model.Init (Key.ofSeed 1) Placement.cpu64

                let draw seed =
                    seen.Clear()
                    let loss, _ = Collocation.gradient settings problem model (Key.ofSeed seed) p
                    Tensor.item loss, List.ofSeq seen

                let loss, points = draw 1
                Expect.equal (List.distinct points).Length 3 "distinct points"
                Expect.equal (draw 1) (loss, points) "loss and points"
                Expect.isEmpty (Set.intersect (set points) (set (snd (draw 2)))) "points in common")

            property
                "errors are relative distances over all points"
                10
                (Gen.zip seeds (Gen.choose (1, 1300)))
                (fun (seed, n) ->
                    let x = normal seed [ n; 1 ]
                    let exact (x: Tensor) = torch.sin x + 0.1
                    let u x = exact x + x * 0.01
                    let truth, difference = exact x, x * 0.01
                    let norm (t: Tensor) = Tensor.item (t.square().sum()) |> sqrt

                    let errors =
                        Map(Collocation.errors [ "u" ] exact u [ for part in x.split 400L -> fun () -> part.clone () ])

                    Check.near 5e-11 (errors["relative_l2"] / (norm difference / norm truth)) 1.0 "relative l2"
                    let sum (t: Tensor) = Tensor.item (t.abs().sum())
                    Check.near 5e-11 (errors["relative_l1"] / (sum difference / sum truth)) 1.0 "relative l1"

                    Expect.equal
                        (Map(Collocation.errors [ "u" ] exact exact [ fun () -> x ])["relative_l2"])
                        0.0
                        "relative l2")
        ]
