// Memory that a kernel needs for the length of one call.
#pragma once

#include <cstddef>

namespace keel::kernels {

/// Returns `bytes` of the calling thread's scratch memory, aligned to 64 and valid until its next call. It grows to the
/// largest request and stays until the thread ends or its memory is trimmed, so that a steady step allocates nothing,
/// all layers share one buffer, and threads that run the same kernel do not meet.
std::byte* scratch(std::size_t bytes);

/// Gives the calling thread's back.
void release_scratch();

/// Gives the calling thread's back, and lets every other thread do so before its next call (the team's threads sooner:
/// trim_threads() of kernels/parallel.h).
void trim_scratch();

/// Returns `bytes` rounded up to whole cache lines: the distance to the next section of a scratch buffer.
constexpr std::size_t section(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace keel::kernels
