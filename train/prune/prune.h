// Pruning of channels: a trained model becomes a smaller one of the same family, dense, whose checkpoint carries its
// widths (ModelOptions::widths). It trains on (config.init), is quantized and exported as any other.
//
//     const LoadedModel model = load_model("best.safetensors");
//     const Pruned pruned = prune(model, *open_dataset("nih:/data"), {.keep = 0.7});
//     save_model("pruned.safetensors", pruned.model);
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/pipeline/loader.h"
#include "embed/loaded_model.h"
#include "models/channel_groups.h"
#include "train/loss.h"

namespace keel {

/// batch_norm: the size of the channel's scale, the mean of |gamma| over the batch norms that it goes through (Liu et
/// al., "Learning efficient convolutional networks through network slimming", ICCV 2017). taylor: what the loss changes
/// by, to first order, where the channel goes: the mean over batches of (sum of parameter * gradient over the channel's
/// gates)^2 (Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019, equation 8, of a gate
/// behind the batch norm).
enum class ChannelScore { batch_norm, taylor };

/// Returns "bn" or "taylor".
const char* name(ChannelScore score);
/// Returns the score of that name; throws UsageError for another.
ChannelScore channel_score_named(const std::string& name);

/// One score a channel of each group of channel_groups(), higher: worth more. Groups without scores, those without a
/// batch norm where its scale is asked for, stay whole.
using ChannelScores = std::vector<std::vector<double>>;

/// The channels of each group that stay, rising.
using KeptChannels = std::vector<std::vector<std::int64_t>>;

ChannelScores batch_norm_scores(const LoadedModel& model);

/// Takes the gradients of `loss` over batches, in evaluation mode. The model's parameters get no gradient that stays.
/// Throws InputError where a gradient is not finite.
ChannelScores taylor_scores(const LoadedModel& model, const Loss& loss, std::span<const Batch> batches);

/// Chooses what stays, a pure function: of all groups' channels the lowest go, in steps of `multiple` of a group with
/// the least mean score first, until at most the share `keep` of those that have scores is left, or no group can lose
/// more. What is left of a group is a multiple of `multiple`, and not nothing; a group of at most so many stays whole.
/// Throws UsageError for a share that is not above 0 and at most 1 and multiples below 1.
KeptChannels choose_channels(const ChannelScores& scores, const std::vector<ChannelGroup>& groups, double keep,
                             std::int64_t multiple);

/// Returns the model with the channels that stay; what the others did is gone. Of channels that are 0 for every image
/// nothing is lost. Throws UsageError for channels that the model does not have.
LoadedModel without_channels(const LoadedModel& model, const KeptChannels& kept);

/// Measures the running statistics of all batch norms anew, as means over the batches (of equal weight).
void measure_statistics(const LoadedModel& model, std::span<const Batch> batches);

struct PruneOptions {
    double keep = 0.7;  ///< share of the channels
    ChannelScore score = ChannelScore::taylor;
    /// Of channels that are left in a group: 32 are whole panels of Keel's own kernels on every processor, 16 on AVX2.
    std::int64_t multiple = 32;
    std::int64_t images = 512;     ///< of the split, shuffled: for the scores and the statistics
    bool keep_statistics = false;  ///< else batch norms' are measured anew on the smaller model
    /// How images are read: the split, the batch, workers; the transform is the model's own.
    LoaderOptions loader{};
};

struct PrunedGroup {
    std::string name;
    std::int64_t before = 0, after = 0;  ///< channels
};

struct PruneReport {
    std::vector<PrunedGroup> groups;
    std::int64_t channels = 0, channels_left = 0;      ///< of the groups with scores
    std::int64_t parameters = 0, parameters_left = 0;  ///< numbers
    std::int64_t macs = 0, macs_left = 0;              ///< of one image
    std::int64_t images = 0;                           ///< that were read
    std::vector<std::string> warnings;                 ///< sentences without a full stop
};

struct Pruned {
    LoadedModel model;
    PruneReport report;
};

/// Scores, chooses, cuts and measures. The thresholds of the model's checkpoint, which are not those of the smaller
/// one, are dropped with a warning. Throws UsageError for a model that has no channels to prune or options out of
/// range, InputError where the data do not fit the model; what Loader throws. `progress` is told of images.
Pruned prune(const LoadedModel& model, const Dataset& dataset, const PruneOptions& options,
             const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace keel
