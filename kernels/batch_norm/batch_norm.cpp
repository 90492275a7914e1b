#include "kernels/batch_norm/batch_norm.h"

#include <cmath>
#include <vector>

#include "kernels/batch_norm/reference.h"
#include "kernels/batch_norm/variants.h"
#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr BatchNormVariant<T> kReference{Isa::scalar, reference::moments<T>, reference::backward_sums<T>,
                                         reference::backward_apply<T>, reference::correct<T>};

template <class T>
const BatchNormVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const BatchNormVariant<float>& chosen() {
    return select(batch_norm_variants);
}
template <>
const BatchNormVariant<Bf16>& chosen() {
    return select(batch_norm_bf16_variants);
}

BatchNormGeometry with_rows(BatchNormGeometry g, std::int64_t rows) {
    g.rows = rows;
    return g;
}

/// Calls part(geometry, first row) for ranges of rows on all threads.
template <class Part>
void split_rows(const BatchNormGeometry& g, Part part) {
    constexpr std::int64_t kGrain = 16384;  // elements worth waking a thread for
    parallel_for(g.rows, kGrain / std::max<std::int64_t>(g.c, 1),
                 [&](std::int64_t begin, std::int64_t end) { part(with_rows(g, end - begin), begin); });
}

/// Mean and biased variance from the moments of all chunks, merged in order into those of chunk 0 (Chan et al. 1979).
template <class T>
void merge_moments(ColumnPartials& partials, std::int64_t c, T* mean, T* variance) {
    double *mean_a = partials.of(0, 0), *m2_a = partials.of(0, 1);
    const RowChunks& chunks = partials.chunks();
    for (std::int64_t chunk = 1; chunk < chunks.count(); ++chunk) {
        const double *mean_b = partials.of(chunk, 0), *m2_b = partials.of(chunk, 1);
        const auto rows_a = static_cast<double>(chunks.begin(chunk)), rows_b = static_cast<double>(chunks.rows(chunk));
        const double share = rows_b / (rows_a + rows_b);
        for (std::int64_t i = 0; i < c; ++i) {
            const double delta = mean_b[i] - mean_a[i];
            mean_a[i] += delta * share;
            m2_a[i] += m2_b[i] + delta * delta * rows_a * share;
        }
    }
    const auto rows = static_cast<double>(chunks.end(chunks.count() - 1));
    for (std::int64_t i = 0; i < c; ++i) {
        mean[i] = static_cast<T>(mean_a[i]);
        variance[i] = static_cast<T>(m2_a[i] / rows);
    }
}

/// The first pass over `rows`: the sums, and diff_src where it needs no more than dy.
template <class T>
void sum_and_scale(const BatchNormGeometry& g, const BatchNormCoefficients<Param<T>>& k, const BatchNormRows<T>& rows,
                   ColumnPartials& partials) {
    const auto kernel = chosen<T>().backward_sums;
    partials.fill([&](std::int64_t chunk) {
        const std::int64_t row = partials.chunks().begin(chunk);
        BatchNormRows<T> part = rows;
        part.src += row * g.src_ld;
        part.diff_dst += row * g.dst_ld;
        if (part.dst != nullptr) {
            part.dst += row * g.dst_ld;
            part.diff_residual += row * g.dst_ld;
        }
        if (part.diff_src != nullptr) part.diff_src += row * g.diff_src_ld;
        kernel(with_rows(g, partials.chunks().rows(chunk)), k, part, partials.of(chunk, 0), partials.of(chunk, 1));
    });
}

/// Both passes. `dy` is what the second one reads: diff_dst, or where the first one left dy.
template <class T>
void backward(const BatchNormGeometry& g, BatchNormGradient gradient, const BatchNormCoefficients<Param<T>>& k,
              BatchNormRows<T> rows, const T* dy, bool relu, T* diff_src, Param<T>* diff_gamma, Param<T>* diff_beta) {
    using Number = Param<T>;
    const bool whole = gradient == BatchNormGradient::whole;
    rows.diff_src = whole ? nullptr : diff_src;
    rows.added = gradient == BatchNormGradient::added;
    ColumnPartials partials{g.rows, g.c, 2};
    sum_and_scale(g, k, rows, partials);
    const double *sum_dy = partials.total(0), *sum_dy_src = partials.total(1);
    std::vector<Number> offset(static_cast<std::size_t>(g.c)), slope(offset.size());
    for (std::size_t i = 0; i < offset.size(); ++i) {
        const auto inverse = static_cast<double>(k.inverse_sigma[i]), n = static_cast<double>(g.rows);
        diff_beta[i] = static_cast<Number>(sum_dy[i]);
        diff_gamma[i] = static_cast<Number>(sum_dy_src[i] * inverse);
        offset[i] = static_cast<Number>(sum_dy[i] / n);
        slope[i] = static_cast<Number>(sum_dy_src[i] * inverse * inverse / n);
    }
    if (!whole || diff_src == nullptr) return;
    BatchNormGeometry second = g;
    second.relu = relu;
    split_rows(second, [&](const BatchNormGeometry& part, std::int64_t row) {
        chosen<T>().backward_apply(part, k, offset.data(), slope.data(), rows.src + row * g.src_ld, dy + row * g.dst_ld,
                                   diff_src + row * g.diff_src_ld);
    });
}

/// Reads and writes of `streams` in the first pass, and of the second.
template <class T>
profile::Cost backward_cost(const BatchNormGeometry& g, BatchNormGradient gradient, double streams, bool wanted) {
    if (!wanted) return profile::per_element<T>(g.rows * g.c, 5, streams);
    if (gradient == BatchNormGradient::whole) return profile::per_element<T>(g.rows * g.c, 12, streams + 3);
    return profile::per_element<T>(g.rows * g.c, 7, streams + (gradient == BatchNormGradient::added ? 2 : 1));
}

}  // namespace

const BatchNormVariant<float> batch_norm_scalar = kReference<float>;
const BatchNormBf16Variant batch_norm_bf16_scalar{kReference<Bf16>, reference::backward_sums<Bf16, float, float>,
                                                  reference::backward_sums<Bf16, float, Bf16>};

template <class T>
void batch_norm_statistics(std::int64_t rows, std::int64_t c, std::int64_t src_ld, const T* src, Param<T>* mean,
                           Param<T>* variance) {
    const profile::Span span("batch_norm_statistics", profile::per_element<T>(rows * c, 4, 1));
    const auto moments = chosen<T>().moments;
    ColumnPartials partials{rows, c, 2};
    partials.fill([&](std::int64_t chunk) {
        moments(partials.chunks().rows(chunk), c, src_ld, src + partials.chunks().begin(chunk) * src_ld,
                partials.of(chunk, 0), partials.of(chunk, 1));
    });
    merge_moments(partials, c, mean, variance);
}

void BatchNormMoments::begin(const RowChunks& chunks) { partials_.emplace(chunks, c_, 2); }

void BatchNormMoments::take(std::int64_t chunk, std::int64_t first, std::int64_t count, float* rows, std::int64_t ld) {
    chosen<float>().moments(partials_->chunks().rows(chunk), count, ld, rows, partials_->of(chunk, 0) + first,
                            partials_->of(chunk, 1) + first);
}

void BatchNormMoments::result(float* mean, float* variance) { merge_moments(*partials_, c_, mean, variance); }

template <class T>
void batch_norm_coefficients(std::int64_t c, T eps, const T* mean, const T* variance, const T* gamma, const T* beta,
                             T* inverse_sigma, T* scale, T* shift) {
    for (std::int64_t i = 0; i < c; ++i) {
        const double inverse = 1 / std::sqrt(static_cast<double>(variance[i]) + static_cast<double>(eps));
        const double slope = static_cast<double>(gamma[i]) * inverse;
        inverse_sigma[i] = static_cast<T>(inverse);
        scale[i] = static_cast<T>(slope);
        shift[i] = static_cast<T>(static_cast<double>(beta[i]) - static_cast<double>(mean[i]) * slope);
    }
}

template <class T>
void batch_norm_backward(const BatchNormGeometry& g, BatchNormGradient gradient,
                         const BatchNormCoefficients<Param<T>>& k, const T* src, const T* diff_dst, T* diff_src,
                         Param<T>* diff_gamma, Param<T>* diff_beta) {
    const profile::Span span("batch_norm_backward", backward_cost<T>(g, gradient, 2, diff_src != nullptr));
    backward<T>(g, gradient, k, {src, diff_dst, nullptr, nullptr, nullptr, false}, diff_dst, g.relu, diff_src,
                diff_gamma, diff_beta);
}

template <class T>
void BatchNormBackward<T>::begin(const RowChunks& chunks) {
    partials_.emplace(chunks, g_.c, 2);
}

template <class T>
std::array<RowMap, 2> BatchNormBackward<T>::reads() const {
    return {{{src_, g_.src_ld, sizeof(T)}, {diff_src_, g_.diff_src_ld, sizeof(T)}}};
}

template <class T>
void BatchNormBackward<T>::take(std::int64_t chunk, std::int64_t first, std::int64_t count, float* rows,
                                std::int64_t ld) {
    const std::int64_t row = partials_->chunks().begin(chunk);
    BatchNormGeometry g = with_rows(g_, partials_->chunks().rows(chunk));
    g.c = count;
    g.dst_ld = ld;
    const BatchNormCoefficients<float> k{k_.mean + first, k_.inverse_sigma + first, k_.scale + first, k_.shift + first};
    double *sum_dy = partials_->of(chunk, 0) + first, *sum_dy_src = partials_->of(chunk, 1) + first;
    const T* src = src_ + row * g.src_ld + first;
    const bool overwrites = to_ == RowGradient::rows, adds = to_ == RowGradient::added;
    T* diff_src = diff_src_ == nullptr ? nullptr : diff_src_ + row * g.diff_src_ld + first;
    if (overwrites) g.diff_src_ld = ld;
    if constexpr (std::is_same_v<T, float>) {
        chosen<float>().backward_sums(g, k, {src, rows, nullptr, nullptr, overwrites ? rows : diff_src, adds}, sum_dy,
                                      sum_dy_src);
    } else {
        const BatchNormBf16Variant& variant = select(batch_norm_bf16_variants);
        if (diff_src != nullptr)
            variant.backward_sums_map(g, k, {src, rows, nullptr, nullptr, diff_src, adds}, sum_dy, sum_dy_src);
        else
            variant.backward_sums_rows(g, k, {src, rows, nullptr, nullptr, overwrites ? rows : nullptr, false}, sum_dy,
                                       sum_dy_src);
    }
}

template <class T>
void BatchNormBackward<T>::result(float* diff_gamma, float* diff_beta) {
    const double *sum_dy = partials_->total(0), *sum_dy_src = partials_->total(1);
    for (std::int64_t i = 0; i < g_.c; ++i) {
        diff_beta[i] = static_cast<float>(sum_dy[i]);
        diff_gamma[i] = static_cast<float>(sum_dy_src[i] * double{k_.inverse_sigma[i]});
    }
}

template class BatchNormBackward<float>;
template class BatchNormBackward<Bf16>;

template <class T>
void batch_norm_join_backward(const BatchNormGeometry& g, BatchNormGradient gradient,
                              const BatchNormCoefficients<Param<T>>& k, const T* src, const T* dst, const T* diff_dst,
                              T* diff_residual, T* diff_src, Param<T>* diff_gamma, Param<T>* diff_beta) {
    const profile::Span span("batch_norm_join_backward", backward_cost<T>(g, gradient, 4, diff_src != nullptr));
    const T* dy = diff_residual;
    backward<T>(g, gradient, k, {src, diff_dst, dst, diff_residual, nullptr, false}, dy, false, diff_src, diff_gamma,
                diff_beta);
}

template <class T>
void batch_norm_correct(const BatchNormGeometry& g, const Param<T>* mean, const Param<T>* offset, const Param<T>* slope,
                        const T* src, const T* diff_dst, T* diff_src) {
    const profile::Span span("batch_norm_correct", profile::per_element<T>(g.rows * g.c, 4, 3));
    const auto kernel = chosen<T>().correct;
    split_rows(g, [&](const BatchNormGeometry& part, std::int64_t row) {
        kernel(part, mean, offset, slope, src + row * g.src_ld, diff_dst + row * g.dst_ld,
               diff_src + row * g.diff_src_ld);
    });
}

#define KEEL_INSTANTIATE(T)                                                                                          \
    template void batch_norm_statistics(std::int64_t, std::int64_t, std::int64_t, const T*, Param<T>*, Param<T>*);   \
    template void batch_norm_backward(const BatchNormGeometry&, BatchNormGradient,                                   \
                                      const BatchNormCoefficients<Param<T>>&, const T*, const T*, T*, Param<T>*,     \
                                      Param<T>*);                                                                    \
    template void batch_norm_join_backward(const BatchNormGeometry&, BatchNormGradient,                              \
                                           const BatchNormCoefficients<Param<T>>&, const T*, const T*, const T*, T*, \
                                           T*, Param<T>*, Param<T>*);                                                \
    template void batch_norm_correct(const BatchNormGeometry&, const Param<T>*, const Param<T>*, const Param<T>*,    \
                                     const T*, const T*, T*);
KEEL_INSTANTIATE(float)
KEEL_INSTANTIATE(double)
KEEL_INSTANTIATE(Bf16)
#undef KEEL_INSTANTIATE
template void batch_norm_coefficients(std::int64_t, float, const float*, const float*, const float*, const float*,
                                      float*, float*, float*);
template void batch_norm_coefficients(std::int64_t, double, const double*, const double*, const double*, const double*,
                                      double*, double*, double*);

}  // namespace keel::kernels
