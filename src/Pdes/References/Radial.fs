// Diffusion with a reaction in the whole of space, from a value at the end that depends on |x| alone: in d dimensions an
// equation in one, whatever d is. With y = |x|²/d and τ the time left,
//   w_τ = 2 w_y + (4y/d) w_yy + f(w),   w = 5/(10 + 2 d y) at τ = 0.
// In s = log(1 + d y/5), where the end is e^-s/2, solutions are smooth for any d: polynomials through Chebyshev's points, and
// Strang's splitting in time, extrapolated. Trefethen, "Spectral Methods in MATLAB" (2000), chapter 6.
namespace MetaKan.Pdes

open System
open MetaKan
open TorchSharp

[<RequireQualifiedAccess>]
module internal Radial =
    // Beyond, where y comes to be by chance hardly ever; what is wrong there comes no further than 2τ.
    let private furthest = 12.0
    let private nodes, private rows = 96, 256

    // Chebyshev's points on [0, 1], from 0, and the matrix of derivatives there.
    let private chebyshev: float[] * float[,] =
        let n = nodes - 1
        let x = [| for j in 0..n -> 0.5 - 0.5 * cos (Math.PI * float j / float n) |]
        let c j = (if j = 0 || j = n then 2.0 else 1.0) * (if j % 2 = 0 then 1.0 else -1.0)
        let d = Array2D.init nodes nodes (fun i j -> if i = j then 0.0 else c i / c j / (x[i] - x[j]))

        for i in 0..n do
            d[i, i] <- -(Seq.sum [ for j in 0..n -> d[i, j] ])

        x, d

    // A step of Runge's and Kutta's method for w' = f(w).
    let private react (f: Tensor -> Tensor) (h: float) (w: Tensor) : Tensor =
        let a = f w
        let b = f (w + 0.5 * h * a)
        let c = f (w + 0.5 * h * b)
        w + h / 6.0 * (a + 2.0 * b + 2.0 * c + f (w + h * c))

    let private solve (d: int) (span: float) (f: Tensor -> Tensor) : TimeTable =
        let d = float d
        let length = log (1.0 + d * furthest / 5.0)
        let column (values: float[]) = Tensor.ofArray Placement.cpu64 [ values.LongLength; 1L ] values
        let places, derivative = chebyshev
        let s = column [| for x in places -> x * length |]
        let first = torch.tensor (derivative, dtype = torch.float64, device = torch.CPU) / length
        let decay = torch.exp -s

        // 2 w_y + (4y/d) w_yy in s; the last point, where all comes from beyond, is given.
        let linear =
            let drift = 0.4 * d * decay
            let spread = 0.8 * (1.0 - decay) * decay
            let whole = (drift - spread) * first + spread * Tensor.product first first
            let isLast = torch.arange (nodes, dtype = torch.float64, device = torch.CPU)
            whole * isLast.lt((float (nodes - 1)).ToScalar()).``to``(torch.float64).unsqueeze 1L

        let last = int64 (nodes - 1)
        let value (y: float) = 5.0 / (10.0 + 2.0 * d * y)

        // Far out the value moves in and reacts; spread is nothing beside that.
        let beyond (time: float) =
            let steps = 8

            (column [| value (furthest + 2.0 * time) |], [ 1..steps ])
            ||> List.fold (fun w _ -> react f (time / float steps) w)

        // The values at times of so many steps a row.
        let march (steps: int) : Tensor list =
            let h = span / float (rows * steps)
            let move = torch.matrix_exp (linear * h)

            let step (w: Tensor, n: int) =
                fun () ->
                    let w = react f (h / 2.0) w |> Tensor.product move |> react f (h / 2.0)
                    torch.cat ([| w.narrow (0L, 0L, last); beyond (float (n + 1) * h) |], 0L)
                |> Tensor.scoped Seq.singleton
                |> fun w -> w, n + 1

            ((0.5 * decay, 0), [ 1..rows ])
            ||> List.scan (fun state _ -> (state, [ 1..steps ]) ||> List.fold (fun state _ -> step state))
            |> List.map fst

        let values =
            List.map2 (fun (coarse: Tensor) (fine: Tensor) -> (4.0 * fine - coarse) / 3.0) (march 2) (march 4)
            |> List.toArray

        // By the rows and not by the equation, whose derivatives feel the last point's values far from it. Fornberg, Math. Comp. 51
        // (1988).
        let slope (row: int) =
            let start = min (max 0 (row - 2)) (rows - 4)

            let weights =
                match row - start with
                | 0 -> [ -25.0; 48.0; -36.0; 16.0; -3.0 ]
                | 1 -> [ -3.0; -10.0; 18.0; -6.0; 1.0 ]
                | 2 -> [ 1.0; -8.0; 0.0; 8.0; -1.0 ]
                | 3 -> [ -1.0; 6.0; -18.0; 10.0; 3.0 ]
                | _ -> [ 3.0; -16.0; 36.0; -48.0; 25.0 ]

            weights
            |> List.mapi (fun n weight -> values[start + n] * (weight * float rows / (12.0 * span)))
            |> List.reduce (fun a b -> a + b)

        {
            Span = span
            Values = torch.stack (values, 0L)
            Slopes = torch.stack (Array.init (rows + 1) slope, 0L)
        }

    // The weights [N, nodes] of the values at Chebyshev's points at places x [N] in [0, 1], by the barycentric formula; Berrut and
    // Trefethen, SIAM Review 46 (2004).
    let private weights (x: Tensor) : Tensor =
        let places = Tensor.ofArray Placement.cpu64 [ 1L; int64 nodes ] (fst chebyshev)

        let signs =
            [|
                for j in 0 .. nodes - 1 ->
                    (if j = 0 || j = nodes - 1 then 0.5 else 1.0) * (if j % 2 = 0 then 1.0 else -1.0)
            |]
            |> Tensor.ofArray Placement.cpu64 [ 1L; int64 nodes ]

        let apart = x.unsqueeze -1L - places
        let hits = apart.abs().lt((1e-15).ToScalar())
        let terms = signs / apart.masked_fill (hits, 1.0.ToScalar())
        let weights = terms / terms.sum (1L, keepdim = true)
        let isHit = hits.any (1L, keepdim = true)
        torch.where (isHit, hits.``to`` torch.float64, weights)

    /// u [N, 1] at points x_1 … x_d, t in [0, span] of u_t + Δu + f(u) = 0 with u = 5/(10 + 2|x|²) at the end.
    let fields (d: int) (span: float) (f: Tensor -> Tensor) : Tensor -> Tensor =
        let table =
            Reference.kept (fun () ->
                let table = solve d span f
                [ table.Values; table.Slopes ])

        let length = log (1.0 + float d * furthest / 5.0)

        Reference.ofPoints (d + 1) (fun x ->
            let squares = (x.narrow (1L, 0L, int64 d)).square().sum 1L
            let s = (torch.log1p (squares / 5.0) / length).clamp_max(1.0.ToScalar())
            let left = span - Reference.column d x

            let places =
                torch.arange(nodes, dtype = torch.int64, device = torch.CPU).unsqueeze(0L).expand(x.size 0, -1L)

            TimeTable.read { Span = span; Values = table.Value[0]; Slopes = table.Value[1] } left places (weights s))
