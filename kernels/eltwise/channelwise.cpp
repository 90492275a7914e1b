#include "kernels/eltwise/channelwise.h"

#include <algorithm>

#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 8192;  // elements worth waking a thread for

/// dst = value(src, channel) element by element.
template <class Value>
void for_rows(const UnaryGeometry& g, const float* src, float* dst, Value value) {
    parallel_for(g.rows, chunk_count(kGrain, std::max<std::int64_t>(g.c, 1)),
                 [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t r = begin; r < end; ++r)
                         for (std::int64_t i = 0; i < g.c; ++i) dst[r * g.dst_ld + i] = value(src[r * g.src_ld + i], i);
                 });
}

/// Adding and taking off 1.5 * 2^23 leaves the nearest whole number, the even one of two.
float nearest_whole(float x) {
    constexpr float kRound = 0x1.8p23F;
    return (x + kRound) - kRound;
}

float rounded(float x, const FakeQuantization& p) {
    float q = x / p.scale;
    q = q < p.low ? p.low : q;
    q = q > p.high ? p.high : q;
    const float beyond = x - x;  // 0, or NaN of what is none or infinite
    return beyond == 0 ? nearest_whole(q) * p.scale : beyond;
}

}  // namespace

void prelu_forward(const UnaryGeometry& g, const float* src, const float* slope, std::int64_t slope_step, float* dst) {
    const profile::Span span("prelu", profile::per_element<float>(g.rows * g.c, 1, 2));
    for_rows(g, src, dst, [=](float x, std::int64_t i) { return x < 0 ? slope[i * slope_step] * x : x; });
}

void fake_quantize(const UnaryGeometry& g, const float* src, const FakeQuantization* parameters, std::int64_t step,
                   float* dst) {
    const profile::Span span("fake_quantize", profile::per_element<float>(g.rows * g.c, 5, 2));
    if (step == 0)
        for_rows(g, src, dst, [p = *parameters](float x, std::int64_t) { return rounded(x, p); });
    else
        for_rows(g, src, dst, [=](float x, std::int64_t i) { return rounded(x, parameters[i]); });
}

}  // namespace keel::kernels
