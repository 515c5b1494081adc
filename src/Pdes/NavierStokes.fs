namespace MetaKan.Pdes

open System
open MetaKan

/// The viscosity of a flow from measurements of its velocity: vortices that decay, by the equation of vorticity
/// ω = v_x - u_y,  ω_t + u ω_x + v ω_y = ν Δω,  and u_x + v_y = 0. Taylor, Phil. Mag. 46 (1923).
[<RequireQualifiedAccess>]
module NavierStokes =
    /// ν is 0.05 and the search starts at 1; 400 velocities are measured, with an error of 1 % of the largest.
    let problem: Problem =
        let x, y, t = coordinate "x", coordinate "y", coordinate "t"
        let u, v, viscosity = field "u", field "v", parameter "nu"
        let domain = Domain.box [ 0.0, 2.0 * Math.PI; 0.0, 2.0 * Math.PI ] |> Domain.during 0.0 2.0
        let decay = exp (-0.1 * t)
        let exact = Problem.valuesOf [ "x"; "y"; "t" ] [ -cos x * sin y * decay; sin x * cos y * decay ]
        let vorticity = d v [ x ] - d u [ y ]

        { Problem.create
              "navier-stokes"
              domain
              [ "x"; "y"; "t" ]
              [ "u"; "v" ]
              [
                  "vorticity",
                  d vorticity [ t ] + u * d vorticity [ x ] + v * d vorticity [ y ]
                  - viscosity * laplacian vorticity [ x; y ]
                  "mass", div [ u; v ] [ x; y ]
              ] with
            Parameters = [ ("nu", 1.0) ]
            Conditions = Condition.measured "measured" 10.0 400 domain [ "x"; "y"; "t" ] [ "u"; "v" ] exact 0.01
            Exact = Some exact
        }
