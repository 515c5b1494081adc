// Systems of ordinary differential equations u' = f(t, u), by the Runge-Kutta method of order 5 of Dormand & Prince, J. Comput.
// Appl. Math. 6 (1980), 19-26, in steps so small that Hermite's cubics between them are exact to 1e-8 or so.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Ordinary =
    /// When each stage stands in its step, and how it weights the slopes of those before it; the last line is the step's.
    let private stages =
        [
            0.0, []
            1.0 / 5.0, [ 1.0 / 5.0 ]
            3.0 / 10.0, [ 3.0 / 40.0; 9.0 / 40.0 ]
            4.0 / 5.0, [ 44.0 / 45.0; -56.0 / 15.0; 32.0 / 9.0 ]
            8.0 / 9.0, [ 19372.0 / 6561.0; -25360.0 / 2187.0; 64448.0 / 6561.0; -212.0 / 729.0 ]
            1.0, [ 9017.0 / 3168.0; -355.0 / 33.0; 46732.0 / 5247.0; 49.0 / 176.0; -5103.0 / 18656.0 ]
        ]

    let private whole = [ 35.0 / 384.0; 0.0; 500.0 / 1113.0; 125.0 / 192.0; -2187.0 / 6784.0; 11.0 / 84.0 ]

    /// u + h Σ wᵢ slopeᵢ.
    let private moved (u: float[]) h (weights: float list) (slopes: float[] list) =
        (u, weights, slopes)
        |||> List.fold2 (fun u w slope -> Array.map2 (fun a b -> a + h * w * b) u slope)

    let private step (f: float -> float[] -> float[]) h t (u: float[]) =
        let slopes =
            ([], stages)
            ||> List.fold (fun slopes (c, weights) -> slopes @ [ f (t + c * h) (moved u h weights slopes) ])

        moved u h whole slopes

    /// The solution [N, n] at times [N, 1] from 0 to span, with u = start [n] at 0, in so many steps.
    let solution (steps: int) (span: float) (start: float[]) (f: float -> float[] -> float[]) : Tensor -> Tensor =
        let tables =
            Reference.kept (fun () ->
                let h = span / float steps
                let times = [| for i in 0..steps -> h * float i |]
                let values = times[.. steps - 1] |> Array.scan (fun u t -> step f h t u) start

                [ values; Array.map2 f times values ]
                |> List.map (fun rows ->
                    Tensor.ofArray Placement.cpu64 [ int64 rows.Length; 1L; int64 start.Length ] (Array.concat rows)))

        Reference.ofPoints 1 (fun points ->
            let table = { Span = span; TimeTable.Values = tables.Value[0]; Slopes = tables.Value[1] }

            let place = torch.zeros ([| points.size 0; 1L |], dtype = torch.int64, device = torch.CPU)
            TimeTable.read table (Reference.column 0 points) place (torch.ones_like points))

    /// Lorenz, J. Atmos. Sci. 20 (1963), 130-141: x' = σ (y - x), y' = x (ρ - z) - y, z' = x y - β z; at t [N, 1] from 0 to
    /// span, [N, 3].
    let lorenz (sigma: float) (rho: float) (beta: float) (span: float) (start: float[]) : Tensor -> Tensor =
        solution 12000 span start (fun _ u ->
            [| sigma * (u[1] - u[0]); u[0] * (rho - u[2]) - u[1]; u[0] * u[1] - beta * u[2] |])
