#include "runs/terminal/train_progress.h"

#include <fmt/format.h>

#include <iostream>
#include <optional>

namespace keel {

void TrainProgress::on_step(const StepReport& report) {
    if (!bar_)
        bar_.emplace(std::cerr, fmt::format("epoch {}/{}", report.epoch, report.epochs), stderr_progress(quiet_));
    if (const auto to_come = meter_ != nullptr ? meter_->to_come() : std::nullopt)
        bar_->append(fmt::format("run {} more, {} so far", duration_text(to_come->seconds),
                                 energy_text(meter_->spent().joules, to_come->estimated)));
    bar_->update(report.samples_done, report.samples, report.mean_loss, report.images_per_second);
}

void TrainProgress::on_teachers_asked(const TeachersAsked& asked) {
    if (!bar_) bar_.emplace(std::cerr, "teachers", stderr_progress(quiet_));
    bar_->update(asked.done, asked.images);
    if (asked.done < asked.images) return;
    bar_->finish();
    bar_.reset();
}

void TrainProgress::on_epoch_trained(const EpochTrained&) {
    if (bar_) bar_->finish();
    bar_.reset();
}

}  // namespace keel
