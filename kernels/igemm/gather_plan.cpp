#include "kernels/igemm/gather_plan.h"

#include <utility>

namespace keel::kernels::igemm {
namespace {

/// One axis of backward data for the pixels i with i % stride == phase: which taps reach them, and from where.
struct Phase {
    std::int64_t count;
    std::vector<std::int64_t> taps, offsets;
};

Phase phase_of(std::int64_t in, int kernel, int stride, int pad, int dilation, std::int64_t phase) {
    Phase p{in > phase ? chunk_count(in - phase, stride) : 0, {}, {}};
    for (std::int64_t k = 0; k < kernel; ++k) {
        const std::int64_t numerator = phase + pad - k * dilation;
        if (numerator % stride != 0) continue;
        p.taps.push_back(k);
        p.offsets.push_back(numerator / stride);
    }
    return p;
}

}  // namespace

GatherConv forward_gather(const Conv2dGeometry& g) {
    GatherConv conv{g.n,    g.oh(), g.ow(), g.ih, g.iw, g.ic, g.stride_h, g.stride_w,
                    g.oh(), g.ow(), g.oc,   1,    1,    0,    0,          {}};
    for (int ky = 0; ky < g.kh; ++ky)
        for (int kx = 0; kx < g.kw; ++kx)
            conv.taps.push_back({std::int64_t{ky} * g.dilation_h - g.pad_h, std::int64_t{kx} * g.dilation_w - g.pad_w});
    return conv;
}

std::vector<BackwardGather> backward_gathers(const Conv2dGeometry& g) {
    std::vector<BackwardGather> gathers;
    for (std::int64_t py = 0; py < g.stride_h; ++py)
        for (std::int64_t px = 0; px < g.stride_w; ++px) {
            const Phase ys = phase_of(g.ih, g.kh, g.stride_h, g.pad_h, g.dilation_h, py);
            const Phase xs = phase_of(g.iw, g.kw, g.stride_w, g.pad_w, g.dilation_w, px);
            BackwardGather gather{{g.n,
                                   ys.count,
                                   xs.count,
                                   g.oh(),
                                   g.ow(),
                                   g.oc,
                                   1,
                                   1,
                                   g.ih,
                                   g.iw,
                                   g.ic,
                                   g.stride_h,
                                   g.stride_w,
                                   py,
                                   px,
                                   {}},
                                  {}};
            if (gather.conv.points() == 0) continue;
            for (std::size_t y = 0; y < ys.taps.size(); ++y)
                for (std::size_t x = 0; x < xs.taps.size(); ++x) {
                    gather.conv.taps.push_back({ys.offsets[y], xs.offsets[x]});
                    gather.kernel_taps.push_back(ys.taps[y] * g.kw + xs.taps[x]);
                }
            gathers.push_back(std::move(gather));
        }
    return gathers;
}

}  // namespace keel::kernels::igemm
