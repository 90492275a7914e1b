#include "kernels/pad/pad.h"

#include <algorithm>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 16384;  // elements worth waking a thread for

/// Returns where each position of an axis of dst is read; -1: nowhere.
std::vector<std::int64_t> sources(std::int64_t in, std::int64_t out, std::int64_t before, PadMode mode) {
    std::vector<std::int64_t> from;
    for (std::int64_t o = 0; o < out; ++o) {
        std::int64_t i = o - before;
        if (mode == PadMode::edge) i = std::clamp<std::int64_t>(i, 0, in - 1);
        if (mode == PadMode::reflect) i = i < 0 ? -i : (i >= in ? 2 * (in - 1) - i : i);
        from.push_back(i < 0 || i >= in ? -1 : i);
    }
    return from;
}

}  // namespace

void pad_forward(const PadGeometry& g, PadMode mode, float value, const float* src, float* dst) {
    const profile::Span span("pad", profile::per_element<float>(g.n * g.oh * g.ow * g.oc, 0, 2));
    const auto ys = sources(g.ih, g.oh, g.top, mode), xs = sources(g.iw, g.ow, g.left, mode),
               cs = sources(g.ic, g.oc, g.front, mode);
    const std::int64_t behind = g.front + g.ic;
    const auto write_pixel = [&](const float* from, float* to) {
        const auto write_border = [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t k = begin; k < end; ++k)
                to[k] = cs[static_cast<std::size_t>(k)] < 0 ? value : from[cs[static_cast<std::size_t>(k)]];
        };
        write_border(0, g.front);
        std::copy_n(from, g.ic, to + g.front);
        write_border(behind, g.oc);
    };
    const std::int64_t grain = chunk_count(kGrain, std::max<std::int64_t>(g.ow * g.oc, 1));
    parallel_for(g.n * g.oh, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t y = ys[static_cast<std::size_t>(row % g.oh)];
            for (std::int64_t ox = 0; ox < g.ow; ++ox) {
                const std::int64_t x = xs[static_cast<std::size_t>(ox)];
                float* to = dst + (row * g.ow + ox) * g.dst_ld;
                if (y < 0 || x < 0)
                    std::fill_n(to, g.oc, value);
                else
                    write_pixel(src + ((row / g.oh * g.ih + y) * g.iw + x) * g.src_ld, to);
            }
        }
    });
}

}  // namespace keel::kernels
