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
constexpr BatchNormVariant<T> kReference{Isa::scalar,
                                         reference::moments<T>,
                                         reference::forward<T>,
                                         reference::backward_sums<T>,
                                         reference::backward_apply<T>,
                                         reference::backward_deferred<T>};

template <class T>
const BatchNormVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const BatchNormVariant<float>& chosen() {
    return select(batch_norm_variants);
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

/// 1 / sigma of a channel.
template <class T>
double inverse_sigma(T variance, T eps) {
    return 1 / std::sqrt(static_cast<double>(variance) + static_cast<double>(eps));
}

/// gamma / sigma, rounded once.
template <class T>
std::vector<T> scale_of(std::int64_t c, T eps, const T* variance, const T* gamma) {
    std::vector<T> scale(static_cast<std::size_t>(c));
    for (std::size_t i = 0; i < scale.size(); ++i)
        scale[i] = static_cast<T>(static_cast<double>(gamma[i]) * inverse_sigma(variance[i], eps));
    return scale;
}

/// Adds the moments of all chunks up, in order, into those of chunk 0 (Chan et al. 1979).
void merge_moments(ColumnPartials& partials) {
    double *mean = partials.of(0, 0), *m2 = partials.of(0, 1);
    for (std::int64_t chunk = 1; chunk < partials.chunks; ++chunk) {
        const double *mean_b = partials.of(chunk, 0), *m2_b = partials.of(chunk, 1);
        const auto rows_a = static_cast<double>(partials.first_row(chunk)), rows_b = static_cast<double>(partials.rows_of(chunk));
        const double share = rows_b / (rows_a + rows_b);
        for (std::int64_t i = 0; i < partials.c; ++i) {
            const double delta = mean_b[i] - mean[i];
            mean[i] += delta * share;
            m2[i] += m2_b[i] + delta * delta * rows_a * share;
        }
    }
}

}  // namespace

const BatchNormVariant<float> batch_norm_scalar = kReference<float>;

template <class T>
void batch_norm_statistics(const BatchNormGeometry& g, const T* src, T* mean, T* variance) {
    const profile::Span span("batch_norm_statistics", profile::per_element<T>(g.rows * g.c, 4, 1));
    const auto moments = chosen<T>().moments;
    ColumnPartials partials{g.rows, g.c, 3};
    partials.fill([&](std::int64_t chunk) {
        moments(with_rows(g, partials.rows_of(chunk)), src + partials.first_row(chunk) * g.src_ld, partials.of(chunk, 0),
                partials.of(chunk, 1), partials.of(chunk, 2));
    });
    merge_moments(partials);
    for (std::int64_t i = 0; i < g.c; ++i) {
        mean[i] = static_cast<T>(partials.of(0, 0)[i]);
        variance[i] = static_cast<T>(partials.of(0, 1)[i] / static_cast<double>(g.rows));
    }
}

template <class T>
void batch_norm_forward(const BatchNormGeometry& g, T eps, const T* src, const T* mean, const T* variance, const T* gamma,
                        const T* beta, T* dst) {
    const profile::Span span("batch_norm_forward", profile::per_element<T>(g.rows * g.c, g.relu ? 4 : 3, 2));
    const auto forward = chosen<T>().forward;
    const std::vector<T> scale = scale_of(g.c, eps, variance, gamma);
    split_rows(g, [&](const BatchNormGeometry& part, std::int64_t row) {
        forward(part, src + row * g.src_ld, mean, scale.data(), beta, dst + row * g.dst_ld);
    });
}

template <class T>
void batch_norm_backward(const BatchNormGeometry& g, T eps, bool global_statistics, const T* src, const T* diff_dst, const T* mean,
                         const T* variance, const T* gamma, const T* beta, T* diff_src, T* diff_gamma, T* diff_beta) {
    const profile::Span span("batch_norm_backward",
                             profile::per_element<T>(g.rows * g.c, diff_src == nullptr ? 6 : 13, diff_src == nullptr ? 2 : 5));
    const BatchNormVariant<T>& variant = chosen<T>();
    const std::vector<T> scale = scale_of(g.c, eps, variance, gamma);
    ColumnPartials partials{g.rows, g.c, 2};
    partials.fill([&](std::int64_t chunk) {
        const std::int64_t row = partials.first_row(chunk);
        variant.backward_sums(with_rows(g, partials.rows_of(chunk)), src + row * g.src_ld, diff_dst + row * g.dst_ld, mean,
                              scale.data(), beta, partials.of(chunk, 0), partials.of(chunk, 1));
    });
    const double *sum_dy = partials.total(0), *sum_dy_src = partials.total(1);
    std::vector<T> offset(scale.size()), slope(scale.size());
    for (std::size_t i = 0; i < scale.size(); ++i) {
        const double inverse = inverse_sigma(variance[i], eps);
        diff_beta[i] = static_cast<T>(sum_dy[i]);
        diff_gamma[i] = static_cast<T>(sum_dy_src[i] * inverse);
        if (global_statistics) continue;
        offset[i] = static_cast<T>(sum_dy[i] / static_cast<double>(g.rows));
        slope[i] = static_cast<T>(sum_dy_src[i] * inverse * inverse / static_cast<double>(g.rows));
    }
    if (diff_src == nullptr) return;
    split_rows(g, [&](const BatchNormGeometry& part, std::int64_t row) {
        variant.backward_apply(part, src + row * g.src_ld, diff_dst + row * g.dst_ld, mean, scale.data(), beta, offset.data(),
                               slope.data(), diff_src + row * g.diff_src_ld);
    });
}

template <class T>
void batch_norm_affine(std::int64_t c, T eps, const T* mean, const T* variance, const T* gamma, const T* beta, T* scale, T* shift) {
    for (std::int64_t i = 0; i < c; ++i) {
        const double exact = static_cast<double>(gamma[i]) * inverse_sigma(variance[i], eps);
        scale[i] = static_cast<T>(exact);
        shift[i] = static_cast<T>(static_cast<double>(beta[i]) - static_cast<double>(mean[i]) * static_cast<double>(scale[i]));
    }
}

template <class T>
void batch_norm_backward_deferred(const BatchNormGeometry& g, T eps, const T* src, const T* diff_dst, const T* mean,
                                  const T* variance, const T* scale, const T* shift, const T* gamma, bool accumulate, T* deferred,
                                  T* diff_gamma, T* diff_beta) {
    const profile::Span span("batch_norm_backward_deferred", profile::per_element<T>(g.rows * g.c, 9, accumulate ? 4 : 3));
    const auto backward_deferred = chosen<T>().backward_deferred;
    ColumnPartials partials{g.rows, g.c, 2};
    partials.fill([&](std::int64_t chunk) {
        const std::int64_t row = partials.first_row(chunk);
        backward_deferred(with_rows(g, partials.rows_of(chunk)),
                          {src + row * g.src_ld, diff_dst + row * g.dst_ld, mean, scale, shift, gamma, accumulate,
                           deferred + row * g.diff_src_ld},
                          partials.of(chunk, 0), partials.of(chunk, 1));
    });
    const double *sum_dy = partials.total(0), *sum_dy_src = partials.total(1);
    for (std::int64_t i = 0; i < g.c; ++i) {
        diff_beta[i] = static_cast<T>(sum_dy[i]);
        diff_gamma[i] = static_cast<T>(sum_dy_src[i] * inverse_sigma(variance[i], eps));
    }
}

#define KEEL_INSTANTIATE(T)                                                                                                   \
    template void batch_norm_statistics(const BatchNormGeometry&, const T*, T*, T*);                                          \
    template void batch_norm_forward(const BatchNormGeometry&, T, const T*, const T*, const T*, const T*, const T*, T*);      \
    template void batch_norm_backward(const BatchNormGeometry&, T, bool, const T*, const T*, const T*, const T*, const T*,    \
                                      const T*, T*, T*, T*);                                                                  \
    template void batch_norm_affine(std::int64_t, T, const T*, const T*, const T*, const T*, T*, T*);                         \
    template void batch_norm_backward_deferred(const BatchNormGeometry&, T, const T*, const T*, const T*, const T*, const T*, \
                                               const T*, const T*, bool, T*, T*, T*);
KEEL_INSTANTIATE(float)
KEEL_INSTANTIATE(double)
#undef KEEL_INSTANTIATE

}  // namespace keel::kernels
