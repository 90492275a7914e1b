#include "train/train_state.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/core.h>

#include "data/inspect/brightness.h"
#include "data/inspect/info.h"
#include "embed/foreign_weights.h"
#include "embed/loaded_model.h"
#include "embed/weights/stem.h"
#include "engine/checkpoint.h"
#include "engine/safetensors.h"
#include "kernels/error.h"
#include "models/registry.h"
#include "train/distillation.h"
#include "train/image_size.h"
#include "train/weighted_loss.h"

namespace keel {
namespace {

/// The channels of the model that weights are taken of, where it is the same and some of them were pruned.
std::map<std::string, std::int64_t> initial_widths(const TrainConfig& config) {
    if (config.init.empty()) return {};
    const std::optional<ModelSpec> init = spec_in_header(config.init);
    return init && init->name == config.model ? init->options.widths : std::map<std::string, std::int64_t>{};
}

ModelSpec spec_of(const TrainConfig& config, const Dataset& dataset) {
    ModelSpec spec;
    spec.name = config.model;
    spec.options.classes = static_cast<std::int64_t>(dataset.label_names().size());
    spec.options.channels = config.channels > 0 ? config.channels : dataset.channels();
    spec.options.small_stem = config.small_stem;
    spec.options.dropout = config.dropout;
    spec.options.widths = initial_widths(config);
    spec.image_size = config.image_size;
    spec.mean = config.mean;
    spec.std = config.std;
    spec.multi_label = dataset.task() == Task::labels;
    spec.label_names = dataset.label_names();
    spec.reading = dataset.reading();
    default_normalization(spec);
    return spec;
}

Optimizer make_optimizer(const TrainConfig& config, const nn::Module& module, const std::string& classifier) {
    // Vectors (biases, batch norm's gamma and beta) are not decayed: decay would only pull the scale of activations.
    std::vector<ParameterGroup> groups{{"backbone", {}, config.backbone_lr, 1},
                                       {"backbone vectors", {}, config.backbone_lr, 0},
                                       {"classifier", {}, config.classifier_lr, 1},
                                       {"classifier vectors", {}, config.classifier_lr, 0}};
    for (const NamedTensor& parameter : module.parameters()) {
        const std::size_t group =
            (parameter.name.starts_with(classifier) ? 2U : 0U) + (parameter.tensor.rank() == 1 ? 1U : 0U);
        groups[group].parameters.push_back(parameter);
    }
    OptimizerOptions options;
    options.kind = optimizer_kind(config.optimizer);
    options.weight_decay = config.weight_decay;
    options.momentum = config.momentum;
    options.nesterov = config.nesterov;
    options.beta1 = config.beta1;
    options.beta2 = config.beta2;
    options.eps = config.adam_eps;
    options.trust = config.trust;
    return Optimizer(std::move(groups), options);
}

/// Takes the weights of --init.
void load_initial(const std::string& file, const std::string& classifier, TrainState& state) {
    std::vector<std::string> left_out;
    std::vector<NamedTensor> weights = read_model_weights(file, &left_out);
    const std::vector<NamedTensor> own = state.module->state();
    if (const std::string stem = fit_stem(own, weights); !stem.empty())
        state.changed.push_back(stem + ", made for images of " + std::to_string(state.spec.options.channels) +
                                " channels");
    if (const std::size_t narrower = state.spec.options.widths.size(); narrower > 0)
        state.changed.push_back(fmt::format("{} groups of channels are narrower than {}'s, as pruning left them",
                                            narrower, state.spec.name));
    state.skipped = load_into(own, weights, file, {.skippable = {classifier}, .skip_foreign = true});
    state.skipped.insert(state.skipped.end(), left_out.begin(), left_out.end());
}

/// Refuses channels that the data's images cannot become, before an image is read.
void require_channels(const TrainConfig& config, const Dataset& dataset) {
    if (config.channels == 0 || channels_convert(dataset.channels(), config.channels)) return;
    throw UsageError("[train] channels " + std::to_string(config.channels) + ": the images of " + config.data +
                     " have " + std::to_string(dataset.channels()) +
                     "; grey ones become any number, RGB ones grey, others stay what they are");
}

}  // namespace

ScheduleOptions make_schedule(const TrainConfig& config, double ranks) {
    ScheduleOptions schedule;
    schedule.kind = schedule_kind(config.schedule);
    schedule.lr = config.lr * (config.lr_scaling == "linear" ? ranks
                               : config.lr_scaling == "sqrt" ? std::sqrt(ranks)
                                                             : 1);
    schedule.floor = config.min_lr;
    schedule.warmup_steps = config.warmup_steps;
    schedule.milestones.assign(config.milestones.begin(), config.milestones.end());
    schedule.every = config.step_epochs;
    schedule.gamma = schedule.kind == ScheduleKind::plateau ? config.plateau_factor : config.step_gamma;
    schedule.patience = config.plateau_patience;
    check(schedule);
    return schedule;
}

TrainState make_train_state(const TrainConfig& config, const Dataset& dataset, int ranks,
                            std::shared_ptr<const Loss> loss) {
    require_channels(config, dataset);
    TrainState state;
    state.spec = spec_of(config, dataset);
    if (config.image_size == 0) {
        const ImageSides sides = image_sides(dataset);
        const int size = default_image_size(sides.largest);
        state.spec.image_size = size;
        state.chosen_size = chosen_size_text(size, sides);
    }
    state.module = make_model(state.spec.name, state.spec.options, config.seed);
    const std::string classifier = find_model(state.spec.name).classifier;
    if (!config.init.empty()) load_initial(config.init, classifier, state);
    if (config.freeze == "backbone")
        for (const NamedTensor& parameter : state.module->parameters())
            if (!parameter.name.starts_with(classifier)) parameter.tensor.set_requires_grad(false);
    state.loss = loss ? std::move(loss) : make_loss(config, dataset);
    const auto weighted = [](const Sample& sample) { return sample.weight != 1; };
    if (std::ranges::any_of(dataset.samples(Split::train), weighted)) state.loss = weighted_loss(std::move(state.loss));
    if (!config.teacher.empty()) {
        state.distillation = std::make_shared<Distillation>(config, dataset, state.spec);
        state.loss = Distillation::loss(state.distillation, std::move(state.loss), *state.module);
    }
    state.optimizer.emplace(make_optimizer(config, *state.module, classifier));
    if (config.ema_decay > 0) state.ema.emplace(state.module->state(), config.ema_decay);
    state.schedule = make_schedule(config, ranks);
    return state;
}

std::vector<Remark> TrainState::remarks(const Dataset& dataset, const DatasetOptions& options, bool look) const {
    std::vector<Remark> all = describe(dataset, options);
    if (look)
        for (const Remark& remark : describe_images(dataset)) all.push_back(remark);
    for (const std::string& each : changed) all.push_back({false, "weights: " + each});
    if (distillation)
        for (const std::string& note : distillation->notes()) all.push_back({false, note});
    return all;
}

std::vector<NamedTensor> TrainState::tensors() const {
    std::vector<NamedTensor> all = module->state();
    for (const auto& more : {optimizer->state(), ema ? ema->state() : std::vector<NamedTensor>{}, loss->variables()})
        all.insert(all.end(), more.begin(), more.end());
    return all;
}

std::vector<NamedTensor> TrainState::trained() const {
    std::vector<NamedTensor> all = module->parameters();
    const std::vector<NamedTensor> variables = loss->variables();
    all.insert(all.end(), variables.begin(), variables.end());
    return all;
}

std::vector<NamedTensor> TrainState::running_statistics() const {
    std::vector<NamedTensor> all = module->buffers();
    if (!ema) return all;
    const std::size_t buffers = all.size();
    for (const NamedTensor& average : ema->state())
        for (std::size_t i = 0; i < buffers; ++i)
            if (average.name == "ema." + all[i].name) all.push_back(average);
    return all;
}

void TrainState::load(const std::vector<NamedTensor>& tensors, const std::string& source) {
    load_into(module->state(), tensors, source);
    for (const auto& [name, variable] : loss->variables())
        for (const NamedTensor& given : tensors)
            if (given.name == name && given.tensor.dims() == variable.dims()) variable.assign(given.tensor);
    try {
        optimizer->load_state(tensors);
        if (ema) ema->load_state(tensors);
    } catch (const InputError& error) {
        throw InputError("[train] " + source + ": " + error.what());
    }
}

BufferGuard::BufferGuard(const nn::Module& module) : buffers_(module.buffers()) {
    for (const NamedTensor& buffer : buffers_) kept_.push_back(buffer.tensor.clone());
}

void BufferGuard::keep() {
    for (std::size_t i = 0; i < kept_.size(); ++i) kept_[i].assign(buffers_[i].tensor);
}

void BufferGuard::restore() const {
    for (std::size_t i = 0; i < kept_.size(); ++i) buffers_[i].tensor.assign(kept_[i]);
}

}  // namespace keel
