// Several piecewise-linear functions with common breaks, at many points: one lookup for each point, not one for each number.
using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetaKan.Kernels
{
    /// <summary>A layer whose edges look up lines: how many segments these have, I, M and O.</summary>
    public readonly record struct LookupLayer(int Segments, int Inputs, int Functions, int Outputs)
    {
        /// <summary>Numbers of a segment: where it ends, M slopes, M intercepts.</summary>
        internal int Line => 1 + 2 * Functions;
    }

    /// <summary>M functions of the numbers of edges from I inputs to O outputs.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    public static unsafe class PiecewiseLinear<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private const int WorthAThread = 8;

        /// <summary>results [I, M, O] of numbers [O, I].</summary>
        /// <param name="layer">Its sizes.</param>
        /// <param name="numbers">The edges' numbers.</param>
        /// <param name="lines">
        /// By segment where it ends, M slopes and M intercepts; ends ascend, a number belongs to the segment after those that
        /// end below it, and to the last at most.
        /// </param>
        /// <param name="results">Room for them.</param>
        /// <param name="threads">How many threads may share the work.</param>
        public static void Evaluate(LookupLayer layer, T* numbers, T* lines, T* results, int threads)
        {
            var (_, inputs, m, outputs) = layer;
            Parts.Run(Parts.Count(inputs, WorthAThread, threads), inputs, (_, from, to) => {
                using var scratch = new Scratch<T>(outputs, outputs);
                using var rows = new Lookup<T>(layer, lines, outputs);
                T* e = scratch.Take(outputs), places = scratch.Take(outputs);
                for (var i = from; i < to; i++) {
                    Column(numbers + i, inputs, e, outputs);
                    rows.Locate(e, places);
                    rows.Evaluate(e, places, results + i * m * outputs, outputs);
                }
            });
        }

        /// <summary>Gradients by numbers [O, I] and by lines, which are zero before.</summary>
        /// <param name="layer">Its sizes.</param>
        /// <param name="numbers">As for `Evaluate`.</param>
        /// <param name="lines">As for `Evaluate`.</param>
        /// <param name="cotangents">[I, M, O].</param>
        /// <param name="byNumbers">Room for them.</param>
        /// <param name="byLines">What they are added to.</param>
        /// <param name="threads">How many threads may share the work.</param>
        public static void Gradients(
            LookupLayer layer, T* numbers, T* lines, T* cotangents, T* byNumbers, T* byLines, int threads)
        {
            var (_, inputs, m, outputs) = layer;
            var lookups = new Lookup<T>[Parts.Count(inputs, WorthAThread, threads)];
            Parts.Run(lookups.Length, inputs, (part, from, to) => {
                using var scratch = new Scratch<T>(outputs, outputs, outputs);
                var rows = lookups[part] = new Lookup<T>(layer, lines, outputs);
                T* e = scratch.Take(outputs), places = scratch.Take(outputs), by = scratch.Take(outputs);
                for (var i = from; i < to; i++) {
                    Column(numbers + i, inputs, e, outputs);
                    rows.Locate(e, places);
                    rows.Gradients(e, places, cotangents + i * m * outputs, outputs, by, outputs);
                    for (var o = 0; o < outputs; o++) byNumbers[(long)o * inputs + i] = by[o];
                }
            });
            // In the order of the parts, whichever was done first.
            foreach (var rows in lookups)
                using (rows) rows.AddTo(byLines);
        }

        private static void Column(T* from, int stride, T* to, int length)
        {
            for (var o = 0; o < length; o++) to[o] = from[(long)o * stride];
        }
    }

    /// <summary>Lines as vectors, for one thread, which looks up those of one input's edges after another's.</summary>
    internal sealed unsafe class Lookup<T> : IDisposable where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly LookupLayer layer;
        private readonly Scratch<T> scratch;
        private readonly T* ends, lines, byLines, turned;
        private readonly int row, most;

        /// <summary>For so many edges at a time.</summary>
        internal Lookup(LookupLayer layer, T* lines, int most)
        {
            (this.layer, this.most) = (layer, most);
            var m = layer.Functions;
            // Slopes and intercepts, each filled up to whole vectors.
            row = (m + Vector<T>.Count - 1) / Vector<T>.Count * Vector<T>.Count;
            long all = (long)layer.Segments * 2 * row;
            scratch = new Scratch<T>(layer.Segments, all, all, (long)most * row);
            ends = scratch.Take(layer.Segments);
            this.lines = scratch.Take(all);
            byLines = scratch.Take(all);
            turned = scratch.Take((long)most * row);
            for (var s = 0; s < layer.Segments; s++, lines += layer.Line) {
                ends[s] = lines[0];
                for (var f = 0; f < m; f++)
                    (this.lines[(2L * s) * row + f], this.lines[(2L * s + 1) * row + f]) = (lines[1 + f], lines[1 + m + f]);
            }
        }

        /// <summary>The segments of the numbers of edges, in whole vectors; the first for what is no number.</summary>
        internal void Locate(T* e, T* places)
        {
            for (var o = 0; o < most; o += Vector<T>.Count) {
                Vector<T> at = *(Vector<T>*)(e + o), below = default;
                for (var s = 0; s < layer.Segments - 1; s++) below += Vector.GreaterThan(at, new Vector<T>(ends[s])) & Vector<T>.One;
                *(Vector<T>*)(places + o) = below;
            }
        }

        /// <summary>results [M, most], rows `across` apart, of numbers in these segments.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal void Evaluate(T* e, T* places, T* results, int across)
        {
            for (var o = 0; o < most; o++) {
                T* slopes = lines + Vectors.Truncated(places[o]) * 2 * row, to = turned + (long)o * row;
                var number = new Vector<T>(e[o]);
                for (var f = 0; f < row; f += Vector<T>.Count)
                    *(Vector<T>*)(to + f) = *(Vector<T>*)(slopes + f) * number + *(Vector<T>*)(slopes + row + f);
            }
            Products<T, Vector256<T>, Lanes256<T>>.Transpose(turned, row, results, across, most, layer.Functions);
        }

        /// <summary>Gradients by numbers, from cotangents like `Evaluate`'s results, of which so many count.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal void Gradients(T* e, T* places, T* cotangents, int across, T* byNumbers, int length)
        {
            Products<T, Vector256<T>, Lanes256<T>>.Transpose(cotangents, across, turned, row, layer.Functions, length);
            for (var o = 0; o < length; o++) {
                var segment = Vectors.Truncated(places[o]) * 2 * row;
                T* slopes = lines + segment, by = byLines + segment, from = turned + (long)o * row;
                Vector<T> number = new(e[o]), sum = default;
                for (var f = 0; f < row; f += Vector<T>.Count) {
                    var c = *(Vector<T>*)(from + f);
                    sum += c * *(Vector<T>*)(slopes + f);
                    *(Vector<T>*)(by + f) += c * number;
                    *(Vector<T>*)(by + row + f) += c;
                }
                byNumbers[o] = Vector.Sum(sum);
            }
        }

        /// <summary>Adds the gradients by lines of all edges so far.</summary>
        internal void AddTo(T* to)
        {
            var m = layer.Functions;
            for (var s = 0; s < layer.Segments; s++) {
                Vectors.Add(byLines + (2L * s) * row, to + s * layer.Line + 1, m);
                Vectors.Add(byLines + (2L * s + 1) * row, to + s * layer.Line + 1 + m, m);
            }
        }

        public void Dispose() => scratch.Dispose();
    }
}
