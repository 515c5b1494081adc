// What TorchSharp's API has no public name for: which libtorch this is, and CUDA's memory.
using System.Runtime.InteropServices;
using static TorchSharp.NativeMethods;

namespace MetaKan.Native
{
    /// <summary>
    /// Bytes of device memory held by tensors: now, and at most since the last reset; and bytes taken from the device.
    /// All -1 where the libtorch is older than 2.9, which cannot tell.
    /// </summary>
    public readonly record struct CudaMemory(long Current, long Peak, long Reserved);

    public static unsafe class Libtorch
    {
        /// <summary>The version that the native library was built against, such as `1.13.1`.</summary>
        public static string Version => Marshal.PtrToStringUTF8(mk_version())!;

        /// <summary>The file of the loaded libtorch.</summary>
        public static string File => Marshal.PtrToStringUTF8(mk_library())!;

        /// <summary>The file of the native library between this assembly and libtorch.</summary>
        public static string BridgeFile => LibraryFile();

        /// <summary>Memory of a CUDA device, -1 being the current one.</summary>
        public static CudaMemory CudaMemory(int device = -1)
        {
            long current, peak, reserved;
            Check(mk_cuda_memory(device, &current, &peak, &reserved));
            return new CudaMemory(current, peak, reserved);
        }

        /// <summary>Starts the peak of `CudaMemory` anew.</summary>
        public static void ResetPeakCudaMemory(int device = -1) => Check(mk_cuda_reset_peak(device));

        /// <summary>Gives the device memory back that no tensor holds.</summary>
        public static void EmptyCudaCache() => Check(mk_cuda_empty_cache());
    }
}
