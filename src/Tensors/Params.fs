// Parameter trees: immutable maps from dotted names ("layers.0.base_weight") to tensors.
namespace MetaKan

open TorchSharp

/// A model's parameters: an immutable tree of named tensors, flattened to dotted names.
type Params = Map<string, Tensor>

/// Trees of parameters: their gradients, their tensors, and trees within trees.
[<RequireQualifiedAccess>]
module Params =
    /// How many numbers the tree holds.
    let count (p: Params) : int64 = p |> Map.fold (fun n _ t -> n + t.numel ()) 0L

    /// The subtree below `name`, with the prefix taken off.
    let under (name: string) (p: Params) : Params =
        let prefix = name + "."

        p
        |> Map.toSeq
        |> Seq.filter (fun (k, _) -> k.StartsWith(prefix, System.StringComparison.Ordinal))
        |> Seq.map (fun (k, t) -> k.Substring prefix.Length, t)
        |> Map.ofSeq

    /// The names below `name`, whole.
    let internal namesUnder (name: string) (p: Params) : string list =
        [ for below in Map.keys (under name p) -> $"{name}.{below}" ]

    /// The tree below `name`: every name of it after "name.". `under` takes it out again.
    let prefixed (name: string) (p: Params) : Params =
        p |> Map.toSeq |> Seq.map (fun (k, t) -> $"{name}.{k}", t) |> Map.ofSeq

    /// The tree that `make` gives, in tensors of its own over the same numbers: freeing them leaves those that `make` only
    /// hands on to their owner.
    let aliases (make: unit -> Params) : Params =
        (fun () -> make () |> Map.map (fun _ t -> t.detach ())) |> Tensor.scoped (Map.toSeq >> Seq.map snd)

    /// The union of trees; of a name that several have, the last one's.
    let union (trees: Params seq) : Params = trees |> Seq.collect Map.toSeq |> Map.ofSeq

    /// The union of trees; of a name that several have, the sum in the order of the trees.
    let internal total (trees: Params seq) : Params =
        (Map.empty, Seq.collect Map.toSeq trees)
        ||> Seq.fold (fun sums (name, t) ->
            sums
            |> Map.change name (function
                | Some before -> Some(before + t)
                | None -> Some t))

    /// The tensors, in the order of their names.
    let tensors (p: Params) : Tensor[] = p |> Map.toArray |> Array.map snd

    /// The tree's names with other tensors, given in the order of the names.
    let withTensors (values: Tensor seq) (p: Params) : Params =
        Seq.map2 (fun name t -> name, t) (Map.keys p) values |> Map.ofSeq

    /// All numbers in a vector [count], in the order of the names.
    let flat (p: Params) : Tensor = torch.cat (tensors p |> Array.map _.reshape(-1L))

    /// The tree like p whose numbers are those of a vector, as `flat` has them: views of it.
    let ofFlat (p: Params) (vector: Tensor) : Params =
        let leaves = tensors p

        vector.split (leaves |> Array.map _.numel())
        |> Seq.map2 (fun (t: Tensor) (v: Tensor) -> v.view (Tensor.shape t)) leaves
        |> fun values -> withTensors values p

    /// Leaves that record gradients, sharing the tree's memory.
    let tracked (p: Params) : Params = p |> Map.map (fun _ t -> t.detach().requires_grad_(true))

    let private backward (outputs: Tensor[]) (cotangents: Tensor[]) (p: Params) : Params =
        withTensors (Autograd.gradients false outputs cotangents (tensors p)) p

    /// The gradient of a scalar by tracked parameters; zero for those that it does not depend on.
    let gradient (loss: Tensor) (p: Params) : Params = backward [| loss |] null p

    /// A loss, a scalar tensor, at the given parameters, with its gradient by them.
    let withGradient (loss: Params -> Tensor) (p: Params) : Tensor * Params =
        let tracked = tracked p
        let value = loss tracked
        value.detach (), gradient value tracked

    /// The vector-Jacobian product of a tree computed from tracked parameters with a tree of cotangents like it.
    let pullback (computed: Params) (cotangents: Params) (p: Params) : Params =
        backward (tensors computed) (tensors cotangents) p

    /// Frees the memory of those tensors that are not among `kept`.
    let release (kept: Params seq) (p: Params) : unit =
        let kept = System.Collections.Generic.HashSet(Seq.collect tensors kept, HashIdentity.Reference)

        for t in tensors p do
            if not (kept.Contains t) then
                t.Dispose()

    /// Frees the tensors' memory.
    let dispose (p: Params) = p |> Map.iter (fun _ t -> t.Dispose())
