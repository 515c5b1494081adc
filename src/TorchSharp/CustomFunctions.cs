// Custom differentiable functions: forward and backward written in .NET, a node of libtorch's graph between them.
// The node owns its context and its saved tensors; all of it goes when libtorch releases the graph.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using static TorchSharp.NativeMethods;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class autograd
        {
            /// <summary>What `forward` leaves for `backward`.</summary>
            public sealed unsafe class AutogradContext : IDisposable
            {
                private readonly Dictionary<string, object> values = new();

                internal List<Tensor> ToSave = [];
                internal List<Tensor> Constant = [];
                internal bool[] IsTensor = [];
                internal Func<AutogradContext, List<Tensor>, List<Tensor>> Backward = null!;
                internal string Name = "";
                internal nint Node;
                private int saved;

                /// <summary>Keeps tensors for `backward`; at most once, from inside `forward`.</summary>
                public void save_for_backward(List<Tensor> tensors) => ToSave = tensors;

                /// <summary>The tensors kept by `save_for_backward`; null for one that was null.</summary>
                public List<Tensor> get_saved_variables()
                {
                    var handles = new nint[saved];
                    if (saved > 0)
                        fixed (nint* p = handles) Check(mk_function_saved(Node, p));
                    return handles.Select(h => h == 0 ? null! : new Tensor(h)).ToList();
                }

                public void save_data(string key, object value) => values[key] = value;

                public object get_data(string key) => values.TryGetValue(key, out var value) ? value : null!;

                /// <summary>Whether gradients that do not exist reach `backward` as zeros (so at the start).</summary>
                public void set_materialize_grads(bool value) => MaterializeGrads = value;

                public bool MaterializeGrads { get; private set; } = true;

                public void mark_non_differentiable(List<Tensor> tensors) => Constant = tensors.ToList();

                /// <summary>Nothing to release: saved tensors belong to the graph.</summary>
                public void Dispose() { }

                internal void Saved()
                {
                    saved = ToSave.Count;
                    ToSave = [];
                    Constant = [];
                }
            }

            public abstract class Function<T> where T : Function<T>, new()
            {
                private static readonly T Instance = new();

                public abstract string Name { get; }

                internal abstract List<Tensor> Forward(AutogradContext ctx, object[] vars);
                internal abstract List<Tensor> Backward(AutogradContext ctx, List<Tensor> grad_outputs);

                /// <summary>Runs `forward` outside the graph, then puts the function into it if an input asks for it.</summary>
                public static List<Tensor> apply_internal(params object[] vars)
                {
                    var context = new AutogradContext {
                        IsTensor = vars.Select(v => v is Tensor { IsInvalid: false }).ToArray(),
                        Backward = Instance.Backward,
                        Name = Instance.Name
                    };
                    List<Tensor> outputs;
                    using (no_grad()) outputs = Instance.Forward(context, vars);
                    var inputs = vars.OfType<Tensor>().Where(t => !t.IsInvalid).ToList();
                    return is_grad_enabled() && inputs.Any(t => t.requires_grad)
                        ? CustomFunctions.Attach(context, inputs, outputs)
                        : outputs.Select(o => o?.Share()!).ToList();
                }
            }

            public abstract class SingleTensorFunction<T> : Function<T> where T : SingleTensorFunction<T>, new()
            {
                public static Tensor apply(params object[] vars) => apply_internal(vars)[0];

                internal sealed override List<Tensor> Forward(AutogradContext ctx, object[] vars) => [forward(ctx, vars)];

                internal sealed override List<Tensor> Backward(AutogradContext ctx, List<Tensor> grad_outputs) =>
                    backward(ctx, grad_outputs[0]);

                public abstract Tensor forward(AutogradContext ctx, params object[] vars);
                public abstract List<Tensor> backward(AutogradContext ctx, Tensor grad_output);
            }

            public abstract class MultiTensorFunction<T> : Function<T> where T : MultiTensorFunction<T>, new()
            {
                public static List<Tensor> apply(params object[] vars) => apply_internal(vars);

                internal sealed override List<Tensor> Forward(AutogradContext ctx, object[] vars) => forward(ctx, vars);

                internal sealed override List<Tensor> Backward(AutogradContext ctx, List<Tensor> grad_outputs) =>
                    backward(ctx, grad_outputs);

                public abstract List<Tensor> forward(AutogradContext ctx, params object[] vars);
                public abstract List<Tensor> backward(AutogradContext ctx, List<Tensor> grad_outputs);
            }
        }
    }

    /// <summary>Between the contexts here and the nodes of libtorch's graph.</summary>
    internal static unsafe class CustomFunctions
    {
        static CustomFunctions() => mk_callbacks(&Apply, &Release);

        internal static List<torch.Tensor> Attach(
            torch.autograd.AutogradContext context, List<torch.Tensor> inputs, List<torch.Tensor> outputs)
        {
            nint[] ins = torch.autograd.Handles(inputs), outs = torch.autograd.Handles(outputs);
            var saves = torch.autograd.Handles(context.ToSave);
            var constant = outputs.Select(o => (byte)(context.Constant.Any(c => ReferenceEquals(c, o)) ? 1 : 0)).ToArray();
            var results = new nint[outs.Length];
            var managed = GCHandle.ToIntPtr(GCHandle.Alloc(context));
            fixed (nint* i = ins, o = outs, s = saves, r = results, node = &context.Node)
            fixed (byte* c = constant)
                Check(mk_function(managed, context.MaterializeGrads ? 1 : 0, i, ins.Length, o, c, outs.Length, s,
                    saves.Length, r, node));
            GC.KeepAlive(inputs);
            GC.KeepAlive(outputs);
            context.Saved();
            return results.Select(handle => new torch.Tensor(handle)).ToList();
        }

        /// <summary>
        /// Called by libtorch, on whatever thread runs the backward pass. Tensors made in `backward` are released when
        /// it returns, but for what it returns. An exception goes back as a handle, through libtorch, to the caller.
        /// </summary>
        [UnmanagedCallersOnly]
        private static nint Apply(nint managed, int nin, nint* gradients, int nout, nint* results)
        {
            try {
                var context = (torch.autograd.AutogradContext)GCHandle.FromIntPtr(managed).Target!;
                using var scope = torch.NewDisposeScope();
                var inputs = new List<torch.Tensor>(nin);
                for (var i = 0; i < nin; i++) inputs.Add(new torch.Tensor(gradients[i]));
                var returned = Gradients(context, context.Backward(context, inputs));
                for (var i = 0; i < nout; i++)
                    results[i] = returned[i] is { IsInvalid: false } t ? mk_tensor_share(t.Handle) : 0;
                return 0;
            } catch (Exception thrown) {
                return GCHandle.ToIntPtr(GCHandle.Alloc(ExceptionDispatchInfo.Capture(thrown)));
            }
        }

        /// <summary>The gradients of the tensor arguments, after checking that there is one for each argument.</summary>
        private static List<torch.Tensor> Gradients(torch.autograd.AutogradContext context, List<torch.Tensor> returned)
        {
            var expected = context.IsTensor.Length;
            if (returned.Count < expected || returned.Skip(expected).Any(t => t is { IsInvalid: false }))
                throw new InvalidOperationException(
                    $"{context.Name} returned {returned.Count} gradients for {expected} arguments");
            if (returned.Take(expected).Where((t, i) => !context.IsTensor[i]).Any(t => t is { IsInvalid: false }))
                throw new InvalidOperationException($"{context.Name} returned a gradient for an argument that is no tensor");
            return returned.Take(expected).Where((_, i) => context.IsTensor[i]).ToList();
        }

        /// <summary>Called by libtorch when the node goes.</summary>
        [UnmanagedCallersOnly]
        private static void Release(nint managed) => GCHandle.FromIntPtr(managed).Free();
    }
}
