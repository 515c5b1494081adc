// Asking libtorch for gradients: the one place that does, so that what fails in a backward pass is raised here.
namespace MetaKan

open System
open System.Collections.Concurrent
open System.Runtime.ExceptionServices
open TorchSharp

[<RequireQualifiedAccess>]
module Autograd =
    // An exception that left a function's backward pass would end the process. It waits here, by the thread of the pass,
    // until the pass has ended. On a CPU that is the thread that asked for the gradient, on CUDA one of libtorch's own.
    let private failures = ConcurrentDictionary<int, ExceptionDispatchInfo>()

    let private take (thread: int) =
        match failures.TryRemove thread with
        | true, failure -> Some failure
        | _ -> None

    /// Runs the backward pass of a function of these inputs. Where it raises, gradients that are no numbers let libtorch
    /// finish, and tell a caller that asks libtorch itself and not `tryGradients`.
    let internal guard (inputs: Tensor[]) (pass: unit -> Tensor option[]) : Tensor option[] =
        try
            pass ()
        with error ->
            failures[Environment.CurrentManagedThreadId] <- ExceptionDispatchInfo.Capture error

            inputs
            |> Array.map (fun t ->
                if t.is_floating_point () then
                    Some(torch.zeros([||], dtype = t.dtype, device = t.device).div_(0.0.ToScalar()).expand t.shape)
                else
                    None)

    /// The gradients by inputs of the outputs, weighed by cotangents like them (null where all are scalars); None for an
    /// input that no output depends on. `higher` records them for further gradients and keeps the graph. What a rule's
    /// backward pass raised, and what libtorch finds wrong, is raised here.
    let tryGradients (higher: bool) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor option[] =
        let thread = Environment.CurrentManagedThreadId
        take thread |> ignore
        // `torch.autograd.grad` ends the process where libtorch raises; `backward` does not, but leaves its results in the
        // inputs' `grad`, which is the caller's.
        fun () ->
            let kept = inputs |> Array.map (fun t -> if t.is_leaf then t.grad else null)

            for t, g in Seq.zip inputs kept do
                if not (isNull g) then
                    t.grad <- null

            try
                torch.autograd.backward (outputs, cotangents, Nullable higher, higher, inputs)
                inputs |> Array.map (fun t -> Option.ofObj t.grad)
            finally
                Array.iter2 (fun (t: Tensor) g -> t.grad <- g) inputs kept
        |> Tensor.scoped (Seq.choose id)
        |> fun found ->
            take thread |> Option.orElseWith (fun () -> Seq.tryPick take failures.Keys) |> Option.iter _.Throw()

            found

    /// `tryGradients` with zeros for inputs that no output depends on.
    let gradients (higher: bool) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor[] =
        tryGradients higher outputs cotangents inputs
        |> Array.map2 (fun input -> Option.defaultWith (fun () -> torch.zeros_like input)) inputs
