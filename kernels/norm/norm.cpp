#include "kernels/norm/norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/norm/reference.h"
#include "kernels/norm/variants.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 8192, kPowerGrain = 512;  // elements worth waking a thread for

std::int64_t grain_of_pixels(std::int64_t grain, std::int64_t c) {
    return chunk_count(grain, std::max<std::int64_t>(c, 1));
}

/// Returns the mean of term(x, i) over the rows of each column i, x = src[row][i].
template <class Term>
std::vector<double> column_means(const NormGeometry& g, const float* src, Term term) {
    ColumnPartials partials{g.pixels, g.c, 1};
    partials.fill([&](std::int64_t chunk) {
        double* sums = partials.of(chunk, 0);
        for (std::int64_t p = partials.chunks().begin(chunk); p < partials.chunks().end(chunk); ++p) {
            const float* row = src + p * g.src_ld;
            for (std::int64_t i = 0; i < g.c; ++i) sums[i] += term(static_cast<double>(row[i]), i);
        }
    });
    const double* sums = partials.total(0);
    std::vector<double> means(sums, sums + g.c);
    for (double& mean : means) mean /= static_cast<double>(g.pixels);
    return means;
}

void normalize_image(const NormGeometry& g, const float* src, const float* scale, const float* shift, float eps,
                     float* dst) {
    const std::vector<double> means = column_means(g, src, [](double x, std::int64_t) { return x; });
    const double* mean = means.data();
    std::vector<double> factors = column_means(g, src, [mean](double x, std::int64_t i) {
        const double difference = x - mean[i];
        return difference * difference;
    });
    std::vector<double> shifts(factors.size());
    for (std::size_t i = 0; i < factors.size(); ++i) {
        factors[i] = 1 / std::sqrt(factors[i] + static_cast<double>(eps));
        if (scale != nullptr) factors[i] *= static_cast<double>(scale[i]);
        if (shift != nullptr) shifts[i] = static_cast<double>(shift[i]);
    }
    parallel_for(g.pixels, grain_of_pixels(kGrain, g.c), [&](std::int64_t begin, std::int64_t end) {
        const double *factor = factors.data(), *last = shifts.data();
        for (std::int64_t p = begin; p < end; ++p)
            for (std::int64_t i = 0; i < g.c; ++i)
                dst[p * g.dst_ld + i] =
                    static_cast<float>((static_cast<double>(src[p * g.src_ld + i]) - mean[i]) * factor[i] + last[i]);
    });
}

double power(double base, double exponent) {
    if (exponent == 0.75) {
        const double root = std::sqrt(base);
        return root * std::sqrt(root);
    }
    return std::pow(base, exponent);
}

}  // namespace

const NormVariant norm_scalar{Isa::scalar, reference::layer_norm};

void layer_norm_forward(const NormGeometry& g, const float* src, const float* scale, const float* shift, float eps,
                        float* dst) {
    const profile::Span span("layer_norm", profile::per_element<float>(g.pixels * g.c, 8, 2));
    const auto kernel = select(norm_variants).layer_norm;
    parallel_for(g.pixels, grain_of_pixels(kGrain, g.c), [&](std::int64_t begin, std::int64_t end) {
        kernel({end - begin, g.c, g.src_ld, g.dst_ld}, src + begin * g.src_ld, scale, shift, eps,
               dst + begin * g.dst_ld);
    });
}

void instance_norm_forward(std::int64_t n, const NormGeometry& g, const float* src, const float* scale,
                           const float* shift, float eps, float* dst) {
    const profile::Span span("instance_norm", profile::per_element<float>(n * g.pixels * g.c, 8, 4));
    for (std::int64_t image = 0; image < n; ++image)
        normalize_image(g, src + image * g.pixels * g.src_ld, scale, shift, eps, dst + image * g.pixels * g.dst_ld);
}

void lrn_forward(const NormGeometry& g, const LrnParameters& p, const float* src, float* dst) {
    const profile::Span span("lrn", profile::per_element<float>(g.pixels * g.c, p.size + 4.0, 2));
    const double alpha = static_cast<double>(p.alpha) / p.size, beta = static_cast<double>(p.beta);
    const std::int64_t before = (p.size - 1) / 2, after = p.size / 2;
    parallel_for(g.pixels, grain_of_pixels(kPowerGrain, g.c), [&](std::int64_t begin, std::int64_t end) {
        std::vector<double> squares(static_cast<std::size_t>(g.c));
        for (std::int64_t pixel = begin; pixel < end; ++pixel) {
            const float* from = src + pixel * g.src_ld;
            float* to = dst + pixel * g.dst_ld;
            for (std::int64_t i = 0; i < g.c; ++i) {
                const auto x = static_cast<double>(from[i]);
                squares[static_cast<std::size_t>(i)] = x * x;
            }
            for (std::int64_t i = 0; i < g.c; ++i) {
                double sum = 0;
                for (std::int64_t k = std::max<std::int64_t>(0, i - before); k < std::min(g.c, i + after + 1); ++k)
                    sum += squares[static_cast<std::size_t>(k)];
                to[i] = static_cast<float>(static_cast<double>(from[i]) /
                                           power(static_cast<double>(p.bias) + alpha * sum, beta));
            }
        }
    });
}

}  // namespace keel::kernels
