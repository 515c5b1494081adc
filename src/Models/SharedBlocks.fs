namespace MetaKan

open TorchSharp

/// A first layer of one neuron whose weights all stretches of the coordinates share, for points of so many coordinates that
/// the weights of an ordinary first layer would be most of a network: h_b = tanh(w·x_b + β) of the b-th stretch x_b.
/// Shi et al., STDE (arXiv 2412.00088), appendix G.
[<RequireQualifiedAccess>]
module SharedBlocks =
    let private weightName, private biasName = "blocks.weight", "blocks.bias"

    /// How many inputs a network gets of points of so many inputs, the first `coordinates` of which come in blocks of so many:
    /// one for each block, and the others. Raises ArgumentException for a block that is not shared, with less than a
    /// coordinate or no second block beside it, and for more coordinates than inputs.
    let width (inputs: int) (coordinates: int) (block: int) : int =
        if coordinates > inputs then
            invalidArg (nameof coordinates) $"of {inputs} inputs there are no {coordinates} coordinates"

        if block < 1 || block >= coordinates then
            invalidArg
                (nameof block)
                $"a block of {coordinates} coordinates has 1 to {coordinates - 1} of them, not {block}"

        (coordinates + block - 1) / block + inputs - coordinates

    /// The model of h_1, h_2, … and the inputs after the coordinates in the place of x [N, inputs]; the inner model takes
    /// `width` inputs. A last block that is not full is filled up with zeros. Parameters "blocks.weight" [block] and
    /// "blocks.bias" [1] beside the inner model's, uniform within ±1/√block. Raises ArgumentException as `width` does.
    let create (inputs: int) (coordinates: int) (block: int) (model: Model) : Model =
        let rest = inputs - coordinates
        let blocks = width inputs coordinates block - rest
        let isOwn (name: string) = name = weightName || name = biasName
        let inner (p: Params) = p |> Map.filter (fun name _ -> not (isOwn name))

        // The blocks of what has all inputs on its last axis: [.., blocks, block].
        let split (t: Tensor) =
            let own = t.narrow (-1L, 0L, int64 coordinates)
            let missing = int64 (blocks * block - coordinates)
            let full = if missing = 0L then own else torch.nn.functional.pad (own, [| 0L; missing |])
            full.reshape [| yield! (Tensor.shape t)[.. int t.ndim - 2]; int64 blocks; int64 block |]

        let sums (weight: Tensor) (t: Tensor) = (Tensor.product (split t) (weight.view (-1L, 1L))).squeeze -1L
        let others (t: Tensor) = t.narrow (-1L, int64 coordinates, int64 rest)

        // A coordinate moves its block at its weight.
        let tangents (weight: Tensor) (x: Jet) =
            match x.Tangents with
            | Dense t -> sums weight t
            | Coordinates indices ->
                let scalar (n: int) = (int64 n).ToScalar()
                let isBlock = indices.lt(scalar coordinates).``to``(weight.dtype)
                let place = indices.clamp_max (scalar (coordinates - 1))
                let rates = weight.index_select (0L, place.remainder (scalar block)) * isBlock
                let blockOf = torch.nn.functional.one_hot (place.floor_divide (scalar block), blocks)
                (blockOf.``to`` (weight.dtype) * rates.unsqueeze 1L).unsqueeze 0L

        let linear (p: Params) (x: Jet) : Jet =
            let weight = p[weightName]
            // A row for each point, so that each has its own cotangents.
            let ofEach (t: Tensor) = t.expand (x.Value.size 0, -1L, -1L)

            { x with
                Value = sums weight x.Value + p[biasName]
                Tangents = Dense(ofEach (tangents weight x))
                Second = sums weight x.Second
                Higher = List.map (sums weight >> ofEach) x.Higher
            }

        let joined (x: Jet) (h: Jet) =
            let h = Jet.tanh h
            if rest = 0 then h else Jet.concat [ h; Jet.slice coordinates rest x ]

        let points (p: Params) (x: Tensor) =
            let h = torch.tanh (sums p[weightName] x + p[biasName])
            if rest = 0 then h else torch.cat ([| h; others x |], 1L)

        let jets p x = linear p x |> joined x

        let gradients (input: Jet) (cotangents: Tensor) =
            let rows = (Traced.rows input).detach() |> split

            Map
                [
                    weightName, torch.einsum ("nrb,nrbk->nk", cotangents, rows)
                    biasName, cotangents.select(1L, 0L).sum(1L, keepdim = true)
                ]

        let traced (p: Params) (x: Jet) =
            let before =
                Traced.ofJet x
                |> Traced.layer (linear p) [ weightName; biasName ] gradients
                |> Traced.map (joined x)

            let after = model.Traced (inner p) before.Output
            { after with Layers = before.Layers @ after.Layers }

        let init key (place: Placement) =
            let uniform index shape = (2.0 * Key.uniform (Key.fold index key) place shape - 1.0) / sqrt (float block)

            [
                model.Init (Key.fold 0 key) place
                Map [ weightName, uniform 1 [ int64 block ]; biasName, uniform 2 [ 1L ] ]
            ]
            |> Params.union

        { model with
            Description = $"{model.Description}, of {blocks} blocks of {block} coordinates that share weights"
            Init = init
            Apply = fun p -> points p >> model.Apply(inner p)
            Jet = fun p -> jets p >> model.Jet(inner p)
            Traced = traced
            Group = fun name -> if isOwn name then ParameterGroup.Weights else model.Group name
            NumbersPerPoint =
                fun directions order ->
                    model.NumbersPerPoint directions order + Model.numbersOfFunction directions order blocks
            Derived =
                model.Derived
                |> Option.map (fun derived ->
                    {
                        Weights =
                            fun p ->
                                Params.union [ derived.Weights(inner p); p |> Map.filter (fun name _ -> isOwn name) ]
                        Apply = fun p -> points p >> derived.Apply(inner p)
                        Jet = fun p -> jets p >> derived.Jet(inner p)
                    })
            Edges = [ for edges in model.Edges -> inner >> edges ]
        }
        |> Model.taking inputs
