namespace MetaKan.Pdes

open System
open MetaKan

/// The heat equation  u_t = k u_xx  with an unknown diffusivity k, from measurements of u.
/// Raissi, Perdikaris, Karniadakis, J. Comput. Phys. 378 (2019), section 4: data-driven discovery.
[<RequireQualifiedAccess>]
module HeatDiffusivity =
    /// k is 0.3 and the search starts at 1; 100 values of u = exp(-k π² t) sin πx are measured.
    let problem: Problem =
        let x, t, u, k = coordinate "x", coordinate "t", field "u", parameter "k"
        let domain = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0
        let truth = exp (-0.3 * Math.PI ** 2.0 * t) * sin (Math.PI * x)
        let exact = Problem.valuesOf [ "x"; "t" ] [ truth ]

        { Problem.create "heat-diffusivity" domain [ "x"; "t" ] [ "u" ] [ ("heat", d u [ t ] - k * d u [ x; x ]) ] with
            Parameters = [ ("k", 1.0) ]
            Conditions = Condition.measured "measured" 10.0 100 domain [ "x"; "t" ] [ "u" ] exact 0.0
            Exact = Some exact
        }
