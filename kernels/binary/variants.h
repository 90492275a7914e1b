// The variants of binary arithmetic: serial.
#pragma once

#include "kernels/binary/binary.h"
#include "kernels/isa.h"

namespace keel::kernels {

/// `rows` pixels of c channels: distances between pixels, of `other` (0: the same every time) and its step from one
/// channel to the next, 0 or 1.
struct BinaryRows {
    std::int64_t rows, c, src_ld, dst_ld, other_ld, other_channel;
};

struct BinaryVariant {
    Isa isa;
    /// As binary_forward(), but for powers.
    void (*run)(const BinaryRows& g, BinaryKind kind, bool swapped, const float* src, const float* other, float* dst);
};

extern const BinaryVariant binary_avx512, binary_avx2, binary_scalar;
inline constexpr const BinaryVariant* binary_variants[] = {&binary_avx512, &binary_avx2, &binary_scalar};

}  // namespace keel::kernels
