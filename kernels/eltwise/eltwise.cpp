#include "kernels/eltwise/eltwise.h"

#include "kernels/dispatch.h"
#include "kernels/eltwise/reference.h"
#include "kernels/eltwise/variants.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr EltwiseVariant<T> kReference{Isa::scalar,
                                       reference::copy<T>,
                                       reference::accumulate<T>,
                                       reference::scale<T>,
                                       reference::relu_forward<T>,
                                       reference::relu_backward<T>,
                                       reference::add_forward<T>,
                                       reference::add_relu_forward<T>,
                                       reference::affine_forward<T>,
                                       reference::affine_add_relu_forward<T>,
                                       reference::add_bias<T>,
                                       reference::column_sum<T>,
                                       reference::moving_average<T>};

template <class T>
const EltwiseVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const EltwiseVariant<float>& chosen() {
    return select(eltwise_variants);
}
template <>
const EltwiseVariant<Bf16>& chosen() {
    return select(eltwise_bf16_variants);
}

/// Elements a thread must have to be worth waking: a few microseconds of work.
constexpr std::int64_t kGrain = 16384;

/// Splits the rows over the threads; a dense matrix is one long row, and split inside it.
/// Calls part(geometry, src offset, dst offset).
template <class Part>
void split(const UnaryGeometry& g, Part part) {
    if ((g.src_ld == g.c && g.dst_ld == g.c) || g.rows == 1) {
        parallel_for(g.rows * g.c, kGrain, [&](std::int64_t begin, std::int64_t end) {
            part(UnaryGeometry{1, end - begin, end - begin, end - begin}, begin, begin);
        });
        return;
    }
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1), [&](std::int64_t begin, std::int64_t end) {
        part(UnaryGeometry{end - begin, g.c, g.src_ld, g.dst_ld}, begin * g.src_ld, begin * g.dst_ld);
    });
}

/// Calls part(geometry, src0 offset, src1 offset, dst offset).
template <class Part>
void split(const BinaryGeometry& g, Part part) {
    if ((g.src0_ld == g.c && g.src1_ld == g.c && g.dst_ld == g.c) || g.rows == 1) {
        parallel_for(g.rows * g.c, kGrain, [&](std::int64_t begin, std::int64_t end) {
            part(BinaryGeometry{1, end - begin, end - begin, end - begin, end - begin}, begin, begin, begin);
        });
        return;
    }
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1), [&](std::int64_t begin, std::int64_t end) {
        part(BinaryGeometry{end - begin, g.c, g.src0_ld, g.src1_ld, g.dst_ld}, begin * g.src0_ld, begin * g.src1_ld,
             begin * g.dst_ld);
    });
}

template <class T>
void run(void (*kernel)(const UnaryGeometry&, const T*, T*), const UnaryGeometry& g, const T* src, T* dst) {
    split(g, [&](const UnaryGeometry& part, std::int64_t s, std::int64_t d) { kernel(part, src + s, dst + d); });
}

template <class T>
void run(void (*kernel)(const BinaryGeometry&, const T*, const T*, T*), const BinaryGeometry& g, const T* src0,
         const T* src1, T* dst) {
    split(g, [&](const BinaryGeometry& part, std::int64_t s0, std::int64_t s1, std::int64_t d) {
        kernel(part, src0 + s0, src1 + s1, dst + d);
    });
}

}  // namespace

const EltwiseVariant<float> eltwise_scalar = kReference<float>;
const EltwiseBf16Variant eltwise_bf16_scalar{kReference<Bf16>, reference::convert<float, Bf16>,
                                             reference::convert<Bf16, float>};

template <class T>
void copy(const UnaryGeometry& g, const T* src, T* dst) {
    const profile::Span span("copy", profile::per_element<T>(g.rows * g.c, 0, 2));
    run(chosen<T>().copy, g, src, dst);
}

template <class T>
void accumulate(const UnaryGeometry& g, const T* src, T* dst) {
    const profile::Span span("accumulate", profile::per_element<T>(g.rows * g.c, 1, 3));
    run(chosen<T>().accumulate, g, src, dst);
}

template <class T>
void scale(const UnaryGeometry& g, Param<T> alpha, const T* src, T* dst) {
    const profile::Span span("scale", profile::per_element<T>(g.rows * g.c, 1, 2));
    const auto kernel = chosen<T>().scale;
    split(g, [&](const UnaryGeometry& part, std::int64_t s, std::int64_t d) { kernel(part, alpha, src + s, dst + d); });
}

template <class T>
void relu_forward(const UnaryGeometry& g, const T* src, T* dst) {
    const profile::Span span("relu_forward", profile::per_element<T>(g.rows * g.c, 1, 2));
    run(chosen<T>().relu_forward, g, src, dst);
}

template <class T>
void relu_backward(const BinaryGeometry& g, const T* dst, const T* diff_dst, T* diff_src) {
    const profile::Span span("relu_backward", profile::per_element<T>(g.rows * g.c, 1, 3));
    run(chosen<T>().relu_backward, g, dst, diff_dst, diff_src);
}

template <class T>
void add_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst) {
    const profile::Span span("add_forward", profile::per_element<T>(g.rows * g.c, 1, 3));
    run(chosen<T>().add_forward, g, src0, src1, dst);
}

template <class T>
void add_relu_forward(const BinaryGeometry& g, const T* src0, const T* src1, T* dst) {
    const profile::Span span("add_relu_forward", profile::per_element<T>(g.rows * g.c, 2, 3));
    run(chosen<T>().add_relu_forward, g, src0, src1, dst);
}

template <class T>
void affine_forward(const UnaryGeometry& g, const T* src, const Param<T>* scale, const Param<T>* shift, bool relu,
                    T* dst) {
    const profile::Span span("affine_forward", profile::per_element<T>(g.rows * g.c, relu ? 3 : 2, 2));
    const auto kernel = chosen<T>().affine_forward;
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1), [&](std::int64_t begin, std::int64_t end) {
        kernel({end - begin, g.c, g.src_ld, g.dst_ld}, src + begin * g.src_ld, scale, shift, relu,
               dst + begin * g.dst_ld);
    });
}

template <class T>
void affine_add_relu_forward(const BinaryGeometry& g, const T* src0, const Affine<Param<T>>& a, const T* src1,
                             const Affine<Param<T>>& b, T* dst) {
    const profile::Span span("affine_add_relu_forward", profile::per_element<T>(g.rows * g.c, 5, 3));
    const auto kernel = chosen<T>().affine_add_relu_forward;
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1), [&](std::int64_t begin, std::int64_t end) {
        kernel({end - begin, g.c, g.src0_ld, g.src1_ld, g.dst_ld}, src0 + begin * g.src0_ld, a,
               src1 + begin * g.src1_ld, b, dst + begin * g.dst_ld);
    });
}

template <class T>
void add_bias(const UnaryGeometry& g, const Param<T>* bias, T* dst) {
    const profile::Span span("add_bias", profile::per_element<T>(g.rows * g.c, 1, 2));
    const auto kernel = chosen<T>().add_bias;
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1), [&](std::int64_t begin, std::int64_t end) {
        kernel({end - begin, g.c, 0, g.dst_ld}, bias, dst + begin * g.dst_ld);
    });
}

template <class T>
void column_sum(const UnaryGeometry& g, const T* src, Param<T>* dst) {
    const profile::Span span("column_sum", profile::per_element<T>(g.rows * g.c, 1, 1));
    const auto kernel = chosen<T>().column_sum;
    ColumnPartials partials{g.rows, g.c, 1};
    partials.fill([&](std::int64_t chunk) {
        kernel({partials.chunks().rows(chunk), g.c, g.src_ld, 0}, src + partials.chunks().begin(chunk) * g.src_ld,
               partials.of(chunk, 0));
    });
    const double* sums = partials.total(0);
    for (std::int64_t i = 0; i < g.c; ++i) dst[i] = static_cast<Param<T>>(sums[i]);
}

template <class T>
void moving_average(std::int64_t n, Param<T> decay, const T* src, T* shadow) {
    const profile::Span span("moving_average", profile::per_element<T>(n, 3, 3));
    const auto kernel = chosen<T>().moving_average;
    parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
        kernel(end - begin, decay, src + begin, shadow + begin);
    });
}

#define KEEL_INSTANTIATE(T)                                                                                   \
    template void copy(const UnaryGeometry&, const T*, T*);                                                   \
    template void accumulate(const UnaryGeometry&, const T*, T*);                                             \
    template void scale(const UnaryGeometry&, Param<T>, const T*, T*);                                        \
    template void relu_forward(const UnaryGeometry&, const T*, T*);                                           \
    template void relu_backward(const BinaryGeometry&, const T*, const T*, T*);                               \
    template void add_forward(const BinaryGeometry&, const T*, const T*, T*);                                 \
    template void add_relu_forward(const BinaryGeometry&, const T*, const T*, T*);                            \
    template void affine_forward(const UnaryGeometry&, const T*, const Param<T>*, const Param<T>*, bool, T*); \
    template void affine_add_relu_forward(const BinaryGeometry&, const T*, const Affine<Param<T>>&, const T*, \
                                          const Affine<Param<T>>&, T*);                                       \
    template void add_bias(const UnaryGeometry&, const Param<T>*, T*);                                        \
    template void column_sum(const UnaryGeometry&, const T*, Param<T>*);
KEEL_INSTANTIATE(float)
KEEL_INSTANTIATE(double)
KEEL_INSTANTIATE(Bf16)
#undef KEEL_INSTANTIATE
template void moving_average(std::int64_t, float, const float*, float*);
template void moving_average(std::int64_t, double, const double*, double*);

template <class From, class To>
void convert(const UnaryGeometry& g, const From* src, To* dst) {
    const profile::Span span("convert", {0, static_cast<double>(g.rows * g.c) * (sizeof(From) + sizeof(To))});
    const auto& variant = select(eltwise_bf16_variants);
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1), [&](std::int64_t begin, std::int64_t end) {
        const UnaryGeometry part{end - begin, g.c, g.src_ld, g.dst_ld};
        if constexpr (std::is_same_v<From, float>)
            variant.round(part, src + begin * g.src_ld, dst + begin * g.dst_ld);
        else
            variant.widen(part, src + begin * g.src_ld, dst + begin * g.dst_ld);
    });
}
template void convert(const UnaryGeometry&, const float*, Bf16*);
template void convert(const UnaryGeometry&, const Bf16*, float*);

}  // namespace keel::kernels
