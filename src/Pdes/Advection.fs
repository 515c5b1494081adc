namespace MetaKan.Pdes

open System
open MetaKan

/// Advection  u_t + β u_x = 0  of sin x round a circle, β = 30: sin(x - βt).
/// Krishnapriyan, Gholami, Zhe, Kirby, Mahoney, NeurIPS 2021 (arXiv 2109.01050), where plain networks fail.
[<RequireQualifiedAccess>]
module Advection =
    /// x in [0, 2π], periodic, and t up to 1; the start is built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"

        Problem.manufactured
            "advection"
            (Domain.interval 0.0 (2.0 * Math.PI) |> Domain.during 0.0 1.0)
            [ "x"; "t" ]
            [ ("u", sin (x - 30.0 * t)) ]
            [ ("advection", d u [ t ] / 30.0 + d u [ x ]) ]
        |> Problem.periodic [ "x" ] 1
        |> Problem.initially [ ("u", [ sin x ]) ]
