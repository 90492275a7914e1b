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

/// Plans the work and runs it: a Worker is made of (call, share), wants floats() of memory and writes the share's
/// channels of `elements` gradients by run(memory, gradients).
template <class Worker, class Call>
void run_weights_plan(const Call& call, const WeightsWork& work, std::int64_t elements, float* diff_weights) {
    const std::int64_t width = call.variant.rows, columns = call.variant.columns;
    const WeightsPlan plan = plan_weights(work, {width, columns}, thread_count(), sums_are_fixed() ? 1 : work.rows);
    const std::int64_t parts = plan.channels.parts();
    std::vector<Worker> workers;
    std::int64_t most = 0;
    for (std::int64_t i = 0; i < plan.groups * parts; ++i) {
        workers.emplace_back(call, weights_share(work, plan, {width, columns}, i));
        most = std::max(most, workers.back().floats());
    }
    const auto count = static_cast<std::int64_t>(workers.size());
    most = static_cast<std::int64_t>(section(static_cast<std::size_t>(most) * sizeof(float)) / sizeof(float));
    auto* memory = reinterpret_cast<float*>(
        scratch(static_cast<std::size_t>(most * count + (plan.groups - 1) * elements) * sizeof(float)));
    float* groups = memory + most * count;
    parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            workers[static_cast<std::size_t>(i)].run(memory + i * most,
                                                     i < parts ? diff_weights : groups + (i / parts - 1) * elements);
    });
    if (plan.groups == 1) return;
    parallel_for(elements, 4096, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t group = 0; group + 1 < plan.groups; ++group)
            for (std::int64_t i = begin; i < end; ++i) diff_weights[i] += groups[group * elements + i];
    });
}

}  // namespace keel::kernels
