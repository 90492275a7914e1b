// The gradient of the weights on all threads, divided as plan_weights() says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/igemm/division.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels {

/// Adds the gradients of all groups but the first, which lie one after another, to the first one's, in their order.
inline void add_groups(const float* groups, std::int64_t count, std::int64_t elements, float* first) {
    constexpr std::int64_t kBlock = 4096;  // stays in the first-level cache
    parallel_for(chunk_count(elements, kBlock), 1, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block)
            for (std::int64_t group = 0; group < count; ++group) {
                const float* from = groups + group * elements;
                const std::int64_t last = std::min(elements, (block + 1) * kBlock);
                for (std::int64_t i = block * kBlock; i < last; ++i) first[i] += from[i];
            }
    });
}

/// Plans the work and runs it: a Worker is made of (call, share), wants floats() of memory and writes the share's
/// channels of `elements` gradients by run(memory, gradients).
template <class Worker, class Call>
void run_weights_plan(const Call& call, const WeightsWork& work, float* diff_weights) {
    const TileShape tile{call.variant.rows, call.variant.columns};
    const WeightsPlan plan = plan_weights(work, tile, thread_count(), sums_are_fixed());
    std::vector<Worker> workers;
    std::int64_t most = 0;
    for (std::int64_t i = 0; i < plan.parts(); ++i) {
        workers.emplace_back(call, weights_share(work, plan, tile, i));
        most = std::max(most, workers.back().floats());
    }
    most = static_cast<std::int64_t>(section(static_cast<std::size_t>(most) * sizeof(float)) / sizeof(float));
    const PartPlaces places(plan.parts());
    auto* memory = reinterpret_cast<float*>(
        scratch(static_cast<std::size_t>(most * places.count + (plan.groups - 1) * work.elements) * sizeof(float)));
    float* groups = memory + most * places.count;
    parallel_parts(plan.parts(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t group = i / plan.channels.parts();
            workers[static_cast<std::size_t>(i)].run(memory + most * places.of(i),
                                                     group == 0 ? diff_weights : groups + (group - 1) * work.elements);
        }
    });
    if (plan.groups > 1) add_groups(groups, plan.groups - 1, work.elements, diff_weights);
}

}  // namespace keel::kernels
