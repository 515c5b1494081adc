// What the process settles before libtorch is loaded: how its BLAS computes and how memory is kept.
using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp
{
    internal static unsafe partial class Host
    {
        [LibraryImport("libc", EntryPoint = "setenv")]
        private static partial int SetEnvironment(byte* name, byte* value, int overwrite);

        [LibraryImport("libc", EntryPoint = "mallopt")]
        private static partial int SetAllocator(int option, int value);

        private const int TrimThreshold = -1, MmapThreshold = -3;

        /// <summary>Settings that a user made through the environment stay.</summary>
        internal static void Prepare()
        {
            if (!OperatingSystem.IsLinux()) return;
            // OpenBLAS takes processors newer than itself for Haswell ones, and leaves their AVX-512 unused.
            if (Avx512F.IsSupported)
                fixed (byte* name = "OPENBLAS_CORETYPE\0"u8, value = "SkylakeX\0"u8) SetEnvironment(name, value, 0);
            // A training step frees what the next one asks for: given back to the system in between, each page would be
            // zeroed and mapped again at every step.
            if (Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is null) {
                SetAllocator(MmapThreshold, 32 << 20);
                SetAllocator(TrimThreshold, 512 << 20);
            }
        }
    }
}
