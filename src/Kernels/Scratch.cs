// Memory for a calculation's own numbers.
using System;
using System.Runtime.InteropServices;

namespace MetaKan.Kernels
{
    /// <summary>
    /// Arrays in one piece of memory, each from the start of a line of the cache: a vector that straddles two costs twice.
    /// </summary>
    internal sealed unsafe class Scratch<T> : IDisposable where T : unmanaged
    {
        private const int Line = 64;
        private readonly T* memory;
        private readonly nuint bytes;
        private nuint taken;

        /// <summary>Room for arrays of these lengths.</summary>
        internal Scratch(params ReadOnlySpan<long> lengths)
        {
            foreach (var length in lengths) bytes += Size(length);
            memory = (T*)NativeMemory.AlignedAlloc(bytes, Line);
        }

        /// <summary>The next array, of zeros.</summary>
        internal T* Take(long length)
        {
            var array = Room(length);
            NativeMemory.Clear(array, Size(length));
            return array;
        }

        /// <summary>The next array, of whatever is there.</summary>
        internal T* Room(long length)
        {
            var array = (byte*)memory + taken;
            taken += Size(length);
            return taken <= bytes ? (T*)array : throw new InvalidOperationException("more than there is room for");
        }

        // A vector beyond the end may be read.
        private static nuint Size(long length) => ((nuint)(length * sizeof(T)) / Line + 2) * Line;

        public void Dispose() => NativeMemory.AlignedFree(memory);
    }
}
