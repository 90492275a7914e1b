#include "train/train_state.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "embed/loaded_model.h"
#include "engine/checkpoint.h"
#include "engine/safetensors.h"
#include "kernels/error.h"
#include "models/registry.h"

namespace keel {
namespace {

/// What images are centred and scaled by where nobody says: ImageNet's statistics for RGB, the middle grey for the
/// rest.
void default_normalization(ModelSpec& spec) {
    const bool rgb = spec.options.channels == 3;
    if (spec.mean.empty()) spec.mean = rgb ? std::vector{0.485F, 0.456F, 0.406F} : std::vector{0.5F};
    if (spec.std.empty()) spec.std = rgb ? std::vector{0.229F, 0.224F, 0.225F} : std::vector{0.25F};
}

ModelSpec spec_of(const TrainConfig& config, const Dataset& dataset) {
    ModelSpec spec;
    spec.name = config.model;
    spec.options.classes = static_cast<std::int64_t>(dataset.label_names().size());
    spec.options.channels = config.channels > 0 ? config.channels : dataset.channels();
    spec.options.small_stem = config.small_stem;
    spec.options.dropout = config.dropout;
    spec.image_size = config.image_size;
    spec.mean = config.mean;
    spec.std = config.std;
    spec.multi_label = dataset.task() == Task::labels;
    spec.label_names = dataset.label_names();
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

ScheduleOptions make_schedule(const TrainConfig& config, int ranks) {
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

}  // namespace

TrainState make_train_state(const TrainConfig& config, const Dataset& dataset, int ranks,
                            std::shared_ptr<const Loss> loss) {
    TrainState state;
    state.spec = spec_of(config, dataset);
    state.module = make_model(state.spec.name, state.spec.options, config.seed);
    const std::string classifier = find_model(state.spec.name).classifier;
    if (!config.init.empty()) {
        state.skipped = load_into(state.module->state(), model_weights(read_safetensors(config.init).tensors),
                                  config.init, {{classifier}});
        require_finite_weights(state.module->state(), config.init);
    }
    if (config.freeze == "backbone")
        for (const NamedTensor& parameter : state.module->parameters())
            if (!parameter.name.starts_with(classifier)) parameter.tensor.set_requires_grad(false);
    state.loss = loss ? std::move(loss) : make_loss(config, dataset);
    state.optimizer.emplace(make_optimizer(config, *state.module, classifier));
    if (config.ema_decay > 0) state.ema.emplace(state.module->state(), config.ema_decay);
    state.schedule = make_schedule(config, ranks);
    return state;
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
    require_finite_weights(module->state(), source);
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
