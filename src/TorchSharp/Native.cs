// The door to the native library: where it is found, what it exports, how its failures become exceptions.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace TorchSharp
{
    /// <summary>One argument or result of an operator as the native side reads it.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 16)]
    internal struct NativeValue
    {
        [FieldOffset(0)] public Tag Tag;
        [FieldOffset(4)] public int Count;
        [FieldOffset(8)] public long Int;
        [FieldOffset(8)] public double Double;
        [FieldOffset(8)] public nint Pointer;
    }

    internal enum Tag
    {
        None, Tensor, Int, Double, Bool, Ints, Doubles, Tensors, OptionalTensors, String, Device, Generator
    }

    internal enum TensorQuery
    {
        Dim, Numel, Dtype, DeviceType, DeviceIndex, RequiresGrad, IsLeaf, Contiguous, ItemSize, Offset
    }

    internal static unsafe partial class NativeMethods
    {
        private const string Library = "MetaKanTorch";
        private const string FileName = "libMetaKanTorch.so";

        static NativeMethods() =>
            NativeLibrary.SetDllImportResolver(typeof(NativeMethods).Assembly, (name, _, _) => name == Library ? Load() : 0);

        private static nint Load()
        {
            Host.Prepare();
            return NativeLibrary.Load(LibraryFile());
        }

        /// <summary>
        /// The native library's file: `$METAKAN_NATIVE`, else beside this assembly, in `../native` or `native` of its
        /// folder, or in `artifacts/native` of a folder above it.
        /// </summary>
        internal static string LibraryFile()
        {
            var chosen = Environment.GetEnvironmentVariable("METAKAN_NATIVE");
            if (!string.IsNullOrEmpty(chosen)) {
                if (File.Exists(chosen)) return chosen;
                throw new DllNotFoundException($"METAKAN_NATIVE names {chosen}, which does not exist");
            }
            var home = Path.GetDirectoryName(typeof(NativeMethods).Assembly.Location);
            if (string.IsNullOrEmpty(home)) home = AppContext.BaseDirectory;
            return Candidates(home).FirstOrDefault(File.Exists)
                ?? throw new DllNotFoundException(
                    $"{FileName} is not built: run src/TorchSharp/native/build, or set METAKAN_NATIVE to the file");
        }

        private static IEnumerable<string> Candidates(string home)
        {
            yield return Path.Combine(home, FileName);
            yield return Path.GetFullPath(Path.Combine(home, "..", "native", FileName));
            yield return Path.Combine(home, "native", FileName);
            for (var folder = new DirectoryInfo(home); folder != null; folder = folder.Parent)
                yield return Path.Combine(folder.FullName, "artifacts", "native", FileName);
        }

        /// <summary>Throws what a native call failed with: libtorch's message, or the exception of our own callback.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static void Check(int status)
        {
            if (status != 0) Throw(status);
        }

        private static void Throw(int status)
        {
            if (status == 1) throw new ExternalException(Marshal.PtrToStringUTF8(mk_last_error()));
            var handle = GCHandle.FromIntPtr(mk_last_thrown());
            var thrown = (ExceptionDispatchInfo)handle.Target!;
            handle.Free();
            thrown.Throw();
        }

        [DllImport(Library)] internal static extern nint mk_last_error();
        [DllImport(Library)] internal static extern nint mk_last_thrown();
        [DllImport(Library)] internal static extern nint mk_version();
        [DllImport(Library)] internal static extern nint mk_library();

        [DllImport(Library)] internal static extern int mk_op_find(byte* name, byte* overload, nint* op);
        [DllImport(Library)]
        internal static extern int mk_call(nint op, NativeValue* args, int nargs, NativeValue* results, int nresults);
        [DllImport(Library), SuppressGCTransition] internal static extern void mk_free(nint memory);

        [DllImport(Library)] internal static extern void mk_tensor_release(nint tensor);
        [DllImport(Library), SuppressGCTransition] internal static extern nint mk_tensor_share(nint tensor);
        [DllImport(Library), SuppressGCTransition]
        internal static extern long mk_tensor_query(nint tensor, TensorQuery what);
        [DllImport(Library), SuppressGCTransition]
        internal static extern void mk_tensor_layout(nint tensor, long* sizes, long* strides);
        [DllImport(Library)] internal static extern int mk_tensor_data(nint tensor, nint* data);
        [DllImport(Library)] internal static extern int mk_tensor_grad(nint tensor, nint* grad);
        [DllImport(Library)] internal static extern int mk_tensor_set_grad(nint tensor, nint grad);

        [DllImport(Library), SuppressGCTransition] internal static extern int mk_grad_enabled();
        [DllImport(Library), SuppressGCTransition] internal static extern void mk_set_grad_enabled(int on);
        [DllImport(Library)]
        internal static extern int mk_grad(nint* outputs, int nout, nint* inputs, int nin, nint* gradOutputs, int ngrad,
            int retainGraph, int createGraph, int allowUnused, nint* results);
        [DllImport(Library)]
        internal static extern int mk_backward(nint* tensors, int n, nint* gradTensors, int ngrad, int retainGraph,
            int createGraph, nint* inputs, int nin);
        [DllImport(Library)]
        internal static extern void mk_callbacks(
            delegate* unmanaged<nint, int, nint*, int, nint*, nint> apply, delegate* unmanaged<nint, void> release);
        [DllImport(Library)]
        internal static extern int mk_function(nint managed, int materialize, nint* inputs, int nin, nint* outputs,
            byte* constant, int nout, nint* saved, int nsaved, nint* results, nint* node);
        [DllImport(Library)] internal static extern int mk_function_saved(nint node, nint* results);

        [DllImport(Library)] internal static extern int mk_manual_seed(ulong seed);
        [DllImport(Library)]
        internal static extern int mk_generator(int deviceType, int index, int fresh, ulong seed, nint* generator);
        [DllImport(Library)] internal static extern void mk_generator_release(nint generator);
        [DllImport(Library)] internal static extern ulong mk_generator_seed(nint generator);
        [DllImport(Library)] internal static extern int mk_generator_set_seed(nint generator, ulong seed);
        [DllImport(Library)] internal static extern int mk_generator_state(nint generator, nint* state);
        [DllImport(Library)] internal static extern int mk_generator_set_state(nint generator, nint state);

        [DllImport(Library)] internal static extern int mk_threads();
        [DllImport(Library)] internal static extern int mk_interop_threads();
        [DllImport(Library)] internal static extern int mk_set_threads(int n);
        [DllImport(Library)] internal static extern int mk_set_interop_threads(int n);

        [DllImport(Library)] internal static extern int mk_cuda_devices();
        [DllImport(Library)] internal static extern int mk_cuda_synchronize(int index);
        [DllImport(Library)] internal static extern int mk_cuda_memory(int index, long* current, long* peak, long* reserved);
        [DllImport(Library)] internal static extern int mk_cuda_reset_peak(int index);
        [DllImport(Library)] internal static extern int mk_cuda_empty_cache();
    }
}
