namespace MetaKan

open TorchSharp

/// A network for each field, and networks of some of the coordinates alone: fields of unlike scales do not compete for the
/// same weights, and an unknown coefficient k(x) does not change with t.
/// Haghighat, Raissi, Moure, Gomez, Juanes, Comput. Methods Appl. Mech. Engrg. 379 (2021), arXiv 2003.02751.
[<RequireQualifiedAccess>]
module Separate =
    // The networks' outputs side by side; `run` is how a network with its parameters is a function.
    let private beside
        (join: 'a list -> 'a)
        (networks: (string * 'n) list)
        (run: 'n -> Params -> 'a -> 'a)
        (p: Params)
        =
        let functions = networks |> List.map (fun (name, network) -> run network (Params.under name p))
        fun x -> functions |> List.map (fun f -> f x) |> join

    let private values networks = beside (fun values -> torch.cat (List.toArray values, 1L)) networks
    let private jets networks = beside Jet.concat networks

    /// One model of several, which take the same inputs: the outputs of all side by side, in the order of the list. The
    /// parameters of each are below "NAME.", where the names are letters and digits, each once; ArgumentException else,
    /// and for no networks.
    let networks (networks: (string * Model) list) : Model =
        if networks.IsEmpty then
            invalidArg (nameof networks) "it takes a network or more"

        for name, count in networks |> List.countBy fst do
            if name = "" || name |> Seq.exists (System.Char.IsLetterOrDigit >> not) then
                invalidArg (nameof networks) $"the name of a network takes letters and digits, not '{name}'"

            if count > 1 then
                invalidArg (nameof networks) $"two networks are named '{name}'"

        let byName = Map.ofList networks

        // A model that computes no weights hands its parameters on.
        let generated =
            [
                for name, model in networks ->
                    name, model.Derived |> Option.defaultValue { Weights = id; Apply = model.Apply; Jet = model.Jet }
            ]

        {
            Name = networks |> List.map (fun (_, model) -> model.Name) |> List.distinct |> String.concat "-"
            Description =
                networks |> List.map (fun (name, model) -> $"{name}: {model.Description}") |> String.concat "; "
            Init =
                fun key place ->
                    networks
                    |> List.mapi (fun i (name, model) -> model.Init (Key.fold i key) place |> Params.prefixed name)
                    |> Params.union
            Apply = values networks _.Apply
            Jet = jets networks _.Jet
            Traced =
                fun p x -> Traced.beside [ for name, model in networks -> name, model.Traced (Params.under name p) x ]
            Group =
                fun name ->
                    let dot = name.IndexOf '.'
                    byName[name.Substring(0, dot)].Group(name.Substring(dot + 1))
            NumbersPerPoint =
                fun directions order ->
                    networks |> List.sumBy (fun (_, model) -> model.NumbersPerPoint directions order)
            Edges =
                [
                    for name, model in networks do
                        for edges in model.Edges -> Params.under name >> edges
                ]
            Derived =
                if networks |> List.forall (fun (_, model) -> model.Derived.IsNone) then
                    None
                else
                    Some
                        {
                            Weights =
                                fun p ->
                                    generated
                                    |> List.map (fun (name, network) ->
                                        network.Weights(Params.under name p) |> Params.prefixed name)
                                    |> Params.union
                            Apply = values generated _.Apply
                            Jet = jets generated _.Jet
                        }
        }

    /// The model of some of so many inputs: it takes those listed in `kept`, counted from 0, in that order, and does not
    /// see the others. Raises ArgumentException for inputs that there are not, or that are listed twice, and for none.
    let reading (inputs: int) (kept: int list) (model: Model) : Model =
        if kept.IsEmpty || List.distinct kept <> kept || kept |> List.exists (fun i -> i < 0 || i >= inputs) then
            invalidArg
                (nameof kept)
                $"a network of some of {inputs} inputs takes numbers from 0 to {inputs - 1}, each once, not {kept}"

        let listed = kept |> List.map string |> String.concat ", "

        { model with Description = $"{model.Description}, of inputs {listed} of {inputs}" }
        |> Model.before (Tensor.select kept) (Jet.select kept)
        |> fun network -> Model.taking inputs network
