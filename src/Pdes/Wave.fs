namespace MetaKan.Pdes

open System
open MetaKan

/// The wave equation  u_tt = c² u_xx  on the unit interval, two modes at rest at the start and fixed ends.
/// Wang, Yu, Perdikaris, J. Comput. Phys. 449 (2022), arXiv 2007.14527, section 7.3, where plain networks fail.
[<RequireQualifiedAccess>]
module Wave =
    /// c = 2, u* = sin πx cos 2πt + ½ sin 4πx cos 8πt, t up to 1; start, velocity and ends are built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"
        let mode k = sin (float k * Math.PI * x)

        Problem.manufactured
            "wave"
            (Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0)
            [ "x"; "t" ]
            [ ("u", mode 1 * cos (2.0 * Math.PI * t) + 0.5 * mode 4 * cos (8.0 * Math.PI * t)) ]
            [ ("wave", d u [ t; t ] - 4.0 * d u [ x; x ]) ]
        |> Problem.hard [] [ ("u", number 0.0) ]
        |> Problem.initially [ ("u", [ mode 1 + 0.5 * mode 4; number 0.0 ]) ]
