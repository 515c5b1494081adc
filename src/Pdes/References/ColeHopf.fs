// Viscous Burgers u_t + u u_x = ν u_xx from u(x, 0) = -sin πx with period 2, so that u = 0 at x = ±1, by the integral of
// Cole and Hopf: Basdevant et al., Computers & Fluids 14 (1986), 23-41. With y = x - z √(4νt),
//   u(x, t) = -∫ sin πy w dz / ∫ w dz,  w = exp(-z² - cos πy / 2πν).
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal ColeHopf =
    /// The step of the trapezoidal rule in z. For an analytic integrand on the whole line the rule converges faster than
    /// any power of its step (Trefethen & Weideman, SIAM Review 56 (2014)), and w's peaks are no narrower than 1/√(2 + 2πt)
    /// whatever ν is.
    let private step = 0.1

    /// u [N, 1] at points (x, t) [N, 2], t from 0 to 1, by the trapezoidal rule with the given step.
    let byStep (step: float) (viscosity: float) : Tensor -> Tensor =
        // Beyond this, -z² is below the largest exponent by more than doubles can tell, however the cosine stands.
        let reach = sqrt (1.0 / (Math.PI * viscosity) + 40.0)
        let n = int (ceil (reach / step))

        Reference.ofPoints 2 (fun points ->
            let x, t = points.narrow (1L, 0L, 1L), points.narrow (1L, 1L, 1L)
            let z = Reference.spaced (-step * float n) step (2 * n + 1)
            let angle = (x - z * torch.sqrt (4.0 * viscosity * t)) * Math.PI
            // The largest exponent becomes 0, so that nothing overflows however small ν is.
            let weights = torch.nn.functional.softmax (-z * z - torch.cos angle / (2.0 * Math.PI * viscosity), 1L)
            -(torch.sin angle * weights).sum(1L, keepdim = true))

    /// u [N, 1] at points (x, t) [N, 2], t from 0 to 1, for the given ν > 0.
    let burgers (viscosity: float) : Tensor -> Tensor = byStep step viscosity
