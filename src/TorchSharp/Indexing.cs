// Indexing with numbers, slices, masks and index tensors, and the operators that gather and scatter.
using System;
using System.Collections.Generic;
using System.Linq;

namespace TorchSharp
{
    public static partial class torch
    {
        /// <summary>One position of an index expression.</summary>
        public struct TensorIndex
        {
            internal enum Kind { None, Single, Null, Ellipsis, Bool, Tensor, Slice }

            internal long? startIndexOrBoolOrSingle;
            internal long? stopIndex;
            internal long? step;
            internal Kind kind;
            internal Tensor? tensor;

            public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
                new() { startIndexOrBoolOrSingle = start, stopIndex = stop, step = step, kind = Kind.Slice };
            public static TensorIndex Slice((int? start, int? end) range) => Slice(range.start, range.end);
            public static TensorIndex Slice(Range range) => Slice(FromEnd(range.Start), FromEnd(range.End, atEnd: null));
            public static TensorIndex Bool(bool value) => new() { startIndexOrBoolOrSingle = value ? 1 : 0, kind = Kind.Bool };
            public static TensorIndex Single(long? index) => new() { startIndexOrBoolOrSingle = index, kind = Kind.Single };
            public static TensorIndex Tensor(Tensor tensor) => new() { tensor = tensor, kind = Kind.Tensor };

            public static TensorIndex Ellipsis = new() { kind = Kind.Ellipsis };
            public static TensorIndex None = new() { kind = Kind.None };
            public static TensorIndex Null = new() { kind = Kind.Null };
            public static TensorIndex Colon = Slice();

            public static implicit operator TensorIndex(long value) => Single(value);
            public static implicit operator TensorIndex((int? start, int? end) range) => Slice(range);
            public static implicit operator TensorIndex(Range range) => Slice(range);
            public static implicit operator TensorIndex(Index index) => Single(FromEnd(index));

            private static long? FromEnd(Index index, long? atEnd = 0) =>
                !index.IsFromEnd ? index.Value : index.Value == 0 ? atEnd : -index.Value;
        }

        public sealed partial class Tensor
        {
            public Tensor this[params TensorIndex[] indices]
            {
                get => index(indices);
                set => index_put_(value, indices);
            }

            public Tensor this[params Tensor[] indices]
            {
                get => index(indices);
                set => index_put_(value, indices);
            }

            public Tensor this[long i1]
            {
                get => select(0, i1);
                set => index_put_(value, [i1]);
            }

            public Tensor this[long i1, long i2]
            {
                get => index([i1, i2]);
                set => index_put_(value, [i1, i2]);
            }

            public Tensor this[long i1, long i2, long i3]
            {
                get => index([i1, i2, i3]);
                set => index_put_(value, [i1, i2, i3]);
            }

            public Tensor index(params TensorIndex[] indices)
            {
                var view = View(indices, out var advanced);
                if (advanced is null) return view;
                var picked = Op.Call("index.Tensor", view, Arg.OptionalTensors(advanced));
                Drop(view, advanced, indices);
                return picked;
            }

            public Tensor index(params Tensor[] indices) => index(indices.Select(TensorIndex.Tensor).ToArray());

            public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, false);

            public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
            {
                var view = View(indices, out var advanced);
                if (advanced is not null)
                    Op.InPlace("index_put_", view, Arg.OptionalTensors(advanced), value, accumulate);
                else if (accumulate)
                    view.add_(value);
                else
                    view.copy_(value);
                Drop(view, advanced, indices);
                return this;
            }

            public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, indices, false);

            public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
                index_put_(value, indices.Select(TensorIndex.Tensor).ToArray(), accumulate);

            public Tensor index_put_(Scalar value, params TensorIndex[] indices)
            {
                using var filled = Op.Call("full", Array.Empty<long>(), value, dtype, default, device);
                return index_put_(filled, indices);
            }

            /// <summary>
            /// The view that the basic indices (numbers, slices, new axes) select, and where there are masks or index
            /// tensors, these by the view's dimensions, null meaning "all of it".
            /// </summary>
            private Tensor View(TensorIndex[] indices, out Tensor?[]? advanced)
            {
                var view = alias();
                var picks = new List<Tensor?>();
                var ellipses = indices.Count(i => i.kind is TensorIndex.Kind.Ellipsis);
                var taken = indices.Sum(Taken);
                if (ellipses > 1) throw new ArgumentException("an index can have one ellipsis only");
                if (taken > ndim)
                    throw new ArgumentException($"{taken} indices for a tensor of {ndim} dimensions");
                var dim = 0;
                foreach (var i in indices) {
                    switch (i.kind) {
                    case TensorIndex.Kind.Single:
                        Replace(v => v.select(dim, i.startIndexOrBoolOrSingle!.Value));
                        break;
                    case TensorIndex.Kind.Slice:
                        Replace(v => Op.Call(
                            "slice.Tensor", v, (long)dim, i.startIndexOrBoolOrSingle, i.stopIndex, i.step ?? 1L));
                        Skip(1);
                        break;
                    case TensorIndex.Kind.Null or TensorIndex.Kind.None:
                        Replace(v => v.unsqueeze(dim));
                        Skip(1);
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        Skip((int)(ndim - taken));
                        break;
                    case TensorIndex.Kind.Bool:
                        Replace(v => v.unsqueeze(dim));
                        Pick(torch.tensor(new[] { i.startIndexOrBoolOrSingle == 1 }, device: device), 1);
                        break;
                    case TensorIndex.Kind.Tensor:
                        Pick(i.tensor!, Taken(i));
                        break;
                    }
                }
                advanced = picks.Any(p => p is not null) ? picks.ToArray() : null;
                return view;

                void Replace(Func<Tensor, Tensor> change)
                {
                    using var previous = view;
                    view = change(previous);
                }

                void Skip(int dims)
                {
                    for (var k = 0; k < dims; k++) picks.Add(null);
                    dim += dims;
                }

                void Pick(Tensor pick, int dims)
                {
                    picks.Add(pick);
                    dim += dims;
                }
            }

            /// <summary>How many of the tensor's dimensions an index uses up; a mask uses as many as it has.</summary>
            private static int Taken(TensorIndex index) => index.kind switch {
                TensorIndex.Kind.Single or TensorIndex.Kind.Slice => 1,
                TensorIndex.Kind.Tensor =>
                    index.tensor!.dtype is ScalarType.Bool or ScalarType.Byte ? (int)index.tensor.ndim : 1,
                _ => 0
            };

            /// <summary>Releases what `View` made, leaving the caller's own index tensors alone.</summary>
            private static void Drop(Tensor view, Tensor?[]? advanced, TensorIndex[] indices)
            {
                view.Dispose();
                foreach (var pick in advanced ?? [])
                    if (pick is not null && !indices.Any(i => ReferenceEquals(i.tensor, pick))) pick.Dispose();
            }

            public Tensor index_select(long dim, Tensor index) => Op.Call("index_select", this, dim, index);
            public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) =>
                Op.Call("index_add", this, dim, index, source, alpha);
            public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) =>
                Op.InPlace("index_add_", this, dim, index, source, alpha);
            public Tensor index_copy(long dim, Tensor index, Tensor source) =>
                Op.Call("index_copy", this, dim, index, source);
            public Tensor index_copy_(long dim, Tensor index, Tensor source) =>
                Op.InPlace("index_copy_", this, dim, index, source);
            public Tensor index_fill(long dim, Tensor index, Scalar value) =>
                Op.Call("index_fill.int_Scalar", this, dim, index, value);
            public Tensor index_fill_(long dim, Tensor index, Scalar value) =>
                Op.InPlace("index_fill_.int_Scalar", this, dim, index, value);
            public Tensor gather(long dim, Tensor index) => Op.Call("gather", this, dim, index);
            public Tensor scatter(long dim, Tensor index, Tensor src) => Op.Call("scatter.src", this, dim, index, src);
            public Tensor scatter_(long dim, Tensor index, Tensor src) =>
                Op.InPlace("scatter_.src", this, dim, index, src);
            public Tensor scatter_add(long dim, Tensor index, Tensor src) =>
                Op.Call("scatter_add", this, dim, index, src);
            public Tensor scatter_add_(long dim, Tensor index, Tensor src) =>
                Op.InPlace("scatter_add_", this, dim, index, src);
            public Tensor take(Tensor index) => Op.Call("take", this, index);
            public Tensor take_along_dim(Tensor indices, long dim) => Op.Call("take_along_dim", this, indices, dim);
            public Tensor masked_select(Tensor mask) => Op.Call("masked_select", this, mask);
            public Tensor masked_fill(Tensor mask, Scalar value) => Op.Call("masked_fill.Scalar", this, mask, value);
            public Tensor masked_fill_(Tensor mask, Scalar value) =>
                Op.InPlace("masked_fill_.Scalar", this, mask, value);
            public Tensor nonzero() => Op.Call("nonzero", this);
            public Tensor bucketize(Tensor boundaries, bool outInt32 = false, bool right = false) =>
                Op.Call("bucketize.Tensor", this, boundaries, outInt32, right);
        }

        public static Tensor index_select(Tensor input, long dim, Tensor index) => input.index_select(dim, index);
        public static Tensor index_add(Tensor input, long dim, Tensor index, Tensor source, Scalar alpha) =>
            input.index_add(dim, index, source, alpha);
        public static Tensor index_copy(Tensor input, long dim, Tensor index, Tensor source) =>
            input.index_copy(dim, index, source);
        public static Tensor gather(Tensor input, long dim, Tensor index) => input.gather(dim, index);
        public static Tensor scatter(Tensor input, long dim, Tensor index, Tensor src) => input.scatter(dim, index, src);
        public static Tensor scatter_(Tensor input, long dim, Tensor index, Tensor src) =>
            input.scatter_(dim, index, src);
        public static Tensor scatter_add(Tensor input, long dim, Tensor index, Tensor src) =>
            input.scatter_add(dim, index, src);
        public static Tensor scatter_add_(Tensor input, long dim, Tensor index, Tensor src) =>
            input.scatter_add_(dim, index, src);
        public static Tensor take(Tensor input, Tensor index) => input.take(index);
        public static Tensor take_along_dim(Tensor input, Tensor indices, long dim = 0L) =>
            input.take_along_dim(indices, dim);
        public static Tensor masked_select(Tensor input, Tensor mask) => input.masked_select(mask);
        public static Tensor nonzero(Tensor input) => input.nonzero();
        public static Tensor bucketize(Tensor input, Tensor boundaries, bool outInt32 = false, bool right = false) =>
            input.bucketize(boundaries, outInt32, right);
        public static Tensor searchsorted(
            Tensor sorted_sequence, Tensor values, bool out_int32 = false, bool right = false, Tensor? sorter = null) =>
            Op.Call("searchsorted.Tensor", sorted_sequence, values, out_int32, right, default, sorter);
    }
}
