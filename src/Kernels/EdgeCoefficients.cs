// The coefficients of a layer's edges, and gradients by them: stored, or lines that edges look up, of which the kernels have
// those of a block of outputs at a time.
using System;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetaKan.Kernels
{
    /// <summary>Coefficients, or gradients by them, of which null are not wanted.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    public unsafe struct EdgeCoefficients<T> where T : unmanaged
    {
        /// <summary>[I, M, O]; null where edges look up lines.</summary>
        public T* Stored;

        /// <summary>The edges' numbers [O, I], and lines as `PiecewiseLinear` has them.</summary>
        public T* Numbers, Lines;

        /// <summary>How many segments the lines have.</summary>
        public int Segments;

        internal bool Wanted => Stored != null || Numbers != null;
    }

    /// <summary>Gradients by coefficients of several parts of the points, and their sum.</summary>
    internal sealed unsafe class EdgeGradients<T> : IDisposable where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        private readonly EdgeCoefficients<T> sum;
        private readonly Scratch<T> scratch;
        private readonly T* others;
        private readonly long stored, numbers, lines;
        private readonly int parts;

        /// <summary>Of the first part, what is summed up; of others, arrays of their own.</summary>
        internal EdgeGradients(EdgeLayer layer, EdgeCoefficients<T> sum, int parts)
        {
            (this.sum, this.parts) = (sum, sum.Wanted ? parts : 1);
            var (_, inputs, m, outputs, _) = layer;
            stored = sum.Stored != null ? (long)inputs * m * outputs : 0;
            if (sum.Numbers != null)
                (numbers, lines) = ((long)inputs * outputs, (long)sum.Segments * new LookupLayer(sum.Segments, inputs, m, outputs).Line);
            scratch = new Scratch<T>((this.parts - 1) * (stored + numbers + lines));
            others = scratch.Take((this.parts - 1) * (stored + numbers + lines));
        }

        internal EdgeCoefficients<T> Of(int part)
        {
            if (part == 0) return sum;
            var at = others + (part - 1) * (stored + numbers + lines);
            return sum.Stored != null
                ? new EdgeCoefficients<T> { Stored = at }
                : new EdgeCoefficients<T> { Numbers = at, Lines = at + numbers, Segments = sum.Segments };
        }

        internal void Add()
        {
            for (var part = 1; part < parts; part++) {
                var other = Of(part);
                Vectors.Add(other.Stored, sum.Stored, stored);
                Vectors.Add(other.Numbers, sum.Numbers, numbers);
                Vectors.Add(other.Lines, sum.Lines, lines);
            }
        }

        public void Dispose() => scratch.Dispose();
    }

    /// <summary>Coefficients of blocks of outputs, and sums of gradients by them, for one thread.</summary>
    internal sealed unsafe class EdgeBlocks<T, V, L> : IDisposable
        where T : unmanaged, IBinaryFloatingPointIeee754<T> where V : struct where L : ILanes<T, V>
    {
        private readonly EdgeLayer layer;
        private readonly EdgeCoefficients<T> from;
        private readonly Lookup<T>? lookup;
        private readonly Scratch<T> scratch;
        private readonly T* rows, sums, numbers, places, byNumbers;
        private readonly int width;

        internal EdgeBlocks(EdgeLayer layer, EdgeCoefficients<T> from, int width, bool differentiated)
        {
            (this.layer, this.from, this.width) = (layer, from, width);
            var (_, inputs, m, outputs, _) = layer;
            if (from.Stored == null) lookup = new Lookup<T>(new LookupLayer(from.Segments, inputs, m, outputs), from.Lines, width);
            long block = (long)inputs * m * width, edges = lookup != null ? (long)inputs * width : 0;
            var copied = lookup != null || outputs % width != 0 ? block : 0;
            scratch = new Scratch<T>(copied, differentiated ? block : 0, edges, edges, width);
            rows = scratch.Take(copied);
            sums = scratch.Room(differentiated ? block : 0);
            numbers = scratch.Take(edges);
            places = scratch.Room(edges);
            byNumbers = scratch.Room(width);
        }

        /// <summary>
        /// The rows of coefficients [I, M] of outputs from `at` on, and how far they are apart; of no meaning, but numbers,
        /// beyond the length.
        /// </summary>
        internal (nint Rows, nint Across) Rows(int at, int length)
        {
            var (_, inputs, m, outputs, _) = layer;
            if (lookup == null && outputs % width == 0) return ((nint)(from.Stored + at), outputs);
            if (lookup == null) {
                for (var f = 0L; f < (long)inputs * m; f++)
                    new Span<T>(from.Stored + f * outputs + at, length).CopyTo(new Span<T>(rows + f * width, length));
            } else {
                Products<T, V, L>.Transpose(from.Numbers + (long)at * inputs, inputs, numbers, width, length, inputs);
                for (var i = 0; i < inputs; i++) {
                    var skip = (long)i * width;
                    lookup.Locate(numbers + skip, places + skip);
                    lookup.Evaluate(numbers + skip, places + skip, rows + skip * m, width);
                }
            }
            return ((nint)rows, width);
        }

        /// <summary>Where gradients by the same rows add up, and how far rows are apart: those to add to, or zeros for `Add`.</summary>
        internal (nint Rows, nint Across) Sums(int at, EdgeCoefficients<T> to)
        {
            if (lookup == null && layer.Outputs % width == 0) return ((nint)(to.Stored + at), layer.Outputs);
            new Span<T>(sums, layer.Inputs * layer.Functions * width).Clear();
            return ((nint)sums, width);
        }

        /// <summary>Adds the `Sums` of the outputs of the last `Rows` to gradients.</summary>
        internal void Add(int at, int length, EdgeCoefficients<T> to)
        {
            var (_, inputs, m, outputs, _) = layer;
            if (lookup == null) {
                if (outputs % width == 0) return;
                for (var f = 0L; f < (long)inputs * m; f++)
                    Vectors.Add(sums + f * width, to.Stored + f * outputs + at, length);
                return;
            }
            for (var i = 0; i < inputs; i++) {
                var skip = (long)i * width;
                lookup.Gradients(numbers + skip, places + skip, sums + skip * m, width, byNumbers, length);
                for (var o = 0; o < length; o++) to.Numbers[(long)(at + o) * inputs + i] += byNumbers[o];
            }
        }

        /// <summary>Adds what only all blocks together have, as the last thing.</summary>
        internal void Finish(EdgeCoefficients<T> to) => lookup?.AddTo(to.Lines);

        public void Dispose()
        {
            lookup?.Dispose();
            scratch.Dispose();
        }
    }
}
