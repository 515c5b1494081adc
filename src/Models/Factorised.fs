namespace MetaKan

open System
open TorchSharp

/// Random weight factorisation: each row of a weight matrix is a trained direction times the exponential of a trained
/// number, so that neurons learn at scales of their own.
/// Wang, Wang, Seidman, Perdikaris (arXiv 2210.01274).
[<RequireQualifiedAccess>]
module Factorised =
    let private isMatrix (model: Model) (name: string) (t: Tensor) =
        (name = "weight" || name.EndsWith ".weight")
        && t.ndim = 2L
        && model.Group name = ParameterGroup.Weights

    let private isLogs (name: string) = name.EndsWith "weight.s"
    let private isDirections (name: string) = name.EndsWith "weight.v"

    // The model's own parameter that one of the factorised model's is a factor of, or is.
    let private whole (name: string) =
        if isLogs name || isDirections name then name.Substring(0, name.Length - 2) else name

    // diag(exp s) V.
    let private scaled (s: Tensor) (v: Tensor) = (torch.exp s).unsqueeze -1L * v

    /// The model with each weight matrix W [out, in], a parameter "….weight", as diag(exp s) V: parameters "….weight.s"
    /// [out], normal with this mean and deviation at the start, and "….weight.v" [out, in], by which W starts as the
    /// model's own. (1, 0.1) are usual. Raises ArgumentException for a model that computes its weights already, as KANs
    /// do, for a negative deviation, and, by `Init`, for one without weight matrices.
    let create (mean: float) (deviation: float) (model: Model) : Model =
        if model.Derived.IsSome then
            invalidArg
                (nameof model)
                $"{model.Description} computes its weights already: only plain weight matrices are factorised"

        if not (Double.IsFinite mean && deviation >= 0.0 && Double.IsFinite deviation) then
            invalidArg
                (nameof deviation)
                $"factors take a mean and a deviation of 0 or more, not {mean} and {deviation}"

        let factors (key: Key) (place: Placement) (name: string, w: Tensor) =
            let s = Key.normal key place [ w.size 0 ] * deviation + mean
            [ $"{name}.s", s; $"{name}.v", scaled -s w ]

        let init key place =
            let matrices, others = model.Init key place |> Map.partition (isMatrix model)

            if matrices.IsEmpty then
                invalidArg (nameof model) $"{model.Description} has no weight matrices to factorise"

            // The model's own draws fold the key by numbers from 0.
            let key = Key.fold -1 key

            Map.toList matrices
            |> List.mapi (fun i matrix -> factors (Key.fold i key) place matrix)
            |> List.concat
            |> Map.ofList
            |> fun factors -> Params.union [ others; factors ]

        let weights (p: Params) : Params =
            p
            |> Map.toSeq
            |> Seq.filter (fst >> isLogs >> not)
            |> Seq.map (fun (name, t) ->
                let weight = whole name
                weight, (if isDirections name then scaled p[$"{weight}.s"] t else t))
            |> Map.ofSeq

        // By s and V of diag(exp s) V, a row for each point.
        let pullback (p: Params) (g: Params) : Params =
            p
            |> Map.filter (fun name _ -> g.ContainsKey(whole name))
            |> Map.map (fun name t ->
                let byWhole = g[whole name]

                if isLogs name then (byWhole * scaled t p[$"{whole name}.v"]).sum -1L
                elif isDirections name then scaled p[$"{whole name}.s"] byWhole
                else byWhole)

        { model with
            Description = $"{model.Description}, factorised weights of mean {mean} and deviation {deviation}"
            Init = init
            Apply = weights >> model.Apply
            Jet = weights >> model.Jet
            Traced =
                fun p x ->
                    let names weight =
                        [
                            for name in Map.keys p do
                                if whole name = weight then
                                    name
                        ]

                    model.Traced (weights p) x |> Traced.pullback names pullback p
            Group = whole >> model.Group
            Derived = Some { Weights = weights; Apply = model.Apply; Jet = model.Jet }
            Edges = [ for edges in model.Edges -> weights >> edges ]
        }
