// What training on several ranks adds to a step: gradients and batch norms over ranks, and what all must agree on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/train_config.h"
#include "cli/virtual_shards.h"
#include "data/pipeline/loader.h"
#include "distributed/collectives/gradient_buckets.h"
#include "distributed/collectives/rank_statistics.h"
#include "distributed/world.h"
#include "engine/tensor.h"

namespace keel::cli {

/// What a rank tells the others behind each step; and what all make of it, the same on every rank.
struct StepStatus {
    double loss_sum = 0;  ///< over the samples
    std::int64_t samples = 0;
    std::int64_t bad_images = 0;  ///< of the epoch so far
    int stop_signal = 0;          ///< any rank's
    bool finite = true;           ///< the loss of every rank
    bool out_of_time = false;     ///< any rank
    bool save = false;            ///< rank 0 wants a checkpoint
    bool failed = false;          ///< any rank cannot go on
};

class DataParallel {
public:
    /// With one rank alone nothing of it communicates.
    DataParallel(World& world, const TrainConfig& config, const std::vector<NamedTensor>& parameters,
                 const std::vector<NamedTensor>& buffers);
    ~DataParallel();
    DataParallel(const DataParallel&) = delete;
    DataParallel& operator=(const DataParallel&) = delete;

    World& world() const { return world_; }
    ShardOptions shard() const { return {world_.rank(), world_.size(), independent_, shards_ ? shards_->count() : 0}; }
    StatisticsSync* statistics() const { return statistics_.get(); }
    /// Of a reproducible run; else null.
    VirtualShards* shards() const { return shards_.get(); }

    /// Around the last backward pass of a step: then gradients are sums over the ranks.
    void begin();
    void finish();

    StepStatus agree(const StepStatus& own) const;
    /// Tensors become their means over the ranks: running statistics of batch norms, which saw different samples.
    void average(const std::vector<NamedTensor>& tensors) const;

    /// Where the time of steps went since the last call, of `seconds` altogether on this rank, `input` of them for want of
    /// pictures: means over the ranks, for people. All ranks call it.
    std::string shares(double seconds, double input);

    const GradientBuckets* buckets() const { return buckets_ ? &*buckets_ : nullptr; }

private:
    World& world_;
    bool independent_;
    std::unique_ptr<RankStatistics> statistics_;
    std::unique_ptr<GradientBuckets> buckets_;
    std::unique_ptr<VirtualShards> shards_;
    double exposed_ = 0;      // seconds since shares() was called last
    Traffic traffic_before_;  // then
};

/// Of the words that the options take.
BucketOptions bucket_options(const std::string& allreduce, const std::string& wire, const std::string& overlap, double bucket_mb);

/// Throws UsageError, on all ranks, which names one whose `text` is not that of rank 0, and the first line where they differ.
void require_equal(World& world, const std::string& what, const std::string& text);

}  // namespace keel::cli
