/// The candidate solution with its derivatives.
module MetaKan.Tests.ProblemTests

open System
open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private key = Key.ofSeed 1
let private place = Placement.cpu64

/// u = x_0 · sin(net) + net², a constraint that mixes point and network.
let private mixing d : Problem =
    let x = coordinates "x" d

    { Problem.create
          "mixing"
          (Domain.centredBall d 1.0)
          [ for i in 1..d -> $"x{i}" ]
          [ "u" ]
          [ "laplace", laplacian (field "u") x ] with
        Constraint = fun x net -> Jet.part 0 x * sin net + net * net
    }

let private onTensors (f: Tensor -> Tensor) (x: Tensor) =
    let net = f x
    x.narrow (1L, 0L, 1L) * torch.sin net + net * net

let tests =
    testList
        "Pdes.Problem"
        [
            property
                "u and its derivatives are those of the constraint around the network"
                15
                (Gen.zip seeds (Gen.choose (2, 4)))
                (fun (seed, d) ->
                    let operator =
                        { Second = [| for i in 0 .. d - 1 -> float (i - 1) |]; Sums = []; Partials = [ [ 1 ]; [ 0 ] ] }

                    let problem, model = mixing d, Kan.create { Size = 3; Order = 3 } [ d; 3; 1 ]
                    let p, x = model.Init (Key.ofSeed seed) place, normal seed [ 5; d ] * 0.5
                    let u = onTensors (model.Apply p)
                    let directions = Operator.directions LaplacianMethod.Exact key place operator
                    let found = Problem.jet problem model directions p x
                    close "u" 1e-11 (u x) found.Value
                    close "u alone" 1e-11 (u x) (Problem.solution problem model p x)
                    close "second" 1e-9 (1.0 + Nested.second operator.Second u x) (1.0 + found.Second)
                    let jacobian = Nested.jacobian u x

                    for i in 0..1 do
                        let partial = Directions.partial directions [ i ] found
                        close $"by x_{i}" 1e-10 (jacobian.select (2L, int64 i)) partial)

            testCase "data without derivatives needs none" (fun () ->
                use _ = torch.NewDisposeScope()
                let operator = { Second = [| 0.0; 0.0 |]; Sums = []; Partials = [] }
                let problem, model = mixing 2, Mlp.create [ 2; 3; 1 ]
                let p, x = model.Init key place, normal 1 [ 4; 2 ]

                for method' in [ LaplacianMethod.Exact; LaplacianMethod.Sdgd 2; LaplacianMethod.Hutchinson 3 ] do
                    let directions = Operator.directions method' key place operator
                    let found = Problem.jet problem model directions p x
                    close "u" 1e-12 (onTensors (model.Apply p) x) found.Value
                    Expect.equal (Tensor.item (found.Second.abs().max())) 0.0 "largest Laplacian")

            testCase "a network has an output for each field" (fun () ->
                use _ = torch.NewDisposeScope()
                let model = Mlp.create [ 2; 3; 2 ]
                let p = model.Init key place

                Expect.stringContains
                    (Folder.messageOf<ArgumentException>(fun () ->
                        Problem.solution { mixing 2 with Constraint = fun _ net -> net } model p (normal 1 [ 4; 2 ])
                        |> ignore))
                    "its network gives 2 values a point, and its fields are u"
                    "message")

            property
                "a start that is built in holds, with its velocity, whatever the network"
                20
                (Gen.zip seeds (Gen.elements [ 1; 2 ]))
                (fun (seed, orders) ->
                    let x, t = coordinate "x", coordinate "t"
                    let starts = [ sin (3.0 * x); x * x - 1.0 ] |> List.truncate orders

                    let problem =
                        Problem.create
                            "wave"
                            (Domain.box [ 0.0, 1.0; 0.5, 2.0 ])
                            [ "x"; "t" ]
                            [ "u"; "v" ]
                            [ "wave", d (field "u") [ t; t ] - d (field "u") [ x; x ] ]
                        |> Problem.initially [ ("u", starts) ]

                    let model = Mlp.create [ 2; 4; 2 ]
                    let p = model.Init (Key.ofSeed seed) place
                    let at = Key.uniform (Key.ofSeed seed) place [ 6L; 1L ]
                    let points = torch.cat ([| at; torch.full_like (at, 0.5.ToScalar()) |], 1L)
                    let operator = { Second = [| 0.0; 0.0 |]; Sums = []; Partials = [ [ 1 ] ] }
                    let directions = Operator.directions LaplacianMethod.Exact key place operator
                    let found = Problem.jet problem model directions p points
                    let velocity = (Directions.partial directions [ 1 ] found).narrow(1L, 0L, 1L)
                    close "value" 1e-12 (torch.sin (3.0 * at)) (found.Value.narrow (1L, 0L, 1L))

                    if orders = 2 then
                        close "velocity" 1e-12 (at * at - 1.0) velocity

                    // Other fields are the network's, and later the field is free.
                    close "v" 1e-12 ((model.Apply p points).narrow(1L, 1L, 1L)) (found.Value.narrow (1L, 1L, 1L))

                    let later =
                        points + torch.tensor (array2D [ [ 0.0; 1.0 ] ], dtype = torch.float64, device = torch.CPU)

                    let moved = (Problem.solution problem model p later).narrow(1L, 0L, 1L)
                    Expect.isTrue (Tensor.item ((moved - torch.sin (3.0 * at)).abs().max()) > 1e-6) "later")

            testCase "values are built in on the parts named, and nowhere else" (fun () ->
                use _ = torch.NewDisposeScope()
                let x, y, t = coordinate "x", coordinate "y", coordinate "t"
                let domain = Domain.box [ 0.0, 1.0; -1.0, 2.0 ] |> Domain.during 0.0 3.0

                let built parts =
                    Problem.create "heat" domain [ "x"; "y"; "t" ] [ "u" ] [ "heat", d (field "u") [ t ] ]
                    |> Problem.hard parts [ ("u", x * y + t) ]

                let model = Mlp.create [ 3; 4; 1 ]
                let p = model.Init key place

                let off parts on =
                    let at = Domain.walls on domain key place 40
                    let expected = Term.evaluate at (Term.atPoints [ "x"; "y"; "t" ] at) (x * y + t)
                    Tensor.item ((Problem.solution (built parts) model p at - expected).abs().max())

                for parts, on, holds in
                    [
                        [], [], true
                        [], [ "start" ], false
                        [ "start" ], [ "start" ], true
                        [ "start" ], [], false
                        [ "left"; "start" ], [ "left" ], true
                        [ "left"; "start" ], [ "right" ], false
                        [ "left"; "start" ], [ "start" ], true
                    ] do
                    if holds then
                        Check.inRange 0.0 1e-12 (off parts on) $"built in on {parts}, at {on}"
                    else
                        Check.inRange 1e-3 10.0 (off parts on) $"built in on {parts}, at {on}"

                // Both: the start, whatever was built in on the walls, if that fits it.
                let both = built [] |> Problem.initially [ ("u", [ x * y ]) ]
                let start = Domain.walls [ "start" ] domain key place 40
                let expected = Term.evaluate start (Term.atPoints [ "x"; "y"; "t" ] start) (x * y)
                close "start" 1e-12 expected (Problem.solution both model p start)

                Expect.stringContains
                    (Folder.messageOf<ArgumentException>(fun () -> built [ "roof" ] |> ignore))
                    "no boundary 'roof'"
                    "message")

            testCase "values are built into fields that there are, by formulas" (fun () ->
                let x = coordinate "x1"

                for action, part in
                    [
                        (fun () -> Problem.initially [ ("w", [ x ]) ] (mixing 2)), "no field 'w'"
                        (fun () -> Problem.initially [ ("u", []) ] (mixing 2)), "not from 0 formulas"
                        (fun () -> Problem.initially [ ("u", [ x; x; x ]) ] (mixing 2)), "not from 3 formulas"
                    ] do
                    Expect.stringContains (Folder.messageOf<ArgumentException>(action >> ignore)) part "message"

                let read = Problem.initially [ ("u", [ field "u" ]) ] (mixing 2)
                let model = Mlp.create [ 2; 3; 1 ]

                Expect.stringContains
                    (Folder.messageOf<ArgumentException>(fun () ->
                        Problem.solution read model (model.Init key place) (normal 1 [ 4; 2 ]) |> ignore))
                    "built-in values are formulas of the coordinates"
                    "message")
        ]
