// An optimizer is a value: how its memory starts and how one step maps parameters and memory to new ones. Optimizers of
// the gradient alone are chains of transforms of it, as in Optax: DeepMind et al., "The DeepMind JAX Ecosystem" (2020).
namespace MetaKan

open TorchSharp

/// The loss, a scalar tensor, and its gradient at given parameters.
type Gradient = Params -> Tensor * Params

/// How parameters change from step to step: a memory and a step, both pure functions.
type Optimizer =
    {
        /// The memory before the first step, a tree like the parameters.
        Init: Params -> Params
        /// Step number (from 0), loss with gradient, parameters, memory → loss before the step, new parameters, new memory.
        Update: int -> Gradient -> Params -> Params -> Tensor * Params * Params
    }

/// What a step takes from a tensor p of parameters: Factor·Direction/(c·D) + Decay·p for the divisor (c, D). Numbers are
/// kept apart from tensors, so that a link of a chain that only scales passes over no memory.
type Update =
    {
        /// A tensor like p, such as the gradient.
        Direction: Tensor
        /// c, and D like p; no division where None.
        Divisor: (float * Tensor) option
        /// What scales the direction, such as the learning rate.
        Factor: float
        /// The share of p that is taken from it.
        Decay: float
    }

/// A link of a chain: a pure function of the updates so far, by parameter name, with a memory of its own.
type Transform =
    {
        /// The memory before the first step.
        Init: Params -> Params
        /// Step number (from 0), parameters, updates so far, memory → updates, new memory. Tensors are not written into.
        Apply: int -> Params -> Map<string, Update> -> Params -> Map<string, Update> * Params
    }

/// Adam's constants.
type Moments =
    {
        /// The decay rate of the mean of the gradient.
        Beta1: float
        /// The decay rate of the mean of its square.
        Beta2: float
        /// Added to the root of the latter.
        Epsilon: float
    }

/// The links that chains are made of.
[<RequireQualifiedAccess>]
module Transform =
    // share·p + sign·Factor·Direction/(c·D)
    let private combined (share: float) (sign: float) (p: Tensor) (update: Update) : Tensor =
        match update.Divisor with
        | Some(c, divisor) -> (p * share).addcdiv_(update.Direction, divisor, (sign * update.Factor / c).ToScalar())
        | None -> (p * share).add_(update.Direction, (sign * update.Factor).ToScalar())

    /// A tensor of parameters after a step.
    let internal stepped (p: Tensor) (update: Update) : Tensor = combined (1.0 - update.Decay) -1.0 p update

    /// The update as one tensor.
    let internal value (p: Tensor) (update: Update) : Tensor =
        match update with
        | { Divisor = None; Factor = 1.0; Decay = 0.0 } -> update.Direction
        | _ -> combined update.Decay 1.0 p update

    /// The update that takes a tensor as it is: a gradient, at the start of a chain.
    let internal plain (direction: Tensor) : Update =
        { Direction = direction; Divisor = None; Factor = 1.0; Decay = 0.0 }

    let private stateless apply : Transform =
        { Init = (fun _ -> Map.empty); Apply = fun step p updates memory -> apply step p updates, memory }

    let private zeros (p: Params) : Params = p |> Map.map (fun _ t -> torch.zeros_like t)

    /// The constants of the paper.
    let moments: Moments = { Beta1 = 0.9; Beta2 = 0.999; Epsilon = 1e-8 }

    /// Scales by Adam: the mean of the gradients over the root of the mean of their squares, both corrected for their start
    /// at zero. Memory "first.…" and "second.…", kept as `storage` has it. Kingma & Ba (arXiv 1412.6980), algorithm 1. Raises
    /// ArgumentException for a rate outside [0, 1) and an epsilon below zero.
    let adam (storage: MomentStorage) (constants: Moments) : Transform =
        let { Beta1 = beta1; Beta2 = beta2; Epsilon = epsilon } = constants

        if not (List.forall (fun beta -> beta >= 0.0 && beta < 1.0) [ beta1; beta2 ] && epsilon >= 0.0) then
            invalidArg (nameof constants) $"Adam takes 0 ≤ beta < 1 and epsilon ≥ 0, not {constants}"

        {
            Init =
                fun p ->
                    [
                        for KeyValue(name, t) in p do
                            (RunningMean.ofGradient storage t).Start name t |> Params.prefixed "first"
                            (RunningMean.ofSquare storage t).Start name t |> Params.prefixed "second"
                    ]
                    |> Params.union
            Apply =
                fun step p updates memory ->
                    let correction1 = 1.0 - beta1 ** float (step + 1)
                    let correction2 = 1.0 - beta2 ** float (step + 1)

                    let firsts, seconds = Params.under "first" memory, Params.under "second" memory

                    let found =
                        updates
                        |> Map.map (fun name update ->
                            let g = value p[name] update
                            let ofFirst, ofSecond = RunningMean.ofGradient storage g, RunningMean.ofSquare storage g

                            let first, firsts = ofFirst.Next name g beta1 _.add_(g, (1.0 - beta1).ToScalar()) firsts

                            let second, seconds =
                                ofSecond.Next name g beta2 _.addcmul_(g, g, (1.0 - beta2).ToScalar()) seconds

                            let scale =
                                if ofSecond.Owned then second.div_ (correction2.ToScalar()) else second / correction2

                            let scale = scale.sqrt_().add_(epsilon.ToScalar())

                            { plain first with Divisor = Some(correction1, scale) },
                            Params.union [ Params.prefixed "first" firsts; Params.prefixed "second" seconds ])

                    found |> Map.map (fun _ (update, _) -> update), found.Values |> Seq.map snd |> Params.union
        }

    /// Heavy-ball momentum: m ← factor·m + update takes the update's place. Polyak (1964). Raises ArgumentException for a
    /// factor outside [0, 1).
    let momentum (factor: float) : Transform =
        if not (factor >= 0.0 && factor < 1.0) then
            invalidArg (nameof factor) $"momentum takes 0 ≤ factor < 1, not {factor}"

        {
            Init = zeros
            Apply =
                fun _ p updates memory ->
                    let memory =
                        updates |> Map.map (fun name update -> (memory[name] * factor).add_(value p[name] update))

                    memory |> Map.map (fun _ m -> plain m), memory
        }

    /// Scales all updates alike so that their norm, of all numbers together, is at most `limit`. Pascanu, Mikolov, Bengio
    /// (arXiv 1211.5063), section 3.2. Raises ArgumentException unless the limit is above zero.
    let clip (limit: float) : Transform =
        if not (limit > 0.0) then
            invalidArg (nameof limit) $"the norm is clipped to a limit above zero, not {limit}"

        stateless (fun _ p updates ->
            let values = updates |> Map.map (fun name update -> value p[name] update)
            let squares = [| for t in Params.tensors values -> t.square().sum() |]
            let factor = (limit / (torch.stack squares).sum().sqrt()).clamp_max_(1.0.ToScalar())
            values |> Map.map (fun _ t -> plain (t * factor)))

    /// Adds `weight name`·p to the update of p; after Adam and before the rate, decoupled weight decay. Loshchilov & Hutter
    /// (arXiv 1711.05101), algorithm 2.
    let decay (weight: string -> float) : Transform =
        stateless (fun _ _ updates ->
            updates |> Map.map (fun name update -> { update with Decay = update.Decay + weight name }))

    /// Scales the update of a parameter by its schedule: the learning rate.
    let scale (schedule: string -> Schedule) : Transform =
        stateless (fun step _ updates ->
            updates
            |> Map.map (fun name update ->
                let factor = schedule name step
                { update with Factor = update.Factor * factor; Decay = update.Decay * factor }))

/// Optimizers made of chains of transforms.
[<RequireQualifiedAccess>]
module Optimizer =
    /// Steps against the gradient as the links transform it, the first link first; the n-th one's memory is below "n".
    let chain (links: Transform list) : Optimizer =
        let named = links |> List.mapi (fun n link -> string n, link)

        let update step (gradient: Gradient) (p: Params) (memory: Params) =
            let loss, g = gradient p

            let updates, memories =
                ((p |> Map.map (fun name _ -> Transform.plain g[name]), []), named)
                ||> List.fold (fun (updates, memories) (name, link) ->
                    let updates, memory = link.Apply step p updates (Params.under name memory)
                    updates, Params.prefixed name memory :: memories)

            loss, p |> Map.map (fun name t -> Transform.stepped t updates[name]), Params.union memories

        {
            Init = fun p -> Params.union [ for name, link in named -> Params.prefixed name (link.Init p) ]
            Update = update
        }

/// Adam's numbers for one group of parameters.
type AdamGroup =
    {
        /// Learning rate at a step.
        Rate: Schedule
        /// Decoupled weight decay; zero is plain Adam, anything else AdamW.
        WeightDecay: float
    }

/// Adam: the gradient's running mean over the root of its running mean square.
[<RequireQualifiedAccess>]
module Adam =
    /// Adam with decoupled weight decay and the paper's constants, one rate and decay per parameter name. `storage` is how it
    /// keeps its running means.
    let create (storage: MomentStorage) (group: string -> AdamGroup) : Optimizer =
        Optimizer.chain
            [
                Transform.adam storage Transform.moments
                Transform.decay (fun name -> (group name).WeightDecay)
                Transform.scale (fun name -> (group name).Rate)
            ]
