// The jet of a layer of edges in one pass over the points: of splines, of which few are not zero at a point, and silu. What
// is worked out on the way, edges' slopes among it, is worked out again for the gradients and never stored for all points.
using System;
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

        /// <summary>Of the edges.</summary>
        public EdgeCoefficients<T> Coefficients;
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

        /// <summary>
        /// Gradients by the input and by the coefficients, each where it is wanted; these are zero before, and of the same kind.
        /// </summary>
        public abstract void Gradients(
            EdgeJetInput<T> input, EdgeJetParts<T> cotangents, EdgeJetParts<T> byInput, EdgeCoefficients<T> byCoefficients,
            int threads);
    }

    [SkipLocalsInit]
    internal sealed unsafe class EdgeJets<T, V, L>(EdgeFunctions<T> functions) : EdgeJets<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> where V : struct where L : ILanes<T, V>
    {
        // Points whose slopes are there together, and at least so many for a thread.
        private const int Chunk = 8, WorthAThread = 8;

        // Points whose functions are there together: more of them where coefficients are worked out for each batch.
        private static int Batch(EdgeCoefficients<T> coefficients) => coefficients.Stored != null ? Chunk : 64;

        // Outputs at a time: four vectors, whose sums of three kinds fill the registers of the innermost loops.
        private static int Width => EdgeLoops<T, V, L>.Width;
        private static int Blocks(int outputs) => (outputs + Width - 1) / Width;

        public override void Run(EdgeJetInput<T> input, EdgeJetParts<T> output, int threads)
        {
            var (n, inputs, m, outputs, v) = input.Layer;
            var batch = Batch(input.Coefficients);
            Parts.Run(Parts.Count(n, WorthAThread, threads), n, (_, from, to) => {
                using var points = new EdgePoints<T, V, L>(functions, input, (int)Math.Min(batch, to - from));
                using var blocks = new EdgeBlocks<T, V, L>(input.Layer, input.Coefficients, Width, differentiated: false);
                long area = EdgeLoops<T, V, L>.Area(inputs);
                using var scratch = new Scratch<T>(Chunk * area, (long)v * Width, 2L * Chunk * Width);
                T* tiles = scratch.Room(Chunk * area), moved = scratch.Room((long)v * Width), sums = scratch.Room(2L * Chunk * Width);
                for (var start = from; start < to; start += batch) {
                    var all = (int)Math.Min(batch, to - start);
                    points.Evaluate(start, all);
                    for (var b = 0; b < Blocks(outputs); b++) {
                        int at = b * Width, length = Math.Min(Width, outputs - at), columns = Products<T, V, L>.Padded(length);
                        var (rows, across) = blocks.Rows(at, length);
                        for (var first = 0; first < all; first += Chunk) {
                            var count = Math.Min(Chunk, all - first);
                            new Span<T>(sums, 2 * count * Width).Clear();
                            for (var i = 0; i < inputs; i++)
                                EdgeLoops<T, V, L>.Sweep(points, first, i, count, (T*)rows + i * m * across, across, m, sums, tiles + i * Width);
                            for (var p = 0; p < count; p++) {
                                var point = start + first + p;
                                Copy(sums + 2 * p * Width, output.Value + point * outputs + at, length);
                                Copy(sums + (2 * p + 1) * Width, output.Second + point * outputs + at, length);
                                T* tile = tiles + p * area, tangents = output.Tangents + point * v * outputs + at;
                                if (input.Tangents == null) {
                                    for (var j = 0; j < v; j++) Copy(tile + input.Axes[j] * Width, tangents + (long)j * outputs, length);
                                } else if (columns == length) {
                                    Products<T, V, L>.Multiply(points.Tangents(point), inputs, 1, tile, Width, tangents, outputs, v, columns, inputs);
                                } else {
                                    Products<T, V, L>.Multiply(points.Tangents(point), inputs, 1, tile, Width, moved, Width, v, columns, inputs);
                                    for (var j = 0; j < v; j++) Copy(moved + j * Width, tangents + (long)j * outputs, length);
                                }
                            }
                        }
                    }
                }
            });
        }

        public override void Gradients(
            EdgeJetInput<T> input, EdgeJetParts<T> cotangents, EdgeJetParts<T> byInput, EdgeCoefficients<T> byCoefficients,
            int threads)
        {
            var (n, inputs, m, outputs, v) = input.Layer;
            var batch = Batch(input.Coefficients);
            var row = Products<T, V, L>.Padded(inputs);
            long area = EdgeLoops<T, V, L>.Area(inputs), entering = (long)Chunk * v * Width;
            bool wanted = byCoefficients.Wanted, moving = byInput.Tangents != null;
            var parts = Parts.Count(n, WorthAThread, threads);
            using var shared = new EdgeGradients<T>(input.Layer, byCoefficients, parts);
            Parts.Run(parts, n, (part, from, to) => {
                using var points = new EdgePoints<T, V, L>(functions, input, (int)Math.Min(batch, to - from));
                using var blocks = new EdgeBlocks<T, V, L>(input.Layer, input.Coefficients, Width, wanted);
                // Gradients by tangents are summed up where they go, if their rows are whole vectors.
                var most = Math.Min(batch, to - from);
                long bySums = 3 * most * inputs * L.Count, leaving = moving && row != inputs ? most * v * row : 0;
                using var scratch = new Scratch<T>(
                    Chunk * area, Chunk * area, (long)Width * row, entering, 2L * Chunk * Width, bySums, leaving);
                T* byTiles = scratch.Room(Chunk * area), tiles = scratch.Room(Chunk * area), turned = scratch.Take((long)Width * row);
                T* arriving = scratch.Room(entering), values = scratch.Room(2L * Chunk * Width), vectors = scratch.Room(bySums);
                T* padded = scratch.Room(leaving);
                for (var start = from; start < to; start += batch) {
                    var all = (int)Math.Min(batch, to - start);
                    var byTangents = leaving > 0 ? padded : byInput.Tangents + start * v * inputs;
                    points.Evaluate(start, all);
                    new Span<T>(vectors, 3 * all * inputs * L.Count).Clear();
                    for (var b = 0; b < Blocks(outputs); b++) {
                        int at = b * Width, length = Math.Min(Width, outputs - at), columns = Products<T, V, L>.Padded(length);
                        var (rows, across) = blocks.Rows(at, length);
                        var (sums, apart) = wanted ? blocks.Sums(at, shared.Of(part)) : default;
                        // Columns that no output has are read, too.
                        if (columns < Width) new Span<T>(byTiles, (int)(Chunk * area)).Clear();
                        for (var first = 0; first < all; first += Chunk) {
                            var count = Math.Min(Chunk, all - first);
                            for (var p = 0; p < count; p++) {
                                var point = start + first + p;
                                Fill(cotangents.Value + point * outputs + at, values + 2 * p * Width, length);
                                Fill(cotangents.Second + point * outputs + at, values + (2 * p + 1) * Width, length);
                                var tangents = cotangents.Tangents + point * v * outputs + at;
                                T* of = arriving + (long)p * v * Width, byTile = byTiles + p * area;
                                for (var j = 0; j < v; j++) Fill(tangents + (long)j * outputs, of + j * Width, length);
                                if (input.Tangents != null) {
                                    Products<T, V, L>.Multiply(points.Tangents(point), 1, inputs, of, Width, byTile, Width, inputs, columns, v);
                                } else {
                                    new Span<T>(byTile, (int)area).Clear();
                                    for (var j = 0; j < v; j++) Vectors.Add(of + j * Width, byTile + input.Axes[j] * Width, Width);
                                }
                            }
                            for (var i = 0; i < inputs; i++) {
                                if (byInput.Value != null)
                                    EdgeLoops<T, V, L>.Slopes(
                                        points, start, first, i, count, (T*)rows + i * m * across, across, m, values, byTiles + i * Width,
                                        tiles + i * Width, vectors + 3L * (first * inputs + i) * L.Count);
                                if (wanted)
                                    EdgeLoops<T, V, L>.Gather(
                                        points, first, i, count, values, byTiles + i * Width, (T*)sums + i * m * apart, apart, m);
                            }
                            if (moving)
                                for (var p = 0; p < count; p++) {
                                    Products<T, V, L>.Transpose(tiles + p * area, Width, turned, row, inputs, length);
                                    Products<T, V, L>.Multiply(
                                        arriving + (long)p * v * Width, Width, 1, turned, row, byTangents + (long)(first + p) * v * row, row,
                                        v, row, length, adds: b > 0);
                                }
                        }
                        if (wanted) blocks.Add(at, length, shared.Of(part));
                    }
                    if (byInput.Value != null)
                        for (var p = 0; p < all; p++)
                            points.Write(start, p, vectors + 3L * p * inputs * L.Count, byTangents + (long)p * v * row, row, byInput);
                }
                if (wanted) blocks.Finish(shared.Of(part));
            });
            shared.Add();
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
    }
}
