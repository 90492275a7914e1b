// keel eval
#include <fmt/format.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/evaluate.h"
#include "cli/predictions_file.h"
#include "cli/progress.h"
#include "cli/ranked_evaluation.h"
#include "engine/files.h"

namespace keel::cli {
namespace {

struct Options {
    std::string checkpoint, data, split = "test", predictions;
    std::int64_t batch_size = 16;
    int workers = 2;
    double max_bad = 0.001;
    DatasetOptions dataset;
};

int run(const Options& o, const Globals& globals, World& world) {
    const Predictor model(o.checkpoint, o.batch_size);
    const auto dataset = open_dataset(o.data, o.dataset);
    require_same_labels(model.spec(), *dataset, o.checkpoint);
    LoaderOptions loader;
    loader.split = parse_split(o.split);
    loader.transform = transform_of(model.spec());
    loader.batch_size = o.batch_size;
    loader.workers = o.workers;
    loader.max_bad = o.max_bad;
    loader.on_bad_image = [](const BadImage& bad) { std::cerr << "keel eval: skipped " << bad.name << ": " << bad.reason << '\n'; };
    if (dataset->size(loader.split) == 0) throw InputError(fmt::format("[eval] {} has no {} samples", o.data, o.split));
    Progress progress(std::cerr, "eval", stderr_progress(globals.quiet || !world.first()));
    const Predictions predictions = *evaluate_on_ranks(
        world, [] { return false; }, model, *dataset, loader,
        [&](std::int64_t done, std::int64_t total) { progress.update(done * world.size(), total); });
    progress.finish();
    if (!world.first()) return kSuccess;
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
    app.add_option("--data", o->data, "Data to score on, as in keel train")->required()->type_name("SPEC");
    app.add_option("--split", o->split, "Split to score")->check(CLI::IsMember({"train", "val", "test"}))->capture_default_str();
    app.add_option("--predictions", o->predictions, "Write each image's probabilities to this CSV file")->type_name("FILE.csv");
    add_number(app, "--batch-size", o->batch_size, from_to(1, 4096), "Images a batch");
    add_number(app, "--workers", o->workers, from_to(1, 1024), "Threads that decode");
    add_number(app, "--max-bad", o->max_bad, from_to(0, 1), "Bad images tolerated, as a fraction");
    add_number(app, "--val-fraction", o->dataset.val_fraction, from_to_below(0, 1),
               "Of the data without a validation split of its own; as in training");
    add_number(app, "--test-fraction", o->dataset.test_fraction, from_to_below(0, 1),
               "Of the data without a test split of its own; as in training");
    add_number(app, "--split-seed", o->dataset.split_seed, at_least(0), "Of those splits; as in training");
    return [o, &globals] { return World::with([&](World& world) { return run(*o, globals, world); }); };
}

}  // namespace keel::cli
