#include "train/computed_with.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "kernels/error.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"
#include "kernels/routing/choice.h"

namespace keel {

ComputedWith computed_with_now(Precision precision) {
    return {thread_count(), active_isa().name, kernels::convolution_library(), kernels::is_tuning(),
            std::string(name(precision))};
}

std::vector<std::string> computing_changes(const ComputedWith& then, const ComputedWith& now, bool fixed_sums) {
    std::vector<std::string> changes;
    if (then.precision != now.precision)
        changes.push_back(
            fmt::format("resumed in {} in place of {}: the checkpoint is f32 in both, but steps round "
                        "otherwise from here on",
                        now.precision, then.precision));
    if (then.threads == 0) return changes;
    const auto add = [&](const std::string& change) {
        changes.push_back(change + ": the weights' last bits will not be those of a run that went on as it was");
    };
    if (then.threads != now.threads && !fixed_sums)
        add(fmt::format("resumed with {} thread{} in place of {}", now.threads, now.threads == 1 ? "" : "s",
                        then.threads));
    if (then.isa != now.isa) add(fmt::format("resumed on {} in place of {}", now.isa, then.isa));
    if (then.library != now.library)
        add(fmt::format("resumed with oneDNN {} in place of {}", now.library, then.library));
    if (then.tuned != now.tuned)
        add(now.tuned ? "resumed with kernels chosen by their times (--tuning), which were not before"
                      : "resumed without the kernels chosen by their times (--tuning) of before");
    return changes;
}

void require_reproducible(const TrainConfig& config) {
    if (config.reproducible && kernels::is_tuning())
        throw UsageError(
            "[train] --reproducible does not go with --tuning: kernels are chosen by their times then, which are "
            "others each time; leave one of the two out");
}

Isa common_isa(std::span<const Features> ranks) {
    Isa widest = Isa::scalar;
    for (const Isa& isa : kIsas)
        if (std::ranges::all_of(ranks, [&](Features rank) { return contains(rank, isa.features); })) widest = isa;
    return widest;
}

CommonIsa::CommonIsa(World& world, bool reproducible) {
    if (world.is_single()) return;
    const std::vector<Features> all = world.gather(active_isa().features);
    const auto other = std::ranges::find_if(all, [&](Features rank) { return rank != all[0]; });
    if (other == all.end()) return;
    const Isa common = common_isa(all);
    const auto name = [](Features features) { return common_isa(std::span(&features, 1)).name; };
    const std::string differ = fmt::format("rank {} computes with {}, rank 0 with {}",
                                           std::distance(all.begin(), other), name(*other), name(all[0]));
    if (reproducible)
        throw UsageError(
            fmt::format("[train] {}: --reproducible wants one instruction set; set KEEL_ISA={} for all "
                        "ranks",
                        differ, common.name));
    note_ = fmt::format("{}: all ranks compute with {}, which every one has", differ, common.name);
    scope_.emplace(common);
    // Where a rank's oneDNN is at work already, its layouts decide whether the ranks can go together (GradientBuckets).
    kernels::cap_convolution_library(common);
}

}  // namespace keel
