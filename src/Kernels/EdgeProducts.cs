// The two products of a KAN layer's jet: features with coefficients, and tangents with the edges' slopes, which are
// computed for one point at a time and not stored.
using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetaKan.Kernels
{
    /// <summary>A layer of N points, I inputs, M functions an edge and O outputs, with tangents along V directions.</summary>
    public readonly record struct EdgeLayer(int Points, int Inputs, int Functions, int Outputs, int Directions)
    {
        internal int Features => Inputs * Functions;
    }

    /// <summary>Products of a layer's features and slopes, in vectors of one width.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    public abstract unsafe class EdgeProducts<T> where T : unmanaged
    {
        // "Genu", of GenuineIntel.
        private const int IntelBegins = 0x756e6547;

        /// <summary>Those that this machine is fast at, the widest first.</summary>
        public static readonly EdgeProducts<T>[] OfThisMachine = [
            .. Vector512.IsHardwareAccelerated ? [new EdgeProducts<T, Vector512<T>, Lanes512<T>>()] : None,
            .. Fma.IsSupported ? [new EdgeProducts<T, Vector256<T>, Lanes256<T>>()] : None];

        private static EdgeProducts<T>[] None => [];

        /// <summary>
        /// Whether `Sum` is faster than MKL, libtorch's library of products, which is written for Intel's processors.
        /// </summary>
        public static readonly bool IsFaster =
            OfThisMachine.Length > 0 && X86Base.IsSupported && X86Base.CpuId(0, 0).Ebx != IntelBegins;

        /// <summary>Whether features [rows, features] and outputs fill whole vectors, as `Sum` and its gradients want.</summary>
        public abstract bool Fits(int features, int outputs);

        /// <summary>sums [rows, O] = features [rows, F]·weights, which are [F, O], or turned [O, F].</summary>
        public abstract void Sum(
            T* features, T* weights, bool turned, T* sums, int rows, int f, int o, int threads);

        /// <summary>Gradients by features and by weights, each where it is wanted (not null).</summary>
        public abstract void SumGradients(
            T* features, T* weights, bool turned, T* cotangents, T* byFeatures, T* byWeights, int rows, int f, int o,
            int threads);

        /// <summary>Tangents of the outputs.</summary>
        /// <param name="layer">Its sizes.</param>
        /// <param name="slopes">The functions' derivatives [N, I, M].</param>
        /// <param name="coefficients">[I, M, O].</param>
        /// <param name="tangents">Those of the inputs [N, V, I]; null where direction v moves input v alone, V = I.</param>
        /// <param name="results">Room for [N, V, O].</param>
        /// <param name="threads">How many threads may share the work.</param>
        public abstract void Tangents(
            EdgeLayer layer, T* slopes, T* coefficients, T* tangents, T* results, int threads);

        /// <summary>Gradients of the outputs' tangents, each where it is wanted (not null).</summary>
        /// <param name="layer">Its sizes.</param>
        /// <param name="slopes">As for `Tangents`.</param>
        /// <param name="coefficients">As for `Tangents`.</param>
        /// <param name="tangents">As for `Tangents`.</param>
        /// <param name="cotangents">[N, V, O].</param>
        /// <param name="bySlopes">Room for [N, I, M].</param>
        /// <param name="byCoefficients">Room for [I, M, O].</param>
        /// <param name="byTangents">Room for [N, V, I].</param>
        /// <param name="threads">How many threads may share the work.</param>
        public abstract void TangentGradients(
            EdgeLayer layer, T* slopes, T* coefficients, T* tangents, T* cotangents,
            T* bySlopes, T* byCoefficients, T* byTangents, int threads);
    }

    [SkipLocalsInit]
    internal sealed unsafe class EdgeProducts<T, V, L> : EdgeProducts<T>
        where T : unmanaged where V : struct where L : ILanes<T, V>
    {
        private const int WorthAThread = 8;

        public override bool Fits(int features, int outputs) => features % L.Count == 0 && outputs % L.Count == 0;

        public override void Sum(
            T* features, T* weights, bool turned, T* sums, int rows, int f, int o, int threads)
        {
            using var scratch = new Scratch<T>(turned ? (long)f * o : 0);
            if (turned) weights = Turn(weights, o, f, scratch);
            Parts.Run(Parts.Count(rows, WorthAThread, threads), rows, (_, from, to) =>
                Products<T, V, L>.Multiply(features + from * f, f, 1, weights, o, sums + from * o, o, (int)(to - from), o, f));
        }

        public override void SumGradients(
            T* features, T* weights, bool turned, T* cotangents, T* byFeatures, T* byWeights, int rows, int f, int o,
            int threads)
        {
            if (byWeights != null) {
                var (left, right) = turned ? (o, f) : (f, o);
                T* a = turned ? cotangents : features, b = turned ? features : cotangents;
                Parts.Run(Parts.Count(left, WorthAThread, threads), left, (_, from, to) =>
                    Products<T, V, L>.Multiply(
                        a + from, 1, left, b, right, byWeights + from * right, right, (int)(to - from), right, rows));
            }
            if (byFeatures == null) return;
            using var scratch = new Scratch<T>(turned ? 0 : (long)f * o);
            if (!turned) weights = Turn(weights, f, o, scratch);
            Parts.Run(Parts.Count(rows, WorthAThread, threads), rows, (_, from, to) =>
                Products<T, V, L>.Multiply(
                    cotangents + from * o, o, 1, weights, f, byFeatures + from * f, f, (int)(to - from), f, o));
        }

        private static T* Turn(T* matrix, int rows, int columns, Scratch<T> scratch)
        {
            var turned = scratch.Take((long)rows * columns);
            Products<T, V, L>.Transpose(matrix, columns, turned, rows, rows, columns);
            return turned;
        }

        public override void Tangents(
            EdgeLayer layer, T* slopes, T* coefficients, T* tangents, T* results, int threads)
        {
            var (n, inputs, functions, outputs, v) = layer;
            var width = Products<T, V, L>.Padded(outputs);
            using var padded = new Scratch<T>((long)layer.Features * width);
            var c = Rows(coefficients, outputs, padded.Take((long)layer.Features * width), width, layer.Features);
            Parts.Run(Parts.Count(n, WorthAThread, threads), n, (_, from, to) => {
                using var scratch = new Scratch<T>((long)inputs * width, (long)v * width);
                T* tile = scratch.Take((long)inputs * width), moved = scratch.Take((long)v * width);
                for (var p = from; p < to; p++) {
                    Tile(slopes + p * layer.Features, c, tile, inputs, functions, width);
                    if (tangents != null)
                        Products<T, V, L>.Multiply(tangents + p * v * inputs, inputs, 1, tile, width, moved, width, v, width, inputs);
                    Rows(tangents != null ? moved : tile, width, results + p * v * outputs, outputs, v);
                }
            });
        }

        public override void TangentGradients(
            EdgeLayer layer, T* slopes, T* coefficients, T* tangents, T* cotangents,
            T* bySlopes, T* byCoefficients, T* byTangents, int threads)
        {
            var (n, inputs, functions, outputs, v) = layer;
            int width = Products<T, V, L>.Padded(outputs), across = Products<T, V, L>.Padded(inputs);
            var parts = Parts.Count(n, WorthAThread, threads);
            long weights = (long)layer.Features * width, area = (long)inputs * width;
            using var shared = new Scratch<T>(weights, weights * parts);
            var c = Rows(coefficients, outputs, shared.Take(weights), width, layer.Features);
            var sums = shared.Take(weights * parts);
            Parts.Run(parts, n, (part, from, to) => {
                using var scratch = new Scratch<T>(area, (long)outputs * across, (long)v * width, (long)v * across);
                T* tile = scratch.Take(area), turned = scratch.Take((long)outputs * across);
                T* arriving = scratch.Take((long)v * width), leaving = scratch.Take((long)v * across);
                var sum = sums + part * weights;
                for (var p = from; p < to; p++) {
                    var slope = slopes + p * layer.Features;
                    Rows(cotangents + p * v * outputs, outputs, arriving, width, v);
                    if (byTangents != null) {
                        Tile(slope, c, tile, inputs, functions, width);
                        Products<T, V, L>.Transpose(tile, width, turned, across, inputs, outputs);
                        Products<T, V, L>.Multiply(arriving, width, 1, turned, across, leaving, across, v, across, outputs);
                        Rows(leaving, across, byTangents + p * v * inputs, inputs, v);
                    }
                    var byTile = arriving;
                    if (tangents != null) {
                        Products<T, V, L>.Multiply(tangents + p * v * inputs, 1, inputs, arriving, width, tile, width, inputs, width, v);
                        byTile = tile;
                    }
                    if (byCoefficients != null) Gather(slope, byTile, sum, inputs, functions, width);
                    if (bySlopes != null) Dots(byTile, c, bySlopes + p * layer.Features, inputs, functions, width);
                }
            });
            if (byCoefficients == null) return;
            for (var part = 1; part < parts; part++)
                for (var j = 0L; j < weights; j += L.Count)
                    L.Store(L.Add(L.Load(sums + j), L.Load(sums + part * weights + j)), sums + j);
            Rows(sums, width, byCoefficients, outputs, layer.Features);
        }

        // The edges' slopes [I, width] at one point.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Tile(T* slopes, T* coefficients, T* tile, int inputs, int functions, int width)
        {
            var used = stackalloc int[functions];
            for (var i = 0; i < inputs; i++, slopes += functions, coefficients += functions * width, tile += width) {
                var count = Used(slopes, functions, used);
                var j = 0;
                for (; j < width - 3 * L.Count; j += 4 * L.Count) {
                    V s0 = default, s1 = default, s2 = default, s3 = default;
                    for (var u = 0; u < count; u++) {
                        var factor = L.Create(slopes[used[u]]);
                        var c = coefficients + used[u] * width + j;
                        s0 = L.MultiplyAdd(factor, L.Load(c), s0);
                        s1 = L.MultiplyAdd(factor, L.Load(c + L.Count), s1);
                        s2 = L.MultiplyAdd(factor, L.Load(c + 2 * L.Count), s2);
                        s3 = L.MultiplyAdd(factor, L.Load(c + 3 * L.Count), s3);
                    }
                    L.Store(s0, tile + j);
                    L.Store(s1, tile + j + L.Count);
                    L.Store(s2, tile + j + 2 * L.Count);
                    L.Store(s3, tile + j + 3 * L.Count);
                }
                for (; j < width; j += L.Count) {
                    V s = default;
                    for (var u = 0; u < count; u++)
                        s = L.MultiplyAdd(
                            L.Create(slopes[used[u]]), L.Load(coefficients + used[u] * width + j), s);
                    L.Store(s, tile + j);
                }
            }
        }

        // Adds slope × cotangent to the gradient [I, M, width] by coefficients.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Gather(T* slopes, T* cotangents, T* sums, int inputs, int functions, int width)
        {
            var used = stackalloc int[functions];
            for (var i = 0; i < inputs; i++, slopes += functions, sums += functions * width, cotangents += width) {
                var count = Used(slopes, functions, used);
                for (var u = 0; u < count; u++) {
                    var factor = L.Create(slopes[used[u]]);
                    var sum = sums + used[u] * width;
                    for (var j = 0; j < width; j += L.Count)
                        L.Store(L.MultiplyAdd(factor, L.Load(cotangents + j), L.Load(sum + j)), sum + j);
                }
            }
        }

        // The gradient [I, M] by slopes.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Dots(T* cotangents, T* coefficients, T* results, int inputs, int functions, int width)
        {
            for (var i = 0; i < inputs; i++, cotangents += width)
                for (var m = 0; m < functions; m++, coefficients += width) {
                    V s = default;
                    for (var j = 0; j < width; j += L.Count)
                        s = L.MultiplyAdd(L.Load(cotangents + j), L.Load(coefficients + j), s);
                    *results++ = L.Sum(s);
                }
        }

        // Which functions are not zero: of splines few are.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static int Used(T* values, int count, int* used)
        {
            var found = 0;
            for (var m = 0; m < count; m++) {
                used[found] = m;
                found += Vectors.IsZero(values[m]) ? 0 : 1;
            }
            return found;
        }

        // Copies rows between arrays of different strides; what a longer row has beyond a shorter one stays as it is.
        private static T* Rows(T* from, int fromRow, T* to, int toRow, int rows)
        {
            var length = Math.Min(fromRow, toRow);
            if (fromRow == toRow)
                Buffer.MemoryCopy(from, to, (long)rows * length * sizeof(T), (long)rows * length * sizeof(T));
            else
                for (var r = 0L; r < rows; r++)
                    new Span<T>(from + r * fromRow, length).CopyTo(new Span<T>(to + r * toRow, length));
            return to;
        }
    }
}
