// Δu = -1 in [-1, 1]² without [0, 1]², u = 0 on its sides (Lu et al., DeepXDE, SIAM Review 63 (2021), section 4.1). u + r²/4 is
// harmonic: the real part of a rational function with poles that crowd at the corners, fitted on the sides by least squares
// (Gopal & Trefethen, SIAM J. Numer. Anal. 57 (2019), 2074-2094). By the maximum principle its error is nowhere larger than on
// the sides.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal LShape =
    /// The corners in order, each with the direction of its outer bisector as an angle over π/4.
    let private corners =
        [ 0.0, 0.0, 1.0; 0.0, 1.0, 1.0; -1.0, 1.0, 3.0; -1.0, -1.0, -3.0; 1.0, -1.0, -1.0; 1.0, 0.0, 1.0 ]

    let private row (numbers: float list) =
        Tensor.ofArray Placement.cpu64 [ 1L; int64 numbers.Length ] (List.toArray numbers)

    /// Real and imaginary parts of the rational functions [N, terms] at points [N, 2].
    let private functions (poles: int) (degree: int) (points: Tensor) =
        let each =
            [
                for x, y, angle in corners do
                    for k in 1..poles do
                        let d = exp (-4.0 * (sqrt (float poles) - sqrt (float k)))
                        let direction = angle * Math.PI / 4.0
                        d, x + d * cos direction, y + d * sin direction
            ]

        let x, y = points.narrow (1L, 0L, 1L), points.narrow (1L, 1L, 1L)
        let distance, px, py = List.unzip3 each
        let dx, dy = x - row px, y - row py
        let scaled = row distance / (dx * dx + dy * dy)
        // Polynomials by modulus and angle, around a point inside and of a size about 1.
        let zx, zy = x + 0.2, y + 0.2
        let n = row [ for n in 0..degree -> float n ]
        let size = torch.pow (torch.sqrt (zx * zx + zy * zy) / 1.5, n)
        let angle = torch.atan2 (zy, zx) * n

        let sines = (size * torch.sin angle).narrow(1L, 1L, int64 degree)
        torch.cat ([| dx * scaled; dy * scaled; size * torch.cos angle; sines |], 1L)

    /// Points [6 n, 2] on the sides, crowded at the corners.
    let private sides (n: int) =
        let s = (torch.tanh (Reference.spaced -12.0 (24.0 / float (n - 1)) n) + 1.0) / 2.0

        let side ((x, y, _), (x', y', _)) = torch.stack ([| x + (x' - x) * s; y + (y' - y) * s |], 1L)

        let all = corners @ [ corners.Head ] |> List.pairwise |> List.map side
        torch.cat (List.toArray all, 0L)

    let private square (points: Tensor) = (points * points).sum(1L, keepdim = true)

    /// u [N, 1] at points (x, y) [N, 2] of the region, by so many poles at each corner.
    let byPoles (poles: int) : Tensor -> Tensor =
        let terms = functions poles 24

        let weights =
            Reference.kept (fun () ->
                let points = sides (20 * poles)
                [ LeastSquares.solve 1e-13 (terms points) (square points / 4.0) ])


        Reference.ofPoints 2 (fun points -> Tensor.product (terms points) weights.Value[0] - square points / 4.0)

    /// u [N, 1] at points (x, y) [N, 2] of the region.
    let poisson: Tensor -> Tensor = byPoles 48
