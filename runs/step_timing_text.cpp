#include "runs/step_timing_text.h"

#include <fmt/format.h>

#include "engine/arena.h"
#include "engine/machine_memory.h"
#include "engine/precision.h"
#include "kernels/cpu.h"
#include "kernels/onednn/library.h"
#include "kernels/parallel.h"
#include "runs/profile_text.h"

namespace keel {
namespace {

/// What others take of a quiet machine is less.
constexpr double kTold = 0.01;

}  // namespace

Json timing_json(const StepTimingOptions& o, const StepSpeed& speed, int ranks) {
    const ArenaStatistics arena = Arena::global().statistics();
    Json result{{"model", o.model},
                {"mode", o.mode},
                {"precision", o.mode == "int8" ? "int8" : name(precision_of(o.precision))},
                {"batch", o.batch},
                {"image_size", o.image_size},
                {"threads", thread_count()},
                {"ranks", ranks},
                {"images_per_second", speed.images_per_second},
                {"step_ms_median", 1e3 * speed.median},
                {"step_ms_min", 1e3 * speed.least},
                {"step_ms_p99", 1e3 * speed.late},
                {"step_ms_mean", 1e3 * speed.mean},
                {"peak_rss_mb", 1e-6 * static_cast<double>(read_own_memory().peak)},
                {"arena_peak_mb", static_cast<double>(arena.peak) / 1e6},
                {"arena_reserved_mb", static_cast<double>(arena.reserved) / 1e6},
                {"isa", active_isa().name},
                {"onednn", kernels::convolution_library()}};
    if (speed.stolen >= 0) result["stolen"] = speed.stolen;
    if (ranks > 1 && o.mode == "train") {
        result["exposed_ms"] = 1e3 * speed.exposed;
        result["sums_ms"] = 1e3 * speed.sums;
        result["sums_processor_ms"] = 1e3 * speed.processor;
    }
    return result;
}

std::string timing_text(const StepTimingOptions& o, const Json& figures) {
    const int ranks = figures["ranks"].get<int>();
    const auto number = [&](const char* key) { return figures[key].get<double>(); };
    return fmt::format(
        "{} {}{} batch {} at {}: {:.2f} img/s, step {:.1f} ms (median of {}, best {:.1f}), {} threads{}, {}, "
        "oneDNN {}, peak {:.0f} MB ({:.0f} of tensors){}{}\n",
        o.model, o.mode, figures["precision"] == "bf16" ? " in bf16" : "", o.batch, o.image_size,
        number("images_per_second"), number("step_ms_median"), o.steps, number("step_ms_min"), thread_count(),
        ranks > 1 ? fmt::format(" on each of {} ranks", ranks) : "", active_isa().name, kernels::convolution_library(),
        number("peak_rss_mb"), number("arena_peak_mb"),
        figures.contains("sums_ms")
            ? fmt::format("; sums over ranks {:.1f} ms, {:.1f} of them waited for, {:.1f} with a processor",
                          number("sums_ms"), number("exposed_ms"), number("sums_processor_ms"))
            : "",
        figures.contains("stolen") && number("stolen") > kTold
            ? fmt::format("; others had its processors for {:.0f} % of the threads' time", 100 * number("stolen"))
            : "");
}

TimingReport timing_report(StepTimingOptions options, const StepTiming& timing, World& world, bool with_profile) {
    options.precision = timing.precision;
    TimingReport report{timing_json(options, speed_of(timing, options.batch, world), world.size()), {}};
    if (!timing.in_f32.empty()) report.figures["in_f32"] = timing.in_f32;
    report.text = timing_text(options, report.figures);
    if (!with_profile) return report;
    const profile::Summary summary = profile::summarize(timing.recording);
    report.figures["profile"] = profile_json(summary, options.steps);
    if (!timing.in_f32.empty()) report.text += fmt::format("in f32: {}\n", fmt::join(timing.in_f32, ", "));
    report.text += "\n" + profile_text(summary, options.steps);
    return report;
}

}  // namespace keel
