#include "kernels/binary/binary.h"

#include <algorithm>

#include "kernels/binary/reference.h"
#include "kernels/binary/variants.h"
#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 16384, kPowerGrain = 512;  // elements worth waking a thread for

/// Consecutive pixels of dst over which `other` goes on by its step of a pixel.
std::int64_t pixels_of_a_run(const BroadcastGeometry& g) {
    std::int64_t run = g.w;
    if (g.h > 1 && g.other_row != run * g.other_pixel) return run;
    run *= g.h;
    return g.n > 1 && g.other_image != run * g.other_pixel ? run : run * g.n;
}

}  // namespace

const BinaryVariant binary_scalar{Isa::scalar, reference::binary_rows};

void binary_forward(const BroadcastGeometry& given, BinaryKind kind, bool swapped, const float* src, const float* other,
                    float* dst) {
    BroadcastGeometry g = given;
    if (g.w == 1) g.other_pixel = g.other_row;  // a column is a row
    const std::int64_t pixels = g.n * g.h * g.w, run = pixels_of_a_run(g);
    const profile::Span span("binary", profile::per_element<float>(pixels * g.c, 1, 3));
    const auto kernel = kind == BinaryKind::pow ? reference::binary_rows : select(binary_variants).run;
    const std::int64_t grain = kind == BinaryKind::pow ? kPowerGrain : kGrain;
    const bool dense = g.src_ld == g.c && g.dst_ld == g.c && run == pixels && g.other_pixel == g.c * g.other_channel;
    if (dense) {
        parallel_for(pixels * g.c, grain, [&](std::int64_t begin, std::int64_t end) {
            kernel({1, end - begin, 0, 0, 0, g.other_channel}, kind, swapped, src + begin,
                   other + begin * g.other_channel, dst + begin);
        });
        return;
    }
    parallel_for(pixels, chunk_count(grain, std::max<std::int64_t>(g.c, 1)), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t at = begin; at < end;) {
            const std::int64_t rows = std::min(end, (at / run + 1) * run) - at;
            const std::int64_t offset =
                at / (g.h * g.w) * g.other_image + at / g.w % g.h * g.other_row + at % g.w * g.other_pixel;
            kernel({rows, g.c, g.src_ld, g.dst_ld, g.other_pixel, g.other_channel}, kind, swapped, src + at * g.src_ld,
                   other + offset, dst + at * g.dst_ld);
            at += rows;
        }
    });
}

}  // namespace keel::kernels
