// The numbers that tensor operators take.
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace MetaKan.Kernels
{
    /// <summary>
    /// Functions to take the place of those by which TorchSharp makes and frees a native <c>Scalar</c>. TorchSharp lets the
    /// garbage collector free one while an operator still reads it, on another thread: here a number that is used again is
    /// made once and never freed, and any other is freed only after many more of them.
    /// </summary>
    public static unsafe class Scalars
    {
        // How many numbers are made once, and how many unused ones keep their memory: some 50 bytes each.
        private const int MostShared = 4096, MostUnused = 1 << 16;

        private static readonly ConcurrentDictionary<long, nint> int32 = new(), int64 = new(), float64 = new();
        private static readonly ConcurrentDictionary<nint, bool> shared = new();
        private static readonly ConcurrentQueue<nint> unused = new();
        private static readonly Lock sharing = new();
        private static int sharedCount, unusedCount;
        private static delegate* unmanaged<int, nint> makeInt32;
        private static delegate* unmanaged<long, nint> makeInt64;
        private static delegate* unmanaged<double, nint> makeFloat64;
        private static delegate* unmanaged<nint, void> free;

        /// <summary>The address of each function, by the name of the one in whose place it stands.</summary>
        public static IReadOnlyDictionary<string, nint> Functions { get; } = new Dictionary<string, nint>
        {
            ["THSTorch_int32_to_scalar"] = (nint)(delegate* unmanaged<int, nint>)&OfInt32,
            ["THSTorch_int64_to_scalar"] = (nint)(delegate* unmanaged<long, nint>)&OfInt64,
            ["THSTorch_float64_to_scalar"] = (nint)(delegate* unmanaged<double, nint>)&OfFloat64,
            ["THSTorch_dispose_scalar"] = (nint)(delegate* unmanaged<nint, void>)&Free,
        };

        /// <summary>Tells where TorchSharp's own functions are, before any of these is called.</summary>
        public static void Over(Func<string, nint> address)
        {
            makeInt32 = (delegate* unmanaged<int, nint>)address("THSTorch_int32_to_scalar");
            makeInt64 = (delegate* unmanaged<long, nint>)address("THSTorch_int64_to_scalar");
            makeFloat64 = (delegate* unmanaged<double, nint>)address("THSTorch_float64_to_scalar");
            free = (delegate* unmanaged<nint, void>)address("THSTorch_dispose_scalar");
        }

        [UnmanagedCallersOnly]
        private static nint OfInt32(int value) => Of(int32, value, static value => makeInt32((int)value));

        [UnmanagedCallersOnly]
        private static nint OfInt64(long value) => Of(int64, value, static value => makeInt64(value));

        // By its bits: 0.0 equals -0.0.
        [UnmanagedCallersOnly]
        private static nint OfFloat64(double value) =>
            Of(float64, BitConverter.DoubleToInt64Bits(value), static bits => makeFloat64(BitConverter.Int64BitsToDouble(bits)));

        private static nint Of(ConcurrentDictionary<long, nint> known, long value, Func<long, nint> make)
        {
            if (known.TryGetValue(value, out var scalar)) return scalar;

            lock (sharing)
            {
                if (known.TryGetValue(value, out scalar)) return scalar;
                scalar = make(value);
                if (sharedCount == MostShared) return scalar;
                sharedCount++;
                shared[scalar] = true;
                return known[value] = scalar;
            }
        }

        [UnmanagedCallersOnly]
        private static void Free(nint scalar)
        {
            if (shared.ContainsKey(scalar)) return;
            unused.Enqueue(scalar);
            if (Interlocked.Increment(ref unusedCount) <= MostUnused || !unused.TryDequeue(out var oldest)) return;
            Interlocked.Decrement(ref unusedCount);
            free(oldest);
        }
    }
}
