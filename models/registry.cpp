#include "models/registry.h"

#include "models/densenet.h"
#include "models/resnet.h"
#include "models/vgg.h"

namespace keel {
namespace {

using Options = const ModelOptions&;

constexpr nn::Initialisation kDenseNet{};
constexpr nn::Initialisation kResNet{.fan_out = true, .linear_bias = true};
constexpr nn::Initialisation kVgg{.fan_out = true, .linear_std = 0.01};

constexpr ModelEntry kModels[] = {
    {"densenet121", "classifier.", "features", true,
     [](Options o) {
         return make_densenet({32, {6, 12, 24, 16}, 64}, o);
     },
     kDenseNet},
    {"densenet161", "classifier.", "features", true,
     [](Options o) {
         return make_densenet({48, {6, 12, 36, 24}, 96}, o);
     },
     kDenseNet},
    {"densenet169", "classifier.", "features", true,
     [](Options o) {
         return make_densenet({32, {6, 12, 32, 32}, 64}, o);
     },
     kDenseNet},
    {"densenet201", "classifier.", "features", true,
     [](Options o) {
         return make_densenet({32, {6, 12, 48, 32}, 64}, o);
     },
     kDenseNet},
    {"resnet18", "fc.", "layer4", true,
     [](Options o) {
         return make_resnet({false, {2, 2, 2, 2}}, o);
     },
     kResNet},
    {"resnet34", "fc.", "layer4", true,
     [](Options o) {
         return make_resnet({false, {3, 4, 6, 3}}, o);
     },
     kResNet},
    {"resnet50", "fc.", "layer4", true,
     [](Options o) {
         return make_resnet({true, {3, 4, 6, 3}}, o);
     },
     kResNet},
    {"resnet101", "fc.", "layer4", true,
     [](Options o) {
         return make_resnet({true, {3, 4, 23, 3}}, o);
     },
     kResNet},
    {"resnet152", "fc.", "layer4", true,
     [](Options o) {
         return make_resnet({true, {3, 8, 36, 3}}, o);
     },
     kResNet},
    {"vgg16", "classifier.6.", "features", false, [](Options o) { return make_vgg16(false, o); }, kVgg},
    {"vgg16_bn", "classifier.6.", "features", false, [](Options o) { return make_vgg16(true, o); }, kVgg},
};

}  // namespace

std::span<const ModelEntry> model_registry() { return kModels; }

const ModelEntry& find_model(const std::string& name) {
    std::string known;
    for (const ModelEntry& entry : kModels) {
        if (name == entry.name) return entry;
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    throw UsageError("[models] there is no model '" + name + "', wanted one of " + known);
}

std::unique_ptr<nn::Module> make_blank_model(const std::string& name, const ModelOptions& options) {
    const ModelEntry& entry = find_model(name);
    if (options.classes < 1 || options.classes > 1'000'000 || options.channels < 1 || options.channels > 1024)
        throw UsageError("[models] wanted 1..1000000 classes and 1..1024 channels, got " + std::to_string(options.classes) +
                         " and " + std::to_string(options.channels));
    if (options.dropout >= 1) throw UsageError("[models] wanted dropout below 1, got " + std::to_string(options.dropout));
    return entry.make(options);
}

std::unique_ptr<nn::Module> make_model(const std::string& name, const ModelOptions& options, std::uint64_t seed) {
    auto model = make_blank_model(name, options);
    nn::initialise(*model, find_model(name).initialisation, seed);
    return model;
}

}  // namespace keel
