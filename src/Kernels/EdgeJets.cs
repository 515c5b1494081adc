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
            var across = Blocks(outputs) * Width;
            using var padded = new Scratch<T>(across == outputs ? 0 : (long)inputs * m * across);
            var coefficients = across == outputs ? input.Coefficients : Padded(input, padded.Take((long)inputs * m * across), across);
            Parts.Run(Parts.Count(n, WorthAThread, threads), n, (_, from, to) => {
                using var points = new Points(functions, input);
                long area = (long)inputs * Width;
                using var scratch = new Scratch<T>(Chunk * area, (long)v * Width, 2L * Chunk * Width);
                T* tiles = scratch.Take(Chunk * area), moved = scratch.Take((long)v * Width), sums = scratch.Take(2L * Chunk * Width);
                for (var start = from; start < to; start += Chunk) {
                    var count = (int)Math.Min(Chunk, to - start);
                    points.Evaluate(start, count);
                    for (var b = 0; b < Blocks(outputs); b++) {
                        int at = b * Width, length = Math.Min(Width, outputs - at);
                        new Span<T>(sums, 2 * count * Width).Clear();
                        for (var i = 0; i < inputs; i++)
                            for (var h = 0; h < length; h += Pair)
                                Sweep(points, i, count, coefficients + (long)i * m * across + at + h, across, m, sums + h, tiles + i * Width + h);
                        for (var p = 0; p < count; p++) {
                            Copy(sums + 2 * p * Width, output.Value + (start + p) * outputs + at, length);
                            Copy(sums + (2 * p + 1) * Width, output.Second + (start + p) * outputs + at, length);
                            T* tile = tiles + p * area, tangents = output.Tangents + (start + p) * v * outputs + at;
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
            int across = Blocks(outputs) * Width, turnedRow = Products<T, V, L>.Padded(inputs);
            var parts = Parts.Count(n, WorthAThread, threads);
            long weights = (long)inputs * m * across, area = (long)inputs * Width;
            var wanted = byCoefficients != null;
            using var padded = new Scratch<T>(across == outputs ? 0 : weights);
            using var gathered = new Scratch<T>(wanted ? weights * parts : 0);
            var coefficients = across == outputs ? input.Coefficients : Padded(input, padded.Take(weights), across);
            var sums = gathered.Take(wanted ? weights * parts : 0);
            Parts.Run(parts, n, (part, from, to) => {
                using var points = new Points(functions, input);
                using var scratch = new Scratch<T>(
                    Chunk * area, Chunk * area, (long)Width * turnedRow, (long)Chunk * v * Width, (long)v * turnedRow, 2L * Chunk * Width,
                    3L * Chunk * inputs * L.Count, (long)Chunk * v * turnedRow);
                T* byTiles = scratch.Take(Chunk * area), tiles = scratch.Take(Chunk * area), turned = scratch.Take((long)Width * turnedRow);
                T* arriving = scratch.Take((long)Chunk * v * Width), leaving = scratch.Take((long)v * turnedRow);
                T* values = scratch.Take(2L * Chunk * Width);
                T* bySums = scratch.Take(3L * Chunk * inputs * L.Count), byTangents = scratch.Take((long)Chunk * v * turnedRow);
                for (var start = from; start < to; start += Chunk) {
                    var count = (int)Math.Min(Chunk, to - start);
                    points.Evaluate(start, count);
                    new Span<T>(bySums, 3 * count * inputs * L.Count).Clear();
                    new Span<T>(byTangents, count * v * turnedRow).Clear();
                    for (var b = 0; b < Blocks(outputs); b++) {
                        int at = b * Width, length = Math.Min(Width, outputs - at);
                        for (var p = 0; p < count; p++) {
                            Fill(cotangents.Value + (start + p) * outputs + at, values + 2 * p * Width, length);
                            Fill(cotangents.Second + (start + p) * outputs + at, values + (2 * p + 1) * Width, length);
                            var tangents = cotangents.Tangents + (start + p) * v * outputs + at;
                            T* of = arriving + (long)p * v * Width, byTile = byTiles + p * area;
                            for (var j = 0; j < v; j++) Fill(tangents + (long)j * outputs, of + j * Width, length);
                            if (input.Tangents != null) {
                                Products<T, V, L>.Multiply(points.Tangents(start + p), 1, inputs, of, Width, byTile, Width, inputs, Width, v);
                            } else {
                                new Span<T>(byTile, (int)area).Clear();
                                for (var j = 0; j < v; j++) Add(of + j * Width, byTile + input.Axes[j] * Width, Width);
                            }
                        }
                        for (var i = 0; i < inputs; i++)
                            for (var h = 0; h < length; h += Pair) {
                                var skip = (long)i * m * across + at + h;
                                if (byInput.Value != null)
                                    Slopes(points, start, i, count, coefficients + skip, across, m, values + h, byTiles + i * Width + h,
                                        tiles + i * Width + h, bySums + 3L * i * L.Count);
                                if (wanted)
                                    Gather(points, i, count, values + h, byTiles + i * Width + h, sums + part * weights + skip, across, m);
                            }
                        if (byInput.Tangents == null) continue;
                        for (var p = 0; p < count; p++) {
                            Products<T, V, L>.Transpose(tiles + p * area, Width, turned, turnedRow, inputs, Width);
                            Products<T, V, L>.Multiply(arriving + (long)p * v * Width, Width, 1, turned, turnedRow, leaving, turnedRow, v, turnedRow, Width);
                            Add(leaving, byTangents + (long)p * v * turnedRow, v * turnedRow);
                        }
                    }
                    if (byInput.Value != null)
                        for (var p = 0; p < count; p++)
                            points.Write(start + p, bySums + 3L * p * inputs * L.Count, byTangents + (long)p * v * turnedRow, turnedRow, byInput);
                }
            });
            if (!wanted) return;
            for (var part = 1; part < parts; part++) Add(sums + part * weights, sums, weights);
            for (var f = 0L; f < (long)inputs * m; f++)
                new Span<T>(sums + f * across, outputs).CopyTo(new Span<T>(byCoefficients + f * outputs, outputs));
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

            internal int Inputs => input.Layer.Inputs;

            /// <summary>From one point's functions to the next's.</summary>
            internal nint Stride => (nint)input.Layer.Inputs * Rows * functions.Local;

            // Of the first point's i-th input.
            internal int* First(int i) => first + i;
            internal T* Of(int i) => values + i * Rows * functions.Local;
            internal T* Squares(int p) => squares + p * input.Layer.Inputs;
            internal T* Second(long point) => input.Second + point * input.Layer.Inputs;
            internal T* Tangents(long point) =>
                input.Tangents + (input.Shared ? 0 : point * input.Layer.Directions * input.Layer.Inputs);

            internal void Evaluate(long start, int count)
            {
                var (_, inputs, _, _, v) = input.Layer;
                functions.Near(input.Value + start * inputs, count * inputs, first, values, Rows);
                for (var p = 0; p < count; p++) {
                    T* q = Squares(p), second = Second(start + p), of = Of(p * inputs);
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

        // Coefficients with rows of whole blocks.
        private static T* Padded(EdgeJetInput<T> input, T* padded, int across)
        {
            var (_, inputs, m, outputs, _) = input.Layer;
            for (var f = 0L; f < (long)inputs * m; f++)
                new Span<T>(input.Coefficients + f * outputs, outputs).CopyTo(new Span<T>(padded + f * across, outputs));
            return padded;
        }

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

        // The innermost loops take one input's edges to a pair of vectors of outputs, at all points of a chunk, so that their
        // coefficients stay where they are read fastest. Points' own numbers lie so far apart: values and second derivatives
        // 2·Width, tiles I·Width.

        // Adds to values and second derivatives, and gives the edges' slopes.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Sweep(in Points points, int i, int count, T* c, nint across, int m, T* sums, T* tile)
        {
            nint local = functions.Local, stride = points.Stride, inputs = points.Inputs, area = inputs * Width;
            T* of = points.Of(i), silu = c + (m - 1) * across;
            var first = points.First(i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, sums += 2 * Width, tile += area) {
                V y0 = L.Load(sums), y1 = L.Load(sums + L.Count), s0 = L.Load(sums + Width), s1 = L.Load(sums + Width + L.Count);
                V t0 = default, t1 = default;
                T* slopes = of + local, curvatures = of + Curvature * local;
                T* row = silu, next = c + *first * across;
                for (nint u = 0; u < local; u++, row = next, next += across) {
                    V x = L.Load(row), y = L.Load(row + L.Count), f = L.Create(of[u]);
                    y0 = L.MultiplyAdd(f, x, y0); y1 = L.MultiplyAdd(f, y, y1);
                    f = L.Create(slopes[u]);
                    t0 = L.MultiplyAdd(f, x, t0); t1 = L.MultiplyAdd(f, y, t1);
                    f = L.Create(curvatures[u]);
                    s0 = L.MultiplyAdd(f, x, s0); s1 = L.MultiplyAdd(f, y, s1);
                }
                L.Store(t0, tile); L.Store(t1, tile + L.Count);
                L.Store(y0, sums); L.Store(y1, sums + L.Count);
                L.Store(s0, sums + Width); L.Store(s1, sums + Width + L.Count);
            }
        }

        // Slopes, and what values, second derivatives and squares get from these outputs, as vectors to be summed [I, 3]: with
        // φ an edge's function, y = Σ φ, s = Σ φ'·S + φ''·q and slopes φ'.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Slopes(
            in Points points, long start, int i, int count, T* c, nint across, int m, T* values, T* byTile, T* tile, T* sums)
        {
            nint local = functions.Local, stride = points.Stride, inputs = points.Inputs, area = inputs * Width;
            T* of = points.Of(i), silu = c + (m - 1) * across, seconds = points.Second(start) + i, squares = points.Squares(0) + i;
            var first = points.First(i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, values += 2 * Width, tile += area, byTile += area) {
                V a0 = default, a1 = default, b0 = default, b1 = default, d0 = default, d1 = default;
                T* one = of + local, two = one + local, three = two + local;
                T* row = silu, next = c + *first * across;
                for (nint u = 0; u < local; u++, row = next, next += across) {
                    V x = L.Load(row), y = L.Load(row + L.Count), f = L.Create(one[u]);
                    a0 = L.MultiplyAdd(f, x, a0); a1 = L.MultiplyAdd(f, y, a1);
                    f = L.Create(two[u]);
                    b0 = L.MultiplyAdd(f, x, b0); b1 = L.MultiplyAdd(f, y, b1);
                    f = L.Create(three[u]);
                    d0 = L.MultiplyAdd(f, x, d0); d1 = L.MultiplyAdd(f, y, d1);
                }
                L.Store(a0, tile); L.Store(a1, tile + L.Count);
                V none = default, s0 = L.Load(values + Width), s1 = L.Load(values + Width + L.Count);
                V bySecond = L.MultiplyAdd(s1, a1, L.MultiplyAdd(s0, a0, none));
                V bySquare = L.MultiplyAdd(s1, b1, L.MultiplyAdd(s0, b0, none)), third = L.MultiplyAdd(s1, d1, L.MultiplyAdd(s0, d0, none));
                var byValue = L.MultiplyAdd(L.Load(values + L.Count), a1, L.MultiplyAdd(L.Load(values), a0, L.Load(sums)));
                byValue = L.MultiplyAdd(L.Load(byTile + L.Count), b1, L.MultiplyAdd(L.Load(byTile), b0, byValue));
                byValue = L.MultiplyAdd(L.Create(*squares), third, L.MultiplyAdd(L.Create(*seconds), bySquare, byValue));
                L.Store(byValue, sums);
                L.Store(L.Add(bySecond, L.Load(sums + L.Count)), sums + L.Count);
                L.Store(L.Add(bySquare, L.Load(sums + 2 * L.Count)), sums + 2 * L.Count);
                seconds += inputs;
                squares += inputs;
                sums += 3 * inputs * L.Count;
            }
        }

        // Adds to the gradient by coefficients.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Gather(in Points points, int i, int count, T* values, T* byTile, T* sums, nint across, int m)
        {
            nint local = functions.Local, stride = points.Stride, inputs = points.Inputs, area = inputs * Width;
            T* of = points.Of(i), silu = sums + (m - 1) * across;
            var first = points.First(i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, values += 2 * Width, byTile += area) {
                V y0 = L.Load(values), y1 = L.Load(values + L.Count), s0 = L.Load(values + Width), s1 = L.Load(values + Width + L.Count);
                V t0 = L.Load(byTile), t1 = L.Load(byTile + L.Count);
                T* slopes = of + local, curvatures = of + Curvature * local;
                T* row = silu, next = sums + *first * across;
                for (nint u = 0; u < local; u++, row = next, next += across) {
                    V x = L.Load(row), y = L.Load(row + L.Count), f = L.Create(of[u]);
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
