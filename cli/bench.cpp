// keel bench: the speed of a model on random images.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "engine/arena.h"
#include "engine/autograd.h"
#include "engine/draws.h"
#include "engine/ops.h"
#include "engine/optimizer.h"
#include "kernels/cpu.h"
#include "kernels/parallel.h"
#include "kernels/random.h"
#include "models/registry.h"

namespace keel::cli {
namespace {

struct Options {
    std::string model = "densenet121", mode = "train";
    std::int64_t batch = 16, image_size = 224;
    int steps = 10, warmup = 2;
    ModelOptions options;
};

Tensor random_images(const Options& o, std::uint64_t seed) {
    Tensor images = Tensor::empty({o.batch, o.image_size, o.image_size, o.options.channels});
    Random random(seed, Draw::bench);
    for (float& value : images.values<float>()) value = random.uniform(-1, 1);
    return images;
}

Tensor random_labels(const Options& o, std::uint64_t seed) {
    Tensor labels = Tensor::empty({o.batch}, DType::s32);
    Random random(seed, Draw::bench, 1);
    for (std::int32_t& label : labels.values<std::int32_t>())
        label = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(o.options.classes)));
    return labels;
}

/// Seconds of each step after the warm-up.
template <class Step>
std::vector<double> time_steps(const Options& o, bool quiet, Step&& step) {
    Progress progress(std::cerr, "bench", stderr_progress(quiet));
    std::vector<double> seconds;
    for (int i = 0; i < o.warmup + o.steps; ++i) {
        const auto start = std::chrono::steady_clock::now();
        step(i);
        const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (i >= o.warmup) seconds.push_back(elapsed);
        progress.update(i + 1, o.warmup + o.steps, std::numeric_limits<double>::quiet_NaN(),
                        static_cast<double>(o.batch) / elapsed);
    }
    return seconds;
}

std::vector<double> train(const Options& o, std::uint64_t seed, bool quiet) {
    const auto model = make_model(o.model, o.options, seed);
    Optimizer optimizer({{"all", model->parameters()}}, {.kind = OptimizerKind::sgd, .weight_decay = 1e-4, .momentum = 0.9});
    const Tensor images = random_images(o, seed), labels = random_labels(o, seed);
    const std::vector<std::int64_t> samples(static_cast<std::size_t>(o.batch));
    return time_steps(o, quiet, [&](int step) {
        const DrawScope draws(seed, static_cast<std::uint64_t>(step), samples);
        backward(cross_entropy((*model)(images), labels));
        optimizer.step(0.01);
        optimizer.zero_grad();
    });
}

std::vector<double> infer(const Options& o, std::uint64_t seed, bool quiet) {
    const auto model = make_model(o.model, o.options, seed);
    model->train(false);
    const Tensor images = random_images(o, seed);
    const NoGrad no_grad;
    return time_steps(o, quiet, [&](int) { (*model)(images); });
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

int run(const Options& o, const Globals& globals) {
    const std::uint64_t seed = globals.seed.value_or(0);
    const std::vector<double> seconds = o.mode == "train" ? train(o, seed, globals.quiet) : infer(o, seed, globals.quiet);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const ArenaStatistics arena = Arena::global().statistics();
    const double middle = median(seconds);
    const Json result{{"model", o.model},
                      {"mode", o.mode},
                      {"batch", o.batch},
                      {"image_size", o.image_size},
                      {"threads", thread_count()},
                      {"ranks", 1},
                      {"images_per_second", static_cast<double>(o.batch) / middle},
                      {"step_ms_median", 1e3 * middle},
                      {"step_ms_min", 1e3 * *std::ranges::min_element(seconds)},
                      {"peak_rss_mb", static_cast<double>(usage.ru_maxrss) * 1024 / 1e6},
                      {"arena_peak_mb", static_cast<double>(arena.peak) / 1e6},
                      {"arena_reserved_mb", static_cast<double>(arena.reserved) / 1e6},
                      {"isa", name(active_isa())},
                      {"onednn", kernels::convolution_library()}};
    print_result(
        globals, result,
        fmt::format("{} {} batch {} at {}: {:.2f} img/s, step {:.1f} ms (median of {}, best {:.1f}), {} threads, {}, "
                    "oneDNN {}, peak {:.0f} MB ({:.0f} of tensors)\n",
                    o.model, o.mode, o.batch, o.image_size, static_cast<double>(o.batch) / middle, 1e3 * middle, seconds.size(),
                    result["step_ms_min"].get<double>(), thread_count(), name(active_isa()), kernels::convolution_library(),
                    result["peak_rss_mb"].get<double>(), result["arena_peak_mb"].get<double>()));
    return kSuccess;
}

}  // namespace

Run add_bench(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    app.add_option("--model", o->model, "A model of keel models")->capture_default_str()->type_name("NAME");
    app.add_option("--mode", o->mode, "train: forward, backward and SGD; infer: forward")
        ->check(CLI::IsMember({"train", "infer"}))
        ->capture_default_str();
    add_number(app, "--batch", o->batch, from_to(1, 4096), "Images a step");
    add_number(app, "--image-size", o->image_size, from_to(28, 4096), "Side of the images, pixels");
    add_number(app, "--steps", o->steps, from_to(1, 100000), "Steps timed");
    add_number(app, "--warmup", o->warmup, from_to(0, 1000), "Steps before, not timed");
    add_number(app, "--channels", o->options.channels, from_to(1, 1024), "Channels of the images");
    add_number(app, "--classes", o->options.classes, from_to(1, 1'000'000), "Outputs of the classifier");
    app.add_flag("--small-stem", o->options.small_stem, "First convolution 3x3 with stride 1, no max-pool");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
