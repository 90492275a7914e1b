// The variants of what ranks do between messages.
#pragma once

#include "kernels/collective/collective.h"
#include "kernels/isa.h"

namespace keel::kernels {

template <class T>
struct CollectiveVariant {
    Isa isa;
    void (*add_received)(std::int64_t n, const T* src, T* dst);
    void (*sum_in_place)(std::int64_t n, std::int64_t count, T* const* maps);
    void (*pack_bf16)(std::int64_t n, const float* src, std::uint16_t* dst);
    void (*unpack_bf16)(std::int64_t n, const std::uint16_t* src, float* dst);
    void (*add_bf16)(std::int64_t n, const std::uint16_t* src, float* dst);
};

extern const CollectiveVariant<float> collective_avx512, collective_avx2, collective_scalar;
inline constexpr const CollectiveVariant<float>* collective_variants[] = {&collective_avx512, &collective_avx2,
                                                                          &collective_scalar};

}  // namespace keel::kernels
