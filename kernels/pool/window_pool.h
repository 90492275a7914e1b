// Pooling with windows of any shape, padding on each side and dilation, forward only; parallel over rows and channels.
// Sums are in double: the same bits on every ISA.
#pragma once

#include <cstdint>

namespace keel::kernels {

/// Windows along one axis. Window o holds the positions o * stride - before + i * dilation, i < kernel.
struct WindowAxis {
    std::int64_t in, out;
    int kernel, stride, before, after, dilation;
};

struct WindowPoolGeometry {
    std::int64_t n, c;
    WindowAxis y, x;
    std::int64_t src_ld, dst_ld;  ///< distances between pixels in elements
};

/// Returns whether every window holds a position of the map.
bool windows_hold_pixels(const WindowAxis& axis);

/// dst = maximum over the window's pixels inside the map; a NaN wins.
void window_max_forward(const WindowPoolGeometry& g, const float* src, float* dst);

/// dst = sum over the window's pixels inside the map / how many they are, or if `count_padding` how many of the
/// window's positions lie inside the map or its padding.
void window_average_forward(const WindowPoolGeometry& g, bool count_padding, const float* src, float* dst);

}  // namespace keel::kernels
