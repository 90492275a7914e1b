#include "kernels/loss/prediction.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/loss/portable_math.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

constexpr std::int64_t kGrain = 1024;  // exponentials worth waking a thread for

/// Not below any of the row but a NaN, whose exponential is NaN in any case.
double largest_of(const float* row, std::int64_t classes) {
    return static_cast<double>(*std::max_element(row, row + classes));
}

double exponential(float x, double largest) { return portable::exp_nonpositive(static_cast<double>(x) - largest); }

/// log(1 + exp(x)); a NaN stays NaN.
double softplus(double x) { return (x <= 0 ? 0 : x) + portable::log1p_unit(portable::exp_nonpositive(-std::abs(x))); }

}  // namespace

void sigmoid(std::int64_t n, const float* src, float* dst) {
    const profile::Span span("sigmoid", profile::per_element<float>(n, 3, 2));
    parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const double x = static_cast<double>(src[i]), e = portable::exp_nonpositive(-std::abs(x));
            dst[i] = static_cast<float>((x > 0 ? 1 : e) / (1 + e));  // no cancellation on either side
        }
    });
}

void softmax(const LossGeometry& g, const float* src, float* dst) {
    const profile::Span span("softmax", profile::per_element<float>(g.n * g.classes, 4, 2));
    parallel_for(g.n, chunk_count(kGrain, std::max<std::int64_t>(1, g.classes)),
                 [&](std::int64_t begin, std::int64_t end) {
                     std::vector<double> exponentials(static_cast<std::size_t>(g.classes));
                     for (std::int64_t at = begin * g.classes; at < end * g.classes; at += g.classes) {
                         const double largest = largest_of(src + at, g.classes);
                         double sum = 0;
                         for (std::int64_t k = 0; k < g.classes; ++k)
                             sum += exponentials[static_cast<std::size_t>(k)] = exponential(src[at + k], largest);
                         for (std::int64_t k = 0; k < g.classes; ++k)
                             dst[at + k] = static_cast<float>(exponentials[static_cast<std::size_t>(k)] / sum);
                     }
                 });
}

double reported_cross_entropy(const LossGeometry& g, const float* logits, const std::int32_t* labels) {
    double total = 0;
    for (std::int64_t r = 0; r < g.n; ++r) {
        const float* row = logits + r * g.classes;
        const double largest = largest_of(row, g.classes);
        double sum = 0;
        for (std::int64_t k = 0; k < g.classes; ++k) sum += exponential(row[k], largest);
        total += portable::log(sum) + (largest - static_cast<double>(row[labels[r]]));
    }
    return g.n == 0 ? 0 : total / static_cast<double>(g.n);
}

double reported_bce(const LossGeometry& g, const float* logits, const float* targets) {
    double total = 0;
    std::int64_t present = 0;
    for (std::int64_t i = 0; i < g.n * g.classes; ++i) {
        const double x = static_cast<double>(logits[i]), t = static_cast<double>(targets[i]);
        if (t < 0) continue;
        total += (1 - t) * softplus(x) + t * softplus(-x);
        ++present;
    }
    return present == 0 ? 0 : total / static_cast<double>(present);
}

}  // namespace keel::kernels
