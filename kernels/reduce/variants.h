// The variants of the reductions: serial, over one chunk.
#pragma once

#include "kernels/isa.h"
#include "kernels/reduce/reduce.h"

namespace keel::kernels {

template <class T>
struct ReduceVariant {
    Isa isa;
    double (*sum_of_squares)(std::int64_t n, const T* src);
    bool (*all_finite)(std::int64_t n, const T* src, T factor);
};

extern const ReduceVariant<float> reduce_avx512, reduce_avx2, reduce_scalar;
inline constexpr const ReduceVariant<float>* reduce_variants[] = {&reduce_avx512, &reduce_avx2, &reduce_scalar};

}  // namespace keel::kernels
