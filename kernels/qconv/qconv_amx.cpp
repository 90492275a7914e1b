#include "kernels/simd/avx512_integers.h"
#include "kernels/simd/tiles.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kQconvIsa = presented(Isa::amx);
using Element = std::uint8_t;

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/finish_body.h"
#include "kernels/qconv/gather_body.h"

namespace keel::kernels::simd {
namespace {

/// Rows of a whole panel, to quantized values. The factors stay in registers: stores of bytes could change them, as far
/// as the compiler knows.
inline void finish_whole(const QconvTile& t, int begin, int end, const std::int32_t* sums) {
    constexpr int kV = kByteLanes / kWidth;
    const AllLanes all;
    Factors factors[kV];
    unrolled<kV>([&](auto i) { factors[i] = load_factors(t, i * kWidth); });
    const QuantizedVec least = all_quantized(t.least);
    for (int r = begin; r < end; ++r) {
        Vec v[kV];
        unrolled<kV>([&](auto i) {
            v[i] = result(t, r, i * kWidth, load_sums(sums + r * kByteLanes + i * kWidth), factors[i], all);
        });
        store_quantized(t.dst + r * t.dst_row, max_quantized(least, to_quantized(v)));
    }
}

inline void finish_rows(const QconvTile& t, int begin, int end, const std::int32_t* sums) {
    if (t.columns == kByteLanes && t.dst != nullptr) return finish_whole(t, begin, end, sums);
    for (int r = begin; r < end; ++r)
        for_lanes(t.columns,
                  [&](std::int64_t i, auto lanes) { finish(t, r, i, load_sums(sums + r * kByteLanes + i), lanes); });
}

}  // namespace
}  // namespace keel::kernels::simd

#include "kernels/qconv/tiles_body.h"

namespace keel::kernels {

const QconvVariant qconv_amx = simd::kQconvOnTiles;

}  // namespace keel::kernels
