namespace MetaKan.Pdes

open MetaKan

/// The flow in a square cavity under a lid that moves, Reynolds number 100, by its stream function ψ, u = ψ_y, v = -ψ_x:
///   ψ_y Δψ_x - ψ_x Δψ_y = Δ²ψ/100,
/// one equation of the fourth order, which holds mass by itself. Ghia, Ghia, Shin, J. Comput. Phys. 48 (1982).
[<RequireQualifiedAccess>]
module LidDrivenCavity =
    /// The unit square; ψ = 0 and ψ's slopes on the walls are conditions, the lid moves at speed 1.
    let problem: Problem =
        let x, y, s = coordinate "x", coordinate "y", field "s"
        let vorticity = laplacian s [ x; y ]

        { Problem.create
              "cavity"
              (Domain.box [ 0.0, 1.0; 0.0, 1.0 ])
              [ "x"; "y" ]
              [ "s" ]
              [
                  ("motion",
                   0.01 * laplacian vorticity [ x; y ] - d s [ y ] * d vorticity [ x ] + d s [ x ] * d vorticity [ y ])
              ] with
            Exact = Some(Cavity.stream 100.0)
        }
        |> Problem.hard [] [ ("s", number 0.0) ]
        |> Problem.on [ "top" ] 10.0 100 [ ("lid", normalDerivative s [ x; y ] - 1.0) ]
        |> Problem.on [ "left"; "right"; "bottom" ] 10.0 150 [ ("walls", normalDerivative s [ x; y ]) ]
