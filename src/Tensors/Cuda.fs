namespace MetaKan

open System
open System.Runtime.InteropServices
open TorchSharp

/// Memory of a CUDA device, which TorchSharp has no name for: asked of NVIDIA's driver by its C interface.
[<RequireQualifiedAccess>]
module Cuda =
    // cuMemGetInfo of the CUDA driver API: bytes free and in all on the calling thread's device; 0 is success.
    type private MemoryInfo = delegate of byref<unativeint> * byref<unativeint> -> int

    let private memoryInfo =
        lazy
            let driver = if OperatingSystem.IsWindows() then "nvcuda.dll" else "libcuda.so.1"

            match NativeLibrary.TryLoad driver with
            | true, library ->
                match NativeLibrary.TryGetExport(library, "cuMemGetInfo_v2") with
                | true, entry -> Some(Marshal.GetDelegateForFunctionPointer<MemoryInfo> entry)
                | _ -> None
            | _ -> None

    /// Bytes taken from the current CUDA device, by this process and any other; None without CUDA. libtorch keeps what
    /// tensors free, so that a process alone on its device sees its peak.
    let memory () : int64 option =
        if not (torch.cuda.is_available ()) then
            None
        else
            memoryInfo.Value
            |> Option.bind (fun info ->
                let mutable free, total = 0un, 0un
                if info.Invoke(&free, &total) = 0 then Some(int64 (total - free)) else None)
