// Operators that reduce or scan along dimensions, sort, or count.
using System;

namespace TorchSharp
{
    public static partial class torch
    {
        public sealed partial class Tensor
        {
            private Tensor Sum(long[] dim, bool keepdim, ScalarType? type) =>
                Op.Call("sum.dim_IntList", this, dim, keepdim, type);

            public Tensor sum(ScalarType? type = null) => Op.Call("sum", this, type);
            public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => Sum(dim, keepdim, type);
            public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) =>
                Sum(dim.ToArray(), keepdim, type);
            public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => Sum([dim], keepdim, type);
            public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) =>
                Sum([dim0, dim1], keepdim, type);
            public Tensor sum(long dim0, long dim1, long dim2, bool keepdim = false, ScalarType? type = null) =>
                Sum([dim0, dim1, dim2], keepdim, type);

            public Tensor mean() => Op.Call("mean", this);
            public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
                Op.Call("mean.dim", this, dimensions, keepdim, type);
            public Tensor prod(ScalarType? type = null) => Op.Call("prod", this, type);
            public Tensor prod(long dim, bool keepdim = false, ScalarType? type = null) =>
                Op.Call("prod.dim_int", this, dim, keepdim, type);

            private Tensor Spread(string name, long[] dims, bool unbiased, bool keepdim, ScalarType? type) =>
                Op.Call(name, type is { } t ? to(t) : this, dims, unbiased ? 1L : 0L, keepdim);

            public Tensor std(bool unbiased = true) => Op.Call("std", this, unbiased);
            public Tensor std(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
                Spread("std.correction", dimensions, unbiased, keepdim, type);
            public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
                Spread("std.correction", [dim], unbiased, keepdim, type);
            public Tensor var(bool unbiased = true) => Op.Call("var", this, unbiased);
            public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
                Spread("var.correction", dimensions, unbiased, keepdim, type);
            public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
                Spread("var.correction", [dim], unbiased, keepdim, type);

            public Tensor max() => Op.Call("max", this);
            public Tensor max(Tensor other) => Op.Call("max.other", this, other);
            public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) =>
                Op.Call2("max.dim", this, dim, keepdim);
            public Tensor min() => Op.Call("min", this);
            public Tensor min(Tensor other) => Op.Call("min.other", this, other);
            public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) =>
                Op.Call2("min.dim", this, dim, keepdim);
            public Tensor amax(params long[] dims) => Op.Call("amax", this, dims);
            public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null) =>
                Into(@out, Op.Call("amax", this, dims, keepdim));
            public Tensor amin(params long[] dims) => Op.Call("amin", this, dims);
            public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null) =>
                Into(@out, Op.Call("amin", this, dims, keepdim));
            public Tensor argmax() => Op.Call("argmax", this);
            public Tensor argmax(long dim, bool keepdim = false) => Op.Call("argmax", this, dim, keepdim);
            public Tensor argmin() => Op.Call("argmin", this);
            public Tensor argmin(long dim, bool keepdim = false) => Op.Call("argmin", this, dim, keepdim);
            public Tensor all() => Op.Call("all", this);
            public Tensor all(long dim, bool keepdim = false) => Op.Call("all.dim", this, dim, keepdim);
            public Tensor any() => Op.Call("any", this);
            public Tensor any(long dim, bool keepdim = false) => Op.Call("any.dim", this, dim, keepdim);
            public Tensor count_nonzero(long[]? dims = null) => Op.Call("count_nonzero.dim_IntList", this, dims ?? []);
            public Tensor norm(float p = 2.0f) => Op.Call("norm.Scalar", this, p);
            public Tensor norm(int dim, bool keepdim = false, float p = 2.0f) =>
                Op.Call("norm.ScalarOpt_dim", this, p, new long[] { dim }, keepdim);
            public Tensor logsumexp(long dim, bool keepdim = false) =>
                Op.Call("logsumexp", this, new[] { dim }, keepdim);
            public Tensor cumsum(long dim, ScalarType? type = null) => Op.Call("cumsum", this, dim, type);
            public Tensor cumprod(long dim, ScalarType? type = null) => Op.Call("cumprod", this, dim, type);

            public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) =>
                Op.Call2("sort.stable", this, stable, dim, descending);
            public Tensor argsort(long dim = -1, bool descending = false) => Op.Call("argsort", this, dim, descending);
            public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) =>
                Op.Call2("topk", this, (long)k, (long)dim, largest, sorted);
            public Tensor median() => Op.Call("median", this);
            public Tensor quantile(Tensor q, long dim = -1, bool keepdim = false) =>
                Op.Call("quantile", this, q, dim, keepdim);
            public Tensor bincount(Tensor? weights, long minlength = 0) => Op.Call("bincount", this, weights, minlength);

            /// <summary>A result moved into the tensor that the caller gave for it, if any.</summary>
            private static Tensor Into(Tensor? target, Tensor result)
            {
                if (target is null) return result;
                target.copy_(result);
                result.Dispose();
                return target;
            }
        }

        public static Tensor sum(Tensor input, ScalarType? type = null) => input.sum(type);
        public static Tensor sum(Tensor input, ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) =>
            input.sum(dim, keepdim, type);
        public static Tensor sum(Tensor input, long dim, bool keepdim = false, ScalarType? type = null) =>
            input.sum(dim, keepdim, type);
        public static Tensor mean(Tensor input) => input.mean();
        public static Tensor mean(Tensor input, long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
            input.mean(dimensions, keepdim, type);
        public static Tensor prod(Tensor input, ScalarType? type = null) => input.prod(type);
        public static Tensor prod(Tensor input, long dim, bool keepdim = false, ScalarType? type = null) =>
            input.prod(dim, keepdim, type);
        public static Tensor std(Tensor input, bool unbiased = true) => input.std(unbiased);
        public static Tensor std(
            Tensor input, long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            input.std(dimensions, unbiased, keepdim, type);
        public static Tensor std(
            Tensor input, long dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            input.std(dimensions, unbiased, keepdim, type);
        public static Tensor var(Tensor input, bool unbiased = true) => input.var(unbiased);
        public static Tensor var(
            Tensor input, long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            input.var(dimensions, unbiased, keepdim, type);
        public static Tensor var(
            Tensor input, long dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            input.var(dimensions, unbiased, keepdim, type);
        public static Tensor max(Tensor input) => input.max();
        public static Tensor max(Tensor input, Tensor other) => input.max(other);
        public static (Tensor values, Tensor indexes) max(Tensor input, long dim, bool keepdim = false) =>
            input.max(dim, keepdim);
        public static Tensor min(Tensor input) => input.min();
        public static Tensor min(Tensor input, Tensor other) => input.min(other);
        public static (Tensor values, Tensor indexes) min(Tensor input, long dim, bool keepdim = false) =>
            input.min(dim, keepdim);
        public static Tensor amax(Tensor input, long[] dims) => input.amax(dims);
        public static Tensor amax(Tensor input, long[] dims, bool keepdim = false, Tensor? @out = null) =>
            input.amax(dims, keepdim, @out);
        public static Tensor amin(Tensor input, long[] dims, bool keepdim = false, Tensor? @out = null) =>
            input.amin(dims, keepdim, @out);
        public static Tensor argmax(Tensor input) => input.argmax();
        public static Tensor argmax(Tensor input, long dim, bool keepdim = false) => input.argmax(dim, keepdim);
        public static Tensor argmin(Tensor input) => input.argmin();
        public static Tensor argmin(Tensor input, long dim, bool keepdim = false) => input.argmin(dim, keepdim);
        public static Tensor all(Tensor input) => input.all();
        public static Tensor all(Tensor input, long dim, bool keepdim = false) => input.all(dim, keepdim);
        public static Tensor any(Tensor input) => input.any();
        public static Tensor any(Tensor input, long dim, bool keepdim = false) => input.any(dim, keepdim);
        public static Tensor count_nonzero(Tensor input, long[]? dims = null) => input.count_nonzero(dims);
        public static Tensor norm(Tensor input) => input.norm();
        public static Tensor norm(Tensor input, float p = 2.0f) => input.norm(p);
        public static Tensor norm(Tensor input, int dimension, bool keepdim = false, float p = 2.0f) =>
            input.norm(dimension, keepdim, p);
        public static Tensor logsumexp(Tensor input, long dim, bool keepdim = false) => input.logsumexp(dim, keepdim);
        public static Tensor cumsum(Tensor input, long dim, ScalarType? type = null) => input.cumsum(dim, type);
        public static Tensor cumprod(Tensor input, long dim, ScalarType? dtype = null) => input.cumprod(dim, dtype);
        public static (Tensor values, Tensor indices) sort(
            Tensor input, long dim = -1, bool descending = false, bool stable = false) =>
            input.sort(dim, descending, stable);
        public static Tensor argsort(Tensor input, long dim = -1, bool descending = false) =>
            input.argsort(dim, descending);
        public static (Tensor values, Tensor indices) topk(
            Tensor tensor, int k, int dim = -1, bool largest = true, bool sorted = true) =>
            tensor.topk(k, dim, largest, sorted);
        public static Tensor median(Tensor input) => input.median();
        public static Tensor quantile(Tensor input, Tensor q, long dim = -1, bool keepdim = false) =>
            input.quantile(q, dim, keepdim);
        public static Tensor bincount(Tensor input, Tensor? weights = null, long minlength = 0) =>
            input.bincount(weights, minlength);
    }
}
