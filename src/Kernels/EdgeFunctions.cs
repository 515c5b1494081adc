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
                        Silu(points, sigmoids, length, orders[d], result + count - 1, count);
                    }
                }
            });

        /// <summary>Derivatives that `Near` works out: orders 0 to 3.</summary>
        internal const int Orders = 4;

        /// <summary>Functions that are not zero near a point: silu, and the splines of a window.</summary>
        internal int Local => splines.Window + 1;

        /// <summary>The functions that are not zero near each point, with their derivatives.</summary>
        /// <param name="x">Points, of all sequences in turn.</param>
        /// <param name="points">How many.</param>
        /// <param name="first">Room for the first spline of each point's window.</param>
        /// <param name="values">Room for [Orders, Local] numbers of each point.</param>
        /// <param name="stride">From one point's numbers to the next's.</param>
        internal void Near(T* x, int points, int* first, T* values, int stride)
        {
            T* intervals = stackalloc T[Block], offsets = stackalloc T[Block];
            T* padded = stackalloc T[Block], sigmoids = stackalloc T[Block];
            for (var start = 0; start < points; start += Block, values += (long)Block * stride, first += Block) {
                var length = Math.Min(Block, points - start);
                var sequence = start % splines.Sequences;
                new Span<T>(x + start, length).CopyTo(new Span<T>(padded, Block));
                new Span<T>(padded + length, Block - length).Clear();
                splines.Locate(padded, sequence, length, intervals, offsets);
                for (var n = 0; n < length; n += Vector<T>.Count)
                    *(Vector<T>*)(sigmoids + n) = Vectors.Sigmoid(*(Vector<T>*)(padded + n));
                Windows(intervals, offsets, sequence, length, first, values + 1, stride);
                for (var d = 0; d < Orders; d++) Silu(padded, sigmoids, length, d, values + d * Local, stride);
            }
        }

        // All derivatives of the splines of each point's window: Horner's rule for all of them at once, from the polynomials.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Windows(T* intervals, T* offsets, int sequence, int length, int* first, T* values, int stride)
        {
            int powers = splines.Coefficients.Length, window = splines.Window, local = Local;
            fixed (T* table = splines.Coefficients[0])
            fixed (int* starts = splines.First)
                for (var n = 0; n < length; n++, values += stride) {
                    var (l, s) = (Vectors.Truncated(intervals[n]), offsets[n]);
                    var isInside = l < splines.Intervals;
                    first[n] = isInside ? starts[l] : 0;
                    // Outside, as polynomials that are zero.
                    var c = table + ((long)sequence * splines.Intervals + (isInside ? l : 0)) * powers * window;
                    if (window == 4 && typeof(T) == typeof(float) && isInside) {
                        Four((float*)c, powers, (float)(object)s, (float*)values, local);
                    } else for (var m = 0; m < window; m++) {
                        // Derivatives over factorials, as the rule leaves them.
                        T f = T.Zero, g = T.Zero, h = T.Zero, k = T.Zero;
                        for (var p = powers - 1; p >= 0; p--) {
                            k = k * s + h;
                            h = h * s + g;
                            g = g * s + f;
                            f = f * s + c[window * p + m];
                        }
                        values[m] = isInside ? f : T.Zero;
                        values[local + m] = isInside ? g : T.Zero;
                        values[2 * local + m] = isInside ? h + h : T.Zero;
                        values[3 * local + m] = isInside ? (k + k + k) + (k + k + k) : T.Zero;
                    }
                    if (++sequence == splines.Sequences) sequence = 0;
                }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Four(float* c, int powers, float s, float* values, int local)
        {
            Vector128<float> at = Vector128.Create(s), f = default, g = default, h = default, k = default;
            for (var p = powers - 1; p >= 0; p--) {
                k = Vector128.FusedMultiplyAdd(k, at, h);
                h = Vector128.FusedMultiplyAdd(h, at, g);
                g = Vector128.FusedMultiplyAdd(g, at, f);
                f = Vector128.FusedMultiplyAdd(f, at, Vector128.Load(c + 4 * p));
            }
            f.Store(values);
            g.Store(values + local);
            (h + h).Store(values + 2 * local);
            (k * 6f).Store(values + 3 * local);
        }

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

        // silu⁽ⁿ⁾ = x σ⁽ⁿ⁾ + n σ⁽ⁿ⁻¹⁾, to places of the result so far apart.
        private void Silu(T* points, T* sigmoids, int length, int n, T* result, int stride)
        {
            var (highest, lower) = (sigmoidDerivative(n), n > 0 ? sigmoidDerivative(n - 1) : []);
            var factor = T.CreateChecked(n);
            var values = stackalloc T[Vector<T>.Count];
            for (var i = 0; i < length; i += Vector<T>.Count) {
                Vector<T> x = *(Vector<T>*)(points + i), s = *(Vector<T>*)(sigmoids + i);
                *(Vector<T>*)values = x * Polynomial(highest, s) + factor * Polynomial(lower, s);
                for (var j = 0; j < Vector<T>.Count && i + j < length; j++) result[(long)(i + j) * stride] = values[j];
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
