#include "distributed/collectives/rank_statistics.h"

#include <algorithm>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::size_t kSlot = 8192;  // doubles: two for each channel of any usual layer

}  // namespace

RankStatistics::RankStatistics(World& world, int group) : world_(world) {
    if (group < 0)
        throw UsageError("[batch_norm] the ranks of a group must be 0 (all) or more, got " + std::to_string(group));
    const int size = group == 0 ? world.size() : group, first = world.rank() / size * size;
    members_ = RankGroup::every(first, std::min(size, world.size() - first));
    world.call([&](Communicator& communicator) {
        if (communicator.topology().nodes() == 1) memory_ = communicator.share(2 * kSlot * sizeof(double));
        if (memory_ && memory_->apart()) memory_.reset();
        if (!memory_) messages_ = std::make_unique<Allreduce>(communicator);
    });
}

void RankStatistics::sum(std::span<double> values) {
    if (members_.size() < 2 && !memory_) return;
    if (!memory_) {
        world_.call([&](Communicator&) { messages_->sum(Algorithm::halving_doubling, members_, values); });
        return;
    }
    for (; !values.empty(); values = values.subspan(std::min(kSlot, values.size())))
        sum_in_memory(values.first(std::min(kSlot, values.size())));
}

/// Two slots in turn: who writes one for the next sum but one has met all others after they read it.
void RankStatistics::sum_in_memory(std::span<double> values) {
    const std::size_t slot = turn_++ % 2 * kSlot;
    std::ranges::copy(values, memory_->part<double>(memory_->rank()) + slot);
    memory_->barrier();
    for (std::size_t i = 0; i < values.size(); ++i) {
        double total = 0;
        for (int m = 0; m < members_.size(); ++m) total += memory_->part<double>(members_[m])[slot + i];
        values[i] = total;
    }
}

}  // namespace keel
