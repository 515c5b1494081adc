// Mother wavelets ψ(u) with their slopes ψ'(u).
// Bozorgasl, Chen, "Wav-KAN: Wavelet Kolmogorov-Arnold Networks" (arXiv 2405.12832), in the forms of its code.
namespace MetaKan.Images

open System
open MetaKan
open TorchSharp

/// A mother wavelet.
type Wavelet =
    {
        /// "mexican-hat", "morlet", "dog", "meyer" or "shannon".
        Name: string
        /// ψ at u, element by element.
        Value: Tensor -> Tensor
        /// ψ and ψ' at u.
        WithSlope: Tensor -> Tensor * Tensor
    }

/// Mother wavelets ψ(u) with their slopes ψ'(u), in the forms of Wav-KAN's code (arXiv 2405.12832).
[<RequireQualifiedAccess>]
module Wavelets =
    // No operator below writes into what another one reads: the compiler may move a value used once past another's
    // computation.

    // size·e^{-u²/2} for u² given.
    let private bell (size: float) (squares: Tensor) = (squares * -0.5).add_((log size).ToScalar()).exp_()

    /// 2/(√3·π^{1/4})·(u² - 1)·e^{-u²/2}, the (negative) second derivative of a Gaussian.
    let mexicanHat: Wavelet =
        let bell = bell (2.0 / (sqrt 3.0 * Math.PI ** 0.25))

        {
            Name = "mexican-hat"
            Value =
                fun u ->
                    let q = u.square ()
                    (q - 1.0).mul_(bell q)
            WithSlope =
                fun u ->
                    let q = u.square ()
                    let bell = bell q
                    (q - 1.0).mul_ bell, (3.0 - q).mul_(u).mul_ bell
        }

    /// cos(5u)·e^{-u²/2}.
    let morlet: Wavelet =
        let frequency = 5.0

        {
            Name = "morlet"
            Value = fun u -> (bell 1.0 (u.square ())).mul_((u * frequency).cos())
            WithSlope =
                fun u ->
                    let bell = bell 1.0 (u.square ())
                    let phase = u * frequency
                    let value = phase.cos().mul_ bell

                    let slope =
                        phase.sin().mul_(bell).mul_((-frequency).ToScalar()).addcmul_(u, value, (-1.0).ToScalar())

                    value, slope
        }

    /// -u·e^{-u²/2}, the derivative of a Gaussian.
    let derivativeOfGaussian: Wavelet =
        {
            Name = "dog"
            Value = fun u -> (bell 1.0 (u.square ())).mul_(u).neg_()
            WithSlope =
                fun u ->
                    let q = u.square ()
                    let bell = bell 1.0 q
                    (u * bell).neg_(), (q - 1.0).mul_ bell
        }

    /// sin(π|u|)·cos(π/2·ν(2|u| - 1)) with ν(t) = t⁴(35 - 84t + 70t² - 20t³) held at 0 below and at 1 above [0, 1]: zero
    /// for |u| ≥ 1.
    let meyer: Wavelet =
        // t within [0, 1], and π/2·ν(t).
        let turn (size: Tensor) =
            let t = (size * 2.0 - 1.0).clamp_((0.0).ToScalar(), (1.0).ToScalar())

            let polynomial =
                t.mul((-20.0).ToScalar()).add_((70.0).ToScalar()).mul_(t).add_((-84.0).ToScalar()).mul_(t)

            t, polynomial.add_((35.0).ToScalar()).mul_(t.square().square()).mul_((Math.PI / 2.0).ToScalar())

        {
            Name = "meyer"
            Value =
                fun u ->
                    let size = u.abs ()
                    let _, angle = turn size
                    (size * Math.PI).sin().mul_(angle.cos ())
            WithSlope =
                fun u ->
                    let size = u.abs ()
                    let t, angle = turn size
                    let phase = size * Math.PI
                    let wave, envelope = phase.sin (), angle.cos ()
                    // ν'(t) = 140 t³(1 - t)³.
                    let rise = (t * (1.0 - t)).pow((3.0).ToScalar()).mul_((-140.0).ToScalar())
                    let turning = rise.mul_(wave).mul_(angle.sin ())
                    wave * envelope, phase.cos().mul_(envelope).add_(turning).mul_(Math.PI.ToScalar()).mul_(u.sign ())
        }

    /// sin(u)/u. (Wav-KAN's code multiplies it by a Hamming window over the index of the input: a factor that is the
    /// same for all of an input's edges, which their weights hold here.)
    let shannon: Wavelet =
        let sinc (u: Tensor) = torch.where (u.eq ((0.0).ToScalar()), torch.ones_like u, u.sin().div_ u)

        // Around 0, where (cos u - sin(u)/u)/u is a difference of near numbers, the series -u/3 + u³/30 - …, in u²:
        // the coefficient of u²ⁿ⁺¹ is (-1)ⁿ⁺¹/((2n+3)·(2n+1)!).
        let series =
            [ -1.0 / 3.0; 1.0 / 30.0; -1.0 / 840.0; 1.0 / 45360.0; -1.0 / 3991680.0; 1.0 / 518918400.0 ]

        {
            Name = "shannon"
            Value = sinc
            WithSlope =
                fun u ->
                    let value = sinc u
                    let q = u.square ()

                    let near =
                        (torch.zeros_like u, List.rev series)
                        ||> List.fold (fun total c -> total.mul_(q).add_(c.ToScalar()))
                        |> _.mul_(u)

                    value, torch.where (q.lt ((0.25).ToScalar()), near, u.cos().sub_(value).div_ u)
        }

    /// All of them.
    let all: Wavelet list = [ mexicanHat; morlet; derivativeOfGaussian; meyer; shannon ]
