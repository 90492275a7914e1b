#include "train/loss_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/autograd.h"
#include "engine/ops/check.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// What a probability lacks to 1 at least, so that quotients by it are numbers.
constexpr double kLeastRest = 1e-200;

/// log(1 + exp(x)); a NaN stays NaN.
double softplus(double x) { return (x <= 0 ? 0 : x) + std::log1p(std::exp(-std::abs(x))); }

Probability sigmoid(double x) {
    const double e = std::exp(-std::abs(x)), near = 1 / (1 + e), far = e / (1 + e);
    const double p = x > 0 ? near : far, rest = x > 0 ? far : near;
    return {std::isnan(x) ? x : p, std::max(rest, kLeastRest), -softplus(-x), -softplus(x)};
}

void softmax_row(std::span<const double> x, std::span<Probability> row) {
    const auto top = static_cast<std::size_t>(std::ranges::max_element(x) - x.begin());
    double sum = 0, others = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
        const double e = std::exp(x[k] - x[top]);
        row[k].p = e;
        sum += e;
        if (k != top) others += e;
    }
    const double log_sum = std::log1p(others);
    for (std::size_t k = 0; k < x.size(); ++k) {
        // Only the largest may be near 1, where 1 - p would have no digits left.
        const double rest = k == top ? others / sum : 1 - row[k].p / sum;
        row[k].p /= sum;
        row[k].rest = std::isnan(rest) ? rest : std::max(rest, kLeastRest);
        row[k].log_p = x[k] - x[top] - log_sum;
        row[k].log_rest = std::log(row[k].rest);
    }
}

/// Adds to the gradient of a row what the other terms have of each logit: -p times the sum of their derivatives by
/// log p, all others held by the softmax. Each sum is made of what comes before and behind: the term that is left out
/// may be larger than the rest by more than a double has digits.
void subtract_others(std::span<const Probability> p, std::span<const LossTerm> terms, std::span<double> diff) {
    const auto slope = [&](std::size_t k) { return terms[k].by_log_p - terms[k].by_log_rest * p[k].p / p[k].rest; };
    double before = 0, behind = 0;
    for (std::size_t k = 0; k < p.size(); ++k) {
        diff[k] -= p[k].p * before;
        before += slope(k);
    }
    for (std::size_t k = p.size(); k-- > 0;) {
        diff[k] -= p[k].p * behind;
        behind += slope(k);
    }
}

std::vector<double> doubles_of(const Tensor& any) {
    const Tensor values = any.detach().contiguous().to(DType::f64);
    return {values.values<double>().begin(), values.values<double>().end()};
}

}  // namespace

std::vector<Probability> probabilities_of(const Tensor& logits, bool softmax) {
    const std::vector<double> x = doubles_of(logits);
    std::vector<Probability> all(x.size());
    if (!softmax) {
        std::ranges::transform(x, all.begin(), sigmoid);
        return all;
    }
    const auto labels = static_cast<std::size_t>(logits.dim(1));
    for (std::size_t at = 0; at < x.size(); at += labels)
        softmax_row(std::span(x).subspan(at, labels), std::span(all).subspan(at, labels));
    return all;
}

Tensor diff_of_terms(const Tensor& logits, const std::vector<Probability>& probabilities,
                     const std::vector<LossTerm>& terms, bool softmax, double factor) {
    const auto labels = static_cast<std::size_t>(logits.dim(1));
    std::vector<double> diff(terms.size());
    for (std::size_t i = 0; i < terms.size(); ++i)
        diff[i] = probabilities[i].rest * terms[i].by_log_p - probabilities[i].p * terms[i].by_log_rest;
    for (std::size_t at = 0; softmax && at < terms.size(); at += labels)
        subtract_others(std::span(probabilities).subspan(at, labels), std::span(terms).subspan(at, labels),
                        std::span(diff).subspan(at, labels));
    const Tensor dst = logits.detach().contiguous().empty_like();
    dispatch_float("loss", dst.dtype(), [&]<class T>(T) {
        std::ranges::transform(diff, dst.data<T>(), [&](double d) { return static_cast<T>(factor * d); });
    });
    return dst;
}

Tensor targets_of(const Tensor& logits, const Batch& batch, double label_smoothing) {
    ops::require_rank("loss", "logits", logits, 2);
    const bool classes = batch.targets.empty();
    std::vector<float> targets = plain_targets(batch, logits.dim(1));
    const double share = label_smoothing / static_cast<double>(logits.dim(1));
    for (float& target : targets) {
        if (!(target <= 1)) throw UsageError(fmt::format("[loss] target {} is above 1 or no number", target));
        if (classes && target >= 0) target = static_cast<float>((1 - label_smoothing) * double{target} + share);
    }
    return Tensor::from(std::span<const float>(targets), logits.dims());
}

double known_targets(const Tensor& targets, bool softmax) {
    const std::int64_t step = softmax ? targets.dim(1) : 1;
    double known = 0;
    for (std::int64_t i = 0; i < targets.elements(); i += step) known += targets.data<float>()[i] >= 0;
    return known;
}

Tensor mean_of_terms(const Tensor& logits, const Tensor& targets, bool softmax,
                     const std::function<LossTerm(const Probability&, double target, std::size_t label)>& term) {
    const std::vector<Probability> probabilities = probabilities_of(logits, softmax);
    const auto labels = static_cast<std::size_t>(logits.dim(1));
    const std::span<const float> t = targets.values<float>();
    std::vector<LossTerm> terms(t.size());
    double sum = 0;
    for (std::size_t i = 0; i < t.size(); ++i) {
        if (t[i] < 0) continue;
        terms[i] = term(probabilities[i], double{t[i]}, i % labels);
        sum += terms[i].loss;
    }
    const double known = known_targets(targets, softmax), share = known > 0 ? 1 / known : 0;
    const Tensor loss = Tensor::full({1}, sum * share, logits.dtype());
    return record(loss, {logits}, [logits = logits.detach(), probabilities, terms, softmax, share](const Tensor& diff) {
        return Gradients{diff_of_terms(logits, probabilities, terms, softmax, share * diff.item())};
    });
}

}  // namespace keel
