// What a trainer tells as its run goes, and asks. A trainer prints nothing, writes nothing but checkpoints and polls
// nothing: progress bars, run directories, traces, signals and time limits are observers.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/inspect/info.h"
#include "data/pipeline/loader.h"
#include "train/predictions.h"

namespace keel {

struct TrainStart {
    std::string model{};
    std::vector<Remark> data{};  ///< see describe() (data/inspect/info.h)
    std::vector<std::string> label_names{};
    std::array<SplitCounts, 3> label_counts{};  ///< indexed by Split
    std::array<std::string, 3> origins{};       ///< Dataset::origin() of each split
    std::int64_t train_samples = 0, val_samples = 0;
    std::int64_t total_steps = 0, images_per_step = 0;  ///< of all ranks
    std::int64_t parameters = 0;                        ///< numbers, not tensors
    int ranks = 1;
    std::string precision = "f32";               ///< of maps in steps, as it came out of config.precision
    std::string weights_from{};                  ///< config.init; empty: random weights
    std::vector<std::string> weights_skipped{};  ///< what of it was not taken over
    std::vector<std::string> warnings{};         ///< about settings and data (train/start_warnings.h)
};

/// A run goes on from a checkpoint.
struct ResumeReport {
    std::filesystem::path file{};
    std::int64_t epoch = 0, step = 0;  ///< completed
    std::int64_t epochs_recorded =
        0;  ///< on_epoch() of later epochs, if it came before, is void: they are trained again
    std::vector<std::string> warnings{};  ///< settings that are others than they were
};

struct StepReport {
    std::int64_t epoch = 0, epochs = 0;          ///< the epoch under way, from 1, and how many there will be
    std::int64_t step = 0;                       ///< completed, over all epochs
    std::int64_t samples_done = 0, samples = 0;  ///< of the epoch, all ranks
    double lr = 0;                               ///< that the step ran at
    double mean_loss = 0;                        ///< of the epoch so far
    double images_per_second = 0;                ///< all ranks, in this process's part of the epoch
};

/// Teachers are asked about the training images before the first step.
struct TeachersAsked {
    std::int64_t done = 0, images = 0;  ///< of all ranks
    std::string note{};                 ///< about them all, at the end
};

/// The steps of an epoch are done, its validation is not.
struct EpochTrained {
    std::int64_t epoch = 0, epochs = 0;
    std::string time_breakdown{};  ///< where the time of the ranks went, for people; empty for one rank
};

struct EpochReport {
    std::int64_t epoch = 0, epochs = 0;  ///< the one that ended, from 1
    std::int64_t step = 0;
    double lr = 0;                 ///< of the epoch's first step
    double train_loss = 0;         ///< mean; NaN where no sample counted
    double images_per_second = 0;  ///< NaN where no step was made
    double seconds = 0;            ///< of training
    std::int64_t bad_images = 0;
    std::int64_t peak_arena_bytes = 0;
    const ModelSpec* spec = nullptr;
    const Predictions* predictions = nullptr;  ///< of the validation split; null where it was not validated
    Scores scores{};                           ///< of the predictions
};

struct CheckpointReport {
    std::int64_t step = 0;
    bool best = false;
    std::string error{};  ///< why it could not be saved; what was saved before is kept then
    const ModelSpec* spec = nullptr;
    const Predictions* predictions = nullptr;  ///< those that made it the best, if it is saved
};

/// A step whose loss or gradient was not finite; it was not applied.
struct SkippedStep {
    std::int64_t epoch = 0, step = 0;  ///< from 1
    std::string what{};
    double lr = 0;
    std::vector<std::string> samples{};  ///< of all ranks
};

/// A wish that the run stop; what is learnt is saved first.
struct StopRequest {
    int code = 0;          ///< the observer's own; of several ranks' requests the one with the highest counts
    std::string reason{};  ///< completes "stopped by ..."; at most 47 bytes are kept
};

/// All calls come on the thread that runs the trainer, on every rank, in the same order.
class TrainObserver {
public:
    virtual ~TrainObserver() = default;

    virtual void on_resume(const ResumeReport&) {}
    virtual void on_start(const TrainStart&) {}
    virtual void on_teachers_asked(const TeachersAsked&) {}
    virtual void on_step(const StepReport&) {}
    virtual void on_epoch_trained(const EpochTrained&) {}
    virtual void on_epoch(const EpochReport&) {}
    /// A checkpoint is written and about to take the last one's place, on the rank that saves alone. An IoError thrown
    /// here is as a disk that refuses; another exception ends the run, with the checkpoints as they were.
    virtual void before_checkpoint() {}
    virtual void on_checkpoint(const CheckpointReport&) {}
    virtual void on_skip(const SkippedStep&) {}
    virtual void on_bad_image(const BadImage&) {}
    /// What should be known of the machine and shows only on the way, a sentence; the same on all ranks.
    virtual void on_remark(const std::string&) {}
    /// No more steps come; the last checkpoint may not be saved yet.
    virtual void on_end() {}

    /// Returns a request to stop the run here, if there is one; asked between steps and between batches of a
    /// validation. `seconds_needed`: what another step and a save may take.
    virtual std::optional<StopRequest> should_stop([[maybe_unused]] double seconds_needed) { return std::nullopt; }
};

/// Passes everything on, in the order of the list.
class TrainObservers final : public TrainObserver {
public:
    explicit TrainObservers(std::vector<TrainObserver*> observers) : observers_(std::move(observers)) {}

    void on_resume(const ResumeReport& report) override { each(&TrainObserver::on_resume, report); }
    void on_start(const TrainStart& start) override { each(&TrainObserver::on_start, start); }
    void on_teachers_asked(const TeachersAsked& asked) override { each(&TrainObserver::on_teachers_asked, asked); }
    void on_step(const StepReport& report) override { each(&TrainObserver::on_step, report); }
    void on_epoch_trained(const EpochTrained& report) override { each(&TrainObserver::on_epoch_trained, report); }
    void on_epoch(const EpochReport& report) override { each(&TrainObserver::on_epoch, report); }
    void before_checkpoint() override {
        for (TrainObserver* observer : observers_) observer->before_checkpoint();
    }
    void on_checkpoint(const CheckpointReport& report) override { each(&TrainObserver::on_checkpoint, report); }
    void on_skip(const SkippedStep& step) override { each(&TrainObserver::on_skip, step); }
    void on_bad_image(const BadImage& bad) override { each(&TrainObserver::on_bad_image, bad); }
    void on_remark(const std::string& remark) override { each(&TrainObserver::on_remark, remark); }
    void on_end() override {
        for (TrainObserver* observer : observers_) observer->on_end();
    }
    /// Returns the first request.
    std::optional<StopRequest> should_stop(double seconds_needed) override {
        for (TrainObserver* observer : observers_)
            if (auto request = observer->should_stop(seconds_needed)) return request;
        return std::nullopt;
    }

private:
    template <class Report>
    void each(void (TrainObserver::*call)(const Report&), const Report& report) {
        for (TrainObserver* observer : observers_) (observer->*call)(report);
    }

    std::vector<TrainObserver*> observers_;
};

}  // namespace keel
