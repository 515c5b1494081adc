// Heat through a wall of two layers of diffusivities 1 and 1/4: a field each, u and v, both of the distance x from the seam,
//   u_t = u_xx,  v_t = v_xx/4,  at the seam u = v,  and what flows out of one flows into the other.
// Carslaw, Jaeger, Conduction of Heat in Solids (1959), have such walls; the solution is a mode that decays.
//   ./metakan script scripts/pdes/interface.fsx [STEPS]
#load "../metakan.fsx"

open MetaKan
open MetaKan.Pdes

let x, t = coordinate "x", coordinate "t"
let u, v = field "u", field "v"
let layers = Domain.interval 0.0 1.0 |> Domain.during 0.0 1.0

let exactU = exp (-t) * (cos x - 0.5 * sin x)
let exactV = exp (-t) * (cos (2.0 * x) + sin (2.0 * x))
let start = [ "u start", u - exactU; "v start", v - exactV ]
let seam = [ "same", u - v; "flux", normalDerivative u [ x ] + 0.25 * normalDerivative v [ x ] ]

let problem =
    { Problem.create
          "interface"
          layers
          [ "x"; "t" ]
          [ "u"; "v" ]
          [ "first", d u [ t ] - d u [ x; x ]; "second", d v [ t ] - 0.25 * d v [ x; x ] ] with
        Exact = Some(Problem.valuesOf [ "x"; "t" ] [ exactU; exactV ])
    }
    |> Problem.on [ "start" ] 10.0 100 start
    |> Problem.on [ "left" ] 10.0 100 seam
    |> Problem.on [ "right" ] 10.0 100 [ "u end", u - exactU; "v end", v - exactV ]

let model = Separate.networks [ "u", Mlp.create [ 2; 16; 16; 1 ]; "v", Mlp.create [ 2; 16; 16; 1 ] ]
let settings = { SolveSettings.natural with Epochs = Script.argument 1 "STEPS" 300 }

Script.solve problem model settings |> ignore
