// Random numbers: generators, and the operators that draw from them.
using System;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    public static partial class torch
    {
        /// <summary>A stream of random numbers of one device, whose state can be saved and restored.</summary>
        public sealed unsafe class Generator : IDisposable
        {
            public IntPtr Handle { get; private set; }
            public Device device { get; }

            private Generator(Device device, bool fresh, ulong seed)
            {
                nint made;
                Check(mk_generator((int)device.type, device.index, fresh ? 1 : 0, seed, &made));
                (Handle, this.device) = (made, device);
            }

            public Generator(ulong seed = 0, Device? device = null) : this(InitializeDevice(device ?? CPU), true,
                seed) { }

            /// <summary>The CPU's default generator itself, not a copy.</summary>
            public static Generator Default => new(CPU, false, 0);

            public Tensor get_state()
            {
                nint state;
                Check(mk_generator_state(Handle, &state));
                GC.KeepAlive(this);
                return new Tensor(state);
            }

            public void set_state(Tensor value)
            {
                Check(mk_generator_set_state(Handle, value.Handle));
                GC.KeepAlive(this);
                GC.KeepAlive(value);
            }

            public Generator manual_seed(long seed)
            {
                Check(mk_generator_set_seed(Handle, (ulong)seed));
                return this;
            }

            public long seed()
            {
                var seed = DateTime.UtcNow.Ticks;
                manual_seed(seed);
                return seed;
            }

            public long initial_seed() => (long)mk_generator_seed(Handle);

            ~Generator() => Release();

            public void Dispose()
            {
                Release();
                GC.SuppressFinalize(this);
            }

            private void Release()
            {
                if (Handle == 0) return;
                mk_generator_release(Handle);
                Handle = 0;
            }
        }

        /// <summary>Seeds the default generators of the CPU and of all CUDA devices.</summary>
        public static Generator manual_seed(long seed)
        {
            Check(mk_manual_seed((ulong)seed));
            return Generator.Default;
        }

        public static class random
        {
            public static Generator manual_seed(long seed) => torch.manual_seed(seed);
            public static long initial_seed() => Generator.Default.initial_seed();
            public static Tensor get_rng_state() => Generator.Default.get_state();
            public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);
        }

        public static Tensor rand(
            long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes(size), generator], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor rand(
            ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes(size.ToArray()), generator], dtype ?? default_dtype, device, requires_grad,
                names);
        public static Tensor rand(
            long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([size]), generator], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor rand(
            long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([rows, columns]), generator], dtype ?? default_dtype, device, requires_grad,
                names);
        public static Tensor rand(
            long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([dim0, dim1, dim2]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor rand(
            long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([dim0, dim1, dim2, dim3]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor rand(
            int size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([size]), generator], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor rand(
            int rows, int columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([rows, columns]), generator], dtype ?? default_dtype, device, requires_grad,
                names);
        public static Tensor rand(
            int dim0, int dim1, int dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([dim0, dim1, dim2]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor rand(
            int dim0, int dim1, int dim2, int dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("rand.generator", [Sizes([dim0, dim1, dim2, dim3]), generator], dtype ?? default_dtype, device,
                requires_grad, names);

        public static Tensor randn(
            long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes(size), generator], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor randn(
            ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes(size.ToArray()), generator], dtype ?? default_dtype, device, requires_grad,
                names);
        public static Tensor randn(
            long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([size]), generator], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor randn(
            long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([rows, columns]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor randn(
            long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([dim0, dim1, dim2]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor randn(
            long dim0, long dim1, long dim2, long dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([dim0, dim1, dim2, dim3]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor randn(
            int size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([size]), generator], dtype ?? default_dtype, device, requires_grad, names);
        public static Tensor randn(
            int rows, int columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([rows, columns]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor randn(
            int dim0, int dim1, int dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([dim0, dim1, dim2]), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor randn(
            int dim0, int dim1, int dim2, int dim3, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("randn.generator", [Sizes([dim0, dim1, dim2, dim3]), generator], dtype ?? default_dtype, device,
                requires_grad, names);

        public static Tensor randint(
            long low, long high, long[] size, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("randint.low_generator", [low, high, size, generator], dtype ?? ScalarType.Int64, device,
                requires_grad, names);
        public static Tensor randint(
            long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null, string[]? names = null) =>
            Make("randint.low_generator", [0L, high, size, generator], dtype ?? ScalarType.Int64, device,
                requires_grad, names);
        public static Tensor randperm(
            long n, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
            Generator? generator = null) =>
            Make("randperm.generator", [n, generator], dtype ?? ScalarType.Int64, device, requires_grad, null);
        public static Tensor rand_like(
            Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Make("rand_like", [input], dtype, device ?? input.device, requires_grad, null);
        public static Tensor randn_like(
            Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Make("randn_like", [input], dtype, device ?? input.device, requires_grad, null);
        public static Tensor normal(
            double mean, double std, ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null,
            bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
            Make("normal.float_float", [mean, std, size.ToArray(), generator], dtype ?? default_dtype, device,
                requires_grad, names);
        public static Tensor bernoulli(Tensor input, Generator? generator = null) => input.bernoulli(generator);
        public static Tensor multinomial(
            Tensor input, long num_samples, bool replacement = false, Generator? generator = null) =>
            Op.Call("multinomial", input, num_samples, replacement, generator);

        public sealed partial class Tensor
        {
            public Tensor normal_(double mean = 0.0, double std = 1.0, Generator? generator = null) =>
                Op.InPlace("normal_", this, mean, std, generator);
            public Tensor uniform_(double from, double to, Generator? generator = null) =>
                Op.InPlace("uniform_", this, from, to, generator);
            public Tensor bernoulli(Generator? generator = null) => Op.Call("bernoulli", this, generator);
            public Tensor bernoulli_(double p = 0.5, Generator? generator = null) =>
                Op.InPlace("bernoulli_.float", this, p, generator);
        }
    }
}
