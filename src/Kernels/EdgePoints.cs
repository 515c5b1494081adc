// What a layer's jet takes of its points before their edges' coefficients come in.
using System;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetaKan.Kernels
{
    /// <summary>The functions of some points' inputs, with what second derivatives take of them; gradients by these inputs.</summary>
    internal readonly unsafe struct EdgePoints<T, V, L> : IDisposable
        where T : unmanaged, IBinaryFloatingPointIeee754<T> where V : struct where L : ILanes<T, V>
    {
        /// <summary>The row after the derivatives of orders 0 to 3: B'·S + B''·q, the factors of the second derivative.</summary>
        internal const int Curvature = EdgeFunctions<T>.Orders;

        private readonly EdgeFunctions<T> functions;
        private readonly EdgeJetInput<T> input;
        private readonly Scratch<T> scratch;
        private readonly Scratch<int> starts;
        private readonly T* values, squares;
        private readonly int* first;

        internal EdgePoints(EdgeFunctions<T> functions, EdgeJetInput<T> input, int most)
        {
            (this.functions, this.input) = (functions, input);
            long edges = (long)most * input.Layer.Inputs, numbers = edges * Edge;
            scratch = new Scratch<T>(numbers, edges);
            starts = new Scratch<int>(edges);
            values = scratch.Room(numbers);
            squares = scratch.Room(edges);
            first = starts.Room(edges);
        }

        internal int Inputs => input.Layer.Inputs;

        // From one edge's functions to the next's: the last row is of whole vectors.
        private int Edge => Curvature * functions.Local + Products<T, V, L>.Padded(functions.Local);

        /// <summary>From one point's functions to the next's.</summary>
        internal nint Stride => (nint)input.Layer.Inputs * Edge;

        internal int Local => functions.Local;

        // Of a point's i-th input.
        internal int* First(int point, int i) => first + point * input.Layer.Inputs + i;
        internal T* Of(int point, int i) => values + ((long)point * input.Layer.Inputs + i) * Edge;
        internal T* Squares(int p) => squares + p * input.Layer.Inputs;
        internal T* Second(long point) => input.Second + point * input.Layer.Inputs;
        internal T* Tangents(long point) =>
            input.Tangents + (input.Shared ? 0 : point * input.Layer.Directions * input.Layer.Inputs);

        internal void Evaluate(long start, int count)
        {
            var (_, inputs, _, _, v) = input.Layer;
            functions.Near(input.Value + start * inputs, count * inputs, first, values, Edge);
            for (var p = 0; p < count; p++) {
                T* q = Squares(p), second = Second(start + p), of = Of(p, 0);
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
        internal void Write(long start, int p, T* sums, T* byTangents, int across, EdgeJetParts<T> byInput)
        {
            var point = start + p;
            var (_, inputs, _, _, v) = input.Layer;
            // Squares are not read again.
            var bySquares = Squares(p);
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
}
