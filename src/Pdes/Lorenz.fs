namespace MetaKan.Pdes

open MetaKan

/// Lorenz' system  x' = σ(y - x), y' = x(ρ - z) - y, z' = xy - βz,  ordinary equations with time their only coordinate.
/// Lorenz, J. Atmos. Sci. 20 (1963); σ = 10, ρ = 15, β = 8/3 as in DeepXDE's example.
[<RequireQualifiedAccess>]
module Lorenz =
    /// From (-8, 7, 27), t up to 3; the start is built in.
    let problem: Problem =
        let t = coordinate "t"
        let x, y, z = field "x", field "y", field "z"

        { Problem.create
              "lorenz"
              (Domain.box [ 0.0, 3.0 ])
              [ "t" ]
              [ "x"; "y"; "z" ]
              [
                  "x", d x [ t ] - 10.0 * (y - x)
                  "y", d y [ t ] - x * (15.0 - z) + y
                  "z", d z [ t ] - x * y + 8.0 / 3.0 * z
              ] with
            Exact = Some(Ordinary.lorenz 10.0 15.0 (8.0 / 3.0) 3.0 [| -8.0; 7.0; 27.0 |])
        }
        |> Problem.initially [ ("x", [ number -8.0 ]); ("y", [ number 7.0 ]); ("z", [ number 27.0 ]) ]
