// A dynamically typed number: what operators take beside tensors.
using System;

namespace TorchSharp
{
    public sealed class Scalar : IDisposable
    {
        internal readonly Tag Kind;
        internal readonly long Bits;

        internal Scalar(Tag kind, long bits) => (Kind, Bits) = (kind, bits);
        private Scalar(double value) : this(Tag.Double, BitConverter.DoubleToInt64Bits(value)) { }
        private Scalar(long value) : this(Tag.Int, value) { }

        public static implicit operator Scalar(byte value) => new((long)value);
        public static implicit operator Scalar(sbyte value) => new((long)value);
        public static implicit operator Scalar(short value) => new((long)value);
        public static implicit operator Scalar(int value) => new((long)value);
        public static implicit operator Scalar(long value) => new(value);
        public static implicit operator Scalar(float value) => new((double)value);
        public static implicit operator Scalar(double value) => new(value);
        public static implicit operator Scalar(bool value) => new(Tag.Bool, value ? 1 : 0);

        /// <summary>The type that a tensor made of this number alone would have.</summary>
        public torch.ScalarType Type => Kind switch {
            Tag.Double => torch.ScalarType.Float64,
            Tag.Bool => torch.ScalarType.Bool,
            _ => torch.ScalarType.Int64
        };

        internal double AsDouble => Kind == Tag.Double ? BitConverter.Int64BitsToDouble(Bits) : Bits;
        internal long AsInt64 => Kind == Tag.Double ? (long)BitConverter.Int64BitsToDouble(Bits) : Bits;

        /// <summary>Nothing to release: the number lives here. There for code written with `use`.</summary>
        public void Dispose() { }
    }

    public static class ScalarExtensionMethods
    {
        public static Scalar ToScalar(this byte value) => value;
        public static Scalar ToScalar(this sbyte value) => value;
        public static Scalar ToScalar(this short value) => value;
        public static Scalar ToScalar(this int value) => value;
        public static Scalar ToScalar(this long value) => value;
        public static Scalar ToScalar(this float value) => value;
        public static Scalar ToScalar(this double value) => value;
        public static Scalar ToScalar(this bool value) => value;

        public static float ToSingle(this Scalar value) => (float)value.AsDouble;
        public static double ToDouble(this Scalar value) => value.AsDouble;
        public static sbyte ToSByte(this Scalar value) => (sbyte)value.AsInt64;
        public static byte ToByte(this Scalar value) => (byte)value.AsInt64;
        public static short ToInt16(this Scalar value) => (short)value.AsInt64;
        public static int ToInt32(this Scalar value) => (int)value.AsInt64;
        public static long ToInt64(this Scalar value) => value.AsInt64;
        public static bool ToBoolean(this Scalar value) => value.AsDouble != 0.0;
    }
}
