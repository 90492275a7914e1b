#include "data/pipeline/epoch.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "data/pipeline/ordered.h"
#include "kernels/error.h"

namespace keel {
namespace {

void check_options(const LoaderOptions& o, std::int64_t size) {
    check_transform(o.transform);
    const auto want = [](bool good, const char* message) { require<UsageError>(good, message); };
    want(o.batch_size >= 1, "[loader] batch size must be positive");
    want(o.start_sample >= 0 && o.start_sample <= size, "[loader] start_sample lies outside the epoch");
    want(o.end_sample < 0 || (o.end_sample >= o.start_sample && o.end_sample <= size),
         "[loader] end_sample lies outside the epoch");
    want(o.shard.ranks >= 1 && o.shard.rank >= 0 && o.shard.rank < o.shard.ranks, "[loader] there is no such rank");
    want(o.shard.parts >= 0 && o.shard.parts % o.shard.ranks == 0 && !(o.shard.parts > 0 && o.shard.independent),
         "[loader] wanted a number of parts that the ranks divide, of one permutation");
    want(o.groups.empty() || !o.shard.independent, "[loader] wanted groups to draw from, or permutations of ranks");
    for (const std::vector<std::int64_t>& group : o.groups) {
        want(!group.empty(), "[loader] a group to draw from is empty");
        for (const std::int64_t index : group)
            want(index >= 0 && index < size, "[loader] a group has another's sample");
    }
    check_mix(o.mix);
    want(o.workers >= 1 && o.workers <= kMaxWorkers, "[loader] workers must be within [1, 1024]");
    want(o.prefetch >= 1, "[loader] prefetch must be at least one batch");
    want(o.max_bad >= 0.0 && o.max_bad <= 1.0, "[loader] max_bad must be within [0, 1]");
}

std::vector<std::int64_t> order_of(const LoaderOptions& o, std::int64_t size) {
    if (o.shard.independent)
        return permutation(o.seed + 0x9e3779b97f4a7c15U * static_cast<std::uint64_t>(o.shard.rank), o.epoch, size);
    if (!o.groups.empty()) return balanced_draws(o.seed, o.epoch, size, o.groups);
    if (o.shuffle) return permutation(o.seed, o.epoch, size);
    std::vector<std::int64_t> order(static_cast<std::size_t>(size));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    return order;
}

template <class T>
std::vector<T> taken(const std::vector<T>& all, const std::vector<std::int64_t>& positions) {
    std::vector<T> own;
    own.reserve(positions.size());
    for (const std::int64_t position : positions) own.push_back(all[static_cast<std::size_t>(position)]);
    return own;
}

}  // namespace

std::int64_t bad_images_allowed(double fraction, std::int64_t images) {
    // The product of a decimal fraction may lie a hair above the whole number that is meant.
    return static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(images) - 1e-9));
}

EpochPlan plan_epoch(const LoaderOptions& o, std::int64_t size) {
    check_options(o, size);
    EpochPlan plan;
    plan.order = order_of(o, size);
    if (!o.groups.empty()) plan.repeats = repeats_of(plan.order);
    plan.sharded = o.shard.ranks > 1 || o.shard.parts > 0;
    if (plan.sharded) {
        plan.shard = plan_shard(o.shard, size, o.batch_size, o.start_sample);
        plan.order = taken(plan.order, plan.shard.positions);
        if (!plan.repeats.empty()) plan.repeats = taken(plan.repeats, plan.shard.positions);
    } else {
        plan.begin = o.start_sample;
    }
    plan.end = o.end_sample >= 0 ? o.end_sample : std::ssize(plan.order);
    const std::int64_t left = plan.end - plan.begin;
    plan.batches =
        plan.sharded ? std::ssize(plan.shard.batches) : (o.drop_last ? left : left + o.batch_size - 1) / o.batch_size;
    return plan;
}

}  // namespace keel
