// The layer that KAN and MetaKAN share: y_j = Σ_i Σ_m c_imj b_m(x_i), for coefficients from any source.
// Liu et al., "KAN" (arXiv 2404.19756), equation 2.5; the spline and the base function are one basis here.
namespace MetaKan

open TorchSharp

/// Where a layer's coefficients [in, M, out] come from.
type internal Coefficients =
    /// All at once.
    | At of LayerWeights
    /// A block of outputs at a time, generated from tensors when needed and again for the gradients.
    | Blocks of (Tensor list * (Tensor[] -> Tensor)) list

[<RequireQualifiedAccess>]
module internal Edges =
    let private knots (grid: Grid) = [| Knots.uniform grid.Size grid.Order (-1.0, 1.0) |]

    /// What the edges of one layer are made of: a basis of M functions, the last of which is silu. In the machine's own
    /// memory a basis has no tensors, so that one of each element type serves every call.
    let basis (grid: Grid) : Placement -> Basis =
        let make place = EdgeBasis.create place grid.Order (knots grid)
        let kept = [ for place in [ Placement.cpu32; Placement.cpu64 ] -> place.DType, lazy make place ]

        fun place ->
            match kept |> List.tryFind (fun (dtype, _) -> dtype = place.DType) with
            | Some(_, basis) when Host.holds place.Device -> basis.Value
            | _ -> make place

    /// Runs `parts` for the layer's coefficients, block by block, and joins the outputs on their last axis.
    let private over
        (coefficients: Coefficients)
        (parts: LayerWeights -> Tensor[] -> Tensor[])
        (features: Tensor list)
        =
        match coefficients with
        | At weights -> parts weights (List.toArray features)
        | Blocks blocks ->
            let n = features.Length

            blocks
            |> List.map (fun (sources, generate) ->
                Rule.recomputed (fun t -> parts (Whole(generate t[n..])) t[.. n - 1]) (features @ sources))
            |> List.toArray
            |> Array.transpose
            |> Array.map (fun blocks -> torch.cat (blocks, -1L))

    /// The layer's value.
    let apply (basis: Basis) (coefficients: Coefficients) (x: Tensor) : Tensor =
        fun () ->
            Basis.features basis 0 0 x
            |> List.ofArray
            |> over coefficients (fun w f -> [| EdgeProducts.sum f[0] (Lookup.whole w) |])
            |> Array.head
        |> Tensor.scoped Seq.singleton

    /// The layer's jet by products of features. Second derivatives take one matrix product over the features B'·S + B''·q;
    /// tangents along unit directions are single rows of the slopes. Derivatives of a higher order along every direction
    /// are one product more, over what the features become by the chain rule.
    let private jetByProducts (basis: Basis) (coefficients: Coefficients) (x: Jet) : Jet =
        let order = 1 + x.Higher.Length
        // Value, second derivatives and the higher ones are sums over features.
        let sums = 1 + order

        let parts =
            fun () ->
                let f = Basis.features basis 0 (max 2 order) x.Value
                let curvature = f[1] * x.Second.unsqueeze -1L + f[2] * (Jet.squares x).unsqueeze -1L

                // Rows [N·V, in, M], so that all lines of all points are one product.
                let higher =
                    if x.Higher.IsEmpty then
                        []
                    else
                        Jet.tangents x :: x.Higher
                        |> List.map (fun h -> h.unsqueeze -1L)
                        |> Jet.chain [ for p in 1..order -> f[p].unsqueeze 1L ]
                        |> List.map (fun t -> t.flatten (0L, 1L))

                let moving, tangents =
                    match x.Tangents with
                    | Coordinates i ->
                        [ f[1].index_select(1L, i) ],
                        (fun (c: Tensor) (f: Tensor[]) -> EdgeProducts.tangents f[sums] (c.index_select (0L, i)) None)
                    | Dense t ->
                        [ f[1]; t.expand (x.Value.size 0, -1L, -1L) ],
                        (fun c f -> EdgeProducts.tangents f[sums] c (Some f[sums + 1]))

                f[0] :: curvature :: higher @ moving
                |> over coefficients (fun weights f ->
                    let c = Lookup.whole weights

                    [|
                        for features in f[.. sums - 1] do
                            EdgeProducts.sum features c
                        tangents c f
                    |])
            // What autograd does not keep is freed before the next layer.
            |> Tensor.scoped Seq.ofArray

        let shape = Tensor.shape parts[sums]

        { x with
            Value = parts[0]
            Tangents = Dense parts[sums]
            Second = parts[1]
            Higher = [ for m in 2 .. sums - 1 -> parts[m].view shape ]
        }

    /// The kernels of layers' jets, the widest vectors first.
    let jetKernels (grid: Grid) : (LayerWeights -> Jet -> Jet) list =
        let basis = basis grid
        let byProducts weights (x: Jet) = jetByProducts (basis (Placement.ofTensor x.Value)) (At weights) x
        EdgeJets.kernels byProducts grid.Order (knots grid)

    /// The layer's jet: up to second derivatives by a kernel where there is one.
    let jet (grid: Grid) : Coefficients -> Jet -> Jet =
        let basis = basis grid
        let kernel = List.tryHead (jetKernels grid)

        fun coefficients x ->
            match kernel with
            | Some kernel when x.Higher.IsEmpty && Host.holds x.Value.device ->
                let y =
                    EdgeJets.parts x
                    |> over coefficients (fun c parts ->
                        let y = kernel c (EdgeJets.ofParts parts)
                        [| y.Value; y.Second; Jet.tangents y |])

                { x with Value = y[0]; Second = y[1]; Tangents = Dense y[2] }
            | _ -> jetByProducts (basis (Placement.ofTensor x.Value)) coefficients x

    /// The name of a layer's coefficients.
    let weight (l: int) : string = $"layers.{l}"

    // The features [N, R, in, M] by which each row of a layer's jet is a sum over the coefficients.
    let private rows (basis: Basis) (x: Jet) : Tensor =
        use _ = torch.no_grad ()
        let order = 1 + x.Higher.Length
        let f = Basis.features basis 0 (max 2 order) (x.Value.detach ())
        let tangents = (Jet.tangents x).detach().unsqueeze -1L
        let curvature = f[1] * x.Second.unsqueeze -1L + f[2] * (Jet.squares x).unsqueeze -1L
        let along (h: Tensor) = h.expand (x.Value.size 0, -1L, -1L, -1L)

        let higher =
            if x.Higher.IsEmpty then
                []
            else
                Jet.chain
                    [ for p in 1..order -> f[p].unsqueeze 1L ]
                    (tangents :: [ for h in x.Higher -> h.unsqueeze -1L ])

        torch.cat (
            [|
                f[0].unsqueeze 1L
                curvature.unsqueeze 1L
                along (f[1].unsqueeze 1L * tangents)
                for t in higher do
                    along t
            |],
            1L
        )

    /// The jet of a network with coefficients [in, M, out] "layers.l", with the gradients of each point by them,
    /// [N, in, M, out].
    let traced (grid: Grid) (depth: int) : Params -> Jet -> Traced =
        let basis, jet = basis grid, jet grid

        fun p x ->
            let basis = basis (Placement.ofTensor x.Value)

            (Traced.ofJet x, [ 0 .. depth - 1 ])
            ||> List.fold (fun before l ->
                let name = weight l
                let shape = Tensor.shape p[name]

                let gradients (input: Jet) (cotangents: Tensor) =
                    let rows = (rows basis input).flatten(2L, 3L)
                    let g = torch.bmm (rows.transpose (1L, 2L), cotangents)
                    Map [ name, g.view (Array.append [| -1L |] shape) ]

                // Gradients by coefficients come from the cotangents, not from the kernel, which the first layer is asked
                // for none of.
                let coefficients = if l = 0 then p[name] else p[name].detach()
                before |> Traced.layer (jet (At(Whole coefficients))) [ name ] gradients)

    /// The value of a network of `depth` layers, for what gives a layer's coefficients from the parameters. Lines that edges look
    /// up are never made whole where a kernel reads them.
    let value (grid: Grid) (depth: int) (source: Params -> int -> Coefficients) : Params -> Tensor -> Tensor =
        let basis = basis grid
        let kernel = List.tryHead (jetKernels grid)

        fun p ->
            let basis = basis (Placement.ofTensor (Seq.head p.Values))

            [
                for l in 0 .. depth - 1 ->
                    match source p l, kernel with
                    | At(Lines _ as lines), Some kernel ->
                        fun (x: Tensor) ->
                            if Host.holds x.device then Jet.valueOf (kernel lines) x else apply basis (At lines) x
                    | coefficients, _ -> apply basis coefficients
            ]
            |> Model.compose

    /// The jet of the same network.
    let jets (grid: Grid) (depth: int) (source: Params -> int -> Coefficients) : Params -> Jet -> Jet =
        let jet = jet grid
        fun p -> [ for l in 0 .. depth - 1 -> jet (source p l) ] |> Model.compose

    /// The functions φ_ij(t) of each layer [T, in, out] at numbers t [T].
    let functions grid depth (weights: Params -> int -> LayerWeights) : (Params -> Tensor -> Tensor) list =
        [
            for l in 0 .. depth - 1 ->
                fun p (t: Tensor) ->
                    fun () ->
                        let features = (basis grid (Placement.ofTensor t)).Derivatives [ 0 ] (t.view (-1L, 1L))
                        torch.einsum ("tm,imo->tio", features.Head.squeeze 1L, Lookup.whole (weights p l))
                    |> Tensor.scoped Seq.singleton
        ]

    let private numbersName = ".numbers"

    /// How many numbers of derived weights are the parameters themselves, by which edges look up lines.
    let lookedUp (weights: Params) : int64 =
        weights |> Map.filter (fun name _ -> name.EndsWith numbersName) |> Params.count

    /// The network whose layers' weights `weights` computes from the parameters: "layers.l", or "layers.l.numbers" and
    /// "layers.l.lines".
    let generated grid depth (weights: Params -> int -> LayerWeights) : DerivedWeights =
        let numbers l = weight l + numbersName
        let lines l = $"{weight l}.lines"

        let stored (p: Params) l =
            match p.TryFind(weight l) with
            | Some c -> At(Whole c)
            | None -> At(Lines(p[numbers l], p[lines l]))

        let layer p l =
            match weights p l with
            | Whole c -> [ weight l, c ]
            | Lines(n, s) -> [ numbers l, n; lines l, s ]

        {
            Weights = fun p -> List.collect (layer p) [ 0 .. depth - 1 ] |> Map.ofList
            Apply = value grid depth stored
            Jet = jets grid depth stored
        }

    /// Numbers that one point keeps alive in one layer: features, slopes, tangents, and their gradients; for each order
    /// beyond the first, features and results along every direction. A kernel keeps no slopes.
    let numbersPerPoint (grid: Grid) : int -> int -> int * int -> int64 =
        let functions = Grid.coefficients grid + 1
        let hasKernel = not (jetKernels grid).IsEmpty

        fun directions order (inputs, outputs) ->
            let byKernel = hasKernel && order = 1 && Host.holds torch.CPU

            10L * int64 inputs * int64 functions
            + (if byKernel then 0L else 2L * int64 inputs * int64 outputs)
            + 4L * int64 directions * int64 outputs
            + int64 (order - 1) * int64 directions * (3L * int64 inputs * int64 functions + 4L * int64 outputs)
