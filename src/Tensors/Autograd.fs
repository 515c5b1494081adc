// Asking libtorch for gradients: the one place that does, so that what fails in a backward pass is raised here.
namespace MetaKan

open System
open System.Collections.Concurrent
open System.Runtime.ExceptionServices
open System.Runtime.InteropServices
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

    /// Runs a backward pass. A tensor of it that cannot be is what makes libtorch give up the whole pass.
    let internal guard (inputs: Tensor[]) (pass: unit -> Tensor option[]) : Tensor option[] =
        try
            pass ()
        with error ->
            failures[Environment.CurrentManagedThreadId] <- ExceptionDispatchInfo.Capture error
            inputs |> Array.map (fun _ -> Some(torch.empty (1L, device = torch.META)))

    /// The gradients by inputs of the outputs, weighed by cotangents like them (null where all are scalars); None for an
    /// input that no output depends on. `higher` records them for further gradients and keeps the graph. What a rule's
    /// backward pass raised is raised here.
    let tryGradients (higher: bool) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor option[] =
        let thread = Environment.CurrentManagedThreadId
        take thread |> ignore

        try
            fun () ->
                torch.autograd.grad (
                    outputs,
                    inputs,
                    cotangents,
                    retain_graph = higher,
                    create_graph = higher,
                    allow_unused = true
                )
                |> Seq.map (fun g -> if isNull (box g) || g.IsInvalid then None else Some g)
                |> Seq.toArray
            |> Tensor.scoped (Seq.choose id)
        with :? ExternalException ->
            take thread |> Option.orElseWith (fun () -> Seq.tryPick take failures.Keys) |> Option.iter _.Throw()

            reraise ()

    /// `tryGradients` with zeros for inputs that no output depends on.
    let gradients (higher: bool) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor[] =
        tryGradients higher outputs cotangents inputs
        |> Array.map2 (fun input -> Option.defaultWith (fun () -> torch.zeros_like input)) inputs
