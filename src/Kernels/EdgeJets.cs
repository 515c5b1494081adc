// The jet of a layer of edges in one pass over the points: of splines, of which few are not zero at a point, and silu. What
// is worked out on the way, edges' slopes among it, is worked out again for the gradients and never stored for all points.
using System;
using System.Linq;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetaKan.Kernels
{
    /// <summary>A layer's input and coefficients.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    public unsafe struct EdgeJetInput<T> where T : unmanaged
    {
        /// <summary>N, V, I, M and O.</summary>
        public EdgeLayer Layer;

        /// <summary>Values and second derivatives [N, I].</summary>
        public T* Value, Second;

        /// <summary>First derivatives [N, V, I], or [1, V, I] where all points share them; null for `Axes`.</summary>
        public T* Tangents;
        public bool Shared;

        /// <summary>The input that direction v moves alone, [V]; null for `Tangents`.</summary>
        public long* Axes;

        /// <summary>Weights of the directions' second derivatives [V].</summary>
        public T* Weights;

        /// <summary>[I, M, O].</summary>
        public T* Coefficients;
    }

    /// <summary>
    /// Numbers like those of a layer's output, or the gradients by its input: none is wanted where Value is null, and none of
    /// tangents where these are.
    /// </summary>
    /// <typeparam name="T">float or double.</typeparam>
    public unsafe struct EdgeJetParts<T> where T : unmanaged
    {
        /// <summary>[N, O] or [N, I].</summary>
        public T* Value, Second;

        /// <summary>[N, V, O] or [N, V, I].</summary>
        public T* Tangents;
    }

    /// <summary>Jets of layers, in vectors of one width.</summary>
    /// <typeparam name="T">float or double.</typeparam>
    public abstract unsafe class EdgeJets<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        /// <summary>Those that this machine is fast at for edges of such functions, the widest first.</summary>
        public static EdgeJets<T>[] OfThisMachine(EdgeFunctions<T> functions) => [
            .. Vector512.IsHardwareAccelerated ? [new EdgeJets<T, Vector512<T>, Lanes512<T>>(functions)] : None,
            .. Fma.IsSupported ? [new EdgeJets<T, Vector256<T>, Lanes256<T>>(functions)] : None];

        private static EdgeJets<T>[] None => [];

        /// <summary>The output's jet.</summary>
        public abstract void Run(EdgeJetInput<T> input, EdgeJetParts<T> output, int threads);

        /// <summary>Gradients by the input and by the coefficients [I, M, O], each where it is wanted (not null).</summary>
        public abstract void Gradients(
            EdgeJetInput<T> input, EdgeJetParts<T> cotangents, EdgeJetParts<T> byInput, T* byCoefficients, int threads);
    }

    [SkipLocalsInit]
    internal sealed unsafe class EdgeJets<T, V, L>(EdgeFunctions<T> functions) : EdgeJets<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> where V : struct where L : ILanes<T, V>
    {
        // Points whose functions are worked out together, for all outputs; and at least so many for a thread.
        private const int Chunk = 8, WorthAThread = 8;

        // Rows of an edge's functions: orders 0 to 3, and B'·S + B''·q, the factors of the second derivative.
        private const int Rows = EdgeFunctions<T>.Orders + 1, Curvature = EdgeFunctions<T>.Orders;

        // Outputs at a time: two vectors in an innermost loop, and so many such pairs in products.
        private static int Pair => 2 * L.Count;
        private static int Width => Math.Max(Pair, 32);
        private static int Blocks(int outputs) => (outputs + Width - 1) / Width;

        public override void Run(EdgeJetInput<T> input, EdgeJetParts<T> output, int threads)
        {
            var (n, inputs, m, outputs, v) = input.Layer;
            using var packed = new Scratch<T>((long)Blocks(outputs) * inputs * m * Width);
            var coefficients = Pack(input, packed);
            Parts.Run(Parts.Count(n, WorthAThread, threads), n, (_, from, to) => {
                using var points = new Points(functions, input);
                using var scratch = new Scratch<T>((long)inputs * Width, (long)v * Width, Width, Width);
                T* tile = scratch.Take((long)inputs * Width), moved = scratch.Take((long)v * Width);
                T* value = scratch.Take(Width), second = scratch.Take(Width);
                for (var start = from; start < to; start += Chunk) {
                    var count = (int)Math.Min(Chunk, to - start);
                    points.Evaluate(start, count);
                    for (var b = 0; b < Blocks(outputs); b++) {
                        var (skip, at, length) = Block(b, input.Layer);
                        var c = coefficients + skip;
                        for (var p = 0; p < count; p++) {
                            for (var h = 0; h < length; h += Pair)
                                Sweep(points.Of(p), points.First(p), c + h, inputs, functions.Local, m, value + h, second + h, tile + h);
                            Copy(value, output.Value + (start + p) * outputs + at, length);
                            Copy(second, output.Second + (start + p) * outputs + at, length);
                            var tangents = output.Tangents + (start + p) * v * outputs + at;
                            if (input.Tangents != null)
                                Products<T, V, L>.Multiply(points.Tangents(start + p), inputs, 1, tile, Width, moved, Width, v, Width, inputs);
                            for (var j = 0; j < v; j++)
                                Copy(input.Tangents != null ? moved + j * Width : tile + input.Axes[j] * Width, tangents + (long)j * outputs, length);
                        }
                    }
                }
            });
        }

        public override void Gradients(
            EdgeJetInput<T> input, EdgeJetParts<T> cotangents, EdgeJetParts<T> byInput, T* byCoefficients, int threads)
        {
            var (n, inputs, m, outputs, v) = input.Layer;
            var across = Products<T, V, L>.Padded(inputs);
            var parts = Parts.Count(n, WorthAThread, threads);
            long weights = (long)Blocks(outputs) * inputs * m * Width, area = (long)inputs * Width;
            var wanted = byCoefficients != null;
            using var packed = new Scratch<T>(weights);
            using var gathered = new Scratch<T>(wanted ? weights * parts : 0);
            var coefficients = Pack(input, packed);
            var sums = gathered.Take(wanted ? weights * parts : 0);
            Parts.Run(parts, n, (part, from, to) => {
                using var points = new Points(functions, input);
                using var scratch = new Scratch<T>(
                    area, area, (long)Width * across, (long)v * Width, (long)v * across, Width, Width,
                    3L * Chunk * inputs * L.Count, (long)Chunk * v * across);
                T* byTile = scratch.Take(area), tile = scratch.Take(area), turned = scratch.Take((long)Width * across);
                T* arriving = scratch.Take((long)v * Width), leaving = scratch.Take((long)v * across);
                T* value = scratch.Take(Width), second = scratch.Take(Width);
                T* bySums = scratch.Take(3L * Chunk * inputs * L.Count), byTangents = scratch.Take((long)Chunk * v * across);
                for (var start = from; start < to; start += Chunk) {
                    var count = (int)Math.Min(Chunk, to - start);
                    points.Evaluate(start, count);
                    new Span<T>(bySums, 3 * count * inputs * L.Count).Clear();
                    new Span<T>(byTangents, count * v * across).Clear();
                    for (var b = 0; b < Blocks(outputs); b++) {
                        var (skip, at, length) = Block(b, input.Layer);
                        var c = coefficients + skip;
                        for (var p = 0; p < count; p++) {
                            Fill(cotangents.Value + (start + p) * outputs + at, value, length);
                            Fill(cotangents.Second + (start + p) * outputs + at, second, length);
                            var tangents = cotangents.Tangents + (start + p) * v * outputs + at;
                            for (var j = 0; j < v; j++) Fill(tangents + (long)j * outputs, arriving + j * Width, length);
                            if (input.Tangents != null) {
                                Products<T, V, L>.Multiply(points.Tangents(start + p), 1, inputs, arriving, Width, byTile, Width, inputs, Width, v);
                            } else {
                                new Span<T>(byTile, (int)area).Clear();
                                for (var j = 0; j < v; j++) Add(arriving + j * Width, byTile + input.Axes[j] * Width, Width);
                            }
                            if (byInput.Value != null) {
                                for (var h = 0; h < length; h += Pair)
                                    Slopes(points.Of(p), points.First(p), c + h, points.Second(start + p), points.Squares(p), value + h, second + h,
                                        byTile + h, inputs, functions.Local, m, tile + h, bySums + 3L * p * inputs * L.Count);
                                if (byInput.Tangents != null) {
                                    Products<T, V, L>.Transpose(tile, Width, turned, across, inputs, Width);
                                    Products<T, V, L>.Multiply(arriving, Width, 1, turned, across, leaving, across, v, across, Width);
                                    Add(leaving, byTangents + (long)p * v * across, v * across);
                                }
                            }
                            if (wanted)
                                for (var h = 0; h < length; h += Pair)
                                    Gather(points.Of(p), points.First(p), value + h, second + h, byTile + h, inputs, functions.Local, m,
                                        sums + part * weights + skip + h);
                        }
                    }
                    if (byInput.Value != null)
                        for (var p = 0; p < count; p++)
                            points.Write(start + p, bySums + 3L * p * inputs * L.Count, byTangents + (long)p * v * across, across, byInput);
                }
            });
            if (!wanted) return;
            for (var part = 1; part < parts; part++) Add(sums + part * weights, sums, weights);
            for (var b = 0; b < Blocks(outputs); b++) {
                var (skip, at, length) = Block(b, input.Layer);
                var c = sums + skip;
                for (var f = 0L; f < (long)inputs * m; f++) Copy(c + f * Width, byCoefficients + f * outputs + at, length);
            }
        }

        // What chunks of points need of their inputs.
        private readonly struct Points : IDisposable
        {
            private readonly EdgeFunctions<T> functions;
            private readonly EdgeJetInput<T> input;
            private readonly Scratch<T> scratch;
            private readonly Scratch<int> starts;
            private readonly T* values, squares;
            private readonly int* first;

            internal Points(EdgeFunctions<T> functions, EdgeJetInput<T> input)
            {
                (this.functions, this.input) = (functions, input);
                long edges = (long)Chunk * input.Layer.Inputs, numbers = edges * Rows * functions.Local;
                scratch = new Scratch<T>(numbers, edges);
                starts = new Scratch<int>(edges);
                values = scratch.Take(numbers);
                squares = scratch.Take(edges);
                first = starts.Take(edges);
            }

            internal int* First(int p) => first + p * input.Layer.Inputs;
            internal T* Of(int p) => values + (long)p * input.Layer.Inputs * Rows * functions.Local;
            internal T* Squares(int p) => squares + p * input.Layer.Inputs;
            internal T* Second(long point) => input.Second + point * input.Layer.Inputs;
            internal T* Tangents(long point) =>
                input.Tangents + (input.Shared ? 0 : point * input.Layer.Directions * input.Layer.Inputs);

            internal void Evaluate(long start, int count)
            {
                var (_, inputs, _, _, v) = input.Layer;
                functions.Near(input.Value + start * inputs, count * inputs, first, values, Rows);
                for (var p = 0; p < count; p++) {
                    T* q = Squares(p), second = Second(start + p), of = Of(p);
                    new Span<T>(q, inputs).Clear();
                    for (var j = 0; j < v; j++)
                        if (input.Tangents == null) q[input.Axes[j]] += input.Weights[j];
                        else Squared(Tangents(start + p) + (long)j * inputs, input.Weights[j], q, inputs);
                    for (var i = 0; i < inputs; i++, of += Rows * functions.Local)
                        for (var u = 0; u < functions.Local; u++)
                            of[Curvature * functions.Local + u] =
                                of[functions.Local + u] * second[i] + of[2 * functions.Local + u] * q[i];
                }
            }

            // Gradients by one point's input, from vectors to be summed of those by its values, second derivatives and squares;
            // the squares pass theirs on to the tangents.
            internal void Write(long point, T* sums, T* byTangents, int across, EdgeJetParts<T> byInput)
            {
                var (_, inputs, _, _, v) = input.Layer;
                var bySquares = stackalloc T[inputs];
                for (var i = 0; i < inputs; i++, sums += 3 * L.Count) {
                    byInput.Value[point * inputs + i] = L.Sum(L.Load(sums));
                    byInput.Second[point * inputs + i] = L.Sum(L.Load(sums + L.Count));
                    bySquares[i] = L.Sum(L.Load(sums + 2 * L.Count));
                }
                if (byInput.Tangents == null) return;
                T* t = Tangents(point), to = byInput.Tangents + point * v * inputs;
                for (var j = 0; j < v; j++, t += inputs, to += inputs, byTangents += across) {
                    var w = input.Weights[j] + input.Weights[j];
                    for (var i = 0; i < inputs; i++) to[i] = byTangents[i] + w * t[i] * bySquares[i];
                }
            }

            private static void Squared(T* t, T weight, T* q, int length)
            {
                for (var i = 0; i < length; i++) q[i] += weight * t[i] * t[i];
            }

            public void Dispose()
            {
                scratch.Dispose();
                starts.Dispose();
            }
        }

        // Coefficients block by block [I·M, Width], so that a block stays in the cache.
        private static T* Pack(EdgeJetInput<T> input, Scratch<T> scratch)
        {
            var (_, inputs, m, outputs, _) = input.Layer;
            var all = scratch.Take((long)Blocks(outputs) * inputs * m * Width);
            for (var b = 0; b < Blocks(outputs); b++) {
                var (skip, at, length) = Block(b, input.Layer);
                var c = all + skip;
                for (var f = 0L; f < (long)inputs * m; f++) Copy(input.Coefficients + f * outputs + at, c + f * Width, length);
            }
            return all;
        }

        // Where a block of what is packed starts, its first output and how many it has.
        private static (nint Start, int At, int Length) Block(int b, EdgeLayer layer) =>
            ((nint)b * layer.Features * Width, b * Width, Math.Min(Width, layer.Outputs - b * Width));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Copy(T* from, T* to, int length)
        {
            if (length == Width) {
                for (var j = 0; j < Width; j += L.Count) L.Store(L.Load(from + j), to + j);
            } else {
                new Span<T>(from, length).CopyTo(new Span<T>(to, length));
            }
        }

        // The same, and zeros beyond the length.
        private static void Fill(T* from, T* to, int length)
        {
            Copy(from, to, length);
            new Span<T>(to + length, Width - length).Clear();
        }

        private static void Add(T* from, T* to, long length)
        {
            for (var j = 0L; j < length; j += L.Count) L.Store(L.Add(L.Load(from + j), L.Load(to + j)), to + j);
        }

        // One point's value and second derivative, and its edges' slopes [I, Width].
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Sweep(
            T* of, int* first, T* c, int inputs, int local, int m, T* value, T* second, T* tile)
        {
            V y0 = default, y1 = default, s0 = default, s1 = default;
            for (var i = 0; i < inputs; i++, of += Rows * local, c += m * Width, tile += Width) {
                V t0 = default, t1 = default;
                T* values = of, slopes = of + local, curvatures = of + Curvature * local;
                T* row = c + (m - 1) * Width, next = c + first[i] * Width;
                for (nint u = 0; u < local; u++, row = next, next += Width) {
                    V x = L.Load(row), y = L.Load(row + L.Count), f = L.Create(values[u]);
                    y0 = L.MultiplyAdd(f, x, y0); y1 = L.MultiplyAdd(f, y, y1);
                    f = L.Create(slopes[u]);
                    t0 = L.MultiplyAdd(f, x, t0); t1 = L.MultiplyAdd(f, y, t1);
                    f = L.Create(curvatures[u]);
                    s0 = L.MultiplyAdd(f, x, s0); s1 = L.MultiplyAdd(f, y, s1);
                }
                L.Store(t0, tile); L.Store(t1, tile + L.Count);
            }
            L.Store(y0, value); L.Store(y1, value + L.Count);
            L.Store(s0, second); L.Store(s1, second + L.Count);
        }

        // One point's slopes, and what its values, second derivatives and squares get from these outputs, as vectors to be
        // summed [I, 3]: with φ an edge's function, y = Σ φ, s = Σ φ'·S + φ''·q and slopes φ'.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Slopes(
            T* of, int* first, T* c, T* seconds, T* squares, T* value, T* second, T* byTile, int inputs, int local, int m,
            T* tile, T* sums)
        {
            V y0 = L.Load(value), y1 = L.Load(value + L.Count), s0 = L.Load(second), s1 = L.Load(second + L.Count);
            for (var i = 0; i < inputs; i++, of += Rows * local, c += m * Width, tile += Width, byTile += Width, sums += 3 * L.Count) {
                V a0 = default, a1 = default, b0 = default, b1 = default, d0 = default, d1 = default;
                T* one = of + local, two = one + local, three = two + local;
                T* row = c + (m - 1) * Width, next = c + first[i] * Width;
                for (nint u = 0; u < local; u++, row = next, next += Width) {
                    V x = L.Load(row), y = L.Load(row + L.Count), f = L.Create(one[u]);
                    a0 = L.MultiplyAdd(f, x, a0); a1 = L.MultiplyAdd(f, y, a1);
                    f = L.Create(two[u]);
                    b0 = L.MultiplyAdd(f, x, b0); b1 = L.MultiplyAdd(f, y, b1);
                    f = L.Create(three[u]);
                    d0 = L.MultiplyAdd(f, x, d0); d1 = L.MultiplyAdd(f, y, d1);
                }
                L.Store(a0, tile); L.Store(a1, tile + L.Count);
                V none = default, bySecond = L.MultiplyAdd(s1, a1, L.MultiplyAdd(s0, a0, none));
                V bySquare = L.MultiplyAdd(s1, b1, L.MultiplyAdd(s0, b0, none)), third = L.MultiplyAdd(s1, d1, L.MultiplyAdd(s0, d0, none));
                var byValue = L.MultiplyAdd(y1, a1, L.MultiplyAdd(y0, a0, L.Load(sums)));
                byValue = L.MultiplyAdd(L.Load(byTile + L.Count), b1, L.MultiplyAdd(L.Load(byTile), b0, byValue));
                byValue = L.MultiplyAdd(L.Create(squares[i]), third, L.MultiplyAdd(L.Create(seconds[i]), bySquare, byValue));
                L.Store(byValue, sums);
                L.Store(L.Add(bySecond, L.Load(sums + L.Count)), sums + L.Count);
                L.Store(L.Add(bySquare, L.Load(sums + 2 * L.Count)), sums + 2 * L.Count);
            }
        }

        // Adds one point's part to the gradient [I, M, Width] by coefficients.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Gather(
            T* of, int* first, T* value, T* second, T* byTile, int inputs, int local, int m, T* sums)
        {
            V y0 = L.Load(value), y1 = L.Load(value + L.Count), s0 = L.Load(second), s1 = L.Load(second + L.Count);
            for (var i = 0; i < inputs; i++, of += Rows * local, sums += m * Width, byTile += Width) {
                V t0 = L.Load(byTile), t1 = L.Load(byTile + L.Count);
                T* values = of, slopes = of + local, curvatures = of + Curvature * local;
                T* row = sums + (m - 1) * Width, next = sums + first[i] * Width;
                for (nint u = 0; u < local; u++, row = next, next += Width) {
                    V x = L.Load(row), y = L.Load(row + L.Count), f = L.Create(values[u]);
                    x = L.MultiplyAdd(f, y0, x); y = L.MultiplyAdd(f, y1, y);
                    f = L.Create(slopes[u]);
                    x = L.MultiplyAdd(f, t0, x); y = L.MultiplyAdd(f, t1, y);
                    f = L.Create(curvatures[u]);
                    L.Store(L.MultiplyAdd(f, s0, x), row); L.Store(L.MultiplyAdd(f, s1, y), row + L.Count);
                }
            }
        }
    }
}
