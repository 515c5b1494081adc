// Arithmetic that .NET has for single types only.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetaKan.Kernels
{
    internal static class Vectors
    {
        /// <summary>σ(x) = 1 / (1 + e⁻ˣ).</summary>
        internal static Vector<T> Sigmoid<T>(Vector<T> x)
        {
            var e = typeof(T) == typeof(double)
                ? Vector.As<double, T>(Vector.Exp(-Vector.As<T, double>(x)))
                : Vector.As<float, T>(Vector.Exp(-Vector.As<T, float>(x)));
            return Vector<T>.One / (Vector<T>.One + e);
        }

        /// <summary>A number without its fraction.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static int Truncated<T>(T value) =>
            typeof(T) == typeof(double) ? (int)(double)(object)value! : (int)(float)(object)value!;

        /// <summary>a·b + c, rounded once where the machine can.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static Vector256<T> MultiplyAdd<T>(Vector256<T> a, Vector256<T> b, Vector256<T> c) =>
            typeof(T) == typeof(double)
                ? Vector256.MultiplyAddEstimate(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>()
                : Vector256.MultiplyAddEstimate(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>();

        /// <summary>to += from</summary>
        internal static unsafe void Add<T>(T* from, T* to, long length) where T : unmanaged, INumberBase<T>
        {
            var j = 0L;
            for (; j <= length - Vector<T>.Count; j += Vector<T>.Count) *(Vector<T>*)(to + j) += *(Vector<T>*)(from + j);
            for (; j < length; j++) to[j] += from[j];
        }

        /// <summary>Whether a number is zero.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static bool IsZero<T>(T value) =>
            typeof(T) == typeof(double) ? (double)(object)value! == 0.0 : (float)(object)value! == 0f;
    }
}
