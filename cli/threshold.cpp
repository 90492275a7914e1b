// keel threshold
#include <fmt/format.h>

#include <iostream>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "engine/checkpoint.h"
#include "runs/operating_points_text.h"
#include "runs/terminal/progress.h"
#include "train/evaluate.h"
#include "train/threshold.h"

namespace keel::cli {
namespace {

struct ThresholdArguments {
    std::string checkpoint, out;
    ThresholdOptions threshold;
    ViewFlags views;
    ReadingOptions reading{.split = "val", .batch_size = 16};
};

OperatingPoints measure(const CLI::App& app, const ThresholdArguments& o, const Globals& globals, const ModelSpec& spec,
                        std::int64_t& samples, std::vector<std::string>& doubts) {
    auto [dataset, remarks] = labels_in_common(
        spec, open_data(app, o.reading, {o.checkpoint}, "threshold", telling_of(globals.quiet), false), o.checkpoint);
    tell(remarks, "threshold", telling_of(globals.quiet));
    const LoaderOptions loader = loader_options(o.reading, spec, "threshold");
    if (dataset->size(loader.split) == 0)
        throw InputError(fmt::format("[threshold] {} has no {} samples", o.reading.data, o.reading.split));
    if (loader.split != Split::val)
        std::cerr << fmt::format(
            "keel threshold: measured on the {} split: thresholds are chosen on validation data, "
            "scores on these are no longer scores on unseen ones\n",
            o.reading.split);
    const ViewOptions views = o.views.options();
    const Predictor model = load_predictor(o.checkpoint, views, o.reading.batch_size);
    Progress progress(std::cerr, "threshold", stderr_progress(globals.quiet));
    const Predictions predictions = evaluate(
        model, *dataset, loader, [&](std::int64_t done, std::int64_t total) { progress.update(done, total); }, views);
    progress.finish();
    samples = predictions.samples();
    OperatingPoints points = measure_operating_points(spec, predictions, o.threshold);
    doubts = doubts_about(spec, predictions, points);
    points.data = o.reading.data;
    points.split = o.reading.split;
    points.views = views_text(views, spec);
    return points;
}

int run(const CLI::App& app, const ThresholdArguments& o, const Globals& globals) {
    CheckpointState state = load_checkpoint(o.checkpoint);
    ModelSpec spec = read_spec(state.metadata, o.checkpoint);
    std::int64_t samples = 0;
    std::vector<std::string> doubts;
    spec.operating = measure(app, o, globals, spec, samples, doubts);
    write_spec(spec, state.metadata);
    const std::string file = o.out.empty() ? o.checkpoint : o.out;
    save_checkpoint(file, state);
    Json json = operating_points_json(spec, *spec.operating);
    json["samples"] = samples;
    json["checkpoint"] = file;
    print_result(globals, json,
                 operating_points_text(spec, *spec.operating) +
                     fmt::format("of {} {} samples; kept in {}\n", samples, o.reading.split, file));
    for (const std::string& doubt : doubts) std::cerr << "keel threshold: warning: " << doubt << '\n';
    return kSuccess;
}

}  // namespace

Run add_threshold(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<ThresholdArguments>();
    add_text(app, "--checkpoint", o->checkpoint, "FILE", "Checkpoint of keel train, or an int8 model", Need::required);
    add_text(app, "--data", o->reading.data, "SPEC", "Data to measure on, as in keel train", Need::required);
    add_choice(app, "--split", o->reading.split, {"train", "val", "test"}, "Split to measure on");
    add_choice(app, "--rule", o->threshold.rule, {"youden", "f1", "sensitivity"},
               "What yes and no follow: the best sum of sensitivity and specificity, the best F1, or the highest "
               "threshold of a sensitivity; all three are kept");
    add_number(app, "--sensitivity", o->threshold.least_sensitivity, {.low = 0, .high = 1, .low_excluded = true},
               "That rule's sensitivity, at least");
    add_choice(app, "--calibrate", o->threshold.calibration, {"temperature", "platt"},
               "Measure what makes probabilities calibrated, too: one temperature, or a slope and an offset a label "
               "(Platt)");
    add_text(app, "--out", o->out, "FILE", "Write the checkpoint with its thresholds here, not over itself");
    add_view_options(app, o->views);
    add_reading(app, o->reading);
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
