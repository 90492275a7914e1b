// What training on several ranks adds to a step: gradients and batch norms over ranks, and what all must agree on.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/pipeline/loader.h"
#include "distributed/collectives/gradient_buckets.h"
#include "distributed/collectives/rank_statistics.h"
#include "distributed/world.h"
#include "engine/tensor.h"
#include "train/observer.h"
#include "train/train_config.h"
#include "train/virtual_shards.h"

namespace keel {

/// A rank's report to the others after each step, and what all make of the reports, the same on every rank.
struct StepStatus {
    double loss_sum = 0;  ///< over the samples
    std::int64_t samples = 0;
    std::int64_t bad_images = 0;  ///< of the epoch so far
    bool finite = true;           ///< the loss of every rank
    bool save = false;            ///< rank 0 wants a checkpoint
    bool failed = false;          ///< any rank cannot go on
    bool storage_failed = false;  ///< of those any because of its storage, which may pass
    bool stop = false;            ///< any rank's observer asks to stop
    int stop_code = 0;            ///< the highest of those that ask, and its reason
    std::array<char, 48> stop_reason{};

    void request_stop(const StopRequest& request);
    std::optional<StopRequest> stop_request() const;
};

class DataParallel {
public:
    /// With one rank alone nothing of it communicates.
    DataParallel(World& world, const TrainConfig& config, const std::vector<NamedTensor>& parameters,
                 const std::vector<NamedTensor>& buffers);
    DataParallel(const DataParallel&) = delete;
    DataParallel& operator=(const DataParallel&) = delete;

    World& world() const { return world_; }
    ShardOptions shard() const { return {world_.rank(), world_.size(), independent_, shards_ ? shards_->count() : 0}; }
    StatisticsSync* statistics() const { return statistics_.get(); }
    /// Returns the shards of a reproducible run, else null.
    VirtualShards* shards() const { return shards_.get(); }

    /// Called before and after the last backward pass of a step: then gradients are sums over the ranks.
    void begin();
    void finish();

    /// Returns what all ranks make of their own: sums, or what any of them says.
    StepStatus reduce_status(const StepStatus& own) const;
    /// Replaces the tensors by their means over the ranks: running statistics of batch norms, which saw different
    /// samples.
    void average(const std::vector<NamedTensor>& tensors) const;

    /// Returns where the time of steps went since the last call, of `seconds` altogether on this rank, `input` of them
    /// for want of images: means over the ranks, for people. All ranks call it.
    std::string time_breakdown(double seconds, double input);

    /// Returns what should be known of how sums are made, once; else nothing.
    std::string take_remark();

    const GradientBuckets* buckets() const { return buckets_ ? &*buckets_ : nullptr; }

private:
    World& world_;
    bool independent_;
    std::unique_ptr<RankStatistics> statistics_;
    std::unique_ptr<GradientBuckets> buckets_;
    std::unique_ptr<VirtualShards> shards_;
    bool remarked_ = false;
    double exposed_ = 0;      // seconds since time_breakdown() was called last
    Traffic traffic_before_;  // then
};

/// Returns the options of buckets that these words, those of the command line, stand for.
BucketOptions bucket_options(const std::string& allreduce, const std::string& wire, const std::string& overlap,
                             double bucket_mb);

/// Throws UsageError, on all ranks, which names one whose `text` is not that of rank 0, and the first line where they
/// differ.
void require_equal(World& world, const std::string& what, const std::string& text);

/// Throws IoError, on all ranks, where `tensors` are not the same on all of them to the bit: each rank applies the same
/// gradients to the same weights, so that a memory or a processor is at fault, or ranks are of different builds.
void require_same_weights(World& world, std::int64_t step, const std::vector<NamedTensor>& tensors);

}  // namespace keel
