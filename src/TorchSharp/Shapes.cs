// Operators that view, join, split, reorder or copy without computing, and the conversions of type and device.
using System;
using System.Collections.Generic;
using System.Linq;

namespace TorchSharp
{
    public static partial class torch
    {
        public sealed partial class Tensor
        {
            // Views
            public Tensor view(params long[] shape) => Op.Call("view", this, shape);
            public Tensor view_as(Tensor other) => view(other.shape);
            public Tensor reshape(params long[] shape) => Op.Call("reshape", this, shape);
            public Tensor flatten(long start_dim = 0, long end_dim = -1) =>
                Op.Call("flatten.using_ints", this, start_dim, end_dim);
            public Tensor unflatten(long dim, params long[] sizes) => Op.Call("unflatten.int", this, dim, sizes);
            public Tensor permute(params long[] permutation) => Op.Call("permute", this, permutation);
            public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());
            public Tensor transpose(long dim0, long dim1) => Op.Call("transpose.int", this, dim0, dim1);
            public Tensor swapaxes(long dim0, long dim1) => transpose(dim0, dim1);
            public Tensor movedim(long[] source, long[] destination) =>
                Op.Call("movedim.intlist", this, source, destination);
            public Tensor t() => Op.Call("t", this);
            public Tensor T => permute(Enumerable.Range(0, (int)ndim).Reverse().Select(i => (long)i));
            public Tensor mT => transpose(-2, -1);
            public Tensor squeeze(long? dim = null) =>
                dim is { } d ? Op.Call("squeeze.dim", this, d) : Op.Call("squeeze", this);
            public Tensor unsqueeze(long dim) => Op.Call("unsqueeze", this, dim);
            public Tensor expand(params long[] sizes) => Op.Call("expand", this, sizes);
            public Tensor expand(long[] sizes, bool isImplicit = false) => Op.Call("expand", this, sizes, isImplicit);
            public Tensor expand_as(Tensor other) => expand(other.shape);
            public Tensor broadcast_to(params long[] shape) => Op.Call("broadcast_to", this, shape);
            public Tensor narrow(long dim, long start, long length) => Op.Call("narrow", this, dim, start, length);
            public Tensor slice(long dim, long start, long finish, long step) =>
                Op.Call("slice.Tensor", this, dim, start, finish, step);
            public Tensor select(long dim, long index) => Op.Call("select.int", this, dim, index);
            public Tensor diagonal(long offset = 0L, long dim1 = 0L, long dim2 = 1L) =>
                Op.Call("diagonal", this, offset, dim1, dim2);
            public Tensor unfold(long dimension, long size, long step) => Op.Call("unfold", this, dimension, size, step);
            public Tensor alias() => Op.Call("alias", this);
            public Tensor detach() => Op.Call("detach", this);
            public Tensor detach_() => Op.InPlace("detach_", this);
            public Tensor[] split(long size, int dim = 0) => Op.CallList("split.Tensor", this, size, (long)dim);
            public Tensor[] split(long[] sizes, long dim = 0) => Op.CallList("split_with_sizes", this, sizes, dim);
            public Tensor[] chunk(long chunks, long dim = 0L) => Op.CallList("chunk", this, chunks, dim);
            public Tensor[] unbind(long dimension = 0L) => Op.CallList("unbind.int", this, dimension);

            // Copies
            public Tensor contiguous() => Op.Call("contiguous", this);
            public Tensor clone() => Op.Call("clone", this);
            public Tensor copy_(Tensor source, bool nonBlocking = false) =>
                Op.InPlace("copy_", this, source, nonBlocking);
            public Tensor repeat(params long[] sizes) => Op.Call("repeat", this, sizes);
            public Tensor tile(long[] reps) => Op.Call("tile", this, reps);
            public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) =>
                Op.Call("repeat_interleave.self_Tensor", this, repeats, dim, output_size);
            public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) =>
                Op.Call("repeat_interleave.self_int", this, repeats, dim, output_size);
            public Tensor flip(params long[] dims) => Op.Call("flip", this, dims);
            public Tensor roll(long shifts, long? dims = null) =>
                Op.Call("roll", this, new[] { shifts }, dims is { } d ? new[] { d } : Array.Empty<long>());
            public Tensor roll(long[] shifts, long[] dims) => Op.Call("roll", this, shifts, dims);
            public Tensor tril(long diagonal = 0) => Op.Call("tril", this, diagonal);
            public Tensor triu(long diagonal = 0) => Op.Call("triu", this, diagonal);
            public Tensor diag(long diagonal = 0) => Op.Call("diag", this, diagonal);
            public Tensor diag_embed(long offset = 0L, long dim1 = -2L, long dim2 = -1L) =>
                Op.Call("diag_embed", this, offset, dim1, dim2);

            // Conversions
            private Tensor Convert(ScalarType? type, Device? device, bool copy, bool disposeAfter, bool nonBlocking)
            {
                var converted = Op.Call("to.dtype_layout", this, type, default, device, default, nonBlocking, copy);
                if (disposeAfter) Dispose();
                return converted;
            }

            public Tensor to_type(
                ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
                Convert(type, null, copy, disposeAfter, non_blocking);
            public Tensor to(
                DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false,
                bool non_blocking = false) =>
                Convert(null, InitializeDevice(new(deviceType, deviceIndex)), copy, disposeAfter, non_blocking);
            public Tensor to(
                ScalarType type, Device device, bool copy = false, bool disposeAfter = false,
                bool non_blocking = false) =>
                Convert(type, InitializeDevice(device), copy, disposeAfter, non_blocking);
            public Tensor to(
                ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
                to_type(type, copy, disposeAfter, non_blocking);
            public Tensor to(
                string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
                to(new Device(device), copy, disposeAfter, non_blocking);
            public Tensor to(
                Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
                Convert(null, InitializeDevice(device), copy, disposeAfter, non_blocking);
            public Tensor to(Tensor other, bool non_blocking = false) =>
                Convert(other.dtype, other.device, false, false, non_blocking);
            public Tensor type(ScalarType dtype) => to_type(dtype);
            public Tensor type_as(Tensor tensor) => to_type(tensor.dtype);
            public Tensor cpu() => to(CPU);
            public Tensor cuda(Device? device = null, bool non_blocking = false) =>
                to(device ?? CUDA, non_blocking: non_blocking);
        }

        public static Tensor cat(IList<Tensor> tensors, long dim = 0) => Op.Call("cat", tensors.ToArray(), dim);
        public static Tensor cat(Tensor[] tensors, long dim = 0) => Op.Call("cat", tensors, dim);
        public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);
        public static Tensor concat(Tensor[] tensors, long dim = 0) => cat(tensors, dim);
        public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) =>
            Op.Call("stack", tensors.ToArray(), dim);
        public static Tensor hstack(params Tensor[] tensors) => Op.Call("hstack", tensors);
        public static Tensor vstack(Tensor[] tensors) => Op.Call("vstack", tensors);
        public static Tensor[] meshgrid(IEnumerable<Tensor> tensors, string indexing = "ij") =>
            Op.CallList("meshgrid.indexing", tensors.ToArray(), indexing);
        public static Tensor[] split(Tensor tensor, long[] split_size_or_sections, long dim = 0L) =>
            tensor.split(split_size_or_sections, dim);
        public static Tensor[] chunk(Tensor input, long chunks, long dim = 0) => input.chunk(chunks, dim);
        public static Tensor[] unbind(Tensor input, long dim = 0L) => input.unbind(dim);

        public static Tensor reshape(Tensor input, params long[] shape) => input.reshape(shape);
        public static Tensor flatten(Tensor input, long start_dim = 0, long end_dim = -1) =>
            input.flatten(start_dim, end_dim);
        public static Tensor permute(Tensor input, params long[] permutation) => input.permute(permutation);
        public static Tensor transpose(Tensor input, long dim0, long dim1) => input.transpose(dim0, dim1);
        public static Tensor t(Tensor input) => input.t();
        public static Tensor squeeze(Tensor input, long? dim = null) => input.squeeze(dim);
        public static Tensor unsqueeze(Tensor input, long dim) => input.unsqueeze(dim);
        public static Tensor broadcast_to(Tensor input, params long[] shape) => input.broadcast_to(shape);
        public static Tensor narrow(Tensor input, long dim, long start, long length) => input.narrow(dim, start, length);
        public static Tensor select(Tensor input, long dim, long index) => input.select(dim, index);
        public static Tensor diagonal(Tensor input, long offset = 0L, long dim1 = 0L, long dim2 = 1L) =>
            input.diagonal(offset, dim1, dim2);
        public static Tensor clone(Tensor input) => input.clone();
        public static Tensor tile(Tensor input, long[] dims) => input.tile(dims);
        public static Tensor repeat_interleave(
            Tensor input, Tensor repeats, long? dim = null, long? output_size = null) =>
            input.repeat_interleave(repeats, dim, output_size);
        public static Tensor repeat_interleave(
            Tensor input, long repeats, long? dim = null, long? output_size = null) =>
            input.repeat_interleave(repeats, dim, output_size);
        public static Tensor flip(Tensor input, params long[] dims) => input.flip(dims);
        public static Tensor roll(Tensor input, long shifts, long? dims = null) => input.roll(shifts, dims);
        public static Tensor roll(Tensor input, long[] shifts, long[] dims) => input.roll(shifts, dims);
        public static Tensor tril(Tensor input, long diagonal = 0) => input.tril(diagonal);
        public static Tensor triu(Tensor input, long diagonal = 0L) => input.triu(diagonal);
        public static Tensor diag(Tensor input, long diagonal = 0) => input.diag(diagonal);
        public static Tensor diag_embed(Tensor input, long offset = 0L, long dim1 = -2L, long dim2 = -1L) =>
            input.diag_embed(offset, dim1, dim2);
    }
}
