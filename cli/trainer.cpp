#include "cli/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "cli/config.h"
#include "cli/predictions_file.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "engine/arena.h"
#include "engine/autograd.h"
#include "engine/draws.h"
#include "engine/gradients.h"
#include "kernels/parallel.h"
#include "models/loaded_model.h"

namespace keel::cli {
namespace {

/// What the trainer keeps beside the RunState, as JSON in a checkpoint's metadata.
constexpr const char* kTrainerKey = "keel.trainer";

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Negatives per positive of each label over the training split, the weight that balances them; a label without positives gets 1.
Tensor balancing_weights(const Dataset& dataset) {
    const auto& samples = dataset.samples(Split::train);
    const auto labels = static_cast<std::int64_t>(dataset.label_names().size());
    Tensor weights = Tensor::full({labels}, 1);
    for (std::int64_t i = 0; i < labels; ++i) {
        const auto positives = std::ranges::count_if(samples, [&](const Sample& s) { return ((s.mask >> i) & 1U) != 0; });
        if (positives > 0)
            weights.data<float>()[i] =
                static_cast<float>(static_cast<double>(std::ssize(samples) - positives) / static_cast<double>(positives));
    }
    return weights;
}

/// What pictures are centred and scaled by where nobody says: ImageNet's statistics for RGB, the middle grey for the rest.
void default_normalisation(ModelSpec& spec) {
    const bool rgb = spec.options.channels == 3;
    if (spec.mean.empty()) spec.mean = rgb ? std::vector{0.485F, 0.456F, 0.406F} : std::vector{0.5F};
    if (spec.std.empty()) spec.std = rgb ? std::vector{0.229F, 0.224F, 0.225F} : std::vector{0.25F};
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, RunDirectory& directory, const Globals& globals)
    : config_(config), directory_(directory), globals_(globals) {
    DatasetOptions options;
    options.split_seed = config.split_seed;
    options.val_fraction = config.val_fraction;
    options.test_fraction = config.test_fraction;
    dataset_ = open_dataset(config.data, options);
    if (dataset_->size(Split::train) == 0) throw InputError("[train] " + config.data + " has no training samples");
    steps_per_epoch_ = (dataset_->size(Split::train) + config.batch_size - 1) / config.batch_size;
    total_steps_ = steps_per_epoch_ * config.epochs;
    if (config.max_steps > 0) total_steps_ = std::min(total_steps_, config.max_steps);
    build_model();
    build_optimizer();
    state_.seed = config.seed;
}

void Trainer::build_model() {
    spec_.name = config_.model;
    spec_.options.classes = static_cast<std::int64_t>(dataset_->label_names().size());
    spec_.options.channels = config_.channels > 0 ? config_.channels : dataset_->channels();
    spec_.options.small_stem = config_.small_stem;
    spec_.options.dropout = config_.dropout;
    spec_.image_size = config_.image_size;
    spec_.mean = config_.mean;
    spec_.std = config_.std;
    spec_.multi_label = dataset_->task() == Task::labels;
    spec_.label_names = dataset_->label_names();
    default_normalisation(spec_);
    module_ = make_model(spec_.name, spec_.options, config_.seed);

    const std::string classifier = find_model(spec_.name).classifier;
    if (!config_.init.empty()) {
        const auto tensors = model_weights(read_safetensors(config_.init).tensors);
        const auto skipped = load_into(module_->state(), tensors, config_.init, {{classifier}});
        directory_.log().info("weights from {}{}", config_.init,
                              skipped.empty() ? "" : fmt::format(", but not {}", fmt::join(skipped, ", ")));
    }
    if (config_.freeze == "backbone")
        for (const NamedTensor& parameter : module_->parameters())
            if (!parameter.name.starts_with(classifier)) parameter.tensor.set_requires_grad(false);
    if (config_.positive_weights == "balanced") {
        if (!spec_.multi_label) throw UsageError("[train] positive_weights balances labels, this data has classes");
        positive_weights_ = balancing_weights(*dataset_);
    }
}

void Trainer::build_optimizer() {
    const std::string classifier = find_model(spec_.name).classifier;
    // Vectors (biases, batch norm's gamma and beta) are not decayed: decay would only pull the scale of activations.
    std::vector<ParameterGroup> groups{{"backbone", {}, config_.backbone_lr, 1},
                                       {"backbone vectors", {}, config_.backbone_lr, 0},
                                       {"classifier", {}, config_.classifier_lr, 1},
                                       {"classifier vectors", {}, config_.classifier_lr, 0}};
    for (const NamedTensor& parameter : module_->parameters()) {
        const std::size_t group = (parameter.name.starts_with(classifier) ? 2U : 0U) + (parameter.tensor.rank() == 1 ? 1U : 0U);
        groups[group].parameters.push_back(parameter);
    }
    OptimizerOptions options;
    options.kind = optimizer_kind(config_.optimizer);
    options.weight_decay = config_.weight_decay;
    options.momentum = config_.momentum;
    options.nesterov = config_.nesterov;
    options.beta1 = config_.beta1;
    options.beta2 = config_.beta2;
    options.eps = config_.adam_eps;
    optimizer_.emplace(std::move(groups), options);
    if (config_.ema_decay > 0) ema_.emplace(module_->state(), config_.ema_decay);

    schedule_.kind = schedule_kind(config_.schedule);
    schedule_.lr = config_.lr;
    schedule_.floor = config_.min_lr;
    schedule_.warmup_steps = config_.warmup_steps;
    schedule_.milestones.assign(config_.milestones.begin(), config_.milestones.end());
    schedule_.every = config_.step_epochs;
    schedule_.gamma = schedule_.kind == ScheduleKind::plateau ? config_.plateau_factor : config_.step_gamma;
    schedule_.patience = config_.plateau_patience;
    check(schedule_);
}

LoaderOptions Trainer::train_loader() const {
    LoaderOptions loader;
    loader.split = Split::train;
    loader.transform = transform_of(spec_);
    loader.transform.augment = true;
    loader.transform.flip = config_.flip;
    loader.transform.rotate_degrees = static_cast<float>(config_.rotate);
    loader.transform.shift = static_cast<float>(config_.shift);
    loader.transform.scale_min = static_cast<float>(config_.scale_min);
    loader.transform.brightness = static_cast<float>(config_.brightness);
    loader.transform.contrast = static_cast<float>(config_.contrast);
    loader.batch_size = config_.batch_size;
    loader.shuffle = true;
    loader.seed = config_.seed;
    loader.epoch = static_cast<std::uint64_t>(state_.epoch);
    loader.start_sample = state_.sample_offset;
    loader.workers = config_.workers;
    loader.prefetch = config_.prefetch;
    loader.max_bad = config_.max_bad;
    loader.on_bad_image = [this](const BadImage& bad) { directory_.log().warn("skipped {}: {}", bad.name, bad.reason); };
    return loader;
}

LoaderOptions Trainer::eval_loader(Split split) const {
    LoaderOptions loader = train_loader();
    loader.split = split;
    loader.transform = transform_of(spec_);
    loader.shuffle = false;
    loader.epoch = 0;
    loader.start_sample = 0;
    return loader;
}

double Trainer::current_lr() const {
    return learning_rate(schedule_, {state_.step, total_steps_, steps_per_epoch_}, state_.plateau);
}

bool Trainer::done() const {
    const bool epoch_open = state_.sample_offset > 0;  // stopped behind its last step: it must still be finished
    return (state_.step >= total_steps_ && !epoch_open) || state_.epoch >= config_.epochs || stopped_early_;
}

void Trainer::train_step(const Batch& batch) {
    const DrawScope draws(config_.seed, static_cast<std::uint64_t>(state_.epoch), batch.indices);
    Tensor loss = loss_of(spec_, (*module_)(images_of(batch)), batch, config_.label_smoothing, positive_weights_);
    const double value = loss.item();
    if (!std::isfinite(value)) return skip_step(batch, fmt::format("the loss is {}", value));
    backward(loss);
    const auto parameters = optimizer_->parameters();
    const double norm = config_.clip_norm > 0 ? clip_by_norm(parameters, config_.clip_norm) : gradient_norm(parameters);
    if (!std::isfinite(norm))
        return skip_step(batch, "the gradient of " + first_non_finite(parameters).value_or("all together") + " is not finite");
    optimizer_->step(current_lr());
    optimizer_->zero_grad();
    if (ema_) ema_->update(state_.step);
    divergent_ = 0;
    loss_sum_ += value * static_cast<double>(batch.n);
    loss_samples_ += batch.n;
}

void Trainer::skip_step(const Batch& batch, const std::string& what) {
    optimizer_->zero_grad();
    ++divergent_;
    directory_.log().warn("step {} was not applied: {}; its samples: {}", state_.step + 1, what, fmt::join(batch.names, ", "));
    if (divergent_ >= config_.max_divergent)
        throw DivergedError(
            fmt::format("[train] {} steps in a row were not finite ({} at step {}); lower the learning rate or warm it up",
                        divergent_, what, state_.step + 1));
}

bool Trainer::train_epoch() {
    module_->train(true);
    Loader loader(*dataset_, train_loader());
    Progress progress(std::cerr, fmt::format("epoch {}/{}", state_.epoch + 1, config_.epochs), stderr_progress(globals_.quiet));
    const auto start = Clock::now();
    epoch_images_ = 0;
    for (Batch batch; state_.step < total_steps_ && loader.next(batch);) {
        train_step(batch);
        ++state_.step;
        state_.sample_offset = batch.next_sample;
        epoch_images_ += batch.n;
        epoch_seconds_ = seconds_since(start);
        progress.update(state_.sample_offset, dataset_->size(Split::train),
                        loss_sum_ / static_cast<double>(std::max<std::int64_t>(loss_samples_, 1)),
                        static_cast<double>(epoch_images_) / epoch_seconds_);
        if (stop_signal() != 0) return false;
        if (config_.checkpoint_minutes > 0 && seconds_since(saved_at_) > 60 * config_.checkpoint_minutes) save_last();
    }
    bad_images_ = loader.bad_images();
    progress.finish();
    return true;
}

void Trainer::record_epoch(const std::optional<Predictions>& predictions) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    Json row{{"epoch", state_.epoch + 1},
             {"step", state_.step},
             {"lr", current_lr()},
             {"train_loss", loss_samples_ > 0 ? loss_sum_ / static_cast<double>(loss_samples_) : nan},
             {"images_per_second", epoch_seconds_ > 0 ? static_cast<double>(epoch_images_) / epoch_seconds_ : nan},
             {"seconds", epoch_seconds_},
             {"bad_images", bad_images_},
             {"peak_arena_mb", static_cast<double>(Arena::global().statistics().peak) / 1e6},
             {"val_loss", predictions ? predictions->loss : nan}};
    Scores scores;
    if (predictions) scores = score(spec_, *predictions);
    if (spec_.multi_label) {
        row["val_auroc_mean"] = scores.auroc.mean.value_or(nan);
        for (std::size_t i = 0; i < spec_.label_names.size(); ++i)
            row["val_auroc_" + spec_.label_names[i]] = predictions ? scores.auroc.per_label[i].value_or(nan) : nan;
    } else {
        row["val_accuracy"] = predictions ? scores.accuracy : nan;
        row["val_auc"] = scores.auc.value_or(nan);
    }
    directory_.append_metrics(row);
    directory_.log().info("epoch {}/{}: train loss {:.4f}, {:.1f} img/s{}", state_.epoch + 1, config_.epochs,
                          row["train_loss"].get<double>(), row["images_per_second"].get<double>(),
                          predictions
                              ? fmt::format(", val loss {:.4f}, val {} {:.4f}", predictions->loss,
                                            spec_.multi_label ? "mean AUROC" : "AUC", selection_metric(spec_, *predictions, scores))
                              : "");
}

void Trainer::finish_epoch() {
    std::optional<Predictions> predictions;
    const bool last = state_.epoch + 1 >= config_.epochs || state_.step >= total_steps_;
    if (dataset_->size(Split::val) > 0 && (last || (state_.epoch + 1) % config_.eval_every == 0)) {
        const EmaScope averages(ema_ ? &*ema_ : nullptr);
        predictions = evaluate(Predictor(spec_, *module_, config_.batch_size), *dataset_, eval_loader(Split::val));
    }
    record_epoch(predictions);
    bool best = !predictions && dataset_->size(Split::val) == 0;  // without validation the newest is the best there is
    if (predictions) {
        const double metric = selection_metric(spec_, *predictions, score(spec_, *predictions));
        best = !state_.best_metric || metric > *state_.best_metric;
        if (best) state_.best_metric = metric;
        epochs_since_best_ = best ? 0 : epochs_since_best_ + 1;
        if (schedule_.kind == ScheduleKind::plateau) state_.plateau = observe(schedule_, state_.plateau, metric);
        stopped_early_ = config_.patience > 0 && epochs_since_best_ >= config_.patience;
    }
    ++state_.epoch;
    state_.sample_offset = 0;
    loss_sum_ = 0;
    loss_samples_ = 0;
    save_last();
    if (best) save(directory_.best_checkpoint());
    if (best && predictions) directory_.write_predictions(predictions_csv(spec_, *predictions));
}

int Trainer::run() {
    saved_at_ = Clock::now();
    std::int64_t parameters = 0;
    for (const NamedTensor& parameter : module_->parameters()) parameters += parameter.tensor.elements();
    directory_.log().info("{}: {} training and {} validation samples, {} steps of {} images, {} parameters, {} threads", spec_.name,
                          dataset_->size(Split::train), dataset_->size(Split::val), total_steps_, config_.batch_size, parameters,
                          thread_count());
    while (!done()) {
        if (!train_epoch()) {
            save_last();
            directory_.log().warn("stopped by signal {} at step {}; continue with --resume auto", stop_signal(), state_.step);
            return exit_code_of(stop_signal());
        }
        finish_epoch();
    }
    if (stopped_early_) directory_.log().info("no better epoch in {}: stopped", epochs_since_best_);
    return kSuccess;
}

void Trainer::save_last() {
    save(directory_.last_checkpoint());
    saved_at_ = Clock::now();
}

void Trainer::save(const std::filesystem::path& path) const {
    RunState state = state_;
    state.config = to_toml(config_);
    CheckpointState checkpoint{{}, module_->state()};
    write_run(state, checkpoint.metadata);
    checkpoint.metadata[kTrainerKey] = Json{
        {"loss_sum", loss_sum_},
        {"loss_samples", loss_samples_},
        {"divergent", divergent_},
        {"epochs_since_best",
         epochs_since_best_}}.dump();
    write_spec(spec_, checkpoint.metadata);
    for (const auto& more : {optimizer_->state(), ema_ ? ema_->state() : std::vector<NamedTensor>{}})
        checkpoint.tensors.insert(checkpoint.tensors.end(), more.begin(), more.end());
    save_checkpoint(path, checkpoint);
}

void Trainer::resume(const std::filesystem::path& path) {
    const CheckpointState checkpoint = load_checkpoint(path);
    const ModelSpec spec = read_spec(checkpoint.metadata, path.string());
    if (spec.name != spec_.name || spec.label_names != spec_.label_names || spec.image_size != spec_.image_size)
        throw UsageError(fmt::format("[train] {} holds {} for {} labels at {} pixels, this run is {} for {} labels at {} pixels",
                                     path.string(), spec.name, spec.label_names.size(), spec.image_size, spec_.name,
                                     spec_.label_names.size(), spec_.image_size));
    load_into(module_->state(), checkpoint.tensors, path.string());
    optimizer_->load_state(checkpoint.tensors);
    if (ema_) ema_->load_state(checkpoint.tensors);
    state_ = read_run(checkpoint.metadata, path.string());
    if (state_.seed != config_.seed)
        throw UsageError(
            fmt::format("[train] {} was trained with seed {}, this run wants {}", path.string(), state_.seed, config_.seed));
    try {
        const Json trainer = Json::parse(checkpoint.metadata.at(kTrainerKey));
        trainer.at("loss_sum").get_to(loss_sum_);
        trainer.at("loss_samples").get_to(loss_samples_);
        trainer.at("divergent").get_to(divergent_);
        trainer.at("epochs_since_best").get_to(epochs_since_best_);
    } catch (const std::exception& error) {
        throw InputError(
            fmt::format("[train] {}: '{}' in its metadata is missing or malformed: {}", path.string(), kTrainerKey, error.what()));
    }
    directory_.cut_metrics_after(state_.epoch);
    directory_.log().info("resumed {} at epoch {}, step {}", path.string(), state_.epoch + 1, state_.step);
}

Json Trainer::result() const {
    return {{"model", spec_.name},
            {"epochs", state_.epoch},
            {"steps", state_.step},
            {"best_metric", state_.best_metric ? Json(*state_.best_metric) : Json(nullptr)},
            {"best", directory_.best_checkpoint().string()},
            {"last", directory_.last_checkpoint().string()}};
}

}  // namespace keel::cli
