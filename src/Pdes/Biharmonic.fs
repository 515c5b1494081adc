namespace MetaKan.Pdes

open System
open MetaKan

/// The biharmonic equation  Δ²u = f  of a plate on the unit square, simply supported: u = Δu = 0 on its edges.
/// Timoshenko, Woinowsky-Krieger, Theory of Plates and Shells (1959), section 27.
[<RequireQualifiedAccess>]
module Biharmonic =
    /// f is that of u* = sin πx sin πy; u = 0 is built in, Δu = 0 a condition.
    let problem: Problem =
        let x, y, u = coordinate "x", coordinate "y", field "u"

        Problem.manufactured
            "biharmonic"
            (Domain.box [ 0.0, 1.0; 0.0, 1.0 ])
            [ "x"; "y" ]
            [ ("u", sin (Math.PI * x) * sin (Math.PI * y)) ]
            [ ("plate", laplacian (laplacian u [ x; y ]) [ x; y ]) ]
        |> Problem.hard [] [ ("u", number 0.0) ]
        |> Problem.on [] 10.0 100 [ ("edges", laplacian u [ x; y ]) ]
