namespace MetaKan.Pdes

open MetaKan

/// The Black–Scholes equation  V_t + ½σ²S² V_SS + r S V_S - r V = 0  of a European call, from its payoff at the end backwards.
/// Black, Scholes, J. Political Economy 81 (1973).
[<RequireQualifiedAccess>]
module BlackScholesCall =
    /// Strike 1, r = 0.05, σ = 0.4, one year, S up to 3; payoff and ends are conditions, at 3 by the price itself, since what a
    /// call is worth in the limit of large S is off by 4e-4 there.
    let problem: Problem =
        let s, t, v = coordinate "s", coordinate "t", field "v"
        let exact = BlackScholes.call 1.0 0.05 0.4 1.0
        let payoff = 0.5 * (abs (s - 1.0) + s - 1.0)

        { Problem.create
              "black-scholes"
              (Domain.interval 0.0 3.0 |> Domain.during 0.0 1.0)
              [ "s"; "t" ]
              [ "v" ]
              [ ("black-scholes", d v [ t ] + 0.08 * s ** 2.0 * d v [ s; s ] + 0.05 * s * d v [ s ] - 0.05 * v) ] with
            Exact = Some exact
        }
        |> Problem.on [ "end" ] 10.0 200 [ ("payoff", v - payoff) ]
        |> Problem.on [ "left" ] 10.0 50 [ ("worthless", v) ]
        |> Problem.on [ "right" ] 10.0 50 [ ("exercised", v - given "price" exact) ]
