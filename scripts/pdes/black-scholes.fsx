// The price of a European call,  v_t + ½σ²s² v_ss + r s v_s = r v,  from its payoff at the end backwards: strike 1, rate
// r = 0.05, σ = 0.4. The exact price is a function of tensors. Black, Scholes, J. Political Economy 81 (1973).
//   ./metakan script scripts/pdes/black-scholes.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes
open TorchSharp

let s, t, v = coordinate "s", coordinate "t", field "v"
let market = Domain.interval 0.0 3.0 |> Domain.during 0.0 1.0
let equation = d v [ t ] + 0.08 * s ** 2.0 * d v [ s; s ] + 0.05 * s * d v [ s ] - 0.05 * v
let payoff = 0.5 * (abs (s - 1.0) + s - 1.0)

let exact (point: Tensor) =
    let normal (z: Tensor) = 0.5 * torch.special.erfc (-z / sqrt 2.0)
    let s, left = point.narrow (1L, 0L, 1L), 1.0 - point.narrow (1L, 1L, 1L)
    let spread = 0.4 * left.sqrt ()
    let up = (s.log () + 0.13 * left) / spread
    s * normal up - torch.exp (-0.05 * left) * normal (up - spread)

let problem =
    { Problem.create "black-scholes" market [ "s"; "t" ] [ "v" ] [ ("black-scholes", equation) ] with
        Exact = Some exact
    }
    |> Problem.on [ "end" ] 10.0 200 [ ("payoff", v - payoff) ]
    |> Problem.on [ "left" ] 10.0 50 [ ("worthless", v) ]
    |> Problem.on [ "right" ] 10.0 50 [ ("exercised", v - s + exp (0.05 * (t - 1.0))) ]

let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem (Mlp.create [ 2; 24; 24; 24; 1 ]) settings |> ignore
