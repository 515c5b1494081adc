// The native half of the tensor provider: a plain C interface to libtorch, built against the libtorch of the machine.
//
// Any ATen operator is called by name through the boxed dispatcher: `mk_op_find` looks it up once, `mk_call` puts the
// arguments on a stack of IValues, fills in the schema's defaults and hands the results back. The rest is what
// operators cannot do: tensor properties, autograd, custom functions, generators, threads, devices.
//
// A tensor handle is an owned `TensorImpl*`; null stands for an undefined tensor. Every function that can fail returns
// 0, or FAILED with the first line of the message in `mk_last_error`, or THROWN with the exception of a managed
// callback in `mk_last_thrown`. Builds against libtorch 1.13 (C++14) and 2.x (C++17).
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/version.h>
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 9)
#define MK_DEVICE_ALLOCATOR 1
#include <c10/core/CachingDeviceAllocator.h>
#endif

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#define MK_API extern "C" __attribute__((visibility("default")))

using at::Tensor;
using c10::IValue;
using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

namespace {

enum Status : int { OK = 0, FAILED = 1, THROWN = 2 };

thread_local std::string last_error;
thread_local void* last_thrown = nullptr;

/// An exception of a managed callback on its way through libtorch; `handle` is the managed side's reference to it.
struct ManagedException : std::exception {
  void* handle;
  explicit ManagedException(void* h) : handle(h) {}
  const char* what() const noexcept override { return "exception in a managed callback"; }
};

Status failed(const char* message) {
  const char* end = std::strchr(message, '\n');
  last_error.assign(message, end ? end - message : std::strlen(message));
  return FAILED;
}

template <class Body>
int guarded(Body&& body) {
  try {
    body();
    return OK;
  } catch (const ManagedException& e) {
    last_thrown = e.handle;
    return THROWN;
  } catch (const c10::Error& e) {
    return failed(e.what_without_backtrace());
  } catch (const std::exception& e) {
    return failed(e.what());
  } catch (...) {
    return failed("unknown native exception");
  }
}

// ---- Handles ----

using Impl = c10::TensorImpl;

Tensor borrow(void* handle) {
  if (!handle) return Tensor();
  return Tensor(c10::intrusive_ptr<Impl, c10::UndefinedTensorImpl>::reclaim_copy(static_cast<Impl*>(handle)));
}

void* release(Tensor&& t) { return t.defined() ? t.unsafeReleaseTensorImpl() : nullptr; }

variable_list borrow_all(void* const* handles, int64_t n) {
  variable_list all;
  all.reserve(n);
  for (int64_t i = 0; i < n; i++) all.push_back(borrow(handles[i]));
  return all;
}

const Tensor::TensorBase& view_of(void* const& handle) {
  // A handle has the layout of a Tensor (one intrusive pointer), so properties are read without touching the count.
  static_assert(sizeof(Tensor) == sizeof(void*), "a tensor is one pointer");
  return reinterpret_cast<const Tensor::TensorBase&>(handle);
}

// ---- Operators ----

enum Tag : int32_t {
  NONE, TENSOR, INT, DOUBLE, BOOL, INTS, DOUBLES, TENSORS, OPTIONAL_TENSORS, STRING, DEVICE, GENERATOR
};

struct Value {
  int32_t tag;
  int32_t count;
  union {
    int64_t i;
    double d;
    void* p;
  };
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<c10::Argument> arguments;
};

using OptionalTensor = decltype(std::declval<IValue&>().toOptional<Tensor>());

IValue to_ivalue(const Value& v) {
  switch (v.tag) {
    case TENSOR: return IValue(borrow(v.p));
    case INT: return IValue(v.i);
    case DOUBLE: return IValue(v.d);
    case BOOL: return IValue(v.i != 0);
    case INTS: {
      auto p = static_cast<const int64_t*>(v.p);
      return IValue(c10::IntArrayRef(p, v.count));
    }
    case DOUBLES: {
      auto p = static_cast<const double*>(v.p);
      return IValue(c10::ArrayRef<double>(p, v.count));
    }
    case TENSORS: return IValue(borrow_all(static_cast<void**>(v.p), v.count));
    case OPTIONAL_TENSORS: {
      c10::List<OptionalTensor> list;
      for (int32_t i = 0; i < v.count; i++) {
        auto p = static_cast<void**>(v.p)[i];
        list.push_back(p ? OptionalTensor(borrow(p)) : OptionalTensor());
      }
      return IValue(std::move(list));
    }
    case STRING: return IValue(std::string(static_cast<const char*>(v.p), v.count));
    case DEVICE: return IValue(c10::Device(static_cast<c10::DeviceType>(v.i), static_cast<c10::DeviceIndex>(v.count)));
    case GENERATOR: return IValue(*static_cast<at::Generator*>(v.p));
    default: return IValue();
  }
}

void from_ivalue(IValue&& v, Value& out) {
  out.count = 0;
  if (v.isTensor()) {
    out.tag = TENSOR;
    out.p = release(std::move(v).toTensor());
  } else if (v.isInt()) {
    out.tag = INT;
    out.i = v.toInt();
  } else if (v.isDouble()) {
    out.tag = DOUBLE;
    out.d = v.toDouble();
  } else if (v.isBool()) {
    out.tag = BOOL;
    out.i = v.toBool();
  } else if (v.isTensorList()) {
    auto list = std::move(v).toTensorVector();
    auto handles = static_cast<void**>(std::malloc(sizeof(void*) * (list.size() + 1)));
    for (size_t i = 0; i < list.size(); i++) handles[i] = release(std::move(list[i]));
    out.tag = TENSORS;
    out.count = static_cast<int32_t>(list.size());
    out.p = handles;
  } else {
    out.tag = NONE;
    out.p = nullptr;
  }
}

// ---- Custom functions ----

/// Runs a managed backward: takes `nin` gradients, writes `nout` owned ones, returns null or the exception.
using ApplyCallback = void* (*)(void* managed, int nin, void** in, int nout, void** out);
using ReleaseCallback = void (*)(void* managed);
ApplyCallback apply_callback = nullptr;
ReleaseCallback release_callback = nullptr;

struct ManagedNode final : Node {
  void* managed;
  bool materialize;
  std::vector<SavedVariable> saved;

  ManagedNode(void* managed_, bool materialize_) : managed(managed_), materialize(materialize_) {}
  ~ManagedNode() override { release_callback(managed); }

  variable_list apply(variable_list&& grads) override {
    std::vector<void*> in(grads.size()), out(num_outputs(), nullptr);
    for (size_t i = 0; i < grads.size(); i++) {
      if (!grads[i].defined() && materialize) grads[i] = input_metadata(i).zeros_like();
      in[i] = release(std::move(grads[i]));
    }
    auto thrown =
        apply_callback(managed, static_cast<int>(in.size()), in.data(), static_cast<int>(out.size()), out.data());
    if (thrown) throw ManagedException(thrown);
    variable_list result;
    for (auto p : out) {
      result.push_back(borrow(p));
      if (p) c10::raw::intrusive_ptr::decref(static_cast<Impl*>(p));
    }
    return result;
  }

  void release_variables() override {
    for (auto& s : saved) s.reset_data();
  }

  std::shared_ptr<Node> shared() { return shared_from_this(); }

  std::string name() const override { return "ManagedFunction"; }
};

const at::CUDAHooksInterface& cuda_hooks() { return at::detail::getCUDAHooks(); }

int cuda_devices() {
  if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return 0;
  return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).deviceCount();
}

c10::DeviceIndex cuda_index(int index) {
  if (index >= 0) return static_cast<c10::DeviceIndex>(index);
  return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).getDevice().index();
}

}  // namespace

// ---- Errors and versions ----

MK_API const char* mk_last_error() { return last_error.c_str(); }

MK_API void* mk_last_thrown() {
  auto thrown = last_thrown;
  last_thrown = nullptr;
  return thrown;
}

MK_API const char* mk_version() { return TORCH_VERSION; }

/// The file of the loaded libtorch_cpu.
MK_API const char* mk_library() {
  Dl_info info;
  return dladdr(reinterpret_cast<void*>(&c10::Dispatcher::realSingleton), &info) ? info.dli_fname : "";
}

// ---- Operators ----

MK_API int mk_op_find(const char* name, const char* overload, void** op) {
  return guarded([&] {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    *op = new Operator{handle, handle.schema().arguments()};  // lives as long as the process
  });
}

MK_API int mk_call(void* op, const Value* args, int nargs, Value* results, int nresults) {
  return guarded([&] {
    auto& o = *static_cast<Operator*>(op);
    torch::jit::Stack stack;
    stack.reserve(o.arguments.size());
    for (int i = 0; i < nargs; i++) stack.push_back(to_ivalue(args[i]));
    for (size_t i = nargs; i < o.arguments.size(); i++) {
      const auto& value = o.arguments[i].default_value();
      stack.push_back(value ? *value : IValue());
    }
    o.handle.callBoxed(stack);
    for (size_t i = 0; i < stack.size() && static_cast<int>(i) < nresults; i++)
      from_ivalue(std::move(stack[i]), results[i]);
  });
}

MK_API void mk_free(void* memory) { std::free(memory); }

// ---- Tensor properties ----

MK_API void mk_tensor_release(void* t) { c10::raw::intrusive_ptr::decref(static_cast<Impl*>(t)); }

MK_API void* mk_tensor_share(void* t) {
  if (t) c10::raw::intrusive_ptr::incref(static_cast<Impl*>(t));
  return t;
}

enum Query : int { DIM, NUMEL, DTYPE, DEVICE_TYPE, DEVICE_INDEX, REQUIRES_GRAD, IS_LEAF, CONTIGUOUS, ITEM_SIZE, OFFSET };

MK_API int64_t mk_tensor_query(void* t, int what) {
  auto& self = view_of(t);
  switch (what) {
    case DIM: return self.dim();
    case NUMEL: return self.numel();
    case DTYPE: return static_cast<int64_t>(self.scalar_type());
    case DEVICE_TYPE: return static_cast<int64_t>(self.device().type());
    case DEVICE_INDEX: return self.device().index();
    case REQUIRES_GRAD: return self.requires_grad();
    case IS_LEAF: return self.is_leaf();
    case CONTIGUOUS: return self.is_contiguous();
    case ITEM_SIZE: return static_cast<int64_t>(self.itemsize());
    case OFFSET: return self.storage_offset();
    default: return -1;
  }
}

MK_API void mk_tensor_layout(void* t, int64_t* sizes, int64_t* strides) {
  auto& self = view_of(t);
  auto n = static_cast<size_t>(self.dim());
  if (sizes) std::copy_n(self.sizes().data(), n, sizes);
  if (strides) std::copy_n(self.strides().data(), n, strides);
}

MK_API int mk_tensor_data(void* t, void** data) {
  return guarded([&] { *data = view_of(t).data_ptr(); });
}

MK_API int mk_tensor_grad(void* t, void** grad) {
  return guarded([&] { *grad = release(Tensor(borrow(t).grad())); });
}

MK_API int mk_tensor_set_grad(void* t, void* grad) {
  return guarded([&] { borrow(t).mutable_grad() = borrow(grad); });
}

// ---- Autograd ----

MK_API int mk_grad_enabled() { return c10::GradMode::is_enabled(); }

MK_API void mk_set_grad_enabled(int on) { c10::GradMode::set_enabled(on != 0); }

/// Gradients of `outputs` by `inputs`; `grad_outputs` may be null, and so may each of its entries.
MK_API int mk_grad(void** outputs, int nout, void** inputs, int nin, void** grad_outputs, int ngrad, int retain_graph,
                   int create_graph, int allow_unused, void** results) {
  return guarded([&] {
    auto grads = torch::autograd::grad(borrow_all(outputs, nout), borrow_all(inputs, nin),
                                       borrow_all(grad_outputs, ngrad), retain_graph != 0,
                                       create_graph != 0, allow_unused != 0);
    for (int i = 0; i < nin; i++) results[i] = release(std::move(grads[i]));
  });
}

MK_API int mk_backward(void** tensors, int n, void** grad_tensors, int ngrad, int retain_graph, int create_graph,
                       void** inputs, int nin) {
  return guarded([&] {
    torch::autograd::backward(borrow_all(tensors, n), borrow_all(grad_tensors, ngrad), retain_graph != 0,
                              create_graph != 0, borrow_all(inputs, nin));
  });
}

MK_API void mk_callbacks(ApplyCallback apply, ReleaseCallback on_release) {
  apply_callback = apply;
  release_callback = on_release;
}

/// Puts a custom function into the graph: `outputs`, computed without a graph from `inputs`, get the new node as their
/// gradient function, except those marked in `constant`. An output that is an input or a view is wrapped afresh.
/// `results` are the outputs as the caller shall see them, `saved` the tensors kept for the backward pass.
MK_API int mk_function(void* managed, int materialize, void** inputs, int nin, void** outputs, const uint8_t* constant,
                       int nout, void** saved, int nsaved, void** results, void** node_out) {
  return guarded([&] {
    std::shared_ptr<ManagedNode> node(new ManagedNode(managed, materialize != 0), torch::autograd::deleteNode);
    *node_out = node.get();
    torch::autograd::edge_list edges;
    for (int i = 0; i < nin; i++) edges.push_back(torch::autograd::impl::gradient_edge(borrow(inputs[i])));
    node->set_next_edges(std::move(edges));

    std::unordered_map<void*, Tensor> wrapped;
    for (int i = 0; i < nout; i++) {
      auto out = borrow(outputs[i]);
      if (!out.defined()) {
        node->add_input_metadata(Node::undefined_input());
        results[i] = nullptr;
        continue;
      }
      bool is_input = std::find(inputs, inputs + nin, outputs[i]) != inputs + nin;
      if (is_input || out.requires_grad() || out.is_view()) out = out.detach();
      auto nr = node->add_input_metadata(out);
      if (!constant[i] && torch::autograd::isDifferentiableType(out.scalar_type()))
        torch::autograd::impl::set_gradient_edge(out, {node, nr});
      if (!is_input) wrapped[outputs[i]] = out;
      results[i] = release(std::move(out));
    }
    for (int i = 0; i < nsaved; i++) {
      auto found = wrapped.find(saved[i]);
      auto kept = found == wrapped.end() ? borrow(saved[i]) : found->second;
      if (kept.defined())
        node->saved.emplace_back(kept, kept.grad_fn() == node);
      else
        node->saved.emplace_back();
    }
  });
}

/// The tensors saved by `mk_function`, usable while the node's backward runs.
MK_API int mk_function_saved(void* node, void** results) {
  return guarded([&] {
    auto self = static_cast<ManagedNode*>(node);
    auto shared = self->shared();
    for (size_t i = 0; i < self->saved.size(); i++) results[i] = release(self->saved[i].unpack(shared));
  });
}

// ---- Random numbers ----

MK_API int mk_manual_seed(uint64_t seed) {
  return guarded([&] { at::manual_seed(seed); });
}

/// The default generator of a device itself, or (`fresh`) a new one seeded with `seed`.
MK_API int mk_generator(int device_type, int index, int fresh, uint64_t seed, void** generator) {
  return guarded([&] {
    auto type = static_cast<c10::DeviceType>(device_type);
    auto device = type == c10::DeviceType::CUDA ? c10::Device(type, cuda_index(index)) : c10::Device(type);
    auto g = at::globalContext().defaultGenerator(device);
    if (fresh) {
      std::lock_guard<std::mutex> lock(g.mutex());
      g = g.clone();
      g.set_current_seed(seed);
    }
    *generator = new at::Generator(g);
  });
}

MK_API void mk_generator_release(void* g) { delete static_cast<at::Generator*>(g); }

MK_API uint64_t mk_generator_seed(void* g) { return static_cast<at::Generator*>(g)->current_seed(); }

MK_API int mk_generator_set_seed(void* generator, uint64_t seed) {
  return guarded([&] {
    auto& g = *static_cast<at::Generator*>(generator);
    std::lock_guard<std::mutex> lock(g.mutex());
    g.set_current_seed(seed);
  });
}

MK_API int mk_generator_state(void* generator, void** state) {
  return guarded([&] {
    auto& g = *static_cast<at::Generator*>(generator);
    std::lock_guard<std::mutex> lock(g.mutex());
    *state = release(g.get_state());
  });
}

MK_API int mk_generator_set_state(void* generator, void* state) {
  return guarded([&] {
    auto& g = *static_cast<at::Generator*>(generator);
    std::lock_guard<std::mutex> lock(g.mutex());
    g.set_state(borrow(state));
  });
}

// ---- Threads ----

MK_API int mk_threads() { return at::get_num_threads(); }

MK_API int mk_interop_threads() { return at::get_num_interop_threads(); }

MK_API int mk_set_threads(int n) {
  return guarded([&] { at::set_num_threads(n); });
}

MK_API int mk_set_interop_threads(int n) {
  return guarded([&] { at::set_num_interop_threads(n); });
}

// ---- CUDA ----

MK_API int mk_cuda_devices() { return cuda_devices(); }

MK_API int mk_cuda_synchronize(int index) {
  return guarded([&] { cuda_hooks().deviceSynchronize(cuda_index(index)); });
}

/// Bytes held by tensors: now, at most since the last reset; bytes reserved from the device. All -1 where this
/// libtorch has no device-neutral allocator interface (before 2.9).
MK_API int mk_cuda_memory(int index, int64_t* current, int64_t* peak, int64_t* reserved) {
  return guarded([&] {
    *current = *peak = *reserved = -1;
#ifdef MK_DEVICE_ALLOCATOR
    auto allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
    if (!allocator->initialized()) return;
    auto stats = allocator->getDeviceStats(cuda_index(index));
    *current = stats.allocated_bytes[0].current;
    *peak = stats.allocated_bytes[0].peak;
    *reserved = stats.reserved_bytes[0].current;
#endif
  });
}

MK_API int mk_cuda_reset_peak(int index) {
  return guarded([&] {
#ifdef MK_DEVICE_ALLOCATOR
    auto allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
    if (allocator->initialized()) allocator->resetPeakStats(cuda_index(index));
#endif
  });
}

MK_API int mk_cuda_empty_cache() {
  return guarded([&] {
#ifdef MK_DEVICE_ALLOCATOR
    auto allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
    if (allocator->initialized()) allocator->emptyCache();
#endif
  });
}
