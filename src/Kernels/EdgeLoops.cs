// The innermost loops of a layer's jet: one input's edges to a block of outputs, at all points of a chunk, so that their
// coefficients stay where they are read fastest.
using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetaKan.Kernels
{
    /// <summary>
    /// Loops over points, whose own numbers lie so far apart: values and second derivatives 2·Width, tiles [I, Width] an Area.
    /// </summary>
    [SkipLocalsInit]
    internal static unsafe class EdgeLoops<T, V, L>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> where V : struct where L : ILanes<T, V>
    {
        /// <summary>A block's outputs: four vectors, whose sums of three kinds fill the registers.</summary>
        internal static int Width => 4 * L.Count;

        /// <summary>Not a power of two, for which the cache would put all points in one place.</summary>
        internal static int Area(int inputs) => (inputs + 1) * Width;

        // Adds to values and second derivatives, and gives the edges' slopes.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal static void Sweep(
            in EdgePoints<T, V, L> points, int point, int i, int count, T* c, nint across, int m, T* sums, T* tile)
        {
            nint local = points.Local, stride = points.Stride, inputs = points.Inputs, area = (nint)Area(points.Inputs);
            T* of = points.Of(point, i), silu = c + (m - 1) * across;
            var first = points.First(point, i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, sums += 2 * Width, tile += area) {
                V y0 = L.Load(sums), y1 = L.Load(sums + L.Count), y2 = L.Load(sums + 2 * L.Count), y3 = L.Load(sums + 3 * L.Count);
                V s0 = L.Load(sums + Width), s1 = L.Load(sums + Width + L.Count);
                V s2 = L.Load(sums + Width + 2 * L.Count), s3 = L.Load(sums + Width + 3 * L.Count);
                V t0 = default, t1 = default, t2 = default, t3 = default;
                T* slopes = of + local, curvatures = of + EdgePoints<T, V, L>.Curvature * local;
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
        internal static void Slopes(
            in EdgePoints<T, V, L> points, long start, int point, int i, int count, T* c, nint across, int m, T* values, T* byTile, T* tile, T* sums)
        {
            nint local = points.Local, stride = points.Stride, inputs = points.Inputs, area = (nint)Area(points.Inputs);
            T* of = points.Of(point, i), silu = c + (m - 1) * across, seconds = points.Second(start + point) + i;
            var squares = points.Squares(point) + i;
            var first = points.First(point, i);
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
        internal static void Gather(
            in EdgePoints<T, V, L> points, int point, int i, int count, T* values, T* byTile, T* sums, nint across, int m)
        {
            nint local = points.Local, stride = points.Stride, inputs = points.Inputs, area = (nint)Area(points.Inputs);
            T* of = points.Of(point, i), silu = sums + (m - 1) * across;
            var first = points.First(point, i);
            for (var p = 0; p < count; p++, of += stride, first += inputs, values += 2 * Width, byTile += area) {
                var second = values + Width;
                V y0 = L.Load(values), y1 = L.Load(values + L.Count), y2 = L.Load(values + 2 * L.Count), y3 = L.Load(values + 3 * L.Count);
                V s0 = L.Load(second), s1 = L.Load(second + L.Count), s2 = L.Load(second + 2 * L.Count), s3 = L.Load(second + 3 * L.Count);
                V t0 = L.Load(byTile), t1 = L.Load(byTile + L.Count), t2 = L.Load(byTile + 2 * L.Count), t3 = L.Load(byTile + 3 * L.Count);
                T* slopes = of + local, curvatures = of + EdgePoints<T, V, L>.Curvature * local;
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
