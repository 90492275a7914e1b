// The variants of sums of quantized values: serial.
#pragma once

#include "kernels/isa.h"
#include "kernels/qadd/qadd.h"

namespace keel::kernels {

struct QaddVariant {
    Isa isa;
    void (*run)(const BinaryGeometry& g, const std::uint8_t* src0, const std::uint8_t* src1, const QaddFactors& factors,
                std::uint8_t* dst);
};

extern const QaddVariant qadd_avx512, qadd_avx2, qadd_scalar;
inline constexpr const QaddVariant* qadd_variants[] = {&qadd_avx512, &qadd_avx2, &qadd_scalar};

}  // namespace keel::kernels
