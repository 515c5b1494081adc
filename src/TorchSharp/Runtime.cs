// Threads and CUDA devices of the process.
using System;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    public static partial class torch
    {
        public static int get_num_threads() => mk_threads();
        public static void set_num_threads(int num) => Check(mk_set_threads(num));
        public static int get_num_interop_threads() => mk_interop_threads();
        public static void set_num_interop_threads(int num) => Check(mk_set_interop_threads(num));

        public static bool cuda_is_available() => cuda.is_available();

        public static class cuda
        {
            public static bool is_available() => device_count() > 0;
            public static int device_count() => mk_cuda_devices();
            public static void manual_seed(long seed) => torch.manual_seed(seed);
            public static void manual_seed_all(long seed) => torch.manual_seed(seed);
            public static void synchronize(Device? device = null) => Check(mk_cuda_synchronize(device?.index ?? -1));
        }
    }
}
