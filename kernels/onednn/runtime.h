// oneDNN's engine and the thread that calls it.
#pragma once

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

using Arguments = std::initializer_list<std::pair<int, dnnl::memory>>;

/// Runs a primitive on the calling thread's team and waits for it. Arguments without memory are left out.
void execute(const dnnl::primitive& primitive, Arguments arguments);

/// A view of the caller's data, no memory where they are null. Const is cast away: oneDNN has one type of memory, and writes only
/// to the arguments that are results.
dnnl::memory wrap(const dnnl::memory::desc& desc, const void* data);

}  // namespace keel::kernels::onednn
