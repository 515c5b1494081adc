// Gradients: the grad mode, `torch.autograd.grad` and `backward`.
using System;
using System.Collections.Generic;
using System.Linq;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    public static partial class torch
    {
        /// <summary>Sets the thread's grad mode until it is disposed.</summary>
        private sealed class GradMode : IDisposable
        {
            private readonly int previous = mk_grad_enabled();

            internal GradMode(bool on) => mk_set_grad_enabled(on ? 1 : 0);

            public void Dispose() => mk_set_grad_enabled(previous);
        }

        public static IDisposable no_grad() => new GradMode(false);
        public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);
        public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);
        public static bool is_grad_enabled() => mk_grad_enabled() != 0;

        public sealed partial class Tensor
        {
            public void backward() => autograd.backward([this]);

            public void backward(
                IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false,
                IList<Tensor>? inputs = null) =>
                autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
        }

        public static unsafe partial class autograd
        {
            /// <summary>
            /// The sum of the gradients of outputs with respect to the inputs, one for each input. One that does not
            /// exist (only with `allow_unused`) is a tensor with `IsInvalid`. With `create_graph` give `retain_graph`
            /// too: a gradient's own graph leads through that of the outputs.
            /// </summary>
            public static IList<Tensor> grad(
                IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null,
                bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
            {
                nint[] outs = Handles(outputs), ins = Handles(inputs), grads = Handles(grad_outputs);
                var results = new nint[ins.Length];
                fixed (nint* o = outs, i = ins, g = grads, r = results)
                    Check(mk_grad(o, outs.Length, i, ins.Length, g, grads.Length, Int(retain_graph), Int(create_graph),
                        Int(allow_unused), r));
                KeepAlive(outputs, inputs, grad_outputs);
                return results.Select(handle => new Tensor(handle)).ToList();
            }

            /// <summary>Accumulates gradients in the leaves of the graph, or in `inputs` where given.</summary>
            public static void backward(
                IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null,
                bool create_graph = false, IList<Tensor>? inputs = null)
            {
                nint[] outs = Handles(tensors), grads = Handles(grad_tensors), ins = Handles(inputs);
                fixed (nint* o = outs, g = grads, i = ins)
                    Check(mk_backward(o, outs.Length, g, grads.Length, Int(retain_graph ?? create_graph),
                        Int(create_graph), i, ins.Length));
                KeepAlive(tensors, grad_tensors, inputs);
            }

            public static void backward(
                Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null,
                bool create_graph = false, IList<Tensor>? inputs = null) =>
                backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

            public static void backward(
                Tensor tensor, Tensor grad_tensor, bool? retain_graph = null, bool create_graph = false,
                IList<Tensor>? inputs = null) =>
                backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

            private static int Int(bool value) => value ? 1 : 0;

            internal static nint[] Handles(IEnumerable<Tensor?>? tensors) =>
                tensors?.Select(t => t is null || t.IsInvalid ? 0 : t.Handle).ToArray() ?? [];

            private static void KeepAlive(params object?[] references)
            {
                foreach (var reference in references) GC.KeepAlive(reference);
            }
        }
    }
}
