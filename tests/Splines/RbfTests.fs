/// Gaussian radial basis functions: their formula, their derivatives, and how they add up.
module MetaKan.Tests.RbfTests

open Expecto
open FsCheck.FSharp
open MetaKan
open MetaKan.Tests.Numeric
open TorchSharp

let private fast = Rbf.basis 8 (-2.0, 2.0)
let private values (basis: Basis) x = (basis.Derivatives [ 0 ] x).Head

let tests =
    testList
        "Splines.Rbf"
        [
            property
                "values are Gaussians at their centres, as wide as these are apart"
                30
                (Gen.zip (Gen.choose (2, 9)) seeds)
                (fun (count, seed) ->
                    let x = uniform seed (-3.0, 4.0) [ 5; 2 ]
                    let width = 3.5 / float (count - 1)

                    let expected =
                        [ for m in 0 .. count - 1 -> (-((x - (-1.5 + width * float m)) / width).square()).exp() ]

                    close "values" 1e-12 (torch.stack (expected, -1L)) (values (Rbf.basis count (-1.5, 2.0)) x))

            property "derivatives are central differences of the lower ones" 30 seeds (fun seed ->
                let x = uniform seed (-2.5, 2.5) [ 5; 2 ]
                let h = 1e-5

                for p in 1..5 do
                    let derivative p x = (fast.Derivatives [ p ] x).Head
                    let differences = (derivative (p - 1) (x + h) - derivative (p - 1) (x - h)) / (2.0 * h)
                    close $"derivative {p}" 1e-6 differences (derivative p x))

            testCase "between the centres the Gaussians add up to √π, but for two in ten thousand" (fun () ->
                use _ = torch.NewDisposeScope()
                // By Poisson's summation the sum over all integers of e^{-(u-m)²} is √π (1 + 2 e^{-π²} cos 2πu + …).
                let x = torch.linspace(-0.3, 0.3, 101, dtype = torch.float64).unsqueeze 1L
                let sum = (values fast x).sum -1L
                close "sum" 2.5e-4 (torch.full_like (sum, (sqrt System.Math.PI).ToScalar())) sum
                let wider = (values (Rbf.basis 30 (-2.0, 2.0)) x).sum -1L
                let u = (x + 2.0) * (29.0 / 4.0)
                let ripple = 2.0 * exp (-(System.Math.PI ** 2.0)) * (u * (2.0 * System.Math.PI)).cos() + 1.0
                close "ripple" 1e-12 (ripple * sqrt System.Math.PI) wider)
        ]
