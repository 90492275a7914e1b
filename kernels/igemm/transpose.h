// Square blocks of weights turned around, four by four with vectors that every processor has.
#pragma once

#include <cstdint>
#include <cstring>

namespace keel::kernels::igemm {

namespace detail {
using Four = float __attribute__((vector_size(16)));

inline Four load_four(const float* p) {
    Four v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline void store_four(float* p, Four v) { std::memcpy(p, &v, sizeof v); }
}  // namespace detail

/// Computes dst[o * count + i] = src[i * count + o] for i, o < count, a multiple of 4.
inline void transpose_block(std::int64_t count, const float* src, float* dst) {
    using namespace detail;
    for (std::int64_t i = 0; i < count; i += 4)
        for (std::int64_t o = 0; o < count; o += 4) {
            const float* from = src + i * count + o;
            const Four a = load_four(from), b = load_four(from + count), c = load_four(from + 2 * count),
                       d = load_four(from + 3 * count);
            const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                       ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                       cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                       cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            float* to = dst + o * count + i;
            store_four(to, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
            store_four(to + count, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
            store_four(to + 2 * count, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
            store_four(to + 3 * count, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
        }
}

}  // namespace keel::kernels::igemm
