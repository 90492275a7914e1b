#include "runs/run_recorder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>
#include <set>
#include <string>
#include <utility>

#include "engine/files.h"
#include "engine/paths.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "runs/predictions_file.h"

namespace keel {
namespace {

/// The epoch as a row of metrics, NaN for what there is none of.
Json row_of(const EpochReport& report) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    const ModelSpec& spec = *report.spec;
    const Predictions* const predictions = report.predictions;
    Json row{{"epoch", report.epoch},
             {"step", report.step},
             {"lr", report.lr},
             {"train_loss", report.train_loss},
             {"images_per_second", report.images_per_second},
             {"seconds", report.seconds},
             {"bad_images", report.bad_images},
             {"peak_arena_mb", static_cast<double>(report.peak_arena_bytes) / 1e6},
             {"val_loss", predictions != nullptr ? predictions->loss : kNan}};
    if (spec.multi_label) {
        row["val_auroc_mean"] = report.scores.auroc.mean.value_or(kNan);
        for (std::size_t i = 0; i < spec.label_names.size(); ++i)
            row["val_auroc_" + spec.label_names[i]] =
                predictions != nullptr ? report.scores.auroc.per_label[i].value_or(kNan) : kNan;
    } else {
        row["val_accuracy"] = predictions != nullptr ? report.scores.accuracy : kNan;
        row["val_auc"] = report.scores.auc.value_or(kNan);
    }
    return row;
}

Json to_json(const Remark& remark) {
    Json json{{"warning", remark.warning}, {"text", remark.text}};
    if (remark.split) json["split"] = split_name(*remark.split);
    return json;
}

/// What data.json holds. The splits' own lines stand with their numbers, and are no remarks.
Json data_of(const TrainStart& start) {
    Json splits = Json::object(), remarks = Json::array();
    std::set<std::string> lines;
    for (const Split split : kSplits) {
        const SplitCounts& counts = start.label_counts[static_cast<std::size_t>(split)];
        const std::string& origin = start.origins[static_cast<std::size_t>(split)];
        const std::string line = split_line(split, counts, origin);
        Json& entry = splits[split_name(split)] = {{"line", line},
                                                   {"samples", counts.samples},
                                                   {"patients", counts.patients},
                                                   {"unused", counts.unused},
                                                   {"per_label", counts.per_label},
                                                   {"unknown", counts.unknown}};
        if (!origin.empty()) entry["origin"] = origin;
        lines.insert(line);
    }
    for (const Remark& remark : start.data)
        if (!lines.contains(remark.text)) remarks.push_back(to_json(remark));
    return {{"labels", start.label_names}, {"splits", std::move(splits)}, {"remarks", std::move(remarks)}};
}

/// The score that the epoch is chosen by, by its name.
std::string score_text(const EpochReport& report) {
    const char* const name = report.spec->multi_label ? "mean AUROC" : "AUC";
    const auto& value = report.spec->multi_label ? report.scores.auroc.mean : report.scores.auc;
    return value ? fmt::format("{} {:.4f}", name, *value)
                 : fmt::format("{} undefined, so that the loss decides which epoch is best", name);
}

constexpr auto kBetweenSpent = std::chrono::minutes(1);  // a process that is killed loses so much of what it spent

/// What the run took and is going to take, for a row of metrics.
Json cost_of(const RunMeter& meter) {
    const RunCost spent = meter.spent();
    Json costs{{"spent_seconds", spent.seconds},
               {"spent_core_hours", spent.core_hours},
               {"spent_kwh", spent.kwh()},
               {"kwh_estimated", spent.estimated}};
    if (const auto price = price_of(spent.core_hours, spent.kwh(), meter.prices())) costs["spent_price"] = *price;
    if (meter.prices().gco2_kwh > 0) costs["spent_gco2"] = spent.kwh() * meter.prices().gco2_kwh;
    const auto to_come = meter.to_come();
    costs["to_come_seconds"] = to_come ? Json(to_come->seconds) : Json(nullptr);
    costs["to_come_core_hours"] = to_come ? Json(to_come->core_hours) : Json(nullptr);
    costs["to_come_kwh"] = to_come ? Json(to_come->kwh()) : Json(nullptr);
    return costs;
}

}  // namespace

RunRecorder::RunRecorder(RunDirectory& directory, RunMeter* meter, bool resumes)
    : directory_(directory), meter_(meter) {
    if (meter == nullptr || !directory.writes()) return;
    for (const std::string& note : meter->take_notes()) directory.log().info("{}", note);
    try {
        if (resumes && is_there(directory.spent_file()))
            meter->add_before(read_cost(read_file(directory.spent_file(), 1 << 16), directory.spent_file().string()));
    } catch (const Error& error) {
        directory.log().warn("{}; what the run spent before does not count", error.what());
    }
}

void RunRecorder::write_spent() {
    if (meter_ == nullptr || !directory_.writes()) return;
    spent_written_ = std::chrono::steady_clock::now();
    directory_.write_spent(cost_json(meter_->spent(), meter_->prices()));
    for (const std::string& note : meter_->take_notes()) directory_.log().warn("{}", note);
}

void RunRecorder::on_step(const StepReport&) {
    if (meter_ != nullptr && std::chrono::steady_clock::now() - spent_written_ >= kBetweenSpent) write_spent();
}

void RunRecorder::on_resume(const ResumeReport& report) {
    if (directory_.writes())  // all ranks are told the same
        for (const std::string& warning : report.warnings) directory_.log().warn("{}", warning);
    directory_.cut_metrics_after(report.epochs_recorded);
    directory_.log().info("resumed {} at epoch {}, step {}", report.file.string(), report.epoch + 1, report.step);
}

void RunRecorder::on_start(const TrainStart& start) {
    if (!start.weights_from.empty())
        directory_.log().info(
            "weights from {}{}", start.weights_from,
            start.weights_skipped.empty() ? "" : fmt::format(", but not {}", fmt::join(start.weights_skipped, ", ")));
    directory_.write_data(data_of(start));
    for (const Remark& remark : start.data)
        if (directory_.writes())  // the ranks read the same
            directory_.log().log(remark.warning ? spdlog::level::warn : spdlog::level::info, "data: {}", remark.text);
    directory_.log().info(
        "{}: {} training and {} validation samples, {} steps of {} images, {} parameters, {}, {} threads{}",
        start.model, start.train_samples, start.val_samples, start.total_steps, start.images_per_step, start.parameters,
        start.precision, thread_count(), start.ranks == 1 ? "" : fmt::format(" on each of {} ranks", start.ranks));
    if (!directory_.writes()) return;  // all ranks are told the same
    for (const std::string& warning : start.warnings) directory_.log().warn("{}", warning);
}

void RunRecorder::on_epoch_trained(const EpochTrained& report) {
    if (!report.time_breakdown.empty())
        directory_.log().info("epoch {}/{}: {}", report.epoch, report.epochs, report.time_breakdown);
}

void RunRecorder::on_epoch(const EpochReport& report) {
    directory_.append_metrics(row_of(report), meter_ != nullptr ? cost_of(*meter_) : Json::object());
    write_spent();
    std::string validation;
    if (report.predictions != nullptr)
        validation = fmt::format(", val loss {:.4f}, val {}", report.predictions->loss, score_text(report));
    directory_.log().info("epoch {}/{}: train loss {:.4f}, {:.1f} img/s{}", report.epoch, report.epochs,
                          report.train_loss, report.images_per_second, validation);
    if (meter_ == nullptr) return;
    const auto to_come = meter_->to_come();
    directory_.log().info("spent: {}{}", cost_text(meter_->spent(), meter_->prices()),
                          to_come && to_come->seconds > 0 ? "; to come: " + cost_text(*to_come, meter_->prices()) : "");
}

void RunRecorder::before_checkpoint() { directory_.require_own(); }

std::optional<StopRequest> RunRecorder::should_stop(double) {
    if (directory_.lost()) directory_.require_own();
    return std::nullopt;
}

void RunRecorder::on_checkpoint(const CheckpointReport& report) {
    write_spent();
    if (!report.error.empty() && directory_.writes())
        directory_.log().error("step {} is not saved, what was saved before is kept: {}", report.step, report.error);
    if (report.predictions != nullptr) directory_.write_predictions(predictions_csv(*report.spec, *report.predictions));
}

void RunRecorder::on_skip(const SkippedStep& step) {
    if (directory_.writes())
        directory_.log().warn("step {} was not applied: {}; its samples: {}", step.step, step.what,
                              fmt::join(step.samples, ", "));
    directory_.record_divergence(
        {{"epoch", step.epoch}, {"step", step.step}, {"what", step.what}, {"lr", step.lr}, {"samples", step.samples}});
}

void RunRecorder::on_teachers_asked(const TeachersAsked& asked) {
    if (directory_.writes() && !asked.note.empty()) directory_.log().info("{}", asked.note);
}

void RunRecorder::on_remark(const std::string& remark) {
    if (directory_.writes()) directory_.log().warn("{}", remark);
}

void RunRecorder::on_bad_image(const BadImage& bad) { directory_.log().warn("skipped {}: {}", bad.name, bad.reason); }

}  // namespace keel
