namespace MetaKan.Fitting

open MetaKan
open TorchSharp

/// New knots for a network: fitted to samples, or finer, with the functions on the edges kept.
/// Liu et al., "KAN" (arXiv 2404.19756), sections 2.3 (grid update) and 2.4 (grid extension).
[<RequireQualifiedAccess>]
module Regrid =
    /// Knots inside the range, extended by k even steps on both sides.
    let private extended (order: int) (inner: float[]) : float[] =
        let h = (inner[inner.Length - 1] - inner[0]) / float (inner.Length - 1)

        [|
            for i in order .. -1 .. 1 do
                inner[0] - h * float i

            yield! inner

            for i in 1..order do
                inner[inner.Length - 1] + h * float i
        |]

    let private inner (order: int) (knots: float[]) = knots[order .. knots.Length - 1 - order]

    /// G+1 knots between the samples' extremes, `evenness` of the way from their quantiles to even ones.
    let private between (size: int) (evenness: float) (samples: float[]) : float[] =
        let sorted = Array.sort samples
        let low, high = sorted[0], sorted[sorted.Length - 1]
        // Samples that are all the same still need knots that rise.
        let high, evenness = if high - low > 1e-8 * (abs low + 1.0) then high, evenness else low + 1e-2, 1.0

        Array.init (size + 1) (fun i ->
            let quantile = sorted[min (sorted.Length - 1) (i * sorted.Length / size)]
            let even = low + (high - low) * float i / float size

            if i = 0 then low
            elif i = size then high
            else evenness * even + (1.0 - evenness) * quantile)

    /// G' intervals in the place of G, each old interval cut evenly where G' is a multiple of G.
    let private refined (size: int) (knots: float[]) : float[] =
        let last = knots.Length - 1

        Array.init (size + 1) (fun i ->
            let at = float i * float last / float size
            let below = min (last - 1) (int at)
            knots[below] + (knots[below + 1] - knots[below]) * (at - float below))

    /// Points that determine a spline on the given inner knots: several in every interval.
    let private sites (order: int) (inner: float[]) : float[] =
        [|
            for a, b in Array.pairwise inner do
                for i in 0 .. 2 * order + 1 -> a + (b - a) * (float i + 0.5) / float (2 * order + 2)
        |]

    // The sites of knots, a column [sites, 1].
    let private siteColumn (place: Placement) (order: int) (knots: float[]) : Tensor =
        let sites = sites order (inner order knots)
        Tensor.ofArray place [ int64 sites.Length; 1L ] sites

    // The splines on knots at a column of points [N, G+k].
    let private splines (place: Placement) (order: int) (knots: float[]) (x: Tensor) : Tensor =
        ((BSpline.basis place order [| knots |]).Derivatives [ 0 ] x).Head.squeeze 1L

    /// The matrix R [new, old] that turns coefficients on old knots into those of the closest spline (least squares over
    /// sites in the new knots) on new ones: the same spline where the old knots are among the new.
    let private transfer (place: Placement) (order: int) (old: float[]) (knots: float[]) : Tensor =
        let x = siteColumn place order knots
        // Not lstsq, whose rounding differs from call to call: a fit is to be the same every time.
        Tensor.product (torch.linalg.pinv (splines place order knots x)) (splines place order old x)

    /// The coefficients [G+k] of the spline on knots that is the closest (least squares over sites in the knots) to a function,
    /// where that has values; 0 where it has none.
    let internal closest (place: Placement) (order: int) (knots: float[]) (f: Tensor -> Tensor) : Tensor =
        let x = siteColumn place order knots
        let values = f x
        let there = torch.isfinite(values).to_type(place.DType)
        let values = torch.nan_to_num (values, 0.0, 0.0, 0.0) * there
        (Tensor.product (torch.linalg.pinv (splines place order knots x * there)) values).squeeze -1L

    // The splines of layer l moved onto new knots.
    let private stored (net: Network) (p: Params) (l: int, knots: float[][]) : Params =
        let place = Placement.ofTensor (Seq.head p.Values)
        let name = $"layers.{l}.coef"

        let moved =
            Array.map2 (transfer place net.Order) net.Knots[l] knots
            |> Array.mapi (fun i r -> Tensor.product r (p[name].select(0L, int64 i)))

        Map.add name (torch.stack moved) p

    // A generator serves edges on many knots: its outputs are moved between even ones.
    let private generated (net: Network) (size: int) (p: Params) : Params =
        let place = Placement.ofTensor (Seq.head p.Values)
        let even size = Knots.uniform size net.Order (-1.0, 1.0)
        let r = transfer place net.Order (even (Network.gridSize net)) (even size)
        let functions = int64 (Network.gridSize net + net.Order)

        p
        |> Map.map (fun name t ->
            match name.Split '.' with
            | [| "hypernet"; _; "2"; _ |] ->
                torch.cat [| Tensor.product r (t.narrow (0L, 0L, functions)); t.narrow (0L, functions, 1L) |]
            | _ -> t)

    /// The network on G' > G intervals with its functions kept: the same inside the knots where G' is a multiple of G
    /// and, for generated coefficients, knots are even; the closest otherwise.
    let extend (size: int) (fitted: Fitted) : Fitted =
        use _ = torch.no_grad ()
        let net = fitted.Network
        let knots = net.Knots |> List.map (Array.map (inner net.Order >> refined size >> extended net.Order))

        {
            Network = { net with Knots = knots }
            Params =
                match net.Source with
                | CoefficientSource.Stored -> List.indexed knots |> List.fold (stored net) fitted.Params
                | CoefficientSource.Generated _ -> generated net size fitted.Params
        }

    /// The network on knots fitted to the values that its nodes take at the points x: between their quantiles
    /// (`evenness` 0) and even ones (1). Stored splines are kept as far as the new knots can hold them; generated
    /// coefficients stay, and their splines stretch.
    let update (evenness: float) (x: Tensor) (fitted: Fitted) : Fitted =
        use _ = torch.no_grad ()

        // A layer at a time: its new splines decide what the next layer's nodes see.
        (fitted, [ 0 .. Network.depth fitted.Network - 1 ])
        ||> List.fold (fun fitted l ->
            let net = fitted.Network

            let nodes = (fun () -> (Network.trace net x fitted.Params).Nodes[l]) |> Tensor.scoped Seq.singleton

            let knots =
                Array.init net.Knots[l].Length (fun i ->
                    Tensor.toArray (nodes.select (1L, int64 i))
                    |> between (Network.gridSize net) evenness
                    |> extended net.Order)

            let all = net.Knots |> List.mapi (fun k old -> if k = l then knots else old)

            {
                Network = { net with Knots = all }
                Params =
                    match net.Source with
                    | CoefficientSource.Stored -> stored net fitted.Params (l, knots)
                    | CoefficientSource.Generated _ -> fitted.Params
            })
