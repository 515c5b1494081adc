namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

/// The Kuramoto–Sivashinsky equation  u_t + α u u_x + β u_xx + γ u_xxxx = 0  in a time when it is not chaotic yet.
/// Wang, Sankaran, Perdikaris, Comput. Methods Appl. Mech. Engrg. 421 (2024), arXiv 2203.07404, section 4.3.
[<RequireQualifiedAccess>]
module KuramotoSivashinsky =
    /// α = 5, β = 0.5, γ = 0.005, from -sin πx, x in [-1, 1], periodic, and t up to 1; the start is built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"
        let start (x: Tensor) = -torch.sin(Math.PI * x)
        let evolution = Periodic.kuramotoSivashinsky (5.0, 0.5, 0.005) (-1.0, 1.0) 1.0 start

        { Problem.create
              "kuramoto-sivashinsky"
              (Domain.interval -1.0 1.0 |> Domain.during 0.0 1.0)
              [ "x"; "t" ]
              [ "u" ]
              [
                  ("kuramoto-sivashinsky",
                   d u [ t ] + 5.0 * u * d u [ x ] + 0.5 * d u [ x; x ] + 0.005 * d u [ x; x; x; x ])
              ] with
            Exact = Some(Spectral.fields evolution)
        }
        |> Problem.periodic [ "x" ] 2
        |> Problem.initially [ ("u", [ -sin(Math.PI * x) ]) ]
