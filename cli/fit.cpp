// keel fit
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <iostream>
#include <system_error>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "runs/terminal/progress.h"
#include "train/evaluate.h"
#include "tune/fit/fit_text.h"

namespace keel::cli {
namespace {

struct FitArguments {
    fit::FitOptions options;
    fit::FitWords words;
    fit::SpeedOptions speed;
    ReadingOptions reading{.split = "val", .batch_size = 16};
    std::string out, resume = "auto";
    bool no_test = false;
};

/// What the command line says, in the library's words.
fit::FitOptions options_of(const FitArguments& o, const Globals& globals) {
    fit::FitOptions options = o.options;
    take_words(options, o.words);
    fit::SpeedOptions speed = o.speed;
    std::error_code failed;
    speed.program = std::filesystem::read_symlink("/proc/self/exe", failed).string();
    speed.batch = o.reading.batch_size;
    speed.threads = globals.threads;
    speed.bind = globals.bind == "auto" ? "always" : globals.bind;  // this process, which waits, holds the cores
    measure_by(options, speed);
    options.anew = o.resume == "never";
    options.test = !o.no_test;
    options.workshop.out = o.out;
    fit::TrainingOptions& training = options.workshop.training;
    training.data = o.reading.data;
    training.workers = o.reading.workers;
    training.seed = globals.seed.value_or(0);
    return options;
}

int run(const CLI::App& app, const FitArguments& o, const Globals& globals) {
    fit::FitOptions options = options_of(o, globals);
    fit::WorkshopOptions& w = options.workshop;
    const std::string& checkpoint = w.training.checkpoint;
    const ModelSpec spec = read_model_spec(checkpoint);
    if (spec.guessed)
        throw UsageError(
            fmt::format("[fit] {} holds weights of another program, which do not say all of what they are: "
                        "keel import makes a checkpoint of them",
                        checkpoint));
    auto [dataset, remarks] = labels_in_common(
        spec, open_data(app, o.reading, {checkpoint}, "fit", telling_of(globals.quiet), true), checkpoint);
    tell(remarks, "fit", telling_of(globals.quiet));
    w.training.reading = data_options(app, o.reading.data, checkpoint);
    w.loader = loader_options(o.reading, spec, "fit");
    w.say = [](const std::string& line) { spdlog::info("keel fit: {}", line); };
    Progress progress(std::cerr, "fit", stderr_progress(globals.quiet));
    w.progress = [&](const std::string&, std::int64_t done, std::int64_t total) {
        progress.update(done, total);
        if (done >= total) progress.finish();
    };
    const fit::FitResult result = fit::fit(options, *dataset);
    print_result(globals, fit::to_json(result), fit::to_text(result));
    return result.search.verdict.chosen ? kSuccess : kNothingFits;
}

}  // namespace

Run add_fit(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<FitArguments>();
    fit::WorkshopOptions& workshop = o->options.workshop;
    fit::TrainingOptions& training = workshop.training;
    add_text(app, "--checkpoint", training.checkpoint, "FILE", "Checkpoint of keel train, or another model of floats",
             Need::required);
    add_text(app, "--data", o->reading.data, "SPEC", "Data to score, calibrate and train on, as in keel train",
             Need::required);
    add_text(app, "--out", o->out, "DIR", "Folder of the chosen model, all others, fit.jsonl, fit.json and fit.html",
             Need::required);
    add_number(app, "--max-drop", o->options.wishes.max_drop, from_to(0, 1),
               "How much of the checkpoint's mean AUROC, or AUC, may be lost");
    add_flag(app, "--sure", o->options.wishes.sure, "The upper end of the drop's 95 % interval keeps to --max-drop");
    const std::string multiple = "; 4x: so many times what the checkpoint has in f32";
    add_text(app, "--min-images-per-second", o->words.min_images_per_second, "X",
             "Least rate, --batch-size images at a time" + multiple);
    add_text(app, "--max-latency-ms", o->words.max_latency_ms, "X", "Most time of one image" + multiple);
    add_text(app, "--max-mb", o->words.max_mb, "X", "Largest file of the model, MB" + multiple);
    add_text(app, "--max-memory-mb", o->words.max_memory_mb, "X",
             "Most memory of a process that runs it, MB" + multiple);
    add_text(app, "--isa", o->speed.isa, "NAME", "Measure speed on this instruction set (keel doctor lists them)");
    add_list(app, "--try", o->words.ways, "WAY", {.commas = true},
             "What is tried, the cheapest first whatever the order here: precision, int8, size (smaller images), "
             "fine-tune (and training for them), prune, distill");
    add_flag(app, "--all", o->options.search.all, "Look at all ways, whether or not something satisfies already");
    add_list(app, "--sizes", o->words.sizes, "N", {.commas = true},
             "Sides of smaller images [default: 7/8 to half of the model's]");
    add_list(app, "--keep", o->words.keeps, "X", {.commas = true}, "Shares of channels that pruning leaves");
    add_list(app, "--students", o->options.students, "NAME", {.commas = true},
             "Models to teach [default: smaller residual networks]");
    add_number(app, "--epochs", training.epochs, from_to(1, 100'000), "Epochs of training on, of fine-tune and prune");
    add_number(app, "--distill-epochs", training.distill_epochs, from_to(0, 100'000),
               "Epochs of a student; 0: as many as the checkpoint's run");
    add_list(app, "--set", training.set, "KEY=VALUE", {.one_each = true}, "An option of training, for all of them");
    add_number(app, "--images", workshop.calibration_images, from_to(4, 100'000),
               "Training images that int8 is calibrated with");
    add_number(app, "--rounds", o->speed.rounds, from_to(1, 100), "Processes for each speed, whose median counts");
    add_number(app, "--seconds", o->speed.seconds, from_to(0.01, 3600), "Seconds that each of them times");
    add_number(app, "--hours", o->options.hours, from_to(0, 100'000), "Begin no step after so many hours; 0: no limit");
    add_choice(app, "--split", o->reading.split, {"val", "test"}, "Split that models are chosen by");
    add_flag(app, "--no-test", o->no_test, "Do not score the chosen model on the test split");
    add_choice(app, "--resume", o->resume, {"auto", "never"},
               "auto: what was measured in --out before is not measured again; never: all of it is");
    add_reading(app, o->reading);
    return [&app, o, &globals] { return run(app, *o, globals); };
}

}  // namespace keel::cli
