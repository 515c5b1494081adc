namespace MetaKan.Pdes

open System
open MetaKan

/// The Korteweg–de Vries equation  u_t + u u_x + δ² u_xxx = 0,  δ = 0.022, from cos πx: a train of solitons.
/// Zabusky, Kruskal, Phys. Rev. Lett. 15 (1965).
[<RequireQualifiedAccess>]
module KortewegDeVries =
    /// x in [-1, 1], periodic, and t up to 1; the start is built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"

        { Problem.create
              "kdv"
              (Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0)
              [ "x"; "t" ]
              [ "u" ]
              [ ("kdv", d u [ t ] + u * d u [ x ] + 0.022 ** 2.0 * d u [ x; x; x ]) ] with
            Exact = Some(Spectral.fields Periodic.kortewegDeVries)
        }
        |> Problem.periodic [ "x" ] 2
        |> Problem.initially [ ("u", [ cos (Math.PI * x) ]) ]
