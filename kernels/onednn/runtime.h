// oneDNN's engine, the thread that calls it, and the scratch memory that its primitives run in.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

namespace keel::kernels::onednn {

/// Makes the calling thread's OpenMP team that of kernels/parallel.h and returns its size. Each entry into oneDNN starts with it:
/// the team size is a property of the calling thread, primitives are compiled for one size, and oneDNN overruns its scratchpad
/// where a primitive meets a larger team.
int enter();

/// The CPU engine. On first use it caps oneDNN's instruction set at KEEL_ISA (at SSE4.1 for `scalar`, its weakest).
const dnnl::engine& engine();

/// Attributes of every primitive: the caller brings the scratchpad.
const dnnl::primitive_attr& attributes();

/// `bytes` of the calling thread's scratch memory, aligned to 64 and valid until its next call. It grows to the largest request and
/// stays until the thread ends, so that a steady step allocates nothing, all layers share one buffer, and threads that
/// run the same primitive do not meet.
std::byte* scratch(std::size_t bytes);

/// `bytes` rounded up to whole cache lines: the distance to the next section of a scratch buffer.
constexpr std::size_t section(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

using Arguments = std::initializer_list<std::pair<int, dnnl::memory>>;

/// Runs a primitive on the calling thread's team and waits for it. Arguments without memory are left out.
void execute(const dnnl::primitive& primitive, Arguments arguments);

/// A view of the caller's data, no memory where they are null. Const is cast away: oneDNN has one type of memory, and writes only
/// to the arguments that are results.
dnnl::memory wrap(const dnnl::memory::desc& desc, const void* data);

}  // namespace keel::kernels::onednn
