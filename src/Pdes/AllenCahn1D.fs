namespace MetaKan.Pdes

open System
open MetaKan

/// The Allen–Cahn equation in time,  u_t = ν u_xx + 5 u - 5 u³,  ν = 1e-4, from x² cos πx: layers between -1 and 1.
/// Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), section 4.1; networks trained by Adam alone fail.
[<RequireQualifiedAccess>]
module AllenCahn1D =
    /// x in [-1, 1], periodic, and t up to 1; the start is built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"

        { Problem.create
              "allen-cahn-1d"
              (Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0)
              [ "x"; "t" ]
              [ "u" ]
              [ ("reaction", d u [ t ] - 1e-4 * d u [ x; x ] - 5.0 * u + 5.0 * u ** 3.0) ] with
            Exact = Some(Periodic.allenCahnFields Periodic.allenCahn)
        }
        |> Problem.periodic [ "x" ] 2
        |> Problem.initially [ ("u", [ x ** 2.0 * cos (Math.PI * x) ]) ]
