// The scalar variant: plain loops.
#pragma once

#include "kernels/depthwise/variants.h"

namespace keel::kernels::reference {

/// The sum of one pixel's products in one channel.
inline float depthwise_sum(const DepthwiseCall& call, std::int64_t row, std::int64_t ox, std::int64_t c) {
    const float* weights =
        call.weights + c / kDepthwisePanel * static_cast<std::int64_t>(call.panel) + c % kDepthwisePanel;
    float sum = call.bias == nullptr ? 0 : call.bias[c];
    for (int ky = 0; ky < call.kh; ++ky)
        for (int kx = 0; kx < call.kw; ++kx) {
            const std::int64_t y = row % call.oh * call.stride_h - call.pad_h + ky * call.dilation_h,
                               x = ox * call.stride_w - call.pad_w + kx * call.dilation_w;
            if (y < 0 || y >= call.ih || x < 0 || x >= call.iw) continue;
            sum += call.src[((row / call.oh * call.ih + y) * call.iw + x) * call.src_ld + c] *
                   weights[(ky * call.kw + kx) * kDepthwisePanel];
        }
    return sum;
}

inline void depthwise_rows(const DepthwiseCall& call, std::int64_t first, std::int64_t last, std::int64_t begin,
                           std::int64_t end, const float** /*pixels*/) {
    for (std::int64_t row = first; row < last; ++row)
        for (std::int64_t ox = 0; ox < call.ow; ++ox) {
            const std::int64_t pixel = row * call.ow + ox;
            float* dst = call.dst + pixel * call.dst_ld;
            for (std::int64_t c = begin; c < end; ++c) {
                float value = depthwise_sum(call, row, ox, c);
                if (call.residual != nullptr) value += call.residual[pixel * call.residual_ld + c];
                dst[c] = call.relu && value < 0 ? 0 : value;
            }
            const std::int64_t count = end - begin;
            if (call.activate != nullptr)
                call.activate(call.activation, {1, count, count, count}, dst + begin, dst + begin);
        }
}

}  // namespace keel::kernels::reference
