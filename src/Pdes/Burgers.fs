namespace MetaKan.Pdes

open System
open MetaKan

/// Burgers' equation  u_t + u u_x = ν u_xx,  ν = 0.01/π, from -sin πx: a front steepens at x = 0.
/// Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), appendix A.1; exact by Cole and Hopf's transform.
[<RequireQualifiedAccess>]
module Burgers =
    /// x in [-1, 1], t up to 1; start and ends are built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"
        let viscosity = 0.01 / Math.PI

        { Problem.create
              "burgers"
              (Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0)
              [ "x"; "t" ]
              [ "u" ]
              [ ("burgers", d u [ t ] + u * d u [ x ] - viscosity * d u [ x; x ]) ] with
            Exact = Some(ColeHopf.burgers viscosity)
        }
        |> Problem.hard [ "start"; "left"; "right" ] [ ("u", -sin(Math.PI * x)) ]
