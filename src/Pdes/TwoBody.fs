// The two-body test solution in the unit ball, on which Poisson and Allen–Cahn are posed.
// Hu et al., SDGD (arXiv 2307.12306), section 5.1; MetaKAN (arXiv 2506.07549), section 4.3:
//   u*(x) = (1 - |x|²) Σ_{i=1}^{d-1} c_i sin(x_i + cos x_{i+1} + x_{i+1} cos x_i),  c ~ N(0, 1).
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The solution's coefficients c [d-1].
type TwoBody = { Coefficients: float[] }

/// The solution u*(x) = (1 - |x|²) Σ c_i sin(x_i + cos x_{i+1} + x_{i+1} cos x_i) and its Laplacian.
[<RequireQualifiedAccess>]
module TwoBody =
    /// Coefficients for d ≥ 2 dimensions; a seed gives those that the reference code draws from it.
    let ofSeed (seed: int) (d: int) : TwoBody = { Coefficients = ReferenceSeed.normal seed (d - 1) }

    /// d, the dimension.
    let dimension (body: TwoBody) = body.Coefficients.Length + 1

    let private parts (body: TwoBody) (x: Tensor) =
        let n = int64 body.Coefficients.Length
        let a, b = x.narrow (1L, 0L, n), x.narrow (1L, 1L, n)
        let c = body.Coefficients |> Tensor.ofArray (Placement.ofTensor x) [ 1L; n ]
        c, a, b, a + torch.cos b + b * torch.cos a

    let private total (t: Tensor) = t.sum (1L, keepdim = true)

    /// u* [N, 1] at x [N, d].
    let solution (body: TwoBody) (x: Tensor) : Tensor =
        let c, _, _, g = parts body x
        (1.0 - total (x * x)) * total (c * torch.sin g)

    /// Δu* [N, 1], in closed form: with u = A·B, Δu = A ΔB - 4 x·∇B - 2 d B.
    let laplacian (body: TwoBody) (x: Tensor) : Tensor =
        let c, a, b, g = parts body x
        let sin, cos = c * torch.sin g, c * torch.cos g
        let cosA, cosB = torch.cos a, torch.cos b
        let byA = 1.0 - b * torch.sin a
        let byB = cosA - torch.sin b
        let laplacianB = total (-sin * (byA * byA + byB * byB) - cos * (b * cosA + cosB))
        let radial = total (cos * (a * byA + b * byB))

        (1.0 - total (x * x)) * laplacianB - 4.0 * radial - 2.0 * float (dimension body) * total sin

    /// The problem in the unit ball for this solution, u = (1 - |x|²)·net(x), of an equation left(u, Δu) = source.
    let internal problem
        (name: string)
        (body: TwoBody)
        (left: Term -> Term -> Term)
        (source: Tensor -> Tensor)
        : Problem =
        let d = dimension body
        let x, u = coordinates "x" d, field "u"
        let names = [ for i in 1..d -> $"x{i}" ]
        let residual = left u (Language.laplacian u x) - given "source" source

        { Problem.create name (Domain.centredBall d 1.0) names [ "u" ] [ name, residual ] with
            Constraint = fun x net -> (1.0 - Jet.normSquared x) * net
            Exact = Some(solution body)
        }
