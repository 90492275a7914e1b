// keel eval
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>

#include "cli/app.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/reading.h"
#include "cli/score_text.h"
#include "distributed/mpi/launched.h"
#include "engine/files.h"
#include "runs/predictions_file.h"
#include "train/evaluate.h"
#include "train/ranked_evaluation.h"

namespace keel::cli {
namespace {

struct Options {
    std::string checkpoint, predictions;
    ReadingOptions reading{.split = "test", .batch_size = 16};
};

int run(const CLI::App& app, const Options& o, const Globals& globals, World& world) {
    const Predictor model(o.checkpoint, o.reading.batch_size);
    const auto dataset = open_data(app, o.reading.data, "eval", globals.quiet || !world.is_root());
    require_same_labels(model.spec(), *dataset, o.checkpoint);
    const LoaderOptions loader = loader_options(o.reading, model.spec(), "eval");
    if (dataset->size(loader.split) == 0)
        throw InputError(fmt::format("[eval] {} has no {} samples", o.reading.data, o.reading.split));
    Progress progress(std::cerr, "eval", stderr_progress(globals.quiet || !world.is_root()));
    const Predictions predictions = *evaluate_on_ranks(
        world, [] { return false; }, model, *dataset, loader,
        [&](std::int64_t done, std::int64_t total) { progress.update(done * world.size(), total); });
    progress.finish();
    if (!world.is_root()) return kSuccess;
    if (!o.predictions.empty())
        write_file_atomically(o.predictions, predictions_csv(model.spec(), predictions, Columns::probabilities));
    const Scores scores = score(model.spec(), predictions);
    print_result(globals, to_json(model.spec(), predictions, scores), to_text(model.spec(), predictions, scores));
    return kSuccess;
}

}  // namespace

Run add_eval(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("--checkpoint", o->checkpoint, "Checkpoint of keel train")->required()->type_name("FILE");
    app.add_option("--data", o->reading.data, "Data to score on, as in keel train")->required()->type_name("SPEC");
    app.add_option("--split", o->reading.split, "Split to score")
        ->check(CLI::IsMember({"train", "val", "test"}))
        ->capture_default_str();
    app.add_option("--predictions", o->predictions, "Write each image's probabilities to this CSV file")
        ->type_name("FILE.csv");
    add_reading(app, o->reading);
    return
        [&app, o, &globals] { return with_launched_ranks([&](World& world) { return run(app, *o, globals, world); }); };
}

}  // namespace keel::cli
