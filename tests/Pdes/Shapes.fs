/// Domains of every kind, for tests that all of them pass.
module MetaKan.Tests.Shapes

open MetaKan
open MetaKan.Pdes
open TorchSharp

/// The numbers that points are made of, by name.
let numbers = Sampling.named |> List.map (fun (name, sampling) -> name, Sampling.numbers sampling)

/// A square with a notch and two holes, one of them turned the other way.
let notched =
    Domain.polygon
        [ 0.0, 0.0; 4.0, 0.0; 4.0, 4.0; 2.5, 4.0; 2.0, 2.5; 1.5, 4.0; 0.0, 4.0 ]
        [ [ 0.5, 0.5; 1.5, 0.5; 1.0, 1.5 ]; [ 2.5, 0.5; 2.5, 1.5; 3.5, 1.5; 3.5, 0.5 ] ]

let islands =
    Domain.ofWkt
        "MULTIPOLYGON (((0 0, 2 0, 2 1, 0 1, 0 0)), ((3 -1, 5 -1, 5 2, 3 2, 3 -1), (3.5 0, 4.5 0, 4 1, 3.5 0)))"

let lshape = Domain.union (Domain.box [ 0.0, 2.0; 0.0, 1.0 ]) (Domain.box [ 0.0, 1.0; 0.0, 2.0 ])

let ring =
    Domain.difference
        (Domain.named "wall" (Domain.ball [ 1.0; -1.0 ] 1.0))
        (Domain.named "hole" (Domain.ball [ 1.2; -1.0 ] 0.5))

let tetrahedron =
    Domain.simplex [ [ 0.0; 0.0; 0.0 ]; [ 2.0; 0.0; 0.0 ]; [ 0.0; 1.0; 0.5 ]; [ 0.3; 0.2; 1.5 ] ]

/// With points uniform in volume.
let uniform =
    [
        "interval", Domain.interval -1.0 2.5
        "box", Domain.box [ -1.0, 1.0; 0.1, 0.7; 2.0, 3.0 ]
        "box with a side of no length", Domain.box [ -1.0, 1.0; 0.1, 0.1; 2.0, 3.0 ]
        "ball of one dimension", Domain.ball [ 2.0 ] 0.5
        "disk", Domain.ball [ 1.0; -2.0 ] 0.7
        "ball", Domain.ball [ 1.0; -2.0; 5.0 ] 0.7
        "simplex of one dimension", Domain.simplex [ [ 3.0 ]; [ -1.0 ] ]
        "triangle", Domain.simplex [ [ 0.0; 0.0 ]; [ 1.0; 0.2 ]; [ 0.3; 2.0 ] ]
        "tetrahedron", tetrahedron
        "polygon", notched
        "polygons", islands
        "L", lshape
        "ring", ring
        "balls that overlap", Domain.union (Domain.ball [ 0.0; 0.0; 0.0 ] 1.0) (Domain.ball [ 1.0; 0.2; 0.0 ] 0.8)
        "half a disk", Domain.intersection (Domain.ball [ 0.0; 0.0 ] 1.0) (Domain.box [ -2.0, 0.0; -2.0, 2.0 ])
        "box with a box cut out",
        Domain.difference (Domain.box [ 0.0, 3.0; 0.0, 2.0 ]) (Domain.box [ 1.0, 2.0; 0.5, 1.0 ])
        "polygon less a disk", Domain.difference notched (Domain.ball [ 2.0; 0.0 ] 0.4)
        "disk in time", Domain.ball [ 1.0; 0.0 ] 1.0 |> Domain.during 1.0 3.0
        "ring in time", ring |> Domain.during 0.0 0.5
    ]

/// All that have a boundary.
let walled =
    uniform
    @ [
        "centred ball", Domain.centredBall 4 1.5
        "box of many dimensions", Domain.box (List.replicate 7 (0.0, 1.0))
        "ball of many dimensions", Domain.ball (List.replicate 6 0.5) 2.0
        "Brownian motion", Domain.brownian 3 0.5 0.2 1.0 2.0
        "parts", ring |> Domain.part "inlet" (fun x -> (x.select (1L, 0L)).lt((0.5).ToScalar()))
    ]

/// All.
let every =
    walled
    @ [
        "Brownian motion from a point", Domain.brownian 2 0.0 1.0 0.0 3.0
        "circle", Domain.sphere [ 3.0; 1.0 ] 0.5
        "sphere", Domain.sphere [ 3.0; 1.0; 0.0 ] 0.5
        "sphere of five dimensions", Domain.sphere (List.replicate 5 1.0) 2.0
        "cloud", Domain.points [| for i in 0..59 -> [| float i / 7.0; float (i * i) |] |]
    ]
