// Element types and devices.
using System;

namespace TorchSharp
{
    public enum DeviceType
    {
        CPU = 0,
        CUDA = 1,
        MKLDNN = 2,
        OPENGL = 3,
        OPENCL = 4,
        IDEEP = 5,
        HIP = 6,
        FPGA = 7,
        MSNPU = 8,
        XLA = 9,
        MPS = 13,
        META = 14
    }

    public static partial class torch
    {
        public enum ScalarType : sbyte
        {
            Byte = 0,
            Int8 = 1,
            Int16 = 2,
            Int32 = 3,
            Int64 = 4,
            Float16 = 5,
            Float32 = 6,
            Float64 = 7,
            ComplexFloat32 = 9,
            ComplexFloat64 = 10,
            Bool = 11,
            QInt8 = 12,
            QUInt8 = 13,
            QInt32 = 14,
            BFloat16 = 15
        }

        public static ScalarType @bool = ScalarType.Bool;
        public static ScalarType uint8 = ScalarType.Byte;
        public static ScalarType int8 = ScalarType.Int8;
        public static ScalarType int16 = ScalarType.Int16;
        public static ScalarType int32 = ScalarType.Int32;
        public static ScalarType int64 = ScalarType.Int64;
        public static ScalarType bfloat16 = ScalarType.BFloat16;
        public static ScalarType float16 = ScalarType.Float16;
        public static ScalarType float32 = ScalarType.Float32;
        public static ScalarType float64 = ScalarType.Float64;

        public static bool is_integral(ScalarType type) => type <= ScalarType.Int64 || type == ScalarType.Bool;

        public static bool is_floating_point(ScalarType type) =>
            type is ScalarType.Float16 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16;

        public static bool is_complex(ScalarType type) => type is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;

        public static bool is_integral(Tensor t) => is_integral(t.dtype);
        public static bool is_floating_point(Tensor input) => is_floating_point(input.dtype);
        public static bool is_complex(Tensor input) => is_complex(input.dtype);

        private static ScalarType default_dtype = ScalarType.Float32;
        private static Device default_device = new(DeviceType.CPU);

        /// <summary>The floating-point type of tensors made without naming one: Float32 at the start.</summary>
        public static ScalarType get_default_dtype() => default_dtype;

        public static void set_default_dtype(ScalarType dtype)
        {
            if (!is_floating_point(dtype))
                throw new ArgumentException("only floating-point types are supported as the default type");
            default_dtype = dtype;
        }

        public static Device get_default_device() => default_device;

        public static void set_default_device(Device device) =>
            default_device = device ?? throw new ArgumentNullException(nameof(device));

        public static void set_default_device(string device) => set_default_device(new Device(device));

        /// <summary>Where a tensor lives: the CPU, or a CUDA device with its index, -1 being the current one.</summary>
        public class Device
        {
            public DeviceType type { get; }
            public int index { get; } = -1;

            public Device(string description)
            {
                var parts = description.Split(':');
                type = Enum.Parse<DeviceType>(parts[0], ignoreCase: true);
                if (parts.Length > 1) index = int.Parse(parts[1]);
            }

            public Device(string deviceType, int index = -1) : this(Enum.Parse<DeviceType>(deviceType, true), index) { }

            public Device(DeviceType deviceType, int index = -1) => (type, this.index) = (deviceType, index);

            public Device(int index) : this(DeviceType.CUDA, index) { }

            public override string ToString() =>
                type == DeviceType.CPU || index < 0 ? type.ToString().ToLowerInvariant()
                : $"{type.ToString().ToLowerInvariant()}:{index}";

            public static implicit operator Device(string description) => new(description);
        }

        public static readonly Device CPU = new(DeviceType.CPU);
        public static readonly Device META = new(DeviceType.META);
        public static Device CUDA => InitializeDevice(new Device(DeviceType.CUDA));

        public static Device device(string description) => InitializeDevice(new Device(description));
        public static Device device(string deviceType, int index = -1) => InitializeDevice(new Device(deviceType, index));
        public static Device device(DeviceType deviceType, int index = -1) => InitializeDevice(new(deviceType, index));
        public static Device device(int index) => new(DeviceType.CUDA, index);

        /// <summary>The device, or the default one for null, after making sure that this machine has it.</summary>
        public static Device InitializeDevice(Device? device)
        {
            device ??= default_device;
            InitializeDeviceType(device.type);
            return device;
        }

        public static void InitializeDeviceType(DeviceType deviceType)
        {
            if (!TryInitializeDeviceType(deviceType))
                throw new InvalidOperationException($"Torch device type {deviceType} is not available on this machine");
        }

        public static bool TryInitializeDeviceType(DeviceType deviceType) => deviceType switch {
            DeviceType.CPU or DeviceType.META => true,
            DeviceType.CUDA => cuda.is_available(),
            _ => false
        };
    }
}
