// Tensors made from sizes, ranges, values and .NET arrays.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    public static partial class torch
    {
        /// <summary>
        /// Calls a factory operator, whose schema ends in type, layout, device and pinning, and sets `requires_grad`.
        /// Dimension names are not supported.
        /// </summary>
        private static Tensor Make(
            string name, ReadOnlySpan<Arg> args, ScalarType? dtype, Device? device, bool requires_grad, string[]? names)
        {
            if (names is not null) throw new NotSupportedException("named dimensions are not supported");
            var made = Op.Call(name, [.. args, dtype, default, InitializeDevice(device), default]);
            return requires_grad ? made.requires_grad_() : made;
        }

        public static Tensor empty(
            long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty.memory_format", [Sizes(size)], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor empty(
            ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty.memory_format", [Sizes(size.ToArray())], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor empty(
            long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty.memory_format", [Sizes([size])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor empty(
            long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty.memory_format", [Sizes([rows, columns])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor empty(
            long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("empty.memory_format", [Sizes([dim0, dim1, dim2])], dtype ?? default_dtype, device, requires_grad,
                names);
        public static Tensor empty(
            long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("empty.memory_format", [Sizes([dim0, dim1, dim2, dim3])], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor empty(
            int size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty.memory_format", [Sizes([size])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor empty(
            int rows, int columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty.memory_format", [Sizes([rows, columns])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor empty(
            int dim0, int dim1, int dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty.memory_format", [Sizes([dim0, dim1, dim2])], dtype ?? default_dtype, device, requires_grad,
                names);
        public static Tensor empty(
            int dim0, int dim1, int dim2, int dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("empty.memory_format", [Sizes([dim0, dim1, dim2, dim3])], dtype ?? default_dtype, device,
                requires_grad, names);

        public static Tensor zeros(
            long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros", [Sizes(size)], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros", [Sizes(size.ToArray())], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros", [Sizes([size])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros", [Sizes([rows, columns])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("zeros", [Sizes([dim0, dim1, dim2])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("zeros", [Sizes([dim0, dim1, dim2, dim3])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            int size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros", [Sizes([size])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            int rows, int columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros", [Sizes([rows, columns])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            int dim0, int dim1, int dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros", [Sizes([dim0, dim1, dim2])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor zeros(
            int dim0, int dim1, int dim2, int dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("zeros", [Sizes([dim0, dim1, dim2, dim3])], dtype ?? default_dtype, device, requires_grad, names);

        public static Tensor ones(
            long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones", [Sizes(size)], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones", [Sizes(size.ToArray())], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones", [Sizes([size])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones", [Sizes([rows, columns])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("ones", [Sizes([dim0, dim1, dim2])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("ones", [Sizes([dim0, dim1, dim2, dim3])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            int size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones", [Sizes([size])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            int rows, int columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones", [Sizes([rows, columns])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            int dim0, int dim1, int dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones", [Sizes([dim0, dim1, dim2])], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor ones(
            int dim0, int dim1, int dim2, int dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("ones", [Sizes([dim0, dim1, dim2, dim3])], dtype ?? default_dtype, device, requires_grad, names);

        public static Tensor full(
            long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("full", [Sizes(size), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            ReadOnlySpan<long> size, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("full", [Sizes(size.ToArray()), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            long size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("full", [Sizes([size]), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            long rows, long columns, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("full", [Sizes([rows, columns]), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            long dim0, long dim1, long dim2, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("full", [Sizes([dim0, dim1, dim2]), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            long dim0, long dim1, long dim2, long dim3, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("full", [Sizes([dim0, dim1, dim2, dim3]), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            int size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("full", [Sizes([size]), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            int rows, int columns, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("full", [Sizes([rows, columns]), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            int dim0, int dim1, int dim2, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("full", [Sizes([dim0, dim1, dim2]), value], dtype ?? TypeOf(value), device, requires_grad, names);
        public static Tensor full(
            int dim0, int dim1, int dim2, int dim3, Scalar value, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            Make("full", [Sizes([dim0, dim1, dim2, dim3]), value], dtype ?? TypeOf(value), device, requires_grad, names);

        private static Arg Sizes(long[] sizes) => sizes;

        /// <summary>The type of a tensor of these values: Int64 for whole numbers, else the default one.</summary>
        private static ScalarType TypeOf(params ReadOnlySpan<Scalar> values)
        {
            foreach (var value in values)
                if (!is_integral(value.Type)) return default_dtype;
            return ScalarType.Int64;
        }

        public static Tensor empty_like(
            Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("empty_like", [input], dtype, device ?? input.device, requires_grad, names);
        public static Tensor zeros_like(
            Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("zeros_like", [input], dtype, device ?? input.device, requires_grad, names);
        public static Tensor ones_like(
            Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("ones_like", [input], dtype, device ?? input.device, requires_grad, names);
        public static Tensor full_like(
            Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("full_like", [input, value], dtype, device ?? input.device, requires_grad, names);

        public static Tensor arange(
            Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            Make("arange.start_step", [start, stop, step], dtype ?? TypeOf(start, stop, step), device, requires_grad, null);
        public static Tensor arange(
            Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Make("arange.start", [start, stop], dtype ?? TypeOf(start, stop), device, requires_grad, null);
        public static Tensor arange(
            Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Make("arange", [stop], dtype ?? TypeOf(stop), device, requires_grad, null);
        public static Tensor linspace(
            double start, double end, long steps, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            Make("linspace", [start, end, steps], dtype ?? default_dtype, device, requires_grad, null);
        public static Tensor logspace(
            double start, double end, long steps, double @base = 10, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false) =>
            Make("logspace", [start, end, steps, @base], dtype ?? default_dtype, device, requires_grad, null);
        public static Tensor eye(
            long rows, long columns = -1L, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            Make("eye.m", [rows, columns < 0 ? rows : columns], dtype ?? default_dtype, device, requires_grad, names);

        // From .NET values

        /// <summary>A tensor with a copy of the elements, on the CPU first, then converted and moved.</summary>
        private static unsafe Tensor FromBytes(
            ReadOnlySpan<byte> bytes, ScalarType type, long[] sizes, ScalarType? dtype, Device? device,
            bool requires_grad, string[]? names)
        {
            device = InitializeDevice(device);
            var made = Make("empty.memory_format", [sizes], type, CPU, false, names);
            if (made.numel() * made.element_size() != bytes.Length)
                throw new ArgumentException($"mismatched total size creating a tensor from an array: {string.Join('x',
                    sizes)}");
            bytes.CopyTo(made.Memory());
            if ((dtype ?? type) != type || device.type != DeviceType.CPU)
                made = made.to(dtype ?? type, device, disposeAfter: true);
            return requires_grad ? made.requires_grad_() : made;
        }

        private static Tensor FromElements<T>(
            ReadOnlySpan<T> elements, ScalarType type, long[] sizes, ScalarType? dtype, Device? device,
            bool requires_grad, string[]? names) where T : unmanaged =>
            FromBytes(MemoryMarshal.AsBytes(elements), type, sizes, dtype, device, requires_grad, names);

        /// <summary>The elements of a rectangular array, row by row.</summary>
        private static ReadOnlySpan<T> Elements<T>(Array array) where T : unmanaged =>
            MemoryMarshal.CreateReadOnlySpan(
                ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(array)), array.Length);

        public static Tensor tensor(float scalar, Device? device = null, bool requires_grad = false) =>
            FromElements([scalar], ScalarType.Float32, [], null, device, requires_grad, null);
        public static Tensor tensor(
            float[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<float>(rawArray, ScalarType.Float32, [rawArray.LongLength], dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            float[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<float>(rawArray, ScalarType.Float32, dimensions.ToArray(), dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            IList<float> rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<float>(rawArray.ToArray(), ScalarType.Float32, dimensions.ToArray(), dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            IList<float> rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<float>(rawArray.ToArray(), ScalarType.Float32, [rawArray.Count], dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            float[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<float>(rawArray), ScalarType.Float32, Lengths(rawArray), dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            float[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<float>(rawArray), ScalarType.Float32, Lengths(rawArray), dtype, device,
                requires_grad, names);

        public static Tensor tensor(
            double scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            FromElements([scalar], ScalarType.Float64, [], dtype, device, requires_grad, null);
        public static Tensor tensor(
            double[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<double>(rawArray, ScalarType.Float64, [rawArray.LongLength], dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            double[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<double>(rawArray, ScalarType.Float64, dimensions.ToArray(), dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            IList<double> rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<double>(rawArray.ToArray(), ScalarType.Float64, [rawArray.Count], dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            double[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<double>(rawArray), ScalarType.Float64, Lengths(rawArray), dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            double[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<double>(rawArray), ScalarType.Float64, Lengths(rawArray), dtype, device,
                requires_grad, names);

        public static Tensor tensor(
            long scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            FromElements([scalar], ScalarType.Int64, [], dtype, device, requires_grad, null);
        public static Tensor tensor(
            long[] dataArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<long>(dataArray, ScalarType.Int64, [dataArray.LongLength], dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            long[] dataArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<long>(dataArray, ScalarType.Int64, dimensions.ToArray(), dtype, device, requires_grad, names);
        public static Tensor tensor(
            IList<long> rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<long>(rawArray.ToArray(), ScalarType.Int64, dimensions.ToArray(), dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            IList<long> rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<long>(rawArray.ToArray(), ScalarType.Int64, [rawArray.Count], dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            long[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<long>(rawArray), ScalarType.Int64, Lengths(rawArray), dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            long[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<long>(rawArray), ScalarType.Int64, Lengths(rawArray), dtype, device, requires_grad,
                names);

        public static Tensor tensor(int scalar, Device? device = null, bool requires_grad = false) =>
            FromElements([scalar], ScalarType.Int32, [], null, device, requires_grad, null);
        public static Tensor tensor(
            IList<int> rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<int>(rawArray.ToArray(), ScalarType.Int32, dimensions.ToArray(), dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            IList<int> rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<int>(rawArray.ToArray(), ScalarType.Int32, [rawArray.Count], dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            int[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<int>(rawArray), ScalarType.Int32, Lengths(rawArray), dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            int[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<int>(rawArray), ScalarType.Int32, Lengths(rawArray), dtype, device, requires_grad,
                names);

        public static Tensor tensor(
            bool scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            FromElements([scalar], ScalarType.Bool, [], dtype, device, requires_grad, null);
        public static Tensor tensor(
            bool[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<bool>(rawArray, ScalarType.Bool, [rawArray.LongLength], dtype, device, requires_grad, names);
        public static Tensor tensor(
            bool[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<bool>(rawArray, ScalarType.Bool, dimensions.ToArray(), dtype, device, requires_grad, names);
        public static Tensor tensor(
            IList<bool> rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, string[]? names = null) =>
            FromElements<bool>(rawArray.ToArray(), ScalarType.Bool, dimensions.ToArray(), dtype, device,
                requires_grad, names);
        public static Tensor tensor(
            IList<bool> rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements<bool>(rawArray.ToArray(), ScalarType.Bool, [rawArray.Count], dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            bool[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<bool>(rawArray), ScalarType.Bool, Lengths(rawArray), dtype, device, requires_grad,
                names);
        public static Tensor tensor(
            bool[,,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            string[]? names = null) =>
            FromElements(Elements<bool>(rawArray), ScalarType.Bool, Lengths(rawArray), dtype, device, requires_grad,
                names);

        private static long[] Lengths(Array array) =>
            Enumerable.Range(0, array.Rank).Select(array.GetLongLength).ToArray();
    }
}
