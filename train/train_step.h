// One training step: what this rank computes, and what all ranks make of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/pipeline/loader.h"
#include "engine/precision.h"
#include "train/data_parallel.h"
#include "train/train_config.h"
#include "train/train_state.h"

namespace keel {

class TrainStep {
public:
    /// All three are kept and must outlive this.
    TrainStep(const TrainConfig& config, TrainState& train, DataParallel& parallel);

    /// Where in the run the step is, from 0; random draws depend on the epoch.
    struct Position {
        std::int64_t epoch = 0, step = 0;
    };
    struct Result {
        StepStatus status;  ///< of all ranks
        bool applied = false;
        std::string fault;  ///< what was not finite, where that is why the step was not applied
    };

    /// Runs forward, loss, backward, clipping, optimizer and average over the batches of all ranks, which call this
    /// together; a rank without samples takes part. A step whose loss or gradient is not finite leaves weights,
    /// statistics and averages as they were, and so does one of which a rank's status says that it failed. `own_status`
    /// is asked after the backward pass.
    Result run(const Batch& batch, Position at, double lr, const std::function<StepStatus()>& own_status);

    /// Runs forward and backward of so many black images of this rank alone, for what they show of memory: weights,
    /// statistics and gradients are as they were.
    void rehearse(std::int64_t images);

    /// Returns what the configuration's precision means here: of maps, in all of the steps.
    Precision precision() const { return precision_; }

private:
    /// Returns the sum of the losses of this rank's samples; gradients are of all ranks' samples then.
    double accumulate_gradients(const Batch& batch, Position at);
    double accumulate_shards(const Batch& batch, Position at);
    /// Returns the logits of images; a loss that watches hears of the layers.
    Tensor forward(const Tensor& images);
    /// Runs forward and backward of a part of the batch, whose samples may be dummies that do not count; returns the
    /// sum of their losses.
    double run_micro_batch(const Batch& batch, Position at, bool counts, bool last);
    /// Takes part in a micro-batch of the others, for want of samples.
    void run_dummy(const Batch& like, Position at, bool last);
    /// Scales, clips and applies the gradients; returns what is not finite, in place of applying them.
    std::string apply(const Batch& batch, const StepStatus& status, Position at, double lr);

    const TrainConfig& config_;
    TrainState& train_;
    DataParallel& parallel_;
    Precision precision_;
    BufferGuard buffers_;
};

}  // namespace keel
