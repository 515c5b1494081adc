namespace MetaKan.Pdes

open MetaKan

/// Laplace's equation on a disk with a hole out of its centre: u given on the wall, its flux through the hole's edge.
/// A flow from a source in the hole and a uniform one: u* = x + log r, r the distance from the source.
[<RequireQualifiedAccess>]
module PoissonDisk =
    /// The unit disk without one of radius 0.25; both are conditions.
    let problem: Problem =
        let x, y, u = coordinate "x", coordinate "y", field "u"
        let r2 = (x - 0.3) ** 2.0 + (y - 0.1) ** 2.0
        let exact = x + 0.5 * log r2

        Problem.manufactured
            "poisson-disk"
            (Domain.difference
                (Domain.ball [ 0.0; 0.0 ] 1.0 |> Domain.named "wall")
                (Domain.ball [ 0.3; 0.0 ] 0.25 |> Domain.named "hole"))
            [ "x"; "y" ]
            [ ("u", exact) ]
            [ ("laplace", laplacian u [ x; y ]) ]
        |> Problem.on [ "wall" ] 10.0 100 [ ("wall", u - exact) ]
        |> Problem.on [ "hole" ] 1.0 50 [ ("flux", normalDerivative (u - exact) [ x; y ]) ]
