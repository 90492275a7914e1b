// The variants of the depthwise convolution: serial, over some rows of dst and some of its channels.
#pragma once

#include "kernels/activation/variants.h"
#include "kernels/isa.h"

namespace keel::kernels {

/// Channels that a cache line of packed weights holds.
inline constexpr std::int64_t kDepthwisePanel = 16;

/// What the threads of one call share: a kernel a channel. Distances between pixels are ld's; the row of dst at oy
/// reads rows oy * stride_h - pad_h + ky * dilation_h of src.
struct DepthwiseCall {
    std::int64_t ih, iw, oh, ow;
    int kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
    const float* src;
    std::int64_t src_ld;
    const float* weights;   ///< packed
    std::uint64_t panel;    ///< floats from one panel of weights to the next
    const float* bias;      ///< or null
    const float* residual;  ///< or null
    std::int64_t residual_ld;
    float* dst;
    std::int64_t dst_ld;
    bool relu;
    Activation activation;
    void (*activate)(const Activation& activation, const UnaryGeometry& g, const float* src, float* dst);  ///< or null
    bool ahead;          ///< what comes next is asked of the memory: the maps are larger than the second-level cache
    const float* zeros;  ///< as many as the channels of a call to rows()
};

struct DepthwiseVariant {
    Isa isa;
    /// Writes rows [first, last) of the n * oh rows of all images, channels [begin, end); begin is a multiple of
    /// kDepthwisePanel. `pixels` has room for kh * kw * kDepthwiseColumns pointers.
    void (*rows)(const DepthwiseCall& call, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end,
                 const float** pixels);
};

/// Columns of dst that are made at once.
inline constexpr int kDepthwiseColumns = 8;

extern const DepthwiseVariant depthwise_avx512, depthwise_avx2, depthwise_scalar;
inline constexpr const DepthwiseVariant* depthwise_variants[] = {&depthwise_avx512, &depthwise_avx2, &depthwise_scalar};

}  // namespace keel::kernels
