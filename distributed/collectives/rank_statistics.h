// Batch norms synchronized over groups of ranks.
#pragma once

#include <memory>
#include <vector>

#include "distributed/collectives/allreduce.h"
#include "distributed/world.h"
#include "engine/statistics_sync.h"

namespace keel {

class RankStatistics final : public StatisticsSync {
public:
    /// Groups of `group` consecutive ranks, the last one of what is left; 0: all in one. All ranks make one.
    RankStatistics(World& world, int group);

    /// Through shared memory, on the calling thread, if all ranks of the world share it; else by messages.
    void sum(std::span<double> values) override;

private:
    void sum_in_memory(std::span<double> values);

    World& world_;
    RankGroup members_;
    std::unique_ptr<SharedMemory> memory_;
    std::unique_ptr<Allreduce> messages_;  // of the communication thread
    std::uint32_t turn_ = 0;
};

}  // namespace keel
