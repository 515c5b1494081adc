namespace MetaKan

open System
open System.Collections.Concurrent
open System.Runtime.ExceptionServices
open TorchSharp

/// Gradients by libtorch. All of them are computed here, so that exceptions of a backward pass reach the caller.
[<RequireQualifiedAccess>]
module Autograd =
    // An exception that left a function's backward pass would end the process. It waits here, by the thread of the pass,
    // until the pass has ended. On a CPU that is the thread that asked for the gradient, on CUDA one of libtorch's own.
    let private failures = ConcurrentDictionary<int, ExceptionDispatchInfo>()

    let private take (thread: int) =
        match failures.TryRemove thread with
        | true, failure -> Some failure
        | _ -> None

    /// Runs the backward pass of a function of these inputs. Where it raises, the gradients are NaN, so that libtorch can
    /// finish; `tryGradients` then raises the exception, and a caller of libtorch itself sees the NaN.
    let internal guard (inputs: Tensor[]) (pass: unit -> Tensor option[]) : Tensor option[] =
        try
            pass ()
        with error ->
            failures[Environment.CurrentManagedThreadId] <- ExceptionDispatchInfo.Capture error

            inputs
            |> Array.map (fun t ->
                if t.is_floating_point () then
                    Some(
                        torch
                            .zeros([||], dtype = t.dtype, device = t.device)
                            .div_(0.0.ToScalar())
                            .expand(Tensor.shape t)
                    )
                else
                    None)

    // `torch.autograd.grad` ends the process where libtorch raises; `backward` does not, but leaves its results in the
    // inputs' `grad`, which is the caller's.
    let private plain (retain: bool) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor option[] =
        let kept = inputs |> Array.map (fun t -> if t.is_leaf then t.grad else null)

        for t, g in Seq.zip inputs kept do
            if not (isNull g) then
                t.grad <- null

        try
            torch.autograd.backward (outputs, cotangents, Nullable retain, false, inputs)
            inputs |> Array.map (fun t -> Option.ofObj t.grad)
        finally
            Array.iter2 (fun (t: Tensor) g -> t.grad <- g) inputs kept

    // `backward` warns on stderr when gradients are recorded. Inputs for which `grad` would end the process are refused
    // first.
    let private recorded (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor option[] =
        if outputs |> Array.exists (fun t -> not t.requires_grad) then
            invalidOp "an output depends on nothing that requires a gradient"

        if isNull cotangents && outputs |> Array.exists (fun t -> t.numel () <> 1L) then
            invalidOp "an output that is no scalar wants a cotangent"

        torch.autograd.grad (outputs, inputs, cotangents, retain_graph = true, create_graph = true, allow_unused = true)
        |> Seq.map (fun g -> if isNull (box g) || g.IsInvalid then None else Some g)
        |> Seq.toArray

    // What a pass finds, or what a rule's backward pass raised in it.
    let private passed (outputs: Tensor[]) (pass: unit -> Tensor option[]) : Tensor option[] =
        let thread = Environment.CurrentManagedThreadId
        take thread |> ignore

        pass
        |> Tensor.scoped (Seq.choose id)
        |> fun found ->
            // On a CPU the failures of other threads belong to their callers.
            let others () =
                if outputs |> Array.exists (fun t -> t.device_type = DeviceType.CUDA) then
                    Seq.tryPick take failures.Keys
                else
                    None

            take thread |> Option.orElseWith others |> Option.iter _.Throw()

            found

    /// The gradients by inputs of the outputs, weighed by cotangents like them (null where all are scalars); None for an
    /// input that no output depends on. `higher` records them for further gradients and keeps the graph. What a rule's
    /// backward pass raised, and what libtorch finds wrong, is raised here.
    let tryGradients (higher: bool) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor option[] =
        passed outputs (fun () ->
            if higher then recorded outputs cotangents inputs else plain false outputs cotangents inputs)

    let private orZeros (inputs: Tensor[]) (found: Tensor option[]) : Tensor[] =
        found |> Array.map2 (fun input -> Option.defaultWith (fun () -> torch.zeros_like input)) inputs

    /// `tryGradients` with zeros for inputs that no output depends on.
    let gradients (higher: bool) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor[] =
        tryGradients higher outputs cotangents inputs |> orZeros inputs

    /// The gradients by inputs of each of several scalars that share their graph.
    let gradientsOfEach (outputs: Tensor list) (inputs: Tensor[]) : Tensor[] list =
        [
            for n, output in List.indexed outputs ->
                if output.requires_grad then
                    passed [| output |] (fun () -> plain (n < outputs.Length - 1) [| output |] null inputs)
                    |> orZeros inputs
                else
                    Array.map torch.zeros_like inputs
        ]
