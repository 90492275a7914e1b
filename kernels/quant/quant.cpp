#include "kernels/quant/quant.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/quant/variants.h"

namespace keel::kernels {
namespace {

/// Quantized values worth waking a thread for.
constexpr std::int64_t kGrain = 32768;

/// Narrow pixels that lie side by side are worked on as wide ones: kTogether of them, with the factors repeated.
constexpr std::int64_t kTogether = 16, kNarrow = 64;

std::vector<float> repeated(const float* values, std::int64_t count) {
    std::vector<float> all;
    for (std::int64_t i = 0; i < kTogether; ++i) all.insert(all.end(), values, values + count);
    return all;
}

/// Calls kernel(part of g, src, scale, shift, dst) for all rows.
template <class Src, class Dst, class Kernel>
void convert(const UnaryGeometry& g, const Src* src, const float* scale, const float* shift, Dst* dst, Kernel kernel) {
    const auto split = [&](const UnaryGeometry& whole, const Src* from, const float* scales, const float* shifts,
                           Dst* to) {
        parallel_for(whole.rows, std::max<std::int64_t>(1, kGrain / whole.c),
                     [&](std::int64_t begin, std::int64_t end) {
                         kernel({end - begin, whole.c, whole.src_ld, whole.dst_ld}, from + begin * whole.src_ld, scales,
                                shifts, to + begin * whole.dst_ld);
                     });
    };
    const std::int64_t together = g.c < kNarrow && g.src_ld == g.c && g.dst_ld == g.c ? g.rows / kTogether : 0;
    if (together > 0) {
        const std::int64_t c = g.c * kTogether;
        split({together, c, c, c}, src, repeated(scale, g.c).data(), repeated(shift, g.c).data(), dst);
    }
    const std::int64_t done = together * kTogether;
    if (done < g.rows)
        split({g.rows - done, g.c, g.src_ld, g.dst_ld}, src + done * g.src_ld, scale, shift, dst + done * g.dst_ld);
}

profile::Cost cost_of(const UnaryGeometry& g) {
    const auto elements = static_cast<double>(g.rows * g.c);
    return {2 * elements, (1 + sizeof(float)) * elements};
}

/// The windows of one axis: [begin, end) inside the map.
struct Axis {
    std::vector<std::int64_t> begin, end;
};

Axis windowed(std::int64_t in, std::int64_t out, int kernel, int stride, int pad) {
    Axis axis;
    for (std::int64_t o = 0; o < out; ++o) {
        axis.begin.push_back(std::clamp<std::int64_t>(o * stride - pad, 0, in));
        axis.end.push_back(std::clamp<std::int64_t>(o * stride - pad + kernel, 0, in));
    }
    return axis;
}

Axis adaptive(std::int64_t in, std::int64_t out) {
    Axis axis;
    for (std::int64_t o = 0; o < out; ++o) {
        axis.begin.push_back(o * in / out);
        axis.end.push_back(chunk_count((o + 1) * in, out));
    }
    return axis;
}

/// Calls body(window, pixel of dst) for each pixel; `area` 0 stands for the window's own.
template <class Body>
void for_windows(const PoolGeometry& g, const Axis& ys, const Axis& xs, int area, const std::uint8_t* src, Body body) {
    const double quantized = static_cast<double>(g.n) * static_cast<double>(g.ih * g.iw * g.c + g.oh * g.ow * g.c);
    const profile::Span span("quant_pool", {quantized, quantized});
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, g.iw * g.c));
    parallel_for(g.n * g.oh, grain, [&](std::int64_t begin, std::int64_t end) {
        std::vector<const std::uint8_t*> pixels;
        for (std::int64_t row = begin; row < end; ++row)
            for (std::int64_t ox = 0; ox < g.ow; ++ox) {
                const auto oy = static_cast<std::size_t>(row % g.oh), at = static_cast<std::size_t>(ox);
                pixels.clear();
                for (std::int64_t y = ys.begin[oy]; y < ys.end[oy]; ++y)
                    for (std::int64_t x = xs.begin[at]; x < xs.end[at]; ++x)
                        pixels.push_back(src + ((row / g.oh * g.ih + y) * g.iw + x) * g.src_ld);
                const int count = static_cast<int>(pixels.size()), whole = area == 0 ? count : area;
                body(QuantWindow{pixels.data(), count, whole - count, 1.0F / static_cast<float>(whole), g.c},
                     row * g.ow + ox);
            }
    });
}

void average(const PoolGeometry& g, const Axis& ys, const Axis& xs, int area, const std::uint8_t* src,
             const QuantAverage& a) {
    const QuantVariant& variant = select(quant_variants);
    for_windows(g, ys, xs, area, src, [&](const QuantWindow& window, std::int64_t pixel) {
        QuantAverage at = a;
        if (a.dst != nullptr)
            at.dst += pixel * g.dst_ld;
        else
            at.floats += pixel * g.dst_ld;
        variant.average(window, at);
    });
}

}  // namespace

bool quantize(const UnaryGeometry& g, const float* src, const float* scale, const float* shift, std::uint8_t* dst) {
    const profile::Span span("quantize", cost_of(g));
    std::atomic<bool> finite = true;
    convert(g, src, scale, shift, dst,
            [&, kernel = select(quant_variants).quantize](const UnaryGeometry& part, const float* from,
                                                          const float* scales, const float* shifts, std::uint8_t* to) {
                if (!kernel(part, from, scales, shifts, to)) finite = false;
            });
    return finite;
}

void dequantize(const UnaryGeometry& g, const std::uint8_t* src, const float* scale, const float* shift, float* dst) {
    const profile::Span span("dequantize", cost_of(g));
    convert(g, src, scale, shift, dst, select(quant_variants).dequantize);
}

void quant_max_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantPrologue& prologue, std::uint8_t* dst) {
    const QuantVariant& variant = select(quant_variants);
    for_windows(g, windowed(g.ih, g.oh, g.kh, g.stride, g.pad), windowed(g.iw, g.ow, g.kw, g.stride, g.pad), 0, src,
                [&](const QuantWindow& window, std::int64_t pixel) {
                    variant.maximum(window, prologue, dst + pixel * g.dst_ld);
                });
}

void quant_avg_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantAverage& a) {
    average(g, windowed(g.ih, g.oh, g.kh, g.stride, g.pad), windowed(g.iw, g.ow, g.kw, g.stride, g.pad), g.kh * g.kw,
            src, a);
}

void quant_adaptive_avg_pool(const PoolGeometry& g, const std::uint8_t* src, const QuantAverage& a) {
    average(g, adaptive(g.ih, g.oh), adaptive(g.iw, g.ow), 0, src, a);
}

}  // namespace keel::kernels
