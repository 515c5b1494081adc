// Steady flow in the unit square under a lid that moves with speed 1, by its stream function ψ, u = ψ_y, v = -ψ_x:
//   Δ²ψ = Re (ψ_y Δψ_x - ψ_x Δψ_y),  ψ = 0 and ψ_n = 0 on the walls, ψ = 0 and ψ_y = 1 on the lid.
// ψ is the creeping flow in the two corners under the lid, where u jumps (Batchelor, An Introduction to Fluid Dynamics,
// section 4.8), and a sum of products of Chebyshev polynomials and of what inertia adds in these corners (Botella & Peyret,
// Computers & Fluids 27 (1998), 421-433), fitted to the equation inside and to the conditions on the sides by Newton's method.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Cavity =
    /// Derivatives [N, terms] of ψ's terms at N points.
    type private Terms =
        { Psi: Tensor; X: Tensor; Y: Tensor; LaplacianX: Tensor; LaplacianY: Tensor; Bilaplacian: Tensor }

    let private map2 (f: Tensor -> Tensor -> Tensor) (a: Terms) (b: Terms) =
        {
            Psi = f a.Psi b.Psi
            X = f a.X b.X
            Y = f a.Y b.Y
            LaplacianX = f a.LaplacianX b.LaplacianX
            LaplacianY = f a.LaplacianY b.LaplacianY
            Bilaplacian = f a.Bilaplacian b.Bilaplacian
        }

    let private beside a b = map2 (fun a b -> torch.cat ([| a; b |], 1L)) a b

    /// Terms of both corners under the lid, from those of one by its distance from the wall and the lid: the other's are their
    /// mirror image.
    let private corners join (terms: Tensor -> Tensor -> Terms) (x: Tensor) (y: Tensor) =
        let left, right = terms x (1.0 - y), terms (1.0 - x) (1.0 - y)

        { right with X = -right.X; LaplacianX = -right.LaplacianX } |> join left

    /// r, θ, cos θ and sin θ of a point; where r is 0, θ is 0 too, so that a corner moves with the lid.
    let private polar (x: Tensor) (depth: Tensor) =
        let angle = torch.atan2 (depth, x)
        (x * x + depth * depth).sqrt().clamp_min(1e-150.ToScalar()), angle, torch.cos angle, torch.sin angle

    /// ψ = γ r (θ cos θ + (π/2 θ - π²/4) sin θ) [N, 1]: u = 1 where θ is 0, and u = v = 0 where it is π/2.
    let private creeping (x: Tensor) (depth: Tensor) =
        let r, angle, cos, sin = polar x depth
        let gamma, right = 1.0 / (Math.PI * Math.PI / 4.0 - 1.0), Math.PI / 2.0
        let along, turned = cos + right * sin, right * cos - sin
        let rest = right * (angle - right)
        let laplacian = 2.0 * gamma / (r * r)

        {
            Psi = gamma * r * (angle * cos + rest * sin)
            X = gamma * (angle - along * sin)
            Y = -gamma * (rest + along * cos)
            LaplacianX = laplacian * (right - 2.0 * turned * cos)
            LaplacianY = laplacian * (1.0 + 2.0 * turned * sin)
            Bilaplacian = torch.zeros_like angle
        }

    /// The derivatives of orders 0 to 4 of Chebyshev's T₀ … T_n on the interval from 0 to `length`, at x [N, 1], each
    /// [N, n + 1].
    let private polynomials (n: int) (length: float) (x: Tensor) =
        (Chebyshev.basis n).Derivatives [ 0..4 ] (2.0 / length * x - 1.0)
        |> List.mapi (fun p (values: Tensor) -> values.squeeze 1L * (2.0 / length) ** float p)
        |> List.toArray

    /// rᵏ f(θ) for polynomials f up to degree n. From ψ ~ r inertia adds k = 2 first, then 3.
    let private inertial (n: int) (k: int) (x: Tensor) (depth: Tensor) =
        let r, angle, cos, sin = polar x depth
        let f = polynomials n (Math.PI / 2.0) angle
        let power (p: int) = torch.pow (r, (float p).ToScalar())
        let k' = float k
        // Δψ = rᵏ⁻² g(θ).
        let g p = k' * k' * f[p] + f[p + 2]
        let outward, around = k' - 2.0, power (k - 3)

        {
            Psi = power k * f[0]
            X = power (k - 1) * (k' * cos * f[0] - sin * f[1])
            Y = -power(k - 1) * (k' * sin * f[0] + cos * f[1])
            LaplacianX = around * (outward * cos * g 0 - sin * g 1)
            LaplacianY = -around * (outward * sin * g 0 + cos * g 1)
            Bilaplacian = power (k - 4) * (outward * outward * g 0 + g 2)
        }

    /// Products of polynomials of x and y up to degree n in each.
    let private products (n: int) (x: Tensor) (y: Tensor) =
        let px, py = polynomials n 1.0 x, polynomials n 1.0 y
        let at a b = (px[a].unsqueeze 2L * py[b].unsqueeze 1L).flatten(1L, 2L)

        {
            Psi = at 0 0
            X = at 1 0
            Y = at 0 1
            LaplacianX = at 3 0 + at 1 2
            LaplacianY = at 2 1 + at 0 3
            Bilaplacian = at 4 0 + 2.0 * at 2 2 + at 0 4
        }

    /// The terms with known coefficients [N, 1], and those with unknown ones.
    let private parts (degree: int) (x: Tensor) (y: Tensor) =
        let inertial = [ 2; 3 ] |> List.map (fun k -> corners beside (inertial 8 k) x y)
        corners (map2 (+)) creeping x y, List.fold beside (products degree x y) inertial

    /// The unknown coefficients [terms, 1].
    let private fit (reynolds: float) (degree: int) =
        let n = degree + 6
        // Gauss' points between 0 and 1.
        let nodes = 0.5 - 0.5 * torch.cos (Reference.spaced (Math.PI / float (2 * n)) (Math.PI / float n) n)

        // The matrix and what it times the coefficients should be, for ψ and its normal derivative on a side.
        let side (slope: Terms -> Tensor) (speed: float) (x: Tensor) (y: Tensor) =
            let known, terms = parts degree (x.unsqueeze 1L) (y.unsqueeze 1L)
            torch.cat ([| terms.Psi; slope terms |], 0L), torch.cat ([| -known.Psi; speed - slope known |], 0L)

        let low, high = torch.zeros_like nodes, torch.ones_like nodes

        let matrices, wanted =
            [|
                side _.X 0.0 low nodes
                side _.X 0.0 high nodes
                side _.Y 0.0 nodes low
                side _.Y 1.0 nodes high
            |]
            |> Array.unzip

        // Conditions weigh more than the equation, and the equation less towards the sides, where inertia is infinite at two
        // corners and rounding errors of fourth derivatives are largest.
        let matrix, wanted = 1e3 * torch.cat (matrices, 0L), 1e3 * torch.cat (wanted, 0L)
        let x, y = nodes.repeat_interleave(int64 n).unsqueeze 1L, nodes.repeat([| int64 n |]).unsqueeze 1L
        let weight = (x * (1.0 - x) * y * (1.0 - y)).pow(1.5.ToScalar())
        let known, terms = parts degree x y

        let newton (c: Tensor) _ =
            let total (pick: Terms -> Tensor) = Tensor.product (pick terms) c + pick known
            let u, minusV = total _.Y, total _.X
            let alongX, alongY = total _.LaplacianX, total _.LaplacianY

            let slopes =
                terms.Bilaplacian
                - reynolds * (u * terms.LaplacianX + alongX * terms.Y - minusV * terms.LaplacianY - alongY * terms.X)

            let residual = total _.Bilaplacian - reynolds * (u * alongX - minusV * alongY)

            c
            + LeastSquares.solve
                1e-10
                (torch.cat ([| weight * slopes; matrix |], 0L))
                (torch.cat ([| -weight * residual; wanted - Tensor.product matrix c |], 0L))

        let start = torch.zeros ([| terms.Psi.size 1; 1L |], dtype = torch.float64, device = torch.CPU)
        Seq.fold newton start (seq { 1..5 })

    // What `read` makes of ψ's known terms and, summed up, of the others, by polynomials up to a degree.
    let private total
        (degree: int)
        (reynolds: float)
        (read: ((Terms -> Tensor) -> Tensor) -> Tensor)
        : Tensor -> Tensor =
        let coefficients = Reference.kept (fun () -> [ fit reynolds degree ])

        Reference.ofPoints 2 (fun points ->
            let known, terms = parts degree (points.narrow (1L, 0L, 1L)) (points.narrow (1L, 1L, 1L))
            read (fun part -> part known + Tensor.product (part terms) coefficients.Value[0]))

    /// u and v [N, 2] at points (x, y) [N, 2], by polynomials up to a degree.
    let byDegree (degree: int) (reynolds: float) : Tensor -> Tensor =
        total degree reynolds (fun sum -> torch.cat ([| sum _.Y; -(sum _.X) |], 1L))

    /// u and v [N, 2] at points (x, y) [N, 2] for Re about 100, where they are good to 4e-5 in the mean square, and to 2e-3 beside the
    /// ends of the lid.
    let flow: float -> Tensor -> Tensor = byDegree 24

    /// ψ [N, 1] of the same flow.
    let stream (reynolds: float) : Tensor -> Tensor = total 24 reynolds (fun sum -> sum _.Psi)
