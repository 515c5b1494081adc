// Functions with a hand-written derivative: one autograd function that carries a pair of closures.
namespace MetaKan

open System.Collections.Generic
open TorchSharp

/// A differentiable function given by its value and its vector-Jacobian product. Neither may capture tensors, which
/// their dispose scope would free before a later backward pass: they come as inputs or are kept.
type Rule =
    {
        /// Inputs to outputs, and to what the derivative needs beside the inputs; runs without recording gradients.
        Forward: Tensor[] -> Tensor[] * Tensor[]
        /// Inputs, kept tensors and the outputs' cotangents to the inputs' cotangents. Runs recording gradients when a
        /// higher derivative is asked for, so it must then be made of differentiable operations on the inputs.
        Backward: Tensor[] -> Tensor[] -> Tensor[] -> Tensor option[]
    }

/// What a rule's backward pass needs to know of the forward one: how many inputs there were, and what zeros for an output
/// without a cotangent are like.
type private Applied = { Rule: Rule; Inputs: int; Zeros: (int64[] * Placement)[] }

/// The autograd node behind every `Rule`.
type internal RuleFunction() =
    inherit torch.autograd.MultiTensorFunction<RuleFunction>()
    override _.Name = "MetaKan.Rule"

    override _.forward(context, vars) =
        let rule = vars[0] :?> Rule
        let inputs = vars[1..] |> Array.map (fun v -> v :?> Tensor)
        let outputs, kept = rule.Forward inputs

        // TorchSharp would make zeros like outputs that the caller's dispose scope has freed by then.
        context.set_materialize_grads false

        context.save_data (
            "applied",
            {
                Rule = rule
                Inputs = inputs.Length
                Zeros = outputs |> Array.map (fun t -> Tensor.shape t, Placement.ofTensor t)
            }
        )

        context.save_for_backward (List<Tensor>(Array.append inputs kept))
        List<Tensor> outputs

    override _.backward(context, cotangents) =
        let applied = context.get_data "applied" :?> Applied
        // CUDA runs this on a thread of its own, which has no dispose scope: what the rule makes is freed here.
        use scope = torch.NewDisposeScope()
        let inputs, kept = context.get_saved_variables().ToArray() |> Array.splitAt applied.Inputs

        let defined i (cotangent: Tensor) =
            if cotangent.IsInvalid then
                let shape, place = applied.Zeros[i]
                torch.zeros (shape, dtype = place.DType, device = place.Device)
            else
                cotangent

        let pass () = cotangents.ToArray() |> Array.mapi defined |> applied.Rule.Backward inputs kept

        let gradients = List<Tensor>()
        gradients.Add null

        for result in Autograd.guard inputs pass do
            match result with
            | Some g -> gradients.Add(scope.MoveToOuter g)
            | None -> gradients.Add null

        gradients

/// Rules applied to tensors, and rules made of functions.
[<RequireQualifiedAccess>]
module Rule =
    /// Applies a rule to its inputs.
    let apply (rule: Rule) (inputs: Tensor list) : Tensor[] =
        let recorded = torch.is_grad_enabled () && inputs |> List.exists _.requires_grad

        // A scope of its own also frees the tensor like each output that TorchSharp makes for zeros.
        fun () ->
            if recorded then
                RuleFunction.apply([| box rule; yield! inputs |> Seq.map box |]).ToArray()
            else
                use _ = torch.no_grad ()
                fst (rule.Forward(List.toArray inputs))
        |> Tensor.scoped Seq.ofArray

    /// The backward pass of a function that is made of differentiable operations: the function is computed again, and
    /// its gradients are those of automatic differentiation, of any order.
    let derived (f: Tensor[] -> Tensor[]) (inputs: Tensor[]) _ (cotangents: Tensor[]) : Tensor option[] =
        let higher = torch.is_grad_enabled ()
        use _ = torch.enable_grad ()

        let inputs =
            inputs
            |> Array.map (fun t ->
                if not t.requires_grad then t
                // A separate view: if one input depends on another, its gradient must not flow into the other here.
                elif higher then t.view (Tensor.shape t)
                else t.detach().requires_grad_ true)

        let wanted = inputs |> Array.filter _.requires_grad
        let found = Autograd.tryGradients higher (f inputs) cotangents wanted |> Array.zip wanted

        inputs
        |> Array.map (fun t -> found |> Array.tryPick (fun (w, g) -> if obj.ReferenceEquals(w, t) then g else None))

    /// A function that keeps its inputs only: what it computed on the way is computed again when gradients are asked
    /// for. Chen et al., "Training Deep Nets with Sublinear Memory Cost" (arXiv 1604.06174).
    let recomputed (f: Tensor[] -> Tensor[]) (inputs: Tensor list) : Tensor[] =
        apply { Forward = (fun inputs -> f inputs, [||]); Backward = derived f } inputs
