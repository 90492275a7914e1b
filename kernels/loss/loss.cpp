#include "kernels/loss/loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/loss/reference.h"
#include "kernels/loss/variants.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr LossVariant<T> kReference{Isa::scalar, reference::softmax<T>, reference::subtract_scale<T>,
                                    reference::sigmoid_bce<T>, reference::sigmoid_bce_backward<T>};

template <class T>
const LossVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const LossVariant<float>& chosen() {
    return select(loss_variants);
}

constexpr std::int64_t kGrain = 4096;  // exponentials worth waking a thread for

/// Rows of a fixed chunk, and of a thread's least share.
std::int64_t chunk_of(const LossGeometry& g) {
    return std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(g.classes, 1));
}

/// Calls row(r, offset of the row) for every row, on all threads.
template <class Row>
void for_rows(const LossGeometry& g, Row row) {
    parallel_for(g.n, chunk_of(g), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) row(r, r * g.classes);
    });
}

double sum_in_order(const std::vector<double>& terms) {
    double total = 0;
    for (double term : terms) total += term;
    return total;
}

/// The weights of positives, all 1 where none are given.
class PositiveWeights {
public:
    PositiveWeights(const LossGeometry& g, const float* given)
        : ones_(static_cast<std::size_t>(given == nullptr ? g.classes : 0), 1.0F),
          data_(given == nullptr ? ones_.data() : given) {}
    PositiveWeights(const PositiveWeights&) = delete;
    PositiveWeights& operator=(const PositiveWeights&) = delete;
    const float* data() const { return data_; }

private:
    std::vector<float> ones_;
    const float* data_;
};

/// A class a row, below 0 where it is not known.
struct HardTargets {
    const std::int32_t* labels;

    bool known(std::int64_t row) const { return labels[row] >= 0; }
    double sum(std::int64_t) const { return 1; }
    template <class T>
    double dot(std::int64_t row, const T* x) const {
        return static_cast<double>(x[labels[row]]);
    }
};

/// A distribution a row, whose first target is below 0 where it is not known.
struct SoftTargets {
    std::int64_t classes;
    const float* targets;

    const float* row(std::int64_t r) const { return targets + r * classes; }
    bool known(std::int64_t r) const { return !(row(r)[0] < 0); }
    double sum(std::int64_t r) const {
        double total = 0;
        for (std::int64_t k = 0; k < classes; ++k) total += static_cast<double>(row(r)[k]);
        return total;
    }
    template <class T>
    double dot(std::int64_t r, const T* x) const {
        double total = 0;
        for (std::int64_t k = 0; k < classes; ++k)
            if (row(r)[k] != 0)  // 0 times an infinite logit is 0
                total += static_cast<double>(row(r)[k]) * static_cast<double>(x[k]);
        return total;
    }
};

/// The sum of a row's smoothed targets, exactly 1 where that of the targets is.
double smoothed_sum(double sum, double smoothing) { return 1 + (1 - smoothing) * (sum - 1); }

template <class Targets>
std::int64_t known_rows(const LossGeometry& g, const Targets& targets) {
    std::int64_t known = 0;
    for (std::int64_t r = 0; r < g.n; ++r) known += targets.known(r);
    return known;
}

template <class T, class Targets>
double cross_entropy_forward(const LossGeometry& g, const T* logits, const Targets& targets, double smoothing,
                             T* probabilities) {
    const auto row_softmax = chosen<T>().softmax;
    const double share = smoothing / static_cast<double>(g.classes);
    std::vector<double> losses(static_cast<std::size_t>(g.n));
    for_rows(g, [&](std::int64_t r, std::int64_t at) {
        // -sum_k q_k log p_k = sum_k q_k * log(sum of exp) - sum_k q_k x_k, read before the probabilities may overwrite
        // the logits
        const bool known = targets.known(r);
        double expected = known ? (1 - smoothing) * targets.dot(r, logits + at) : 0;
        if (smoothing != 0)
            for (std::int64_t k = 0; k < g.classes; ++k) expected += share * static_cast<double>(logits[at + k]);
        const double total = smoothed_sum(targets.sum(r), smoothing);
        const SoftmaxSums sums = row_softmax(g.classes, logits + at, probabilities + at);
        losses[static_cast<std::size_t>(r)] = known ? total * std::log(sums.sum) + (total * sums.max - expected) : 0;
    });
    const std::int64_t known = known_rows(g, targets);
    return known == 0 ? 0 : sum_in_order(losses) / static_cast<double>(known);
}

/// What gradients of the mean over the known rows are scaled by; only ever multiplied where there are any.
template <class T, class Targets>
T factor_of(const LossGeometry& g, const Targets& targets, double scale) {
    return static_cast<T>(scale / static_cast<double>(std::max<std::int64_t>(known_rows(g, targets), 1)));
}

}  // namespace

const LossVariant<float> loss_scalar = kReference<float>;

template <class T>
double softmax_cross_entropy_forward(const LossGeometry& g, const T* logits, const std::int32_t* labels,
                                     double smoothing, T* probabilities) {
    const profile::Span span("softmax_cross_entropy_forward", profile::per_element<T>(g.n * g.classes, 4, 2));
    return cross_entropy_forward(g, logits, HardTargets{labels}, smoothing, probabilities);
}

template <class T>
void softmax_cross_entropy_backward(const LossGeometry& g, const T* probabilities, const std::int32_t* labels,
                                    double smoothing, double scale, T* diff_logits) {
    const profile::Span span("softmax_cross_entropy_backward", profile::per_element<T>(g.n * g.classes, 2, 2));
    const auto subtract_scale = chosen<T>().subtract_scale;
    const T factor = factor_of<T>(g, HardTargets{labels}, scale);
    const double share = smoothing / static_cast<double>(g.classes);
    for_rows(g, [&](std::int64_t r, std::int64_t at) {
        if (labels[r] < 0) {
            std::fill_n(diff_logits + at, g.classes, T(0));
            return;
        }
        const T p = probabilities[at + labels[r]];
        subtract_scale(g.classes, probabilities + at, static_cast<T>(share), factor, diff_logits + at);
        diff_logits[at + labels[r]] = factor * (p - static_cast<T>(1 - smoothing + share));
    });
}

template <class T>
double soft_cross_entropy_forward(const LossGeometry& g, const T* logits, const float* targets, double smoothing,
                                  T* probabilities) {
    const profile::Span span("soft_cross_entropy_forward", profile::per_element<T>(g.n * g.classes, 6, 3));
    return cross_entropy_forward(g, logits, SoftTargets{g.classes, targets}, smoothing, probabilities);
}

template <class T>
void soft_cross_entropy_backward(const LossGeometry& g, const T* probabilities, const float* targets, double smoothing,
                                 double scale, T* diff_logits) {
    const profile::Span span("soft_cross_entropy_backward", profile::per_element<T>(g.n * g.classes, 5, 3));
    const SoftTargets rows{g.classes, targets};
    const T factor = factor_of<T>(g, rows, scale);
    const double share = smoothing / static_cast<double>(g.classes);
    for_rows(g, [&](std::int64_t r, std::int64_t at) {
        if (!rows.known(r)) {
            std::fill_n(diff_logits + at, g.classes, T(0));
            return;
        }
        const T total = static_cast<T>(smoothed_sum(rows.sum(r), smoothing));
        for (std::int64_t k = 0; k < g.classes; ++k) {
            const double q = (1 - smoothing) * static_cast<double>(targets[at + k]) + share;
            diff_logits[at + k] = factor * (total * probabilities[at + k] - static_cast<T>(q));
        }
    });
}

template <class T>
double sigmoid_bce_forward(const LossGeometry& g, const T* logits, const float* targets,
                           const float* positive_weights) {
    const profile::Span span("sigmoid_bce_forward", profile::per_element<T>(g.n * g.classes, 8, 2));
    const auto kernel = chosen<T>().sigmoid_bce;
    const PositiveWeights weights(g, positive_weights);
    const std::int64_t rows = chunk_of(g), chunks = chunk_count(g.n, rows);
    std::vector<double> losses(static_cast<std::size_t>(chunks)), present(losses.size());
    parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t chunk = begin; chunk < end; ++chunk) {
            const std::int64_t first = chunk * rows, at = first * g.classes;
            const BceSums sums =
                kernel({std::min(rows, g.n - first), g.classes}, logits + at, targets + at, weights.data());
            losses[static_cast<std::size_t>(chunk)] = sums.loss;
            present[static_cast<std::size_t>(chunk)] = sums.present;
        }
    });
    const double labels = sum_in_order(present);
    return labels == 0 ? 0 : sum_in_order(losses) / labels;
}

template <class T>
void sigmoid_bce_backward(const LossGeometry& g, const T* logits, const float* targets, const float* positive_weights,
                          double scale, T* diff_logits) {
    const profile::Span span("sigmoid_bce_backward", profile::per_element<T>(g.n * g.classes, 6, 3));
    const auto kernel = chosen<T>().sigmoid_bce_backward;
    const PositiveWeights weights(g, positive_weights);
    const auto present = std::count_if(targets, targets + g.n * g.classes, [](float t) { return !(t < 0); });
    const T factor = present == 0 ? T(0) : static_cast<T>(scale / static_cast<double>(present));
    parallel_for(g.n, chunk_of(g), [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t at = begin * g.classes;
        kernel({end - begin, g.classes}, logits + at, targets + at, weights.data(), factor, diff_logits + at);
    });
}

#define KEEL_INSTANTIATE(T)                                                                                          \
    template double softmax_cross_entropy_forward(const LossGeometry&, const T*, const std::int32_t*, double, T*);   \
    template void softmax_cross_entropy_backward(const LossGeometry&, const T*, const std::int32_t*, double, double, \
                                                 T*);                                                                \
    template double soft_cross_entropy_forward(const LossGeometry&, const T*, const float*, double, T*);             \
    template void soft_cross_entropy_backward(const LossGeometry&, const T*, const float*, double, double, T*);      \
    template double sigmoid_bce_forward(const LossGeometry&, const T*, const float*, const float*);                  \
    template void sigmoid_bce_backward(const LossGeometry&, const T*, const float*, const float*, double, T*);
KEEL_INSTANTIATE(float)
KEEL_INSTANTIATE(double)
#undef KEEL_INSTANTIATE

}  // namespace keel::kernels
