// keel eval
#include <fmt/format.h>

#include <iostream>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/subgroup_options.h"
#include "data/sources/joined_splits.h"
#include "distributed/mpi/launched.h"
#include "embed/foreign_weights.h"
#include "embed/precision_report.h"
#include "engine/files.h"
#include "runs/predictions_file.h"
#include "runs/score_text.h"
#include "runs/terminal/progress.h"
#include "train/ensemble.h"

namespace keel::cli {
namespace {

struct EvalArguments {
    EnsembleOptions models;
    std::string predictions, precision = "f32";
    ViewFlags views;
    SubgroupFlags groups;
    ReadingOptions reading{.split = "test", .batch_size = 16};
};

/// The groups that --by asks for, by what the models say before any calibration: thresholds are of that.
SubgroupResult groups_of(const EvalArguments& o, const ModelSpec& spec, const Predictions& raw,
                         const Globals& globals) {
    SubgroupInput input = subgroup_input(spec.multi_label, spec.label_names, raw);
    std::string origin;
    if (o.models.checkpoints.size() == 1 && spec.operating) {
        const auto& points = points_of(*spec.operating, "");
        for (std::size_t k = 0; k < points.size(); ++k)
            if (points[k]) input.thresholds[k] = points[k]->threshold;
        origin =
            fmt::format("the checkpoint's thresholds ({}, {} split)", spec.operating->chosen, spec.operating->split);
    }
    return compare_groups(o.groups, std::move(input), origin, globals);
}

int run(const CLI::App& app, EvalArguments o, const Globals& globals, World& world) {
    o.models.views = o.views.options();
    o.models.precision = precision_of(o.precision);
    const Telling telling = telling_of(globals.quiet, world.is_root());
    const std::string& first = o.models.checkpoints.front();
    auto opened = open_data(app, o.reading, o.models.checkpoints, "eval", telling, true);
    o.models.opened = open_ensemble(o.models.checkpoints, opened.get());
    const ModelSpec spec = o.models.opened.front().spec;
    if (spec.guessed && world.is_root()) std::cerr << "keel eval: warning: " << guessed_text(spec) << '\n';
    const std::string views = views_text(o.models.views, spec);
    auto [dataset, remarks] = labels_in_common(spec, std::move(opened), first);
    tell(remarks, "eval", telling);
    const LoaderOptions loader = loader_options(o.reading, spec, "eval");
    if (dataset->size(loader.split) == 0)
        throw InputError(fmt::format("[eval] {} has no {} samples", o.reading.data, o.reading.split));
    require_groups(groups_asked_for(o.groups), *dataset, loader.split);
    Progress progress(std::cerr, "eval", stderr_progress(globals.quiet || !world.is_root()));
    PrecisionReport precision;
    o.models.on_model = [&](const std::string& file, const Predictor& model) {
        progress.finish();
        for (const std::string& note : precision.add(file, model))
            if (world.is_root()) std::cerr << "keel eval: warning: " << note << '\n';
    };
    const auto predictions = evaluate_ensemble(
        world, [] { return false; }, o.models, *dataset, loader,
        [&](std::int64_t done, std::int64_t total) { progress.update(done * world.size(), total); });
    progress.finish();
    if (!world.is_root()) return kSuccess;
    if (!o.predictions.empty()) write_file_atomically(o.predictions, predictions_csv(spec, predictions->told));
    const Scores scores = score(spec, predictions->told);
    const SubgroupResult groups = groups_of(o, spec, predictions->raw, globals);
    const ScoreOrigin origin{o.reading.data,       o.reading.split, dataset->origin(loader.split),
                             o.models.checkpoints, views,           precision.text(),
                             o.models.calibrated};
    Json json = to_json(spec, predictions->told, scores);
    json.update(to_json(origin));
    if (!groups.json.is_null()) json["subgroups"] = groups.json;
    print_result(globals, json, to_text(spec, predictions->told, scores) + to_text(origin) + groups.text);
    return kSuccess;
}

}  // namespace

Run add_eval(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<EvalArguments>();
    add_checkpoints(app, o->models.checkpoints);
    add_text(app, "--data", o->reading.data, "SPEC", "Data to score on, as in keel train", Need::required);
    add_choice(app, "--split", o->reading.split, {"train", "val", "test", kAllSplits}, "Split to score");
    add_text(app, "--predictions", o->predictions, "FILE.csv",
             "Write each image's probabilities, what is true, whose it is and its attributes to this CSV file");
    add_view_options(app, o->views);
    add_precision(app, o->precision);
    add_flag(app, "--calibrated", o->models.calibrated, "Calibrated probabilities (keel threshold --calibrate)");
    add_subgroup_options(app, o->groups);
    add_reading(app, o->reading);
    return
        [&app, o, &globals] { return with_launched_ranks([&](World& world) { return run(app, *o, globals, world); }); };
}

}  // namespace keel::cli
