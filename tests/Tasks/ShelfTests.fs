/// The problems by name: each is solved by its own reference, holds what is built into it, and trains.
module MetaKan.Tests.ShelfTests

open System
open Expecto
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Differences
open MetaKan.Tests.Folder
open MetaKan.Tests.Numeric
open TorchSharp

let private names = Shelf.all |> List.map _.Name
let private place = Placement.cpu64

let private entryOf name = (Shelf.tryFind name).Value

/// The problem, in three dimensions where it has any.
let private problemOf name = (entryOf name).Problem 3 0

/// The numbers that are sought.
let private truth name =
    match name with
    | "heat-diffusivity" -> [ "k", 0.3 ]
    | "lorenz-parameters" -> [ "sigma", 10.0; "rho", 15.0; "beta", 8.0 / 3.0 ]
    | "navier-stokes" -> [ "nu", 0.05 ]
    | _ -> []

/// The lengths over which a solution changes, how far points stay from the boundary, in these lengths, and what residuals may be
/// beside the largest of their terms.
let private resolution name =
    match name with
    | "helmholtz" -> [ 0.15; 0.15 ], 0.3, 1e-7
    | "heat" -> [ 0.3; 0.2 ], 0.3, 1e-7
    | "wave" -> [ 0.08; 0.04 ], 0.3, 1e-7
    | "advection" -> [ 1.0; 1.0 / 30.0 ], 0.3, 1e-7
    | "reaction-diffusion" -> [ 0.12; 1.0 ], 0.3, 1e-7
    | "klein-gordon" -> [ 1.0; 1.0 ], 0.3, 1e-7
    | "burgers" -> [ 0.003; 0.003 ], 1.0, 1e-5
    | "allen-cahn-1d" -> [ 0.01; 0.01 ], 1.0, 1e-5
    | "kdv" -> [ 0.03; 0.01 ], 1.0, 1e-5
    | "kuramoto-sivashinsky" -> [ 0.1; 0.01 ], 1.0, 1e-5
    | "schrodinger" -> [ 1.0; 0.05 ], 1.0, 2e-2
    | "biharmonic" -> [ 0.3; 0.3 ], 0.3, 1e-6
    | "poisson-l" -> [ 0.1; 0.1 ], 1.0, 1e-5
    | "poisson-disk" -> [ 0.2; 0.2 ], 0.3, 1e-7
    | "kovasznay" -> [ 0.15; 0.15 ], 0.3, 1e-7
    | "cavity" -> [ 0.1; 0.1 ], 2.0, 5e-3
    | "lorenz"
    | "lorenz-parameters" -> [ 0.05 ], 1.0, 1e-7
    | "black-scholes" -> [ 0.2; 0.1 ], 1.0, 1e-6
    | "heat-diffusivity" -> [ 0.3; 0.3 ], 0.3, 1e-7
    | "navier-stokes" -> [ 1.0; 1.0; 1.0 ], 0.3, 1e-7
    | "semilinear-heat"
    | "semilinear-allen-cahn"
    | "semilinear-sine-gordon" -> [ 0.3; 0.3; 0.3; 0.1 ], 0.3, 5e-5
    | _ -> List.replicate 4 0.5, 0.3, 1e-6

let private largest (t: Tensor) = Tensor.item (t.abs().max())

let private rowsWhere (mask: Tensor) (x: Tensor) = x.index_select (0L, torch.nonzero(mask).flatten())

/// Points of the domain so far inside that none of these lengths leads out of it.
let private inside (domain: Domain) (margins: float list) (count: int) =
    let x = domain.Sample (Key.ofSeed 5) place (20 * count)

    let isInside =
        [
            for i, margin in List.indexed margins |> List.truncate domain.Bounds.Length do
                for side in [ -margin; margin ] do
                    let moved = x.clone ()
                    moved.select(1L, int64 i).add_(side.ToScalar()) |> ignore
                    domain.Contains moved
        ]
        |> List.reduce (fun a b -> a.logical_and b)

    let found = rowsWhere isInside x
    Expect.isGreaterThan (found.size 0) (int64 count) "points inside"
    found.narrow (0L, 0L, int64 count)

let rec private parts (term: Term) =
    match term with
    | Term.Sum terms -> terms |> List.collect parts
    | Term.Squares(name, several) -> [ for one in several -> Term.Squares(name, [ one ]) ]
    | other -> [ other ]

let private readsField (term: Term) = Term.allLeaves term |> List.exists Term.readsField

/// A small network of each family for a problem.
let private networks (entry: ShelfEntry) (problem: Problem) : Model list =
    let widths = [ Problem.inputs problem; 4; problem.Fields.Length ]
    let grid = { entry.Splines "kan" with Size = 3 }
    let meta = { EmbeddingDim = 1; HiddenDim = 4; Sharing = GeneratorSharing.PerLayer; Chunk = None }
    [ Mlp.create widths; Kan.create grid widths; MetaKan.create grid meta widths ]

/// A random network's fields for a problem.
let private guess name : Tensor -> Tensor =
    let problem = problemOf name
    let model = Problem.modelFor problem (networks (entryOf name) problem).Head
    let p = model.Init (Key.ofSeed 3) place |> Map.map (fun _ t -> t + 0.3)
    Problem.solution problem model p

/// Which parts of the boundary each problem builds its values in on.
let private builtIn name =
    match name with
    | "poisson"
    | "allen-cahn"
    | "sine-gordon"
    | "poisson-three-body"
    | "allen-cahn-three-body"
    | "sine-gordon-three-body" -> [ "sphere" ]
    | "hjb"
    | "semilinear-heat"
    | "semilinear-allen-cahn"
    | "semilinear-sine-gordon" -> [ "end" ]
    | "helmholtz"
    | "biharmonic"
    | "cavity" -> [ "bottom"; "left"; "right"; "top" ]
    | "heat"
    | "wave"
    | "reaction-diffusion"
    | "burgers" -> [ "left"; "right"; "start" ]
    | "klein-gordon"
    | "allen-cahn-1d"
    | "kdv"
    | "kuramoto-sivashinsky"
    | "advection"
    | "schrodinger" -> [ "start" ]
    | "lorenz"
    | "lorenz-parameters" -> [ "left" ]
    | _ -> []

let private pi = Math.PI

/// What stands on the right of equations that are given one, as published.
let private sources: (string * Term) list =
    let x, y, t = coordinate "x", coordinate "y", coordinate "t"

    [
        "helmholtz", -4.0 * pi * pi * sin (2.0 * pi * x) * sin (2.0 * pi * y)
        "biharmonic", 4.0 * pi ** 4.0 * sin (pi * x) * sin (pi * y)
        "klein-gordon", x * x * cos t ** 2.0 - x * cos t
        "reaction-diffusion",
        exp (-t)
        * (1.5 * sin (2.0 * x)
           + 8.0 / 3.0 * sin (3.0 * x)
           + 15.0 / 4.0 * sin (4.0 * x)
           + 63.0 / 8.0 * sin (8.0 * x))
        "poisson-l", number -1.0
    ]

let tests =
    testList
        "Tasks.Shelf"
        [
            testCase "names are found, each once, and tell what they are" (fun () ->
                Expect.equal (List.distinct names) names "names"
                Expect.isNone (Shelf.tryFind "nonesuch") "another name"

                for entry in Shelf.all do
                    let problem = entry.Problem 3 0
                    Expect.equal problem.Name entry.Name "the problem's name"

                    for text in [ entry.Formula; entry.Purpose; entry.Source ] do
                        Expect.notEqual (text.Trim()) "" entry.Name

                    Expect.equal entry.Dimension.IsSome (problem.Coordinates.Head = "x1") $"{entry.Name}: dimension"

                    Expect.equal
                        entry.Seeded
                        (entry.Dimension.IsSome && not (List.contains "t" problem.Coordinates))
                        $"{entry.Name}: seed")

            testCase "dimensions and seeds are those asked for" (fun () ->
                for entry in Shelf.all |> List.filter _.Dimension.IsSome do
                    let time = if entry.Seeded then 0 else 1

                    for dimension in [ entry.LeastDimension; 7 ] do
                        let problem = entry.Problem dimension 0
                        Expect.equal problem.Coordinates.Length (dimension + time) $"{entry.Name}: coordinates"

                    let value seed =
                        let problem = entry.Problem 3 seed
                        largest (problem.Exact.Value(problem.Domain.Sample (Key.ofSeed 1) place 5))

                    Expect.equal (value 0 <> value 1) entry.Seeded $"{entry.Name}: seed")

            Check.theory "the reference leaves nothing of the equations" names (fun name ->
                let problem, (lengths, margin, tolerance) = problemOf name, resolution name
                let x = inside problem.Domain (lengths |> List.map ((*) margin)) 30
                let value = valueOf lengths problem problem.Exact.Value (truth name) [] x

                for equation in problem.Equations do
                    let terms = parts equation.Residual
                    let values = terms |> List.map value
                    let size = values |> List.map largest |> List.max
                    let left = largest (List.reduce (fun a b -> a + b) values) / size
                    Check.inRange 0.0 tolerance left equation.Name

                    // And a fifth more of any term that is not nothing would be noticed.
                    for term, value in List.zip terms values do
                        let share = largest value / size

                        if readsField term && share > 1e-9 then
                            Check.inRange (5.0 * tolerance) 1.0 share $"{equation.Name}: {term}")

            Check.theory "what stands on the right is as published" names (fun name ->
                // Of made-up solutions too: the equations of fields that are 0.
                let problem = problemOf name

                if (entryOf name).Dimension.IsNone then
                    let x = problem.Domain.Sample (Key.ofSeed 5) place 30

                    let none (x: Tensor) =
                        torch.zeros (x.size 0, int64 problem.Fields.Length, dtype = torch.float64, device = torch.CPU)

                    let value = valueOf (List.replicate problem.Coordinates.Length 1.0) problem none (truth name) [] x

                    let source =
                        List.tryFind (fst >> (=) name) sources |> Option.map snd |> Option.defaultValue (number 0.0)

                    for equation in problem.Equations do
                        close equation.Name 1e-9 (1.0 - value source) (1.0 + value equation.Residual))

            Check.theory "the reference satisfies the conditions" names (fun name ->
                let problem, (lengths, _, tolerance) = problemOf name, resolution name

                for condition in problem.Conditions do
                    let points = condition.Draw Numbers.random (Key.ofSeed 2) place condition.Points

                    let columns =
                        condition.Columns
                        @ (if condition.Normals then List.map Term.normalName problem.Coordinates else [])

                    let points =
                        if name = "cavity" then
                            // Where the lid meets the walls there is no slope.
                            let height, along = points.select (1L, 1L), points.select (1L, 0L)

                            let isAway = height.lt(0.8.ToScalar()).logical_or((along - 0.5).abs().lt(0.3.ToScalar()))

                            rowsWhere isAway points
                        else
                            points

                    let mismatch =
                        valueOf lengths problem problem.Exact.Value (truth name) columns points condition.Mismatch

                    // Measured with errors of 1 %.
                    let allowed = if name = "navier-stokes" then 0.05 else tolerance
                    Check.inRange 0.0 allowed (largest mismatch) condition.Name)

            Check.theory "a random network holds what is built in, there and nowhere else" names (fun name ->
                let problem, u = problemOf name, guess name

                let isExact (part: string) =
                    let x = Domain.walls [ part ] problem.Domain (Key.ofSeed 4) place 40
                    largest (u x - problem.Exact.Value x) < 2e-4

                let parts = problem.Domain.Parts |> List.map _.Name |> List.distinct
                Expect.equal (parts |> List.filter isExact |> List.sort) (builtIn name) "parts"
                let x = problem.Domain.Sample (Key.ofSeed 5) place 30
                Expect.isGreaterThan (largest (u x - problem.Exact.Value x)) 1e-3 "inside")

            Check.theory "velocities are built in" [ "wave"; "klein-gordon" ] (fun name ->
                let problem = problemOf name
                let x = Domain.walls [ "start" ] problem.Domain (Key.ofSeed 4) place 40
                Check.inRange 0.0 1e-8 (largest (partial [ 0.1; 0.04 ] (guess name) [ 1 ] x)) "velocity")

            Check.theory
                "what is periodic is so for any network, with its slope"
                (names |> List.filter (fun name -> (problemOf name).Periodic.IsSome))
                (fun name ->
                    let problem, u = problemOf name, guess name
                    let coordinates, harmonics = problem.Periodic.Value
                    Expect.equal coordinates [ "x" ] "coordinates"
                    Expect.equal (Problem.inputs problem) (2 * harmonics + 1) "inputs"
                    let low, high = problem.Domain.Bounds.Head
                    let x = problem.Domain.Sample (Key.ofSeed 4) place 30
                    let moved = x.clone ()
                    moved.select(1L, 0L).add_((high - low).ToScalar()) |> ignore

                    // Of what a formula builds in, only at the ends of a side.
                    let ends value =
                        torch.cat (
                            [|
                                torch.full_like (x.narrow (1L, 0L, 1L), (value: float).ToScalar())
                                x.narrow (1L, 1L, 1L)
                            |],
                            1L
                        )

                    close "ends" 1e-10 (u (ends low)) (u (ends high))
                    let plain = { problem with Constraint = fun _ net -> net }
                    let model = Problem.modelFor plain (networks (entryOf name) problem).Head
                    let p = model.Init (Key.ofSeed 3) place
                    close "everywhere" 1e-10 (model.Apply p x) (model.Apply p moved))

            testCase "a coordinate that there is not is not periodic" (fun () ->
                let message =
                    messageOf<ArgumentException>(fun () -> Problem.periodic [ "z" ] 2 (problemOf "heat") |> ignore)

                Expect.stringStarts
                    message
                    "problem heat: it has no coordinate 'z' to be periodic in, they are x, t"
                    "message")

            testCase "problems that are not periodic take their coordinates" (fun () ->
                for name in names do
                    let problem = problemOf name

                    if problem.Periodic.IsNone then
                        Expect.equal (Problem.inputs problem) problem.Coordinates.Length name)

            Check.theory "problems are well posed, and splines as smooth as they read" names (fun name ->
                let entry, problem = entryOf name, problemOf name
                Collocation.check { entry.Settings.Collocation with Points = 20 } problem entry.Settings.Placement

                let order =
                    [
                        for equation in problem.Equations do
                            for leaf in Term.allLeaves equation.Residual do
                                match leaf with
                                | Term.Field(_, by) -> by.Length
                                | Term.Squares _ -> 2
                                | Term.Slopes _ -> 1
                                | _ -> 0
                    ]
                    |> List.max

                for model in [ "kan"; "metakan" ] do
                    Check.inRange (order + 1) 6 (entry.Splines model).Order "order of the splines")

            Check.theory "two steps are trained, by every network" names (fun name ->
                let entry, problem = entryOf name, problemOf name

                let settings =
                    { entry.Settings with Epochs = 2; Collocation = { entry.Settings.Collocation with Points = 6 } }

                for network in networks entry problem do
                    let stage = (Solve.plan settings problem network).Stages.Head
                    let p = Solve.initial settings problem network

                    ((p, stage.Init p), [ 0; 1 ])
                    ||> List.fold (fun (p, memory) step ->
                        let loss, p, memory = stage.Update step step p memory
                        Expect.isTrue (Double.IsFinite(Tensor.item loss)) $"{network.Name}: loss of step {step}"
                        p, memory)
                    |> fst
                    |> Map.iter (fun part t ->
                        Expect.isTrue ((torch.isfinite t).all().item<bool>()) $"{network.Name}: {part}"))

            Check.theory "the optimizer is the one that is chosen for the network" names (fun name ->
                let dimensions = if (entryOf name).Dimension.IsSome then [ 2; 20; 21; 100; 200; 201; 1000 ] else [ 0 ]

                for dim in dimensions |> List.map (max (entryOf name).LeastDimension) do
                    let entry = Shelf.inDimension dim (entryOf name)
                    let problem = entry.Problem dim 0

                    for model in [ "mlp"; "kan"; "metakan" ] do
                        let width, depth = entry.Size model

                        let widths =
                            [ Problem.inputs problem; yield! List.replicate (depth - 1) width; problem.Fields.Length ]

                        let meta =
                            {
                                EmbeddingDim = 1
                                HiddenDim = entry.HiddenDim
                                Sharing = GeneratorSharing.PerLayer
                                Chunk = None
                            }

                        let network =
                            match model with
                            | "mlp" -> Mlp.create widths
                            | "kan" -> Kan.create (entry.Splines model) widths
                            | _ -> MetaKan.create (entry.Splines model) meta widths

                        Expect.equal
                            (string (Configuration.node (SolveSettings.auto problem network entry.Settings)))
                            (string (Configuration.node entry.Settings))
                            $"{model} in {dim} dimensions")

            testCase "measurements are the same every time, with errors of the size asked for" (fun () ->
                let domain = Domain.box [ 0.0, 1.0; 0.0, 2.0 ]
                let x, t = coordinate "x", coordinate "t"
                let exact = Problem.valuesOf [ "x"; "t" ] [ 3.0 * sin x; -20.0 * t ]

                let drawn noise seed =
                    Condition.measured "data" 1.0 2000 domain [ "x"; "t" ] [ "u"; "v" ] exact noise
                    |> List.map (fun condition ->
                        Expect.equal condition.Points 2000 "points"
                        condition.Draw Numbers.random (Key.ofSeed seed) place 2000)

                let errors noise =
                    drawn noise 1
                    |> List.mapi (fun i table ->
                        let values = exact (table.narrow (1L, 0L, 2L))
                        let own = values.narrow (1L, int64 i, 1L)
                        (table.narrow (1L, 2L, 1L) - own) / own.abs().max())

                for a, b in List.zip (drawn 0.1 1) (drawn 0.1 2) do
                    close "points and values" 0.0 a b

                for e in errors 0.0 do
                    Expect.equal (largest e) 0.0 "no errors"

                for e in errors 0.1 do
                    Check.inRange 0.095 0.105 (Tensor.item (e.square().mean().sqrt())) "size of errors"
                    Check.near 0.01 (Tensor.item (e.mean ())) 0.0 "mean of errors"

                let names = Condition.measured "data" 1.0 9 domain [ "x"; "t" ] [ "u"; "v" ] exact 0.0
                Expect.equal (names |> List.map _.Name) [ "data u"; "data v" ] "names"
                let x = (drawn 0.1 1).Head.narrow(1L, 0L, 2L)
                Expect.isTrue ((domain.Contains x).all().item<bool>()) "points of the domain")

            testCase "a condition on parts of a boundary has points there, and their normals" (fun () ->
                let domain = Domain.interval -1.0 1.0 |> Domain.during 0.0 2.0
                let slope = normalDerivative (field "u") [ "x" |> coordinate ]
                let condition = Condition.on domain [ "right" ] "flux" 2.0 30 slope
                let drawn = condition.Draw Numbers.random (Key.ofSeed 1) place condition.Points
                Expect.equal (List.ofArray (Tensor.shape drawn)) [ 30L; 4L ] "shape"
                close "x" 0.0 (torch.ones_like (drawn.narrow (1L, 0L, 1L))) (drawn.narrow (1L, 0L, 1L))
                let normals = drawn.narrow (1L, 2L, 2L)
                close "normals" 0.0 (tensor [ 1; 2 ] [ 1.0; 0.0 ]) (normals.mean ([| 0L |], keepdim = true))
                Expect.isTrue condition.Normals "normals"
                Expect.equal (condition.Name, condition.Weight) ("flux", 2.0) "name and weight"
                // All walls where none is named, but neither start nor end.
                let walls = (Condition.on domain [] "walls" 1.0 50 slope).Draw Numbers.random (Key.ofSeed 1) place 50
                Expect.equal (largest ((walls.narrow (1L, 0L, 1L)).abs() - 1.0)) 0.0 "walls"

                Expect.stringContains
                    (messageOf<ArgumentException>(fun () ->
                        Condition.on domain [ "roof" ] "flux" 1.0 9 slope |> ignore))
                    "the domain has no boundary 'roof'; its parts are: left, right, start, end"
                    "message")
        ]
