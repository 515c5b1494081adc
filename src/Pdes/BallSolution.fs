// Test solutions in the unit ball in which neighbouring coordinates meet: they are no sums of functions of one coordinate
// each, in any number of dimensions.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// The solution u*(x) = (1 - |x|²) Σ c_i f(x_i, x_{i+1}, …), zero on the unit sphere.
type BallSolution =
    {
        /// c, one number for each group of neighbours.
        Coefficients: float[]
        /// How many neighbours meet.
        Bodies: int
        /// f of every group of neighbours among m coordinates [N, m], and, where they are asked for, x·∇f and Δf of each:
        /// [N, m - Bodies + 1].
        Interaction: Tensor -> Tensor * Lazy<Tensor * Tensor>
    }

/// A solution in the unit ball, its Laplacian, and equations that have it.
[<RequireQualifiedAccess>]
module BallSolution =
    /// d, the dimension.
    let dimension (solution: BallSolution) : int = solution.Coefficients.Length + solution.Bodies - 1

    let private total (t: Tensor) = t.sum (1L, keepdim = true)

    // Numbers of a term at a time, so that what is worked with stays in the cache, however many points and dimensions there are.
    let private atOnce = 1 <<< 16

    // Points at a time, where there are many dimensions.
    let private together = 64

    // Σ c_i t_i [N, 1] of terms t [N, n] of neighbours.
    let private sums (solution: BallSolution) (terms: Tensor -> Tensor list) (x: Tensor) : Tensor list =
        let count = solution.Coefficients.Length

        let ofPoints (x: Tensor) : Tensor list =
            let stretch = max 1 (atOnce / max 1 (int (x.size 0)))

            [
                for start in 0..stretch .. count - 1 ->
                    fun () ->
                        let n = min stretch (count - start)
                        let stretch = System.ArraySegment(solution.Coefficients, start, n).ToArray()
                        let c = Tensor.ofArray (Placement.ofTensor x) [ int64 n; 1L ] stretch

                        x.narrow (1L, int64 start, int64 (n + solution.Bodies - 1))
                        |> terms
                        |> List.map (fun t -> Tensor.product t c)
                    |> Tensor.scoped Seq.ofList
            ]
            |> List.reduce (List.map2 (fun a b -> a + b))

        x.split (int64 (max together (atOnce / count)))
        |> Seq.map ofPoints
        |> List.ofSeq
        |> List.transpose
        |> List.map (fun parts -> torch.cat (List.toArray parts, 0L))

    let private bound (x: Tensor) = 1.0 - total (x * x)

    /// u* [N, 1] at x [N, d].
    let value (solution: BallSolution) (x: Tensor) : Tensor =
        bound x * (sums solution (fun part -> [ fst (solution.Interaction part) ]) x).Head

    /// u* and Δu*, each [N, 1], in closed form: with u = A·B, Δu = A ΔB - 4 x·∇B - 2 d B.
    let internal both (solution: BallSolution) (x: Tensor) : Tensor * Tensor =
        let terms part =
            let f, more = solution.Interaction part
            [ f; fst more.Value; snd more.Value ]

        let sums = sums solution terms x
        let a, b, radial, laplacian = bound x, sums[0], sums[1], sums[2]
        a * b, a * laplacian - 4.0 * radial - 2.0 * float (dimension solution) * b

    /// Δu* [N, 1] at x [N, d].
    let laplacian (solution: BallSolution) (x: Tensor) : Tensor = snd (both solution x)

    /// The problem in the unit ball for this solution, u = (1 - |x|²)·net(x), of an equation left(u, Δu) = source.
    let internal problem
        (name: string)
        (solution: BallSolution)
        (left: Term -> Term -> Term)
        (source: Tensor -> Tensor)
        : Problem =
        let d = dimension solution
        let name = if solution.Bodies = 2 then name else $"{name}-three-body"
        let x, u = coordinates "x" d, field "u"
        let names = [ for i in 1..d -> $"x{i}" ]
        let residual = left u (Language.laplacian u x) - given "source" source

        { Problem.create name (Domain.centredBall d 1.0) names [ "u" ] [ name, residual ] with
            Constraint = fun x net -> (1.0 - Jet.normSquared x) * net
            Exact = Some(value solution)
        }
