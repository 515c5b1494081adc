// A formula's constants fitted to data, by Levenberg's and Marquardt's steps from where they are.
// Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", SIAM J. Appl. Math. 11 (1963).
namespace MetaKan.Fitting

open MetaKan
open MetaKan.Symbolic
open TorchSharp

/// Formulas against data: how far off they are, and their constants where they are closest.
[<RequireQualifiedAccess>]
module FormulaFit =
    /// The values [N] of a formula at points x [N, n], whose columns have names.
    let values (names: string list) (x: Tensor) (formula: Expression) : Tensor =
        let columns = Map(List.mapi (fun i name -> name, x.select (1L, int64 i)) names)
        Expression.evaluate (x.select (1L, 0L)) (fun name -> columns[name]) formula

    /// The mean square of a formula's values less y [N, 1], at points x [N, n]; infinite where a value is no number.
    let error (names: string list) (x: Tensor) (y: Tensor) (formula: Expression) : float =
        use _ = torch.no_grad ()
        use _ = torch.NewDisposeScope()
        let error = Tensor.item ((values names x formula - y.select (1L, 0L)).square().mean())
        if System.Double.IsFinite error then error else infinity

    /// Up to 100 of the points x [N, n], whose columns have names, as `Tidy.formula` takes them.
    let places (names: string list) (x: Tensor) : (string -> float) list =
        Tensor.toArray (x.narrow (0L, 0L, min 100L (x.size 0)))
        |> Array.chunkBySize names.Length
        |> Array.map (fun row ->
            let values = Map(Seq.zip names row)
            fun name -> values[name])
        |> List.ofArray

    /// How much there is to read: the leaves and the operators between them.
    let rec complexity (e: Expression) : int =
        match e with
        | Number _
        | Variable _ -> 1
        | Sum parts
        | Product parts -> List.sumBy complexity parts + max 0 (parts.Length - 1)
        | Power(a, Number -1.0) -> 1 + complexity a
        | Power(a, b) -> 1 + complexity a + complexity b
        // exp(-u^2)
        | Call(Function.Gaussian, a) -> 5 + complexity a
        | Call(_, a) -> 1 + complexity a

    // Numbers that are known already: whole ones, and those that formulas spell out.
    let private isFixed (v: float) = System.Double.IsInteger v || (KnownNumber.spelled v).IsSome

    // The formula with its free constants as variables of their own, and their values.
    let private freed (e: Expression) : Expression * float[] =
        let constants = ResizeArray<float>()

        let change e =
            match e with
            | Number v when not (isFixed v) ->
                constants.Add v
                // No variable has a blank in its name.
                Variable $" {constants.Count - 1}"
            | other -> other

        let formula = Expression.mapLeaves change e
        formula, constants.ToArray()

    /// The formula with its constants where the mean square of its values less y [N, 1] is least near the given ones, at
    /// points x [N, n]. Whole numbers and those that are spelled out, as multiples of π/2, stay.
    let polish (names: string list) (x: Tensor) (y: Tensor) (formula: Expression) : Expression =
        let free, start = freed formula

        if start.Length = 0 || List.isEmpty (Expression.variables formula) then
            formula
        else
            use _ = torch.NewDisposeScope()
            let columns = Map(List.mapi (fun i name -> name, x.select (1L, int64 i)) names)
            let y = y.select (1L, 0L)

            // Values, and slopes [N, K] by the constants, each with a copy for every point: the points are independent.
            let look (constants: float[]) (slopes: bool) =
                let copies = constants |> Array.map (fun c -> torch.full_like(y, c.ToScalar()).requires_grad_ slopes)

                use _ = if slopes then torch.enable_grad () else torch.no_grad ()

                let values =
                    Expression.evaluate y (fun name -> if name[0] = ' ' then copies[int name] else columns[name]) free

                values.detach (),
                if slopes then
                    torch.stack (Autograd.gradients false [| values.sum () |] null copies, 1L)
                else
                    torch.empty 0L

            let errorOf (values: Tensor) =
                let error = Tensor.item ((values - y).square().mean())
                if System.Double.IsFinite error then error else infinity

            let rec go left idle damping (constants: float[]) error =
                if left = 0 || idle = 4 || error = 0.0 then
                    constants
                else
                    use scope = torch.NewDisposeScope()
                    let values, slopes = look constants true
                    let slopes = torch.nan_to_num (slopes, 0.0, 0.0, 0.0)
                    let norms = slopes.square().sum(0L).sqrt().clamp_min(1e-30.ToScalar())
                    let slopes = slopes / norms
                    let k = int64 constants.Length
                    let gram = Tensor.product (slopes.t ()) slopes
                    let damped = gram + torch.eye (k, dtype = x.dtype, device = x.device) * (damping + 1e-15)
                    let right = Tensor.product (slopes.t ()) ((y - values).unsqueeze 1L)
                    let struct (_, info) = torch.linalg.cholesky_ex damped

                    let next =
                        if info.item<int>() <> 0 then
                            None
                        else
                            let moved = torch.linalg.solve(damped, right).squeeze 1L / norms
                            let next = Array.map2 (+) constants (Tensor.toArray moved)
                            let error' = errorOf (fst (look next false))
                            if error' < error then Some(next, error') else None

                    scope.Dispose()

                    match next with
                    | Some(next, error') ->
                        let idle = if error' > 0.999999 * error then idle + 1 else 0
                        go (left - 1) idle (damping * 0.1) next error'
                    | None -> go (left - 1) (idle + 1) (max 1e-12 damping * 30.0) constants error

            let best = go 40 0 1e-3 start (errorOf (fst (look start false)))

            free
            |> Expression.substitute (fun name -> if name[0] = ' ' then Some(Number best[int name]) else None)
