#include "kernels/pool/pool.h"

#include <utility>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/pool/reference.h"
#include "kernels/pool/variants.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr PoolVariant<T> kReference{Isa::scalar, reference::max_forward<T>, reference::max_backward<T>,
                                    reference::avg_forward<T>, reference::avg_backward<T>};

template <class T>
const PoolVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const PoolVariant<float>& chosen() {
    return select(pool_variants);
}
template <>
const PoolVariant<Bf16>& chosen() {
    return select(pool_bf16_variants);
}

/// The windows of one axis, both ways round.
struct Axis {
    std::vector<PoolRange> windows, outputs;

    void add(int begin, int end) {
        const int output = static_cast<int>(windows.size());
        windows.push_back({begin, end});
        for (int i = begin; i < end; ++i) {
            PoolRange& range = outputs[static_cast<std::size_t>(i)];
            if (range.end == 0) range.begin = output;
            range.end = output + 1;
        }
    }
};

Axis windowed_axis(std::int64_t in, std::int64_t out, int kernel, int stride, int pad) {
    Axis axis{{}, std::vector<PoolRange>(static_cast<std::size_t>(in))};
    const int size = static_cast<int>(in);
    for (int o = 0; o < out; ++o) {
        const int origin = o * stride - pad;
        axis.add(std::clamp(origin, 0, size), std::clamp(origin + kernel, 0, size));
    }
    return axis;
}

Axis adaptive_axis(std::int64_t in, std::int64_t out) {
    Axis axis{{}, std::vector<PoolRange>(static_cast<std::size_t>(in))};
    for (std::int64_t o = 0; o < out; ++o)
        axis.add(static_cast<int>(o * in / out), static_cast<int>(chunk_count((o + 1) * in, out)));
    return axis;
}

struct Plan {
    Axis y, x;
    PoolWindows windows;
    Plan(const PoolGeometry& g, Axis along_y, Axis along_x, int divisor)
        : y(std::move(along_y)),
          x(std::move(along_x)),
          windows{g, y.windows.data(), x.windows.data(), y.outputs.data(), x.outputs.data(), divisor} {}
    Plan(const Plan&) = delete;
};

Plan windowed(const PoolGeometry& g) {
    return Plan(g, windowed_axis(g.ih, g.oh, g.kh, g.stride, g.pad), windowed_axis(g.iw, g.ow, g.kw, g.stride, g.pad),
                g.kh * g.kw);
}

Plan adaptive(const PoolGeometry& g) { return Plan(g, adaptive_axis(g.ih, g.oh), adaptive_axis(g.iw, g.ow), 0); }

/// Rows of pixels worth waking a thread for.
std::int64_t grain(const PoolGeometry& g) { return 16384 / std::max<std::int64_t>(g.iw * g.c, 1); }

/// Both maps once, and `flops` an element of the pooled one.
template <class T>
profile::Cost cost(const PoolGeometry& g, std::int64_t flops) {
    const std::int64_t large = g.n * g.ih * g.iw * g.c, small = g.n * g.oh * g.ow * g.c;
    return {static_cast<double>(flops * small), static_cast<double>((large + small) * std::int64_t{sizeof(T)})};
}

template <class T>
void average_forward(const Plan& plan, const T* src, T* dst) {
    const auto kernel = chosen<T>().avg_forward;
    parallel_for(plan.windows.g.n * plan.windows.g.oh, grain(plan.windows.g),
                 [&](std::int64_t begin, std::int64_t end) { kernel(plan.windows, begin, end, src, dst); });
}

template <class T>
void average_backward(const Plan& plan, const T* diff_dst, T* diff_src) {
    const auto kernel = chosen<T>().avg_backward;
    parallel_for(plan.windows.g.n * plan.windows.g.ih, grain(plan.windows.g),
                 [&](std::int64_t begin, std::int64_t end) { kernel(plan.windows, begin, end, diff_dst, diff_src); });
}

}  // namespace

const PoolVariant<float> pool_scalar = kReference<float>;
const PoolVariant<Bf16> pool_bf16_scalar = kReference<Bf16>;

template <class T>
void max_pool_forward(const PoolGeometry& g, const T* src, T* dst, std::uint8_t* argmax) {
    const profile::Span span("max_pool_forward", cost<T>(g, g.kh * g.kw));
    const Plan plan = windowed(g);
    const auto kernel = chosen<T>().max_forward;
    parallel_for(g.n * g.oh, grain(g),
                 [&](std::int64_t begin, std::int64_t end) { kernel(plan.windows, begin, end, src, dst, argmax); });
}

template <class T>
void max_pool_backward(const PoolGeometry& g, const T* diff_dst, const std::uint8_t* argmax, T* diff_src) {
    const profile::Span span("max_pool_backward", cost<T>(g, 1));
    const Plan plan = windowed(g);
    const auto kernel = chosen<T>().max_backward;
    parallel_for(g.n * g.ih, grain(g), [&](std::int64_t begin, std::int64_t end) {
        kernel(plan.windows, begin, end, diff_dst, argmax, diff_src);
    });
}

template <class T>
void avg_pool_forward(const PoolGeometry& g, const T* src, T* dst) {
    const profile::Span span("avg_pool_forward", cost<T>(g, g.kh * g.kw));
    average_forward(windowed(g), src, dst);
}

template <class T>
void avg_pool_backward(const PoolGeometry& g, const T* diff_dst, T* diff_src) {
    const profile::Span span("avg_pool_backward", cost<T>(g, g.kh * g.kw));
    average_backward(windowed(g), diff_dst, diff_src);
}

template <class T>
void adaptive_avg_pool_forward(const PoolGeometry& g, const T* src, T* dst) {
    const profile::Span span("adaptive_avg_pool_forward", cost<T>(g, chunk_count(g.ih * g.iw, g.oh * g.ow)));
    average_forward(adaptive(g), src, dst);
}

template <class T>
void adaptive_avg_pool_backward(const PoolGeometry& g, const T* diff_dst, T* diff_src) {
    const profile::Span span("adaptive_avg_pool_backward", cost<T>(g, chunk_count(g.ih * g.iw, g.oh * g.ow)));
    average_backward(adaptive(g), diff_dst, diff_src);
}

#define KEEL_INSTANTIATE(T)                                                                  \
    template void max_pool_forward(const PoolGeometry&, const T*, T*, std::uint8_t*);        \
    template void max_pool_backward(const PoolGeometry&, const T*, const std::uint8_t*, T*); \
    template void avg_pool_forward(const PoolGeometry&, const T*, T*);                       \
    template void avg_pool_backward(const PoolGeometry&, const T*, T*);                      \
    template void adaptive_avg_pool_forward(const PoolGeometry&, const T*, T*);              \
    template void adaptive_avg_pool_backward(const PoolGeometry&, const T*, T*);
KEEL_INSTANTIATE(float)
KEEL_INSTANTIATE(double)
KEEL_INSTANTIATE(Bf16)
#undef KEEL_INSTANTIATE

}  // namespace keel::kernels
