// Products of small matrices, in vectors of 512 bits.
using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetaKan.Kernels
{
    internal static unsafe class Products<T> where T : unmanaged
    {
        internal static int Lanes => Vector512<T>.Count;

        /// <summary>A length filled up to whole vectors.</summary>
        internal static int Padded(int length) => (length + Lanes - 1) / Lanes * Lanes;

        /// <summary>c = a·b, for a [m, k] of any strides, b [k, n] and c [m, n] with rows of whole vectors.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal static void Multiply(
            T* a, nint aRow, nint aColumn, T* b, nint bRow, T* c, nint cRow, int m, int n, int k)
        {
            for (var j = 0; j < n; j += 2 * Lanes) {
                // An odd last vector is computed twice.
                var next = j + Lanes < n ? Lanes : 0;
                var i = 0;
                for (; i < m - 4; i += 8)
                    Eight(a + i * aRow, aRow, aColumn, b + j, b + j + next, bRow, c + i * cRow + j, next, cRow, Math.Min(8, m - i) - 1, k);
                if (i < m)
                    Four(a + i * aRow, aRow, aColumn, b + j, b + j + next, bRow, c + i * cRow + j, next, cRow, m - i - 1, k);
            }
        }

        // Rows 0 … last of the result; rows beyond the last repeat it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Eight(
            T* a, nint aRow, nint aColumn, T* b, T* b1, nint bRow, T* c, int next, nint cRow, int last, int k)
        {
            T* a0 = a, a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow, a3 = a + Math.Min(3, last) * aRow;
            T* a4 = a + Math.Min(4, last) * aRow, a5 = a + Math.Min(5, last) * aRow;
            T* a6 = a + Math.Min(6, last) * aRow, a7 = a + Math.Min(7, last) * aRow;
            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            Vector512<T> t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default, t6 = default, t7 = default;
            nint at = 0;
            for (var l = 0; l < k; l++, at += aColumn, b += bRow, b1 += bRow) {
                Vector512<T> x = Vector512.Load(b), y = Vector512.Load(b1);
                var r = Vector512.Create(a0[at]);
                s0 = Vectors.MultiplyAdd(r, x, s0); t0 = Vectors.MultiplyAdd(r, y, t0);
                r = Vector512.Create(a1[at]);
                s1 = Vectors.MultiplyAdd(r, x, s1); t1 = Vectors.MultiplyAdd(r, y, t1);
                r = Vector512.Create(a2[at]);
                s2 = Vectors.MultiplyAdd(r, x, s2); t2 = Vectors.MultiplyAdd(r, y, t2);
                r = Vector512.Create(a3[at]);
                s3 = Vectors.MultiplyAdd(r, x, s3); t3 = Vectors.MultiplyAdd(r, y, t3);
                r = Vector512.Create(a4[at]);
                s4 = Vectors.MultiplyAdd(r, x, s4); t4 = Vectors.MultiplyAdd(r, y, t4);
                r = Vector512.Create(a5[at]);
                s5 = Vectors.MultiplyAdd(r, x, s5); t5 = Vectors.MultiplyAdd(r, y, t5);
                r = Vector512.Create(a6[at]);
                s6 = Vectors.MultiplyAdd(r, x, s6); t6 = Vectors.MultiplyAdd(r, y, t6);
                r = Vector512.Create(a7[at]);
                s7 = Vectors.MultiplyAdd(r, x, s7); t7 = Vectors.MultiplyAdd(r, y, t7);
            }
            Store(s0, t0, c, next);
            if (last > 0) Store(s1, t1, c += cRow, next);
            if (last > 1) Store(s2, t2, c += cRow, next);
            if (last > 2) Store(s3, t3, c += cRow, next);
            if (last > 3) Store(s4, t4, c += cRow, next);
            if (last > 4) Store(s5, t5, c += cRow, next);
            if (last > 5) Store(s6, t6, c += cRow, next);
            if (last > 6) Store(s7, t7, c + cRow, next);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Four(
            T* a, nint aRow, nint aColumn, T* b, T* b1, nint bRow, T* c, int next, nint cRow, int last, int k)
        {
            T* a0 = a, a1 = a + Math.Min(1, last) * aRow, a2 = a + Math.Min(2, last) * aRow, a3 = a + Math.Min(3, last) * aRow;
            Vector512<T> s0 = default, s1 = default, s2 = default, s3 = default;
            Vector512<T> t0 = default, t1 = default, t2 = default, t3 = default;
            nint at = 0;
            for (var l = 0; l < k; l++, at += aColumn, b += bRow, b1 += bRow) {
                Vector512<T> x = Vector512.Load(b), y = Vector512.Load(b1);
                var r = Vector512.Create(a0[at]);
                s0 = Vectors.MultiplyAdd(r, x, s0); t0 = Vectors.MultiplyAdd(r, y, t0);
                r = Vector512.Create(a1[at]);
                s1 = Vectors.MultiplyAdd(r, x, s1); t1 = Vectors.MultiplyAdd(r, y, t1);
                r = Vector512.Create(a2[at]);
                s2 = Vectors.MultiplyAdd(r, x, s2); t2 = Vectors.MultiplyAdd(r, y, t2);
                r = Vector512.Create(a3[at]);
                s3 = Vectors.MultiplyAdd(r, x, s3); t3 = Vectors.MultiplyAdd(r, y, t3);
            }
            Store(s0, t0, c, next);
            if (last > 0) Store(s1, t1, c += cRow, next);
            if (last > 1) Store(s2, t2, c += cRow, next);
            if (last > 2) Store(s3, t3, c + cRow, next);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store(Vector512<T> s, Vector512<T> t, T* c, int next)
        {
            s.Store(c);
            t.Store(c + next);
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
