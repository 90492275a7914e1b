// What the library keeps of the machine's memory, for programs that have other uses for it.
#pragma once

#include <cstddef>

namespace keel {

/// Gives memory back to the operating system: what tensors that are gone left, scratch memory of the kernels, compiled
/// convolutions that nothing uses now, and free pages of the process's heap. Models and tensors stay as they are; the
/// next computation pays for its memory anew. Any thread may call it at any time; what other threads of the program
/// keep as scratch memory goes with their next computation.
void trim_memory();

/// Lets all tensors together hold no more than `bytes`; 0: as much as the system gives. What does not fit is a
/// std::bad_alloc that says so; a Predictor computes its images in smaller numbers at a time before it gives up.
void set_memory_limit(std::size_t bytes);

/// Returns how many bytes tensors hold now.
std::size_t memory_in_use();

}  // namespace keel
