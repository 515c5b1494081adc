namespace MetaKan.Pdes

open System
open MetaKan

/// The heat equation  u_t = a u_xx  on the unit interval, u = sin πx at the start and 0 at the ends: exp(-a π² t) sin πx.
/// As in DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
[<RequireQualifiedAccess>]
module Heat =
    /// a = 0.4, t up to 1; start and ends are built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"

        Problem.manufactured
            "heat"
            (Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0)
            [ "x"; "t" ]
            [ ("u", exp (-0.4 * Math.PI ** 2.0 * t) * sin (Math.PI * x)) ]
            [ ("heat", d u [ t ] - 0.4 * d u [ x; x ]) ]
        |> Problem.hard [ "start"; "left"; "right" ] [ ("u", sin (Math.PI * x)) ]
