#include "cli/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>

#include "cli/config.h"
#include "cli/predictions_file.h"
#include "cli/progress.h"
#include "cli/ranked_evaluation.h"
#include "engine/arena.h"
#include "engine/hash.h"
#include "kernels/parallel.h"

namespace keel::cli {
namespace {

/// Of what the order of the samples and their labels depend on, wherever they lie.
std::string hash_of(const Dataset& dataset) {
    Hash hash;
    for (const Split split : {Split::train, Split::val})
        for (const Sample& sample : dataset.samples(split)) {
            hash.add(fmt::format("{}\n{}\n{}\n{}\n", split_name(split), sample.name, sample.label, sample.mask));
            if (sample.known != kAllKnown) hash.add(fmt::format("known {}\n", sample.known));
        }
    return hash.hex();
}

std::string hash_of(const std::vector<NamedTensor>& tensors) {
    Hash hash;
    for (const auto& [name, tensor] : tensors) {
        const Tensor plain = tensor.contiguous();
        hash.add(name);
        if (plain.dtype() == DType::f32)
            hash.add(std::as_bytes(plain.values<float>()));
        else
            hash.add(std::as_bytes(plain.values<std::int32_t>()));
    }
    return hash.hex();
}

std::unique_ptr<Dataset> open_for_training(const TrainConfig& config) {
    DatasetOptions options;
    options.split_seed = config.split_seed;
    options.val_fraction = config.val_fraction;
    options.test_fraction = config.test_fraction;
    auto dataset = open_dataset(config.data, options);
    if (dataset->size(Split::train) == 0) throw InputError("[train] " + config.data + " has no training samples");
    return dataset;
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, RunDirectory& directory, const Globals& globals, World& world)
    : config_(config),
      directory_(directory),
      globals_(globals),
      limit_(read_time_limit(config.time_limit)),
      dataset_(open_for_training(config)),
      learner_(make_learner(config, *dataset_, world.size())),
      buffers_(*learner_.module),
      parallel_(world, config, learner_.module->parameters(), learner_.module->buffers()),
      trace_(world, directory, config.trace_steps) {
    tally_.data = hash_of(*dataset_);
    require_equal(world, "data and model", tally_.data + "\n" + hash_of(learner_.state()));
    const std::int64_t samples = dataset_->size(Split::train);
    steps_per_epoch_ = world.alone() ? (samples + config.batch_size - 1) / config.batch_size
                                     : std::ssize(plan_shard(parallel_.shard(), samples, config.batch_size, 0).batches);
    if (steps_per_epoch_ == 0) throw UsageError(fmt::format("[train] {} samples are too few for {} ranks", samples, world.size()));
    tally_.ranks = world.size();
    total_steps_ = steps_per_epoch_ * config.epochs;
    if (config.max_steps > 0) total_steps_ = std::min(total_steps_, config.max_steps);
    state_.seed = config.seed;
    if (!config.init.empty())
        directory_.log().info("weights from {}{}", config.init,
                              learner_.skipped.empty() ? "" : fmt::format(", but not {}", fmt::join(learner_.skipped, ", ")));
}

LoaderOptions Trainer::train_loader() const {
    LoaderOptions loader;
    loader.split = Split::train;
    loader.transform = transform_of(learner_.spec);
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
    loader.shard = parallel_.shard();
    loader.max_bad = config_.max_bad;
    loader.on_bad_image = [this](const BadImage& bad) { directory_.log().warn("skipped {}: {}", bad.name, bad.reason); };
    return loader;
}

LoaderOptions Trainer::eval_loader(Split split) const {
    LoaderOptions loader = train_loader();
    loader.split = split;
    loader.transform = transform_of(learner_.spec);
    loader.shuffle = false;
    loader.epoch = 0;
    loader.start_sample = 0;
    loader.shard = {};
    return loader;
}

double Trainer::current_lr() const {
    return learning_rate(learner_.schedule, {state_.step, total_steps_, steps_per_epoch_}, state_.plateau);
}

bool Trainer::done() const {
    // A run stopped behind its last step has that epoch still to validate and record.
    const bool out_of_steps = state_.step >= total_steps_ && (state_.sample_offset == 0 || tally_.recorded_step == state_.step);
    return out_of_steps || state_.epoch >= config_.epochs || (state_.sample_offset == 0 && out_of_patience());
}

std::vector<NamedTensor> Trainer::running_statistics() const {
    std::vector<NamedTensor> all = learner_.module->buffers();
    if (!learner_.ema) return all;
    const std::size_t buffers = all.size();
    for (const NamedTensor& average : learner_.ema->state())
        for (std::size_t i = 0; i < buffers; ++i)
            if (average.name == "ema." + all[i].name) all.push_back(average);
    return all;
}

bool Trainer::train_epoch() {
    learner_.module->train(true);
    Loader loader(*dataset_, train_loader());
    Progress progress(std::cerr, fmt::format("epoch {}/{}", state_.epoch + 1, config_.epochs),
                      stderr_progress(globals_.quiet || !parallel_.world().first()));
    const std::int64_t bad_before = tally_.bad_images;
    const auto start = Clock::now();
    epoch_images_ = 0;
    double input = 0;
    for (Batch batch; state_.step < total_steps_;) {
        step_start_ = Clock::now();
        const bool more = next_batch(loader, batch);
        input += seconds_since(step_start_);
        if (!more) {
            state_.sample_offset = dataset_->size(Split::train);  // bad pictures at the end are behind us, too
            break;
        }
        bad_images_ = loader.bad_images();
        train_step(batch);
        if (agreed_.failed) stop_without_data();
        ++state_.step;
        state_.sample_offset = batch.next_sample;
        tally_.bad_images = bad_before + agreed_.bad_images;
        epoch_images_ += agreed_.samples;
        epoch_seconds_ = seconds_since(start);
        longest_step_ = std::max(longest_step_, seconds_since(step_start_));
        progress.update(state_.sample_offset, dataset_->size(Split::train),
                        tally_.loss_sum / static_cast<double>(std::max<std::int64_t>(tally_.loss_samples, 1)),
                        static_cast<double>(epoch_images_) / epoch_seconds_);
        trace_.behind_step();
        // Only here: a run that is started again and again gets on by a step each time.
        stop_ = stop_of(parallel_.world().alone() ? own_status() : agreed_);
        if (stop_) return false;
        if (agreed_.save) try_save(false);
    }
    bad_images_ = loader.bad_images();
    tally_.bad_images = bad_before + parallel_.agree(own_status()).bad_images;
    progress.finish();
    if (!parallel_.world().alone() && epoch_seconds_ > 0)
        directory_.log().info("epoch {}/{}: {}", state_.epoch + 1, config_.epochs, parallel_.shares(epoch_seconds_, input));
    return true;
}

void Trainer::record_epoch(const std::optional<Predictions>& predictions) {
    const ModelSpec& spec = learner_.spec;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    Json row{{"epoch", state_.epoch + 1},
             {"step", state_.step},
             {"lr", current_lr()},
             {"train_loss", tally_.loss_samples > 0 ? tally_.loss_sum / static_cast<double>(tally_.loss_samples) : nan},
             {"images_per_second", epoch_seconds_ > 0 ? static_cast<double>(epoch_images_) / epoch_seconds_ : nan},
             {"seconds", epoch_seconds_},
             {"bad_images", tally_.bad_images},
             {"peak_arena_mb", static_cast<double>(Arena::global().statistics().peak) / 1e6},
             {"val_loss", predictions ? predictions->loss : nan}};
    Scores scores;
    if (predictions) scores = score(spec, *predictions);
    if (spec.multi_label) {
        row["val_auroc_mean"] = scores.auroc.mean.value_or(nan);
        for (std::size_t i = 0; i < spec.label_names.size(); ++i)
            row["val_auroc_" + spec.label_names[i]] = predictions ? scores.auroc.per_label[i].value_or(nan) : nan;
    } else {
        row["val_accuracy"] = predictions ? scores.accuracy : nan;
        row["val_auc"] = scores.auc.value_or(nan);
    }
    directory_.append_metrics(row);
    directory_.log().info("epoch {}/{}: train loss {:.4f}, {:.1f} img/s{}", state_.epoch + 1, config_.epochs,
                          row["train_loss"].get<double>(), row["images_per_second"].get<double>(),
                          predictions
                              ? fmt::format(", val loss {:.4f}, val {} {:.4f}", predictions->loss,
                                            spec.multi_label ? "mean AUROC" : "AUC", selection_metric(spec, *predictions, scores))
                              : "");
}

std::optional<Predictions> Trainer::validate() {
    parallel_.average(running_statistics());
    const EmaScope averages(learner_.ema ? &*learner_.ema : nullptr);
    auto predictions = evaluate_on_ranks(
        parallel_.world(), [this] { return stop_of(own_status()).has_value(); },
        Predictor(learner_.spec, *learner_.module, config_.batch_size), *dataset_, eval_loader(Split::val));
    if (!predictions) stop_ = stop_of(parallel_.agree(own_status()));
    if (predictions && !std::ranges::all_of(predictions->probabilities, [](float p) { return std::isfinite(p); }))
        throw DivergedError(fmt::format(
            "[train] at step {} the model answers NaN to the validation split; go on from the last checkpoint with a lower "
            "learning "
            "rate (--resume auto --lr X --force) or --clip-norm, and give batch norm more than {} images where maps are small",
            state_.step, config_.batch_size));
    return predictions;
}

bool Trainer::finish_epoch() {
    const bool last = state_.epoch + 1 >= config_.epochs || state_.step >= total_steps_;
    const bool validates = dataset_->size(Split::val) > 0 && (last || (state_.epoch + 1) % config_.eval_every == 0);
    const std::optional<Predictions> predictions = validates ? validate() : std::nullopt;
    if (validates && !predictions) return false;

    const std::optional<double> best_before = state_.best_metric;
    bool best = dataset_->size(Split::val) == 0;  // without validation the newest is the best there is
    if (predictions) {
        const double metric = selection_metric(learner_.spec, *predictions, score(learner_.spec, *predictions));
        best = !state_.best_metric || metric > *state_.best_metric;
        if (best) state_.best_metric = metric;
        if (epoch_complete()) {
            tally_.epochs_since_best = best ? 0 : tally_.epochs_since_best + 1;
            if (learner_.schedule.kind == ScheduleKind::plateau)
                state_.plateau = observe(learner_.schedule, state_.plateau, metric);
        }
    }
    record_epoch(predictions);
    tally_.recorded_step = state_.step;
    if (epoch_complete()) {
        ++state_.epoch;
        state_.sample_offset = 0;
        tally_.loss_sum = 0;
        tally_.loss_samples = tally_.bad_images = 0;
    }
    if (!try_save(best))
        state_.best_metric = best_before;  // a later epoch shall be better than what is on the disk
    else if (best && predictions)
        directory_.write_predictions(predictions_csv(learner_.spec, *predictions));
    return true;
}

int Trainer::run() {
    saved_at_ = Clock::now();
    std::int64_t parameters = 0;
    for (const NamedTensor& parameter : learner_.module->parameters()) parameters += parameter.tensor.elements();
    directory_.log().info("{}: {} training and {} validation samples, {} steps of {} images, {} parameters, {} threads{}",
                          learner_.spec.name, dataset_->size(Split::train), dataset_->size(Split::val), total_steps_,
                          config_.batch_size * parallel_.world().size(), parameters, thread_count(),
                          parallel_.world().alone() ? "" : fmt::format(" on each of {} ranks", parallel_.world().size()));
    if (limit_.exists()) directory_.log().info("the run stops and saves before {:.0f} s are over", limit_.seconds());
    const std::int64_t first_step = state_.step;
    while (!done()) {
        try {
            if (train_epoch() && finish_epoch()) continue;
        } catch (const InputError&) {  // of the data: what was learnt from them before is good
            if (parallel_.world().alone() || agreed_.failed) try_save(false);
            throw;
        }
        trace_.finish();
        save(false);
        if (parallel_.world().first())
            directory_.log().warn("stopped by {} at step {} ({} in this process); continue with --resume auto", stop_->reason,
                                  state_.step, state_.step - first_step);
        return stop_->exit_code;
    }
    trace_.finish();
    if (unsaved_) save(false);
    if (out_of_patience()) directory_.log().info("no better epoch in {}: stopped", tally_.epochs_since_best);
    return kSuccess;
}

void Trainer::save(bool best) {
    const auto start = Clock::now();
    parallel_.average(running_statistics());
    std::string error;
    try {
        if (parallel_.world().first()) directory_.checkpoints().save(checkpoint(), best);
    } catch (const IoError& failure) {
        error = failure.what();
    }
    if (error = parallel_.world().broadcast(error); !error.empty()) throw IoError(error);
    saved_at_ = Clock::now();
    save_seconds_ = std::max(save_seconds_, seconds_since(start));
    unsaved_ = false;
}

bool Trainer::try_save(bool best) {
    try {
        save(best);
        return true;
    } catch (const IoError& error) {
        saved_at_ = Clock::now();
        unsaved_ = true;
        if (parallel_.world().first())
            directory_.log().error("step {} is not saved, what was saved before is kept: {}", state_.step, error.what());
        return false;
    }
}

CheckpointState Trainer::checkpoint() const {
    RunState state = state_;
    state.config = to_toml(config_);
    CheckpointState checkpoint{{}, learner_.state()};
    write_run(state, checkpoint.metadata);
    write_spec(learner_.spec, checkpoint.metadata);
    write_tally(tally_, checkpoint);
    return checkpoint;
}

void Trainer::resume(const CheckpointState& checkpoint, const std::filesystem::path& file, bool force) {
    const ModelSpec spec = read_spec(checkpoint.metadata, file.string());
    if (spec.name != learner_.spec.name || spec.label_names != learner_.spec.label_names)
        throw UsageError(fmt::format("[train] {} holds {} for {} labels, this run is {} for {} labels", file.string(), spec.name,
                                     spec.label_names.size(), learner_.spec.name, learner_.spec.label_names.size()));
    const RunState state = read_run(checkpoint.metadata, file.string());
    Tally tally = read_tally(checkpoint, file.string());

    TrainConfig before;
    apply_toml(before, state.config, file.string());
    // As many images a step on another number of ranks is the same run.
    const std::int64_t images_before = before.batch_size * tally.ranks, images = config_.batch_size * parallel_.world().size();
    const bool elastic = config_.elastic && before.batch_size == config_.batch_size;
    before.batch_size = config_.batch_size;
    std::vector<std::string> changes = changes_that_matter(before, config_);
    if (images != images_before) {
        std::string change = fmt::format("images a step of all ranks were {}, are {}", images_before, images);
        if (elastic)
            directory_.log().warn("resumed on {} ranks in place of {}: {}", parallel_.world().size(), tally.ranks, change);
        else
            changes.push_back(std::move(change));
    }
    if (tally.data != tally_.data) changes.emplace_back("the samples of the data, or their labels");
    if (!changes.empty() && !force)
        throw UsageError(fmt::format("[train] {} was made with other settings: {}; --force goes on with the new ones",
                                     file.string(), fmt::join(changes, ", ")));
    for (const std::string& change : changes) directory_.log().warn("resumed with a change: {}", change);

    learner_.load(checkpoint.tensors, file.string());
    state_ = state;
    state_.seed = config_.seed;
    tally.data = tally_.data;
    tally.ranks = parallel_.world().size();
    tally_ = std::move(tally);
    require_equal(parallel_.world(), "the checkpoint", hash_of(learner_.state()));
    // The row of an epoch that --max-steps cut short stays until the epoch goes on.
    directory_.cut_metrics_after(done() && state_.sample_offset > 0 ? state_.epoch + 1 : state_.epoch);
    directory_.log().info("resumed {} at epoch {}, step {}", file.string(), state_.epoch + 1, state_.step);
}

Json Trainer::result() const {
    return {{"model", learner_.spec.name},
            {"epochs", state_.epoch},
            {"steps", state_.step},
            {"best_metric", state_.best_metric ? Json(*state_.best_metric) : Json(nullptr)},
            {"best", directory_.checkpoints().best().string()},
            {"last", directory_.checkpoints().last().string()}};
}

}  // namespace keel::cli
