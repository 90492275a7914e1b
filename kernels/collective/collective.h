// What ranks do to gradients between messages. Serial: these run on the thread that communicates, beside the compute
// pool. No alignment is needed; pointers must not overlap unless they are equal. T is float (dispatched by ISA) or
// double (the reference).
#pragma once

#include <cstdint>

namespace keel::kernels {

/// dst += src
template <class T>
void add_received(std::int64_t n, const T* src, T* dst);

/// maps[k][i] = maps[0][i] + maps[1][i] + ... + maps[count - 1][i], in this order, for every k < count; count >= 1.
template <class T>
void sum_in_place(std::int64_t n, std::int64_t count, T* const* maps);

/// The upper half of each float (bfloat16), rounded to nearest, ties to even; a NaN stays one.
void pack_bf16(std::int64_t n, const float* src, std::uint16_t* dst);
/// dst = src, exactly.
void unpack_bf16(std::int64_t n, const std::uint16_t* src, float* dst);
/// dst += src
void add_bf16(std::int64_t n, const std::uint16_t* src, float* dst);

}  // namespace keel::kernels
