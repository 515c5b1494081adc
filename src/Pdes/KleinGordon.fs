namespace MetaKan.Pdes

open MetaKan

/// The Klein–Gordon equation  u_tt - u_xx + u² = f,  a nonlinear wave with u* = x cos t.
/// As in DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
[<RequireQualifiedAccess>]
module KleinGordon =
    /// x in [-1, 1], t up to 10; start, velocity and ends are conditions.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"
        let exact = x * cos t

        Problem.manufactured
            "klein-gordon"
            (Domain.interval -1.0 1.0 |> Domain.during 0.0 10.0)
            [ "x"; "t" ]
            [ ("u", exact) ]
            [ ("klein-gordon", d u [ t; t ] - d u [ x; x ] + u ** 2.0) ]
        |> Problem.on [] 10.0 100 [ ("ends", u - exact) ]
        |> Problem.initially [ ("u", [ x; number 0.0 ]) ]
