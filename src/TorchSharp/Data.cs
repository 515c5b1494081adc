// Reading and writing the elements of a tensor in the machine's memory.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using TorchSharp.Utils;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    public static partial class torch
    {
        public sealed unsafe partial class Tensor
        {
            internal nint DataPointer()
            {
                if (device_type != DeviceType.CPU)
                    throw new InvalidOperationException(
                        "Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
                nint data;
                Check(mk_tensor_data(Handle, &data));
                return data;
            }

            /// <summary>The memory of a contiguous CPU tensor: valid while the tensor lives.</summary>
            internal Span<byte> Memory()
            {
                if (!is_contiguous())
                    throw new InvalidOperationException("The bytes of a non-contiguous tensor cannot be read or written.");
                return new Span<byte>((void*)DataPointer(), checked((int)(numel() * element_size())));
            }

            public Span<byte> bytes
            {
                get => Memory();
                set {
                    var memory = Memory();
                    if (memory.Length != value.Length) throw new ArgumentException("Mismatched data sizes in SetBytes().");
                    value.CopyTo(memory);
                }
            }

            public TensorAccessor<T> data<T>() where T : unmanaged
            {
                Require<T>();
                return new TensorAccessor<T>(device_type == DeviceType.CPU ? this : cpu());
            }

            public T item<T>() where T : unmanaged
            {
                if (numel() != 1) throw new ArgumentException("Number of elements in the tensor must be 1");
                return data<T>()[0];
            }

            private void Require<T>()
            {
                var type = dtype;
                var fits = type switch {
                    ScalarType.Byte => typeof(T) == typeof(byte),
                    ScalarType.Int8 => typeof(T) == typeof(sbyte),
                    ScalarType.Int16 => typeof(T) == typeof(short),
                    ScalarType.Int32 => typeof(T) == typeof(int),
                    ScalarType.Int64 => typeof(T) == typeof(long),
                    ScalarType.Bool => typeof(T) == typeof(bool),
                    ScalarType.Float16 => typeof(T) == typeof(Half),
                    ScalarType.Float32 => typeof(T) == typeof(float),
                    ScalarType.Float64 => typeof(T) == typeof(double),
                    _ => false
                };
                if (!fits) throw new ArgumentException($"{typeof(T).Name} is not compatible with {type}");
            }

            public Scalar ToScalar() => Op.CallScalar("item", this);

            public double ReadCpuDouble(long i) => data<double>().ToArray()[i];
        }
    }

    public static class TensorExtensionMethods
    {
        public static float ToSingle(this torch.Tensor value) => value.ToScalar().ToSingle();
        public static double ToDouble(this torch.Tensor value) => value.ToScalar().ToDouble();
        public static sbyte ToSByte(this torch.Tensor value) => value.ToScalar().ToSByte();
        public static byte ToByte(this torch.Tensor value) => value.ToScalar().ToByte();
        public static short ToInt16(this torch.Tensor value) => value.ToScalar().ToInt16();
        public static int ToInt32(this torch.Tensor value) => value.ToScalar().ToInt32();
        public static long ToInt64(this torch.Tensor value) => value.ToScalar().ToInt64();
        public static bool ToBoolean(this torch.Tensor value) => value.ToScalar().ToBoolean();
    }

    namespace Utils
    {
        /// <summary>The elements of a CPU tensor in the order of its shape, whatever its strides.</summary>
        public sealed unsafe class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
        {
            private readonly torch.Tensor tensor;
            private readonly long[] shape;
            private readonly long[] strides;
            private readonly T* start;
            private readonly bool contiguous;

            internal TensorAccessor(torch.Tensor tensor)
            {
                this.tensor = tensor;
                (shape, strides) = (tensor.shape, tensor.stride());
                contiguous = tensor.is_contiguous();
                start = (T*)tensor.DataPointer();
                Count = tensor.numel();
            }

            public long Count { get; }

            public bool IsReadOnly => false;

            public T[] ToArray()
            {
                var elements = new T[Count];
                CopyTo(elements);
                return elements;
            }

            public T this[params long[] indices]
            {
                get => *At(indices);
                set => *At(indices) = value;
            }

            private T* At(long[] indices)
            {
                if (indices.Length == 1) {
                    if ((ulong)indices[0] >= (ulong)Count) throw new IndexOutOfRangeException();
                    return start + Offset(indices[0]);
                }
                long offset = 0;
                for (var i = 0; i < shape.Length; i++) {
                    if ((ulong)indices[i] >= (ulong)shape[i])
                        throw new IndexOutOfRangeException($"{indices[i]} >= {shape[i]} in dimension {i}.");
                    offset += indices[i] * strides[i];
                }
                return start + offset;
            }

            /// <summary>Where the element of a flat index lies.</summary>
            private long Offset(long flat)
            {
                if (contiguous) return flat;
                long offset = 0;
                for (var i = shape.Length - 1; i >= 0; i--) {
                    (flat, var index) = Math.DivRem(flat, shape[i]);
                    offset += index * strides[i];
                }
                return offset;
            }

            public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) =>
                CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

            public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
            {
                var n = (int)Math.Min(array.Length - arrayIndex, Count - tensorIndex);
                if (contiguous)
                    new Span<T>(start + tensorIndex, n).CopyTo(array[arrayIndex..]);
                else
                    for (var i = 0; i < n; i++) array[arrayIndex + i] = start[Offset(tensorIndex + i)];
                GC.KeepAlive(tensor);
            }

            public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) =>
                CopyFrom((ReadOnlySpan<T>)array, arrayIndex, tensorIndex);

            public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
            {
                var n = (int)Math.Min(array.Length - arrayIndex, Count - tensorIndex);
                for (var i = 0; i < n; i++) start[Offset(tensorIndex + i)] = array[arrayIndex + i];
                GC.KeepAlive(tensor);
            }

            public IEnumerator<T> GetEnumerator()
            {
                for (long i = 0; i < Count; i++) yield return this[i];
            }

            IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

            /// <summary>Nothing to release: the memory is the tensor's.</summary>
            public void Dispose() { }
        }
    }
}
