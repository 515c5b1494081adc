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

        // Outputs at a time: four vectors, whose sums of three kinds fill the registers of the innermost loops.
        private static int Width => 4 * L.Count;
        private static int Blocks(int outputs) => (outputs + Width - 1) / Width;

        // From one point's tile [I, Width] to the next's; not a power of two, since the cache would put all in one place.
        private static long Area(int inputs) => ((long)inputs + 1) * Width;

        public override void Run(EdgeJetInput<T> input, EdgeJetParts<T> output, int threads)
        {
            var (n, inputs, m, outputs, v) = input.Layer;
            var across = Blocks(outputs) * Width;
            using var padded = new Scratch<T>(across == outputs ? 0 : (long)inputs * m * across);
            var coefficients = across == outputs ? input.Coefficients : Padded(input, padded.Take((long)inputs * m * across), across);
            Parts.Run(Parts.Count(n, WorthAThread, threads), n, (_, from, to) => {
                using var points = new Points(functions, input);
                var area = Area(inputs);
                using var scratch = new Scratch<T>(Chunk * area, (long)v * Width, 2L * Chunk * Width);
                T* tiles = scratch.Take(Chunk * area), moved = scratch.Take((long)v * Width), sums = scratch.Take(2L * Chunk * Width);
                for (var start = from; start < to; start += Chunk) {
                    var count = (int)Math.Min(Chunk, to - start);
                    points.Evaluate(start, count);
                    for (var b = 0; b < Blocks(outputs); b++) {
                        int at = b * Width, length = Math.Min(Width, outputs - at), columns = Products<T, V, L>.Padded(length);
                        new Span<T>(sums, 2 * count * Width).Clear();
                        for (var i = 0; i < inputs; i++)
                            Sweep(points, i, count, coefficients + (long)i * m * across + at, across, m, sums, tiles + i * Width);
                        for (var p = 0; p < count; p++) {
                            Copy(sums + 2 * p * Width, output.Value + (start + p) * outputs + at, length);
                            Copy(sums + (2 * p + 1) * Width, output.Second + (start + p) * outputs + at, length);
                            T* tile = tiles + p * area, tangents = output.Tangents + (start + p) * v * outputs + at;
                            if (input.Tangents == null) {
                                for (var j = 0; j < v; j++) Copy(tile + input.Axes[j] * Width, tangents + (long)j * outputs, length);
                            } else if (columns == length) {
                                Products<T, V, L>.Multiply(points.Tangents(start + p), inputs, 1, tile, Width, tangents, outputs, v, columns, inputs);
                            } else {
                                Products<T, V, L>.Multiply(points.Tangents(start + p), inputs, 1, tile, Width, moved, Width, v, columns, inputs);
                                for (var j = 0; j < v; j++) Copy(moved + j * Width, tangents + (long)j * outputs, length);
                            }
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
            long weights = (long)inputs * m * across, area = Area(inputs);
            var wanted = byCoefficients != null;
            using var padded = new Scratch<T>(across == outputs ? 0 : weights);
            using var gathered = new Scratch<T>(wanted ? weights * parts : 0);
            var coefficients = across == outputs ? input.Coefficients : Padded(input, padded.Take(weights), across);
            var sums = gathered.Take(wanted ? weights * parts : 0);
            Parts.Run(parts, n, (part, from, to) => {
                using var points = new Points(functions, input);
                using var scratch = new Scratch<T>(
                    Chunk * area, Chunk * area, (long)Width * turnedRow, (long)Chunk * v * Width, 2L * Chunk * Width,
                    3L * Chunk * inputs * L.Count, (long)Chunk * v * turnedRow);
                T* byTiles = scratch.Take(Chunk * area), tiles = scratch.Take(Chunk * area), turned = scratch.Take((long)Width * turnedRow);
                T* arriving = scratch.Take((long)Chunk * v * Width), values = scratch.Take(2L * Chunk * Width);
                T* bySums = scratch.Take(3L * Chunk * inputs * L.Count), byTangents = scratch.Take((long)Chunk * v * turnedRow);
                for (var start = from; start < to; start += Chunk) {
                    var count = (int)Math.Min(Chunk, to - start);
                    points.Evaluate(start, count);
                    new Span<T>(bySums, 3 * count * inputs * L.Count).Clear();
                    for (var b = 0; b < Blocks(outputs); b++) {
                        int at = b * Width, length = Math.Min(Width, outputs - at), columns = Products<T, V, L>.Padded(length);
                        for (var p = 0; p < count; p++) {
                            Fill(cotangents.Value + (start + p) * outputs + at, values + 2 * p * Width, length);
                            Fill(cotangents.Second + (start + p) * outputs + at, values + (2 * p + 1) * Width, length);
                            var tangents = cotangents.Tangents + (start + p) * v * outputs + at;
                            T* of = arriving + (long)p * v * Width, byTile = byTiles + p * area;
                            for (var j = 0; j < v; j++) Fill(tangents + (long)j * outputs, of + j * Width, length);
                            if (input.Tangents != null) {
                                Products<T, V, L>.Multiply(points.Tangents(start + p), 1, inputs, of, Width, byTile, Width, inputs, columns, v);
                            } else {
                                new Span<T>(byTile, (int)area).Clear();
                                for (var j = 0; j < v; j++) Add(of + j * Width, byTile + input.Axes[j] * Width, Width);
                            }
                        }
                        for (var i = 0; i < inputs; i++) {
                            var skip = (long)i * m * across + at;
                            if (byInput.Value != null)
                                Slopes(points, start, i, count, coefficients + skip, across, m, values, byTiles + i * Width,
                                    tiles + i * Width, bySums + 3L * i * L.Count);
                            if (wanted) Gather(points, i, count, values, byTiles + i * Width, sums + part * weights + skip, across, m);
                        }
                        if (byInput.Tangents == null) continue;
                        for (var p = 0; p < count; p++) {
                            Products<T, V, L>.Transpose(tiles + p * area, Width, turned, turnedRow, inputs, length);
                            Products<T, V, L>.Multiply(
                                arriving + (long)p * v * Width, Width, 1, turned, turnedRow, byTangents + (long)p * v * turnedRow, turnedRow,
                                v, turnedRow, length, adds: b > 0);
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
                long edges = (long)Chunk * input.Layer.Inputs, numbers = edges * Edge;
                scratch = new Scratch<T>(numbers, edges);
                starts = new Scratch<int>(edges);
                values = scratch.Take(numbers);
                squares = scratch.Take(edges);
                first = starts.Take(edges);
            }

            internal int Inputs => input.Layer.Inputs;

            // From one edge's functions to the next's: the last row is of whole vectors.
            private int Edge => Curvature * functions.Local + Products<T, V, L>.Padded(functions.Local);

            /// <summary>From one point's functions to the next's.</summary>
            internal nint Stride => (nint)input.Layer.Inputs * Edge;

            // Of the first point's i-th input.
            internal int* First(int i) => first + i;
            internal T* Of(int i) => values + i * Edge;
            internal T* Squares(int p) => squares + p * input.Layer.Inputs;
            internal T* Second(long point) => input.Second + point * input.Layer.Inputs;
            internal T* Tangents(long point) =>
                input.Tangents + (input.Shared ? 0 : point * input.Layer.Directions * input.Layer.Inputs);

            internal void Evaluate(long start, int count)
            {
                var (_, inputs, _, _, v) = input.Layer;
                functions.Near(input.Value + start * inputs, count * inputs, first, values, Edge);
                for (var p = 0; p < count; p++) {
                    T* q = Squares(p), second = Second(start + p), of = Of(p * inputs);
                    if (input.Tangents == null) {
                        new Span<T>(q, inputs).Clear();
                        for (var j = 0; j < v; j++) q[input.Axes[j]] += input.Weights[j];
                    } else {
                        Squared(Tangents(start + p), input.Weights, v, q, inputs);
                    }
                    Curve(of, second, q, inputs);
                }
            }

            [MethodImpl(MethodImplOptions.AggressiveOptimization)]
            private void Curve(T* of, T* second, T* q, int inputs)
            {
                nint local = functions.Local, edge = Edge;
                for (var i = 0; i < inputs; i++, of += edge) {
                    V s = L.Create(second[i]), square = L.Create(q[i]), none = default;
                    T* one = of + local, two = one + local, curvature = of + Curvature * local;
                    for (nint u = 0; u < local; u += L.Count)
                        L.Store(L.MultiplyAdd(L.Load(one + u), s, L.MultiplyAdd(L.Load(two + u), square, none)), curvature + u);
                }
            }

            // Gradients by one point's input, from vectors to be summed of those by its values, second derivatives and squares;
            // the squares pass theirs on to the tangents.
            internal void Write(long point, T* sums, T* byTangents, int across, EdgeJetParts<T> byInput)
            {
                var (_, inputs, _, _, v) = input.Layer;
                var bySquares = Squares(0);
                for (var i = 0; i < inputs; i++, sums += 3 * L.Count) {
                    byInput.Value[point * inputs + i] = L.Sum(L.Load(sums));
                    byInput.Second[point * inputs + i] = L.Sum(L.Load(sums + L.Count));
                    bySquares[i] = L.Sum(L.Load(sums + 2 * L.Count));
                }
                if (byInput.Tangents != null)
                    Move(Tangents(point), input.Weights, v, bySquares, inputs, byTangents, across, byInput.Tangents + point * v * inputs);
            }

            // to_j = by_j + 2 w_j t_j · bySquares
            [MethodImpl(MethodImplOptions.AggressiveOptimization)]
            private static void Move(T* t, T* weights, int v, T* bySquares, int inputs, T* by, int across, T* to)
            {
                V none = default;
                var whole = inputs - inputs % L.Count;
                for (var j = 0; j < v; j++, t += inputs, to += inputs, by += across) {
                    var w = weights[j] + weights[j];
                    var factor = L.Create(w);
                    for (var i = 0; i < whole; i += L.Count)
                        L.Store(L.MultiplyAdd(L.MultiplyAdd(factor, L.Load(t + i), none), L.Load(bySquares + i), L.Load(by + i)), to + i);
                    for (var i = whole; i < inputs; i++) to[i] = by[i] + w * t[i] * bySquares[i];
                }
            }

            // q = Σ w_j t_j²
            [MethodImpl(MethodImplOptions.AggressiveOptimization)]
            private static void Squared(T* t, T* weights, int v, T* q, int inputs)
            {
                V none = default;
                var whole = inputs - inputs % L.Count;
                for (var i = 0; i < whole; i += L.Count) {
                    V sum = default;
                    for (var j = 0; j < v; j++) {
                        var x = L.Load(t + (long)j * inputs + i);
                        sum = L.MultiplyAdd(L.MultiplyAdd(L.Create(weights[j]), x, none), x, sum);
                    }
                    L.Store(sum, q + i);
                }
                for (var i = whole; i < inputs; i++) {
                    q[i] = T.Zero;
                    for (var j = 0; j < v; j++) q[i] += weights[j] * t[(long)j * inputs + i] * t[(long)j * inputs + i];
                }
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

        // The innermost loops take one input's edges to a block of outputs, at all points of a chunk, so that their
        // coefficients stay where they are read fastest. Points' own numbers lie so far apart: values and second derivatives
        // 2·Width, tiles an Area.

        // Adds to values and second derivatives, and gives the edges' slopes.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Sweep(in Points points, int i, int count, T* c, nint across, int m, T* sums, T* tile)
        {
            nint local = functions.Local, stride = points.Stride, inputs = points.Inputs, area = (nint)Area(points.Inputs);
            T* of = points.Of(i), silu = c + (m - 1) * across;
            var first = points.First(i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, sums += 2 * Width, tile += area) {
                V y0 = L.Load(sums), y1 = L.Load(sums + L.Count), y2 = L.Load(sums + 2 * L.Count), y3 = L.Load(sums + 3 * L.Count);
                V s0 = L.Load(sums + Width), s1 = L.Load(sums + Width + L.Count);
                V s2 = L.Load(sums + Width + 2 * L.Count), s3 = L.Load(sums + Width + 3 * L.Count);
                V t0 = default, t1 = default, t2 = default, t3 = default;
                T* slopes = of + local, curvatures = of + Curvature * local;
                T* row = silu, next = c + *first * across;
                for (nint u = 0; u < local; u++, row = next, next += across) {
                    V f = L.Create(of[u]), g = L.Create(slopes[u]), h = L.Create(curvatures[u]), x = L.Load(row);
                    y0 = L.MultiplyAdd(f, x, y0); t0 = L.MultiplyAdd(g, x, t0); s0 = L.MultiplyAdd(h, x, s0);
                    x = L.Load(row + L.Count);
                    y1 = L.MultiplyAdd(f, x, y1); t1 = L.MultiplyAdd(g, x, t1); s1 = L.MultiplyAdd(h, x, s1);
                    x = L.Load(row + 2 * L.Count);
                    y2 = L.MultiplyAdd(f, x, y2); t2 = L.MultiplyAdd(g, x, t2); s2 = L.MultiplyAdd(h, x, s2);
                    x = L.Load(row + 3 * L.Count);
                    y3 = L.MultiplyAdd(f, x, y3); t3 = L.MultiplyAdd(g, x, t3); s3 = L.MultiplyAdd(h, x, s3);
                }
                Store(t0, t1, t2, t3, tile);
                Store(y0, y1, y2, y3, sums);
                Store(s0, s1, s2, s3, sums + Width);
            }
        }

        // Slopes, and what values, second derivatives and squares get from these outputs, as vectors to be summed [I, 3]: with
        // φ an edge's function, y = Σ φ, s = Σ φ'·S + φ''·q and slopes φ'.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Slopes(
            in Points points, long start, int i, int count, T* c, nint across, int m, T* values, T* byTile, T* tile, T* sums)
        {
            nint local = functions.Local, stride = points.Stride, inputs = points.Inputs, area = (nint)Area(points.Inputs);
            T* of = points.Of(i), silu = c + (m - 1) * across, seconds = points.Second(start) + i, squares = points.Squares(0) + i;
            var first = points.First(i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, values += 2 * Width, tile += area, byTile += area) {
                V a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
                V d0 = default, d1 = default, d2 = default, d3 = default;
                T* one = of + local, two = one + local, three = two + local;
                T* row = silu, next = c + *first * across;
                for (nint u = 0; u < local; u++, row = next, next += across) {
                    V f = L.Create(one[u]), g = L.Create(two[u]), h = L.Create(three[u]), x = L.Load(row);
                    a0 = L.MultiplyAdd(f, x, a0); b0 = L.MultiplyAdd(g, x, b0); d0 = L.MultiplyAdd(h, x, d0);
                    x = L.Load(row + L.Count);
                    a1 = L.MultiplyAdd(f, x, a1); b1 = L.MultiplyAdd(g, x, b1); d1 = L.MultiplyAdd(h, x, d1);
                    x = L.Load(row + 2 * L.Count);
                    a2 = L.MultiplyAdd(f, x, a2); b2 = L.MultiplyAdd(g, x, b2); d2 = L.MultiplyAdd(h, x, d2);
                    x = L.Load(row + 3 * L.Count);
                    a3 = L.MultiplyAdd(f, x, a3); b3 = L.MultiplyAdd(g, x, b3); d3 = L.MultiplyAdd(h, x, d3);
                }
                Store(a0, a1, a2, a3, tile);
                // Of each point and input, over all outputs.
                V bySecond = L.Load(sums + L.Count), bySquare = default, third = default;
                var second = values + Width;
                V s = L.Load(second), byValue = L.MultiplyAdd(L.Load(values), a0, L.Load(sums));
                bySecond = L.MultiplyAdd(s, a0, bySecond); bySquare = L.MultiplyAdd(s, b0, bySquare); third = L.MultiplyAdd(s, d0, third);
                var byTiles = L.MultiplyAdd(L.Load(byTile), b0, default);
                s = L.Load(second + L.Count); byValue = L.MultiplyAdd(L.Load(values + L.Count), a1, byValue);
                bySecond = L.MultiplyAdd(s, a1, bySecond); bySquare = L.MultiplyAdd(s, b1, bySquare); third = L.MultiplyAdd(s, d1, third);
                byTiles = L.MultiplyAdd(L.Load(byTile + L.Count), b1, byTiles);
                s = L.Load(second + 2 * L.Count); byValue = L.MultiplyAdd(L.Load(values + 2 * L.Count), a2, byValue);
                bySecond = L.MultiplyAdd(s, a2, bySecond); bySquare = L.MultiplyAdd(s, b2, bySquare); third = L.MultiplyAdd(s, d2, third);
                byTiles = L.MultiplyAdd(L.Load(byTile + 2 * L.Count), b2, byTiles);
                s = L.Load(second + 3 * L.Count); byValue = L.MultiplyAdd(L.Load(values + 3 * L.Count), a3, byValue);
                bySecond = L.MultiplyAdd(s, a3, bySecond); bySquare = L.MultiplyAdd(s, b3, bySquare); third = L.MultiplyAdd(s, d3, third);
                byTiles = L.MultiplyAdd(L.Load(byTile + 3 * L.Count), b3, byTiles);
                byValue = L.MultiplyAdd(L.Create(*squares), third, L.MultiplyAdd(L.Create(*seconds), bySquare, byValue));
                L.Store(L.Add(byValue, byTiles), sums);
                L.Store(bySecond, sums + L.Count);
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
            nint local = functions.Local, stride = points.Stride, inputs = points.Inputs, area = (nint)Area(points.Inputs);
            T* of = points.Of(i), silu = sums + (m - 1) * across;
            var first = points.First(i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, values += 2 * Width, byTile += area) {
                var second = values + Width;
                V y0 = L.Load(values), y1 = L.Load(values + L.Count), y2 = L.Load(values + 2 * L.Count), y3 = L.Load(values + 3 * L.Count);
                V s0 = L.Load(second), s1 = L.Load(second + L.Count), s2 = L.Load(second + 2 * L.Count), s3 = L.Load(second + 3 * L.Count);
                V t0 = L.Load(byTile), t1 = L.Load(byTile + L.Count), t2 = L.Load(byTile + 2 * L.Count), t3 = L.Load(byTile + 3 * L.Count);
                T* slopes = of + local, curvatures = of + Curvature * local;
                T* row = silu, next = sums + *first * across;
                for (nint u = 0; u < local; u++, row = next, next += across) {
                    V f = L.Create(of[u]), g = L.Create(slopes[u]), h = L.Create(curvatures[u]);
                    L.Store(L.MultiplyAdd(h, s0, L.MultiplyAdd(g, t0, L.MultiplyAdd(f, y0, L.Load(row)))), row);
                    var at = row + L.Count;
                    L.Store(L.MultiplyAdd(h, s1, L.MultiplyAdd(g, t1, L.MultiplyAdd(f, y1, L.Load(at)))), at);
                    at += L.Count;
                    L.Store(L.MultiplyAdd(h, s2, L.MultiplyAdd(g, t2, L.MultiplyAdd(f, y2, L.Load(at)))), at);
                    at += L.Count;
                    L.Store(L.MultiplyAdd(h, s3, L.MultiplyAdd(g, t3, L.MultiplyAdd(f, y3, L.Load(at)))), at);
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store(V a, V b, V c, V d, T* to)
        {
            L.Store(a, to);
            L.Store(b, to + L.Count);
            L.Store(c, to + 2 * L.Count);
            L.Store(d, to + 3 * L.Count);
        }
    }
}
