// The functions that the edges of a KAN weigh, splines and silu, with derivatives, in one pass over the points.
using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Threading.Tasks;

namespace MetaKan.Kernels
{
    /// <summary>
    /// Piecewise polynomials, of which only a window of neighbours is not zero at a point, and beside them
    /// silu(x) = x·σ(x): M functions of each of several inputs.
    /// </summary>
    /// <typeparam name="T">float or double.</typeparam>
    [SkipLocalsInit]
    public sealed unsafe class EdgeFunctions<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private const int Block = 256;

        private readonly int intervals, window, count;
        private readonly T[][] knots;
        private readonly T[] perKnot;
        private readonly int[] first;
        private readonly T[][] coefficients;
        private readonly Func<int, T[]> sigmoidDerivative;

        /// <summary>Functions on given knots, the same for all inputs or a sequence for each.</summary>
        /// <param name="knots">By sequence: the ascending knots.</param>
        /// <param name="first">By interval between knots: the first function of its window.</param>
        /// <param name="window">How many functions a window has.</param>
        /// <param name="coefficients">
        /// By derivative: [sequence, interval, power, function of the window], ascending powers of the distance from the
        /// interval's lower knot.
        /// </param>
        /// <param name="sigmoidDerivative">The ascending coefficients of σ⁽ⁿ⁾ as a polynomial in σ.</param>
        /// <param name="count">M: the splines, and silu as the last.</param>
        public EdgeFunctions(
            T[][] knots, int[] first, int window, T[][] coefficients, Func<int, T[]> sigmoidDerivative, int count)
        {
            this.knots = knots;
            this.first = first;
            this.coefficients = coefficients;
            this.sigmoidDerivative = sigmoidDerivative;
            this.window = window;
            this.count = count;
            intervals = first.Length;
            perKnot = Array.ConvertAll(knots, t => T.CreateChecked(intervals) / (t[^1] - t[0]));
        }

        /// <summary>Derivatives of all functions.</summary>
        /// <param name="x">Points, [points / sequences, sequences] where every input has knots of its own.</param>
        /// <param name="points">How many.</param>
        /// <param name="orders">The derivatives' orders.</param>
        /// <param name="results">By order: room for [points, M].</param>
        /// <param name="threads">How many threads may share the work.</param>
        public void Evaluate(T* x, long points, int[] orders, nint[] results, int threads) =>
            Share(points, threads, (from, to) => {
                var located = stackalloc Located[Block];
                // Whole vectors, whatever the block's length.
                var points = stackalloc T[Block];
                var sigmoids = stackalloc T[Block];
                for (var start = from; start < to; start += Block) {
                    var length = (int)Math.Min(Block, to - start);
                    new Span<T>(x + start, length).CopyTo(new Span<T>(points, Block));
                    new Span<T>(points + length, Block - length).Clear();
                    Locate(points, start, length, located);
                    for (var n = 0; n < length; n += Vector<T>.Count)
                        *(Vector<T>*)(sigmoids + n) = Sigmoid(*(Vector<T>*)(points + n));
                    for (var d = 0; d < orders.Length; d++) {
                        var result = (T*)results[d] + start * count;
                        new Span<T>(result, length * count).Clear();
                        Splines(located, length, orders[d], result);
                        Silu(points, sigmoids, length, orders[d], result + count - 1);
                    }
                }
            });

        private delegate void Work(long from, long to);

        // Runs the work in parts of its range, a thread each, where there are enough points to be worth it.
        private static void Share(long points, int threads, Work work)
        {
            if (threads < 2 || points < 1 << 12)
                work(0, points);
            else
                Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads },
                    part => work(points * part / threads, points * (part + 1) / threads));
        }

        // Where a point lies: its window's first function, or -1 outside all knots; the piece, counted over sequences and
        // intervals; and the distance from the interval's lower knot.
        private struct Located
        {
            public int First, Piece;
            public T Offset;
        }

        private void Locate(T* x, long start, int length, Located* located)
        {
            var sequence = (int)(start % knots.Length);
            for (var n = 0; n < length; n++) {
                var t = knots[sequence];
                var (point, l) = (x[n], -1);
                if (point >= t[0] && point < t[intervals]) {
                    // Equal steps are guessed right at once.
                    l = Math.Min(intervals - 1, Truncated((point - t[0]) * perKnot[sequence]));
                    while (point < t[l]) l--;
                    while (point >= t[l + 1]) l++;
                } else if (T.IsNaN(point)) {
                    l = 0;
                }
                located[n] = l < 0
                    ? new Located { First = -1 }
                    : new Located { First = first[l], Piece = sequence * intervals + l, Offset = point - t[l] };
                if (++sequence == knots.Length) sequence = 0;
            }
        }

        private static int Truncated(T value) =>
            typeof(T) == typeof(double) ? (int)(double)(object)value : (int)(float)(object)value;

        // The splines of each point's window.
        private void Splines(Located* located, int length, int order, T* result)
        {
            var powers = coefficients.Length - order;
            fixed (T* table = powers > 0 ? coefficients[order] : [])
                for (var n = 0; n < length; n++, result += count) {
                    if (located[n].First < 0 || powers < 1) continue;
                    var to = result + located[n].First;
                    var (c, s) = ((nint)(table + (long)located[n].Piece * powers * window), located[n].Offset);
                    if (window == 4 && typeof(T) == typeof(double))
                        Horner((double*)c, powers, (double)(object)s, (double*)to);
                    else if (window == 4)
                        Horner((float*)c, powers, (float)(object)s, (float*)to);
                    else
                        Horner((T*)c, powers, s, to);
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

        private static Vector<T> Sigmoid(Vector<T> x)
        {
            var e = typeof(T) == typeof(double)
                ? Vector.As<double, T>(Vector.Exp(-Vector.As<T, double>(x)))
                : Vector.As<float, T>(Vector.Exp(-Vector.As<T, float>(x)));
            return Vector<T>.One / (Vector<T>.One + e);
        }

        private static Vector<T> Polynomial(T[] coefficients, Vector<T> s)
        {
            var sum = Vector<T>.Zero;
            for (var p = coefficients.Length - 1; p >= 0; p--) sum = sum * s + new Vector<T>(coefficients[p]);
            return sum;
        }
    }
}
