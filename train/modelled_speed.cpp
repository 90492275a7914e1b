#include "train/modelled_speed.h"

#include <algorithm>

#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel {
namespace {

constexpr std::int64_t kFewer = 12, kMost = 16;  // from here on every 3x3 convolution of the models runs the same way

StepTiming timed(StepTimingOptions options, std::int64_t batch, World& world) {
    options.batch = batch;
    return time_steps(options, world);
}

}  // namespace

ModelledSpeed model_speed(const SpeedQuestion& question, World& world) {
    if (!world.is_single()) throw UsageError("[bench] --model-of wants one rank, got several");
    ModelledSpeed result;
    result.node = speed::node_named(question.node);
    const bool here = question.node == "this";
    const bool has_bf16 = result.node.rates.bf16 > 0 || result.node.rates.bf16_tiles > 0;
    StepTimingOptions options = question.timing;
    options.record = true;
    if (!here) {
        options.steps = options.warmup = 1;
        options.on_step = {};
        if (options.precision == "auto") options.precision = has_bf16 && options.mode != "int8" ? "bf16" : "f32";
    }
    const std::int64_t cores = result.node.cores, threads = here                   ? thread_count()
                                                            : question.threads > 0 ? question.threads
                                                                                   : cores;
    const ThreadScope scope(here ? thread_count() : std::min(thread_count(), allowed_cores()));
    StepTiming timing = timed(options, here ? options.batch : std::min(options.batch, kMost), world);
    if (!here && options.batch > kMost)
        timing.recording =
            speed::drawn_to(timed(options, kFewer, world).recording, kFewer, timing.recording, kMost, options.batch);
    result.precision = options.mode == "int8" ? "int8" : timing.precision;
    result.options = {threads, options.mode == "train",
                      result.precision == "int8"   ? speed::Numbers::int8
                      : result.precision == "bf16" ? speed::Numbers::bf16
                                                   : speed::Numbers::f32};
    result.step = speed::model_step(timing.recording, options.steps, result.node, result.options);
    if (here) result.step_measured = *std::ranges::min_element(timing.seconds);
    return result;
}

}  // namespace keel
