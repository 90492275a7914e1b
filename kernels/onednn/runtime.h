// oneDNN's engine and the thread that calls it.
#pragma once

#include <initializer_list>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

namespace keel::kernels::onednn {

/// While it lives, the calling thread's OpenMP team is that of kernels/parallel.h; then it is again what the thread's
/// owner chose. Each use of oneDNN stands under one: the team size is a property of the calling thread, primitives are
/// compiled for one size, and oneDNN overruns its scratchpad where a primitive meets a larger team. Within a parallel
/// region the caller is alone.
class Session {
public:
    Session();
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    int threads() const { return threads_; }

private:
    int threads_, before_;
};

/// Returns the CPU engine. On first use it caps oneDNN's instruction set at KEEL_ISA (at SSE4.1 for `scalar`, its
/// weakest).
const dnnl::engine& engine();

/// Returns the attributes of every primitive: the caller brings the scratchpad.
const dnnl::primitive_attr& attributes();

using Arguments = std::initializer_list<std::pair<int, dnnl::memory>>;

/// Runs a primitive on the calling thread's team and waits for it. Arguments without memory are left out.
void execute(const dnnl::primitive& primitive, Arguments arguments);

/// Returns a view of the caller's data, no memory where they are null. Const is cast away: oneDNN has one type of
/// memory, and writes only to the arguments that are results.
dnnl::memory wrap(const dnnl::memory::desc& desc, const void* data);

}  // namespace keel::kernels::onednn
