// keel bench: the speed of a model on random images.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>

#include "cli/app.h"
#include "cli/cluster/rank_cores.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "distributed/collectives/gradient_buckets.h"
#include "distributed/collectives/self_test.h"
#include "distributed/mpi/launched.h"
#include "embed/predictor.h"
#include "engine/arena.h"
#include "engine/files.h"
#include "engine/median.h"
#include "engine/profile_summary.h"
#include "graph/build/trace.h"
#include "graph/quantize/quantize.h"
#include "kernels/cpu.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"
#include "models/random_training.h"
#include "runs/profile_text.h"
#include "train/data_parallel.h"

namespace keel::cli {
namespace {

struct Options {
    std::string model = "densenet121", mode = "train";
    std::int64_t batch = 16, image_size = 224;
    int steps = 10, warmup = 2;
    bool profile = false;
    std::string trace;  // empty: none
    ModelOptions options;
    std::string allreduce = "auto", wire = "f32", overlap = "auto";  // with several ranks
    double bucket_mb = 8;
    bool oversubscribe = false;
};

struct Timing {
    std::vector<double> seconds;   ///< of each step after the warm-up
    profile::Recording recording;  ///< of these steps, if it is wanted
    // Seconds of each step that waited for sums over ranks, that these took, and that their thread had a processor.
    std::vector<double> exposed, sums, processor;
};

Timing time_steps(const Options& o, bool quiet, const std::function<void()>& step) {
    Progress progress(std::cerr, "bench", stderr_progress(quiet));
    Timing timing;
    for (int i = 0; i < o.warmup + o.steps; ++i) {
        if (i == o.warmup && (o.profile || !o.trace.empty())) profile::start();
        const auto start = std::chrono::steady_clock::now();
        {
            const profile::Layer outside("");
            step();
        }
        const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (i >= o.warmup) timing.seconds.push_back(elapsed);
        progress.update(i + 1, o.warmup + o.steps, std::numeric_limits<double>::quiet_NaN(),
                        static_cast<double>(o.batch) / elapsed);
    }
    if (profile::recording()) timing.recording = profile::stop();
    return timing;
}

constexpr int kOverlapTrials = 10;

Timing train(const Options& o, std::uint64_t seed, bool quiet, World& world) {
    RandomTraining training(o.model, o.options, o.batch, o.image_size, seed);
    if (world.is_single()) return time_steps(o, quiet, [&] { training.step(); });
    CostModel costs;
    world.call([&](Communicator& communicator) { costs = measure_costs(communicator); });
    GradientBuckets buckets(world, training.parameters(), costs,
                            bucket_options(o.allreduce, o.wire, o.overlap, o.bucket_mb));
    std::vector<double> exposed, sums, processor;
    const auto step = [&] {
        training.step([&] { buckets.begin(); }, [&] { buckets.finish(); });
        exposed.push_back(buckets.exposed_seconds());
        sums.push_back(buckets.busy_seconds());
        processor.push_back(buckets.processor_seconds());
    };
    for (int i = 0; i < (o.overlap == "auto" ? kOverlapTrials : 1); ++i)
        step();  // until it is settled when gradients go out
    world.barrier();
    Timing timing = time_steps(o, quiet, step);
    const auto steps = static_cast<std::ptrdiff_t>(timing.seconds.size());
    timing.exposed.assign(exposed.end() - steps, exposed.end());
    timing.sums.assign(sums.end() - steps, sums.end());
    timing.processor.assign(processor.end() - steps, processor.end());
    return timing;
}

Timing infer(const Options& o, std::uint64_t seed, bool quiet) {
    const Predictor predictor({.name = o.model, .options = o.options, .image_size = o.image_size},
                              *make_model(o.model, o.options, seed), o.batch);
    const Tensor images = random_images(o.batch, o.image_size, o.options.channels, seed);
    return time_steps(o, quiet, [&] { predictor.logits(images); });
}

/// Quantized by a few random images, as speed does not ask what the codes stand for.
Timing int8(const Options& o, std::uint64_t seed, bool quiet) {
    const ModelSpec spec{.name = o.model, .options = o.options, .image_size = o.image_size};
    const auto images = [&](std::int64_t n, std::uint64_t of) {
        return random_images(n, o.image_size, o.options.channels, of);
    };
    const std::vector<Tensor> batches{images(2, seed + 1), images(2, seed + 2)};
    const graph::Graph floats =
        graph::trace(*make_model(o.model, o.options, seed), o.image_size, o.image_size, o.options.channels);
    const Predictor predictor(spec, quantize(floats, batches, {.method = RangeMethod::minmax, .keep_below = 0}).graph,
                              o.batch);
    const Tensor src = images(o.batch, seed);
    return time_steps(o, quiet, [&] { predictor.logits(src); });
}

/// The medians and least times of all ranks: images a second are the sum of what each does, the times those of the
/// slowest.
struct Speed {
    double images_per_second, median, least, exposed, sums, processor;
};
Speed speed_of(const Options& o, const Timing& timing, World& world) {
    const auto middle = [](const std::vector<double>& seconds) { return seconds.empty() ? 0 : median(seconds); };
    const double step = middle(timing.seconds);
    Speed all{};
    for (const Speed& rank :
         world.gather(Speed{static_cast<double>(o.batch) / step, step, *std::ranges::min_element(timing.seconds),
                            middle(timing.exposed), middle(timing.sums), middle(timing.processor)}))
        all = {all.images_per_second + rank.images_per_second,
               std::max(all.median, rank.median),
               std::max(all.least, rank.least),
               std::max(all.exposed, rank.exposed),
               std::max(all.sums, rank.sums),
               std::max(all.processor, rank.processor)};
    return all;
}

Json figures(const Options& o, const Speed& speed, int ranks) {
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

std::string text_of(const Options& o, const Json& figures) {
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

int run(const Options& o, const Globals& globals, World& world) {
    const std::uint64_t seed = globals.seed.value_or(0);
    const bool quiet = globals.quiet || !world.is_root();
    if (!world.is_single())
        for (const std::string& note : take_cores(world, globals.threads, o.oversubscribe))
            if (world.is_root()) spdlog::warn("{}", note);
    if (!world.is_single() && o.mode != "train") world.barrier();
    const Timing timing = o.mode == "train"   ? train(o, seed, quiet, world)
                          : o.mode == "infer" ? infer(o, seed, quiet)
                                              : int8(o, seed, quiet);
    Json result = figures(o, speed_of(o, timing, world), world.size());
    std::vector<std::string> traces;
    if (!o.trace.empty()) traces = world.gather_texts(profile::chrome_trace(timing.recording));
    if (!world.is_root()) return kSuccess;
    std::string text = text_of(o, result);
    if (!o.trace.empty())
        write_file_atomically(o.trace, world.is_single() ? traces[0] : profile::joined_traces(traces));
    if (o.profile) {
        const profile::Summary summary = profile::summarize(timing.recording);
        result["profile"] = profile_json(summary, o.steps);
        text += "\n" + profile_text(summary, o.steps);
    }
    print_result(globals, result, text);
    return kSuccess;
}

CLI::IsMember one_of(const Words& words) { return CLI::IsMember(std::vector<std::string>(words.begin(), words.end())); }

}  // namespace

Run add_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("--model", o->model, "A model of keel models")->capture_default_str()->type_name("NAME");
    app.add_option("--mode", o->mode,
                   "train: forward, backward and SGD; infer: forward; int8: forward of the quantized model")
        ->check(CLI::IsMember({"train", "infer", "int8"}))
        ->capture_default_str();
    add_number(app, "--batch", o->batch, from_to(1, 4096), "Images a step");
    add_number(app, "--image-size", o->image_size, from_to(28, 4096), "Side of the images, pixels");
    add_number(app, "--steps", o->steps, from_to(1, 100000), "Steps timed");
    add_number(app, "--warmup", o->warmup, from_to(0, 1000), "Steps before, not timed");
    add_number(app, "--channels", o->options.channels, from_to(1, 1024), "Channels of the images");
    add_number(app, "--classes", o->options.classes, from_to(1, 1'000'000), "Outputs of the classifier");
    app.add_flag("--profile", o->profile,
                 "Show where the time goes: by kind of work and by layer, forward and backward");
    app.add_option("--trace", o->trace, "Write the steps as a trace for chrome://tracing or Perfetto")
        ->type_name("FILE.json");
    app.add_option("--allreduce", o->allreduce, "Several ranks: how gradients are summed; auto: by measured costs")
        ->check(one_of(kAllreduces))
        ->capture_default_str();
    app.add_option("--wire", o->wire, "Several ranks: what gradients travel as")
        ->check(one_of(kWires))
        ->capture_default_str();
    app.add_option("--overlap", o->overlap,
                   "Several ranks: gradients are summed while backward goes on; auto: where that is faster")
        ->check(one_of(kOverlaps))
        ->capture_default_str();
    add_number(app, "--bucket-mb", o->bucket_mb, {0, 1024, true, false},
               "Several ranks: gradients that go out together, MB");
    app.add_flag("--oversubscribe", o->oversubscribe, "Several ranks: more threads on a node than it has cores");
    app.add_flag("--small-stem", o->options.small_stem, "First convolution 3x3 with stride 1, no max-pool");
    return [o, &globals] { return with_launched_ranks([&](World& world) { return run(*o, globals, world); }); };
}

}  // namespace keel::cli
