// The basis functions of a KAN's edges, splines and silu, with derivatives, in one pass over the points.
using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetaKan.Kernels
{
    /// <summary>Splines and beside them silu(x) = x·σ(x): M functions of each of several inputs.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    [SkipLocalsInit]
    public sealed unsafe class EdgeFunctions<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private const int Block = 256, WorthAThread = 1 << 11;

        private readonly PiecewisePolynomials<T> splines;
        private readonly Func<int, T[]> sigmoidDerivative;
        private readonly int count;

        /// <summary>The functions on the splines' knots.</summary>
        /// <param name="splines">The splines.</param>
        /// <param name="sigmoidDerivative">The ascending coefficients of σ⁽ⁿ⁾ as a polynomial in σ.</param>
        /// <param name="count">M: the splines, and silu as the last.</param>
        public EdgeFunctions(PiecewisePolynomials<T> splines, Func<int, T[]> sigmoidDerivative, int count) =>
            (this.splines, this.sigmoidDerivative, this.count) = (splines, sigmoidDerivative, count);

        /// <summary>Derivatives of all functions.</summary>
        /// <param name="x">Points, [points / sequences, sequences] where every input has knots of its own.</param>
        /// <param name="points">How many.</param>
        /// <param name="orders">The derivatives' orders.</param>
        /// <param name="results">By order: room for [points, M].</param>
        /// <param name="threads">How many threads may share the work.</param>
        public void Evaluate(T* x, long points, int[] orders, nint[] results, int threads) =>
            Parts.Run(Parts.Count(points, WorthAThread, threads), points, (_, from, to) => {
                T* intervals = stackalloc T[Block], offsets = stackalloc T[Block];
                // Whole vectors, whatever the block's length.
                T* points = stackalloc T[Block], sigmoids = stackalloc T[Block];
                for (var start = from; start < to; start += Block) {
                    var length = (int)Math.Min(Block, to - start);
                    var sequence = (int)(start % splines.Sequences);
                    new Span<T>(x + start, length).CopyTo(new Span<T>(points, Block));
                    new Span<T>(points + length, Block - length).Clear();
                    splines.Locate(points, sequence, length, intervals, offsets);
                    for (var n = 0; n < length; n += Vector<T>.Count)
                        *(Vector<T>*)(sigmoids + n) = Vectors.Sigmoid(*(Vector<T>*)(points + n));
                    for (var d = 0; d < orders.Length; d++) {
                        var result = (T*)results[d] + start * count;
                        new Span<T>(result, length * count).Clear();
                        Splines(intervals, offsets, sequence, length, orders[d], result);
                        Silu(points, sigmoids, length, orders[d], result + count - 1);
                    }
                }
            });

        // The splines of each point's window.
        private void Splines(T* intervals, T* offsets, int sequence, int length, int order, T* result)
        {
            var (powers, window) = (splines.Coefficients.Length - order, splines.Window);
            if (powers < 1) return;
            fixed (T* table = splines.Coefficients[order])
                for (var n = 0; n < length; n++, result += count) {
                    var (l, s) = (Vectors.Truncated(intervals[n]), offsets[n]);
                    if (l < splines.Intervals) {
                        var c = table + ((long)sequence * splines.Intervals + l) * powers * window;
                        var to = result + splines.First[l];
                        if (window == 4 && typeof(T) == typeof(double))
                            Horner((double*)c, powers, (double)(object)s, (double*)to);
                        else if (window == 4)
                            Horner((float*)c, powers, (float)(object)s, (float*)to);
                        else
                            Horner(c, powers, s, to);
                    }
                    if (++sequence == splines.Sequences) sequence = 0;
                }
        }

        // Horner's rule for the functions of a window at once.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Horner(double* c, int powers, double s, double* result)
        {
            var (at, sum) = (Vector256.Create(s), Vector256.Load(c + 4 * (powers - 1)));
            for (var p = powers - 2; p >= 0; p--) sum = Vector256.FusedMultiplyAdd(sum, at, Vector256.Load(c + 4 * p));
            sum.Store(result);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Horner(float* c, int powers, float s, float* result)
        {
            var (at, sum) = (Vector128.Create(s), Vector128.Load(c + 4 * (powers - 1)));
            for (var p = powers - 2; p >= 0; p--) sum = Vector128.FusedMultiplyAdd(sum, at, Vector128.Load(c + 4 * p));
            sum.Store(result);
        }

        private void Horner(T* c, int powers, T s, T* result)
        {
            var window = splines.Window;
            for (var m = 0; m < window; m++) {
                var sum = c[window * (powers - 1) + m];
                for (var p = powers - 2; p >= 0; p--) sum = sum * s + c[window * p + m];
                result[m] = sum;
            }
        }

        // silu⁽ⁿ⁾ = x σ⁽ⁿ⁾ + n σ⁽ⁿ⁻¹⁾, to every M-th place of the result.
        private void Silu(T* points, T* sigmoids, int length, int n, T* result)
        {
            var (highest, lower) = (sigmoidDerivative(n), n > 0 ? sigmoidDerivative(n - 1) : []);
            var factor = T.CreateChecked(n);
            var values = stackalloc T[Vector<T>.Count];
            for (var i = 0; i < length; i += Vector<T>.Count) {
                Vector<T> x = *(Vector<T>*)(points + i), s = *(Vector<T>*)(sigmoids + i);
                *(Vector<T>*)values = x * Polynomial(highest, s) + factor * Polynomial(lower, s);
                for (var j = 0; j < Vector<T>.Count && i + j < length; j++) result[(long)(i + j) * count] = values[j];
            }
        }

        private static Vector<T> Polynomial(T[] coefficients, Vector<T> s)
        {
            var sum = Vector<T>.Zero;
            for (var p = coefficients.Length - 1; p >= 0; p--) sum = sum * s + new Vector<T>(coefficients[p]);
            return sum;
        }
    }
}
