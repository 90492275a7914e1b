// The variants of dropout: serial, over elements whose first one has word 0 of block `first_block`.
#pragma once

#include "kernels/dropout/dropout.h"
#include "kernels/isa.h"

namespace keel::kernels {

struct DropoutStep {
    std::uint64_t first_block, key;
    std::uint64_t threshold;  ///< words below it drop their element; at most 2^32
};

template <class T>
struct DropoutVariant {
    Isa isa;
    void (*dropout)(std::int64_t n, const DropoutStep& step, T scale, const T* src, T* dst);
};

extern const DropoutVariant<float> dropout_avx512, dropout_avx2, dropout_scalar;
inline constexpr const DropoutVariant<float>* dropout_variants[] = {&dropout_avx512, &dropout_avx2, &dropout_scalar};

}  // namespace keel::kernels
