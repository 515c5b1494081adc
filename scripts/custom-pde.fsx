// A PDE of one's own: reaction and diffusion on the unit square, in the time from 0 to 1,
//   u_t = ∂xx u + ∂yy u + u - u³ + f(x, y, t),
// with u given at the start and on the walls. The exact solution makes f, the data, and the error that is printed.
//   ./metakan script scripts/custom-pde.fsx [EPOCHS]
#load "metakan.fsx"

open System
open MetaKan
open MetaKan.Pdes

let x, y, t = 0, 1, 2
let spacetime = [ 0.0, 1.0; 0.0, 1.0; 0.0, 1.0 ]
let start = [ 0.0, 1.0; 0.0, 1.0; 0.0, 0.0 ]

let solution (p: Jet) = exp (-p[t]) * sin (Math.PI * p[x]) * cos (Math.PI * p[y])

let equation (u: Derivatives) = u.Partial t - u.Laplacian - u.U + u.U * u.U * u.U

let data = Jet.valueOf solution

let problem =
    { Problem.manufactured
          "reaction-diffusion"
          (Domain.box spacetime)
          { Second = [| 1.0; 1.0; 0.0 |]; First = [ t ] }
          solution
          equation with
        Penalties =
            [
                Penalty.dirichlet "start" 100.0 100 (Domain.box start).Sample data
                Penalty.dirichlet "walls" 100.0 100 (Domain.faces spacetime [ x; y ]) data
            ]
    }

let model = Kan.create { Size = 5; Order = 3 } [ 3; 32; 32; 1 ]

let settings = { SolveSettings.defaults with Epochs = Script.argument 1 "EPOCHS" 2000; Rate = 1e-2 }

let folder = RunFolder.free "runs/custom-pde"

let run = Solve.run (RunPlace.fresh folder) settings problem model Solve.print
Report.write folder
printfn $"{run.Result}\nThe report is {RunFolder.reportPath folder}"
