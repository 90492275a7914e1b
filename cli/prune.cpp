// keel prune
#include <fmt/format.h>
#include <iostream>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "data/sources/joined_splits.h"
#include "embed/import_weights.h"
#include "engine/paths.h"
#include "runs/prune_text.h"
#include "runs/terminal/progress.h"
#include "train/evaluate.h"

namespace keel::cli {
namespace {

struct PruneArguments {
    std::string checkpoint, out, score = "taylor";
    PruneOptions prune;
    bool force = false;
    ReadingOptions reading{.split = "train", .batch_size = 16};
};

int run(const CLI::App& app, PruneArguments o, const Globals& globals) {
    if (!o.force && is_taken(o.out)) throw UsageError(fmt::format("[prune] {} exists; --force overwrites it", o.out));
    const LoadedModel model = load_model(o.checkpoint);
    auto opened = open_data(app, o.reading, {o.checkpoint}, "prune", telling_of(globals.quiet), false);
    const auto [dataset, remarks] = labels_in_common(model.spec, std::move(opened), o.checkpoint);
    tell(remarks, "prune", telling_of(globals.quiet));
    o.prune.score = channel_score_named(o.score);
    o.prune.loader = loader_options(o.reading, model.spec, "prune");
    o.prune.loader.seed = globals.seed.value_or(0);
    Progress progress(std::cerr, "images", stderr_progress(globals.quiet));
    const Pruned pruned =
        prune(model, *dataset, o.prune, [&](std::int64_t done, std::int64_t total) { progress.update(done, total); });
    progress.finish();
    for (const std::string& warning : pruned.report.warnings) std::cerr << "keel prune: warning: " << warning << '\n';
    save_model(o.out, pruned.model);
    print_result(globals, prune_json(pruned.report, o.prune, o.out), prune_text(pruned.report, o.prune, o.out));
    return kSuccess;
}

}  // namespace

Run add_prune(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<PruneArguments>();
    add_text(app, "--checkpoint", o->checkpoint, "FILE", "Checkpoint of keel train", Need::required);
    add_text(app, "--data", o->reading.data, "SPEC", "What the model was trained on, as in keel train", Need::required);
    add_text(app, "--out", o->out, "FILE",
             "The smaller model, a checkpoint as any other; keel train --init FILE trains it on", Need::required);
    add_number(app, "--keep", o->prune.keep, NumberRange{0, 1, true, false}, "Share of the channels that stay");
    add_choice(
        app, "--score", o->score, {"taylor", "bn"},
        "What a channel is worth: what the loss changes by without it, to first order, or its batch norms' scales");
    add_number(app, "--multiple", o->prune.multiple, from_to(1, 1024),
               "Channels left in a group are a multiple of this; 32 fills vectors of any processor, 16 those of AVX2");
    add_choice(app, "--split", o->reading.split, {"train", "val", "test", kAllSplits},
               "Split that the images are taken of");
    add_number(app, "--images", o->prune.images, from_to(1, 1000000),
               "Images for scores, and for the statistics of the smaller model's batch norms");
    add_flag(app, "--keep-statistics", o->prune.keep_statistics, "Leave batch norms' statistics as they were");
    add_flag(app, "--force", o->force, "Overwrite an existing file");
    add_reading(app, o->reading);
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
