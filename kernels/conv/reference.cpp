#include <algorithm>

#include "kernels/conv/conv.h"
#include "kernels/parallel.h"

namespace keel::kernels {
namespace {

/// Calls body(src pixel, dst pixel, tap) for each pair of pixels of image `n` that a weight [ky][kx] = tap connects.
template <class Body>
void for_each_tap(const Conv2dGeometry& g, std::int64_t n, Body&& body) {
    const std::int64_t oh = g.oh(), ow = g.ow();
    for (std::int64_t oy = 0; oy < oh; ++oy)
        for (std::int64_t ox = 0; ox < ow; ++ox)
            for (std::int64_t tap = 0; tap < g.kh * g.kw; ++tap) {
                const std::int64_t iy = oy * g.stride_h - g.pad_h + tap / g.kw * g.dilation_h;
                const std::int64_t ix = ox * g.stride_w - g.pad_w + tap % g.kw * g.dilation_w;
                if (iy < 0 || iy >= g.ih || ix < 0 || ix >= g.iw) continue;
                body((n * g.ih + iy) * g.iw + ix, (n * oh + oy) * ow + ox, tap);
            }
}

/// The channels of one group, and where its weights lie.
struct Grouping {
    explicit Grouping(const Conv2dGeometry& g) : ic(g.ic / g.groups), oc(g.oc / g.groups), taps(g.kh * g.kw) {}
    std::int64_t first_ic(std::int64_t o) const { return o / oc * ic; }
    std::int64_t weight(std::int64_t o, std::int64_t i, std::int64_t tap) const { return (o * ic + i) * taps + tap; }

    std::int64_t ic, oc, taps;
};

}  // namespace

template <class T>
void conv2d_forward_reference(const Conv2dGeometry& g, const T* src, const T* weights, const T* bias, T* dst) {
    check_geometry(g);
    const Grouping group(g);
    const std::int64_t pixels = g.oh() * g.ow();
    parallel_for(g.n, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin * pixels; row < end * pixels; ++row)
            for (std::int64_t o = 0; o < g.oc; ++o) dst[row * g.oc + o] = bias == nullptr ? T{0} : bias[o];
        for (std::int64_t n = begin; n < end; ++n)
            for_each_tap(g, n, [&](std::int64_t src_pixel, std::int64_t dst_pixel, std::int64_t tap) {
                for (std::int64_t o = 0; o < g.oc; ++o) {
                    const T* x = src + src_pixel * g.ic + group.first_ic(o);
                    T sum{0};
                    for (std::int64_t i = 0; i < group.ic; ++i) sum += x[i] * weights[group.weight(o, i, tap)];
                    dst[dst_pixel * g.oc + o] += sum;
                }
            });
    });
}

template <class T>
void conv2d_backward_data_reference(const Conv2dGeometry& g, const T* diff_dst, const T* weights, T* diff_src) {
    check_geometry(g);
    const Grouping group(g);
    const std::int64_t image = g.ih * g.iw * g.ic;
    parallel_for(g.n, 1, [&](std::int64_t begin, std::int64_t end) {
        std::fill(diff_src + begin * image, diff_src + end * image, T{0});
        for (std::int64_t n = begin; n < end; ++n)
            for_each_tap(g, n, [&](std::int64_t src_pixel, std::int64_t dst_pixel, std::int64_t tap) {
                for (std::int64_t o = 0; o < g.oc; ++o) {
                    const T dy = diff_dst[dst_pixel * g.oc + o];
                    T* dx = diff_src + src_pixel * g.ic + group.first_ic(o);
                    for (std::int64_t i = 0; i < group.ic; ++i) dx[i] += dy * weights[group.weight(o, i, tap)];
                }
            });
    });
}

template <class T>
void conv2d_backward_weights_reference(const Conv2dGeometry& g, const T* src, const T* diff_dst, T* diff_weights,
                                       T* diff_bias) {
    check_geometry(g);
    const Grouping group(g);
    const std::int64_t rows = g.n * g.oh() * g.ow(), weights_each = group.ic * group.taps;
    parallel_for(g.oc, 1, [&](std::int64_t begin, std::int64_t end) {
        std::fill(diff_weights + begin * weights_each, diff_weights + end * weights_each, T{0});
        for (std::int64_t n = 0; n < g.n; ++n)
            for_each_tap(g, n, [&](std::int64_t src_pixel, std::int64_t dst_pixel, std::int64_t tap) {
                for (std::int64_t o = begin; o < end; ++o) {
                    const T dy = diff_dst[dst_pixel * g.oc + o];
                    const T* x = src + src_pixel * g.ic + group.first_ic(o);
                    for (std::int64_t i = 0; i < group.ic; ++i) diff_weights[group.weight(o, i, tap)] += dy * x[i];
                }
            });
        if (diff_bias == nullptr) return;
        std::fill(diff_bias + begin, diff_bias + end, T{0});
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t o = begin; o < end; ++o) diff_bias[o] += diff_dst[row * g.oc + o];
    });
}

template void conv2d_forward_reference(const Conv2dGeometry&, const float*, const float*, const float*, float*);
template void conv2d_forward_reference(const Conv2dGeometry&, const double*, const double*, const double*, double*);
template void conv2d_backward_data_reference(const Conv2dGeometry&, const float*, const float*, float*);
template void conv2d_backward_data_reference(const Conv2dGeometry&, const double*, const double*, double*);
template void conv2d_backward_weights_reference(const Conv2dGeometry&, const float*, const float*, float*, float*);
template void conv2d_backward_weights_reference(const Conv2dGeometry&, const double*, const double*, double*, double*);

}  // namespace keel::kernels
