#include "train/step_profile.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>
#include <vector>

#include "distributed/collectives/bucket_plan.h"
#include "engine/quantile.h"
#include "models/random_training.h"

namespace keel {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The gradients of a step in the order in which backward completes them.
struct Completion {
    std::vector<std::int64_t> elements;
    std::vector<double> seconds;  ///< from the step's begin
};

}  // namespace

StepProfile measure_step(const StepMeasurement& what, const std::function<void(int, double)>& on_step) {
    RandomTraining training(what.model, what.options, what.batch, what.image_size, what.seed,
                            precision_of(what.precision));
    std::vector<double> compute, update, shares;
    Completion step;
    Clock::time_point start;
    for (const NamedTensor& parameter : training.model().parameters())
        parameter.tensor.on_grad_ready([&](const Tensor& tensor) {
            step.elements.push_back(tensor.storage_elements());
            step.seconds.push_back(seconds_since(start));
        });
    for (int i = 0; i < what.warmup + what.steps; ++i) {
        step = {};
        start = Clock::now();
        training.compute();
        const double computed = seconds_since(start);
        training.update();
        if (on_step) on_step(i + 1, static_cast<double>(what.batch) / seconds_since(start));
        if (i < what.warmup) continue;
        compute.push_back(computed);
        update.push_back(seconds_since(start) - computed);
        shares.resize(step.seconds.size());
        for (std::size_t p = 0; p < shares.size(); ++p) shares[p] += step.seconds[p] / computed / what.steps;
    }
    for (const NamedTensor& parameter : training.model().parameters()) parameter.tensor.on_grad_ready(nullptr);

    StepProfile profile{.compute = median(compute), .update = median(update), .ready = {}, .bytes = {}, .factors = {}};
    const BucketPlan plan = plan_buckets(step.elements, static_cast<std::int64_t>(what.bucket_mb * (1 << 20)));
    for (const Bucket& bucket : plan.buckets) {
        const double share = shares[static_cast<std::size_t>(bucket.first_item + bucket.items - 1)];
        profile.ready.push_back(profile.compute * std::min(share, 1.0));
        profile.bytes.push_back(bucket.elements * static_cast<std::int64_t>(sizeof(float)));
    }
    for (const double seconds : compute) profile.factors.push_back(seconds / profile.compute);
    return profile;
}

StepProfile stretched(StepProfile profile, double factor) {
    profile.compute *= factor;
    profile.update *= factor;
    for (double& seconds : profile.ready) seconds *= factor;
    return profile;
}

std::vector<double> drawn_factors(double percent, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(1, percent / 100);
    std::vector<double> factors(1000);
    std::ranges::generate(factors, [&] { return std::max(0.5, normal(random)); });
    return factors;
}

double spread_of(const std::vector<double>& factors) {
    const double count = static_cast<double>(factors.size());
    const double mean = std::accumulate(factors.begin(), factors.end(), 0.0) / count;
    double sum = 0;
    for (const double factor : factors) sum += (factor - mean) * (factor - mean);
    return 100 * std::sqrt(sum / count) / mean;
}

}  // namespace keel
