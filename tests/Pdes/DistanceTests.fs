/// Functions that vanish on boundaries: where they are zero, their signs, and their jets.
module MetaKan.Tests.DistanceTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private key = Key.ofSeed 11
let private place = Placement.cpu64
let private share (mask: Tensor) = Tensor.item ((mask.``to`` torch.float64).mean())
let private dimension (domain: Domain) = domain.Bounds.Length

let private apart (x: Tensor) =
    let d = x.size 1 / 2L
    x.narrow (1L, 0L, d), x.narrow (1L, d, d)

/// Functions with what they belong to, and points within.
let private functions =
    [
        for name, domain in Shapes.walled do
            match domain.Distance with
            | Some f -> $"{name}, whole", domain, f
            | None -> ()

            if domain.Parts |> List.forall _.Distance.IsSome then
                $"{name}, by parts", domain, Domain.distance (domain.Parts |> List.map _.Name |> List.distinct) domain
    ]

/// The function's jet along each point's own direction.
let private along order (x: Tensor) (direction: Tensor) (f: Jet -> Jet) : Jet =
    let directions =
        {
            Tangents = Dense(direction.unsqueeze 1L)
            Weights = tensor [ 1 ] [ 1.0 ]
            Sums = []
            Partials = Map.empty
            Order = order
        }

    f (Directions.seed directions x)

let private ofJets =
    [
        for name, domain, f in functions do
            property
                $"{name}: its jet has the derivatives that nested differentiation has"
                4
                (Gen.zip3 seeds (Lines.lines (dimension domain)) (Gen.choose (1, 3)))
                (fun (seed, lines, order) ->
                    let x = domain.Sample (Key.ofSeed seed) place 5
                    let directions, vectors = Lines.directions seed lines order x
                    let jet = f (Directions.seed directions x)
                    let nested = Lines.derivatives (max 2 order) (Jet.valueOf f) x vectors
                    close "value" 1e-12 (Jet.valueOf f x) jet.Value
                    close "first" 1e-7 nested[0] ((Jet.tangents jet).expand_as nested[0])
                    close "second" 1e-6 (Lines.weighted directions.Weights nested[1]) jet.Second

                    for m, higher in List.indexed jet.Higher do
                        close $"order {m + 2}" 1e-5 nested[m + 1] (higher.expand_as nested[m + 1]))

            testCase $"{name}: positive inside, and zero on the boundary" (fun () ->
                for place, tolerance in [ Placement.cpu64, 1e-9; Placement.cpu32, 3e-5 ] do
                    let inside = domain.Draw Numbers.sobol key place 2000
                    let value = Jet.valueOf f inside
                    Expect.equal (Tensor.shape value) [| 2000L; 1L |] "shape"
                    Check.inRange 0.0 infinity (Tensor.item (value.min ())) "inside"
                    let typical = Tensor.item (value.mean ())
                    Check.inRange 1e-9 infinity typical "mean inside"

                    for part in domain.Parts do
                        let x, _ = part.Draw Numbers.sobol key place 400 |> apart
                        let most = Tensor.item ((Jet.valueOf f x).abs().max())
                        Check.inRange 0.0 (tolerance * max 1.0 typical) most $"on {part.Name}")
    ]

let private ofWholes =
    [
        for name, domain in Shapes.walled do
            match domain.Distance with
            | None -> ()
            | Some f ->
                testCase $"{name}: the sign tells inside from outside" (fun () ->
                    let wider =
                        domain.Bounds
                        |> List.map (fun (l, h) -> if h > l then l - 0.3 * (h - l), h + 0.3 * (h - l) else l, h)

                    let x = (Domain.box wider).Draw Numbers.even key place 4000
                    let value = (Jet.valueOf f x).squeeze 1L
                    let clear = value.abs().gt((1e-3).ToScalar())
                    let agrees = (value.gt ((0.0).ToScalar())).eq(domain.Contains x)
                    Check.inRange 0.9 1.0 (share clear) "points clear of the boundary"
                    Expect.isTrue ((agrees.logical_or (clear.logical_not ())).all().item<bool>()) "signs")

                testCase $"{name}: on the boundary it falls along the normal as the distance does" (fun () ->
                    let names = domain.Parts |> List.map _.Name |> List.distinct
                    let x, normal = Domain.boundary names domain Numbers.sobol key place 2000 |> apart
                    let jet = along 1 x normal f
                    let slope = (Jet.tangents jet).flatten()
                    Expect.isTrue ((torch.isfinite jet.Second).all().item<bool>()) "second derivatives"
                    // But for corners; where two regions' boundaries run along one another it is steeper.
                    let right = (slope + 1.0).abs().lt((0.02).ToScalar())
                    Check.inRange (if name = "L" then 0.7 else 0.95) 1.0 (share right) "slope"
                    Expect.isTrue ((slope.lt ((0.01).ToScalar())).all().item<bool>()) "falls")
    ]

let private ofParts =
    [
        for name, domain in Shapes.walled do
            if domain.Parts.Length > 1 && domain.Parts |> List.forall _.Distance.IsSome then
                testCase $"{name}: each part's function is zero on it alone" (fun () ->
                    for part in domain.Parts do
                        let x, normal = part.Draw Numbers.sobol key place 300 |> apart
                        let own = Jet.valueOf part.Distance.Value x
                        Check.inRange 0.0 1e-9 (Tensor.item (own.abs().max())) $"{part.Name} on itself"
                        let slope = (Jet.tangents (along 1 x normal part.Distance.Value)).flatten()
                        Check.inRange 0.9 1.0 (share ((slope + 1.0).abs().lt((0.02).ToScalar()))) $"{part.Name}: slope"

                        for other in domain.Parts do
                            if other.Name <> part.Name then
                                let y, _ = other.Draw Numbers.sobol key place 300 |> apart
                                let there = Jet.valueOf part.Distance.Value y
                                // In a corner rounding decides the sign.
                                Check.inRange
                                    -1e-4
                                    infinity
                                    (Tensor.item (there.min ()))
                                    $"{part.Name} on {other.Name}"

                                let median = Tensor.item (there.median ())
                                Check.inRange 0.02 infinity median $"{part.Name} on {other.Name}, mostly")
    ]

let tests =
    testList
        "Pdes.Distance"
        [
            yield! ofJets
            yield! ofWholes
            yield! ofParts

            testCase "a box's product of parts is a polynomial, its whole function the same at the walls" (fun () ->
                let domain = Domain.box [ 0.0, 2.0; 1.0, 1.0; -1.0, 0.0 ]
                let x = domain.Sample key place 20
                let a, c = x.narrow (1L, 0L, 1L), x.narrow (1L, 2L, 1L)
                close "product" 1e-12 (a * (2.0 - a) * (c + 1.0) * -c) (Jet.valueOf (Domain.distance [] domain) x)
                close "one part" 1e-12 (2.0 - a) (Jet.valueOf (Domain.distance [ "right" ] domain) x)
                Expect.isNone (Domain.box [ 1.0, 1.0 ]).Distance "a point has no boundary"
                Expect.isNone (Domain.sphere [ 0.0; 0.0 ] 1.0).Distance "neither has a sphere")

            testCase "time's ends are left out unless they are named" (fun () ->
                let domain = Domain.interval 0.0 2.0 |> Domain.during 1.0 4.0
                let x = domain.Sample key place 20
                let s, t = x.narrow (1L, 0L, 1L), x.narrow (1L, 1L, 1L)
                close "walls" 1e-12 (s * (2.0 - s)) (Jet.valueOf (Domain.distance [] domain) x)
                close "start" 1e-12 (t - 1.0) (Jet.valueOf (Domain.distance [ "start" ] domain) x)
                close "end" 1e-12 (4.0 - t) (Jet.valueOf (Domain.distance [ "end" ] domain) x))

            testCase "a ball's is a polynomial" (fun () ->
                let x = (Domain.ball [ 1.0; 2.0 ] 3.0).Sample key place 20
                let offset = x - tensor [ 1; 2 ] [ 1.0; 2.0 ]
                let expected = (9.0 - (offset * offset).sum(1L, keepdim = true)) / 6.0
                close "value" 1e-12 expected (Jet.valueOf (Domain.distance [] (Domain.ball [ 1.0; 2.0 ] 3.0)) x))

            testCase "a part that was divided has no function, and is refused by name" (fun () ->
                let domain =
                    Domain.interval 0.0 1.0
                    |> Domain.during 0.0 1.0
                    |> Domain.part "late" (fun x -> (x.select (1L, 1L)).gt((0.5).ToScalar()))

                Expect.stringContains
                    (Folder.messageOf<System.ArgumentException>(fun () -> Domain.distance [ "late" ] domain |> ignore))
                    "the boundary 'late' has no function"
                    "message")

            testCase "corners have finite derivatives" (fun () ->
                for place in [ Placement.cpu64; Placement.cpu32 ] do
                    for domain, corner in
                        [
                            Domain.box [ 0.0, 1.0; 0.0, 1.0 ], [| 0.0; 0.0 |]
                            Shapes.notched, [| 2.0; 2.5 |]
                            Shapes.notched, [| 0.0; 0.0 |]
                            Shapes.lshape, [| 1.0; 1.0 |]
                        ] do
                        let x = Tensor.ofArray place [ 1L; 2L ] corner
                        let operator = Operator.laplacian 2
                        let axes = Operator.directions LaplacianMethod.Exact key place operator
                        let jet = domain.Distance.Value(Directions.seed axes x)

                        for t in [ jet.Value; Jet.tangents jet; jet.Second ] do
                            Expect.isTrue ((torch.isfinite t).all().item<bool>()) $"at {List.ofArray corner}")
        ]
