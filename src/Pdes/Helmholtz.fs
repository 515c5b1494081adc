namespace MetaKan.Pdes

open System
open MetaKan

/// Helmholtz' equation  Δu + k² u = f  on the unit square, u = 0 on its walls, for waves k = 2π long.
/// As in DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
[<RequireQualifiedAccess>]
module Helmholtz =
    /// f is that of u* = sin kx sin ky, -k² u*; walls are built in.
    let problem: Problem =
        let x, y, u = coordinate "x", coordinate "y", field "u"
        let k = 2.0 * Math.PI

        Problem.manufactured
            "helmholtz"
            (Domain.box [ 0.0, 1.0; 0.0, 1.0 ])
            [ "x"; "y" ]
            [ ("u", sin (k * x) * sin (k * y)) ]
            [ ("helmholtz", laplacian u [ x; y ] + k * k * u) ]
        |> Problem.hard [] [ ("u", number 0.0) ]
