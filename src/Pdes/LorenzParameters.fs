namespace MetaKan.Pdes

open MetaKan

/// Lorenz' system with all three of its numbers unknown, from measurements of its state.
/// As in DeepXDE's example; Lorenz, J. Atmos. Sci. 20 (1963).
[<RequireQualifiedAccess>]
module LorenzParameters =
    /// σ = 10, ρ = 15 and β = 8/3 are sought from 1 each, by 60 measured states.
    let problem: Problem =
        let t = coordinate "t"
        let x, y, z = field "x", field "y", field "z"
        let sigma, rho, beta = parameter "sigma", parameter "rho", parameter "beta"
        let domain = Domain.box [ 0.0, 3.0 ]
        let exact = Ordinary.lorenz 10.0 15.0 (8.0 / 3.0) 3.0 [| -8.0; 7.0; 27.0 |]

        { Problem.create
              "lorenz-parameters"
              domain
              [ "t" ]
              [ "x"; "y"; "z" ]
              [
                  "x", d x [ t ] - sigma * (y - x)
                  "y", d y [ t ] - x * (rho - z) + y
                  "z", d z [ t ] - x * y + beta * z
              ] with
            Parameters = [ "sigma", 1.0; "rho", 1.0; "beta", 1.0 ]
            Conditions = Condition.measured "measured" 10.0 60 domain [ "t" ] [ "x"; "y"; "z" ] exact 0.0
            Exact = Some exact
        }
        |> Problem.initially [ ("x", [ number -8.0 ]); ("y", [ number 7.0 ]); ("z", [ number 27.0 ]) ]
