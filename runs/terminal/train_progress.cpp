#include "runs/terminal/train_progress.h"

#include <fmt/format.h>

#include <iostream>

namespace keel {

void TrainProgress::on_step(const StepReport& report) {
    if (!bar_)
        bar_.emplace(std::cerr, fmt::format("epoch {}/{}", report.epoch, report.epochs), stderr_progress(quiet_));
    bar_->update(report.samples_done, report.samples, report.mean_loss, report.images_per_second);
}

void TrainProgress::on_epoch_trained(const EpochTrained&) {
    if (bar_) bar_->finish();
    bar_.reset();
}

}  // namespace keel
