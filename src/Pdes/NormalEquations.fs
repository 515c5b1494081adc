// Damped least squares of residuals, by what the products of their Jacobian's rows, or of its columns, add up to. The Jacobian
// is made in blocks that fit the memory: of columns, as layers have them, of rows where these are still too large; in one
// where it fits as a whole.
// By rows: Guzmán-Cordero et al. (arXiv 2505.12149), section 3; layers of it for networks in physics: Novak, Sohl-Dickstein,
// Schoenholz, "Fast Finite Width Neural Tangent Kernel" (arXiv 2206.08720), on sums over parameters.
namespace MetaKan.Pdes

open MetaKan
open TorchSharp

/// Columns of a Jacobian, those of the parameters named, and in what runs of pieces its rows are made.
type internal Columns = { Names: Set<string>; Runs: int list list }

/// How a Jacobian is made: points together in a piece, and its columns.
type internal JacobianPlan = { Together: int64; Columns: Columns list; ByPoints: bool }

/// Least squares about a step's parameters.
type internal NormalEquations =
    {
        /// The residuals r [M].
        Residuals: Tensor
        /// From a damping, d [P] and what its linear model promises, |r|² - |r - J d|²; None where rounding is in the way.
        Solve: float -> (Tensor * float) option
    }

[<RequireQualifiedAccess>]
module internal NormalEquations =
    // Bytes of a matrix of products in double precision: itself, damped, its factor, and on the way.
    let private bytesOfProducts (size: int64) = 4L * 8L * size * size

    /// The least bytes that steps take with so many residuals, so many of them at one point, and parameters of such sizes.
    let least (bytes: int64) (residuals: int64) (atOnce: int64) (sizes: int64 list) : int64 =
        let parameters = List.sum sizes
        let block = if residuals > parameters then parameters else 2L * List.max sizes + 1L
        bytesOfProducts (min residuals parameters) + 2L * bytes * atOnce * (block + 1L)

    // Neighbours together while their sizes add up to no more than a limit.
    let private packed (limit: int64) (sizeOf: 'a -> int64) (items: 'a list) : 'a list list =
        (([], 0L), items)
        ||> List.fold (fun (groups, size) item ->
            match groups with
            | group :: others when size + sizeOf item <= limit -> (item :: group) :: others, size + sizeOf item
            | _ -> [ item ] :: groups, sizeOf item)
        |> fst
        |> List.map List.rev
        |> List.rev

    /// How the Jacobian of a step is made in so many bytes: half of what the products leave is for a block of it, half for the
    /// points that are in work at a time.
    let plan (limit: int64) (residuals: StepResiduals) (p: Params) : JacobianPlan * ResidualPieces =
        let like = Placement.ofTensor (Seq.head p.Values)
        let bytes = if like.DType = torch.float64 then 8L else 4L
        let sizes = p |> Map.toList |> List.map (fun (name, t) -> name, t.numel ())
        let columns = List.sumBy snd sizes
        let rows = residuals.Groups |> List.sumBy (fun group -> group.Points * group.Terms)
        let half = max 0L (limit - bytesOfProducts (min rows columns)) / (2L * bytes)
        let byPoints = rows <= columns

        // Rows of a block with so many columns, two of which are held at a time where rows are multiplied with one another.
        let rowsOf (size: int64) =
            if rows * (size + 1L) <= half then rows
            elif byPoints then half / (2L * (size + 1L))
            else half / (size + 1L)

        let blocks =
            if byPoints then sizes |> packed (half / rows - 1L) snd else [ sizes ]
            |> List.map (fun names -> set (List.map fst names), rowsOf (List.sumBy snd names))

        let together =
            let terms = residuals.Groups |> List.map _.Terms |> List.max
            let working = int64 (Workers.count like.Device) * residuals.NumbersPerPoint p

            List.min [ Residuals.together; half / working; (blocks |> List.map snd |> List.min) / terms ]
            |> max 1L

        let pieces = residuals.InPieces together
        let numbered = List.indexed pieces.Counts

        {
            Together = together
            Columns =
                [
                    for names, rows in blocks ->
                        { Names = names; Runs = numbered |> packed rows snd |> List.map (List.map fst) }
                ]
            ByPoints = byPoints
        },
        pieces

    // The lower triangle of A Aᵀ, on several threads and ranks; beside the diagonal there are zeros above it, or more of it.
    let private gram (a: Tensor) : Tensor =
        let n = a.size 0
        let rows = max 1L ((n + 15L) / 16L)
        let turned = a.t ()

        a.split rows
        |> List.ofArray
        |> List.mapi (fun i part -> part, min n (int64 (i + 1) * rows))
        |> Ranks.rows (Placement.ofTensor a) (fun (part, width) ->
            [
                torch.nn.functional.pad (Tensor.product part (turned.narrow (1L, 0L, width)), [| 0L; n - width |])
            ])

    let private times (a: Tensor) (x: Tensor) : Tensor = (Tensor.product a (x.unsqueeze -1L)).squeeze -1L
    let private scoped (make: unit -> Tensor) : Tensor = Tensor.scoped Seq.singleton make
    let private double (t: Tensor) : Tensor = t.``to`` torch.float64

    // The sums of the columns' squares, without a matrix like j.
    let private squares (j: Tensor) : Tensor =
        j.split 64L
        |> Array.map (fun rows -> scoped (fun () -> rows.square().sum 0L))
        |> Array.reduce (fun a b -> a.add_ b)

    /// What each parameter is counted in [P], from the sums of squares of its derivatives: the fourth root of these, relative
    /// to all. A step is damped half way between Levenberg's way, all parameters alike, and Marquardt's, each by its own; in
    /// 10 dimensions MetaKANs, whose embeddings and generators differ most, come to a tenth of the error. Moré, "The
    /// Levenberg-Marquardt algorithm" (1978), section 4, on scaling.
    let scales (squares: Tensor) : Tensor =
        // Parameters that nothing depends on here are not let loose.
        (squares / squares.mean () + 1e-3).pow(-0.25.ToScalar())

    // A symmetric matrix times x, from its lower triangle with zeros above, which is all that Cholesky reads, too.
    let private timesLower (lower: Tensor) (x: Tensor) : Tensor =
        times lower x + times (lower.t ()) x - lower.diagonal () * x

    // x with (A + λ) x = y, λ relative to the mean diagonal of A, of which the lower triangle is given in double precision.
    let private damped (a: Tensor) (y: Tensor) (damping: float) : Tensor option =
        fun () ->
            let matrix = a.clone ()
            matrix.diagonal().add_(a.diagonal().mean() * damping) |> ignore
            let struct (factor, info) = torch.linalg.cholesky_ex matrix

            if info.item<int>() <> 0 then
                None
            else
                Some(torch.cholesky_solve(y.unsqueeze -1L, factor).squeeze -1L)
        |> Tensor.scoped (Option.toList >> Seq.ofList)

    let private split (table: Tensor) = table.select (1L, 0L), table.narrow (1L, 1L, table.size 1 - 1L)

    // By products of rows: K = J S² Jᵀ, d = m + S² Jᵀ a with (K + λ) a = r - J m.
    let private byPoints (pieces: ResidualPieces) (columns: Columns list) (p: Params) (start: Tensor option) =
        let make names run = pieces.Rows p names run

        // The whole of it is made once.
        let kept =
            match columns with
            | [ { Names = names; Runs = [ run ] } ] -> Some(make names run)
            | _ -> None

        let block names run = kept |> Option.defaultWith (fun () -> make names run) |> split

        let found =
            [
                for { Names = names; Runs = runs } in columns ->
                    [
                        for run in runs ->
                            (fun () ->
                                let r, j = block names run
                                r.clone (), squares j)
                            |> Tensor.scoped (fun (r, s) -> [ r; s ])
                    ]
            ]

        let r = found.Head |> List.map fst |> List.toArray |> torch.cat
        let sums = found |> List.map (List.map snd >> List.reduce (+)) |> List.toArray
        let scales = scales (torch.cat sums)
        let scalesOf = scales.split [| for t in sums -> t.numel () |]
        let start = start |> Option.map (fun m -> m / scales)
        let startOf = start |> Option.map _.split([| for t in sums -> t.numel () |])
        let zeros (shape: int64[]) = torch.zeros (shape, dtype = torch.float64, device = r.device)
        let products, along = zeros [| r.numel (); r.numel () |], zeros [| r.numel () |]

        for i, ({ Names = names; Runs = runs }, scales) in Seq.indexed (Seq.zip columns scalesOf) do
            let scaled run = (snd (block names run)).mul_ scales

            // A run with itself and with those below it, and where these begin; it is gone before the next is made.
            let multiplied (top: int64) (run: int list) (below: int list list) : int64 =
                use _ = torch.NewDisposeScope()
                let j = scaled run
                let n = j.size 0
                products.narrow(0L, top, n).narrow(1L, top, n).add_(gram j) |> ignore

                startOf |> Option.iter (fun start -> along.narrow(0L, top, n).add_(times j start[i]) |> ignore)

                (top + n, below)
                ||> List.fold (fun at run ->
                    use _ = torch.NewDisposeScope()
                    let other = scaled run
                    let m = other.size 0
                    products.narrow(0L, at, m).narrow(1L, top, n).add_(Tensor.product other (j.t ())) |> ignore
                    at + m)
                |> ignore

                top + n

            let rec multiply (top: int64) (runs: int list list) =
                match runs with
                | [] -> ()
                | run :: below -> multiply (multiplied top run below) below

            multiply 0L runs

        let products = products.tril_ ()

        let turned (a: Tensor) =
            match kept with
            | Some table -> times ((snd (split table)).t()) a
            | None -> pieces.Pullback p a * scales

        {
            Residuals = r
            Solve =
                fun damping ->
                    damped products (double r - along) damping
                    |> Option.map (fun a ->
                        let d = turned (a.``to`` r.dtype)
                        let along = along + timesLower products a

                        scales
                        * (match start with
                           | Some m -> m + d
                           | None -> d),
                        Tensor.item ((along * (2.0 * double r - along)).sum()))
        }

    // By products of columns, G = S JᵀJ S: d = m + S y with (G + λ) y = S Jᵀ (r - J m).
    let private byParameters (pieces: ResidualPieces) (columns: Columns list) (p: Params) (start: Tensor option) =
        let size = Params.count p
        let like = Seq.head p.Values
        let zeros shape = torch.zeros ((shape: int64[]), dtype = torch.float64, device = like.device)
        let products, right = zeros [| size; size |], zeros [| size |]

        let r =
            [|
                for { Names = names; Runs = runs } in columns do
                    for run in runs ->
                        scoped (fun () ->
                            let r, j = pieces.Rows p names run |> split
                            let turned = j.t().contiguous()
                            products.add_ (gram turned) |> ignore
                            right.add_ (times turned r) |> ignore
                            r.clone ())
            |]
            |> torch.cat

        let scales = scales (products.diagonal ())
        let products = products.tril_().mul_(scales).mul_(scales.unsqueeze -1L)
        let right = right.mul_ scales

        let start =
            match start with
            | Some m -> double m / scales
            | None -> torch.zeros_like right

        let left = right - timesLower products start

        {
            Residuals = r
            Solve =
                fun damping ->
                    damped products left damping
                    |> Option.map (fun y ->
                        let d = start + y

                        (d * scales).``to`` r.dtype, Tensor.item ((d * (2.0 * right - timesLower products d)).sum()))
        }

    /// d of least |r - J d|² + λ|(d - m)/s|² about parameters, for m = 0 or given, with λ relative to the mean diagonal of the
    /// products, from a Jacobian's blocks.
    let gather (plan: JacobianPlan) (pieces: ResidualPieces) (p: Params) (m: Tensor option) : NormalEquations =
        (if plan.ByPoints then byPoints else byParameters) pieces plan.Columns p m
