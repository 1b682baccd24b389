// The twelve functions: arguments out of guest memory, handles to objects, results back. Everything is checked and copied
// in before anything is changed, and places for results are checked before the work is done.
#include "nn/context.h"
#include "nn/handles.h"
#include "nn/models.h"

#include <bit>
#include <new>

namespace bitnet::nn {
namespace {

static_assert(std::endian::native == std::endian::little, "guests are little endian");

template <class T> Bytes bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}
template <class T> MutableBytes bytes_of(T& value) {
  return {reinterpret_cast<std::uint8_t*>(&value), sizeof value};
}

/// Text of the guest's; InvalidArgument when it is not inside its memory, TooLarge above `most` bytes.
Outcome read_text(const GuestMemory& memory, std::uint32_t offset, std::uint32_t length,
                  std::uint32_t most, const char* what, Text& text) {
  if (!memory.holds(offset, length))
    return Error(ErrorCode::InvalidArgument) << what << " is outside the memory";
  if (length > most)
    return Error(ErrorCode::LimitExceeded)
           << what << " of " << length << " bytes, at most " << most;
  auto bytes = Buffer<std::uint8_t>::make(length, what);
  if (!bytes)
    return bytes.error();
  memory.read(offset, {bytes->data(), bytes->size()});
  const Status status =
      text.append(std::span(reinterpret_cast<const char*>(bytes->data()), bytes->size()));
  return status ? Outcome() : Outcome(status.error());
}

/// The options of a metadata JSON; none at all is fine.
Outcome read_options(const Text& json, Options& options) {
  if (json.empty())
    return {};
  const auto wrong = parse_options(view(json), options);
  return {wrong.code, wrong.error};
}

/// A model in a guest's memory: each piece is copied once, and whatever it holds is checked like a file's.
class GuestSource final : public Source {
public:
  GuestSource(const GuestMemory& memory, std::uint32_t offset, std::uint32_t length)
      : memory_(memory), offset_(offset), length_(length) {}
  std::uint64_t size() const noexcept override { return length_; }
  Status read(std::uint64_t offset, MutableBytes into) noexcept override {
    if (offset > length_ || into.size() > length_ - offset ||
        !memory_.read(offset_ + static_cast<std::uint32_t>(offset), into))
      return Error(ErrorCode::Truncated) << "model bytes at " << offset;
    return {};
  }

private:
  const GuestMemory& memory_;
  std::uint32_t offset_, length_;
};

struct Graph {
  Graph(Budget& b, bool is_bitnet) : budget(b), bitnet(is_bitnet) {}
  ~Graph() { budget.give(bytes); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  Budget& budget;
  std::uint64_t bytes = 0; ///< taken from the budget for a model of the guest's own
  std::optional<Model> model;
  Options options;
  bool bitnet;
  Text name; ///< empty: loaded from bytes
};
using NewGraph = std::unique_ptr<Graph>;

/// Of load()'s encodings those that can be GGUF: WasmEdge's GGML and BitNet, and what other dialects number so.
constexpr std::uint32_t kAutodetect = 5;
constexpr std::uint32_t kGgml = 6;
constexpr std::uint32_t kBitNet = 14;
constexpr std::uint32_t kTargetCpu = 0;
constexpr std::uint32_t kTargetAuto = 3;
constexpr std::uint32_t kTargets = 4;

struct Tensor { // wasi-nn.witx, and WasmEdge's reading of it: of the type only one byte counts
  std::uint32_t dimensions, dimension_count, type, data, size;
};

} // namespace

struct Host::Impl {
  Impl(Models& m, const HostOptions& o) : models(m), options(o), budget(o.max_session_bytes) {}

  Models& models;
  const HostOptions options;
  Budget budget;
  std::atomic<bool> cancelled = false;
  std::mutex
      mutex; ///< guards the tables and each context's `busy`; never held while a model computes
  Handles<Graph> graphs;
  Handles<Context> contexts; // after the budget, which its contexts give back to

  std::atomic<std::uint32_t> told = 0; ///< failures

  /// One call of the guest's: the errno for it, and for the log what went wrong.
  template <class Call> static Errno run(Impl* impl, const char* function, Call call) {
    if (impl == nullptr)
      return Errno::kTooLarge;
    const Outcome outcome = impl->cancelled ? Outcome(Error(ErrorCode::Aborted)) : call(*impl);
    if (outcome.code != Errno::kSuccess && outcome.error.code() != ErrorCode::Ok)
      impl->tell(function, outcome.error);
    return outcome.code;
  }
  void tell(const char* function, const Error& error) {
    const std::uint32_t number = told.fetch_add(1);
    if (options.hooks.log == nullptr || number > limits::kToldFailures)
      return;
    Text line;
    const auto put = [&line](std::string_view text) { return bool(line.append(text)); };
    if (number == limits::kToldFailures)
      put("more failures of this guest are not told");
    else if (put(function) && put(": ") && put(error_name(error.code())) && put(": ") &&
             put(error_sentence(error.code())) && !error.detail().empty() && put(": "))
      put(error.detail());
    options.hooks.log(options.hooks.context, view(line));
  }

  NewGraph new_graph(bool bitnet) { return NewGraph(new (std::nothrow) Graph(budget, bitnet)); }
  std::optional<std::uint32_t> named(std::string_view name) const {
    return graphs.find_if(
        [name](const Graph& graph) { return !graph.name.empty() && view(graph.name) == name; });
  }
  Outcome add_graph(GuestMemory& memory, std::uint32_t handle_out, NewGraph graph);
  Outcome load_by_name(GuestMemory& memory, std::uint32_t name, std::uint32_t name_length,
                       std::uint32_t config, std::uint32_t config_length, std::uint32_t handle_out);
  Outcome load(GuestMemory& memory, const std::uint32_t* arguments);
  Outcome init_context(GuestMemory& memory, std::uint32_t graph, std::uint32_t handle_out);
  Outcome set_input(GuestMemory& memory, const std::uint32_t* arguments);
  Outcome output(GuestMemory& memory, const std::uint32_t* arguments, bool single);
  Outcome unload(std::uint32_t graph);
  Outcome finalize(std::uint32_t context);
  /// Runs call(Context&) while nobody else can use the context.
  template <class Call> Outcome with_context(std::uint32_t handle, Call call);
  /// The same, where the graph must not be gone.
  template <class Call> Outcome with_live(std::uint32_t handle, Call call);
};

namespace {

/// A place for a handle, checked before the work so that nothing is made that the guest could never name.
Outcome check_place(const GuestMemory& memory, std::uint32_t offset) {
  if (memory.holds(offset, sizeof(std::uint32_t)))
    return {};
  return Error(ErrorCode::InvalidArgument) << "the place for the result is outside the memory";
}

Outcome no_such(const char* what, std::uint32_t handle) {
  return Error(ErrorCode::InvalidArgument) << "no " << what << " " << handle;
}

} // namespace

template <class Call> Outcome Host::Impl::with_context(std::uint32_t handle, Call call) {
  Context* context = nullptr;
  {
    const std::lock_guard lock(mutex);
    context = contexts.find(handle);
    if (context == nullptr)
      return no_such("execution context", handle);
    if (context->busy)
      return Errno::kBusy;
    context->busy = true;
  }
  const Outcome outcome = call(*context);
  const std::lock_guard lock(mutex);
  context->busy = false;
  if (graphs.find(context->graph()) == nullptr) // it went meanwhile, or before
    context->release();
  return outcome;
}

template <class Call> Outcome Host::Impl::with_live(std::uint32_t handle, Call call) {
  return with_context(handle, [&](Context& context) {
    bool live = false;
    {
      const std::lock_guard lock(mutex);
      live = graphs.find(context.graph()) != nullptr;
    }
    return live ? call(context) : no_such("graph", context.graph());
  });
}

Outcome Host::Impl::add_graph(GuestMemory& memory, std::uint32_t handle_out, NewGraph graph) {
  Result<std::uint32_t> handle = Error(ErrorCode::OutOfMemory);
  {
    const std::lock_guard lock(mutex);
    if (const auto other = named(view(graph->name))) // another thread was faster
      handle = *other;
    else
      handle = graphs.add(std::move(graph), limits::kGraphs, "graph");
  }
  if (!handle)
    return handle.error();
  memory.write(handle_out, bytes_of(*handle));
  return {};
}

Outcome Host::Impl::load_by_name(GuestMemory& memory, std::uint32_t name, std::uint32_t name_length,
                                 std::uint32_t config, std::uint32_t config_length,
                                 std::uint32_t handle_out) {
  if (const Outcome place = check_place(memory, handle_out); place.code != Errno::kSuccess)
    return place;
  Text wanted;
  Text json;
  if (const Outcome read = read_text(memory, name, name_length, limits::kNameBytes, "name", wanted);
      read.code != Errno::kSuccess)
    return read;
  if (const Outcome read =
          read_text(memory, config, config_length, limits::kMetadataBytes, "config", json);
      read.code != Errno::kSuccess)
    return read;

  // A name that is loaded is the same graph again, whatever the config: WasmEdge's rule.
  std::optional<std::uint32_t> live;
  {
    const std::lock_guard lock(mutex);
    live = named(view(wanted));
  }
  if (live) {
    memory.write(handle_out, bytes_of(*live));
    return {};
  }
  Models::Entry* entry = models.find(view(wanted));
  if (entry == nullptr)
    return {Errno::kNotFound, Error(ErrorCode::NotFound)
                                  << "no model is named '" << view(wanted) << "'"};
  NewGraph graph = new_graph(entry->bitnet);
  if (graph == nullptr)
    return Error(ErrorCode::OutOfMemory) << "graph";
  graph->name = std::move(wanted);
  if (const Outcome read = read_options(json, graph->options); read.code != Errno::kSuccess)
    return read;
  auto model = models.get(*entry);
  if (!model)
    return model.error();
  graph->model = std::move(*model);
  return add_graph(memory, handle_out, std::move(graph));
}

Outcome Host::Impl::load(GuestMemory& memory, const std::uint32_t* arguments) {
  const std::uint32_t builders = arguments[0];
  const std::uint32_t count = arguments[1];
  const std::uint32_t encoding = arguments[2];
  const std::uint32_t target = arguments[3];
  const std::uint32_t handle_out = arguments[4];
  if (encoding != kAutodetect && encoding != kGgml && encoding != kBitNet)
    return {Errno::kInvalidEncoding, Error(ErrorCode::InvalidArgument)
                                         << "encoding " << encoding << " is not GGUF's"};
  if (target >= kTargets)
    return Error(ErrorCode::InvalidArgument) << "target " << target;
  if (target != kTargetCpu && target != kTargetAuto)
    return {Errno::kUnsupportedOperation, Error(ErrorCode::InvalidArgument)
                                              << "target " << target << ": only the CPU is there"};
  if (count < 1 || count > limits::kBuilders)
    return Error(ErrorCode::InvalidArgument)
           << count << " builders: a model, and perhaps its metadata";
  if (const Outcome place = check_place(memory, handle_out); place.code != Errno::kSuccess)
    return place;
  std::uint32_t parts[2 * limits::kBuilders] = {};
  const std::size_t part_bytes = std::size_t{8} * count;
  if (!memory.read(builders, bytes_of(parts).first(part_bytes)))
    return Error(ErrorCode::InvalidArgument) << "the builders are outside the memory";
  if (!memory.holds(parts[0], parts[1]))
    return Error(ErrorCode::InvalidArgument) << "the model is outside the memory";

  NewGraph graph = new_graph(encoding == kBitNet);
  if (graph == nullptr)
    return Error(ErrorCode::OutOfMemory) << "graph";
  Text json;
  if (const Outcome read =
          read_text(memory, parts[2], parts[3], limits::kMetadataBytes, "metadata", json);
      read.code != Errno::kSuccess)
    return read;
  if (const Outcome options_read = read_options(json, graph->options);
      options_read.code != Errno::kSuccess)
    return options_read;
  // The file's size bounds what the vocabulary takes; the packed weights come on top.
  const auto take = [&](std::uint64_t bytes) {
    const bool taken = budget.take(bytes);
    graph->bytes += taken ? bytes : 0;
    return taken;
  };
  const Error no_room = Error(ErrorCode::LimitExceeded)
                        << "a model of " << parts[1]
                        << " bytes is more than the host has left for its guest";
  if (!take(parts[1]))
    return no_room;
  GuestSource source(memory, parts[0], parts[1]);
  auto model = Model::load(source, models.options_);
  if (!model)
    return model.error();
  if (!take(model->info().weight_bytes))
    return no_room;
  graph->model = std::move(*model);
  return add_graph(memory, handle_out, std::move(graph));
}

Outcome Host::Impl::init_context(GuestMemory& memory, std::uint32_t graph_handle,
                                 std::uint32_t handle_out) {
  if (const Outcome place = check_place(memory, handle_out); place.code != Errno::kSuccess)
    return place;
  Result<std::uint32_t> handle = Error(ErrorCode::OutOfMemory);
  {
    const std::lock_guard lock(mutex);
    const Graph* graph = graphs.find(graph_handle);
    if (graph == nullptr)
      return no_such("graph", graph_handle);
    const Surroundings around{models.parallel(), budget, options.hooks, cancelled};
    std::unique_ptr<Context> context(new (std::nothrow) Context(
        *graph->model, graph_handle, graph->bitnet, graph->options, around));
    handle = contexts.add(std::move(context), limits::kContexts, "execution context");
  }
  if (!handle)
    return handle.error();
  memory.write(handle_out, bytes_of(*handle));
  return {};
}

Outcome Host::Impl::set_input(GuestMemory& memory, const std::uint32_t* arguments) {
  return with_live(arguments[0], [&](Context& context) -> Outcome {
    const std::uint32_t index = arguments[1];
    if (index > 1)
      return Error(ErrorCode::InvalidArgument)
             << "input " << index << ": 0 is the prompt, 1 the metadata";
    Tensor tensor{};
    if (!memory.read(arguments[2], bytes_of(tensor)))
      return Error(ErrorCode::InvalidArgument) << "the tensor is outside the memory";
    // Type and dimensions are not looked at: guests send dimensions of 1 with any number of bytes.
    Text text;
    const Outcome read =
        index == 0
            ? read_text(memory, tensor.data, tensor.size, limits::kPromptBytes, "prompt", text)
            : read_text(memory, tensor.data, tensor.size, limits::kMetadataBytes, "metadata", text);
    if (read.code != Errno::kSuccess)
      return read;
    return index == 0 ? context.set_prompt(std::move(text)) : context.set_metadata(view(text));
  });
}

Outcome Host::Impl::unload(std::uint32_t handle) {
  NewGraph graph; // ended behind the lock: a model of the guest's own goes with it
  const std::lock_guard lock(mutex);
  graph = graphs.take(handle);
  if (graph == nullptr)
    return no_such("graph", handle);
  // Its contexts can still be asked for their outputs, but hold no model and no KV cache any more.
  contexts.each([&](Context& context) {
    if (context.graph() == handle && !context.busy)
      context.release();
  });
  return {};
}

Outcome Host::Impl::finalize(std::uint32_t handle) {
  std::unique_ptr<Context> context;
  const std::lock_guard lock(mutex);
  const Context* found = contexts.find(handle);
  if (found == nullptr)
    return no_such("execution context", handle);
  if (found->busy)
    return Errno::kBusy;
  context = contexts.take(handle);
  return {};
}

Outcome Host::Impl::output(GuestMemory& memory, const std::uint32_t* arguments, bool single) {
  return with_context(arguments[0], [&](Context& context) -> Outcome {
    const std::uint32_t index = arguments[1];
    const std::uint32_t buffer = arguments[2];
    std::uint32_t room = arguments[3];
    const std::uint32_t written_out = arguments[4];
    if (const Outcome place = check_place(memory, written_out); place.code != Errno::kSuccess)
      return place;
    Text json;
    if (index == 1) {
      if (const Outcome described = context.describe(json); described.code != Errno::kSuccess)
        return described;
    } else if (index != 0) {
      return Error(ErrorCode::InvalidArgument) << "output " << index << ": there are 0 and 1";
    }
    const std::string_view text = index == 1 ? view(json)
                                  : single   ? context.piece()
                                             : context.output();
    if (options.output_rule == OutputRule::kLlamaEdge && room == 0)
      room = limits::kLlamaEdgeBuffer;
    else if (!memory.holds(buffer, room))
      return Error(ErrorCode::InvalidArgument) << "the buffer is outside the memory";
    auto size =
        static_cast<std::uint32_t>(text.size()); // far below 4 GiB: limits of prompt and context
    const bool fits = size <= room;
    const bool clamp = options.output_rule == OutputRule::kClamp && room > 0;
    if (!fits && clamp)
      size = room;
    if (fits || clamp) {
      if (!memory.write(buffer, {reinterpret_cast<const std::uint8_t*>(text.data()), size}))
        return Error(ErrorCode::InvalidArgument) << "the buffer is outside the memory";
    }
    memory.write(written_out, bytes_of(size));
    return fits || clamp ? Errno::kSuccess : Errno::kTooLarge;
  });
}

Host::Host(Models& models, const HostOptions& options) noexcept
    : impl_(new (std::nothrow) Impl(models, options)) {}
Host::~Host() = default;

void Host::cancel() noexcept {
  if (impl_ != nullptr)
    impl_->cancelled = true;
}

Errno Host::load(GuestMemory& memory, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "load", [&](Impl& impl) { return impl.load(memory, arguments); });
}

Errno Host::load_by_name(GuestMemory& memory, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "load_by_name", [&](Impl& impl) {
    return impl.load_by_name(memory, arguments[0], arguments[1], 0, 0, arguments[2]);
  });
}

Errno Host::load_by_name_with_config(GuestMemory& memory, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "load_by_name_with_config", [&](Impl& impl) {
    return impl.load_by_name(memory, arguments[0], arguments[1], arguments[2], arguments[3],
                             arguments[4]);
  });
}

Errno Host::init_execution_context(GuestMemory& memory, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "init_execution_context", [&](Impl& impl) {
    return impl.init_context(memory, arguments[0], arguments[1]);
  });
}

Errno Host::set_input(GuestMemory& memory, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "set_input",
                   [&](Impl& impl) { return impl.set_input(memory, arguments); });
}

Errno Host::compute(GuestMemory& /*memory*/, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "compute", [&](Impl& impl) {
    return impl.with_live(arguments[0], [](Context& context) { return context.compute(); });
  });
}

Errno Host::get_output(GuestMemory& memory, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "get_output",
                   [&](Impl& impl) { return impl.output(memory, arguments, false); });
}

Errno Host::compute_single(GuestMemory& /*memory*/, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "compute_single", [&](Impl& impl) {
    return impl.with_live(arguments[0], [](Context& context) { return context.compute_single(); });
  });
}

Errno Host::get_output_single(GuestMemory& memory, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "get_output_single",
                   [&](Impl& impl) { return impl.output(memory, arguments, true); });
}

Errno Host::fini_single(GuestMemory& /*memory*/, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "fini_single", [&](Impl& impl) {
    return impl.with_context(arguments[0], [](Context& context) { return context.fini_single(); });
  });
}

Errno Host::unload(GuestMemory& /*memory*/, const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "unload", [&](Impl& impl) { return impl.unload(arguments[0]); });
}

Errno Host::finalize_execution_context(GuestMemory& /*memory*/,
                                       const std::uint32_t* arguments) noexcept {
  return Impl::run(impl_.get(), "finalize_execution_context",
                   [&](Impl& impl) { return impl.finalize(arguments[0]); });
}

} // namespace bitnet::nn
