// What training minimizes. A new loss is a file and a row of the table in loss.cpp (docs/adding_a_loss.md).
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "data/pipeline/loader.h"
#include "engine/nn/module.h"
#include "engine/tensor.h"
#include "train/train_config.h"

namespace keel {

class Loss {
public:
    virtual ~Loss() = default;

    /// Returns a scalar that gradients flow from: the mean over what is known of the batch, 0 where nothing is.
    /// `logits` are {batch.n, labels}. Called on every rank for its own samples, from the thread that trains.
    virtual Tensor operator()(const Tensor& logits, const Batch& batch) const = 0;

    /// Whether watch() is to be told of the forward passes that make the logits.
    virtual bool watches() const { return false; }
    /// Hears of each module's call, in the forward pass before the loss of its logits is asked for.
    virtual void watch(const nn::ModuleCall&) const {}

    /// Returns what the loss itself has to learn, f32 leaves that require a gradient, under names that begin with
    /// "loss.". Their gradients are those of all samples of all ranks; checkpoints hold them.
    virtual std::vector<NamedTensor> variables() const { return {}; }
    /// Moves the variables along their gradients. Called on every rank with each step that is applied.
    virtual void step() const {}
};

/// Returns softmax cross-entropy over classes, the mean over the samples whose class is known; against
/// Batch::soft_targets where the batch has them. `label_smoothing` is the weight of the uniform distribution in the
/// targets.
std::shared_ptr<const Loss> class_loss(double label_smoothing = 0);

/// Returns sigmoid cross-entropy of each label, the mean over those that are known; against Batch::soft_targets where
/// the batch has them. `positive_weights` {labels} weigh the samples that show a label; empty: 1.
std::shared_ptr<const Loss> label_loss(Tensor positive_weights = {});

/// Returns negatives per positive of each label over the training split, unknown ones left out: the weights that
/// balance them, {labels}; a label without positives gets 1.
Tensor balancing_weights(const Dataset& dataset);

/// Makes a loss for a run. Throws UsageError where the configuration contradicts the data.
using MakeLoss = std::shared_ptr<const Loss>(const TrainConfig& config, const Dataset& dataset);

struct NamedLoss {
    std::string_view name;
    Task task;  ///< what it serves
    MakeLoss* make;
};

/// Returns all losses that have a name, of each task that they serve; the first of a task is the one that `keel train`
/// minimizes where nobody names another.
std::span<const NamedLoss> losses();

/// Makes the loss of that name, or where the name is empty the one that the configuration names. Throws UsageError for
/// a name that is not in the table or serves another task than the data's.
std::shared_ptr<const Loss> make_loss(const TrainConfig& config, const Dataset& dataset, std::string_view name = {});

}  // namespace keel
