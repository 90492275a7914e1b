// Convolution of codes once more, as docs/quantization.md defines it: plain loops over the geometry, sums in 64 bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/qconv/qconv.h"

namespace keel::test {

/// To the nearest code, halves to the even one.
inline std::uint8_t oracle_quantized(float v) {
    return static_cast<std::uint8_t>(std::nearbyintf(std::clamp(v, 0.0F, 255.0F)));
}

/// A code as `before` lets channel c see it.
inline std::uint8_t oracle_prologue(const kernels::QuantPrologue& prologue, std::uint8_t q, std::int64_t c) {
    if (prologue.scale != nullptr) return oracle_quantized(std::fmaf(q, prologue.scale[c], prologue.shift[c]));
    return prologue.low != nullptr ? std::min(std::max(q, prologue.low[c]), prologue.high[c]) : q;
}

/// The results before they are made codes: dense [n, oh, ow, oc].
inline std::vector<float> qconv_oracle(const kernels::Conv2dGeometry& g, const kernels::QconvWeights& w,
                                       const kernels::QconvOperands& o) {
    const std::int64_t ic = g.ic / g.groups, oc = g.oc / g.groups;
    std::vector<float> results;
    for (std::int64_t p = 0; p < g.n * g.oh() * g.ow(); ++p) {
        const std::int64_t n = p / g.ow() / g.oh(), oy = p / g.ow() % g.oh(), ox = p % g.ow();
        for (std::int64_t out = 0; out < g.oc; ++out) {
            std::int64_t sum = 0;
            for (std::int64_t i = 0; i < ic; ++i) {
                const std::int64_t c = out / oc * ic + i;
                for (int ky = 0; ky < g.kh; ++ky)
                    for (int kx = 0; kx < g.kw; ++kx) {
                        const std::int64_t y = oy * g.stride_h - g.pad_h + ky * g.dilation_h;
                        const std::int64_t x = ox * g.stride_w - g.pad_w + kx * g.dilation_w;
                        std::int64_t q = o.pad == nullptr ? 0 : o.pad[c];
                        if (y >= 0 && y < g.ih && x >= 0 && x < g.iw)
                            q = oracle_prologue(o.prologue, o.src.data[((n * g.ih + y) * g.iw + x) * o.src.ld + c], c);
                        sum += q * w.weights[((out * ic + i) * g.kh + ky) * g.kw + kx];
                    }
            }
            float v = std::fmaf(static_cast<float>(sum), w.scale[out], w.shift[out]);
            if (o.residual.data != nullptr)
                v = std::fmaf(o.residual.data[p * o.residual.ld + out], w.residual_scale[out], v);
            results.push_back(std::max(o.least, v));
        }
    }
    return results;
}

}  // namespace keel::test
