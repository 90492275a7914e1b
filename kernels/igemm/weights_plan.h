// How the gradient of the weights is divided among threads: by channels, and by rows of the maps where a team is too
// large for them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/igemm/split.h"
#include "kernels/igemm/variants.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels {

/// A thread's part: rows counted through all images, channels of src and of diff_dst.
struct WeightsShare {
    Range rows, ic, oc;
};

/// Each of `products` positions of a row is an outer product of ic and oc channels. Preparing a channel of src or
/// diff_dst for one of them takes as long as ic_cost or oc_cost multiply-adds of a vector of columns.
struct WeightsWork {
    std::int64_t rows, products, ic, oc, ic_cost, oc_cost;
};

struct WeightsPlan {
    std::int64_t groups;  ///< of rows, each with gradients of its own, summed in order at the end
    Split channels;       ///< in tiles of the variant
};

/// Returns the plan with the least work for the busiest thread: its part of the products, of the preparation, and of
/// the sum over the groups, of which there are `most_groups` at most.
inline WeightsPlan plan_weights(const WeightsWork& work, std::int64_t width, std::int64_t columns, std::int64_t threads,
                                std::int64_t most_groups) {
    WeightsPlan best{1, {1, 1}};
    double least = 0;
    const std::int64_t widths = chunk_count(work.ic, width), panels = work.oc / columns;
    for (std::int64_t groups = 1; groups <= std::min(threads, most_groups); ++groups) {
        const Split split = split_units(widths, panels, threads / groups);
        const auto ic = static_cast<double>(chunk_count(widths, split.rows) * width);
        const auto oc = static_cast<double>(chunk_count(panels, split.columns) * columns);
        const auto products = static_cast<double>(chunk_count(work.rows, groups) * work.products);
        const double sum =
            groups == 1 ? 0 : static_cast<double>(groups * work.ic * work.oc) / static_cast<double>(threads);
        const double cost =
            products * (ic * oc + static_cast<double>(work.ic_cost) * ic + static_cast<double>(work.oc_cost) * oc) +
            4 * sum;
        if (groups > 1 && cost >= least) continue;
        least = cost;
        best = {groups, split};
    }
    return best;
}

/// Plans the work and runs it: a Worker is made of (call, share), wants floats() of memory and writes the share's
/// channels of `elements` gradients by run(memory, gradients).
template <class Worker, class Call>
void run_weights_plan(const Call& call, const WeightsWork& work, std::int64_t elements, float* diff_weights) {
    const std::int64_t width = call.variant.rows, columns = call.variant.columns;
    const WeightsPlan plan = plan_weights(work, width, columns, thread_count(), sums_are_fixed() ? 1 : work.rows);
    const std::int64_t parts = plan.channels.parts();
    std::vector<Worker> workers;
    std::int64_t most = 0;
    for (std::int64_t i = 0; i < plan.groups * parts; ++i) {
        const Range ic = part(chunk_count(work.ic, width), plan.channels.rows, i % parts / plan.channels.columns);
        const Range oc = part(work.oc / columns, plan.channels.columns, i % parts % plan.channels.columns);
        workers.emplace_back(call, WeightsShare{part(work.rows, plan.groups, i / parts),
                                                {ic.begin * width, std::min(ic.end * width, work.ic)},
                                                {oc.begin * columns, oc.end * columns}});
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
