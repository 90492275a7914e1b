#include "train/step_timing.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "distributed/collectives/gradient_buckets.h"
#include "distributed/collectives/self_test.h"
#include "embed/loaded_model.h"
#include "embed/predictor.h"
#include "engine/quantile.h"
#include "graph/build/trace.h"
#include "graph/quantize/quantize.h"
#include "kernels/parallel.h"
#include "models/random_training.h"
#include "train/data_parallel.h"

namespace keel {
namespace {

StepTiming timed(const StepTimingOptions& o, const std::function<void()>& step) {
    StepTiming timing;
    timing.precision = name(precision_of(o.precision));
    std::int64_t stolen = 0;
    double all = 0;
    for (int i = 0; i < o.warmup + o.steps; ++i) {
        if (i == o.warmup) stolen = stolen_ns();
        if (i == o.warmup && o.record) profile::start();
        const auto start = std::chrono::steady_clock::now();
        {
            const profile::Layer outside("");
            step();
        }
        const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (i >= o.warmup) {
            timing.seconds.push_back(elapsed);
            all += elapsed;
        }
        if (o.on_step) o.on_step(i + 1, elapsed);
    }
    if (stolen >= 0 && all > 0)
        timing.stolen = 1e-9 * static_cast<double>(stolen_ns() - stolen) / (all * running_threads());
    if (profile::recording()) timing.recording = profile::stop();
    return timing;
}

constexpr int kOverlapTrials = 10;

StepTiming train(const StepTimingOptions& o, World& world) {
    if (!o.checkpoint.empty()) load_model(o.checkpoint);  // says of a quantized model that it has no layers to train
    RandomTraining training(o.model, o.options, o.batch, o.image_size, o.seed, precision_of(o.precision));
    if (world.is_single()) return timed(o, [&] { training.step(); });
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
    StepTiming timing = timed(o, step);
    const auto steps = static_cast<std::ptrdiff_t>(timing.seconds.size());
    timing.exposed.assign(exposed.end() - steps, exposed.end());
    timing.sums.assign(sums.end() - steps, sums.end());
    timing.processor.assign(processor.end() - steps, processor.end());
    return timing;
}

/// What is timed.
LoadedGraph graph_of(const StepTimingOptions& o) {
    if (o.opened && o.opened->state) return load_graph(*o.opened->state, o.checkpoint);
    if (!o.checkpoint.empty()) return load_graph(o.checkpoint);
    const auto module = make_model(o.model, o.options, o.seed);
    return {{.name = o.model, .options = o.options, .image_size = o.image_size},
            graph::trace(*module, o.image_size, o.image_size, o.options.channels)};
}

Tensor images_of(const ModelSpec& spec, std::int64_t n, std::uint64_t seed) {
    return random_images(n, spec.image_size, spec.options.channels, seed);
}

StepTiming infer(const StepTimingOptions& o, LoadedGraph model) {
    const Tensor images = images_of(model.spec, o.batch, o.seed);
    const Predictor predictor(std::move(model.spec), std::move(model.graph), o.batch, precision_of(o.precision));
    StepTiming timing = timed(o, [&] { predictor.logits(images); });
    const Runtime& runtime = predictor.runtime();
    timing.precision = name(runtime.precision());
    timing.in_f32 = runtime.in_f32();
    if (!runtime.refusal().empty()) timing.notes.push_back("it runs in f32, not in bf16: " + runtime.refusal());
    return timing;
}

/// Quantized, where it is not, by a few random images, as speed does not ask what the codes stand for.
StepTiming int8(const StepTimingOptions& o, LoadedGraph model) {
    if (std::ranges::none_of(model.graph.buffers, &graph::Buffer::quantized)) {
        const std::vector<Tensor> batches{images_of(model.spec, 2, o.seed + 1), images_of(model.spec, 2, o.seed + 2)};
        model.graph = quantize(model.graph, batches, {.method = RangeMethod::minmax, .keep_below = 0}).graph;
    }
    return infer(o, std::move(model));
}

}  // namespace

void take_checkpoint(StepTimingOptions& o) {
    if (o.checkpoint.empty()) return;
    o.opened = open_model(o.checkpoint);
    const ModelSpec& spec = o.opened->spec;
    o.model = spec.name;
    o.options = spec.options;
    o.image_size = spec.image_size;
}

StepTiming time_steps(const StepTimingOptions& o, World& world) {
    if (o.mode == "train") return train(o, world);
    if (!world.is_single()) world.barrier();
    if (o.mode == "infer") return infer(o, graph_of(o));
    if (o.mode != "int8") throw UsageError("[bench] wanted the mode train, infer or int8, not " + o.mode);
    if (o.precision == "bf16") throw UsageError("[bench] --precision bf16 does not go with --mode int8");
    return int8(o, graph_of(o));
}

StepSpeed speed_of(const StepTiming& timing, std::int64_t batch, World& world) {
    const auto middle = [](const std::vector<double>& seconds) { return seconds.empty() ? 0 : median(seconds); };
    const double step = middle(timing.seconds);
    const double mean = std::accumulate(timing.seconds.begin(), timing.seconds.end(), 0.0) /
                        static_cast<double>(std::ssize(timing.seconds));
    StepSpeed all{};
    for (const StepSpeed& rank :
         world.gather(StepSpeed{static_cast<double>(batch) / step, step, *std::ranges::min_element(timing.seconds),
                                quantile(timing.seconds, 0.99), mean, middle(timing.exposed), middle(timing.sums),
                                middle(timing.processor), timing.stolen}))
        all = {all.images_per_second + rank.images_per_second,
               std::max(all.median, rank.median),
               std::max(all.least, rank.least),
               std::max(all.late, rank.late),
               std::max(all.mean, rank.mean),
               std::max(all.exposed, rank.exposed),
               std::max(all.sums, rank.sums),
               std::max(all.processor, rank.processor),
               std::max(all.stolen, rank.stolen)};
    return all;
}

}  // namespace keel
