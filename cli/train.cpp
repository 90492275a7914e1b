// keel train
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <optional>

#include "cli/app.h"
#include "cli/cluster/machine.h"
#include "cli/cluster/rank_guard.h"
#include "cli/cluster/run_start.h"
#include "cli/cluster/signals.h"
#include "cli/cluster/stop_observer.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/train_options.h"
#include "distributed/world.h"
#include "engine/paths.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "runs/report/report.h"
#include "runs/run_end.h"
#include "runs/run_recorder.h"
#include "runs/step_trace.h"
#include "runs/terminal/train_progress.h"
#include "train/trainer.h"
#include "train/training_data.h"

namespace keel::cli {
namespace {

struct TrainArguments {
    std::string resume;
    double max_memory = 0;  // GB
    bool force = false, force_memory = false, oversubscribe = false, distilling = false;
    RankGuardOptions guard;
};

/// Trains in a directory that is open. `observers` are those of the trainer.
int train_in(RunDirectory& directory, const TrainConfig& config, std::optional<Checkpoints::Found> checkpoint,
             const TrainArguments& options, const Globals& globals, World& world, Trainer& trainer,
             TrainObservers& observers, RunMeter& meter) {
    const auto warn = [&](const std::string& line) { directory.log().warn("{}", line); };
    const PatienceScope patience(config.io_patience, warn);
    // One asks for all: a thousand ranks that ask are an attack on Slurm's controller.
    const TimeLimit limit = world.is_root() ? read_time_limit(config.time_limit, warn) : TimeLimit();
    RunRecorder recorder(directory, &meter, !options.resume.empty());
    TrainProgress progress(globals.quiet || !world.is_root(), &meter);
    StepTrace trace(world, directory, config.trace_steps);
    StopObserver stop(limit, world.is_root() ? warn : Remarks());
    observers = TrainObservers({&meter, &progress, &recorder, &trace, &stop});
    if (checkpoint) {
        for (const std::string& refused : checkpoint->refused) directory.log().warn("{}", refused);
        trainer.resume(checkpoint->state, checkpoint->file, options.force);
        checkpoint.reset();  // its tensors are copied
    } else if (!options.resume.empty()) {
        directory.cut_metrics_after(0);
    }
    directory.write_config(to_toml(config));
    directory.write_machine(diagnose(read_machine()).object);
    if (config.tensorboard) directory.write_events();
    if (limit.exists()) directory.log().info("the run stops and saves before {:.0f} s are over", limit.seconds());
    const TrainResult result = run_to_end(trainer, directory);
    log_end(result, directory);
    const int code = exit_code_of(result);
    if (!world.is_root()) return code;
    if (result.end != TrainEnd::paused) report::try_report(directory);
    const RunCost spent = meter.spent();
    directory.write_spent(cost_json(spent, meter.prices()));
    Json json = train_result_json(result);
    json["spent"] = cost_json(spent, meter.prices());
    print_result(globals, json,
                 fmt::format("{} epochs, {} steps; best checkpoint: {}\nspent: {}\n", result.epochs, result.steps,
                             result.best.string(), cost_text(spent, meter.prices())));
    return code;
}

int run(const CLI::App& app, const TrainArguments& options, const Globals& globals, World& world) {
    const std::filesystem::path out = read_train_out(app);
    const bool resuming = !options.resume.empty();
    if (options.resume == "auto" && out.empty())
        throw UsageError("[train] --resume auto wants the run's folder: --out, by flag, --set or --config");
    auto lease = resuming ? lease_to_resume(out, world) : nullptr;
    auto checkpoint = checkpoint_to_resume(options.resume, out, world);
    TrainConfig config = read_train_config(app, resumed_config(checkpoint, resuming, out));
    if (options.distilling && config.teacher.empty())
        throw UsageError("[distill] --teacher FILE is required, by flag, --set or --config");
    for (const std::string& note : take_threads({config.threads, options.oversubscribe, globals.bind}, config.workers,
                                                {globals.threads, globals.core_notes}, world))
        if (world.is_root()) spdlog::warn("{}", note);
    require_equal(world, "configuration", shared_toml(config));
    const ExistingRun existing = resuming        ? ExistingRun::resume
                                 : options.force ? ExistingRun::replace
                                                 : ExistingRun::refuse;
    if (world.is_root()) require_allowed(config.out, existing);
    // Data and weights that cannot be trained on leave no folder behind, and an older run as it was.
    RunMeter meter(world, config);
    TrainObservers observers({});
    Trainer trainer(config, observers, world);
    config = trainer.config();
    NodeMemory memory = node_memory(world, trainer.memory_need());
    limit_memory(memory, static_cast<std::int64_t>(1e9 * options.max_memory));
    require_memory(memory, config.batch_size, options.force_memory);
    RunDirectory directory = world.is_root() ? RunDirectory(config.out, existing, globals.quiet, std::move(lease))
                                             : RunDirectory(config.out, world.rank());
    try {
        if (world.is_root()) directory.log().info("{}", memory_need_text(memory));
        return train_in(directory, config, std::move(checkpoint), options, globals, world, trainer, observers, meter);
    } catch (const std::exception& error) {
        directory.record_error(error.what());
        if (directory.writes()) report::try_report(directory);
        throw;
    }
}

/// keel train and keel distill, which does the same and wants teachers.
Run add_training(CLI::App& app, const Globals& globals, bool distilling) {
    const auto options = std::make_shared<TrainArguments>();
    options->distilling = distilling;
    add_train_options(app);
    add_text(app, "--resume", options->resume, "auto|FILE",
             "Go on with the run in --out: auto (its newest checkpoint that verifies, or from the start) or a "
             "checkpoint file");
    add_flag(app, "--force", options->force,
             "Replace a run that is in --out already; with --resume: go on though options that matter have changed");
    add_number(app, "--max-memory", options->max_memory, at_least(0),
               "GB that the run's processes on a node may take; a run that needs more is refused; 0: what is free");
    add_flag(app, "--force-memory", options->force_memory, "Begin though the run needs more memory than is free");
    add_number(app, "--start-limit", options->guard.start, from_to(0, 86400),
               "Several ranks: seconds within which all must have started; 0: no limit");
    add_number(app, "--heartbeat", options->guard.silence, from_to(0, 3600),
               "Several ranks: seconds without a sign of life after which a rank is given up; 0: no heartbeats");
    add_number(
        app, "--deadline", options->guard.deadline, above(0),
        "Several ranks: seconds after which a rank that does not come to what all ranks do together is given up");
    add_flag(app, "--oversubscribe", options->oversubscribe, "Several ranks: more threads on a node than it has cores");
    return [&app, options, &globals] {
        catch_stop_signals();
        return guarded(options->guard, [&](World& world) { return run(app, *options, globals, world); });
    };
}

}  // namespace

Run add_train(CLI::App& app, const Globals& globals) { return add_training(app, globals, false); }
Run add_distill(CLI::App& app, const Globals& globals) { return add_training(app, globals, true); }

}  // namespace keel::cli
