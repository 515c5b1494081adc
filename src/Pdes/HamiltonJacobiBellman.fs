namespace MetaKan.Pdes

open System
open MathNet.Numerics.Integration
open MetaKan
open TorchSharp

/// A Hamilton–Jacobi–Bellman equation  u_t + Δu - |∇u|² = 0  in any dimension, from log((1 + |x|²)/2) at the end backwards:
/// control of a particle in noise. Han, Jentzen, E, PNAS 115 (2018), arXiv 1707.02568, section 4.2, where it is the equation of
/// the linear-quadratic Gaussian controller.
[<RequireQualifiedAccess>]
module HamiltonJacobiBellman =
    // u = -log E[2/(1 + |X|²)] for X = x + √(2τ) Z, τ = 1 - t (Cole and Hopf). With s = 2τ and 1/(1 + q) = ∫ e^(-λ(1 + q)) dλ,
    // E = 2 ∫ e^-λ (1 + 2λs)^(-d/2) exp(-λ|x|²/(1 + 2λs)) dλ over λ > 0, taken over z with λ = e^z.
    let private exact (d: int) (x: Tensor) : Tensor =
        let rule = GaussLegendreRule(-20.0, 5.0, 400)
        let place = Placement.ofTensor x
        let row (values: float[]) = Tensor.ofArray place [ 1L; int64 values.Length ] values
        let z, weights = row rule.Abscissas, row rule.Weights
        let squares = (x.narrow (1L, 0L, int64 d)).square().sum(1L, keepdim = true)
        let s = 2.0 * (1.0 - x.narrow (1L, int64 d, 1L))
        let rate = torch.exp z
        let spread = 1.0 + 2.0 * rate * s

        // In logarithms: in high dimension the power alone is below what a number holds.
        let logs = z - rate - 0.5 * float d * torch.log spread - rate * squares / spread + torch.log weights
        -(torch.logsumexp (logs, 1L, keepdim = true) + Math.Log 2.0)

    /// The problem in d dimensions and time up to 1, where noise leads from normal points; the end is built in.
    let problem (dimension: int) : Problem =
        let x, t, u = coordinates "x" dimension, coordinate "t", field "u"

        { Problem.create
              "hjb"
              (Domain.brownian dimension 1.0 1.0 0.0 1.0)
              [
                  for i in 1..dimension do
                      $"x{i}"
                  "t"
              ]
              [ "u" ]
              [ ("hjb", d u [ t ] + laplacian u x - gradSquared u x) ] with
            Exact = Some(exact dimension)
            Constraint =
                fun point net ->
                    let t = Jet.part dimension point
                    // |x|² by way of the whole point: unit directions then need no dense ones.
                    let squares = Jet.normSquared point - t * t
                    Jet.log (0.5 * squares + 0.5) + (1.0 - t) * net
        }
