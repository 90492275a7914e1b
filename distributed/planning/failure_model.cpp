#include "distributed/planning/failure_model.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr double kHour = 3600;

/// Seconds of work in a second, between the first start and the end.
double share_of(const FailureModel& model, double mean_time, double every) {
    if (mean_time <= 0) return every / (every + model.checkpoint);
    const double taken =
        mean_time * std::exp(model.restart / mean_time) * std::expm1((every + model.checkpoint) / mean_time);
    return std::isfinite(taken) ? every / taken : 0;
}

/// The share has one maximum over the interval: it is narrowed down.
double best_interval(const FailureModel& model, double mean_time) {
    double low = 1, high = model.hours * kHour;
    while (high > low * 1.0001) {
        const double third = std::pow(high / low, 1.0 / 3), left = low * third, right = low * third * third;
        if (share_of(model, mean_time, left) < share_of(model, mean_time, right))
            low = left;
        else
            high = right;
    }
    return low;
}

}  // namespace

UsefulShare useful_share(const FailureModel& model, int nodes) {
    if (nodes < 1 || std::min({model.node_mtbf_hours, model.checkpoint, model.checkpoint_every, model.restart}) < 0 ||
        !(model.hours > 0))
        throw UsageError(
            "[scale] wanted a node or more, hours above 0, and no negative time of checkpoints or failures");
    const double mean_time = model.node_mtbf_hours * kHour / nodes, seconds = model.hours * kHour;
    UsefulShare result;
    result.failures = mean_time > 0 ? seconds / mean_time : 0;
    result.checkpoint_every = model.checkpoint_every;
    const bool is_free = model.checkpoint == 0 && mean_time <= 0;
    if (result.checkpoint_every == 0 && !is_free) result.checkpoint_every = best_interval(model, mean_time);
    const double started = std::max(0.0, 1 - model.restart / seconds);
    result.share = started * (is_free ? 1 : share_of(model, mean_time, result.checkpoint_every));
    return result;
}

}  // namespace keel
