// Several piecewise-linear functions with common breaks, at many points: one lookup for each point, not one for each number.
using System;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetaKan.Kernels
{
    /// <summary>A layer whose edges look up lines: how many breaks, I, M and O.</summary>
    public readonly record struct LookupLayer(int Breaks, int Inputs, int Functions, int Outputs);

    /// <summary>M functions of the numbers of edges from I inputs to O outputs.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    [SkipLocalsInit]
    public static unsafe class PiecewiseLinear<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private const int WorthAThread = 8;

        /// <summary>results [I, M, O] of numbers [O, I].</summary>
        /// <param name="layer">Its sizes.</param>
        /// <param name="numbers">The edges' numbers.</param>
        /// <param name="breaks">Ascending; a number belongs to the segment after those below it.</param>
        /// <param name="lines">By segment: M slopes, then M intercepts, [breaks + 1, 2M].</param>
        /// <param name="results">Room for them.</param>
        /// <param name="threads">How many threads may share the work.</param>
        public static void Evaluate(LookupLayer layer, T* numbers, T* breaks, T* lines, T* results, int threads)
        {
            var (count, inputs, m, outputs) = layer;
            Parts.Run(Parts.Count(inputs, WorthAThread, threads), inputs, (_, from, to) => {
                using var scratch = new Scratch<T>(outputs, outputs);
                T* e = scratch.Take(outputs), segments = scratch.Take(outputs);
                for (var i = from; i < to; i++)
                    Evaluate(
                        Column(numbers + i, inputs, e, outputs), Locate(e, breaks, count, segments, outputs), lines,
                        results + i * m * outputs, m, outputs);
            });
        }

        /// <summary>Gradients by numbers [O, I] and by lines, which are zero before.</summary>
        /// <param name="layer">Its sizes.</param>
        /// <param name="numbers">As for `Evaluate`.</param>
        /// <param name="breaks">As for `Evaluate`.</param>
        /// <param name="lines">As for `Evaluate`.</param>
        /// <param name="cotangents">[I, M, O].</param>
        /// <param name="byNumbers">Room for them.</param>
        /// <param name="byLines">What they are added to.</param>
        /// <param name="threads">How many threads may share the work.</param>
        public static void Gradients(
            LookupLayer layer, T* numbers, T* breaks, T* lines, T* cotangents, T* byNumbers, T* byLines, int threads)
        {
            var (count, inputs, m, outputs) = layer;
            var parts = Parts.Count(inputs, WorthAThread, threads);
            var length = (count + 1L) * 2 * m;
            using var all = new Scratch<T>(length * parts);
            var sums = all.Take(length * parts);
            Parts.Run(parts, inputs, (part, from, to) => {
                using var scratch = new Scratch<T>(outputs, outputs, outputs);
                T* e = scratch.Take(outputs), segments = scratch.Take(outputs), by = scratch.Take(outputs);
                for (var i = from; i < to; i++) {
                    Gradients(
                        Column(numbers + i, inputs, e, outputs), Locate(e, breaks, count, segments, outputs), lines,
                        cotangents + i * m * outputs, by, sums + part * length, m, outputs);
                    for (var o = 0; o < outputs; o++) byNumbers[(long)o * inputs + i] = by[o];
                }
            });
            for (var part = 0; part < parts; part++)
                for (var j = 0L; j < length; j++) byLines[j] += sums[part * length + j];
        }

        private static T* Column(T* from, int stride, T* to, int length)
        {
            for (var o = 0; o < length; o++) to[o] = from[(long)o * stride];
            return to;
        }

        // How many breaks lie below each number; none below what is no number.
        private static T* Locate(T* e, T* breaks, int count, T* segments, int length)
        {
            for (var o = 0; o < length; o += Vector<T>.Count) {
                Vector<T> at = *(Vector<T>*)(e + o), below = default;
                for (var b = 0; b < count; b++) below += Vector.GreaterThan(at, new Vector<T>(breaks[b])) & Vector<T>.One;
                *(Vector<T>*)(segments + o) = below;
            }
            return segments;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Evaluate(T* e, T* segments, T* lines, T* results, int m, int outputs)
        {
            for (var o = 0; o < outputs; o++) {
                var line = lines + Vectors.Truncated(segments[o]) * 2 * m;
                for (var f = 0; f < m; f++) results[f * outputs + o] = line[f] * e[o] + line[m + f];
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Gradients(
            T* e, T* segments, T* lines, T* cotangents, T* byNumbers, T* byLines, int m, int outputs)
        {
            for (var o = 0; o < outputs; o++) {
                var segment = Vectors.Truncated(segments[o]) * 2 * m;
                T* line = lines + segment, byLine = byLines + segment;
                var (number, sum) = (e[o], T.Zero);
                for (var f = 0; f < m; f++) {
                    var c = cotangents[f * outputs + o];
                    sum += c * line[f];
                    byLine[f] += c * number;
                    byLine[m + f] += c;
                }
                byNumbers[o] = sum;
            }
        }
    }
}
