// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include "kernels/bf16.h"
#include "kernels/collective/collective.h"

namespace keel::kernels::reference {

template <class T>
void add_received(std::int64_t n, const T* src, T* dst) {
    for (std::int64_t i = 0; i < n; ++i) dst[i] += src[i];
}

template <class T>
void sum_in_place(std::int64_t n, std::int64_t count, T* const* maps) {
    for (std::int64_t i = 0; i < n; ++i) {
        T sum = maps[0][i];
        for (std::int64_t k = 1; k < count; ++k) sum += maps[k][i];
        for (std::int64_t k = 0; k < count; ++k) maps[k][i] = sum;
    }
}

inline void pack_bf16(std::int64_t n, const float* src, std::uint16_t* dst) {
    for (std::int64_t i = 0; i < n; ++i) dst[i] = to_bf16(src[i]);
}

inline void unpack_bf16(std::int64_t n, const std::uint16_t* src, float* dst) {
    for (std::int64_t i = 0; i < n; ++i) dst[i] = from_bf16(src[i]);
}

inline void add_bf16(std::int64_t n, const std::uint16_t* src, float* dst) {
    for (std::int64_t i = 0; i < n; ++i) dst[i] += from_bf16(src[i]);
}

}  // namespace keel::kernels::reference
