// The WASI-NN host (wasi/nn) as embind can pass it. What only JavaScript can do for it, it does through the methods of
// one object per guest, its Outside (web/src/nn/guest.ts):
//   size(): number                              bytes of the guest's memory, now
//   read(offset: number, into: Uint8Array)      from the guest's memory; the range is inside
//   write(offset: number, from: Uint8Array)     into it
//   print(text: Uint8Array): boolean            false: nobody reads
//   log(line: Uint8Array)
// None of them may throw: an exception would leave through C++ frames, past their destructors.
#pragma once

#include "nn/host.h"
#include "objects.h"

namespace bitnet::js {

inline val bytes_of(const std::uint8_t* data, std::size_t size) {
  return val(emscripten::typed_memory_view(size, data));
}
inline val bytes_of(std::string_view text) {
  return bytes_of(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

class OutsideMemory final : public nn::GuestMemory {
public:
  explicit OutsideMemory(const val& outside) : outside_(outside) {}
  std::uint64_t size() const noexcept override {
    return static_cast<std::uint64_t>(outside_.call<double>("size"));
  }

protected:
  void copy_out(std::uint32_t offset, MutableBytes into) const noexcept override {
    outside_.call<void>("read", offset, bytes_of(into.data(), into.size()));
  }
  void copy_in(std::uint32_t offset, Bytes from) noexcept override {
    outside_.call<void>("write", offset, bytes_of(from.data(), from.size()));
  }

private:
  const val& outside_;
};

/// Models by name. Made after the threads: sessions keep a pointer to them.
class Models {
public:
  Outcome add(const std::string& name, const ModelObject& model) {
    return outcome(model.get() == nullptr ? kNothingHere : models_->add(name, *model.get()));
  }
  /// A name whose file is not there: guests are told so.
  Outcome add_missing(const std::string& name) {
    return outcome(models_->preload(name + ":AUTODETECT:AUTO:" + name));
  }
  const std::shared_ptr<nn::Models>& get() const { return models_; }

private:
  static Result<Model> open(std::string_view path, const LoadOptions& /*options*/) noexcept {
    return Error(ErrorCode::NotFound) << path;
  }
  std::shared_ptr<nn::Models> models_ =
      std::make_shared<nn::Models>(&Models::open, LoadOptions{}, *threads());
};

class Guest {
public:
  /// `most_bytes`: what its contexts and models may take together; a whole number, not negative.
  Guest(const Models& models, nn::OutputRule rule, double most_bytes, const val& outside)
      : models_(models.get()), outside_(outside), host_(*models_, options(rule, most_bytes)) {}

  /// Row `row` of the table; arguments that the function does not have are not looked at.
  std::uint32_t call(std::uint32_t row, std::uint32_t a, std::uint32_t b, std::uint32_t c,
                     std::uint32_t d, std::uint32_t e) {
    const auto rows = nn::functions();
    if (row >= rows.size())
      return static_cast<std::uint32_t>(nn::Errno::kUnsupportedOperation);
    const std::uint32_t arguments[nn::kMostParameters] = {a, b, c, d, e};
    OutsideMemory memory(outside_);
    return static_cast<std::uint32_t>((host_.*rows[row].call)(memory, arguments));
  }
  void cancel() { host_.cancel(); }

private:
  nn::HostOptions options(nn::OutputRule rule, double most_bytes) {
    nn::HostOptions made;
    made.output_rule = rule;
    made.max_session_bytes = static_cast<std::uint64_t>(most_bytes);
    made.hooks.context = this;
    made.hooks.print = [](void* self, std::string_view text) noexcept {
      return static_cast<Guest*>(self)->outside_.call<bool>("print", bytes_of(text));
    };
    made.hooks.log = [](void* self, std::string_view line) noexcept {
      static_cast<Guest*>(self)->outside_.call<void>("log", bytes_of(line));
    };
    return made;
  }

  std::shared_ptr<nn::Models> models_; // a host may not outlive them
  val outside_;
  nn::Host host_;
};

/// The names of the table's rows, in their order.
inline std::string functions() {
  std::string names;
  for (const nn::Function& function : nn::functions())
    names.append(names.empty() ? "" : " ").append(function.name);
  return names;
}

} // namespace bitnet::js
