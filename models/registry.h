// The models by name, with the parameter names of torchvision, so that its weights map one to one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/nn/layers.h"

namespace keel {

struct ModelOptions {
    std::int64_t classes = 1000;  ///< outputs of the classifier
    std::int64_t channels = 3;    ///< of the images
    /// For images under 64 pixels: the first convolution is 3x3 with stride 1 and no max-pool follows (VGG, resnet20
    /// and resnet56 begin so anyway).
    bool small_stem = false;
    /// Probability of dropout; negative: the architecture's own (VGG 0.5 in the classifier, the others none). DenseNet
    /// drops in its dense layers, ResNet before its classifier.
    double dropout = -1;
    /// Channels of groups (models/channel_groups.h) that have fewer than the architecture says, by their names: what
    /// pruning left (train/prune/prune.h).
    std::map<std::string, std::int64_t> widths{};
};

struct ChannelGroup;

struct ModelEntry {
    const char* name;
    const char* classifier;  ///< prefix of the parameters of the last layer, e.g. "fc."
    const char* features;    ///< module that makes the last feature map, e.g. "layer4"
    bool pooled;             ///< the classifier is one linear layer that reads the mean of each of that map's channels
    std::unique_ptr<nn::Module> (*make)(const ModelOptions& options);
    nn::Initialization initialization;
    /// The groups of channels of a model with these options; null: none of its channels may go.
    std::vector<ChannelGroup> (*groups)(const ModelOptions& options) = nullptr;
};

/// Returns the channels of a group that the architecture gives `own`: those, or what the options say.
std::int64_t width_of(const ModelOptions& options, const std::string& group, std::int64_t own);

/// Throws UsageError for widths of groups that the model does not have, above its own or below 1.
void check_widths(const std::string& model, const ModelOptions& options);

/// Returns all models: densenet121/161/169/201, resnet18/34/50/101/152, resnet20/56 (for small images), vgg16,
/// vgg16_bn.
std::span<const ModelEntry> model_registry();

/// Returns the entry of a model. Throws UsageError that lists the known names.
const ModelEntry& find_model(const std::string& name);

/// Returns a model with weights drawn as torchvision draws them. Throws UsageError for an unknown name or options out
/// of range, widths of groups that the model does not have or above its own among them.
std::unique_ptr<nn::Module> make_model(const std::string& name, const ModelOptions& options, std::uint64_t seed = 0);

/// Returns a model with weights still undefined, to be loaded. Throws as make_model does.
std::unique_ptr<nn::Module> make_blank_model(const std::string& name, const ModelOptions& options);

}  // namespace keel
