// Families of piecewise polynomials on knots, of which only a window of neighbours is not zero at a point.
using System;
using System.Linq;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetaKan.Kernels
{
    /// <summary>Splines on one sequence of knots for all inputs, or on one for each.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    public sealed unsafe class PiecewisePolynomials<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly T[] knots, perKnot;

        /// <summary>Splines as tables.</summary>
        /// <param name="knots">By sequence: the ascending knots.</param>
        /// <param name="first">By interval between knots: the first function of its window.</param>
        /// <param name="window">How many functions a window has.</param>
        /// <param name="coefficients">
        /// By derivative: [sequence, interval, power, function of the window], ascending powers of the distance from the
        /// interval's lower knot.
        /// </param>
        public PiecewisePolynomials(T[][] knots, int[] first, int window, T[][] coefficients)
        {
            this.knots = [.. knots.SelectMany(t => t)];
            (First, Window, Coefficients) = (first, window, coefficients);
            perKnot = Array.ConvertAll(knots, t => T.CreateChecked(first.Length) / (t[^1] - t[0]));
        }

        internal int[] First { get; }
        internal int Window { get; }
        internal T[][] Coefficients { get; }
        internal int Sequences => perKnot.Length;
        internal int Intervals => First.Length;

        /// <summary>
        /// The interval in which each point lies, the number of intervals for one outside all knots, and its distance from
        /// the interval's lower knot. What is no number lies in the first, at a distance that is no number either.
        /// </summary>
        /// <param name="x">Points of all sequences in turn.</param>
        /// <param name="sequence">The first one's sequence.</param>
        /// <param name="length">How many points.</param>
        /// <param name="intervals">Room for the intervals.</param>
        /// <param name="offsets">Room for the distances.</param>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal void Locate(T* x, int sequence, int length, T* intervals, T* offsets)
        {
            int count = Intervals, sequences = Sequences;
            fixed (T* all = knots, rates = perKnot)
                for (var n = 0; n < length; n++) {
                    var t = all + sequence * (count + 1);
                    var (point, l) = (x[n], count);
                    if (point >= t[0] && point < t[count]) {
                        // Equal steps are guessed right at once.
                        l = Math.Min(count - 1, Vectors.Truncated((point - t[0]) * rates[sequence]));
                        while (point < t[l]) l--;
                        while (point >= t[l + 1]) l++;
                    } else if (T.IsNaN(point)) {
                        l = 0;
                    }
                    intervals[n] = T.CreateTruncating(l);
                    offsets[n] = l == count ? T.Zero : point - t[l];
                    if (++sequence == sequences) sequence = 0;
                }
        }
    }
}
