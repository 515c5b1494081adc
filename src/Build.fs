/// What this build of MetaKan is: its version, and what it reaches libtorch through.
///
/// The one place that tells the two sources of TorchSharp's API apart, for what that API has no public name for.
module MetaKan.Build

open System.Reflection

/// The version of the library, as in `0.1.0`.
let version =
    Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>().InformationalVersion

#if SYSTEM_TORCH
open MetaKan.Native

/// Where TorchSharp's API comes from, which libtorch is under it, and where that is.
let provider () = $"system: libtorch {Libtorch.Version}, {Libtorch.File}"

/// Bytes of the current CUDA device held by tensors: now, and at most since `resetCudaPeak`. None where libtorch cannot
/// tell.
let cudaMemory () =
    let memory = Libtorch.CudaMemory()

    if memory.Current < 0L then None else Some(memory.Current, memory.Peak)

/// Starts the peak of `cudaMemory` anew.
let resetCudaPeak () = Libtorch.ResetPeakCudaMemory()
#else
open TorchSharp

/// Where TorchSharp's API comes from, which libtorch is under it, and where that is.
let provider () = $"nuget: TorchSharp of libtorch {torch.__version__}, {typeof<torch.Tensor>.Assembly.Location}"

/// Bytes of the current CUDA device held by tensors: TorchSharp has no name for it.
let cudaMemory () : (int64 * int64) option = None

/// Starts the peak of `cudaMemory` anew: nothing to do where there is none.
let resetCudaPeak () = ()
#endif
