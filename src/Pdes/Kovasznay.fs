namespace MetaKan.Pdes

open System
open MetaKan

/// The steady flow behind a grid at Reynolds number 40: velocities u and v and a pressure p,
///   u u_x + v u_y + p_x = Δu/40,  u v_x + v v_y + p_y = Δv/40,  u_x + v_y = 0.
/// Kovasznay, Proc. Camb. Phil. Soc. 44 (1948).
[<RequireQualifiedAccess>]
module Kovasznay =
    /// x in [-0.5, 1], y in [-0.5, 1.5]; velocity and pressure are given on the boundary.
    let problem: Problem =
        let x, y = coordinate "x", coordinate "y"
        let u, v, p = field "u", field "v", field "p"
        let rate = 20.0 - sqrt (400.0 + 4.0 * Math.PI ** 2.0)
        let wave = exp (rate * x)

        let exact =
            [
                "u", 1.0 - wave * cos (2.0 * Math.PI * y)
                "v", rate / (2.0 * Math.PI) * wave * sin (2.0 * Math.PI * y)
                "p", 0.5 * (1.0 - wave ** 2.0)
            ]

        let motion w = u * d w [ x ] + v * d w [ y ] - laplacian w [ x; y ] / 40.0

        Problem.manufactured
            "kovasznay"
            (Domain.box [ -0.5, 1.0; -0.5, 1.5 ])
            [ "x"; "y" ]
            exact
            [ "along x", motion u + d p [ x ]; "along y", motion v + d p [ y ]; "mass", div [ u; v ] [ x; y ] ]
        |> Problem.on [] 10.0 100 [ for name, value in exact -> name, field name - value ]
