// An optimizer is a value: how its memory starts and how one step maps parameters and memory to new ones.
namespace MetaKan

open TorchSharp

/// The loss, a scalar tensor, and its gradient at given parameters.
type Gradient = Params -> Tensor * Params

type Optimizer =
    {
        /// The memory before the first step, a tree like the parameters.
        Init: Params -> Params
        /// Step number (from 0), loss with gradient, parameters, memory → loss before the step, new parameters, new memory.
        Update: int -> Gradient -> Params -> Params -> Tensor * Params * Params
    }

/// Adam's numbers for one group of parameters.
type AdamGroup =
    {
        /// Learning rate at a step.
        Rate: int -> float
        /// Decoupled weight decay; zero is plain Adam, anything else AdamW.
        WeightDecay: float
    }

[<RequireQualifiedAccess>]
module Adam =
    /// Adam with decoupled weight decay, one rate and decay per parameter name; β = (0.9, 0.999), ε = 1e-8.
    /// Kingma & Ba (arXiv 1412.6980), algorithm 1; Loshchilov & Hutter (arXiv 1711.05101), algorithm 2.
    let create (group: string -> AdamGroup) : Optimizer =
        let beta1, beta2, epsilon = 0.9, 0.999, 1e-8

        let update step (gradient: Gradient) (p: Params) (memory: Params) =
            let loss, g = gradient p
            let correction1 = 1.0 - beta1 ** float (step + 1)
            let correction2 = 1.0 - beta2 ** float (step + 1)

            let moved =
                p
                |> Map.toArray
                |> Array.map (fun (name, value) ->
                    let settings = group name
                    let rate = settings.Rate step
                    let first = (memory["first." + name] * beta1).add_(g[name], (1.0 - beta1).ToScalar())

                    let second =
                        (memory["second." + name] * beta2).addcmul_(g[name], g[name], (1.0 - beta2).ToScalar())

                    let scale = (second / correction2).sqrt_().add_(epsilon.ToScalar())
                    let decayed = value * (1.0 - rate * settings.WeightDecay)
                    let moved = decayed.addcdiv_ (first, scale, (-rate / correction1).ToScalar())
                    name, moved, first, second)

            loss,
            moved |> Seq.map (fun (name, value, _, _) -> name, value) |> Map.ofSeq,
            moved
            |> Seq.collect (fun (name, _, first, second) -> [ "first." + name, first; "second." + name, second ])
            |> Map.ofSeq

        {
            Init =
                fun p ->
                    [
                        for KeyValue(name, value) in p do
                            "first." + name, torch.zeros_like value
                            "second." + name, torch.zeros_like value
                    ]
                    |> Map.ofList
            Update = update
        }
