namespace MetaKan

/// Statistics gathered in training (such as a batch norm's means) are kept in the tree of parameters, under a name of
/// their own, so that checkpoints and evaluation handle one tree; optimizers do not see them.
[<RequireQualifiedAccess>]
module Statistics =
    let private name = "statistics"

    /// Parameters and statistics as one tree.
    let join (p: Params) (statistics: Params) : Params = Params.union [ p; Params.prefixed name statistics ]

    /// The parameters and the statistics of a joined tree.
    let split (joined: Params) : Params * Params =
        let prefix = name + "."
        joined |> Map.filter (fun key _ -> not (key.StartsWith prefix)), Params.under name joined

    /// An optimizer of joined trees; the gradient's entries for statistics are their new values.
    let gathering (optimizer: Optimizer) : Optimizer =
        let update step (gradient: Gradient) joined memory =
            let p, statistics = split joined
            let mutable gathered = statistics

            let byParameters p =
                let loss, g = gradient (join p statistics)
                let g, next = split g
                gathered <- next
                loss, g

            let loss, p, memory = optimizer.Update step byParameters p memory
            loss, join p gathered, memory

        {
            Init = fun joined -> optimizer.Init(fst (split joined))
            Update = update
        }
