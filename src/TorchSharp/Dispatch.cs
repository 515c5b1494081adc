// Calling ATen operators by name. An operator of the API is one line on top of this:
//
//     public Tensor exp() => Op.Call("exp", this);
//     public Tensor add_(Tensor target) => Op.InPlace("add_.Tensor", this, target);
//
// The name is that of ATen's native_functions.yaml, `name.overload`. Arguments are given in the schema's order;
// trailing ones that are left out take the schema's default.
using System;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    /// <summary>An operator's argument: made from the .NET value by implicit conversion, null meaning "none".</summary>
    internal readonly struct Arg
    {
        internal readonly object? Reference;
        internal readonly long Bits;
        internal readonly Tag Tag;

        private Arg(Tag tag, long bits) => (Tag, Bits) = (tag, bits);
        private Arg(Tag tag, object? reference) => (Tag, Reference) = (reference is null ? Tag.None : tag, reference);

        public static implicit operator Arg(torch.Tensor? value) => new(Tag.Tensor, value);
        public static implicit operator Arg(torch.Tensor[]? value) => new(Tag.Tensors, value);
        public static implicit operator Arg(long[]? value) => new(Tag.Ints, value);
        public static implicit operator Arg(double[]? value) => new(Tag.Doubles, value);
        public static implicit operator Arg(string? value) => new(Tag.String, value);
        public static implicit operator Arg(torch.Device? value) => new(Tag.Device, value);
        public static implicit operator Arg(torch.Generator? value) => new(Tag.Generator, value);
        public static implicit operator Arg(long value) => new(Tag.Int, value);
        public static implicit operator Arg(long? value) => value is { } v ? v : default(Arg);
        public static implicit operator Arg(double value) => new(Tag.Double, BitConverter.DoubleToInt64Bits(value));
        public static implicit operator Arg(double? value) => value is { } v ? v : default(Arg);
        public static implicit operator Arg(bool value) => new(Tag.Bool, value ? 1 : 0);
        public static implicit operator Arg(torch.ScalarType value) => new(Tag.Int, (long)value);
        public static implicit operator Arg(torch.ScalarType? value) => value is { } v ? v : default(Arg);
        public static implicit operator Arg(Scalar? value) => value is null ? default : new(value.Kind, value.Bits);

        /// <summary>A list of tensors in which null stands for "none", as the index operators take it.</summary>
        internal static Arg OptionalTensors(torch.Tensor?[] value) => new(Tag.OptionalTensors, value);
    }

    internal static unsafe class Op
    {
        private static readonly ConcurrentDictionary<string, nint> Found = new();
        private const int Scratch = 48;

        /// <summary>The operator's handle, looked up in libtorch the first time it is named.</summary>
        private static nint Find(string name)
        {
            if (Found.TryGetValue(name, out var op)) return op;
            var dot = name.IndexOf('.');
            var plain = dot < 0 ? name : name[..dot];
            var overload = dot < 0 ? "" : name[(dot + 1)..];
            fixed (byte* n = Encoding.UTF8.GetBytes($"aten::{plain}\0"), o = Encoding.UTF8.GetBytes($"{overload}\0"))
                Check(mk_op_find(n, o, &op));
            return Found.GetOrAdd(name, op);
        }

        /// <summary>Calls an operator that returns one tensor.</summary>
        internal static torch.Tensor Call(string name, params ReadOnlySpan<Arg> args)
        {
            NativeValue result;
            Run(name, args, &result, 1);
            return new torch.Tensor(result.Pointer);
        }

        internal static (torch.Tensor, torch.Tensor) Call2(string name, params ReadOnlySpan<Arg> args)
        {
            var results = stackalloc NativeValue[2];
            Run(name, args, results, 2);
            return (new(results[0].Pointer), new(results[1].Pointer));
        }

        internal static (torch.Tensor, torch.Tensor, torch.Tensor) Call3(string name, params ReadOnlySpan<Arg> args)
        {
            var results = stackalloc NativeValue[3];
            Run(name, args, results, 3);
            return (new(results[0].Pointer), new(results[1].Pointer), new(results[2].Pointer));
        }

        internal static (torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor) Call4(
            string name, params ReadOnlySpan<Arg> args)
        {
            var results = stackalloc NativeValue[4];
            Run(name, args, results, 4);
            return (new(results[0].Pointer), new(results[1].Pointer), new(results[2].Pointer), new(results[3].Pointer));
        }

        /// <summary>Calls an operator that returns a list of tensors.</summary>
        internal static torch.Tensor[] CallList(string name, params ReadOnlySpan<Arg> args)
        {
            NativeValue result;
            Run(name, args, &result, 1);
            var tensors = new torch.Tensor[result.Count];
            for (var i = 0; i < tensors.Length; i++) tensors[i] = new torch.Tensor(((nint*)result.Pointer)[i]);
            mk_free(result.Pointer);
            return tensors;
        }

        /// <summary>Calls an operator that returns a number or a truth value.</summary>
        internal static Scalar CallScalar(string name, params ReadOnlySpan<Arg> args)
        {
            NativeValue result;
            Run(name, args, &result, 1);
            return new Scalar(result.Tag, result.Int);
        }

        /// <summary>Calls an operator that changes its first argument, and returns that.</summary>
        internal static torch.Tensor InPlace(string name, params ReadOnlySpan<Arg> args)
        {
            Run(name, args, null, 0);
            return (torch.Tensor)args[0].Reference!;
        }

        [SkipLocalsInit]
        private static void Run(string name, ReadOnlySpan<Arg> args, NativeValue* results, int count)
        {
            var op = Find(name);
            var values = stackalloc NativeValue[args.Length];
            var room = 0;
            foreach (ref readonly var arg in args) room += Room(in arg);
            Span<long> scratch = room <= Scratch ? stackalloc long[Scratch] : new long[room];
            fixed (long* start = scratch) {
                var free = start;
                for (var i = 0; i < args.Length; i++) Encode(in args[i], ref values[i], ref free);
                Check(mk_call(op, values, args.Length, results, count));
            }
            // The handles were read above: the tensors must outlive the call.
            foreach (ref readonly var arg in args) GC.KeepAlive(arg.Reference);
        }

        /// <summary>The 8-byte words that a list or a text takes in the call's scratch memory.</summary>
        private static int Room(in Arg arg) => arg.Tag switch {
            Tag.Ints or Tag.Doubles or Tag.Tensors or Tag.OptionalTensors => ((Array)arg.Reference!).Length,
            Tag.String => ((string)arg.Reference!).Length / sizeof(long) + 1,
            _ => 0
        };

        private static void Encode(in Arg arg, ref NativeValue value, ref long* free)
        {
            value.Tag = arg.Tag;
            switch (arg.Tag) {
            case Tag.Tensor:
                value.Pointer = ((torch.Tensor)arg.Reference!).Handle;
                break;
            case Tag.Ints or Tag.Doubles: {
                var list = (Array)arg.Reference!;
                value.Count = list.Length;
                value.Pointer = (nint)free;
                if (arg.Tag == Tag.Ints)
                    ((long[])list).CopyTo(new Span<long>(free, list.Length));
                else
                    ((double[])list).CopyTo(new Span<double>(free, list.Length));
                free += list.Length;
                break;
            }
            case Tag.Tensors or Tag.OptionalTensors: {
                var list = (torch.Tensor?[])arg.Reference!;
                value.Count = list.Length;
                value.Pointer = (nint)free;
                foreach (var tensor in list) *free++ = tensor?.Handle ?? 0;
                break;
            }
            case Tag.String: {
                var text = (string)arg.Reference!;
                value.Count = Encoding.ASCII.GetBytes(text, new Span<byte>(free, text.Length));
                value.Pointer = (nint)free;
                free += text.Length / sizeof(long) + 1;
                break;
            }
            case Tag.Device: {
                var device = (torch.Device)arg.Reference!;
                value.Int = (long)device.type;
                value.Count = device.type == DeviceType.CPU ? -1 : device.index;
                break;
            }
            case Tag.Generator:
                value.Pointer = ((torch.Generator)arg.Reference!).Handle;
                break;
            default:
                value.Int = arg.Bits;
                break;
            }
        }
    }
}
