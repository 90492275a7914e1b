// keel bench: the speed of a model on random images.
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <iostream>
#include <limits>

#include "cli/app.h"
#include "cli/cluster/rank_cores.h"
#include "cli/options.h"
#include "cli/output.h"
#include "distributed/mpi/launched.h"
#include "engine/files.h"
#include "engine/precision.h"
#include "engine/profile_summary.h"
#include "runs/modelled_speed_text.h"
#include "runs/step_timing_text.h"
#include "runs/terminal/progress.h"
#include "train/step_timing.h"
#include "train/train_config.h"

namespace keel::cli {
namespace {

struct BenchArguments {
    StepTimingOptions timing;
    bool profile = false;
    std::string trace, model_of;  // empty: none
    bool oversubscribe = false;
};

int run(BenchArguments o, const Globals& globals, World& world) {
    take_checkpoint(o.timing);
    o.timing.seed = globals.seed.value_or(0);
    o.timing.record = o.profile || !o.trace.empty();
    const bool quiet = globals.quiet || !world.is_root();
    if (!world.is_single())
        for (const std::string& note : take_cores(world, {globals.threads, o.oversubscribe, globals.bind}))
            if (world.is_root()) spdlog::warn("{}", note);
    const StepTimingOptions& t = o.timing;
    if (const std::string slow = imitation_warning(precision_of(t.precision)); !slow.empty() && world.is_root())
        spdlog::warn("--precision bf16: {}", slow);
    Progress progress(std::cerr, "bench", stderr_progress(quiet));
    o.timing.on_step = [&](int done, double seconds) {
        progress.update(done, t.warmup + t.steps, std::numeric_limits<double>::quiet_NaN(),
                        static_cast<double>(t.batch) / seconds);
    };
    if (!o.model_of.empty()) {
        const Json figures = modelled_json(model_speed({t, o.model_of, globals.threads}, world), t);
        progress.finish();
        print_result(globals, figures, modelled_text(figures, o.profile));
        return kSuccess;
    }
    const StepTiming timing = time_steps(t, world);
    progress.finish();
    for (const std::string& note : timing.notes)
        if (world.is_root()) spdlog::warn("{}", note);
    const TimingReport report = timing_report(t, timing, world, o.profile);
    std::vector<std::string> traces;
    if (!o.trace.empty()) traces = world.gather_texts(profile::chrome_trace(timing.recording));
    if (!world.is_root()) return kSuccess;
    if (!o.trace.empty())
        write_file_atomically(o.trace, world.is_single() ? traces[0] : profile::joined_traces(traces));
    print_result(globals, report.figures, report.text);
    return kSuccess;
}

}  // namespace

Run add_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<BenchArguments>();
    add_text(app, "--model", o->timing.model, "NAME", "A model of keel models");
    add_text(app, "--checkpoint", o->timing.checkpoint, "FILE",
             "The model of a file, with its options and size of images: checkpoint, quantized model, weights");
    add_choice(app, "--mode", o->timing.mode, {"train", "infer", "int8"},
               "train: forward, backward and SGD; infer: forward; int8: forward of the quantized model");
    add_choice(app, "--precision", o->timing.precision, kPrecisions,
               "What maps hold; auto: bf16 where the processor multiplies it, else f32");
    add_number(app, "--batch", o->timing.batch, from_to(1, 4096), "Images a step");
    add_number(app, "--image-size", o->timing.image_size, from_to(28, 4096), "Side of the images, pixels");
    add_number(app, "--steps", o->timing.steps, from_to(1, 100000), "Steps timed");
    add_number(app, "--warmup", o->timing.warmup, from_to(0, 1000), "Steps before, not timed");
    add_number(app, "--channels", o->timing.options.channels, from_to(1, 1024), "Channels of the images");
    add_number(app, "--classes", o->timing.options.classes, from_to(1, 1'000'000), "Outputs of the classifier");
    add_flag(app, "--profile", o->profile,
             "Show where the time goes: by kind of work and by layer, forward and backward");
    add_text(app, "--model-of", o->model_of, "NODE",
             "A model, no measurement, of the time on sapphire_rapids, cooper_lake, ice_lake, cascade_lake, zen4, zen3 "
             "with --threads (all cores); this: on this machine, beside what is measured; --profile adds layers");
    add_text(app, "--trace", o->trace, "FILE.json", "Write the steps as a trace for chrome://tracing or Perfetto");
    add_choice(app, "--allreduce", o->timing.allreduce, kAllreduces,
               "Several ranks: how gradients are summed; auto: by measured costs");
    add_choice(app, "--wire", o->timing.wire, kWires, "Several ranks: what gradients travel as");
    add_choice(app, "--overlap", o->timing.overlap, kOverlaps,
               "Several ranks: gradients are summed while backward goes on; auto: where that is faster");
    add_number(app, "--bucket-mb", o->timing.bucket_mb, {0, 1024, true, false},
               "Several ranks: gradients that go out together, MB");
    add_flag(app, "--oversubscribe", o->oversubscribe, "Several ranks: more threads on a node than it has cores");
    add_flag(app, "--small-stem", o->timing.options.small_stem, "First convolution 3x3 with stride 1, no max-pool");
    return [o, &globals] { return with_launched_ranks([&](World& world) { return run(*o, globals, world); }); };
}

}  // namespace keel::cli
