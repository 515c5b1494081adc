// Layers as functions: activations, linear maps, convolutions, normalisation, pooling, losses.
using System;
using System.Linq;

namespace TorchSharp
{
    public enum PaddingModes
    {
        Zeros = 0,
        Reflect = 1,
        Replicate = 2,
        Circular = 3,
        Constant = 4
    }

    public static partial class torch
    {
        public sealed partial class Tensor
        {
            public Tensor silu() => Op.Call("silu", this);
            public Tensor gelu() => Op.Call("gelu", this);
            public Tensor softplus(double beta = 1, double threshold = 20) => Op.Call("softplus", this, beta, threshold);
            public Tensor softmax(long dim, ScalarType? dtype = null) => Op.Call("softmax.int", this, dim, dtype);
            public Tensor log_softmax(long dim, ScalarType? dtype = null) => Op.Call("log_softmax.int", this, dim, dtype);
            public Tensor leaky_relu(Scalar negative_slope) => Op.Call("leaky_relu", this, negative_slope);
            public Tensor prelu(Tensor target) => Op.Call("prelu", this, target);
            public Tensor elu(double alpha = 1) => Op.Call("elu", this, alpha);
        }

        public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

        public static partial class nn
        {
            public enum Reduction : long
            {
                None = 0,
                Mean = 1,
                Sum = 2
            }

            public static class functional
            {
                private static Tensor Apply(string name, Tensor x, bool inplace) =>
                    inplace ? Op.InPlace(name + "_", x) : Op.Call(name, x);

                // Activations
                public static Tensor relu(Tensor x, bool inplace = false) => Apply("relu", x, inplace);
                public static Tensor silu(Tensor x, bool inplace = false) => Apply("silu", x, inplace);
                public static Tensor tanh(Tensor x, bool inplace = false) => Apply("tanh", x, inplace);
                public static Tensor sigmoid(Tensor x) => x.sigmoid();
                public static Tensor gelu(Tensor x) => x.gelu();
                public static Tensor softplus(Tensor x, double beta = 1, double threshold = 20) =>
                    x.softplus(beta, threshold);
                public static Tensor elu(Tensor x, double alpha, bool inplace = false) =>
                    inplace ? Op.InPlace("elu_", x, alpha) : x.elu(alpha);
                public static Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false) =>
                    inplace ? Op.InPlace("leaky_relu_", input, negative_slope) : input.leaky_relu(negative_slope);
                public static Tensor prelu(Tensor input, Tensor weight) => input.prelu(weight);
                public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) =>
                    input.softmax(dim, dtype);
                public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

                // Dropout: of elements, and of whole channels
                public static Tensor dropout(
                    Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                    Drop("dropout", input, p, training, inplace);
                public static Tensor dropout1d(
                    Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                    Drop("feature_dropout", input, p, training, inplace);
                public static Tensor dropout2d(
                    Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                    Drop("feature_dropout", input, p, training, inplace);
                public static Tensor dropout3d(
                    Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                    Drop("feature_dropout", input, p, training, inplace);
                private static Tensor Drop(string name, Tensor input, double p, bool training, bool inplace) =>
                    inplace ? Op.InPlace(name + "_", input, p, training) : Op.Call(name, input, p, training);

                // Linear maps and convolutions
                public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) =>
                    Op.Call("linear", input, weights, bias);
                public static Tensor conv1d(
                    Tensor input, Tensor weight, Tensor? bias = null, long? stride = null, long? padding = null,
                    long? dilation = null, long groups = 1) =>
                    Op.Call("conv1d", input, weight, bias, new[] { stride ?? 1 }, new[] { padding ?? 0 },
                        new[] { dilation ?? 1 }, groups);
                public static Tensor conv2d(
                    Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null,
                    long[]? dilation = null, long groups = 1) =>
                    Op.Call("conv2d", input, weight, bias, strides ?? [1, 1], padding ?? [0, 0], dilation ?? [1, 1], groups);
                public static Tensor conv3d(
                    Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null,
                    long[]? dilation = null, long groups = 1) =>
                    Op.Call("conv3d", input, weight, bias, strides ?? [1, 1, 1], padding ?? [0, 0, 0],
                        dilation ?? [1, 1, 1], groups);
                public static Tensor unfold(
                    Tensor input, long kernel_size, long dilation = 1, long padding = 0, long stride = 1) =>
                    unfold(input, (kernel_size, kernel_size), (dilation, dilation), (padding, padding), (stride, stride));
                public static Tensor unfold(
                    Tensor input, (long, long) kernel_size, (long, long)? dilation = null,
                    (long, long)? padding = null, (long, long)? stride = null) =>
                    Op.Call("im2col", input, Pair(kernel_size), Pair(dilation ?? (1, 1)), Pair(padding ?? (0, 0)),
                        Pair(stride ?? (1, 1)));
                private static long[] Pair((long, long) pair) => [pair.Item1, pair.Item2];

                // Normalisation
                public static Tensor layer_norm(
                    Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null,
                    double eps = 1e-5) =>
                    Op.Call("layer_norm", input, normalized_shape, weight, bias, eps);
                public static Tensor batch_norm(
                    Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight = null,
                    Tensor? bias = null, bool training = false, double momentum = 0.1, double eps = 1e-5) =>
                    Op.Call("batch_norm", input, weight, bias, running_mean, running_var, training, momentum, eps, true);
                public static Tensor instance_norm(
                    Tensor input, Tensor? running_mean = null, Tensor? running_var = null, Tensor? weight = null,
                    Tensor? bias = null, bool use_input_stats = true, double momentum = 0.1, double eps = 1e-5) =>
                    Op.Call("instance_norm", input, weight, bias, running_mean, running_var, use_input_stats, momentum,
                        eps, true);
                public static Tensor group_norm(
                    Tensor input, long num_groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
                    Op.Call("group_norm", input, num_groups, weight, bias, eps);

                // Pooling and padding
                public static Tensor adaptive_avg_pool1d(Tensor input, long output_size) =>
                    Op.Call("adaptive_avg_pool1d", input, new[] { output_size });
                public static Tensor adaptive_avg_pool2d(Tensor input, long[] output_size) =>
                    Op.Call("adaptive_avg_pool2d", input, output_size);
                public static Tensor adaptive_avg_pool2d(Tensor input, (long, long) output_size) =>
                    adaptive_avg_pool2d(input, Pair(output_size));
                public static Tensor adaptive_avg_pool2d(Tensor input, long output_size) =>
                    adaptive_avg_pool2d(input, [output_size, output_size]);
                public static Tensor adaptive_avg_pool3d(Tensor input, long[] output_size) =>
                    Op.Call("adaptive_avg_pool3d", input, output_size);
                public static Tensor adaptive_avg_pool3d(Tensor input, long output_size) =>
                    adaptive_avg_pool3d(input, [output_size, output_size, output_size]);
                public static Tensor avg_pool2d(
                    Tensor input, long kernel_size, long? stride = null, long padding = 0, bool ceil_mode = false,
                    bool count_include_pad = true, long? divisor_override = null) =>
                    avg_pool2d(input, [kernel_size, kernel_size], stride is { } s ? [s, s] : null, [padding, padding],
                        ceil_mode, count_include_pad, divisor_override);
                public static Tensor avg_pool2d(
                    Tensor input, long[] kernel_size, long[]? stride = null, long[]? padding = null,
                    bool ceil_mode = false, bool count_include_pad = true, long? divisor_override = null) =>
                    Op.Call("avg_pool2d", input, kernel_size, stride ?? kernel_size, padding ?? [0, 0], ceil_mode,
                        count_include_pad, divisor_override);
                public static Tensor max_pool2d(
                    Tensor input, long kernel_size, long? stride = null, long? padding = null, long? dilation = null,
                    bool ceil_mode = false) =>
                    max_pool2d(input, [kernel_size, kernel_size], stride is { } s ? [s, s] : null,
                        [padding ?? 0, padding ?? 0], [dilation ?? 1, dilation ?? 1], ceil_mode);
                public static Tensor max_pool2d(
                    Tensor input, long[] kernel_size, long[]? strides = null, long[]? padding = null,
                    long[]? dilation = null, bool ceil_mode = false) =>
                    Op.Call("max_pool2d", input, kernel_size, strides ?? kernel_size, padding ?? [0, 0],
                        dilation ?? [1, 1], ceil_mode);
                public static Tensor pad(
                    Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                    Op.Call("pad", input, pad, mode switch {
                        PaddingModes.Constant or PaddingModes.Zeros => "constant",
                        _ => mode.ToString().ToLowerInvariant()
                    }, mode == PaddingModes.Constant ? value : default(double?));

                // Losses
                public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                    Op.Call("mse_loss", input, target, (long)reduction);
                public static Tensor l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                    Op.Call("l1_loss", input, target, (long)reduction);
                public static Tensor nll_loss(
                    Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                    Op.Call("nll_loss_nd", input, target, weight, (long)reduction);
                public static Tensor cross_entropy(
                    Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100,
                    Reduction reduction = Reduction.Mean, double label_smoothing = 0.0) =>
                    Op.Call("cross_entropy_loss", input, target, weight, (long)reduction, ignore_index, label_smoothing);
                public static Tensor one_hot(Tensor x, long num_classes = -1) => Op.Call("one_hot", x, num_classes);
            }
        }
    }
}
