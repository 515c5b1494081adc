// Vectors of one width, for kernels that are written once for all.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetaKan.Kernels
{
    /// <summary>What kernels ask of vectors V of numbers T.</summary>
    internal unsafe interface ILanes<T, V> where T : unmanaged where V : struct
    {
        /// <summary>Numbers in a vector.</summary>
        static abstract int Count { get; }

        /// <summary>Registers that hold one.</summary>
        static abstract int Registers { get; }

        static abstract V Load(T* at);
        static abstract void Store(V v, T* at);

        /// <summary>The same number in all places.</summary>
        static abstract V Create(T value);

        static abstract V Add(V a, V b);

        /// <summary>a·b + c, rounded once.</summary>
        static abstract V MultiplyAdd(V a, V b, V c);

        static abstract T Sum(V v);
    }

    /// <summary>512 bits.</summary>
    internal readonly unsafe struct Lanes512<T> : ILanes<T, Vector512<T>> where T : unmanaged
    {
        public static int Count => Vector512<T>.Count;
        public static int Registers => 32;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Load(T* at) => Vector512.Load(at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector512<T> v, T* at) => v.Store(at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Create(T value) => Vector512.Create(value);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> Add(Vector512<T> a, Vector512<T> b) => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<T> MultiplyAdd(Vector512<T> a, Vector512<T> b, Vector512<T> c) =>
            typeof(T) == typeof(double)
                ? Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>()
                : Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Sum(Vector512<T> v) => Vector512.Sum(v);
    }

    /// <summary>256 bits.</summary>
    internal readonly unsafe struct Lanes256<T> : ILanes<T, Vector256<T>> where T : unmanaged
    {
        public static int Count => Vector256<T>.Count;
        public static int Registers => 16;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<T> Load(T* at) => Vector256.Load(at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store(Vector256<T> v, T* at) => v.Store(at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<T> Create(T value) => Vector256.Create(value);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<T> Add(Vector256<T> a, Vector256<T> b) => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<T> MultiplyAdd(Vector256<T> a, Vector256<T> b, Vector256<T> c) =>
            typeof(T) == typeof(double)
                ? Vector256.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>()
                : Vector256.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Sum(Vector256<T> v) => Vector256.Sum(v);
    }
}
