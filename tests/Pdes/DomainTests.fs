/// Domains: their points fill them evenly, their boundaries have points, normals and measures, and what is outside is told
/// apart.
module MetaKan.Tests.DomainTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open MetaKan
open MetaKan.Pdes
open MetaKan.Tests.Numeric
open TorchSharp

let private key = Key.ofSeed 5
let private rows d (x: Tensor) = Tensor.toArray x |> Array.chunkBySize d
let private place = Placement.cpu64
let private precisions = [ Placement.cpu64; Placement.cpu32 ]

/// Intervals of whole numbers, some of no length.
let private intervals =
    Gen.choose (-5, 5)
    |> Gen.two
    |> Gen.map (fun (a, b) -> float (min a b), float (max a b))
    |> Gen.nonEmptyListOf
    |> Gen.map (List.truncate 8)

let private contains (domain: Domain) (point: float list) =
    tensor [ 1; point.Length ] point |> domain.Contains |> _.item<bool>()

let private share (mask: Tensor) = Tensor.item ((mask.``to`` torch.float64).mean())

/// Points and normals apart.
let private apart (x: Tensor) =
    let d = x.size 1 / 2L
    x.narrow (1L, 0L, d), x.narrow (1L, d, d)

/// That counts of independent points agree with what is expected of cells: Pearson's χ², within five deviations. Cells that
/// expect few are left out, `sampled` says how many points the expectation itself comes from.
let private agrees what (sampled: float) (expected: Map<'cell, float>) (cells: 'cell[]) =
    let n = float cells.Length
    let counts = cells |> Array.countBy id |> Map

    for cell in counts.Keys do
        Expect.isTrue (expected.ContainsKey cell) $"{what}: a point in the cell {cell}, which the region has no part of"

    let terms =
        [
            for KeyValue(cell, probability) in expected do
                if n * probability > 8.0 then
                    let found = counts.TryFind cell |> Option.defaultValue 0 |> float
                    (found - n * probability) ** 2.0 / (n * probability * (1.0 + n / sampled))
        ]

    let freedom = float terms.Length - 1.0
    Check.inRange 0.0 (freedom + 5.0 * sqrt (2.0 * freedom + 1.0)) (List.sum terms) $"{what}: χ²"

/// The cell of a point in a grid over the bounds.
let private cellOf (domain: Domain) (row: float[]) =
    let steps = if domain.Bounds.Length < 3 then 6.0 else 3.0

    [
        for v, (low, high) in Seq.zip row domain.Bounds ->
            if high > low then min (steps - 1.0) (floor ((v - low) / (high - low) * steps)) else 0.0
    ]

let private bounded (domain: Domain) (x: Tensor) =
    // In single precision a bound may lie between two numbers.
    let slack (v: float) = if x.dtype = torch.float64 then 1e-12 else 1e-6 * max 1.0 (abs v)

    rows domain.Bounds.Length x
    |> Array.forall (Seq.forall2 (fun (low, high) v -> v >= low - slack low && v <= high + slack high) domain.Bounds)

let private messages (cases: ((unit -> unit) * string) list) =
    for action, part in cases do
        Expect.stringContains (Folder.messageOf<ArgumentException> action) part "message"

let private bad (text: string -> Domain) (cases: (string * string) list) =
    for given, part in cases do
        let message = Folder.messageOf<BadInput>(fun () -> text given |> ignore)
        Expect.stringContains message part "message"
        Check.lacks message "\n" "one line"

let private ofShapes =
    [
        for name, domain in Shapes.every do
            testCase $"{name}: points lie in it, follow from their key and are as many as asked for" (fun () ->
                for place in precisions do
                    for how, numbers in Shapes.numbers do
                        let x = domain.Draw numbers key place 200
                        Expect.equal (Tensor.shape x) [| 200L; int64 domain.Bounds.Length |] $"{how}: shape"
                        Expect.equal x.dtype place.DType $"{how}: type"
                        Expect.isTrue ((domain.Contains x).all().item<bool>()) $"{how}: in the domain"
                        Expect.isTrue (bounded domain x) $"{how}: within the bounds"
                        let again = domain.Draw numbers key place 200
                        Expect.equal (Tensor.toArray again) (Tensor.toArray x) $"{how}: the same key"
                        let other = domain.Draw numbers (Key.ofSeed 6) place 200
                        Expect.notEqual (Tensor.toArray other) (Tensor.toArray x) $"{how}: another key"

                Expect.equal
                    (Tensor.toArray (domain.Sample key place 9))
                    (Tensor.toArray (domain.Draw Numbers.random key place 9))
                    "random points")

        for name, domain in Shapes.uniform do
            testCase $"{name}: points fill it evenly" (fun () ->
                let d = domain.Bounds.Length
                let all = (Domain.box domain.Bounds).Draw Numbers.sobol (Key.ofSeed 1) place 65536
                let inside = all.index_select (0L, (domain.Contains all).nonzero().squeeze -1L) |> rows d
                let count = float inside.Length
                let expected = inside |> Array.countBy (cellOf domain) |> Array.map (fun (c, n) -> c, float n / count)

                for how, numbers in Shapes.numbers do
                    let cells = domain.Draw numbers key place 4000 |> rows d |> Array.map (cellOf domain)
                    agrees how count (Map expected) cells)

        for name, domain in Shapes.walled do
            let d = domain.Bounds.Length

            testCase $"{name}: its boundary is where inside and outside meet" (fun () ->
                for place, step in [ Placement.cpu64, 1e-4; Placement.cpu32, 1e-3 ] do
                    for part in domain.Parts do
                        let drawn = part.Draw Numbers.sobol key place 500
                        Expect.equal (Tensor.shape drawn) [| 500L; 2L * int64 d |] $"{part.Name}: shape"
                        Expect.equal drawn.dtype place.DType $"{part.Name}: type"
                        let x, normal = apart drawn
                        let length = (normal * normal).sum 1L
                        Check.inRange 0.0 1e-5 (Tensor.item ((length - 1.0).abs().max())) $"{part.Name}: unit normals"
                        Expect.isTrue (bounded domain x) $"{part.Name}: within the bounds"
                        // But for steps across a corner.
                        Check.inRange 0.98 1.0 (share (domain.Contains(x - step * normal))) $"{part.Name}: inwards"
                        Check.inRange 0.0 0.02 (share (domain.Contains(x + step * normal))) $"{part.Name}: outwards"

                        for numbers in List.map snd Shapes.numbers do
                            let draw seed = Tensor.toArray (part.Draw numbers (Key.ofSeed seed) place 20)
                            Expect.equal (draw 4) (draw 4) $"{part.Name}: the same key"

                            if d > 1 then
                                Expect.notEqual (draw 5) (draw 4) $"{part.Name}: another key")
    ]

let private measures (domain: Domain) =
    domain.Parts
    |> List.groupBy _.Name
    |> List.map (fun (name, parts) -> name, parts |> List.sumBy _.Measure)

/// Where the first n points of a boundary are evenly spread on lines of the plane, cells of each tell.
let private ofBoundaries =
    [
        testCase "measures of parts" (fun () ->
            let cases =
                [
                    Domain.interval 0.0 3.0, [ "left", 1.0; "right", 1.0 ], 1e-12
                    Domain.box [ 0.0, 2.0; 0.0, 3.0 ], [ "left", 3.0; "right", 3.0; "bottom", 2.0; "top", 2.0 ], 1e-12
                    Domain.box [ 0.0, 2.0; 1.0, 1.0; 0.0, 3.0 ],
                    [ "left", 3.0; "right", 3.0; "front", 2.0; "back", 2.0 ],
                    1e-12
                    Domain.ball [ 0.0 ] 2.0, [ "sphere", 2.0 ], 1e-12
                    Domain.ball [ 0.0; 0.0 ] 2.0, [ "sphere", 4.0 * Math.PI ], 1e-12
                    Domain.ball [ 0.0; 0.0; 1.0 ] 2.0, [ "sphere", 16.0 * Math.PI ], 1e-12
                    Domain.ball [ 0.0; 0.0; 1.0; 0.0 ] 2.0, [ "sphere", 16.0 * Math.PI ** 2.0 ], 1e-12
                    Domain.simplex [ [ 0.0; 0.0 ]; [ 3.0; 0.0 ]; [ 0.0; 4.0 ] ],
                    [ "face 1", 5.0; "face 2", 4.0; "face 3", 3.0 ],
                    1e-12
                    Domain.simplex [ [ 1.0 ]; [ 3.0 ] ], [ "face 1", 1.0; "face 2", 1.0 ], 1e-12
                    Shapes.notched,
                    [ "outer", 15.0 + 2.0 * sqrt 2.5; "hole 1", 1.0 + 2.0 * sqrt 1.25; "hole 2", 4.0 ],
                    1e-12
                    Shapes.islands, [ "outer", 16.0; "hole 1", 1.0 + 2.0 * sqrt 1.25 ], 1e-12
                    Shapes.ring, [ "wall", 2.0 * Math.PI; "hole", Math.PI ], 1e-12
                    // Pieces: estimates.
                    Shapes.lshape, [ "left", 2.0; "right", 2.0; "bottom", 2.0; "top", 2.0 ], 0.01
                    Domain.intersection (Domain.ball [ 0.0; 0.0 ] 1.0) (Domain.box [ -2.0, 0.0; -2.0, 2.0 ]),
                    [ "sphere", Math.PI; "right", 2.0 ],
                    0.01
                    // The box that is cut off shares two sides.
                    Domain.difference (Domain.box [ 0.0, 2.0; 0.0, 2.0 ]) (Domain.box [ 1.0, 2.0; 0.0, 1.0 ]),
                    [ "left", 3.0; "right", 1.0; "bottom", 1.0; "top", 3.0 ],
                    0.01
                    Domain.interval 0.0 3.0 |> Domain.during 0.0 2.0,
                    [ "left", 2.0; "right", 2.0; "start", 3.0; "end", 3.0 ],
                    1e-12
                    Shapes.ring |> Domain.named "all", [ "all", 3.0 * Math.PI ], 1e-12
                ]

            for domain, expected, tolerance in cases do
                let found = measures domain
                Expect.equal (List.map fst found |> List.sort) (List.map fst expected |> List.sort) "parts"

                for name, measure in expected do
                    Check.near (tolerance * measure) (Map.find name (Map found)) measure name)

        testCase "regions that abut have no boundary between them, and share none twice" (fun () ->
            let box sides = Domain.box sides
            let left, right = box [ 0.0, 1.0; 0.0, 1.0 ], box [ 1.0, 2.0; 0.0, 1.0 ]
            Check.near 0.01 (measures (Domain.union left right) |> List.sumBy snd) 6.0 "two boxes side by side"
            Check.near 0.01 (measures (Domain.union left left) |> List.sumBy snd) 4.0 "a box and itself"
            Check.near 0.01 (measures (Domain.intersection left left) |> List.sumBy snd) 4.0 "a box within itself"
            Check.near 0.01 (measures (Domain.difference left right) |> List.sumBy snd) 4.0 "a box beside another")

        testCase "points of the boundary are in proportion to measure, up to one" (fun () ->
            let domain = Domain.box [ 0.0, 2.0; 0.0, 1.0 ]

            for n in [ 1; 7; 60; 61 ] do
                for seed in 0..5 do
                    let drawn = Domain.boundary [] domain Numbers.random (Key.ofSeed seed) place n |> rows 4
                    Expect.hasLength drawn n "points"

                    for normal, share in
                        [ [| -1.0; 0.0 |], 1.0; [| 1.0; 0.0 |], 1.0; [| 0.0; -1.0 |], 2.0; [| 0.0; 1.0 |], 2.0 ] do
                        let found = drawn |> Array.filter (fun row -> row[2..] = normal) |> Array.length |> float

                        Check.inRange
                            (floor (share / 6.0 * float n))
                            (ceil (share / 6.0 * float n))
                            found
                            "points of a side"

            // One point at a time, sides come up as often as they are long.
            let counts =
                [|
                    for seed in 1..3000 -> Domain.boundary [] domain Numbers.random (Key.ofSeed seed) place 1 |> rows 4
                |]
                |> Array.map (fun drawn -> List.ofArray (Array.skip 2 (Array.head drawn)))

            let third, sixth = 1.0 / 3.0, 1.0 / 6.0

            agrees
                "sides"
                infinity
                (Map [ [ -1.0; 0.0 ], sixth; [ 1.0; 0.0 ], sixth; [ 0.0; -1.0 ], third; [ 0.0; 1.0 ], third ])
                counts)

        testCase "points of a part are evenly spread on it" (fun () ->
            // By the angle on a sphere and by the height, by the place along edges.
            let cells domain names (cell: float[] -> int) =
                Domain.boundary names domain Numbers.random key place 4000
                |> rows (2 * domain.Bounds.Length)
                |> Array.map cell

            let even count = Map [ for i in 0 .. count - 1 -> i, 1.0 / float count ]
            let angle x y = int ((atan2 y x / Math.PI + 1.0) * 5.999)
            agrees "circle" infinity (even 12) (cells (Domain.ball [ 1.0; 2.0 ] 3.0) [] (fun r -> angle r[2] r[3]))
            let ball = Domain.ball [ 1.0; 2.0; 3.0 ] 3.0
            agrees "sphere, round" infinity (even 12) (cells ball [] (fun r -> angle r[3] r[4]))
            agrees "sphere, up" infinity (even 10) (cells ball [] (fun r -> int ((r[5] + 1.0) * 4.999)))
            let square = Domain.polygon [ 0.0, 0.0; 4.0, 0.0; 4.0, 4.0; 0.0, 4.0 ] []
            agrees "edges" infinity (even 5) (cells square [ "outer" ] (fun r -> int ((r[0] + r[1]) / 1.6 |> min 4.9)))

            // A sphere of four dimensions: each coordinate squared has the mean 1/4.
            let x, normal = Domain.boundary [] (Domain.centredBall 4 2.0) Numbers.random key place 8000 |> apart
            close "normals" 1e-9 (x / 2.0) normal
            close "axes alike" 0.04 (tensor [ 4 ] (List.replicate 4 0.25)) ((normal * normal).mean [| 0L |])
            close "centre" 0.02 (tensor [ 4 ] (List.replicate 4 1.0)) (1.0 + normal.mean [| 0L |]))

        testCase "a part of one's own, by a predicate" (fun () ->
            let low (x: Tensor) = (x.select (1L, 1L)).lt((0.25).ToScalar())
            let domain = Domain.box [ 0.0, 1.0; 0.0, 1.0 ] |> Domain.part "inlet" low
            let found = Map(measures domain)
            Check.near 0.01 found["inlet"] 1.5 "two quarters and a side"
            Check.near 0.01 found["left"] 0.75 "the rest"
            Check.near 1e-12 found["top"] 1.0 "a side without it"
            Expect.isFalse (found.ContainsKey "bottom") "a side that it takes up"
            let x, _ = Domain.boundary [ "inlet" ] domain Numbers.sobol key place 300 |> apart
            Expect.isTrue ((low x).all().item<bool>()) "points of it"
            let x, _ = Domain.boundary [ "left"; "right"; "top" ] domain Numbers.sobol key place 300 |> apart
            Expect.isFalse ((low x).any().item<bool>()) "points of the rest"

            messages
                [
                    (fun () ->
                        Domain.part "inlet" (fun x -> (x.select (1L, 0L)).gt((7.0).ToScalar())) domain |> ignore),
                    "part inlet: its predicate holds at no point"
                    (fun () -> Domain.part "inlet" (fun x -> x.gt ((0.5).ToScalar())) domain |> ignore), "[8192; 2]"
                    (fun () -> Domain.part "inlet" (fun x -> x.select (1L, 0L)) domain |> ignore), "not Float64"
                ])

        testCase "walls are points alone, of the parts that are asked for" (fun () ->
            let domain = Domain.box [ 0.0, 1.0; 2.0, 3.0 ] |> Domain.during 5.0 6.0
            let at i (x: Tensor) = Tensor.toArray (x.select (1L, i)) |> Array.distinct
            let walls names = Domain.walls names domain key place 60
            Expect.equal (Tensor.shape (walls [])) [| 60L; 3L |] "shape"
            Expect.equal (at 0L (walls [ "left" ])) [| 0.0 |] "left"
            Expect.equal (at 1L (walls [ "top" ])) [| 3.0 |] "top"
            Expect.equal (at 2L (walls [ "start" ])) [| 5.0 |] "start"
            Expect.equal (at 2L (walls [ "end" ])) [| 6.0 |] "end"
            Expect.hasLength (at 2L (walls [])) 60 "all walls, at any time"
            let normals names = Domain.boundary names domain Numbers.random key place 4 |> apart |> snd |> rows 3
            Expect.equal (normals [ "start" ]) (Array.create 4 [| 0.0; 0.0; -1.0 |]) "before the start"
            Expect.equal (normals [ "end" ]) (Array.create 4 [| 0.0; 0.0; 1.0 |]) "after the end"
            Expect.equal (normals [ "bottom" ]) (Array.create 4 [| 0.0; -1.0; 0.0 |]) "below"

            messages
                [
                    (fun () -> Domain.walls [ "left"; "lid" ] domain |> ignore),
                    "no boundary 'lid'; its parts are: left, right, bottom, top, start, end"
                    (fun () -> Domain.walls [] (Domain.sphere [ 0.0; 0.0 ] 1.0) |> ignore), "its parts are: none"
                    (fun () -> Domain.distance [ "lid" ] domain |> ignore), "no boundary 'lid'"
                ])

        testCase "the sides of boxes by name" (fun () ->
            let names d = (Domain.box (List.replicate d (0.0, 1.0))).Parts |> List.map _.Name

            Expect.equal (names 4) [ "left"; "right"; "bottom"; "top"; "front"; "back"; "low 4"; "high 4" ] "names")

        testCase "time is spread evenly with the points of space" (fun () ->
            // Sobol's points in the plane of place and time: one in each square.
            let domain = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0

            for seed in 0..4 do
                let cells =
                    domain.Draw Numbers.sobol (Key.ofSeed seed) place 64
                    |> rows 2
                    |> Array.distinctBy (fun row -> int (row[0] * 8.0), int (row[1] * 8.0))

                Expect.hasLength cells 64 "squares")

        testCase "Brownian motion spreads as it diffuses, at all times alike" (fun () ->
            let domain = Domain.brownian 2 0.5 0.3 1.0 3.0
            let x = domain.Draw Numbers.random key place 40000 |> rows 3

            for first in [ 1.0; 1.5; 2.0; 2.5 ] do
                let now = x |> Array.filter (fun row -> row[2] >= first && row[2] < first + 0.5)
                Check.inRange 0.24 0.26 (float now.Length / 40000.0) $"times from {first}"

                // In units of their own deviation, coordinates are normal: a third is beyond 1, a twentieth beyond 2.
                let reduced = [| for row in now -> abs row[0] / sqrt (0.25 + 0.6 * (row[2] - 1.0)) |]
                let beyond limit = reduced |> Array.averageBy (fun z -> if z > limit then 1.0 else 0.0)
                Check.inRange 0.302 0.332 (beyond 1.0) $"beyond one deviation from {first}"
                Check.inRange 0.039 0.052 (beyond 2.0) $"beyond two deviations from {first}"

            for part, t in List.zip [ "start"; "end" ] [ 1.0; 3.0 ] do
                let faces = Domain.walls [ part ] domain key place 20000 |> rows 3
                Check.inRange t t (Array.averageBy (Array.item 2) faces) part
                let expected = 0.25 + 0.6 * (t - 1.0)
                let found = faces |> Array.averageBy (fun row -> row[1] * row[1])
                Check.inRange (0.96 * expected) (1.04 * expected) found $"variance at the {part}")
    ]

let private ofKinds =
    [
        testCase "what is no box, ball, simplex, polygon, time or cloud is refused" (fun () ->
            messages
                [
                    (fun () -> Domain.box [ 0.0, 1.0; 1.0, 0.5 ] |> ignore), "side 1"
                    (fun () -> Domain.box [ nan, 1.0 ] |> ignore), "side 0"
                    (fun () -> Domain.box [ 0.0, infinity ] |> ignore), "side 0"
                    (fun () -> Domain.box [] |> ignore), "box"
                    (fun () -> Domain.interval 1.0 1.0 |> ignore), "from 1 to 1"
                    (fun () -> Domain.centredBall 2 0.0 |> ignore), "radius"
                    (fun () -> Domain.centredBall 0 1.0 |> ignore), "dimension"
                    (fun () -> Domain.ball [ 0.0 ] -1.0 |> ignore), "radius"
                    (fun () -> Domain.sphere [] 1.0 |> ignore), "dimension"
                    (fun () -> Domain.simplex [ [ 0.0; 0.0 ]; [ 1.0; 1.0 ]; [ 2.0; 2.0 ] ] |> ignore), "in one plane"
                    (fun () -> Domain.simplex [ [ 0.0; 0.0 ]; [ 1.0; 1.0 ] ] |> ignore), "vertices of 2, 2 numbers"
                    (fun () -> Domain.polygon [ 0.0, 0.0; 2.0, 2.0; 2.0, 0.0; 0.0, 2.0 ] [] |> ignore), "(1, 1)"
                    (fun () -> Domain.polygon [ 0.0, 0.0; 2.0, 2.0; 0.0, 0.0 ] [] |> ignore), "three vertices"
                    (fun () -> Domain.polygon [ 0.0, 0.0; 2.0, nan; 0.0, 1.0 ] [] |> ignore), "finite"
                    (fun () ->
                        Domain.polygon [ 0.0, 0.0; 2.0, 0.0; 0.0, 2.0 ] [ [ 5.0, 5.0; 6.0, 5.0; 5.0, 6.0 ] ] |> ignore),
                    "hole lies outside shell at"
                    (fun () -> Domain.during 1.0 1.0 (Domain.interval 0.0 1.0) |> ignore), "from 1 to 1"
                    (fun () -> Domain.brownian 0 1.0 1.0 0.0 1.0 |> ignore), "dimension"
                    (fun () -> Domain.brownian 2 -1.0 1.0 0.0 1.0 |> ignore), "deviation"
                    (fun () -> Domain.brownian 2 0.0 0.0 0.0 1.0 |> ignore), "both 0"
                    (fun () -> Domain.brownian 2 1.0 nan 0.0 1.0 |> ignore), "diffusivity"
                    (fun () -> Domain.brownian 2 1.0 1.0 1.0 1.0 |> ignore), "from 1 to 1"
                    (fun () -> Domain.points [||] |> ignore), "a point or more"
                    (fun () -> Domain.points [| [| 1.0; 2.0 |]; [| 1.0 |] |] |> ignore), "row 1"
                ])

        testCase "regions that leave nothing are refused" (fun () ->
            let disk x = Domain.ball [ x; 0.0 ] 1.0

            messages
                [
                    (fun () -> Domain.intersection (disk 0.0) (disk 9.0) |> ignore),
                    "intersection: the regions lie apart"
                    (fun () -> Domain.intersection (disk 0.0) (Domain.ball [ 1.5; 1.5 ] 1.0) |> ignore),
                    "intersection: none of 8192 points"
                    (fun () -> Domain.difference (disk 0.0) (Domain.ball [ 0.0; 0.0 ] 2.0) |> ignore),
                    "difference: none of 8192 points"
                    (fun () -> Domain.union (disk 0.0) (Domain.interval 0.0 1.0) |> ignore),
                    "union: both regions take as many coordinates, not 2 and 1"
                ])

        property "points of a box lie in it, whatever its sides" 50 intervals (fun sides ->
            let domain = Domain.box sides

            for place in precisions do
                let x = domain.Sample key place 50
                Expect.isTrue ((domain.Contains x).all().item<bool>() && bounded domain x) "points")

        testCase "single precision leaves no point beyond an end that it cannot tell" (fun () ->
            // The nearest numbers in single precision are above 0.1 and below 0.7.
            for low, high in [ 0.1, 0.1 + 1e-6; 0.7, 0.7 + 1e-6; 0.7 - 1e-6, 0.7; 0.1 - 1e-6, 0.1 ] do
                let x = (Domain.interval low high).Sample key Placement.cpu32 5000 |> Tensor.toArray
                Check.inRange low high (Array.min x) "least"
                Check.inRange low high (Array.max x) "largest")

        testCase "points beyond a domain are not in it" (fun () ->
            let box = Domain.box [ 0.0, 1.0; 2.0, 3.0 ]
            Expect.isTrue (contains box [ 1.0; 2.0 ]) "a corner is in the box"
            Expect.isFalse (contains box [ 1.01; 2.5 ]) "a point beside the box"
            Expect.isFalse (contains box [ 0.5; 1.99 ]) "a point below the box"
            Expect.isTrue (contains (Domain.centredBall 2 2.0) [ 1.4; 1.4 ]) "a point in the ball"
            Expect.isFalse (contains (Domain.centredBall 2 2.0) [ 1.5; 1.4 ]) "a point beyond the ball"
            Expect.isTrue (contains (Domain.ball [ 5.0; 5.0 ] 2.0) [ 6.4; 3.6 ]) "a point in the ball"
            Expect.isFalse (contains (Domain.ball [ 5.0; 5.0 ] 2.0) [ 1.4; 1.4 ]) "a point beyond the ball"
            Expect.isFalse (contains (Domain.sphere [ 0.0; 0.0 ] 2.0) [ 1.9; 0.0 ]) "a point within the sphere"
            Expect.isTrue (contains Shapes.tetrahedron [ 0.5; 0.25; 0.4 ]) "a point in the simplex"
            Expect.isFalse (contains Shapes.tetrahedron [ 0.5; 0.25; 0.01 ]) "a point below the simplex"

            for inside, point in
                [
                    true, [ 0.0; 0.0 ]
                    true, [ 2.0; 2.4 ]
                    false, [ 2.0; 2.6 ]
                    false, [ 1.0; 1.0 ]
                    true, [ 1.0; 0.5 ]
                    false, [ 3.0; 1.0 ]
                    false, [ -0.1; 0.0 ]
                    true, [ 2.0; 1.5 ]
                    true, [ 4.0; 2.0 ]
                ] do
                Expect.equal (contains Shapes.notched point) inside $"the polygon at {point}")

        testCase "points of a centred ball are what they were: uniform in direction and in radius" (fun () ->
            let x = (Domain.centredBall 5 2.0).Sample key place 20000
            let direction = Key.normal (Key.fold 0 key) place [ 20000L; 5L ]
            let r = Key.uniform (Key.fold 1 key) place [ 20000L; 1L ]
            let length = torch.sqrt ((direction * direction).sum(1L, keepdim = true))
            Expect.equal (Tensor.toArray x) (Tensor.toArray (direction / length * r * 2.0)) "bit for bit"
            let r = (x * x).sum(1L).sqrt() / 2.0
            Check.inRange 0.999 1.0 (Tensor.item (r.max ())) "largest"
            Check.inRange 0.49 0.51 (Tensor.item (r.mean ())) "mean radius"
            Check.inRange 0.323 0.343 (Tensor.item ((r * r).mean())) "mean square of the radius"

            let even = (Domain.centredBall 5 1.0).Draw Numbers.sobol key place 64
            let radii = Tensor.toArray ((even * even).sum(1L).sqrt()) |> Array.distinctBy (fun r -> int (r * 64.0))
            Expect.hasLength radii 64 "radii of even numbers")

        testCase "points of a ball are uniform in volume in many dimensions" (fun () ->
            let x = (Domain.ball (List.replicate 6 1.0) 2.0).Sample key place 20000 - 1.0
            let r = (x * x).sum(1L).sqrt() / 2.0
            Check.near 0.01 (Tensor.item ((r.pow ((6.0).ToScalar())).mean())) 0.5 "mean of r⁶"
            close "centre" 0.01 (tensor [ 6 ] (List.replicate 6 1.0)) (1.0 + x.mean [| 0L |]))

        testCase "a cloud's rows come up once each while there are others, and all equally often" (fun () ->
            let rows = [| for i in 0..9 -> [| float i; 0.1 * float i |] |]
            let cloud = Domain.points rows
            let drawn n seed = cloud.Sample (Key.ofSeed seed) place n |> Tensor.toArray |> Array.chunkBySize 2
            Expect.hasLength (Array.distinct (drawn 7 1)) 7 "seven of ten"

            Expect.equal
                (drawn 30 1 |> Array.countBy id |> Array.map snd)
                (Array.create 10 3)
                "thrice as many as there are"

            let twice = drawn 20 1
            Expect.notEqual twice[10..] twice[..9] "another order the second time"

            let firsts = [| for seed in 1..2000 -> drawn 1 seed |] |> Array.map (fun drawn -> drawn[0][0])
            agrees "first rows" infinity (Map [ for i in 0..9 -> float i, 0.1 ]) firsts
            Expect.isTrue (contains cloud [ 3.0; 0.1 * 3.0 ]) "a row"
            Expect.isFalse (contains cloud [ 3.0; 0.31 ]) "another point"
            Expect.equal cloud.Bounds [ 0.0, 9.0; 0.0, 0.1 * 9.0 ] "bounds")

        testCase "polygons of texts and files are those of their vertices" (fun () ->
            let outer, hole = [ 0.0, 0.0; 4.0, 0.0; 4.0, 3.0; 0.0, 3.0 ], [ 1.0, 1.0; 2.0, 1.0; 2.0, 2.0 ]
            let wkt = "POLYGON ((0 0, 4 0, 4 3, 0 3, 0 0), (1 1, 2 1, 2 2, 1 1))"

            let json =
                """{ "type": "Polygon", "coordinates": [ [[0,0,7],[4,0,7],[4,3],[0,3],[0,0]], [[1,1],[2,1],[2,2],[1,1]] ] }"""

            let feature = $"""{{ "type": "Feature", "properties": null, "geometry": {json} }}"""
            let features = $"""{{ "type": "FeatureCollection", "features": [ {feature} ] }}"""

            let several =
                """{ "type": "MultiPolygon", "coordinates": [ [ [[0,0],[4,0],[4,3],[0,3]], [[1,1],[2,1],[2,2]] ] ] }"""

            let points (domain: Domain) =
                Tensor.toArray (domain.Sample key place 50), Tensor.toArray (Domain.walls [] domain key place 50)

            let expected = points (Domain.polygon outer [ hole ])
            Expect.equal (points (Domain.ofWkt wkt)) expected "WKT"

            for text in [ json; feature; features; several ] do
                Expect.equal (points (Domain.ofGeoJson text)) expected "GeoJSON"

            Folder.withFolder (fun folder ->
                for name, text in [ "a.wkt", wkt; "a.json", json; "a.GeoJSON", features ] do
                    let path = IO.Path.Combine(folder, name)
                    IO.File.WriteAllText(path, text)
                    Expect.equal (points (Domain.ofFile path)) expected name

                let broken = IO.Path.Combine(folder, "b.wkt")
                IO.File.WriteAllText(broken, "POLYGON ((0 0, 1 1")

                bad
                    Domain.ofFile
                    [
                        broken, "b.wkt: WKT: "
                        IO.Path.Combine(folder, "none.json"), "none.json: "
                        IO.Path.Combine(folder, "a.shp"), "a.shp: polygons are read from .wkt, .geojson and .json"
                    ]))

        testCase "texts that are no polygons are refused in a line" (fun () ->
            bad
                Domain.ofWkt
                [
                    "", "WKT: "
                    "POLYGON ((0 0, 1 0, 1 1", "WKT: "
                    "POLYGON EMPTY", "WKT: there is no polygon in it"
                    "POINT (1 2)", "not from POINT"
                    "POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))", "self-intersection at (1, 1)"
                    "POLYGON ((0 0, 2 2, 2 0, 0 2))", "WKT: "
                    "MULTIPOLYGON (((0 0, 2 0, 0 2, 0 0)), ((0 0, 3 0, 0 3, 0 0)))", "WKT: no polygon"
                ]

            bad
                Domain.ofGeoJson
                [
                    "", "GeoJSON: "
                    "{", "GeoJSON: "
                    "[]", "belongs where there is Array"
                    "{}", "no \"type\""
                    """{ "type": "Point", "coordinates": [1, 2] }""", "not from Point"
                    """{ "type": "Polygon" }""", "no \"coordinates\""
                    """{ "type": "Polygon", "coordinates": 3 }""", "a polygon is an array, not Number"
                    """{ "type": "Polygon", "coordinates": [] }""", "a ring or more"
                    """{ "type": "Polygon", "coordinates": [[[0, "x"]]] }""", "two numbers"
                    """{ "type": "Polygon", "coordinates": [[[0, 0], [1, 1]]] }""", "three vertices"
                    """{ "type": "Polygon", "coordinates": [[[0,0],[2,2],[2,0],[0,2],[0,0]]] }""", "at (1, 1)"
                    """{ "type": "FeatureCollection", "features": [] }""", "no polygon in it"
                    """{ "type": "Feature", "geometry": null }""", "belongs where there is Null"
                ])
    ]

let tests = testList "Pdes.Domain" (ofShapes @ ofBoundaries @ ofKinds)
