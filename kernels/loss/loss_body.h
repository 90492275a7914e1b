// Losses in float lanes, sums in double; see variants.h for the contracts.
#pragma once

#include "kernels/loss/variants.h"
#include "kernels/simd/exp.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

float maximum(std::int64_t n, const float* src) {
    Vec best = broadcast(src[0]);
    const std::int64_t whole = n / kWidth * kWidth;
    for_lanes(whole, [&](std::int64_t i, auto lanes) { best = max(best, load(src + i, lanes)); });
    float values[kWidth];
    store(values, best, AllLanes{});
    for (std::int64_t i = 1; i < kWidth; ++i) values[0] = values[0] < values[i] ? values[i] : values[0];
    for (std::int64_t i = whole; i < n; ++i) values[0] = values[0] < src[i] ? src[i] : values[0];
    return values[0];
}

SoftmaxSums softmax(std::int64_t classes, const float* src, float* dst) {
    const float largest = maximum(classes, src);
    double sums[kWidth] = {};
    for_lanes(classes, [&](std::int64_t i, auto lanes) {
        const Vec e = exp_nonpositive(load(src + i, lanes) - broadcast(largest));
        store(dst + i, e, lanes);
        add_to(sums, widen(only(lanes, e)));
    });
    const double total = sum(sums);
    const Vec divisor = broadcast(static_cast<float>(total));
    for_lanes(classes, [&](std::int64_t i, auto lanes) { store(dst + i, load(dst + i, lanes) / divisor, lanes); });
    return {static_cast<double>(largest), total};
}

void subtract_scale(std::int64_t classes, const float* p, float base, float factor, float* dst) {
    for_lanes(classes, [&](std::int64_t i, auto lanes) {
        store(dst + i, broadcast(factor) * (load(p + i, lanes) - broadcast(base)), lanes);
    });
}

/// exp(-|x|) tells both sigmoid(x) and sigmoid(-x) without cancellation.
struct Sigmoids {
    Vec exponential, of_x, of_minus_x;
    explicit Sigmoids(Vec x) : exponential(exp_nonpositive(-magnitude(x))) {
        const Vec one = broadcast(1), large = one / (one + exponential), small = exponential * large;
        const Mask positive = greater(x, Vec{});
        of_x = choose(positive, large, small);
        of_minus_x = choose(positive, small, large);
    }
};

/// l = (1 - t) * softplus(x) + w * t * softplus(-x), where softplus(x) = log(1 + exp(x)) = max(0, x) + log(1 +
/// exp(-|x|))
BceSums sigmoid_bce(const LossGeometry& g, const float* logits, const float* targets, const float* positive_weights) {
    double losses[kWidth] = {}, present[kWidth] = {};
    const Vec one = broadcast(1);
    for (std::int64_t row = 0; row < g.n; ++row)
        for_lanes(g.classes, [&](std::int64_t i, auto lanes) {
            const Vec x = load(logits + row * g.classes + i, lanes), t = load(targets + row * g.classes + i, lanes);
            const Mask missing = greater(Vec{}, t);
            const Vec rest = log1p_unit(exp_nonpositive(-magnitude(x)));
            const Vec positive = load(positive_weights + i, lanes) * t * (relu(-x) + rest);
            const Vec loss = fma(one - t, relu(x) + rest, positive);
            add_to(losses, widen(only(lanes, clear(missing, loss))));
            add_to(present, widen(only(lanes, clear(missing, one))));
        });
    return {sum(losses), sum(present)};
}

/// dl/dx = (1 - t) * sigmoid(x) - w * t * sigmoid(-x)
void sigmoid_bce_backward(const LossGeometry& g, const float* logits, const float* targets,
                          const float* positive_weights, float factor, float* diff_logits) {
    for (std::int64_t row = 0; row < g.n; ++row)
        for_lanes(g.classes, [&](std::int64_t i, auto lanes) {
            const std::int64_t at = row * g.classes + i;
            const Vec t = load(targets + at, lanes);
            const Sigmoids s(load(logits + at, lanes));
            const Vec positive = load(positive_weights + i, lanes) * t * s.of_minus_x;
            const Vec gradient = fma(broadcast(1) - t, s.of_x, -positive);
            store(diff_logits + at, clear(greater(Vec{}, t), broadcast(factor) * gradient), lanes);
        });
}

constexpr LossVariant<float> kLoss{kIsa, softmax, subtract_scale, sigmoid_bce, sigmoid_bce_backward};

}  // namespace
}  // namespace keel::kernels::simd
