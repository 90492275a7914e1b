// Where the time goes. A span of work opens a `profile::Span`; between start() and stop() each thread keeps the spans
// that it closed, with the layer and pass that they served. Off, a span costs one predictable branch.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/conv_geometry.h"

namespace keel::profile {

/// A convolution, and whether an epilogue takes its result chunk by chunk.
struct ConvWork {
    kernels::Conv2dGeometry geometry;
    bool sinks = false;
};

/// What a span did itself, without the spans inside it: floating-point operations (a multiply-add is two), and the
/// bytes that its passes over memory read and write, whichever cache serves them. A convolution is kept as such.
struct Cost {
    double flops = 0, bytes = 0;
    std::optional<ConvWork> conv{};
};

/// Returns the cost of `flops` operations an element, and of `streams` arrays of T read or written.
template <class T>
constexpr Cost per_element(std::int64_t elements, double flops, double streams) {
    const auto count = static_cast<double>(elements);
    return {flops * count, streams * count * static_cast<double>(sizeof(T)), {}};
}

enum class Pass : std::uint8_t { forward, backward };

/// What spans are recorded for: a layer of the current recording's list (0: none), and the direction.
struct Place {
    int layer = 0;
    Pass pass = Pass::forward;
};

struct Record {
    const char* kind;  ///< of work: the name of the kernel
    Place place;
    int thread;  ///< 0 is the one that called start()
    std::int64_t begin_ns, end_ns;
    Cost cost;
};

struct Recording {
    std::vector<std::string> layers;  ///< dotted; the first is empty
    std::vector<Record> records;      ///< by thread; within one, in the order of their ends
    std::int64_t begin_ns = 0;        ///< when start() was called
};

/// Nothing else of the engine may run on another thread while these are called. A span that is open then is lost.
void start();
Recording stop();

namespace detail {
inline std::atomic<bool> recording{false};
inline thread_local Place place;
constexpr std::int64_t kOff = -1;
std::int64_t now_ns();
void close(const char* kind, std::int64_t begin_ns, const Cost& cost) noexcept;
int layer_below(int parent, std::string_view name);
}  // namespace detail

inline bool recording() { return detail::recording.load(std::memory_order_relaxed); }

/// Returns the place of the calling thread.
inline Place place() { return detail::place; }

/// Work of one kind during the lifetime of the object; `kind` is a literal.
class Span {
public:
    explicit Span(const char* kind, const Cost& cost = {})
        : kind_(kind), cost_(cost), begin_ns_(recording() ? detail::now_ns() : detail::kOff) {}
    ~Span() {
        if (begin_ns_ != detail::kOff) detail::close(kind_, begin_ns_, cost_);
    }
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

private:
    const char* kind_;
    Cost cost_;
    std::int64_t begin_ns_;
};

/// The kind of all time in a layer that no kernel's span accounts for: bookkeeping, allocation.
inline constexpr const char* kEngine = "engine";

/// The calling thread works for another place during the lifetime of the object.
class Layer {
public:
    /// The part `name` of the layer so far: inside "features", "conv0" is "features.conv0".
    explicit Layer(std::string_view name)
        : Layer(recording() ? Place{detail::layer_below(place().layer, name), place().pass} : Place{}) {}
    /// A place of before, when its backward pass runs.
    explicit Layer(const Place& place) : scope_(place), span_(kEngine) {}

private:
    struct Scope {
        explicit Scope(const Place& place) : before(detail::place) { detail::place = place; }
        ~Scope() { detail::place = before; }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
        Place before;
    };
    Scope scope_;  // outlives the span, which is recorded for it
    Span span_;
};

}  // namespace keel::profile
