// Dispose scopes: tensors made while a scope is the thread's innermost one are released with it.
using System;
using System.Collections.Generic;
using System.Linq;

namespace TorchSharp
{
    /// <summary>
    /// Holds the tensors made on this thread since it was opened. Each knows its scope and its place in the scope's
    /// list, so that joining and leaving take constant time.
    /// </summary>
    public sealed class DisposeScope : IDisposable
    {
        [ThreadStatic] private static DisposeScope? current;

        private readonly List<torch.Tensor> tensors = new();
        private DisposeScope? outer;
        private bool open = true;

        internal DisposeScope()
        {
            outer = current;
            current = this;
        }

        /// <summary>Of a scope that was never closed.</summary>
        ~DisposeScope()
        {
            foreach (var tensor in tensors) tensor.Release();
        }

        internal static DisposeScope? Current => current;

        /// <summary>The tensors held now, copied.</summary>
        public IReadOnlyList<IDisposable> DisposablesView => Opened.tensors.ToArray();

        /// <summary>How many tensors are held now.</summary>
        public int DisposablesCount => Opened.tensors.Count;

        private DisposeScope Opened => open ? this : throw new ObjectDisposedException(nameof(DisposeScope));

        internal void Add(torch.Tensor tensor)
        {
            tensor.Inside(this, tensors.Count);
            tensors.Add(tensor);
        }

        /// <summary>Takes a tensor off the list; the caller sees to it.</summary>
        internal void Remove(torch.Tensor tensor)
        {
            var last = tensors[^1];
            tensors[tensor.ScopeSlot] = last;
            last.ScopeSlot = tensor.ScopeSlot;
            tensors.RemoveAt(tensors.Count - 1);
        }

        public bool Contains(IDisposable disposable) => ((torch.Tensor)disposable).Scope == this;

        /// <summary>Forgets a tensor that was released by other means.</summary>
        public void MarkAsDisposed(IDisposable disposable)
        {
            if (!Opened.Contains(disposable)) return;
            Remove((torch.Tensor)disposable);
            ((torch.Tensor)disposable).Scope = null;
        }

        public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(outer, disposable);
        public void MoveToOuter(params IDisposable[] disposables) => MoveToOther(outer, disposables);
        public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveToOther(outer, disposables);

        public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
        {
            MoveToOther(scope, [disposable]);
            return disposable;
        }

        public void MoveToOther(DisposeScope? scope, params IDisposable[] disposables) =>
            MoveToOther(scope, (IEnumerable<IDisposable>)disposables);

        /// <summary>Hands those of the tensors that this scope holds to another one; to none where it is null.</summary>
        public void MoveToOther(DisposeScope? scope, IEnumerable<IDisposable> disposables)
        {
            _ = Opened;
            foreach (var tensor in disposables.Cast<torch.Tensor>().Where(t => t.Scope == this)) {
                Remove(tensor);
                if (scope is null)
                    tensor.Outside();
                else
                    scope.Add(tensor);
            }
        }

        public T Detach<T>(T disposable) where T : IDisposable => MoveToOther(null, disposable);
        public void Detach(params IDisposable[] disposables) => MoveToOther(null, disposables);
        public void Detach(IEnumerable<IDisposable> disposables) => MoveToOther(null, disposables);

        public void Attach(IDisposable disposable) => Attach((IEnumerable<IDisposable>)[disposable]);
        public void Attach(params IDisposable[] disposables) => Attach((IEnumerable<IDisposable>)disposables);

        /// <summary>Takes tensors in, out of the scope that held them.</summary>
        public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
        {
            _ = Opened;
            var attached = disposables.ToList();
            foreach (var tensor in attached.Cast<torch.Tensor>().Where(t => t.Scope != this)) {
                tensor.Scope?.Remove(tensor);
                Add(tensor);
            }
            return attached;
        }

        public void DisposeEverything() => DisposeEverythingBut(Enumerable.Empty<IDisposable>());

        public T DisposeEverythingBut<T>(T keep) where T : IDisposable
        {
            DisposeEverythingBut([keep]);
            return keep;
        }

        public void DisposeEverythingBut(params IDisposable[] keep) =>
            DisposeEverythingBut((IEnumerable<IDisposable>)keep);

        /// <summary>Releases the tensors held now, except those given, which stay held.</summary>
        public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
        {
            _ = Opened;
            var keep = inKeep.Cast<torch.Tensor>().Where(t => t.Scope == this).ToList();
            foreach (var tensor in keep) Remove(tensor);
            foreach (var tensor in tensors) tensor.Release();
            tensors.Clear();
            foreach (var tensor in keep) Add(tensor);
        }

        /// <summary>Releases everything and closes the scope.</summary>
        public void Dispose()
        {
            if (!open) return;
            DisposeEverything();
            open = false;
            GC.SuppressFinalize(this);
            if (current == this) {
                current = outer;
                return;
            }
            // Closed out of order: take it out of the chain.
            for (var inner = current; inner is not null; inner = inner.outer)
                if (inner.outer == this) inner.outer = outer;
        }
    }

    public static partial class torch
    {
        public static DisposeScope NewDisposeScope() => new();

        public static DisposeScope? CurrentDisposeScope => DisposeScope.Current;

        /// <summary>Runs an expression in a scope of its own and keeps only its result.</summary>
        public static Tensor WrappedTensorDisposeScope(Func<Tensor> expr)
        {
            using var scope = NewDisposeScope();
            return expr().MoveToOuterDisposeScope();
        }
    }
}
