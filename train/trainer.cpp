#include "train/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

#include "engine/arena.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "train/config_file.h"
#include "train/distillation.h"
#include "train/epoch_verdict.h"
#include "train/loader_options.h"
#include "train/ranked_evaluation.h"
#include "train/resume_check.h"
#include "train/start_warnings.h"
#include "train/training_data.h"

namespace keel {
namespace {

std::unique_ptr<Dataset> data_for(const TrainConfig& config, std::unique_ptr<Dataset> dataset) {
    const PatienceScope patience(config.io_patience);
    if (!dataset) return open_training_data(config);
    check_training_data(*dataset, config.data);
    return dataset;
}

TrainConfig checked(const TrainConfig& config) {
    check_train_config(config);
    require_reproducible(config);
    return config;
}

TrainObserver& no_observer() {
    static TrainObserver observer;
    return observer;
}

std::unique_ptr<World> single_world() {
    return std::make_unique<World>([] { return std::shared_ptr<Communicator>(self_communicator()); });
}

}  // namespace

Trainer::Trainer(const TrainConfig& config) : Trainer(config, no_observer()) {}

Trainer::Trainer(const TrainConfig& config, TrainObserver& observer, TrainParts parts)
    : Trainer(config, observer, single_world(), nullptr, std::move(parts)) {}

Trainer::Trainer(const TrainConfig& config, TrainObserver& observer, World& world, TrainParts parts)
    : Trainer(config, observer, nullptr, &world, std::move(parts)) {}

Trainer::Trainer(const TrainConfig& config, TrainObserver& observer, std::unique_ptr<World> own_world, World* world,
                 TrainParts parts)
    : config_(checked(config)),
      own_world_(std::move(own_world)),
      observer_(observer),
      isa_(world != nullptr ? *world : *own_world_, config_.reproducible),
      dataset_(data_for(config, std::move(parts.dataset))),
      train_(make_train_state(config, *dataset_, (world != nullptr ? world : own_world_.get())->size(),
                              std::move(parts.loss))),
      parallel_(world != nullptr ? *world : *own_world_, config_, train_.trained(), train_.module->buffers()),
      step_(config_, train_, parallel_) {
    World& ranks = parallel_.world();
    config_.image_size = static_cast<int>(train_.spec.image_size);
    fix_sums(config_.reproducible);
    if (config_.threads > 0 && thread_count() != config_.threads) set_thread_count(config_.threads);
    if (!config_.out.empty()) checkpoints_.emplace(std::filesystem::path(config_.out) / "checkpoints");
    state_.data = hash_of(*dataset_);
    require_equal(ranks, "data and model", state_.data + "\n" + hash_of(train_.tensors()));
    const std::int64_t samples = dataset_->size(Split::train);
    if (visited_in_epoch(config_, samples, ranks.size()) == 0)
        throw UsageError(fmt::format("[train] {} samples are too few for {} ranks", samples, ranks.size()));
    state_.ranks = ranks.size();
    state_.began = {config_.batch_size, ranks.size()};
    state_.seed = config_.seed;
    set_course();
    warnings_ = start_warnings(config_, *dataset_, train_, ranks.size());
    if (train_.distillation) state_.teacher = train_.distillation->identity();
    if (!train_.chosen_size.empty()) warnings_.insert(warnings_.begin(), train_.chosen_size);
    if (!isa_.note().empty()) warnings_.push_back(isa_.note());
    if (ranks.is_root())
        if (const std::string slow = imitation_warning(step_.precision()); !slow.empty())
            warnings_.push_back("precision bf16: " + slow);
}

void Trainer::set_course() {
    course_ =
        RunCourse(config_, dataset_->size(Split::train), state_.began, {config_.batch_size, parallel_.world().size()});
    train_.schedule = course_.schedule(config_);
}

Trainer::~Trainer() = default;

std::function<void(const BadImage&)> Trainer::on_bad_image() const {
    return [this](const BadImage& bad) { observer_.on_bad_image(bad); };
}

double Trainer::current_lr() const { return learning_rate(train_.schedule, course_.next_step(state_), state_.plateau); }

bool Trainer::done() const {
    // A run stopped after its last step has that epoch still to validate and record.
    const bool out_of_steps =
        course_.out_of_steps(state_) && (state_.sample_offset == 0 || state_.recorded_step == state_.step);
    return out_of_steps || state_.epoch >= config_.epochs || (state_.sample_offset == 0 && out_of_patience());
}

double Trainer::seconds_needed() const {
    // A disk is slower when many runs save at the end of their time.
    return longest_step_ + 2 * save_seconds_;
}

StepStatus Trainer::own_status() const {
    StepStatus own;
    own.bad_images = bad_images_;
    if (const auto request = observer_.should_stop(seconds_needed())) own.request_stop(*request);
    own.save = parallel_.world().is_root() && config_.checkpoint_minutes > 0 &&
               seconds_since(saved_at_) > 60 * config_.checkpoint_minutes;
    own.failed = !data_error_.empty();
    own.storage_failed = storage_failed_;
    return own;
}

bool Trainer::next_batch(Loader& loader, Batch& batch) {
    const profile::Span span("wait for input");
    if (parallel_.world().is_single()) return loader.next(batch);
    try {
        return loader.next(batch);
    } catch (const InputError& error) {
        data_error_ = error.what();
    } catch (const StorageError& error) {
        data_error_ = error.what();
        storage_failed_ = true;
    }
    batch.n = 0;
    batch.image_size = static_cast<int>(train_.spec.image_size);
    batch.channels = static_cast<int>(train_.spec.options.channels);
    batch.planned = config_.batch_size * parallel_.world().size();
    return true;
}

void Trainer::stop_without_data() {
    const std::vector<std::string> reasons = parallel_.world().gather_texts(data_error_);
    const auto rank =
        std::ranges::find_if(reasons, [](const std::string& reason) { return !reason.empty(); }) - reasons.begin();
    const std::string message =
        fmt::format("[train] rank {} has no more data: {}", rank, reasons[static_cast<std::size_t>(rank)]);
    if (status_.storage_failed) throw StorageError(message);
    throw InputError(message);
}

void Trainer::skip_step(const Batch& batch, const std::string& what) {
    ++state_.divergent;
    SkippedStep skipped{state_.epoch + 1, state_.step + 1, what, current_lr(), {}};
    for (const std::string& names : parallel_.world().gather_texts(fmt::format("{}", fmt::join(batch.names, "\n")))) {
        std::istringstream lines(names);
        for (std::string name; std::getline(lines, name);) skipped.samples.push_back(name);
    }
    observer_.on_skip(skipped);
    if (state_.divergent >= config_.max_divergent)
        throw DivergedError(
            fmt::format("[train] {} steps in a row were not finite ({} at step {}); go on from the last "
                        "checkpoint with a lower learning rate (--resume auto --lr X --force), or warm it up",
                        state_.divergent, what, state_.step + 1));
}

void Trainer::train_step(const Batch& batch) {
    const auto own = [this] {
        longest_step_ = std::max(longest_step_, seconds_since(step_start_));
        return own_status();
    };
    step_lr_ = current_lr();
    const TrainStep::Result result = step_.run(batch, {state_.epoch, state_.step}, step_lr_, own);
    status_ = result.status;
    if (status_.failed) stop_without_data();
    if (!result.applied) return skip_step(batch, result.fault);
    state_.divergent = 0;
    state_.loss_sum += status_.loss_sum;
    state_.loss_samples += status_.samples;
}

void Trainer::report_step() {
    if (const std::string remark = parallel_.take_remark(); !remark.empty()) observer_.on_remark(remark);
    observer_.on_step(
        {.epoch = state_.epoch + 1,
         .epochs = config_.epochs,
         .step = state_.step,
         .samples_done = state_.sample_offset,
         .samples = dataset_->size(Split::train),
         .lr = step_lr_,
         .mean_loss = state_.loss_sum / static_cast<double>(std::max<std::int64_t>(state_.loss_samples, 1)),
         .images_per_second = static_cast<double>(epoch_images_) / epoch_seconds_});
}

bool Trainer::train_epoch() {
    train_.module->train(true);
    LoaderOptions options = training_loader(config_, *dataset_, train_.spec, parallel_.shard(), state_, on_bad_image());
    options.stop_waiting = [this] { return own_status().stop; };
    Loader loader(*dataset_, std::move(options));
    const std::int64_t bad_before = state_.bad_images;
    const auto start = Clock::now();
    epoch_images_ = 0;
    double input = 0;
    for (Batch batch; !course_.out_of_steps(state_);) {
        step_start_ = Clock::now();
        const bool more = next_batch(loader, batch);
        input += seconds_since(step_start_);
        if (!more) {
            state_.sample_offset = dataset_->size(Split::train);  // bad images at the end are done with, too
            break;
        }
        bad_images_ = loader.bad_images();
        train_step(batch);
        ++state_.step;
        state_.sample_offset = batch.next_sample;
        state_.bad_images = bad_before + status_.bad_images;
        epoch_images_ += status_.samples;
        epoch_seconds_ = seconds_since(start);
        longest_step_ = std::max(longest_step_, seconds_since(step_start_));
        report_step();
        // Only here: a run that is started again and again gets on by a step each time.
        stop_ = parallel_.world().is_single() ? own_status().stop_request() : status_.stop_request();
        if (stop_) return false;
        if (status_.save) try_save(false);
    }
    bad_images_ = loader.bad_images();
    state_.bad_images = bad_before + parallel_.reduce_status(own_status()).bad_images;
    const bool breaks_down = !parallel_.world().is_single() && epoch_seconds_ > 0;
    observer_.on_epoch_trained(
        {state_.epoch + 1, config_.epochs, breaks_down ? parallel_.time_breakdown(epoch_seconds_, input) : ""});
    return true;
}

std::optional<Predictions> Trainer::validate() {
    parallel_.average(train_.running_statistics());
    const EmaScope averages(train_.ema ? &*train_.ema : nullptr);
    std::optional<Predictor> model;
    try {
        model.emplace(train_.spec, *train_.module, config_.batch_size);
    } catch (const UsageError& error) {  // weights or statistics that are no numbers, the same on all ranks
        throw DivergedError(
            fmt::format("[train] at step {} the model cannot be validated: {}", state_.step, error.what()));
    }
    LoaderOptions options = validation_loader(config_, train_.spec, on_bad_image());
    options.stop_waiting = [this] { return own_status().stop; };
    auto predictions = evaluate_on_ranks(
        parallel_.world(), [this] { return own_status().stop; }, *model, *dataset_, options);
    if (!predictions) stop_ = parallel_.reduce_status(own_status()).stop_request();
    if (predictions && !std::ranges::all_of(predictions->probabilities, [](float p) { return std::isfinite(p); }))
        throw DivergedError(fmt::format(
            "[train] at step {} the model answers NaN to the validation split; go on from the last checkpoint with a "
            "lower learning rate (--resume auto --lr X --force) or --clip-norm, and give batch norm more than {} "
            "images where maps are small",
            state_.step, config_.batch_size));
    return predictions;
}

void Trainer::report_epoch(const Predictions* predictions, const Scores& scores, double lr) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    observer_.on_epoch(
        {.epoch = state_.epoch + 1,
         .epochs = config_.epochs,
         .step = state_.step,
         .lr = lr,
         .train_loss = state_.mean_loss(),
         .images_per_second = epoch_seconds_ > 0 ? static_cast<double>(epoch_images_) / epoch_seconds_ : kNan,
         .seconds = epoch_seconds_,
         .bad_images = state_.bad_images,
         .peak_arena_bytes = static_cast<std::int64_t>(Arena::global().statistics().peak),
         .spec = &train_.spec,
         .predictions = predictions,
         .scores = scores});
}

bool Trainer::finish_epoch() {
    require_same_weights(parallel_.world(), state_.step, train_.trained());
    const bool last = state_.epoch + 1 >= config_.epochs || course_.out_of_steps(state_);
    const bool has_val = dataset_->size(Split::val) > 0;
    const bool validates = has_val && (last || (state_.epoch + 1) % config_.eval_every == 0);
    const std::optional<Predictions> predictions = validates ? validate() : std::nullopt;
    if (validates && !predictions) return false;

    const Scores scores = predictions ? score(train_.spec, *predictions) : Scores{};
    const std::optional<double> metric =
        predictions ? std::optional(selection_metric(train_.spec, *predictions, scores)) : std::nullopt;
    if (predictions) metric_name_ = selection_metric_name(train_.spec, scores);
    const double lr = learning_rate(train_.schedule, course_.epoch_start(state_), state_.plateau);
    const EpochVerdict verdict = judge_epoch(state_, train_.schedule, metric, epoch_complete());
    const std::optional<double> best_before = std::exchange(state_.best_metric, verdict.best_metric);
    state_.epochs_since_best = verdict.epochs_since_best;
    state_.judged_epochs = verdict.judged_epochs;
    state_.plateau = verdict.plateau;
    report_epoch(predictions ? &*predictions : nullptr, scores, lr);
    state_.recorded_step = state_.step;
    if (epoch_complete()) {
        ++state_.epoch;
        state_.sample_offset = 0;
        state_.loss_sum = 0;
        state_.loss_samples = state_.bad_images = 0;
    }
    // Without a validation the newest is the best there is.
    if (!try_save(verdict.best || !has_val, predictions ? &*predictions : nullptr))
        state_.best_metric = best_before;  // a later epoch shall be better than what is on the disk
    return true;
}

TrainResult Trainer::result(TrainEnd end) const {
    TrainResult result{.end = end,
                       .stop = stop_.value_or(StopRequest{}),
                       .model = train_.spec.name,
                       .epochs = state_.epoch,
                       .steps = state_.step,
                       .own_steps = state_.step - first_step_,
                       .epochs_since_best = state_.epochs_since_best,
                       .best_metric = state_.best_metric,
                       .metric_name = metric_name_,
                       .best = {},
                       .last = {}};
    if (checkpoints_) {
        result.best = checkpoints_->best();
        result.last = checkpoints_->last();
    }
    return result;
}

TrainResult Trainer::run() {
    const PatienceScope patience(config_.io_patience);
    saved_at_ = Clock::now();
    first_step_ = state_.step;
    std::int64_t parameters = 0;
    for (const NamedTensor& parameter : train_.module->parameters()) parameters += parameter.tensor.elements();
    observer_.on_start(
        {.model = train_.spec.name,
         .data = train_.remarks(*dataset_, config_, parallel_.world().is_root()),
         .label_names = dataset_->label_names(),
         .label_counts = count_labels(*dataset_),
         .origins = {dataset_->origin(Split::train), dataset_->origin(Split::val), dataset_->origin(Split::test)},
         .train_samples = dataset_->size(Split::train),
         .val_samples = dataset_->size(Split::val),
         .total_steps = state_.step + course_.steps_left(state_),
         .images_per_step = config_.batch_size * parallel_.world().size(),
         .parameters = parameters,
         .ranks = parallel_.world().size(),
         .precision = std::string(name(step_.precision())),
         .weights_from = config_.init,
         .weights_skipped = train_.skipped,
         .warnings = warnings_});
    while (!done() && !pauses()) {
        try {
            if (ask_teachers() && train_epoch() && finish_epoch()) continue;
        } catch (const InputError&) {  // of the data: what was learnt from them before is good
            if (ends_together()) try_save(false, nullptr, SaveTries::patient);
            throw;
        } catch (const StorageError&) {
            if (!ends_together()) throw;
            stop_ = parallel_.world().is_single() ? own_status().stop_request() : status_.stop_request();
            if (!stop_) {
                try_save(false, nullptr, SaveTries::patient);
                throw;
            }
        }
        observer_.on_end();
        save(false, nullptr, SaveTries::patient);
        return result(TrainEnd::stopped);
    }
    observer_.on_end();
    if (unsaved_) save(false, nullptr, SaveTries::patient);
    if (!done()) return result(TrainEnd::paused);
    return result(out_of_patience() ? TrainEnd::out_of_patience : TrainEnd::finished);
}

}  // namespace keel
