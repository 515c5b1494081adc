namespace MetaKan.Pdes

open MetaKan

/// Poisson's equation  Δu = -1  on an L, u = 0 on its walls: a square without a quarter, and a corner where ∇u is infinite.
/// Lu, Meng, Mao, Karniadakis, SIAM Review 63 (2021), section 4.1.
[<RequireQualifiedAccess>]
module PoissonL =
    /// The square [-1, 1]² without [0, 1]²; walls are conditions.
    let problem: Problem =
        let x, y, u = coordinate "x", coordinate "y", field "u"

        { Problem.create
              "poisson-l"
              (Domain.difference (Domain.box [ -1.0, 1.0; -1.0, 1.0 ]) (Domain.box [ 0.0, 1.0; 0.0, 1.0 ]))
              [ "x"; "y" ]
              [ "u" ]
              [ ("poisson", laplacian u [ x; y ] + 1.0) ] with
            Exact = Some LShape.poisson
        }
        |> Problem.on [] 100.0 300 [ ("walls", u) ]
