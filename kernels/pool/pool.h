// Pooling over NHWC maps; parallel over n * oh. T is float or Bf16 (dispatched by ISA) or double (the
// reference).
#pragma once

#include <cstdint>

namespace keel::kernels {

/// Maps of n images; distances between pixels in elements. Backward reads diff_dst with dst_ld, writes diff_src with
/// src_ld.
struct PoolGeometry {
    std::int64_t n, ih, iw, c, oh, ow;
    int kh, kw, stride, pad;
    std::int64_t src_ld, dst_ld;
};

/// dst = maximum over the window's pixels inside the map (every window must hold one); a NaN wins.
/// argmax, dense [n, oh, ow, c], gets the winner's position y * kw + x in its window, the first among equals
/// (kh * kw <= 256); null where backward is not wanted.
template <class T>
void max_pool_forward(const PoolGeometry& g, const T* src, T* dst, std::uint8_t* argmax);

/// diff_src = sum of diff_dst over the windows that the pixel won; every element of diff_src is written.
template <class T>
void max_pool_backward(const PoolGeometry& g, const T* diff_dst, const std::uint8_t* argmax, T* diff_src);

/// dst = sum over the window's pixels inside the map / (kh * kw).
template <class T>
void avg_pool_forward(const PoolGeometry& g, const T* src, T* dst);

/// Every element of diff_src is written.
template <class T>
void avg_pool_backward(const PoolGeometry& g, const T* diff_dst, T* diff_src);

/// Adaptive average: output pixel (y, x) is the mean over rows [y*ih/oh, ceil((y+1)*ih/oh)) and columns likewise
/// (PyTorch's AdaptiveAvgPool2d); oh = ow = 1 is the global average. kh, kw, stride and pad are not used.
template <class T>
void adaptive_avg_pool_forward(const PoolGeometry& g, const T* src, T* dst);

template <class T>
void adaptive_avg_pool_backward(const PoolGeometry& g, const T* diff_dst, T* diff_src);

}  // namespace keel::kernels
