// keel train
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/machine.h"
#include "cli/report/report.h"
#include "cli/signals.h"
#include "cli/trainer.h"
#include "kernels/parallel.h"

namespace keel::cli {
namespace {

struct Options {
    std::string resume;
    bool force = false;
};

/// The checkpoint to go on from, or empty for a new run. `auto` is the run's own last checkpoint, if there is one.
std::filesystem::path checkpoint_to_resume(const Options& options, const std::filesystem::path& out) {
    if (options.resume.empty()) return {};
    if (options.resume != "auto") return options.resume;
    const auto last = out / "checkpoints" / "last.safetensors";
    return std::filesystem::exists(last) ? last : std::filesystem::path{};
}

/// A run is done whether or not its report can be written.
void report(RunDirectory& directory) {
    try {
        report::write_report(directory.path());
    } catch (const std::exception& error) {
        directory.log().warn("no report: {}", error.what());
    }
}

int run(const CLI::App& app, const Options& options, const Globals& globals) {
    if (options.force && !options.resume.empty()) throw UsageError("[train] --resume and --force exclude each other");
    const std::filesystem::path out = app.get_option("--out")->as<std::string>();
    const auto own_config = out / "config.toml";
    const bool resuming = !options.resume.empty();
    const TrainConfig config = read_train_config(app, resuming && std::filesystem::exists(own_config) ? own_config : "");
    if (config.threads > 0) {
        set_thread_count(config.threads);
        bind_team();
    }
    catch_stop_signals();
    RunDirectory directory(config.out,
                           options.force ? ExistingRun::replace
                           : resuming    ? ExistingRun::resume
                                         : ExistingRun::refuse,
                           globals.quiet);
    try {
        Trainer trainer(config, directory, globals);
        const auto checkpoint = checkpoint_to_resume(options, directory.path());
        if (!checkpoint.empty()) trainer.resume(checkpoint);
        directory.write_config(to_toml(config));
        directory.write_machine(diagnose(read_machine()).object);
        if (config.tensorboard) directory.write_events();
        const int code = trainer.run();
        report(directory);
        const Json result = trainer.result();
        print_result(globals, result,
                     fmt::format("{} epochs, {} steps; best checkpoint: {}\n", result["epochs"].get<int>(),
                                 result["steps"].get<int>(), result["best"].get<std::string>()));
        return code;
    } catch (const std::exception& error) {
        directory.record_error(error.what());
        if (std::filesystem::exists(directory.config_file())) report(directory);
        throw;
    }
}

}  // namespace

Run add_train(CLI::App& app, const Globals& globals) {
    const auto options = std::make_shared<Options>();
    add_train_options(app);
    app.add_option("--resume", options->resume,
                   "Go on with the run in --out: auto (its last checkpoint, or from the start) or a checkpoint file")
        ->type_name("auto|FILE");
    app.add_flag("--force", options->force, "Replace a run that is in --out already");
    return [&app, options, &globals] { return run(app, *options, globals); };
}

}  // namespace keel::cli
