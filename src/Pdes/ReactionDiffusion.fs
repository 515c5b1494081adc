namespace MetaKan.Pdes

open System
open MetaKan

/// Diffusion and a source,  u_t = u_xx + f,  with modes 1 to 8 that all decay alike: u* = e⁻ᵗ Σ c_k sin kx.
/// As in DeepXDE's examples; Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021).
[<RequireQualifiedAccess>]
module ReactionDiffusion =
    /// x in [-π, π], t up to 1; start and ends are built in.
    let problem: Problem =
        let x, t, u = coordinate "x", coordinate "t", field "u"
        let modes = [ 1.0, 1.0; 2.0, 1.0 / 2.0; 3.0, 1.0 / 3.0; 4.0, 1.0 / 4.0; 8.0, 1.0 / 8.0 ]
        let start = [ for k, c in modes -> c * sin (k * x) ] |> List.reduce (+)

        Problem.manufactured
            "reaction-diffusion"
            (Domain.interval -Math.PI Math.PI |> Domain.during 0.0 1.0)
            [ "x"; "t" ]
            [ ("u", exp (-t) * start) ]
            [ ("diffusion", d u [ t ] - d u [ x; x ]) ]
        |> Problem.hard [ "start"; "left"; "right" ] [ ("u", start) ]
