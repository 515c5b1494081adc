// The sums at the nodes of a KAN layer, with their gradients. The basis functions at a point are computed in registers,
// used for all outputs, and not stored.
using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetaKan.Kernels
{
    /// <summary>Points that have been located among the knots.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    /// <param name="values">
    /// [4, rows, inputs]: the interval's number, the distance from its lower knot, silu, and silu's derivative.
    /// </param>
    /// <param name="rows">How many rows.</param>
    /// <param name="inputs">Points a row.</param>
    public readonly unsafe struct Located<T>(T* values, long rows, int inputs) where T : unmanaged
    {
        internal readonly long Rows = rows;
        internal readonly int Inputs = inputs;
        internal T* Intervals => values;
        internal T* Offsets => values + Rows * Inputs;
        internal T* Silus => values + 2 * Rows * Inputs;
        internal T* SiluSlopes => values + 3 * Rows * Inputs;
    }

    /// <summary>A layer's edges scale·Σ c_m B_m(x) + base·silu(x), or the gradients by their weights.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    /// <param name="splines">c, [inputs, functions, outputs].</param>
    /// <param name="scales">[inputs, outputs], or null where there is none.</param>
    /// <param name="bases">[inputs, outputs].</param>
    /// <param name="outputs">How many outputs.</param>
    public readonly unsafe struct Weights<T>(T* splines, T* scales, T* bases, int outputs) where T : unmanaged
    {
        internal readonly T* Splines = splines, Scales = scales, Bases = bases;
        internal readonly int Outputs = outputs;
    }

    /// <summary>Sums of edges over a layer's inputs, for points that have been located; splines are cubic at most.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    [SkipLocalsInit]
    public sealed unsafe class EdgeSums<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private const int Block = 256, WorthAThread = 1 << 10, Powers = 4;

        private static int Lanes => Vector256<T>.Count;

        private readonly PiecewisePolynomials<T> splines;
        private readonly int functions;

        // [sequence, interval, power, function of the window, in a vector's lanes], and after each sequence's last interval
        // the outside, where all are zero.
        private readonly T[] table;
        private readonly int[] first;

        /// <summary>Sums of splines, and of silu beside them.</summary>
        /// <param name="splines">The splines; their windows have four functions at most.</param>
        /// <param name="functions">How many they are.</param>
        public EdgeSums(PiecewisePolynomials<T> splines, int functions)
        {
            (this.splines, this.functions) = (splines, functions);
            first = [.. splines.First, 0];
            table = new T[splines.Sequences * first.Length * Powers * Lanes];
            var (powers, window) = (splines.Coefficients.Length, splines.Window);
            for (var piece = 0; piece < splines.Sequences * splines.Intervals; piece++)
                for (var p = 0; p < powers; p++)
                    Array.Copy(
                        splines.Coefficients[0], (piece * powers + p) * window, table,
                        ((piece + piece / splines.Intervals) * Powers + p) * Lanes, window);
        }

        /// <summary>Works out what sums and gradients need of the points.</summary>
        /// <param name="x">[rows, inputs].</param>
        /// <param name="points">Room for the points.</param>
        /// <param name="threads">How many threads may share the work.</param>
        public void Locate(T* x, Located<T> points, int threads)
        {
            var count = points.Rows * points.Inputs;
            Parts.Run(Parts.Count(count, WorthAThread, threads), count, (_, from, to) => {
                // Whole vectors, whatever the block's length.
                T* block = stackalloc T[Block], silus = stackalloc T[Block], slopes = stackalloc T[Block];
                for (var start = from; start < to; start += Block) {
                    var length = (int)Math.Min(Block, to - start);
                    new Span<T>(x + start, length).CopyTo(new Span<T>(block, Block));
                    new Span<T>(block + length, Block - length).Clear();
                    splines.Locate(
                        block, (int)(start % splines.Sequences), length, points.Intervals + start, points.Offsets + start);
                    for (var n = 0; n < length; n += Vector<T>.Count) {
                        var point = *(Vector<T>*)(block + n);
                        var sigmoid = Vectors.Sigmoid(point);
                        var silu = point * sigmoid;
                        *(Vector<T>*)(silus + n) = silu;
                        *(Vector<T>*)(slopes + n) = sigmoid + silu * (Vector<T>.One - sigmoid);
                    }
                    new Span<T>(silus, length).CopyTo(new Span<T>(points.Silus + start, length));
                    new Span<T>(slopes, length).CopyTo(new Span<T>(points.SiluSlopes + start, length));
                }
            });
        }

        /// <summary>The sums.</summary>
        /// <param name="points">The points.</param>
        /// <param name="weights">The edges.</param>
        /// <param name="sums">Room for [rows, outputs].</param>
        /// <param name="threads">How many threads may share the work.</param>
        public void Sum(Located<T> points, Weights<T> weights, T* sums, int threads)
        {
            using var edges = new Edges(this, points.Inputs, weights);
            Parts.Run(CountParts(points, edges, threads), points.Rows, (_, from, to) => Sum(points, edges, sums, from, to));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Sum(Located<T> points, Edges edges, T* sums, long from, long to)
        {
            int inputs = edges.Inputs, outputs = edges.Outputs, width = edges.Width, stride = edges.Stride;
            int perInput = edges.PerInput, perSequence = PerSequence;
            T* intervals = points.Intervals, offsets = points.Offsets, silus = points.Silus;
            T* splines = edges.Splines, bases = edges.Bases;
            using var scratch = new Scratch<T>(inputs * Lanes, width, inputs);
            T* values = scratch.Take(inputs * Lanes), row = scratch.Take(width);
            var places = (int*)scratch.Take(inputs);
            fixed (T* pieces = table)
            fixed (int* first = this.first)
                for (var n = from; n < to; n++) {
                    var at = n * inputs;
                    for (var i = 0; i < inputs; i++) {
                        var l = Vectors.Truncated(intervals[at + i]);
                        Value(pieces + i * perSequence + l * Powers * Lanes, offsets[at + i]).Store(values + i * Lanes);
                        places[i] = i * perInput + first[l];
                    }
                    for (var j = 0; j < width; j += Lanes) {
                        var sum = Vector256<T>.Zero;
                        var b = bases + j;
                        for (var i = 0; i < inputs; i++, b += width)
                            sum = Vectors.MultiplyAdd(Vector256.Create(silus[at + i]), Vector256.Load(b), sum);
                        sum.Store(row + j);
                    }
                    // Four outputs at a time, so that no sum waits for the one before.
                    var output = 0;
                    var result = sums + n * outputs;
                    for (; output + 4 <= outputs; output += 4) {
                        Vector256<T> s0 = default, s1 = default, s2 = default, s3 = default;
                        var of = splines + output * stride;
                        for (var i = 0; i < inputs; i++) {
                            var c = of + places[i];
                            var value = Vector256.Load(values + i * Lanes);
                            s0 = Vectors.MultiplyAdd(value, Vector256.Load(c), s0);
                            s1 = Vectors.MultiplyAdd(value, Vector256.Load(c + stride), s1);
                            s2 = Vectors.MultiplyAdd(value, Vector256.Load(c + 2 * stride), s2);
                            s3 = Vectors.MultiplyAdd(value, Vector256.Load(c + 3 * stride), s3);
                        }
                        result[output] = row[output] + Vector256.Sum(s0);
                        result[output + 1] = row[output + 1] + Vector256.Sum(s1);
                        result[output + 2] = row[output + 2] + Vector256.Sum(s2);
                        result[output + 3] = row[output + 3] + Vector256.Sum(s3);
                    }
                    for (; output < outputs; output++) {
                        var sum = Vector256<T>.Zero;
                        var of = splines + output * stride;
                        for (var i = 0; i < inputs; i++)
                            sum = Vectors.MultiplyAdd(
                                Vector256.Load(values + i * Lanes), Vector256.Load(of + places[i]), sum);
                        result[output] = row[output] + Vector256.Sum(sum);
                    }
                }
        }

        /// <summary>The products of the sums' cotangents with their derivatives by points and weights.</summary>
        /// <param name="points">The points.</param>
        /// <param name="weights">The edges.</param>
        /// <param name="cotangents">[rows, outputs].</param>
        /// <param name="byPoints">Room for [rows, inputs], or null where it is not wanted.</param>
        /// <param name="byWeights">Room like the weights.</param>
        /// <param name="threads">How many threads may share the work.</param>
        public void Gradients(
            Located<T> points, Weights<T> weights, T* cotangents, T* byPoints, Weights<T> byWeights, int threads)
        {
            using var edges = new Edges(this, points.Inputs, weights);
            var parts = new Totals[CountParts(points, edges, threads)];
            Parts.Run(parts.Length, points.Rows, (part, from, to) => {
                parts[part] = new Totals(this, edges);
                Gradients(points, edges, cotangents, byPoints, parts[part], from, to);
            });
            parts[0].Store(parts, weights, byWeights);
            foreach (var part in parts) part.Dispose();
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Gradients(
            Located<T> points, Edges edges, T* cotangents, T* byPoints, Totals totals, long from, long to)
        {
            int inputs = edges.Inputs, outputs = edges.Outputs, width = edges.Width, stride = edges.Stride;
            int perInput = edges.PerInput, perSequence = PerSequence, perTotal = outputs * Lanes;
            var perInputTotal = first.Length * perTotal;
            T* intervals = points.Intervals, offsets = points.Offsets;
            T* silus = points.Silus, siluSlopes = points.SiluSlopes;
            using var scratch = new Scratch<T>(width);
            var row = scratch.Take(width);
            fixed (T* pieces = table)
            fixed (int* first = this.first)
                for (var n = from; n < to; n++) {
                    for (var j = 0; j < outputs; j++) row[j] = cotangents[n * outputs + j];
                    T* sequence = pieces, splines = edges.Splines, bases = edges.Bases;
                    T* splineTotals = totals.Splines, baseTotals = totals.Bases;
                    for (var at = n * inputs; at < (n + 1) * inputs; at++) {
                        var l = Vectors.Truncated(intervals[at]);
                        var piece = sequence + l * Powers * Lanes;
                        var value = Value(piece, offsets[at]);
                        var total = splineTotals + (long)l * perTotal;
                        for (var j = 0; j < outputs; j++, total += Lanes)
                            Vectors.MultiplyAdd(Vector256.Create(row[j]), value, Vector256.Load(total)).Store(total);
                        var silu = Vector256.Create(silus[at]);
                        for (var j = 0; j < width; j += Lanes)
                            Vectors.MultiplyAdd(silu, Vector256.Load(row + j), Vector256.Load(baseTotals + j))
                                .Store(baseTotals + j);
                        if (byPoints != null) {
                            var (splineSum, siluSum) = (Vector256<T>.Zero, Vector256<T>.Zero);
                            var c = splines + first[l];
                            for (var j = 0; j < outputs; j++, c += stride)
                                splineSum = Vectors.MultiplyAdd(Vector256.Create(row[j]), Vector256.Load(c), splineSum);
                            for (var j = 0; j < width; j += Lanes)
                                siluSum = Vectors.MultiplyAdd(Vector256.Load(row + j), Vector256.Load(bases + j), siluSum);
                            byPoints[at] = Vector256.Sum(
                                Vectors.MultiplyAdd(Slope(piece, offsets[at]), splineSum, siluSum * siluSlopes[at]));
                        }
                        sequence += perSequence;
                        splines += perInput;
                        bases += width;
                        splineTotals += perInputTotal;
                        baseTotals += width;
                    }
                }
        }

        private int PerSequence => splines.Sequences == 1 ? 0 : first.Length * Powers * Lanes;

        // The functions of a window at a distance from the lower knot, by Horner's rule.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<T> Value(T* piece, T offset)
        {
            var s = Vector256.Create(offset);
            var value = Vectors.MultiplyAdd(Vector256.Load(piece + 3 * Lanes), s, Vector256.Load(piece + 2 * Lanes));
            value = Vectors.MultiplyAdd(value, s, Vector256.Load(piece + Lanes));
            return Vectors.MultiplyAdd(value, s, Vector256.Load(piece));
        }

        // Their derivatives.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<T> Slope(T* piece, T offset)
        {
            var s = Vector256.Create(offset);
            var highest = Vector256.Load(piece + 3 * Lanes);
            var value = Vectors.MultiplyAdd(highest, s, Vector256.Load(piece + 2 * Lanes));
            var slope = Vectors.MultiplyAdd(highest, s, value);
            return Vectors.MultiplyAdd(slope, s, Vectors.MultiplyAdd(value, s, Vector256.Load(piece + Lanes)));
        }

        private static int CountParts(Located<T> points, Edges edges, int threads) =>
            Parts.Count(points.Rows * edges.Inputs * (edges.Outputs + 3) / 4, WorthAThread, threads);

        /// <summary>
        /// Edges laid out for sums: scaled coefficients [inputs, outputs, stride], the strides whole lines of the cache, and
        /// silu's [inputs, width], the width whole vectors.
        /// </summary>
        private sealed class Edges : IDisposable
        {
            private readonly Scratch<T> scratch;

            [MethodImpl(MethodImplOptions.AggressiveOptimization)]
            internal Edges(EdgeSums<T> owner, int inputs, Weights<T> weights)
            {
                (Inputs, Outputs) = (inputs, weights.Outputs);
                Width = (Outputs + Lanes - 1) / Lanes * Lanes;
                var perLine = 64 / sizeof(T);
                Stride = (owner.functions + perLine - 1) / perLine * perLine;
                PerInput = Outputs * Stride;
                var (length, silus) = ((long)inputs * PerInput, (long)inputs * Width);
                scratch = new(length, silus);
                Splines = scratch.Take(length);
                Bases = scratch.Take(silus);
                var c = weights.Splines;
                for (var i = 0; i < inputs; i++) {
                    new Span<T>(weights.Bases + (long)i * Outputs, Outputs).CopyTo(new(Bases + (long)i * Width, Outputs));
                    var scales = weights.Scales + (long)i * Outputs;
                    for (var m = 0; m < owner.functions; m++, c += Outputs) {
                        var to = Splines + (long)i * PerInput + m;
                        for (var j = 0; j < Outputs; j++, to += Stride)
                            *to = weights.Scales == null ? c[j] : scales[j] * c[j];
                    }
                }
            }

            internal int Inputs { get; }
            internal int Outputs { get; }
            internal int Width { get; }
            internal int Stride { get; }
            internal int PerInput { get; }
            internal T* Splines { get; }
            internal T* Bases { get; }

            public void Dispose() => scratch.Dispose();
        }

        /// <summary>
        /// Gradients by the scaled coefficients, summed over rows, as [inputs, intervals, outputs, window] (additions to
        /// overlapping windows would wait for each other), and by silu's [inputs, width].
        /// </summary>
        private sealed class Totals : IDisposable
        {
            private readonly EdgeSums<T> owner;
            private readonly Scratch<T> scratch;
            private readonly int inputs, outputs, width;
            private readonly long length;

            internal Totals(EdgeSums<T> owner, Edges edges)
            {
                this.owner = owner;
                (inputs, outputs, width) = (edges.Inputs, edges.Outputs, edges.Width);
                length = (long)inputs * owner.first.Length * outputs * Lanes;
                scratch = new(length, (long)inputs * width);
                Splines = scratch.Take(length);
                Bases = scratch.Take((long)inputs * width);
            }

            internal T* Splines { get; }
            internal T* Bases { get; }

            /// <summary>The gradients by the weights from the totals of all parts.</summary>
            [MethodImpl(MethodImplOptions.AggressiveOptimization)]
            internal void Store(Totals[] parts, Weights<T> weights, Weights<T> gradients)
            {
                foreach (var part in parts.AsSpan(1)) {
                    for (var n = 0L; n < length; n++) Splines[n] += part.Splines[n];
                    for (var n = 0L; n < (long)inputs * width; n++) Bases[n] += part.Bases[n];
                }
                var functions = owner.functions;
                new Span<T>(gradients.Splines, inputs * functions * outputs).Clear();
                var from = Splines;
                for (var i = 0; i < inputs; i++) {
                    new Span<T>(Bases + (long)i * width, outputs).CopyTo(new(gradients.Bases + (long)i * outputs, outputs));
                    foreach (var first in owner.first) {
                        var to = gradients.Splines + ((long)i * functions + first) * outputs;
                        for (var j = 0; j < outputs; j++, from += Lanes)
                            for (var w = 0; w < owner.splines.Window; w++) to[w * outputs + j] += from[w];
                    }
                }
                if (weights.Scales == null) return;
                // The product rule for scale · coefficient.
                new Span<T>(gradients.Scales, inputs * outputs).Clear();
                T* c = weights.Splines, byScaled = gradients.Splines;
                for (var i = 0; i < inputs; i++)
                    for (var m = 0; m < functions; m++)
                        for (var scale = i * outputs; scale < (i + 1) * outputs; scale++, c++, byScaled++) {
                            gradients.Scales[scale] += *c * *byScaled;
                            *byScaled *= weights.Scales[scale];
                        }
            }

            public void Dispose() => scratch.Dispose();
        }
    }
}
