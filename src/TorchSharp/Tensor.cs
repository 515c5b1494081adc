// A tensor: an owned reference to libtorch's, its lifetime and its properties. The operators are in the other files.
using System;
using System.Threading;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    public static partial class torch
    {
        public sealed unsafe partial class Tensor : IDisposable
        {
            private nint handle;
            private Guard? guard;
            private static long totalCount;

            internal DisposeScope? Scope;
            internal int ScopeSlot;

            /// <summary>Takes over an owned handle; 0 makes an undefined tensor, whose `IsInvalid` is true.</summary>
            internal Tensor(nint handle)
            {
                this.handle = handle;
                Interlocked.Increment(ref totalCount);
                if (DisposeScope.Current is { } scope)
                    scope.Add(this);
                else
                    Outside();
            }

            /// <summary>
            /// Releases a tensor that no scope holds once nothing refers to it. Apart from the tensor, because objects with
            /// finalizers cost several times as much to make, and most tensors live and die in a scope.
            /// </summary>
            private sealed class Guard(nint handle)
            {
                ~Guard() => Free(handle);
            }

            /// <summary>Puts the tensor into a scope, which releases it from then on.</summary>
            internal void Inside(DisposeScope scope, int slot)
            {
                (Scope, ScopeSlot) = (scope, slot);
                Unguard();
            }

            /// <summary>The tensor is in no scope any more.</summary>
            internal void Outside()
            {
                Scope = null;
                if (handle != 0) guard = new Guard(handle);
            }

            private void Unguard()
            {
                if (guard is null) return;
                GC.SuppressFinalize(guard);
                guard = null;
            }

            public void Dispose()
            {
                Scope?.Remove(this);
                Release();
            }

            /// <summary>Frees libtorch's tensor.</summary>
            internal void Release()
            {
                Scope = null;
                Unguard();
                var owned = handle;
                handle = 0;
                if (owned != 0) Free(owned);
            }

            private static void Free(nint owned)
            {
                Interlocked.Decrement(ref totalCount);
                mk_tensor_release(owned);
            }

            /// <summary>Tensors alive, of all threads.</summary>
            public static long TotalCount => Interlocked.Read(ref totalCount);

            /// <summary>True once it is disposed, and for a gradient that does not exist.</summary>
            public bool IsInvalid => handle == 0;

            public IntPtr Handle =>
                handle != 0 ? handle : throw new InvalidOperationException("Tensor invalid -- empty handle.");

            public Tensor MoveToOuterDisposeScope()
            {
                Scope?.MoveToOuter(this);
                return this;
            }

            public Tensor DetachFromDisposeScope()
            {
                Scope?.Detach(this);
                return this;
            }

            public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.Scope);

            public Tensor MoveToOtherDisposeScope(DisposeScope? other)
            {
                if (other is null) return DetachFromDisposeScope();
                other.Attach(this);
                return this;
            }

            private long Query(TensorQuery what)
            {
                var answer = mk_tensor_query(Handle, what);
                GC.KeepAlive(this);
                return answer;
            }

            public long Dimensions => Query(TensorQuery.Dim);
            public long dim() => Dimensions;
            public long ndim => Dimensions;
            public long NumberOfElements => Query(TensorQuery.Numel);
            public long numel() => NumberOfElements;
            public long ElementSize => Query(TensorQuery.ItemSize);
            public long element_size() => ElementSize;
            public ScalarType dtype => (ScalarType)Query(TensorQuery.Dtype);
            public DeviceType device_type => (DeviceType)Query(TensorQuery.DeviceType);
            public int device_index => (int)Query(TensorQuery.DeviceIndex);
            public Device device => device_type == DeviceType.CPU ? CPU : new Device(device_type, device_index);
            public bool is_cuda => device_type == DeviceType.CUDA;
            public bool is_cpu() => device_type == DeviceType.CPU;
            public bool is_leaf => Query(TensorQuery.IsLeaf) != 0;
            public bool is_integral() => torch.is_integral(dtype);
            public bool is_floating_point() => torch.is_floating_point(dtype);
            public bool is_complex() => torch.is_complex(dtype);
            public bool is_contiguous() => Query(TensorQuery.Contiguous) != 0;
            public long storage_offset() => Query(TensorQuery.Offset);

            public long[] shape
            {
                get {
                    var sizes = new long[Dimensions];
                    fixed (long* p = sizes) mk_tensor_layout(handle, p, null);
                    GC.KeepAlive(this);
                    return sizes;
                }
            }

            public long[] size() => shape;

            public long size(int dim) => shape[dim < 0 ? dim + (int)Dimensions : dim];

            public long[] stride()
            {
                var strides = new long[Dimensions];
                fixed (long* p = strides) mk_tensor_layout(handle, null, p);
                GC.KeepAlive(this);
                return strides;
            }

            public long stride(int dim) => stride()[dim < 0 ? dim + (int)Dimensions : dim];

            public bool requires_grad
            {
                get => Query(TensorQuery.RequiresGrad) != 0;
                set => requires_grad_(value);
            }

            public Tensor requires_grad_(bool requires_grad = true) => Op.InPlace("requires_grad_", this, requires_grad);

            public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

            public void retain_grad() => Op.InPlace("retain_grad", this);

            /// <summary>The gradient that backward passes accumulated, null where there is none.</summary>
            public Tensor? grad
            {
                get {
                    nint found;
                    Check(mk_tensor_grad(Handle, &found));
                    GC.KeepAlive(this);
                    return found == 0 ? null : new Tensor(found);
                }
                set {
                    Check(mk_tensor_set_grad(Handle, value?.Handle ?? 0));
                    GC.KeepAlive(this);
                    GC.KeepAlive(value);
                }
            }

            /// <summary>Another managed reference to the same tensor.</summary>
            internal Tensor Share()
            {
                var shared = new Tensor(mk_tensor_share(Handle));
                GC.KeepAlive(this);
                return shared;
            }

            public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

            /// <summary>Whether both have the same shape and elements.</summary>
            public bool Equals(Tensor target) => Op.CallScalar("equal", this, target).ToBoolean();

            public override int GetHashCode() => base.GetHashCode();

            /// <summary>Shape, type and device, and the value of a tensor with one element.</summary>
            public override string ToString()
            {
                if (IsInvalid) return "(disposed tensor)";
                var text = $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";
                return numel() == 1 && !is_complex() ? $"{text}, value = {this.ToScalar().ToDouble()}" : text;
            }
        }
    }
}
