// Optimizer updates against their formulas in double, over several steps.
#include "kernels/optimizer/optimizer.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr int kSteps = 5;

std::vector<float> gradient_of(std::int64_t n, int step) { return uniform(n, 100 + static_cast<std::uint64_t>(step)); }

}  // namespace

TEST_CASE("SGD with momentum, Nesterov and weight decay", "[optimizer]") {
    for (const std::int64_t n : kLengths)
        for (const double momentum : {0.0, 0.9})
            for (const bool nesterov : {false, true}) {
                const auto before = uniform(n, 1);
                auto weights = widened(before);
                std::vector<double> velocity(weights.size());
                for (int k = 0; k < kSteps; ++k)
                    for (std::size_t i = 0; i < weights.size(); ++i) {
                        const double g = gradient_of(n, k)[i] + 1e-2 * weights[i];
                        velocity[i] = k == 0 ? g : momentum * velocity[i] + g;
                        weights[i] -= 0.1 * (nesterov ? g + momentum * velocity[i] : velocity[i]);
                    }
                // per step at most 10 roundings, of values that stay below |w| + 0.1 * |v| < 4; v < 5 counts a tenth
                const std::vector<double> bounds(weights.size(), kSteps * 10 * kRoundoff * 4);
                for_each_isa([&] {
                    CAPTURE(n, momentum, nesterov);
                    auto w = before;
                    std::vector<float> v(w.size(), kNaN);  // the first step must not read it
                    for (int k = 0; k < kSteps; ++k)
                        sgd_update(n, {0.1, momentum, 1e-2, nesterov, k == 0}, gradient_of(n, k).data(), v.data(),
                                   w.data());
                    CHECK(outliers(w, weights, bounds) == 0);
                    if (momentum != 0) return;
                    auto plain = before;
                    for (int k = 0; k < kSteps; ++k)
                        sgd_update<float>(n, {0.1, 0, 1e-2, nesterov, k == 0}, gradient_of(n, k).data(), nullptr,
                                          plain.data());
                    CHECK(plain == w);
                });
            }
}

TEST_CASE("Adam and AdamW", "[optimizer]") {
    for (const std::int64_t n : kLengths)
        for (const bool decoupled : {false, true}) {
            const auto before = uniform(n, 1);
            auto weights = widened(before);
            std::vector<double> m(weights.size()), v(weights.size());
            for (int k = 1; k <= kSteps; ++k)
                for (std::size_t i = 0; i < weights.size(); ++i) {
                    double g = gradient_of(n, k)[i];
                    if (decoupled)
                        weights[i] -= 0.1 * 1e-2 * weights[i];
                    else
                        g += 1e-2 * weights[i];
                    m[i] = 0.9 * m[i] + (1 - 0.9) * g;
                    v[i] = 0.999 * v[i] + (1 - 0.999) * g * g;
                    weights[i] -= 0.1 / (1 - std::pow(0.9, k)) * m[i] /
                                  (std::sqrt(v[i]) / std::sqrt(1 - std::pow(0.999, k)) + 1e-3);
                }
            // per step at most 16 roundings; w < 2, and |step| <= 0.1 * sqrt(k); a g near eps = 1e-3 passes an error of
            // w in g (u * 1e-2) on a hundredfold at most
            const std::vector<double> bounds(weights.size(), kSteps * 16 * kRoundoff * 4);
            for_each_isa([&] {
                CAPTURE(n, decoupled);
                auto w = before;
                std::vector<float> first(w.size()), second(w.size());
                for (int k = 1; k <= kSteps; ++k)
                    adam_update(n, {0.1, 0.9, 0.999, 1e-3, 1e-2, decoupled, k}, gradient_of(n, k).data(), first.data(),
                                second.data(), w.data());
                CHECK(outliers(w, weights, bounds) == 0);
            });
        }
}

TEST_CASE("updates of many weights have the same bits for any number of threads", "[optimizer]") {
    constexpr std::int64_t kN = 50021;
    std::vector<float> results[3];
    for (const int threads : {1, 2, 3}) {
        const ThreadScope scope(threads);
        auto& w = results[threads - 1] = uniform(kN, 1);
        std::vector<float> v(w.size()), first(w.size()), second(w.size());
        sgd_update(kN, {0.1, 0.9, 1e-4, true, true}, gradient_of(kN, 1).data(), v.data(), w.data());
        adam_update(kN, {0.1, 0.9, 0.999, 1e-8, 1e-2, true, 1}, gradient_of(kN, 2).data(), first.data(), second.data(),
                    w.data());
    }
    CHECK(results[0] == results[1]);
    CHECK(results[0] == results[2]);
}
