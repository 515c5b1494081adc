/// What the library computes, as a table: all that a device has to do. A new model, loss, layer or optimizer is one more row.
module MetaKan.Tests.Computations

open System.IO
open MetaKan
open MetaKan.Symbolic
open MetaKan.Images
open MetaKan.Pdes
open MetaKan.Fitting
open TorchSharp

/// How far a computation comes on libtorch's meta device, whose tensors have no numbers.
type OnMeta =
    /// To its end.
    | Through
    /// To where numbers are read, or to an operator that libtorch has there in Python alone: splines look up intervals
    /// (bucketize, searchsorted) and select rows (index_select), generators have relu, networks of images have
    /// convolutions, norms and PReLU; abs, where, std, nan_to_num and least squares are others.
    | Stops
    /// Not at all, since its settings name the device in words.
    | Nowhere

type Computation =
    {
        Name: string
        OnMeta: OnMeta
        /// Rounding decides about the results, as where the best of near equals is chosen: they are not compared.
        Sensitive: bool
        /// The results at a placement, by name.
        Run: Placement -> (string * Tensor) list
    }

let private row name onMeta run : Computation = { Name = name; OnMeta = onMeta; Sensitive = false; Run = run }

let private sensitive (computation: Computation) = { computation with Sensitive = true }

let private key = Key.ofSeed 7
let private draw n place shape : Tensor = Key.normal (Key.fold n key) place shape

/// On [-1.2, 1.2), which is more than the splines' grid.
let private points place (inputs: int) : Tensor = Key.uniform (Key.fold 100 key) place [ 9L; int64 inputs ] * 2.4 - 1.2

let private numbers place (values: float seq) : Tensor =
    let values = Array.ofSeq values
    Tensor.ofArray place [ int64 values.Length ] values

let private tree what (p: Params) = [ for KeyValue(name, t) in p -> $"{what} {name}", t ]

let private square (t: Tensor) = (t * t).mean()

/// Results that record gradients, with those of their mean squares by the inputs.
let private withGradients (results: (string * Tensor) list) (inputs: Params) =
    let loss = results |> List.map (snd >> square) |> List.reduce (fun a b -> a + b)
    [ yield! results; "loss", loss; yield! tree "gradient by" (Params.gradient loss inputs) ]

/// A function's value and gradient.
let private differentiated (make: Placement -> Params) (f: Params -> Tensor) place =
    let inputs = Params.tracked (make place)
    withGradients [ "value", f inputs ] inputs

let private grid = { Size = 4; Order = 3 }

let private meta sharing = { EmbeddingDim = 1; HiddenDim = 6; Sharing = sharing; Chunk = None }

// Models of points

let private mlp = Mlp.create [ 3; 6; 5; 1 ]
let private metaKan = MetaKan.create grid (meta GeneratorSharing.Shared) [ 3; 6; 5; 1 ]

let private models =
    let widths = [ 3; 6; 5; 1 ]

    [
        "KAN", Kan.create grid widths
        "KAN of order 5", Kan.create { Size = 3; Order = 5 } widths
        // So wide that a layer fills whole vectors.
        "KAN, wide", Kan.create grid [ 3; 48; 48; 2 ]
        "MetaKAN, a generator for each layer", MetaKan.create grid (meta GeneratorSharing.PerLayer) widths
        "MetaKAN, one generator", metaKan
        "MetaKAN, clusters", MetaKan.create grid (meta (GeneratorSharing.Clusters [ 0; 1; 0 ])) widths
        "MetaKAN, chunked", MetaKan.create grid { meta GeneratorSharing.PerLayer with Chunk = Some 2 } widths
        "MetaKAN, two numbers an edge",
        MetaKan.create grid { meta GeneratorSharing.Shared with EmbeddingDim = 2 } widths
        "KAN, periodic", PeriodicEmbedding.create [ None; Some 2.0; None ] 2 (Kan.create grid [ 6; 5; 1 ])
        "KAN and MLP of some inputs",
        Separate.networks [ "u", Kan.create grid widths; "v", Separate.reading 3 [ 2; 0 ] (Mlp.create [ 2; 5; 1 ]) ]
        // So many hidden numbers that the generator works by segments.
        "MetaKAN, wide", MetaKan.create grid { meta GeneratorSharing.PerLayer with HiddenDim = 8 } [ 3; 64; 64; 1 ]
    ]

let private operator = { Second = [| 1.0; -0.5; 0.0 |]; Sums = []; Partials = [ [ 2 ]; [ 0 ] ] }

let private methods =
    [
        "all axes", LaplacianMethod.Exact
        "SDGD", LaplacianMethod.Sdgd 1
        "SDGD with replacement", LaplacianMethod.SdgdReplacing 2
        "Hutchinson", LaplacianMethod.Hutchinson 2
        "pairs of normal vectors", LaplacianMethod.GaussianPairs 1
    ]

let private ofModel (name: string) (value: OnMeta) (jet: LaplacianMethod -> OnMeta) (weights: OnMeta) (model: Model) =
    let parameters place = model.Init key place |> Map.map (fun _ t -> t + 0.1) |> Params.tracked

    [
        row $"{name}: value and nested derivatives" value (fun place ->
            let p, x = parameters place, points place 3
            let f = model.Apply p

            p
            |> withGradients
                [ "value", f x; "jacobian", Nested.jacobian f x; "second", Nested.second operator.Second f x ])

        for along, method in methods do
            row $"{name}: jet along {along}" (jet method) (fun place ->
                let p, x = parameters place, points place 3
                let directions = Operator.directions method (Key.fold 3 key) place operator
                let jet = model.Jet p (Directions.seed directions x)

                p
                |> withGradients
                    [
                        "value", jet.Value
                        "tangents", Jet.tangents jet
                        "second", jet.Second
                        "first", Directions.partial directions [ 2 ] jet
                    ])

        for along, method in methods do
            row $"{name}: jet of order 4 along {along}" (jet method) (fun place ->
                let p, x = parameters place, points place 3
                let directions = Operator.directions method (Key.fold 3 key) place operator
                let jet = model.Jet p (Directions.seed { directions with Order = 4 } x)
                p |> withGradients [ for m, t in List.indexed jet.Higher -> $"order {m + 2}", t ])

        if model.Derived.IsSome then
            row $"{name}: generated weights" weights (fun place ->
                let p = parameters place
                let _, weights = Model.generate model p
                withGradients (tree "weights" weights) p)
    ]

// A jet along axes selects the rows that move.
let private axes method =
    match method with
    | LaplacianMethod.Exact
    | LaplacianMethod.Sdgd _
    | LaplacianMethod.SdgdReplacing _ -> Stops
    | LaplacianMethod.Hutchinson _
    | LaplacianMethod.HutchinsonPairs _
    | LaplacianMethod.Gaussian _
    | LaplacianMethod.GaussianPairs _ -> Through

let private ofModels =
    [
        yield! ofModel "MLP" Through axes Through mlp
        yield! ofModel "MLP, factorised" Through axes Through (Factorised.create 1.0 0.1 mlp)

        yield!
            FourierFeatures.create 3 4 1.0 2 (Mlp.create [ 8; 5; 1 ])
            |> ofModel "MLP of Fourier features" Through axes Through

        for name, model in models do
            yield! ofModel name Stops (fun _ -> Stops) (if model.Name = "kan" then Through else Stops) model
    ]

// Jets

let private ofJets =
    [
        for along, method in methods do
            row $"jets: arithmetic and functions along {along}" (axes method) (fun place ->
                let directions = Operator.directions method (Key.fold 3 key) place operator
                let x = Directions.seed { directions with Order = 4 } (points place 3)
                let weight, bias = draw 1 place [ 3L; 2L ], draw 2 place [ 2L ]
                let r = Jet.norm (1.5 + x * x)

                [
                    "sin", sin x
                    "cos", cos x
                    "exp", exp x
                    "tanh", tanh x
                    "log", log r
                    "sqrt", sqrt r
                    "power", r ** 3.0
                    "constant power", r ** 0.0
                    "quotient", (1.0 - x[0] * x[1]) / (2.0 * r) - 3.0 / r
                    "affine", Jet.affine weight bias x
                    "sum", Jet.sum (-x) - 1.0
                    "joined", Jet.concat [ x[2]; r; Jet.constant (draw 4 place [ 1L; 2L ]) x ]
                    "norm squared", Jet.normSquared x
                ]
                |> List.collect (fun (name, jet) ->
                    [
                        name, jet.Value
                        $"{name}'", Jet.tangents jet
                        $"{name}''", jet.Second
                        for m, t in List.indexed jet.Higher do
                            $"{name}, order {m + 2}", t
                    ]))

        row "jets: values of functions of jets" Through (fun place ->
            let x = points place 3
            [ "value", Jet.valueOf (fun x -> sin x * x[0] + Jet.normSquared x) x ])
    ]

// Functions of one variable

let private bases: (string * OnMeta * (Placement -> Basis)) list =
    let even k = Knots.uniform 4 k (-1.0, 1.0)
    let uneven = [| -2.0; -1.5; -1.0; -0.6; -0.5; 0.1; 0.3; 1.0; 1.5; 2.0; 2.5 |]

    [
        for k in 0..5 do
            $"splines of order {k} and silu", Stops, (fun place -> EdgeBasis.create place k [| even k |])
        "splines on each input's knots and silu",
        Stops,
        (fun place -> EdgeBasis.create place 3 [| even 3; uneven; Array.map ((*) 0.8) uneven |])
        "silu", Through, (fun _ -> Silu.basis)
        "Gaussians", Through, (fun _ -> Rbf.basis 5 (-2.0, 2.0))
        "Chebyshev", Through, (fun _ -> Chebyshev.basis 4)
        "Legendre", Through, (fun _ -> Legendre.basis 4)
    ]

let private ofBases =
    [
        for name, onMeta, make in bases do
            row $"functions: {name}" onMeta (fun place ->
                let x = (points place 3).requires_grad_ true
                let features = Basis.features (make place) 0 2 x

                [
                    yield!
                        (make place).Derivatives [ 0..4 ] (x.detach ()) |> List.mapi (fun n t -> $"derivative {n}", t)
                    yield! withGradients [ for n, t in Array.indexed features -> $"feature {n}", t ] (Map [ "x", x ])
                ])

            row $"functions in one piece: {name}" onMeta (fun place ->
                let x = (points place 3).requires_grad_ true

                Map [ "x", x ]
                |> withGradients
                    [
                        "one", Features.ofBasis make x
                        "two", Features.beside [ make, x; (fun _ -> Silu.basis), x.tanh () ]
                    ])

        row
            "functions: Gram's polynomials"
            Through
            (differentiated (fun place -> Map [ "w", draw 1 place [ 5L ]; "x", points place 3 ]) (fun p ->
                Gram.features 4 p["w"] (torch.tanh p["x"]) p["x"]))

        for order, knots in [ 3, 1; 3, 2; 4, 2 ] do
            for scaled in [ true; false ] do
                let what = if scaled then "scaled " else ""

                row
                    $"""sums over {what}edges of order {order}, {if knots = 1 then "common knots" else "knots of each input"}"""
                    Stops
                    (differentiated
                        (fun place ->
                            Map
                                [
                                    "x", points place 2
                                    "splines", draw 1 place [ 2L; int64 (4 + order); 3L ]
                                    "scale", draw 2 place [ 2L; 3L ]
                                    "base", draw 3 place [ 2L; 3L ]
                                ])
                        (fun p ->
                            let knots = [| for n in 1..knots -> Knots.uniform 4 order (-1.0, float n) |]

                            EdgeSums.create
                                (Placement.ofTensor p["x"])
                                order
                                knots
                                p["x"]
                                {
                                    Splines = p["splines"]
                                    Scale = (if scaled then Some p["scale"] else None)
                                    Base = p["base"]
                                }))

        row "wavelets" Stops (fun place ->
            [
                for wavelet in Wavelets.all do
                    let value, slope = wavelet.WithSlope(points place 3)
                    $"{wavelet.Name}", wavelet.Value(points place 3)
                    $"{wavelet.Name} again", value
                    $"{wavelet.Name}'", slope
            ])

        row "formulas: the functions that edges may be fixed to" Stops (fun place ->
            // Where all of them are defined.
            let x = (points place 1).abs() * 0.5 + 0.1
            [ for f in SymbolicFunction.library -> f.Name, f.Value x ])
    ]

// Problems and their losses

let private box = Domain.box [ -1.0, 1.0; 0.0, 2.0 ] |> Domain.during 0.0 1.0

let private x, y, t, u = coordinate "x", coordinate "y", coordinate "t", field "u"

let private exact = exp (-t) * sin (3.0 * x) * cos y + x * x / (2.0 + y)

let private manufactured =
    Problem.manufactured
        "manufactured"
        box
        [ "x"; "y"; "t" ]
        [ "u", exact ]
        [ "equation", d u [ t ] - laplacian u [ x; y ] + u ** 3.0 + d u [ x ] ]

/// Two fields, with derivatives of every order and mixed ones.
let private system =
    let v = field "v"

    Problem.manufactured
        "system"
        box
        [ "x"; "y"; "t" ]
        [ "u", exact; "v", sin (x * y) + t ]
        [
            "first", d u [ t ] - laplacian u [ x; y ] + u * d v [ x; y ]
            "second",
            d v [ x; x; x; x ] + d v [ x; x; t ] - d (u * v) [ y ]
            + given "source" (fun x -> x.narrow (1L, 1L, 1L))
        ]

/// A problem with every kind of condition: data, first derivatives, second ones, and a mean.
let private conditioned =
    let walls name mismatch = Condition.create name 0.5 4 (Domain.walls [] box) mismatch

    { manufactured with
        Conditions =
            [
                Condition.create "start" 2.0 5 (Domain.walls [ "start" ] box) (u - exact)
                walls "walls" (u - exact)
                walls "slope" (d u [ y ] - u)
                walls "curvature" (laplacian u [ x; y; t ] - sin x)
                walls "mean" (mean u - 1.0)
            ]
    }

let private body = TwoBody.ofSeed 0 3

let private problems =
    [
        "Poisson", Poisson.problem body
        "Allen–Cahn", AllenCahn.problem body
        "manufactured", manufactured
        "conditions", conditioned
    ]

let private collocation laplacian limit =
    {
        Points = 7
        Sampling = Sampling.Random
        Laplacian = laplacian
        Unbiased = false
        MemoryLimit = limit
    }

let private ofProblems =
    [
        for name, problem in problems do
            for along, method in methods do
                for model, onMeta in [ mlp, (if name = "conditions" then Stops else axes method); metaKan, Stops ] do
                    row $"loss of {model.Name} on {name} along {along}" onMeta (fun place ->
                        let loss, gradient =
                            Collocation.gradient (collocation method 2048) problem model key (model.Init key place)

                        [ "loss", loss; yield! tree "gradient" gradient ])

            row $"{name}: points and the exact solution there" Through (fun place ->
                let x = problem.Domain.Sample key place 8
                [ "points", x; "exact", problem.Exact.Value x ])

            row $"{name}: which points lie in the domain" Stops (fun place ->
                [ "inside", problem.Domain.Contains(points place 3) ])

            row $"{name}: a model's solution and its errors" Stops (fun place ->
                let p, x = mlp.Init key place, problem.Domain.Sample key place 600
                let u = Problem.solution problem mlp p
                let errors = Collocation.errors problem.Fields problem.Exact.Value u [ fun () -> x ]
                [ "u", u x; "errors", numbers place (List.map snd errors) ])

        for model, onMeta in [ Mlp.create [ 3; 6; 2 ], Through; Kan.create grid [ 3; 6; 2 ], Stops ] do
            row $"a solution of {model.Name} and its derivatives at points" onMeta (fun place ->
                let v = field "v"
                let terms = [ u; d v [ x; x; t ]; laplacian u [ x; y ] * v; Term.Number 1.0 ]
                [ "columns", Evaluation.columns system model (model.Init key place) terms (points place 3) ])
        for name, emphasis in
            [
                "balanced by gradients, in a window",
                { Emphasis.none with Balance = Balance.Gradients; Curriculum = Some 0.5 }
                "balanced by the kernel, causal",
                { Emphasis.none with Balance = Balance.Ntk; Causal = Some { Epsilon = 1.0; Slices = 3 } }
                "with attention", { Emphasis.none with Attention = true }
                "at chosen points", { Emphasis.none with Points = PointChoice.RarD; Every = 1 }
            ] do
            row $"steps on a loss {name}" Stops (fun place ->
                let stage =
                    Adam.create MomentStorage.Full (fun _ -> { Rate = Schedule.constant 1e-2; WeightDecay = 0.0 })
                    |> Emphasis.stage
                        {
                            Problem = conditioned
                            Model = mlp
                            Collocation = collocation LaplacianMethod.Exact 2048
                            Emphasis = emphasis
                            Steps = 4
                            First = 0
                            Span = 4
                            Step = fun step -> Key.fold step key
                            Draws = key
                        }

                let p = mlp.Init key place

                ((p, stage.Init p), [ 0..2 ])
                ||> List.fold (fun (p, memory) step ->
                    let _, p, memory = stage.Update step step p memory
                    p, memory)
                |> fun (p, memory) -> [ yield! tree "parameters" p; yield! tree "memory" memory ])

        row "a loss in chunks of one point" (axes LaplacianMethod.Exact) (fun place ->
            let loss, gradient =
                Collocation.gradient
                    (collocation LaplacianMethod.Exact 0)
                    (Poisson.problem body)
                    mlp
                    key
                    (mlp.Init key place)

            [ "loss", loss; yield! tree "gradient" gradient ])
    ]

// Domains

let private ofDomains =
    [
        for name, domain in Shapes.every do
            row $"{name}: points, where they lie, the boundary and its functions" Stops (fun place ->
                let numbers = List.map snd Shapes.numbers

                let drawn =
                    [ for n, numbers in List.indexed numbers -> $"points {n}", domain.Draw numbers key place 12 ]

                let x = snd drawn[0]

                [
                    yield! drawn
                    "contains", domain.Contains x

                    for part in domain.Parts do
                        for n, numbers in List.indexed numbers do
                            $"{part.Name} {n}", part.Draw numbers key place 5

                    for f in domain.Distance :: (domain.Parts |> List.map _.Distance) do
                        match f with
                        | Some f -> "distance", Jet.valueOf f x
                        | None -> ()
                ])
    ]

// Optimizers and runs

let private toy: Gradient =
    Params.withGradient (fun p -> square (torch.matmul (p["a"], p["b"]) - 1.0) + square p["b"])

let private toyAt place : Params = Map [ "a", draw 1 place [ 3L; 2L ]; "b", draw 2 place [ 2L; 4L ] ]

let private adam decay =
    Adam.create MomentStorage.Full (fun name ->
        { Rate = (fun step -> 1e-2 / float (step + 1)); WeightDecay = (if name = "a" then decay else 0.0) })

/// Steps of an optimizer from fresh memory.
let private steps (optimizer: Optimizer) (gradient: Gradient) count (p: Params) =
    ((torch.zeros_like (Seq.head p.Values), p, optimizer.Init p), [ 0 .. count - 1 ])
    ||> List.fold (fun (_, p, memory) step -> optimizer.Update step gradient p memory)
    |> fun (loss, p, memory) -> loss, p, memory

let private stepped optimizer place =
    let loss, p, memory = steps optimizer toy 3 (toyAt place)
    [ "loss", loss; yield! tree "parameters" p; yield! tree "memory" memory ]

let private solving place : SolveSettings =
    { SolveSettings.defaults with
        Epochs = 4
        Collocation = collocation LaplacianMethod.Exact 2048
        Warmup = 2
        Polish = 2
        PolishPoints = 10
        TestPoints = 20
        Placement = place
        EvaluateEvery = 2
        SaveEvery = 3
    }

let private ofTraining =
    [
        row "Adam" Through (stepped (adam 0.0))
        row "Adam with decay" Through (stepped (adam 0.1))

        for storage in [ MomentStorage.Bytes; MomentStorage.Factored ] do
            row $"Adam with moments in {storage}" Stops (fun place ->
                let wide: Params = Map [ "a", draw 1 place [ 70L; 70L ]; "b", draw 2 place [ 70L; 2L ] ]

                let optimizer = Adam.create storage (fun _ -> { Rate = Schedule.constant 1e-2; WeightDecay = 0.0 })

                let _, p, _ = steps optimizer toy 3 wide
                tree "parameters" p)

        row "statistics gathered beside parameters" Through (fun place ->
            let gradient (joined: Params) =
                let p, statistics = Statistics.split joined
                let loss, g = toy p
                loss, Statistics.join g (statistics |> Map.map (fun _ t -> t * 0.9 + 0.1))

            let joined = Statistics.join (toyAt place) (Map [ "mean", draw 3 place [ 2L ] ])
            let loss, p, _ = steps (Statistics.gathering (adam 0.1)) gradient 2 joined
            [ "loss", loss; yield! tree "parameters" p ])

        // Its searches go by the numbers of the loss from the first on. Of its memory, what it reads as numbers is kept
        // on the CPU, so that only the vectors are on the device.
        row "L-BFGS" Stops (fun place ->
            let loss, p, memory = steps (Lbfgs.create 3 4) toy 2 (toyAt place)

            [ "loss", loss.``to`` (place.DType); yield! tree "parameters" p; "vectors", memory["vectors"] ])

        row "Broyden's method" Stops (fun place ->
            let loss, p, memory = steps (Broyden.create 3) toy 4 (toyAt place)

            [
                "loss", loss.``to`` (place.DType)
                yield! tree "parameters" p
                "inverse", memory["inverse"]
                "gradient", memory["gradient"]
            ])

        // Bases have signs of their own.
        row "SOAP" Stops (fun place ->
            let loss, p, _ = steps (Soap.create (fun _ -> Schedule.constant 1e-2)) toy 4 (toyAt place)
            [ "loss", loss; yield! tree "parameters" p ])

        row "Muon" Stops (fun place ->
            let loss, p, _ = steps (Muon.create (fun _ -> Schedule.constant 1e-2)) toy 4 (toyAt place)
            [ "loss", loss; yield! tree "parameters" p ])

        for name, problem in problems do
            for model in [ mlp; metaKan ] do
                let onMeta = if model.Name = "mlp" then axes LaplacianMethod.Exact else Stops

                row $"training of {model.Name} on {name}: Adam, L-BFGS, measures" onMeta (fun place ->
                    let settings = solving place
                    let plan = Solve.plan settings problem model
                    let measured = ResizeArray()

                    let listen event =
                        match event with
                        | Evaluated(_, loss, measures) -> measured.AddRange(loss :: List.map snd measures)
                        | Stepped _
                        | Saved _ -> ()

                    let _, state =
                        Solve.initial settings problem model |> Training.start plan |> Training.run plan listen

                    [ "measures", numbers place measured; yield! tree "parameters" state.Params ])

        row "a run that solves a problem, its files and its pictures" Stops (fun place ->
            Folder.withFolder (fun folder ->
                let solve place' = Solve.run place' (solving place) (Poisson.problem body) metaKan ignore
                let solution = solve (RunPlace.fresh folder)
                let resumed = solve (RunPlace.resumed folder)

                [
                    "u", solution.U(points place 3)
                    yield! tree "parameters" solution.Params
                    yield! tree "parameters read again" resumed.Params
                ]))
    ]

// Networks that classify

let private families =
    [
        "kan", Families.kan grid, Stops
        "fastkan, normalised", Families.fastKan true, Stops
        "fastkan", Families.fastKan false, Through
        "kaln", Families.kaln 3, Through
        "kacn", Families.kacn 3, Through
        "kagn", Families.kagn 3, Through
    ]

let private spatial place (window: Window) : Tensor = draw 50 place (3L :: 4L :: List.map (fun _ -> 5L) window.Size)

/// A layer that learns and one that predicts, with gradients by parameters and input.
let private ofLayer name onMeta (layer: Layer) (input: Placement -> Tensor) =
    row name onMeta (fun place ->
        let p = layer.Init key place |> Params.tracked
        let x = (input place).requires_grad_ true
        let statistics = layer.Statistics place
        let learned, gathered = layer.Apply (Learning key) p statistics x
        let predicted, _ = layer.Apply Predicting p gathered x

        [
            yield! tree "statistics" gathered
            yield! withGradients [ "learning", learned; "predicting", predicted ] (Map.add "x" x p)
        ])

let private ofEdges name onMeta (layer: EdgeLayer) (input: Placement -> Tensor) =
    row name onMeta (fun place ->
        let own = layer.Init key place |> Params.tracked
        let stored = layer.Stored (Key.fold 1 key) place |> Params.tracked
        let x = (input place).requires_grad_ true
        let y = layer.Apply own (layer.Coefficients stored) x
        withGradients [ "value", y ] (Params.union [ own; stored; Map [ "x", x ] ]))

let private windows =
    let square = Window.square 3 1

    [
        "one dimension", { square with Size = [ 3 ]; Padding = 1; Stride = 2 }
        "two dimensions", square
        "two groups", { square with Groups = 2; Dilation = 2 }
        "three dimensions", { square with Size = [ 3; 1; 2 ] }
    ]

let private ofLayers =
    let images place = draw 51 place [ 3L; 4L; 5L; 5L ]
    let rows place = draw 52 place [ 6L; 4L ]

    [
        ofLayer "layer: batch norm of rows" Stops (Norm.batch 4) rows
        ofLayer "layer: batch norm of images" Stops (Norm.batch 4) images
        ofLayer "layer: instance norm" Stops (Norm.instance 4) images
        ofLayer "layer: layer norm" Stops (Norm.layer 4) rows
        ofLayer "layer: PReLU" Stops Activation.prelu images
        ofLayer "layer: dropout" Through (Dropout.numbers 0.4) rows
        ofLayer "layer: dropout of channels" Through (Dropout.channels 0.4) images
        ofLayer "layer: ordinary" Through (Ordinary.linear 4 3) rows

        for name, window in windows do
            let input place = spatial place window
            ofLayer $"layer: ordinary convolution, {name}" Stops (Ordinary.convolution window 4 6) input

        for name, family, onMeta in families do
            ofEdges $"layer: {name}" onMeta (Dense.layer family 4 3) rows

            for dimensions, window in windows do
                ofEdges
                    $"layer: convolution of {name}, {dimensions}"
                    Stops
                    (Convolution.layer window family 4 6)
                    (fun place -> spatial place window)

        for wavelet in Wavelets.all do
            let onMeta = if List.contains wavelet.Name [ "meyer"; "shannon" ] then Stops else Through
            ofEdges $"layer: wavelets, {wavelet.Name}" onMeta (WavKan.layer wavelet 4 3) rows
    ]

let private pictures: Images = Images.Fixtures.images 3 4 (12, 2, 6, 6)

let private batching place : Batching =
    {
        Size = 5
        Augmentation = { Flip = true; Crop = 1; Affine = None; Jitter = Some { Brightness = 0.2; Contrast = 0.2 } }
        Normalization = Normalization.symmetric
        Key = key
        Placement = place
    }

let private classifying: ClassifySettings =
    ClassifySettings.defaults "fmnist" (Architecture.published "fc" "kan")

/// Two steps on batches, and what the network then says of the images.
let private learningBy loss (classifier: Classifier) place =
    let gradient step =
        Classify.gradient { classifying with Loss = loss } classifier (Batches.at (batching place) pictures) step

    let joined = Statistics.join (classifier.Layers.Init key place) (classifier.Layers.Statistics place)
    let optimizer = Statistics.gathering (adam 0.01)
    let first, p, memory = optimizer.Update 0 (gradient 0) joined (optimizer.Init joined)
    let second, p, _ = optimizer.Update 1 (gradient 1) p memory

    let logits =
        [
            for batch in Batches.whole (batching place) pictures -> Classify.logits classifier p batch.Pixels
        ]

    [
        "losses", torch.stack [| first; second |]
        "logits", torch.cat (List.toArray logits)
        yield! tree "parameters" p
    ]

let private learning = learningBy ClassifyLoss.CrossEntropy

let private design functions =
    {
        Functions = functions
        Meta = None
        Recompute = false
        Norm = NormLayer.None
        Dropout = 0.2
        HeadDropout = 0.3
        Inputs = 2, 6, 6
        Classes = 4
    }

let private ofClassifiers =
    let connected = Classifier.fc [ 5; 4 ]
    let convolutional = Classifier.convolutional [ 3, 1; 4, 2 ]
    let metaLearner = Some(meta GeneratorSharing.Shared)

    [
        row "batches of images" Through (fun place ->
            [
                for step in 0..3 do
                    let batch = Batches.at (batching place) pictures step
                    $"pixels {step}", batch.Pixels
                    $"labels {step}", batch.Labels
            ])

        let linear = design EdgeFunctions.Linear
        row "classifier: fully connected" Through (learning (connected linear))
        row "classifier: fully connected, squared error" Stops (learningBy ClassifyLoss.Mse (connected linear))

        row
            "classifier: fully connected, batch norm"
            Stops
            (learning (connected { linear with Norm = NormLayer.Batch }))

        row "classifier: convolutions" Stops (learning (convolutional linear))

        row
            "classifier: convolutions, batch norm"
            Stops
            (learning (convolutional { linear with Norm = NormLayer.Batch }))

        for name, family, onMeta in families do
            let settings = design (EdgeFunctions.Family family)
            row $"classifier: {name}" onMeta (learning (connected settings))
            row $"classifier: {name}, generated" Stops (learning (connected { settings with Meta = metaLearner }))

            row
                $"classifier: convolutions of {name}, batch norm"
                Stops
                (learning (convolutional { settings with Norm = NormLayer.Batch }))

            row
                $"classifier: convolutions of {name}, generated for each layer, instance norm"
                Stops
                (learning (
                    convolutional
                        { settings with Meta = Some(meta GeneratorSharing.PerLayer); Norm = NormLayer.Instance }
                ))

        let wavelets = design (EdgeFunctions.Wavelet Wavelets.mexicanHat)
        row "classifier: wavelets" Through (learning (connected wavelets))

        row
            "classifier: wavelets, generated, batch norm"
            Stops
            (learning (connected { wavelets with Meta = metaLearner; Norm = NormLayer.Batch }))

        row "a run that classifies, its files and its predictions" Nowhere (fun place ->
            let set =
                {
                    Name = "fmnist"
                    Classes = ImageSets.classes "fmnist"
                    Train = Images.Fixtures.images 1 10 (20, 1, 28, 28)
                    Test = Images.Fixtures.images 2 10 (10, 1, 28, 28)
                }

            let network =
                { Architecture.published "fc" "kan" with Width = [ 3 ]; Meta = true; HiddenDim = 4; Norm = "batch" }

            let settings =
                { ClassifySettings.defaults "fmnist" network with
                    Epochs = 2
                    BatchSize = 8
                    Rotate = 5.0
                    Placement = { place with Device = torch.CPU }
                }

            Folder.withFolder (fun folder ->
                let found = Classify.run (RunPlace.fresh folder) settings set ignore
                let settings, classifier, p = Classify.load folder
                let probabilities = Classify.probabilities settings classifier p set.Test

                [
                    yield! tree "best" found.Best
                    "probabilities", numbers place (Array.concat probabilities)
                    "predictions", numbers place (Classify.predict settings classifier p set.Test |> Array.map float)
                ]))
    ]

// Fitting and formulas

let private edge l i j = { Layer = l; From = i; To = j }

/// A network with products, an edge that is off, one that is a function in the place of its spline, one beside it, and an
/// input with knots of its own.
let private network order source : Network =
    let net =
        Network.create { Size = 4; Order = order } source [ Nodes.sums 2; { Sums = 2; Products = [ 2 ] }; Nodes.sums 1 ]

    { net with
        Knots = [| Knots.uniform 4 order (-1.2, 1.1); net.Knots.Head[1] |] :: net.Knots.Tail
        Symbols = Map [ edge 0 1 0, "sin"; edge 1 2 0, "x^2" ]
    }
    |> Network.withMask (edge 0 0 1) 0.0
    |> Network.withMask (edge 0 1 0) 0.0

let private parametersOf (net: Network) place : Params =
    Params.union
        [
            Network.init 0.3 net key place
            net.Symbols
            |> Map.toSeq
            |> Seq.map (fun (edge, _) -> Network.symbolName edge, Tensor.ofArray place [ 4L ] [| 1.1; 0.2; 0.7; -0.1 |])
            |> Map.ofSeq
        ]

let private fittedAt net place : Fitted = { Network = net; Params = parametersOf net place }

let private target (x: Tensor) = torch.sin (x.narrow (1L, 0L, 1L)) + x.narrow(1L, 1L, 1L).square()

let private sparsity = { Weight = 0.01; EntropyWeight = 2.0 }

let private valuesOf (fitted: Fitted) place =
    let x = points place (Nodes.count fitted.Network.Nodes.Head)

    [
        "values", Network.values fitted.Network x fitted.Params
        for l, knots in List.indexed fitted.Network.Knots do
            $"knots {l}", numbers place (Array.concat knots)
        yield! tree "parameters" fitted.Params
    ]

let private choice = { SymbolicEdges.defaults with Library = [ "x"; "x^2"; "sin"; "exp"; "1/x" ] }

let private ofNetwork (name: string) (net: Network) =
    let fitted = fittedAt net

    [
        row $"{name}: values" Stops (fun place ->
            let p = parametersOf net place |> Params.tracked
            withGradients [ "values", Network.values net (points place 2) p ] p)

        row $"{name}: trace and sparsity" Stops (fun place ->
            let p = parametersOf net place |> Params.tracked
            let trace = Network.trace net (points place 2) p

            let parts name (tensors: Tensor list) = tensors |> List.mapi (fun l t -> $"{name} {l}", t)

            p
            |> withGradients
                [
                    yield! parts "nodes" trace.Nodes
                    yield! parts "splines" trace.Splines
                    yield! parts "edges" trace.Edges
                    yield! parts "ends" trace.Ends
                    "penalty", Sparsity.penalty sparsity trace
                ])

        for name', optimizer in [ "Adam", adam 0.0; "L-BFGS", Lbfgs.create 4 3 ] do
            row $"{name}: descent by {name'}, some parameters resting" Stops (fun place ->
                let x = points place 2
                let p = parametersOf net place
                let resting, moving = p |> Map.partition (fun name _ -> name.StartsWith "symbols.")

                let gradient = Descent.sparse FitLoss.Square sparsity net x (target x) |> Descent.resting resting

                tree "parameters" (Descent.run optimizer gradient 2 (fun _ _ _ -> true) moving))

        row $"{name}: scores and pruning" Stops (fun place ->
            let fitted = fitted place
            let trace = Network.trace net (points place 2) fitted.Params
            let scores = Attribution.scores net trace
            let pruned = fitted |> Pruning.edges 0.02 scores |> Pruning.nodes 0.3 scores
            let less, _ = Pruning.inputs 1e9 scores fitted

            [
                "scores", numbers place (Array.concat scores.Nodes)
                yield! valuesOf pruned place |> List.map (fun (name, t) -> $"pruned {name}", t)
                yield! valuesOf less place |> List.map (fun (name, t) -> $"less {name}", t)
            ])

        // Least squares, or the search of intervals before it.
        row $"{name}: finer knots" Stops (fun place -> valuesOf (Regrid.extend 8 (fitted place)) place)

        row $"{name}: knots for the samples" Stops (fun place ->
            valuesOf (Regrid.update 0.1 (points place 2) (fitted place)) place)

        sensitive
        <| row $"{name}: functions for edges, and the formula" Stops (fun place ->
            let found = SymbolicEdges.auto choice (points place 2) (fun _ _ -> ()) (fitted place)
            let x = points place 2
            let column name = x.narrow (1L, (if name = "x" then 0L else 1L), 1L)

            [
                yield! valuesOf found place
                for formula in SymbolicEdges.formulas [ Variable "x"; Variable "y" ] found do
                    "formula", Expression.evaluate (column "x") column formula
                yield!
                    valuesOf (SymbolicEdges.unfix (edge 0 0 0) found) place
                    |> List.map (fun (name, t) -> $"unfixed {name}", t)
            ])
    ]

let private ofFitting =
    [
        yield! ofNetwork "network, stored" (network 3 CoefficientSource.Stored)
        yield! ofNetwork "network, stored, of order 4" (network 4 CoefficientSource.Stored)
        yield! ofNetwork "network, generated" (network 3 (CoefficientSource.Generated(meta GeneratorSharing.Shared)))

        yield!
            ofNetwork
                "network, generated for each layer"
                (network 3 (CoefficientSource.Generated { meta GeneratorSharing.PerLayer with EmbeddingDim = 2 }))

        row "the closest c·f(a x + b) + d" Stops (fun place ->
            let x = (points place 1).flatten()

            let fit =
                AffineFit.find
                    (SymbolicFunction.find "sin")
                    (-10.0, 10.0)
                    (-10.0, 10.0)
                    x
                    (2.0 * torch.sin (3.0 * x + 0.5) - 1.0)

            [ "fit", numbers place [ fit.A; fit.B; fit.C; fit.D; fit.R2 ] ])

        let formula = Parser.expression "exp(sin(pi*x) + y^2)"
        let ranges = Dataset.ranges "x:-1:1,y:-1:1"

        row "samples of a formula, normalised" Stops (fun place ->
            let data, _, _ = Dataset.ofFormula formula ranges 20 10 0.1 key place |> Scaling.normalised
            [ for n, t in Seq.indexed (Dataset.tensors data) -> $"{n}", t ])

        row "samples of a file" Through (fun place ->
            Folder.withFolder (fun folder ->
                let path = Path.Combine(folder, "data.csv")
                File.WriteAllText(path, "a,b,c\n" + String.concat "\n" [ for n in 0..9 -> $"{n},{n * n},{7 - n}" ])
                let data = Dataset.ofCsv path [ "c" ] 0.3 key place
                [ for n, t in Seq.indexed (Dataset.tensors data) -> $"{n}", t ]))

        for name, source in
            [
                "stored", CoefficientSource.Stored
                "generated", CoefficientSource.Generated(meta GeneratorSharing.Shared)
            ] do
            sensitive
            <| row $"a run that fits, {name}: all stages, files and pictures" Stops (fun place ->
                Folder.withFolder (fun folder ->
                    let data = Dataset.ofFormula formula ranges 40 20 0.01 key place
                    let data, inputs, output = Scaling.normalised data

                    let settings =
                        { FitSettings.defaults with
                            Steps = [ 3 ]
                            Optimizer = FitOptimizer.Lbfgs 5
                            Sparsity = sparsity
                            GridUpdates = Some { Every = 2; Until = 3 }
                            Extend = [ 6 ]
                            Prune = Some { Node = 1e-2; Edge = 3e-2 }
                            Symbolic = Some choice
                            RefitSteps = 2
                            Placement = place
                        }

                    let net = Network.create { Size = 3; Order = 3 } source (List.map Nodes.sums [ 2; 2; 1 ])
                    let data = { Data = data; Scaling = Some(inputs, output) }
                    let run = Fit.run (RunPlace.fresh folder) settings data (Learner.Network net) ignore
                    tree "parameters" run.Params))
    ]

/// All of them.
let all: Computation list =
    List.concat [ ofModels; ofJets; ofBases; ofDomains; ofProblems; ofTraining; ofLayers; ofClassifiers; ofFitting ]
