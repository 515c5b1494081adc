// Products of small matrices, in vectors of the machine's width.
using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetaKan.Kernels
{
    internal static unsafe class Products<T, V, L> where T : unmanaged where V : struct where L : ILanes<T, V>
    {
        /// <summary>A length filled up to whole vectors.</summary>
        internal static int Padded(int length) => (length + L.Count - 1) / L.Count * L.Count;

        // Rows at a time, as many as there are registers for their sums.
        private static int Most => L.Registers >= 32 ? 8 : 6;

        /// <summary>
        /// c = a·b, or c + a·b where it `adds`, for a [m, k] of any strides, b [k, n] and c [m, n] with rows of whole vectors.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal static void Multiply(
            T* a, nint aRow, nint aColumn, T* b, nint bRow, T* c, nint cRow, int m, int n, int k, bool adds = false)
        {
            for (var j = 0; j < n; j += 2 * L.Count) {
                // An odd last vector is computed twice.
                var next = j + L.Count < n ? L.Count : 0;
                var i = 0;
                for (; i < m - 4; i += Most) {
                    var last = Math.Min(Most, m - i) - 1;
                    if (L.Registers >= 32)
                        Eight(a + i * aRow, aRow, aColumn, b + j, b + j + next, bRow, c + i * cRow + j, next, cRow, last, k, adds);
                    else
                        Six(a + i * aRow, aRow, aColumn, b + j, b + j + next, bRow, c + i * cRow + j, next, cRow, last, k, adds);
                }
                if (i < m)
                    Four(a + i * aRow, aRow, aColumn, b + j, b + j + next, bRow, c + i * cRow + j, next, cRow, m - i - 1, k, adds);
            }
        }

        // Rows 0 … last of the result; rows beyond the last repeat it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Eight(
            T* a, nint aRow, nint aColumn, T* b, T* b1, nint bRow, T* c, int next, nint cRow, int last, int k, bool adds)
        {
            T* a0 = a, a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow;
            T* a3 = a + Math.Min(3, last) * aRow, a4 = a + Math.Min(4, last) * aRow, a5 = a + Math.Min(5, last) * aRow;
            T* a6 = a + Math.Min(6, last) * aRow, a7 = a + Math.Min(7, last) * aRow;
            V s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            V t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default, t6 = default, t7 = default;
            nint at = 0;
            for (var l = 0; l < k; l++, at += aColumn, b += bRow, b1 += bRow) {
                V x = L.Load(b), y = L.Load(b1);
                var r = L.Create(a0[at]);
                s0 = L.MultiplyAdd(r, x, s0); t0 = L.MultiplyAdd(r, y, t0);
                r = L.Create(a1[at]);
                s1 = L.MultiplyAdd(r, x, s1); t1 = L.MultiplyAdd(r, y, t1);
                r = L.Create(a2[at]);
                s2 = L.MultiplyAdd(r, x, s2); t2 = L.MultiplyAdd(r, y, t2);
                r = L.Create(a3[at]);
                s3 = L.MultiplyAdd(r, x, s3); t3 = L.MultiplyAdd(r, y, t3);
                r = L.Create(a4[at]);
                s4 = L.MultiplyAdd(r, x, s4); t4 = L.MultiplyAdd(r, y, t4);
                r = L.Create(a5[at]);
                s5 = L.MultiplyAdd(r, x, s5); t5 = L.MultiplyAdd(r, y, t5);
                r = L.Create(a6[at]);
                s6 = L.MultiplyAdd(r, x, s6); t6 = L.MultiplyAdd(r, y, t6);
                r = L.Create(a7[at]);
                s7 = L.MultiplyAdd(r, x, s7); t7 = L.MultiplyAdd(r, y, t7);
            }
            Store(s0, t0, c, next, adds);
            if (last > 0) Store(s1, t1, c += cRow, next, adds);
            if (last > 1) Store(s2, t2, c += cRow, next, adds);
            if (last > 2) Store(s3, t3, c += cRow, next, adds);
            if (last > 3) Store(s4, t4, c += cRow, next, adds);
            if (last > 4) Store(s5, t5, c += cRow, next, adds);
            if (last > 5) Store(s6, t6, c += cRow, next, adds);
            if (last > 6) Store(s7, t7, c + cRow, next, adds);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Six(
            T* a, nint aRow, nint aColumn, T* b, T* b1, nint bRow, T* c, int next, nint cRow, int last, int k, bool adds)
        {
            T* a0 = a, a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow;
            T* a3 = a + Math.Min(3, last) * aRow, a4 = a + Math.Min(4, last) * aRow, a5 = a + Math.Min(5, last) * aRow;
            V s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
            V t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default;
            nint at = 0;
            for (var l = 0; l < k; l++, at += aColumn, b += bRow, b1 += bRow) {
                V x = L.Load(b), y = L.Load(b1);
                var r = L.Create(a0[at]);
                s0 = L.MultiplyAdd(r, x, s0); t0 = L.MultiplyAdd(r, y, t0);
                r = L.Create(a1[at]);
                s1 = L.MultiplyAdd(r, x, s1); t1 = L.MultiplyAdd(r, y, t1);
                r = L.Create(a2[at]);
                s2 = L.MultiplyAdd(r, x, s2); t2 = L.MultiplyAdd(r, y, t2);
                r = L.Create(a3[at]);
                s3 = L.MultiplyAdd(r, x, s3); t3 = L.MultiplyAdd(r, y, t3);
                r = L.Create(a4[at]);
                s4 = L.MultiplyAdd(r, x, s4); t4 = L.MultiplyAdd(r, y, t4);
                r = L.Create(a5[at]);
                s5 = L.MultiplyAdd(r, x, s5); t5 = L.MultiplyAdd(r, y, t5);
            }
            Store(s0, t0, c, next, adds);
            if (last > 0) Store(s1, t1, c += cRow, next, adds);
            if (last > 1) Store(s2, t2, c += cRow, next, adds);
            if (last > 2) Store(s3, t3, c += cRow, next, adds);
            if (last > 3) Store(s4, t4, c += cRow, next, adds);
            if (last > 4) Store(s5, t5, c + cRow, next, adds);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Four(
            T* a, nint aRow, nint aColumn, T* b, T* b1, nint bRow, T* c, int next, nint cRow, int last, int k, bool adds)
        {
            T* a0 = a, a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow;
            T* a3 = a + Math.Min(3, last) * aRow;
            V s0 = default, s1 = default, s2 = default, s3 = default;
            V t0 = default, t1 = default, t2 = default, t3 = default;
            nint at = 0;
            for (var l = 0; l < k; l++, at += aColumn, b += bRow, b1 += bRow) {
                V x = L.Load(b), y = L.Load(b1);
                var r = L.Create(a0[at]);
                s0 = L.MultiplyAdd(r, x, s0); t0 = L.MultiplyAdd(r, y, t0);
                r = L.Create(a1[at]);
                s1 = L.MultiplyAdd(r, x, s1); t1 = L.MultiplyAdd(r, y, t1);
                r = L.Create(a2[at]);
                s2 = L.MultiplyAdd(r, x, s2); t2 = L.MultiplyAdd(r, y, t2);
                r = L.Create(a3[at]);
                s3 = L.MultiplyAdd(r, x, s3); t3 = L.MultiplyAdd(r, y, t3);
            }
            Store(s0, t0, c, next, adds);
            if (last > 0) Store(s1, t1, c += cRow, next, adds);
            if (last > 1) Store(s2, t2, c += cRow, next, adds);
            if (last > 2) Store(s3, t3, c + cRow, next, adds);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store(V s, V t, T* c, int next, bool adds)
        {
            if (adds) (s, t) = (L.Add(s, L.Load(c)), L.Add(t, L.Load(c + next)));
            L.Store(s, c);
            L.Store(t, c + next);
        }

        /// <summary>to [columns, rows] = the transpose of from [rows, columns].</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal static void Transpose(T* from, nint fromRow, T* to, nint toRow, int rows, int columns)
        {
            // Squares of four singles in registers; what is left, and doubles, one by one.
            var squares = typeof(T) == typeof(float) && Sse.IsSupported ? (rows & ~3, columns & ~3) : (0, 0);
            for (var i = 0; i < squares.Item1; i += 4)
                for (var j = 0; j < squares.Item2; j += 4)
                    Square((float*)(from + i * fromRow + j), fromRow, (float*)(to + j * toRow + i), toRow);
            for (var i = 0; i < rows; i++)
                for (var j = i < squares.Item1 ? squares.Item2 : 0; j < columns; j++)
                    to[j * toRow + i] = from[i * fromRow + j];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Square(float* from, nint fromRow, float* to, nint toRow)
        {
            Vector128<float> a = Vector128.Load(from), b = Vector128.Load(from + fromRow);
            Vector128<float> c = Vector128.Load(from + 2 * fromRow), d = Vector128.Load(from + 3 * fromRow);
            Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d);
            Sse.MoveLowToHigh(ab, cd).Store(to);
            Sse.MoveHighToLow(cd, ab).Store(to + toRow);
            (ab, cd) = (Sse.UnpackHigh(a, b), Sse.UnpackHigh(c, d));
            Sse.MoveLowToHigh(ab, cd).Store(to + 2 * toRow);
            Sse.MoveHighToLow(cd, ab).Store(to + 3 * toRow);
        }
    }
}
