#include "kernels/reduce/channels.h"

#include <cmath>

#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 16384;  // elements worth waking a thread for

double sum(std::int64_t c, const float* src) {
    double sums[4] = {};  // chains that need not wait for one another
    for (std::int64_t i = 0; i < c; ++i) sums[i % 4] += static_cast<double>(src[i]);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// The element that beats all others; a NaN if there is one.
template <class Beats>
float best(std::int64_t c, const float* src, Beats beats) {
    float found = src[0];
    for (std::int64_t i = 1; i < c; ++i)
        found = beats(src[i], found) || std::isnan(src[i]) ? src[i] : found;  // nothing but another NaN beats one
    return found;
}

float reduced(ChannelReduction kind, std::int64_t c, const float* src) {
    switch (kind) {
        case ChannelReduction::mean:
            return static_cast<float>(sum(c, src) / static_cast<double>(c));
        case ChannelReduction::sum:
            return static_cast<float>(sum(c, src));
        case ChannelReduction::max:
            return best(c, src, [](float a, float b) { return a > b; });
        case ChannelReduction::min:
            return best(c, src, [](float a, float b) { return a < b; });
    }
    return 0;
}

}  // namespace

void reduce_channels(const ChannelGeometry& g, ChannelReduction kind, const float* src, float* dst) {
    const profile::Span span("reduce_channels", profile::per_element<float>(g.pixels * g.c, 1, 1));
    parallel_for(g.pixels, chunk_count(kGrain, g.c), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t p = begin; p < end; ++p) dst[p * g.dst_ld] = reduced(kind, g.c, src + p * g.src_ld);
    });
}

}  // namespace keel::kernels
