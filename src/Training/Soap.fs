// SOAP: Adam in the eigenbases of Shampoo's statistics, which follow the gradient's curvature along each mode of a tensor.
// Vyas et al. (arXiv 2409.11321), algorithm 3; for PDEs Wang et al. (arXiv 2502.00604), whose constants these are.
namespace MetaKan

open TorchSharp

/// SOAP's constants.
type SoapConstants =
    {
        /// Those of Adam in the bases.
        Moments: Moments
        /// The decay rate of the statistics of a mode.
        Statistics: float
        /// Steps between changes of the bases.
        Every: int
        /// Modes with more entries than these keep their axes: a basis of n entries has n² numbers.
        Largest: int
    }

/// SOAP: Adam in the eigenbases of Shampoo's statistics. Vyas et al. (arXiv 2409.11321), algorithm 3.
[<RequireQualifiedAccess>]
module Soap =
    /// Both betas and the statistics' rate 0.99, and new bases every second step.
    let constants: SoapConstants =
        {
            Moments = { Beta1 = 0.99; Beta2 = 0.99; Epsilon = 1e-8 }
            Statistics = 0.99
            Every = 2
            Largest = 512
        }

    // Modes that get a basis: those with more than one entry, and not too many.
    let private modes (constants: SoapConstants) (t: Tensor) : int list =
        if t.ndim < 2L then
            []
        else
            [ 0 .. int t.ndim - 1 ]
            |> List.filter (fun k -> t.size k > 1L && t.size k <= int64 constants.Largest)

    // t with its k-th mode multiplied by a matrix from the right.
    let private along (k: int) (matrix: Tensor) (t: Tensor) : Tensor =
        Tensor.product (t.transpose (int64 k, -1L)) matrix |> _.transpose(int64 k, -1L)

    // G Gᵀ over one mode.
    let private statistics (k: int) (g: Tensor) : Tensor =
        let rows = g.transpose(0L, int64 k).reshape(g.size k, -1L)
        Tensor.product rows (rows.t ())

    // A step of power iteration from the basis so far, and its orthogonal basis.
    let private renewed (statistics: Tensor) (basis: Tensor) : Tensor =
        let struct (q, _) = torch.linalg.qr (Tensor.product statistics basis)
        q

    let private start (statistics: Tensor) : Tensor =
        let struct (_, vectors) = torch.linalg.eigh statistics
        // The largest first, as power iteration leaves them.
        vectors.flip 1L

    /// Scales by Adam in the bases of each parameter's modes; a parameter of one mode has plain Adam. The first step is none: it
    /// makes the bases alone. Memory "first.…",
    /// "second.…" and, of mode k, "statistics.k.…" and "basis.k.…". Raises ArgumentException for rates outside [0, 1) and for
    /// bases that change every so many steps that are none.
    let transform (constants: SoapConstants) : Transform =
        let { Beta1 = beta1; Beta2 = beta2; Epsilon = epsilon } = constants.Moments

        if not (List.forall (fun beta -> beta >= 0.0 && beta < 1.0) [ beta1; beta2; constants.Statistics ]) then
            invalidArg (nameof constants) $"SOAP takes rates from 0 to below 1, not {constants}"

        if constants.Every < 1 || constants.Largest < 1 || not (epsilon >= 0.0) then
            invalidArg (nameof constants) $"SOAP takes epsilon ≥ 0, and steps and entries from 1 up, not {constants}"

        let one step (p: Tensor) (update: Update) (memory: string -> Tensor) =
            let g = Transform.value p update
            let modes = modes constants p

            let bases =
                [
                    for k in modes do
                        let found = statistics k g

                        if step = 0 then
                            k, found, start found
                        else
                            let before = memory $"statistics.{k}"
                            let now = before * constants.Statistics + found * (1.0 - constants.Statistics)
                            let basis = memory $"basis.{k}"
                            k, now, (if step % constants.Every = 0 then renewed now basis else basis)
                ]

            let into (t: Tensor) = (t, bases) ||> List.fold (fun t (k, _, basis) -> along k basis t)

            let back (t: Tensor) = (t, bases) ||> List.fold (fun t (k, _, basis) -> along k (basis.t ()) t)

            let first, second, direction =
                if step = 0 then
                    // In its own bases the first gradient has nothing off its diagonal but rounding, which Adam would scale up.
                    memory "first", memory "second", torch.zeros_like p
                else
                    let first = memory "first" * beta1 + g * (1.0 - beta1)
                    let second = memory "second" * beta2 + (into g).square() * (1.0 - beta2)
                    let correction beta = 1.0 - beta ** float step
                    let scale = (second / correction beta2).sqrt() + epsilon
                    first, second, back (into first / scale) / correction beta1

            Transform.plain direction,
            [
                "first", first
                "second", second
                for k, statistics, basis in bases do
                    $"statistics.{k}", statistics
                    $"basis.{k}", basis.contiguous ()
            ]

        {
            Init =
                fun p ->
                    let zeros = p |> Map.map (fun _ t -> torch.zeros_like t)
                    Params.union [ Params.prefixed "first" zeros; Params.prefixed "second" zeros ]
            Apply =
                fun step p updates memory ->
                    let found =
                        updates
                        |> Map.map (fun name update -> one step p[name] update (fun kind -> memory[$"{kind}.{name}"]))

                    found |> Map.map (fun _ (update, _) -> update),
                    Map.ofList
                        [
                            for KeyValue(name, (_, kept)) in found do
                                for kind, t in kept -> $"{kind}.{name}", t
                        ]
        }

    /// SOAP with the paper's constants, each parameter by the schedule of its name.
    let create (rate: string -> Schedule) : Optimizer = Optimizer.chain [ transform constants; Transform.scale rate ]
