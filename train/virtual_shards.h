// `keel train --reproducible`: a step is cut into a fixed number of shards, each a batch of its own, whatever the
// number of ranks.
#pragma once

#include <optional>
#include <vector>

#include "data/pipeline/loader.h"
#include "distributed/collectives/pairwise_sum.h"
#include "distributed/world.h"
#include "engine/tensor.h"
#include "train/train_config.h"

namespace keel {

/// Sums what the shards of this rank give: gradients and the running statistics of batch norms. With the sums over
/// ranks by halving-doubling every weight comes out the same to the bit on 1, 2, 4, ... ranks.
class VirtualShards {
public:
    /// Throws UsageError where options or the number of ranks do not go with it.
    VirtualShards(World& world, const TrainConfig& config, const std::vector<NamedTensor>& parameters,
                  std::vector<NamedTensor> statistics);

    int count() const { return all_; }
    /// This rank has the shards [begin(), end()) of the step.
    int begin() const { return world_.rank() * own_; }
    int end() const { return begin() + own_; }

    /// Called at the start of a step.
    void reset();
    /// Called after the backward pass of each shard, in their order: takes the gradients, and leaves none except after
    /// the last.
    void take();
    /// Called after the last shard: gradients become the sum over this rank's shards. Then GradientBuckets sum over the
    /// ranks.
    void give_gradients();
    /// Replaces running statistics by their means over the shards of all ranks, which all call it.
    void average_statistics();

private:
    World& world_;
    int all_, own_;
    std::vector<NamedTensor> parameters_, statistics_;
    std::optional<PairwiseSum<float>> gradient_sum_;  // made once the first forward pass has laid out the weights
    PairwiseSum<double> statistic_sum_;
    int taken_ = 0;
};

/// Returns the samples of `batch` that belong to a shard; its n is 0 if there are none.
Batch shard_of_batch(const Batch& batch, int shard);

}  // namespace keel
