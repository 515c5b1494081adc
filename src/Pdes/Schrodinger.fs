namespace MetaKan.Pdes

open System
open MetaKan

/// The nonlinear Schrödinger equation  i h_t + h_xx/2 + |h|² h = 0  from 2/cosh x: a soliton that breathes.
/// Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), section 3.1.1.
[<RequireQualifiedAccess>]
module Schrodinger =
    /// Fields u and v of h = u + i v, x in [-5, 5], periodic, and t up to π/2; the start is built in.
    let problem: Problem =
        let x, t = coordinate "x", coordinate "t"
        let h = Complex.create (field "u") (field "v")
        let by coordinates = Complex.map (fun field -> d field coordinates)
        let equation = Complex.i * by [ t ] h + 0.5 * by [ x; x ] h + Complex.squared h * h

        { Problem.create
              "schrodinger"
              (Domain.interval -5.0 5.0 |> Domain.during 0.0 (Math.PI / 2.0))
              [ "x"; "t" ]
              [ "u"; "v" ]
              (Complex.parts "schrodinger" equation) with
            Exact = Some(Spectral.fields Periodic.schroedinger)
        }
        |> Problem.periodic [ "x" ] 3
        |> Problem.initially [ ("u", [ 2.0 / cosh x ]); ("v", [ number 0.0 ]) ]
