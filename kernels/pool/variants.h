// The variants of pooling: serial, over the rows [first, last) of the n * oh (backward: n * ih) rows of all images.
#pragma once

#include "kernels/bf16.h"
#include "kernels/isa.h"
#include "kernels/pool/pool.h"

namespace keel::kernels {

struct PoolRange {
    int begin, end;
};

/// Which pixels meet which windows, an axis at a time; windowed and adaptive pooling differ in nothing else.
struct PoolWindows {
    PoolGeometry g;
    const PoolRange *ys, *xs;                ///< the window of each output row and column, inside the map
    const PoolRange *outputs_y, *outputs_x;  ///< the outputs whose windows hold each input row and column
    int divisor;                             ///< of averages; 0 stands for the window's own area
};

template <class T>
struct PoolVariant {
    Isa isa;
    void (*max_forward)(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* src, T* dst,
                        std::uint8_t* argmax);
    void (*max_backward)(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* diff_dst,
                         const std::uint8_t* argmax, T* diff_src);
    void (*avg_forward)(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* src, T* dst);
    void (*avg_backward)(const PoolWindows& w, std::int64_t first, std::int64_t last, const T* diff_dst, T* diff_src);
};

extern const PoolVariant<float> pool_avx512, pool_avx2, pool_scalar;
inline constexpr const PoolVariant<float>* pool_variants[] = {&pool_avx512, &pool_avx2, &pool_scalar};

extern const PoolVariant<Bf16> pool_bf16_avx512_bf16, pool_bf16_avx512, pool_bf16_avx2, pool_bf16_scalar;
inline constexpr const PoolVariant<Bf16>* pool_bf16_variants[] = {&pool_bf16_avx512_bf16, &pool_bf16_avx512,
                                                                  &pool_bf16_avx2, &pool_bf16_scalar};

}  // namespace keel::kernels
