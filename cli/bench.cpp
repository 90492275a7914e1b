// keel bench: the speed of a model on random images.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <iostream>
#include <limits>

#include "cli/app.h"
#include "cli/cluster/rank_cores.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "distributed/mpi/launched.h"
#include "engine/arena.h"
#include "engine/files.h"
#include "engine/profile_summary.h"
#include "kernels/cpu.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"
#include "runs/profile_text.h"
#include "train/step_timing.h"
#include "train/train_config.h"

namespace keel::cli {
namespace {

struct Options {
    StepTimingOptions timing;
    bool profile = false;
    std::string trace;  // empty: none
    bool oversubscribe = false;
};

Json figures(const StepTimingOptions& o, const StepSpeed& speed, int ranks) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const ArenaStatistics arena = Arena::global().statistics();
    Json result{{"model", o.model},
                {"mode", o.mode},
                {"batch", o.batch},
                {"image_size", o.image_size},
                {"threads", thread_count()},
                {"ranks", ranks},
                {"images_per_second", speed.images_per_second},
                {"step_ms_median", 1e3 * speed.median},
                {"step_ms_min", 1e3 * speed.least},
                {"peak_rss_mb", static_cast<double>(usage.ru_maxrss) * 1024 / 1e6},
                {"arena_peak_mb", static_cast<double>(arena.peak) / 1e6},
                {"arena_reserved_mb", static_cast<double>(arena.reserved) / 1e6},
                {"isa", active_isa().name},
                {"onednn", kernels::convolution_library()}};
    if (ranks > 1 && o.mode == "train") {
        result["exposed_ms"] = 1e3 * speed.exposed;
        result["sums_ms"] = 1e3 * speed.sums;
        result["sums_processor_ms"] = 1e3 * speed.processor;
    }
    return result;
}

std::string text_of(const StepTimingOptions& o, const Json& figures) {
    const int ranks = figures["ranks"].get<int>();
    const auto number = [&](const char* key) { return figures[key].get<double>(); };
    return fmt::format(
        "{} {} batch {} at {}: {:.2f} img/s, step {:.1f} ms (median of {}, best {:.1f}), {} threads{}, {}, "
        "oneDNN {}, peak {:.0f} MB ({:.0f} of tensors){}\n",
        o.model, o.mode, o.batch, o.image_size, number("images_per_second"), number("step_ms_median"), o.steps,
        number("step_ms_min"), thread_count(), ranks > 1 ? fmt::format(" on each of {} ranks", ranks) : "",
        active_isa().name, kernels::convolution_library(), number("peak_rss_mb"), number("arena_peak_mb"),
        figures.contains("sums_ms")
            ? fmt::format("; sums over ranks {:.1f} ms, {:.1f} of them waited for, {:.1f} with a processor",
                          number("sums_ms"), number("exposed_ms"), number("sums_processor_ms"))
            : "");
}

int run(Options o, const Globals& globals, World& world) {
    o.timing.seed = globals.seed.value_or(0);
    o.timing.record = o.profile || !o.trace.empty();
    const bool quiet = globals.quiet || !world.is_root();
    if (!world.is_single())
        for (const std::string& note : take_cores(world, globals.threads, o.oversubscribe))
            if (world.is_root()) spdlog::warn("{}", note);
    const StepTimingOptions& t = o.timing;
    Progress progress(std::cerr, "bench", stderr_progress(quiet));
    o.timing.on_step = [&](int done, double seconds) {
        progress.update(done, t.warmup + t.steps, std::numeric_limits<double>::quiet_NaN(),
                        static_cast<double>(t.batch) / seconds);
    };
    const StepTiming timing = time_steps(t, world);
    progress.finish();
    Json result = figures(t, speed_of(timing, t.batch, world), world.size());
    std::vector<std::string> traces;
    if (!o.trace.empty()) traces = world.gather_texts(profile::chrome_trace(timing.recording));
    if (!world.is_root()) return kSuccess;
    std::string text = text_of(t, result);
    if (!o.trace.empty())
        write_file_atomically(o.trace, world.is_single() ? traces[0] : profile::joined_traces(traces));
    if (o.profile) {
        const profile::Summary summary = profile::summarize(timing.recording);
        result["profile"] = profile_json(summary, t.steps);
        text += "\n" + profile_text(summary, t.steps);
    }
    print_result(globals, result, text);
    return kSuccess;
}

}  // namespace

Run add_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    add_text(app, "--model", o->timing.model, "NAME", "A model of keel models");
    add_choice(app, "--mode", o->timing.mode, {"train", "infer", "int8"},
               "train: forward, backward and SGD; infer: forward; int8: forward of the quantized model");
    add_number(app, "--batch", o->timing.batch, from_to(1, 4096), "Images a step");
    add_number(app, "--image-size", o->timing.image_size, from_to(28, 4096), "Side of the images, pixels");
    add_number(app, "--steps", o->timing.steps, from_to(1, 100000), "Steps timed");
    add_number(app, "--warmup", o->timing.warmup, from_to(0, 1000), "Steps before, not timed");
    add_number(app, "--channels", o->timing.options.channels, from_to(1, 1024), "Channels of the images");
    add_number(app, "--classes", o->timing.options.classes, from_to(1, 1'000'000), "Outputs of the classifier");
    add_flag(app, "--profile", o->profile,
             "Show where the time goes: by kind of work and by layer, forward and backward");
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
